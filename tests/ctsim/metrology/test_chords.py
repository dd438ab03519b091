"""Chords of many solids at once, against those of each by itself."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.backends import mesh
from ctsim.geometry import Geometry
from ctsim.metrology.chords import chords_mm
from ctsim.metrology.contrast import cropped
from ctsim.metrology.size import mesh_of
from ctsim.metrology.volume_noise import chosen
from tests.ctsim.shapes import triangles_of

VIEWS, ROWS, COLUMNS = 5, 9, 11
ALL = Geometry(
    source_mm=np.array([[-300.0 * np.cos(a), 300.0 * np.sin(a), 0.0] for a in np.arange(VIEWS)]),
    centre_mm=np.array([[300.0 * np.cos(a), -300.0 * np.sin(a), 0.0] for a in np.arange(VIEWS)]),
    u_mm=np.array([[-np.sin(a), -np.cos(a), 0.0] for a in np.arange(VIEWS)]),
    v_mm=np.tile([0.0, 0.0, -1.0], (VIEWS, 1)),
    rows=40,
    columns=50,
)
SOLIDS = [
    Manifold.sphere(2.0, 32),
    Manifold.cube((2, 3, 4), True).rotate((10, 20, 30)).translate((1, -2, 3)),
    Manifold.cylinder(3, 1, 0.2, 24, True).translate((-2, 1, -1)),
]


def windows() -> Geometry:
    rng = np.random.default_rng(0)
    corners = np.array([15, 19]) + rng.integers(-4, 5, (len(SOLIDS) * VIEWS, 2))
    return cropped(chosen(ALL, np.tile(np.arange(VIEWS), len(SOLIDS))), corners, ROWS, COLUMNS)


def test_chords_are_those_of_each_solid_by_itself():
    found = chords_mm([mesh_of(solid) for solid in SOLIDS], windows())
    assert found.shape == (len(SOLIDS), VIEWS, ROWS, COLUMNS)
    for i, solid in enumerate(SOLIDS):
        own = windows().some(slice(i * VIEWS, (i + 1) * VIEWS))
        alone = [lengths[:, 0].copy() for _, lengths in mesh.path_lengths(triangles_of(solid), own, 1)]
        np.testing.assert_array_equal(found[i], np.concatenate(alone))
        assert found[i].any()


def test_the_chord_through_the_middle_of_a_block_is_its_length():
    block = Manifold.cube((7, 3, 3), True)
    middle = cropped(chosen(ALL, np.array([0])), np.array([[20, 25]]), 1, 1)
    ray = middle.corner_ray_mm[0] + (middle.u_mm[0] + middle.v_mm[0]) / 2
    wanted = 7 * np.linalg.norm(ray) / ray[0]
    assert chords_mm([mesh_of(block)], middle)[0, 0, 0, 0] == pytest.approx(wanted, rel=1e-6)


def test_an_open_surface_is_refused():
    points, faces = mesh_of(SOLIDS[0])
    with pytest.raises(mesh.OpenSurface):
        chords_mm([(points, faces[20:])], chosen(ALL, np.array([0])))
