"""Projector and backprojector: closed forms first, then their equations, then the laws."""

import subprocess
import sys

import numba
import numpy as np
import pytest
from manifold3d import Manifold
from scipy.spatial.transform import Rotation

from ctsim.geometry import Geometry, Grid
from ctsim.operators import projector, sweep
from ctsim.operators.projector import backproject, project
from defects.messages import BadInput
from tests.ctsim.chords import chord_of_ball, chord_of_convex
from tests.ctsim.shapes import letter_f, share_of
from tests.ctsim.voxel_rays import (
    ORBITS,
    SIDE_RAYS,
    anyhow,
    by_the_book,
    coarse,
    exact,
    means,
    pixel_means,
    rms,
    round_about,
    turned,
    vectors,
)  # fmt: skip

GRID = Grid(shape=(22, 26, 24), voxel_mm=1.7)
orbits = pytest.mark.parametrize("geometry", ORBITS.values(), ids=ORBITS)


def orders(solid: Manifold, geometry: Geometry, truth: np.ndarray) -> np.ndarray:
    """Return by which power of the voxel's size the error falls, from 4 mm to 2 and to 1."""
    errors = []
    for voxel_mm in (4.0, 2.0, 1.0):
        grid = Grid(shape=(round(48 / voxel_mm),) * 3, voxel_mm=voxel_mm)
        errors.append(rms(project(share_of(solid, grid), geometry, grid) - truth))
    assert errors[-1] < 0.02 * rms(truth)
    return np.log2(np.divide(errors[:-1], errors[1:]))


# closed forms


@orbits
def test_a_ball_casts_its_chord_and_the_error_falls_with_the_voxel(geometry):
    centre, radius = (3.0, -2.0, 4.0), 14.0
    fine = geometry.sampled(SIDE_RAYS)
    chords = np.stack([chord_of_ball(centre, radius, fine, view) for view in range(geometry.views)])
    # at its limb the chord rises like a square root, which voxels follow to first order at least
    falls = orders(Manifold.sphere(radius, 256).translate(centre), geometry, pixel_means(chords, SIDE_RAYS))
    assert falls.min() > 1


@orbits
def test_letter_f_is_seen_as_the_mesh_backend_sees_it_and_as_none_of_its_mirror_images(geometry):
    solid = letter_f()
    truth = means(solid, geometry)
    # a side face seen along itself is a jump of full height, smeared over a voxel: half an order beside such faces
    assert orders(solid, geometry, truth).min() > 0.5
    grid = Grid(shape=(48, 48, 48), voxel_mm=1.0)
    share = share_of(solid, grid)
    error = rms(project(share, geometry, grid) - truth)
    for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        assert rms(project(np.ascontiguousarray(np.flip(share, axes)), geometry, grid) - truth) > 5 * error


@orbits
def test_a_full_cube_casts_its_exact_chord(geometry):
    """Rays that meet two opposite faces have nothing to blur: every slab is full."""
    grid = Grid(shape=(12, 12, 12), voxel_mm=3.0)
    cube = Manifold.cube((36, 36, 36), True)
    got = project(np.ones(grid.shape), geometry, grid)
    chords = np.stack([chord_of_convex(cube, geometry, view) for view in range(geometry.views)])
    whole = np.isclose(chords, got, rtol=1e-9) & (chords > 0)
    assert whole.mean() > 0.05
    assert rms(got - chords) < 0.03 * rms(chords)
    fine = geometry.sampled(SIDE_RAYS)
    averaged = np.stack([chord_of_convex(cube, fine, view) for view in range(geometry.views)])
    assert rms(got - pixel_means(averaged, SIDE_RAYS)) < 0.01 * rms(chords)


def test_white_noise_casts_its_mean_over_the_pixel_better_than_with_other_weights():
    """The 5.7 % that `beams` promises for pixels as wide as a voxel, where Joseph's weights leave 15 %."""
    geometry, grid = round_about(views=3, pixels=24), Grid(shape=(20, 20, 20), voxel_mm=1.0)
    noise = np.random.default_rng(0).normal(size=grid.shape)
    truth = pixel_means(exact(noise, geometry.sampled(8), grid), 8)
    assert rms(project(noise, geometry, grid) - truth) < 0.065 * rms(truth)


