"""Volumes against the objects they came from."""

import inspect
from itertools import pairwise

import numba
import numpy as np
import pytest
import torch
from manifold3d import Manifold
from scipy.ndimage import center_of_mass

from ctsim.backends.mesh import path_lengths
from ctsim.geometry import Geometry, Grid, circular
from ctsim.reconstruct import fdk as chunked
from ctsim.reconstruct.fdk import fdk
from ctsim.reconstruct.ramp import WINDOWS
from defects.messages import BadInput
from tests.ctsim.shapes import letter_f, share_of, triangles_of


def scanner(views=180, pixels=96) -> Geometry:
    return circular(
        source_object_mm=300.0, source_detector_mm=600.0, rows=pixels, columns=pixels, pixel_mm=96 / pixels * 1.0,
        angles_deg=np.arange(views) * 360 / views,
    )  # fmt: skip


def lengths_of(solid: Manifold, geometry: Geometry) -> np.ndarray:
    return np.concatenate([image[:, 0].copy() for _, image in path_lengths(triangles_of(solid), geometry, 1)])


GRID = Grid(shape=(64, 64, 64), voxel_mm=0.75)


def truth_of(solid: Manifold, grid: Grid = GRID) -> np.ndarray:
    return share_of(solid, grid)


def test_a_ball_off_the_axis_comes_back_with_its_value_and_its_centre():
    ball = Manifold.sphere(9.0, 96).translate((7.0, -5.0, 4.0))
    volume = fdk(0.05 * lengths_of(ball, scanner()), scanner(), GRID)
    z, y, x = (GRID.centres_mm(axis) for axis in range(3))
    radius = np.sqrt((x - 7) ** 2 + (y[:, None] + 5) ** 2 + (z[:, None, None] - 4) ** 2)
    assert volume[radius < 7].mean() == pytest.approx(0.05, rel=0.01)
    assert abs(volume[(radius > 11) & (radius < 15)].mean()) < 5e-4
    inside = np.where(radius < 11, volume, 0)
    centre = (np.array(center_of_mass(inside)) + 0.5) * 0.75 - 24
    np.testing.assert_allclose(centre, [4, -5, 7], atol=0.05)  # a fifteenth of a voxel


def test_letter_f_comes_back_as_itself_and_as_none_of_its_mirror_images():
    solid = letter_f()
    volume = fdk(lengths_of(solid, scanner()), scanner(), GRID)
    truth = truth_of(solid)
    alike = lambda other: np.corrcoef(volume.ravel(), other.ravel())[0, 1]  # noqa: E731
    assert alike(truth) > 0.93
    for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        assert alike(np.flip(truth, axes)) < 0.75
    assert alike(truth.transpose(0, 2, 1)) < 0.75
    # moved by half a voxel any way, it fits worse: label and volume share one grid
    for axis in range(3):
        for sign in (-1, 1):
            shift = [0.0, 0.0, 0.0]
            shift[2 - axis] = sign * 0.75 / 2
            assert alike(truth_of(solid.translate(tuple(shift)))) < alike(truth) - 1e-3


def test_pores_come_back_where_they_are_to_a_tenth_of_a_voxel():
    """The centroid of what a pore takes from the volume, against its truth."""
    rng = np.random.default_rng(3)
    block = Manifold.cylinder(40, 18, 18, 128, True)
    centres = [(11, 0, -9), (0, -12, 5), (-8, 8, 12), (-10, -6, -4), (3.3, 2.1, 0.7)]
    pores = [Manifold.sphere(r, 64).translate(c) for c, r in zip(centres, rng.uniform(2, 3.5, 5), strict=True)]
    with_pores = block
    for pore in pores:
        with_pores = with_pores - pore
    taken = fdk(lengths_of(block, scanner()), scanner(), GRID) - fdk(lengths_of(with_pores, scanner()), scanner(), GRID)
    for centre, pore in zip(centres, pores, strict=True):
        near = truth_of(pore.translate(tuple(-np.array(centre))).scale((1.6,) * 3).translate(centre)) > 0
        found = (np.array(center_of_mass(np.where(near, taken, 0))) + 0.5) * 0.75 - 24
        np.testing.assert_allclose(found[::-1], centre, atol=0.1 * 0.75)
        assert np.where(near, taken, 0).sum() * 0.75**3 == pytest.approx(pore.volume(), rel=0.05)


