"""Voxels of matter against volumes and places that are known exactly."""

import itertools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from manifold3d import Manifold
from numpy.testing import assert_allclose, assert_array_equal

from ctsim.montecarlo.matter import FULL, Matter, matter_of
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from tests.ctsim.montecarlo.setups import block, specimen
from tests.ctsim.shapes import letter_f


def volumes_mm3(matter: Matter) -> dict[str, float]:
    """Return how much there is of each material [mm3]."""
    sums = matter.shares.sum((0, 1, 2), dtype=np.int64)
    return dict(zip(matter.materials, sums / FULL * matter.voxel_mm**3, strict=True))


def middle_mm(matter: Matter, material: str) -> np.ndarray:
    """Return the middle (x, y, z) of what there is of a material [mm]."""
    share = matter.shares[..., matter.materials.index(material)].astype(float)
    places = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in share.shape), indexing="ij"))[::-1]
    return matter.corner_mm + matter.voxel_mm * (places * share).sum((1, 2, 3)) / share.sum()


def steps_mm3(matter: Matter) -> float:
    """Return what rounding may move: half a step of each voxel that is neither full nor empty, all to one side."""
    mixed = ((matter.shares > 0) & (matter.shares < FULL)).any(3).sum()
    return float(0.5 / FULL * matter.voxel_mm**3 * mixed) + 1e-6


@pytest.mark.parametrize("voxels", [8, 31, 64])
def test_a_solid_is_its_volume(voxels):
    """Rounding goes both ways: a tenth of what it could move all one way is enough beside a thousand voxels."""
    ball = Manifold.sphere(13, 64).translate((1, 2, 3))
    matter = matter_of(specimen((ball, "Al")), voxels)
    assert max(matter.shares.shape[:3]) == voxels
    assert abs(volumes_mm3(matter)["Al"] - ball.volume()) < (1 if voxels < 20 else 0.1) * steps_mm3(matter)


def test_a_box_of_whole_voxels_is_full():
    matter = matter_of(specimen((block((20, 40, 60), (5, -7, 9)), "Fe")), 30)
    assert matter.shares.shape == (30, 20, 10, 1)
    assert (matter.shares >= FULL - 1).all()  # a hair wider than the box
    corners = list(itertools.product((-5, 15), (-27, 13), (-21, 39), (1,)))
    assert_allclose(matter.corners_mm, corners, atol=1e-6)
    assert matter.voxel_mm == pytest.approx(2)


def test_nested_and_touching_solids_share_their_voxels():
    """Their faces lie within voxels: what one has, the other has not, and together they are as one.

    All voxels that a flat face cuts are cut alike, and rounded alike.
    """
    outer, plate = block((30, 30, 30)), block((7.3, 30, 30), (18.65, 0, 0))
    ball = Manifold.sphere(9, 48).translate((2, 1, 0))
    apart = matter_of(specimen((outer - ball, "Al"), (ball, "W"), (plate, "Cu")), 40)
    whole = matter_of(specimen((outer, "Al"), (plate, "Al")), 40)
    found = volumes_mm3(apart)
    assert apart.materials == ("Al", "Cu", "W")
    for name, volume in (("Al", (outer - ball).volume()), ("W", ball.volume()), ("Cu", plate.volume())):
        assert abs(found[name] - volume) < steps_mm3(apart)
    assert_array_equal(apart.shares.sum(3, dtype=int), whole.shares.sum(3, dtype=int))


def test_solids_of_one_material_are_one():
    left, right = block((10, 20, 20), (-5, 0, 0)), block((10, 20, 20), (5, 0, 0))
    both = matter_of(specimen((left, "Al"), (right, "Al")), 30)
    assert_array_equal(both.shares, matter_of(specimen((left + right, "Al")), 30).shares)