def test_what_lies_behind_the_source_casts_nothing():
    geometry = round_about(views=1)
    inside = vectors(geometry, source_mm=np.array([[0.0, 0.0, 0.0]]))
    volume = np.ones((20, 20, 20))
    grid = Grid(shape=(20, 20, 20), voxel_mm=2.0)
    half = project(volume, inside, grid)
    # from the middle of the cube outwards, along x to 20 mm
    chords = np.stack([chord_of_convex(Manifold.cube((40, 40, 40), True), inside)])
    np.testing.assert_allclose(half, chords / 2, rtol=1e-9)
    volume[:, :, :10] = 7.0  # the beam runs towards +x
    assert inside.centre_mm[0, 0] > 100
    np.testing.assert_allclose(project(volume, inside, grid)[0, 5:-5, 5:-5], half[0, 5:-5, 5:-5], rtol=1e-9)


# the equations


@orbits
def test_the_sums_are_those_of_the_equations(geometry):
    few, grid = coarse(geometry.some(slice(0, 2)), 3), Grid(shape=(11, 13, 12), voxel_mm=3.1)
    volume = np.random.default_rng(1).normal(size=grid.shape)
    np.testing.assert_allclose(project(volume, few, grid), by_the_book(volume, few, grid), atol=1e-11)


@pytest.mark.parametrize("voxel_mm", [0.4, 9.0])
def test_pixels_much_wider_or_finer_than_voxels_follow_the_equations_too(voxel_mm):
    grid = Grid(shape=(12, 16, 14), voxel_mm=voxel_mm)
    volume = np.random.default_rng(2).normal(size=grid.shape)
    for geometry in (round_about(views=2, pixels=12), coarse(anyhow(views=1), 4)):
        np.testing.assert_allclose(project(volume, geometry, grid), by_the_book(volume, geometry, grid), atol=1e-11)


def test_one_row_of_pixels_sees_one_layer_of_voxels():
    grid, g = Grid(shape=(1, 16, 14), voxel_mm=2.5), round_about(views=3, pixels=12, pixel_mm=6.0)
    row = Geometry(source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=g.u_mm, v_mm=g.v_mm, rows=1, columns=g.columns)
    volume = np.random.default_rng(10).normal(size=grid.shape)
    assert project(volume, row, grid).any()
    np.testing.assert_allclose(project(volume, row, grid), by_the_book(volume, row, grid), atol=1e-11)


def test_upright_detectors_take_the_short_way_to_the_same_sums():
    grid, geometry = GRID, ORBITS["helical"]
    vectors_, pad = projector._vectors(geometry, grid), projector._padding(geometry, grid)
    assert projector._upright(vectors_, geometry)
    assert not projector._upright(projector._vectors(ORBITS["tilted"], grid), ORBITS["tilted"])
    rng = np.random.default_rng(3)
    volume = np.pad(rng.normal(size=(26, 24, 22)), pad)
    images = [np.zeros((geometry.views, geometry.columns, geometry.rows)) for _ in range(2)]
    back = [np.zeros(volume.shape) for _ in range(2)]
    image = rng.normal(size=images[0].shape)
    for i, upright in enumerate((True, False)):
        sweep.forward(volume, pad, upright, vectors_, images[i])
        sweep.adjoint(back[i], pad, upright, vectors_, image)
    np.testing.assert_allclose(images[0], images[1], atol=1e-11)
    inner = (slice(pad, -pad),) * 3
    np.testing.assert_allclose(back[0][inner], back[1][inner], atol=1e-11)


def test_a_detector_that_lies_flat_under_the_part_is_seen_along_z():
    """Rays along z on an upright-looking detector: columns run along z only where rays do not."""
    geometry = turned(round_about(views=3, pixels=12, pixel_mm=6.0), Rotation.from_euler("y", 90, degrees=True))
    volume = np.random.default_rng(4).normal(size=(11, 13, 12))
    grid = Grid(shape=(11, 13, 12), voxel_mm=3.1)
    np.testing.assert_allclose(project(volume, geometry, grid), by_the_book(volume, geometry, grid), atol=1e-11)


# laws


@orbits
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-13)])
def test_projector_and_backprojector_are_adjoint(geometry, dtype, tolerance):
    rng = np.random.default_rng(5)
    x = rng.uniform(size=GRID.shape).astype(dtype)
    y = rng.uniform(size=(geometry.views, geometry.rows, geometry.columns)).astype(dtype)
    there = np.vdot(project(x, geometry, GRID).astype(float), y.astype(float))
    back = np.vdot(x.astype(float), backproject(y, geometry, GRID).astype(float))
    assert there == pytest.approx(back, rel=tolerance)


def test_every_weight_is_the_same_both_ways():
    """The whole matrix, column by column and row by row."""
    grid, geometry = Grid(shape=(3, 4, 5), voxel_mm=8.0), coarse(anyhow(views=2, seed=1), 7)
    assert (geometry.rows, geometry.columns) == (5, 6)
    voxels, pixels = np.eye(60).reshape(60, 3, 4, 5), np.eye(60).reshape(60, 2, 5, 6)
    matrix = project(voxels, geometry, grid).reshape(60, 60)
    assert (matrix > 0).sum() > 400
    np.testing.assert_allclose(matrix, backproject(pixels, geometry, grid).reshape(60, 60).T, atol=1e-12)


