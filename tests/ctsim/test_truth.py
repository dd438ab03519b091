"""Labels against exact volumes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Manifold

from ctsim.geometry import Grid
from ctsim.truth import label, occupancy
from defects.crack import sample as sample_crack
from defects.gas_pore import GasPore
from defects.shapes import ellipsoid
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
    assert whole(solid).sum() * GRID.voxel_mm**3 == pytest.approx(solid.volume(), rel=0.004)


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
    np.testing.assert_allclose(image[image > 0], 0.3, atol=1e-6)


def test_shares_of_parts_add_up_to_the_share_of_the_whole():
    block = SOLIDS["box"]()
    ball = Manifold.sphere(2.0, 64).translate((1, 2, 3))
    np.testing.assert_allclose(whole(block - ball) + whole(ball), whole(block), atol=0.03)


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
    assert truth.shares[1][1].sum() * 0.125 == pytest.approx(0.2, rel=1e-3)


def test_an_open_surface_is_not_filled_in_silence():
    class Open(Solid):
        def mesh(self):
            vertices, faces = Solid.mesh(self)
            return vertices, faces[1:]

    with pytest.raises(ArithmeticError, match="open surface"):
        occupancy(Open(surface=Manifold.cube((3, 3, 3), True).rotate((10, 20, 30)), material="Al", label="Al"), GRID)


@pytest.mark.parametrize("turn", [(0, 0, 0), (10, 20, 30), (45, 35, 5)])
@pytest.mark.parametrize(
    ("solid", "volume"),
    [
        (ellipsoid((2.0, 2.0, 2.0)), 4 / 3 * np.pi * 8),
        (Manifold.cube((3, 4, 5), True), 60.0),
        (Manifold.cylinder(5, 1.5, 1.5, 720, True), np.pi * 1.5**2 * 5),
    ],
    ids=["ball", "box", "cylinder"],
)
def test_shares_are_right_to_a_hundredth_of_the_true_volume(solid, volume, turn):
    image = whole(solid.rotate(turn).translate((0.13, 0.27, -0.31)))
    assert image.sum() * GRID.voxel_mm**3 == pytest.approx(volume, rel=0.01)


def test_the_shares_of_single_voxels_on_a_rim_are_right_to_a_hundredth_on_average():
    """A tilted box cut with a voxel is a solid of its own, whose volume is exact."""
    box = Manifold.cube((3, 4, 5), True).rotate((10, 20, 30)).translate((0.13, 0.27, -0.31))
    image = whole(box)
    rims = np.argwhere((image > 0.02) & (image < 0.98))[::17]
    found, wanted = [], []
    for z, y, x in rims:
        corner = GRID.corner_mm + GRID.voxel_mm * np.array([x, y, z])
        voxel = Manifold.cube((GRID.voxel_mm,) * 3).translate(tuple(corner))
        found.append(image[z, y, x])
        wanted.append((voxel ^ box).volume() / GRID.voxel_mm**3)
    assert len(rims) > 10
    off = np.array(found) - wanted
    assert np.sqrt(np.mean(off**2)) < 0.01
    assert np.abs(off).max() < 0.03