@given(cuts=st.lists(st.floats(-0.99, 0.99), min_size=1, max_size=5, unique=True))
@tries(max_examples=20)
def test_no_voxel_holds_more_than_itself(cuts):
    """A cube cut in slices of other materials, wherever the cuts are: the sums are those of the cube."""
    ends = np.array([-1.0, *sorted(cuts), 1.0]) * 10
    names = ("Al", "Cu", "Fe", "Ni", "Ti", "W")
    slices = [
        (block((high - low, 20, 20), ((low + high) / 2, 0, 0)), names[i])
        for i, (low, high) in enumerate(pairwise(ends))
        if high - low > 1e-6
    ]
    matter = matter_of(specimen(*slices), 12)
    sums = matter.shares.sum(3, dtype=int)
    assert ((sums >= FULL - 1) & (sums <= FULL)).all()


def test_voids_hold_nothing_and_leave_nothing_else():
    block_, hole = block((20, 20, 20)), block((8, 8, 8))
    hollow = Specimen(
        solids=(
            Solid(surface=block_ - hole, material="Al", label="Al"),
            Solid(surface=hole, material="void", label="gas_pore", number=1),
        )
    )  # fmt: skip
    matter = matter_of(hollow, 20)
    assert matter.materials == ("Al",)
    assert (matter.shares[7:13, 7:13, 7:13] == 0).all()
    assert volumes_mm3(matter)["Al"] == pytest.approx(20**3 - 8**3, rel=1e-6, abs=0.1 * steps_mm3(matter))


def test_nothing_to_scan_is_said():
    hole = Solid(surface=block((8, 8, 8)), material="void", label="gas_pore", number=1)
    for solids in ((), (hole,)):
        with pytest.raises(BadInput, match="there is nothing to scan"):
            matter_of(Specimen(solids=solids), 20)


# ---------------------------------------------------------------------------------------------------------- air


@pytest.mark.parametrize("voxels", [10, 33])
def test_air_fills_what_no_solid_does(voxels):
    parts = specimen((Manifold.sphere(13, 32), "Fe"), (block((5, 5, 40), (17, 0, 0)), "Al"))
    bare, matter = matter_of(parts, voxels), matter_of(parts, voxels, air=True)
    assert matter.has_air
    assert matter.materials == ("Al", "Fe", "air")
    assert (matter.shares.sum(3, dtype=int) == FULL).all()
    assert_array_equal(matter.shares[..., :2], bare.shares)
    assert (bare.has_air, bare.materials) == (False, ("Al", "Fe"))


def test_a_solid_of_air_is_as_the_air_about_it():
    """And air is the last of the materials, wherever the alphabet has it."""
    ball, bubble = Manifold.sphere(13, 32), Manifold.sphere(4, 32)
    filled = matter_of(specimen((ball - bubble, "water"), (bubble, "air")), 20, air=True)
    hollow = matter_of(specimen((ball - bubble, "water")), 20, air=True)
    assert filled.materials == hollow.materials == ("water", "air")
    assert_array_equal(filled.shares, hollow.shares)


# ------------------------------------------------------------------------------------------------------- places


def test_a_solid_lies_where_it_stands():
    """A letter F looks like nothing but itself: its middle and every voxel's centre, asked of the solid itself."""
    letter = letter_f().translate((3, -5, 7))
    matter = matter_of(specimen((letter, "Al")), 40)
    assert_allclose(middle_mm(matter, "Al"), _middle_of(letter), atol=0.01)
    full, empty = matter.shares[..., 0] == FULL, matter.shares[..., 0] == 0
    rng = np.random.default_rng(0)
    for z, y, x in rng.permutation(np.argwhere(full | empty))[:60]:
        centre = matter.corner_mm + (np.array([x, y, z]) + 0.5) * matter.voxel_mm
        there = (block((0.01,) * 3, centre) ^ letter).volume() > 0.5e-6
        assert there == full[z, y, x]
    assert full.sum() > 1000
    assert empty.sum() > 1000


def _middle_of(solid: Manifold) -> np.ndarray:
    """Return a solid's middle, from the tetrahedra between its facets and the origin."""
    mesh = solid.to_mesh64()
    a, b, c = np.moveaxis(np.asarray(mesh.vert_properties)[np.asarray(mesh.tri_verts)], 1, 0)
    volumes = np.sum(a * np.cross(b, c), axis=1) / 6
    return ((a + b + c) / 4 * volumes[:, None]).sum(0) / volumes.sum()