@orbits
def test_the_bits_do_not_depend_on_the_threads(geometry):
    rng = np.random.default_rng(6)
    x = rng.normal(size=GRID.shape).astype(np.float32)
    y = rng.normal(size=(geometry.views, geometry.rows, geometry.columns)).astype(np.float32)
    threads, results = numba.get_num_threads(), []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            results.append((project(x, geometry, GRID), backproject(y, geometry, GRID)))
    finally:
        numba.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_turning_the_volume_is_turning_the_scanner():
    """A quarter turn about each axis puts voxels on voxels: nothing may change."""
    volume = np.random.default_rng(7).normal(size=(20, 20, 20))
    grid, geometry = Grid(shape=volume.shape, voxel_mm=1.7), ORBITS["anyhow"]
    wanted = project(volume, geometry, grid)
    # rot90 turns from the first to the second axis named; of [z y x], (2, 1) turns x to y
    for axis, plane in (("z", (2, 1)), ("x", (1, 0)), ("y", (0, 2))):
        around = turned(geometry, Rotation.from_euler(axis, 90, degrees=True))
        got = project(np.ascontiguousarray(np.rot90(volume, axes=plane)), around, grid)
        # where two axes tie for the main one, rounding decides between them
        assert np.isclose(got, wanted, atol=1e-9).mean() > 0.999


def test_twice_the_size_casts_twice_the_length():
    volume, geometry = np.random.default_rng(8).normal(size=GRID.shape), ORBITS["tilted"]
    parts = {name: 2 * getattr(geometry, name) for name in ("source_mm", "centre_mm", "u_mm", "v_mm")}
    twice = project(volume, vectors(geometry, **parts), Grid(shape=GRID.shape, voxel_mm=2 * GRID.voxel_mm))
    np.testing.assert_allclose(twice, 2 * project(volume, geometry, GRID), atol=1e-10)


def test_a_batch_is_taken_one_by_one():
    volumes = np.random.default_rng(9).normal(size=(2, 3, *GRID.shape))
    geometry = ORBITS["tilted"].some(slice(0, 2))
    images = project(volumes, geometry, GRID)
    assert images.shape == (2, 3, 2, 40, 46)
    np.testing.assert_array_equal(images[1, 2], project(volumes[1, 2], geometry, GRID))
    backs = backproject(images, geometry, GRID)
    np.testing.assert_array_equal(backs[0, 1], backproject(images[0, 1], geometry, GRID))


# bad input


def test_what_cannot_be_projected_is_refused():
    geometry, volume = ORBITS["circular"], np.zeros(GRID.shape)
    flat, odd = geometry.source_mm.copy(), geometry.u_mm.copy()
    flat[4], odd[2, 1] = geometry.centre_mm[4], np.nan
    for values, where, grid, text in (
        (volume[1:], geometry, GRID, "must end in the shape (22, 26, 24)"),
        (volume.astype(np.float16), geometry, GRID, "must be float32 or float64, got float16"),
        (volume, vectors(geometry, u_mm=odd), GRID, "finite"),
        (volume, vectors(geometry, source_mm=flat), GRID, "in view 4 the source must stand clear"),
        (volume, vectors(geometry, v_mm=3 * geometry.u_mm), GRID, "u must not run along v"),
        (volume, geometry, Grid(shape=GRID.shape, voxel_mm=0.005), "take larger ones"),
    ):
        with pytest.raises(BadInput, match=text.replace("(", "[(]").replace(")", "[)]")):
            project(values, where, grid)
    with pytest.raises(BadInput, match="sinogram"):
        backproject(volume, geometry, GRID)


def test_numpy_needs_no_torch_and_a_tensor_says_what_to_install():
    code = """
import sys
sys.modules["torch"] = None
import numpy as np
from ctsim.geometry import Grid, circular
from ctsim.operators.projector import project
g = circular(source_object_mm=9., source_detector_mm=18., rows=2, columns=2, pixel_mm=1., angles_deg=np.zeros(1))
class Tensor:
    shape, dtype = (4, 4, 4), "torch.float32"
    __array__ = None
    def __len__(self): return 4
print(project(np.ones((4, 4, 4)), g, Grid(shape=(4, 4, 4), voxel_mm=1.0)).max() > 3.9)
try:
    project(Tensor(), g, Grid(shape=(4, 4, 4), voxel_mm=1.0))
except ValueError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("True\n")
    assert "pip install 'ctsim[train]'" in ran.stdout
