"""Volumes by iteration, against the objects they came from."""

from functools import partial

import numba
import numpy as np
import pytest
from manifold3d import Manifold
from scipy.spatial.transform import Rotation

from ctsim.geometry import Grid
from ctsim.materials import mu_per_mm
from ctsim.operators.projector import project
from ctsim.pipeline import make_sample, volume_of
from ctsim.reconstruct.fdk import fdk
from ctsim.reconstruct.iterate import cgls, cgls_steps, sirt
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.scene import SceneSpec, VolumeSpec
from scenes.spec import read_dataset_spec
from tests.ctsim import small
from tests.ctsim.shapes import letter_f, share_of
from tests.ctsim.voxel_rays import anyhow, means, rms, round_about, turned

GRID = Grid(shape=(24, 24, 24), voxel_mm=2.0)

ORBITS = {
    "circular": lambda: round_about(views=40),
    "helical": lambda: round_about(views=40, rise_mm=30.0),
    "laminography": lambda: turned(round_about(views=40), Rotation.from_euler("x", 30, degrees=True)),
    "anyhow": lambda: anyhow(views=30),
}
"""Name -> enough views of the 48 mm of the grid."""

orbits = pytest.mark.parametrize("orbit", ORBITS.values(), ids=ORBITS)


@orbits
def test_cgls_finds_the_volume_that_was_projected_and_its_residual_only_falls(orbit):
    geometry, truth = orbit(), 0.05 * share_of(letter_f(), GRID)
    residuals, errors = [], []
    for volume, residual in cgls_steps(project(truth, geometry, GRID), geometry, GRID, 40):
        residuals.append(residual)
        errors.append(rms(volume - truth) / rms(truth))
    assert (np.diff([1.0, *residuals]) < 0).all()
    assert (np.diff([1.0, *errors]) < 0).all()  # as in exact arithmetic: Hestenes and Stiefel, theorem 6:3
    assert residuals[-1] < 4e-3
    assert errors[-1] < 0.08


@orbits
def test_a_ball_seen_by_the_mesh_backend_comes_back_with_its_value(orbit):
    geometry = orbit()
    image = 0.05 * means(Manifold.sphere(12.0, 96).translate((4.0, -3.0, 5.0)), geometry)
    z, y, x = (GRID.centres_mm(axis) for axis in range(3))
    radius = np.sqrt((x - 4) ** 2 + (y[:, None] + 3) ** 2 + (z[:, None, None] - 5) ** 2)
    for method, iterations in ((cgls, 20), (sirt, 40)):
        volume = method(image, geometry, GRID, iterations)
        assert volume[radius < 9].mean() == pytest.approx(0.05, rel=0.01)
        assert abs(volume[(radius > 15) & (radius < 20)].mean()) < 1e-4
        centre = [(volume * axis).sum() / volume.sum() for axis in (x, y[:, None], z[:, None, None])]
        np.testing.assert_allclose(centre, [4, -3, 5], atol=0.1)  # a twentieth of a voxel


def test_what_must_not_be_negative_helps_where_views_are_missing():
    """A quarter of a turn: nothing tells the depth but that there is no less than nothing."""
    geometry, truth = round_about(views=160).some(slice(0, 40)), 0.05 * share_of(letter_f(), GRID)
    image = project(truth, geometry, GRID)
    free, held = cgls(image, geometry, GRID, 40), sirt(image, geometry, GRID, 40)
    assert held.min() >= 0 > free.min()
    assert rms(held - truth) < 0.7 * rms(free - truth)
    assert sirt(image, geometry, GRID, 10, non_negative=False).min() < 0


def test_the_bits_do_not_depend_on_the_threads():
    geometry = anyhow(views=8)
    image = np.random.default_rng(0).normal(size=(8, geometry.rows, geometry.columns)).astype(np.float32)
    threads, volumes = numba.get_num_threads(), []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            volumes.append((cgls(image, geometry, GRID, 3), sirt(image, geometry, GRID, 3)))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(volumes[0], volumes[1])
    assert volumes[0][0].dtype == np.float32


def test_nothing_measured_leaves_nothing():
    geometry = anyhow(views=2)
    image = np.zeros((2, geometry.rows, geometry.columns), np.float32)
    for method in (cgls, sirt):
        np.testing.assert_array_equal(method(image, geometry, GRID, 3), 0)


def test_the_pipeline_takes_the_method_that_the_scene_names():
    geometry = round_about(views=8, pixels=16, pixel_mm=5.0)
    image = means(letter_f(), geometry).astype(np.float32)
    for name, method in (("cgls", cgls), ("sirt", sirt)):
        spec = VolumeSpec(shape=GRID.shape, voxel_mm=GRID.voxel_mm, method=name, iterations=4)
        np.testing.assert_array_equal(volume_of(image, geometry, spec), method(image, geometry, GRID, 4))
    spec = VolumeSpec(shape=GRID.shape, voxel_mm=GRID.voxel_mm)
    np.testing.assert_array_equal(volume_of(image, geometry, spec), fdk(image, geometry, GRID))


@pytest.mark.parametrize(
    ("trajectory", "tolerance"),
    # tilted rays never run across the axis: what is missing there is not quite made up for by so few voxels
    [({"range_deg": 720, "pitch_mm": 20}, 0.01), ({"tilt_deg": 30}, 0.03)],
    ids=["helix", "laminography"],
)
def test_a_dataset_on_any_path_comes_back_with_the_value_of_its_material(trajectory, tolerance, tmp_path):
    """From YAML to the volume: a cube of aluminium in a beam of one energy, all of which the detector takes."""
    spec = small.changed(("volume",), {"voxels": 24, "method": "cgls", "iterations": 25})
    spec["scan"] |= {"trajectory": trajectory, "spectrum": [[80.0, 1e9]], "rays_per_pixel": 3, "views": 48}
    del spec["scan"]["tube_kv"], spec["defects"]
    spec["scan"]["detector"] |= {"scintillator": None}
    load = partial(load_part, folder=tmp_path)
    scene = SceneSpec.from_json(sample(read_dataset_spec(small.write(tmp_path, spec)), 0, load).to_json())
    assert (scene.volume.method, scene.volume.iterations) == ("cgls", 25)
    volume = make_sample(scene, load_parts(scene, tmp_path), ("air", "Al")).volume
    assert volume.dtype == np.float32
    assert volume[8:-8, 8:-8, 8:-8].mean() == pytest.approx(mu_per_mm("Al", (80.0,))[0], rel=tolerance)
