"""Labels against exact volumes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Manifold

from ctsim.geometry import Grid
from ctsim.truth import label, occupancy
from defects.crack import sample as sample_crack
from defects.gas_pore import GasPore
from scenes.build import Solid, Specimen
from scenes.seeds import stream
from tests.ctsim.shapes import share_of

GRID = Grid(shape=(40, 50, 60), voxel_mm=0.5)


def whole(solid: Manifold, grid: Grid = GRID) -> np.ndarray:
    return share_of(solid, grid)


SOLIDS = {
    "ball": lambda: Manifold.sphere(4.0, 64).translate((3, -2, 1)),
    "small ball": lambda: Manifold.sphere(0.6, 64).translate((3.1, -2.2, 1.3)),
    "box": lambda: Manifold.cube((10, 7, 6), True).rotate((10, 20, 30)).translate((1, 2, 3)),
    "cylinder": lambda: Manifold.cylinder(9, 3, 3, 128, True).rotate((50, 0, 25)),
    "sheet a 25th of a voxel thin": lambda: (
        Manifold.cube((10, 0.02, 6), True).rotate((10, 20, 30)).translate((1, 2, 3))
    ),
    "sheet along z": lambda: Manifold.cube((10, 6, 0.05), True).translate((0.1, 0.2, 0.3)),
    "crack": lambda: sample_crack(stream(0, 0, "test"), length_mm=6, opening_mm=0.1).solid(),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_shares_add_up_to_the_volume(name):
    solid = SOLIDS[name]()
    assert whole(solid).sum() * GRID.voxel_mm**3 == pytest.approx(solid.volume(), rel=1e-12)


@pytest.mark.parametrize("name", SOLIDS)
def test_each_share_is_the_volume_of_the_solid_in_the_voxel(name):
    """Cut with a voxel, a solid is one of its own, whose volume is known."""
    solid = SOLIDS[name]()
    image = whole(solid)
    rims = np.argwhere((image > 0) & (image < 1))
    rims = rims[:: max(len(rims) // 60, 1)]
    wanted = [(_voxel(place) ^ solid).volume() / GRID.voxel_mm**3 for place in rims]
    np.testing.assert_allclose(image[tuple(rims.T)], wanted, rtol=0, atol=1e-9)
    assert len(rims) > 10


def _voxel(place: np.ndarray) -> Manifold:
    corner = GRID.corner_mm + GRID.voxel_mm * place[::-1]
    return Manifold.cube((GRID.voxel_mm,) * 3).translate(tuple(corner))


def test_a_box_on_the_grid_is_exact():
    image = whole(Manifold.cube((10, 7, 6)).translate((-1, 2, 3)))
    np.testing.assert_array_equal(image[26:38, 29:43, 28:48], 1)
    assert image.sum() == 12 * 14 * 20


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_face_inside_a_voxel_gives_its_exact_share(axis):
    size, at = [10.0, 10.0, 10.0], [-5.0, -5.0, -5.0]
    size[axis] = 0.15  # 0.3 voxel
    at[axis] = 0.05
    image = whole(Manifold.cube(tuple(size)).translate(tuple(at)))
    np.testing.assert_allclose(image[image > 0], 0.3, rtol=0, atol=1e-12)


def test_a_box_along_the_axes_has_the_product_of_its_overlaps():
    low, high = np.array([-3.17, 1.03, -0.61]), np.array([4.41, 2.26, 5.93])
    overlaps = []
    for axis in range(3):
        middles = GRID.centres_mm(axis)
        ends = middles[:, None] + GRID.voxel_mm * np.array([-0.5, 0.5])
        inside = np.minimum(ends[:, 1], high[2 - axis]) - np.maximum(ends[:, 0], low[2 - axis])
        overlaps.append(np.clip(inside / GRID.voxel_mm, 0, 1))
    wanted = np.einsum("i,j,k->ijk", *overlaps)
    box = Manifold.cube(tuple(high - low)).translate(tuple(low))
    np.testing.assert_allclose(whole(box), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("voxels", [2, 3, 5, 8, 13, 20])
def test_the_voxels_of_a_gas_pore_are_those_of_a_ball_to_a_hundredth(voxels):
    """What is left is by how much facets stand off the ball: 0.004 mm are 0.008 voxels here."""
    centre, radius = np.array([0.065, 0.135, -0.155]), voxels * GRID.voxel_mm / 2
    image = whole(GasPore(centre_mm=tuple(centre), diameter_mm=2 * radius).solid())
    rims = np.argwhere((image > 0) & (image < 1))
    wanted = [_share_of_ball(GRID.corner_mm + GRID.voxel_mm * place[::-1] - centre, radius) for place in rims]
    np.testing.assert_allclose(image[tuple(rims.T)], wanted, rtol=0, atol=0.01)


def _share_of_ball(corner_mm: np.ndarray, radius_mm: float) -> float:
    """Return the share of a voxel in a ball about the origin, its chords along z added up (to 2e-4)."""
    x, y = (corner_mm[i] + GRID.voxel_mm * (np.arange(64) + 0.5) / 64 for i in range(2))
    half = np.sqrt(np.maximum(radius_mm**2 - x[:, None] ** 2 - y**2, 0))
    chords = np.minimum(half, corner_mm[2] + GRID.voxel_mm) - np.maximum(-half, corner_mm[2])
    return float(np.maximum(chords, 0).mean() / GRID.voxel_mm)


def test_the_voxels_of_a_cylinder_are_those_of_a_round_one_to_a_hundredth():
    at, radius, fine = np.array([0.13, -0.27]), 3.0, (np.arange(400) + 0.5) / 400 - 0.5
    x = GRID.centres_mm(2)[:, None] + fine * 0.5 - at[0]
    half = np.sqrt(np.maximum(radius**2 - x**2, 0))
    ends = GRID.centres_mm(1) - at[1] - 0.25
    chords = np.minimum(half, ends[:, None, None] + 0.5) - np.maximum(-half, ends[:, None, None])
    wanted = np.maximum(chords, 0).mean(2) / 0.5
    solid = Manifold.cylinder(8, radius, radius, 180, True).translate((*at, 0))
    np.testing.assert_allclose(whole(solid)[12:28], np.broadcast_to(wanted, (16, *wanted.shape)), rtol=0, atol=0.01)


def test_shares_of_parts_add_up_to_the_share_of_the_whole():
    block = SOLIDS["box"]()
    ball = Manifold.sphere(2.0, 64).translate((1, 2, 3))
    np.testing.assert_allclose(whole(block - ball) + whole(ball), whole(block), rtol=0, atol=1e-9)


def test_the_shares_of_solids_that_fill_space_add_up_to_one():
    space = Manifold.cube((40, 40, 40), True)
    solids = [SOLIDS[name]() for name in ("ball", "cylinder", "sheet along z")]
    left, total = space, np.zeros(GRID.shape)
    for solid in solids:
        total += whole(solid ^ left)
        left -= solid
    np.testing.assert_allclose(total + whole(left), 1, rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(x=st.floats(-8, 8), y=st.floats(-8, 8), z=st.floats(-6, 6), r=st.floats(0.8, 3))
def test_the_centroid_of_the_shares_is_that_of_the_solid(x, y, z, r):
    image = whole(GasPore(centre_mm=(x, y, z), diameter_mm=2 * r).solid())
    axes = [GRID.centres_mm(axis) for axis in range(3)]
    found = [np.average(axes[a], weights=image.sum(tuple({0, 1, 2} - {a}))) for a in (2, 1, 0)]
    # a voxel's content counts as lying in its middle, which is a tenth of a voxel off for a ball of three voxels
    np.testing.assert_allclose(found, (x, y, z), atol=0.1 * GRID.voxel_mm)


def test_what_lies_outside_the_grid_is_cut_off():
    image = whole(Manifold.cube((100, 100, 100), True))
    np.testing.assert_array_equal(image, 1)
    half = whole(Manifold.cube((100, 100, 100), True).translate((0, 0, 50)))
    np.testing.assert_array_equal(half[:20], 0)
    np.testing.assert_array_equal(half[20:], 1)


@pytest.mark.parametrize("side", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
@pytest.mark.parametrize("name", ["box", "ball"])
def test_a_grid_that_cuts_a_solid_sees_what_a_larger_one_sees_there(name, side):
    small = Grid(shape=(10, 12, 14), voxel_mm=0.5)
    solid = SOLIDS[name]()
    middle = np.array(solid.bounding_box()).reshape(2, 3).mean(0)
    solid = solid.translate(tuple(3.3 * np.array(side) - middle))
    part = whole(solid)[15:25, 19:31, 23:37]
    np.testing.assert_allclose(whole(solid, small), part, rtol=0, atol=1e-12)
    assert 0.1 < part.mean() < 0.98


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("way", [-40, 40])
def test_a_solid_beside_the_grid_has_no_share_in_it(axis, way):
    away = np.zeros(3)
    away[axis] = way
    assert not whole(SOLIDS["box"]().translate(tuple(away))).any()


def test_letter_voxels_lie_at_z_y_x():
    image = whole(Manifold.cube((1, 1, 1)).translate((5, -3, 2)))
    assert np.argwhere(image > 0).min(0).tolist() == [2 * (10 + 2), int((12.5 - 3) * 2), 2 * (15 + 5)]


def test_each_voxel_takes_the_class_with_the_largest_share_and_the_defect_with_the_largest():
    block = Manifold.cube((10, 10, 10), True)
    pores = [Manifold.cube((2, 2, 2), True), Manifold.cube((1, 1, 0.2), True).translate((3.25, 3.25, 3.25))]
    solids = (
        Solid(surface=block - pores[0] - pores[1], material="Al", label="Al"),
        Solid(surface=pores[0], material="void", label="gas_pore", number=1),
        Solid(surface=pores[1], material="W", label="inclusion_dense", number=2),
    )
    truth = label(Specimen(solids=solids), GRID, ("air", "Al", "gas_pore", "inclusion_dense"))
    voxel = lambda x, y, z: (int((z + 10) * 2), int((y + 12.5) * 2), int((x + 15) * 2))  # noqa: E731
    assert truth.labels[voxel(0, 0, 0)] == 2
    assert truth.labels[voxel(3, -3, 1)] == 1
    assert truth.labels[voxel(7, 0, 0)] == 0
    assert truth.instances[voxel(0, 0, 0)] == 1
    # the inclusion fills 0.4 of its voxels: still aluminium by majority, but its instance is marked
    inside = voxel(3.25, 3.25, 3.25)
    assert truth.labels[inside] == 1
    assert truth.instances[inside] == 2
    assert truth.fractions[inside] == pytest.approx(0.4 * 255, abs=1)
    # where half is host and half is air the sums still close
    volumes = truth.fractions.sum() / 255 * 0.125
    assert volumes == pytest.approx(8 + 0.2, rel=0.01)
    assert len(truth.shares) == 2
    assert truth.shares[1][1].sum() * 0.125 == pytest.approx(0.2, rel=1e-12)


def test_an_open_surface_is_not_filled_in_silence():
    class Open(Solid):
        def mesh(self):
            vertices, faces = Solid.mesh(self)
            return vertices, np.delete(faces, self.number, axis=0)

    box = Open(surface=Manifold.cube((3, 3, 3), True).rotate((10, 20, 30)), material="Al", label="Al")
    for face in range(12):  # also where the hole lies beyond the grid
        for shift in (0, 15):
            with pytest.raises(ArithmeticError, match="open surface"):
                occupancy(replace(box, surface=box.surface.translate((shift, 0, 0)), number=face), GRID)
