"""Voxels summed over views: both kernels against plain NumPy."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from ctsim.geometry import Geometry, Grid, circular
from ctsim.reconstruct.backproject import SIDE, add_views, seen, upright, voxel_matrices
from ctsim.reconstruct.lanes import REACH

GRID = Grid(shape=(27, 24, 37), voxel_mm=0.9)  # part of it beside the picture


def scanner(pixel_mm=1.0, views=19) -> Geometry:
    return circular(
        source_object_mm=300.0, source_detector_mm=600.0, rows=40, columns=56, pixel_mm=pixel_mm,
        angles_deg=np.arange(views) * 360 / views,
    )  # fmt: skip


def pictures_of(g: Geometry, lead=0) -> np.ndarray:
    pictures = np.zeros((g.views, g.columns + lead + 2 * SIDE, g.rows + 2 * REACH), np.float32)
    inner = pictures[:, SIDE + lead : -SIDE, REACH:-REACH]
    inner[:] = np.random.default_rng(0).normal(size=inner.shape)
    return pictures


def plain(g: Geometry, pictures: np.ndarray, weights: np.ndarray, lead=0) -> np.ndarray:
    """Return the sum by its definition: project each voxel's centre, look between four pixels, divide by depth^2."""
    z, y, x = np.meshgrid(*(GRID.centres_mm(axis) for axis in range(3)), indexing="ij")
    volume = np.zeros(GRID.shape)
    for p, picture, share in zip(g.projection, pictures, weights, strict=True):
        a, b, w = np.einsum("ij,j...->i...", p, np.stack([x, y, z, np.ones_like(x)]))
        places = a / w - 0.5 + lead + SIDE, b / w - 0.5 + REACH
        volume += share[:, None, None] * map_coordinates(picture, places, order=1) / w**2
    return volume


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("lead", [0, 5])
def test_both_kernels_are_the_definition(sign, lead):
    g = scanner()
    g = Geometry(
        source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=g.u_mm, v_mm=sign * g.v_mm, rows=g.rows, columns=g.columns
    )
    pictures, matrices, ones = pictures_of(g, lead), voxel_matrices(g.projection, GRID, lead), np.ones((1, g.views))
    wanted = plain(g, pictures, np.ones((g.views, len(GRID.centres_mm(0)))), lead)
    assert upright(g.projection, GRID)
    for lines in (True, False):
        volume = np.ones(GRID.shape, np.float32)
        add_views(pictures, matrices, ones, lines, volume)
        # positions in float32 are right to 1e-5 pixel, on noise that changes by 1 from pixel to pixel
        np.testing.assert_allclose(volume - 1, wanted, atol=2e-3)
        assert np.sqrt(np.mean((volume - 1 - wanted) ** 2)) < 3e-5 * np.sqrt(np.mean(wanted**2))


def test_weights_by_height_fade_views_in_and_out():
    g = scanner()
    weights = np.random.default_rng(1).uniform(size=(GRID.shape[0], g.views))
    weights[:4], weights[-3:] = 0, 0
    weights[:, 3] = 0
    weights[:9, 5] = weights[15:, 5] = 0
    pictures = pictures_of(g)
    wanted = plain(g, pictures, weights.T)
    for lines in (True, False):
        volume = np.zeros(GRID.shape, np.float32)
        add_views(pictures, voxel_matrices(g.projection, GRID, 0), weights, lines, volume)
        np.testing.assert_allclose(volume, wanted, atol=2e-3)
        assert not volume[:4].any()
        assert not volume[-3:].any()


def test_the_body_as_plain_python_is_the_compiled_kernel():
    """The function that a card's compiler takes too, run as it stands."""
    g = scanner(views=5)
    pictures, matrices = pictures_of(g), voxel_matrices(g.projection, GRID, 0)
    volume = np.zeros(GRID.shape, np.float32)
    add_views(pictures, matrices, np.ones((1, 5)), False, volume)
    rows = np.ascontiguousarray(matrices.reshape(-1, 12).T, np.float32)
    for z, y, x in ((0, 0, 0), (10, 12, 17), (26, 3, 36)):
        found = seen(
            pictures.reshape(-1), rows, np.ones(5, np.float32), 0, 5, np.float32(x), np.float32(y), np.float32(z),
            np.int32(pictures.shape[1]), np.int32(pictures.shape[2]),
        )  # fmt: skip
        assert found == pytest.approx(volume[z, y, x], rel=1e-4, abs=1e-3)


def test_only_upright_detectors_and_fine_voxels_are_taken_line_by_line():
    g = scanner()
    nodding = Geometry(
        source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=g.u_mm, v_mm=g.v_mm + 0.01 * g.normal, rows=40, columns=56
    )
    assert upright(g.projection, GRID)
    assert not upright(nodding.projection, GRID)
    assert not upright(scanner(pixel_mm=0.8).projection, GRID)  # 2.4 pixels from voxel to voxel