def test_reconstruction_is_linear():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 12, 96, 96)).astype(np.float32)
    g, small = scanner(views=12), Grid(shape=(8, 8, 8), voxel_mm=2.0)
    np.testing.assert_allclose(fdk(2 * a + b, g, small), 2 * fdk(a, g, small) + fdk(b, g, small), atol=2e-5)


def test_finer_sampling_comes_nearer_to_the_truth():
    ball = Manifold.sphere(9.0, 128).translate((7.0, -5.0, 0.0))
    errors = []
    for pixels, views in ((48, 90), (96, 180), (192, 360)):
        g = scanner(views, pixels)
        grid = Grid(shape=(1, pixels, pixels), voxel_mm=48 / pixels)
        error = fdk(lengths_of(ball, g), g, grid) - truth_of(ball, grid)
        errors.append(np.sqrt(np.mean(error**2)))
    # a jump is smeared over a voxel whatever its size: the error falls with the square root of it, not faster
    assert errors[0] / errors[1] > 1.2
    assert errors[1] / errors[2] > 1.2


def test_a_hann_window_lowers_noise_and_keeps_the_mean():
    noise = np.random.default_rng(1).normal(size=(180, 96, 96)).astype(np.float32)
    ball = lengths_of(Manifold.sphere(20.0, 96), scanner())
    middle = Grid(shape=(8, 8, 8), voxel_mm=0.75)
    sharp, soft = (fdk(noise, scanner(), middle, window).std() for window in ("ram-lak", "hann"))
    assert soft < 0.6 * sharp
    assert fdk(ball, scanner(), middle, "hann").mean() == pytest.approx(1, rel=0.01)


def test_every_window_lowers_noise_more_than_the_one_before():
    noise = np.random.default_rng(4).normal(size=(60, 96, 96)).astype(np.float32)
    spread = [fdk(noise, scanner(views=60), Grid(shape=(8, 24, 24), voxel_mm=0.75), w).std() for w in WINDOWS]
    assert list(WINDOWS) == ["ram-lak", "shepp-logan", "cosine", "hamming", "hann"]
    assert all(b < 0.97 * a for a, b in pairwise(spread))


def test_the_bits_are_the_same_for_any_number_of_threads():
    noise = np.random.default_rng(5).normal(size=(20, 96, 96)).astype(np.float32)
    grid, found = Grid(shape=(30, 31, 33), voxel_mm=0.75), []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append([fdk(noise, g, grid) for g in (scanner(views=20), leaning(scanner(views=20)))])
    np.testing.assert_array_equal(found[0], found[1])


def test_views_in_batches_are_views_at_once(monkeypatch):
    noise = np.random.default_rng(6).normal(size=(20, 96, 96)).astype(np.float32)
    grid = Grid(shape=(16, 16, 16), voxel_mm=1.5)
    for g in (scanner(views=20), leaning(scanner(views=20))):
        whole = fdk(noise, g, grid)
        with monkeypatch.context() as patch:
            patch.setattr(chunked, "BATCH", 7)
            patch.setattr(chunked, "CHUNK", 1)
            np.testing.assert_allclose(fdk(noise, g, grid), whole, atol=2e-6)


def leaning(g: Geometry) -> Geometry:
    """Return a detector whose columns lean towards the source by 3 deg: the kernel for any geometry has to do it."""
    tan = np.tan(np.deg2rad(3.0))
    return Geometry(
        source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=g.u_mm, v_mm=g.v_mm + tan * g.normal, rows=g.rows,
        columns=g.columns,
    )  # fmt: skip


def test_a_detector_read_out_from_its_other_corner_shows_the_same():
    solid, g = letter_f(), scanner(views=60)
    lengths = lengths_of(solid, g)
    volume = fdk(lengths, g, GRID)
    mirrored = Geometry(
        source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=-g.u_mm, v_mm=-g.v_mm, rows=g.rows, columns=g.columns
    )
    np.testing.assert_allclose(fdk(lengths[:, ::-1, ::-1], mirrored, GRID), volume, atol=2e-6)


@pytest.mark.parametrize(
    ("projections", "window", "words"),
    [
        (torch.zeros((3, 4, 5)), "hann", "must be an array of numpy or cupy, got Tensor"),
        (np.zeros((3, 4, 5)), "blackman", "unknown window 'blackman' .known: cosine, hamming"),
    ],
)
def test_what_is_no_projection_and_no_window_is_refused(projections, window, words):
    plain = inspect.unwrap(fdk)  # as it is when no test watches the types
    with pytest.raises(BadInput, match=words):
        plain(projections, scanner(), GRID, window)
