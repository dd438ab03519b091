"""A bite is a lump of the volume it says, in and out of the surface alike, rougher the more irregular it is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.messages import BadInput
from defects.missing_material import MissingMaterial, sample
from tests.defects.measure import vertices
from tests.defects.mouths import below


@given(size=st.floats(0.1, 50), irregularity=st.floats(0, 0.25), seed=st.integers(0, 99))
def test_the_volume_is_exact_however_irregular(size, irregularity, seed):
    lump = sample(np.random.default_rng(seed), size_mm=size, irregularity=irregularity)
    solid = lump.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert lump.volume_mm3 == pytest.approx(math.pi / 6 * size**3)
    assert solid.volume() == pytest.approx(lump.volume_mm3, rel=1e-9)


def test_an_even_lump_is_a_ball_half_in_and_half_out():
    lump = MissingMaterial(size_mm=4.0)
    assert below(lump.solid()).volume() == pytest.approx(lump.volume_mm3 / 2, rel=1e-9)
    assert sample(np.random.default_rng(1), size_mm=4.0, irregularity=0.0) == lump


def test_on_average_half_of_a_lump_bites_into_the_wall():
    rng = np.random.default_rng(2)
    shares = [below(sample(rng, size_mm=2.0).solid()).volume() / (math.pi / 6 * 8) for _ in range(150)]
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * np.std(shares) / math.sqrt(150))


def test_irregularity_is_the_relative_standard_deviation_of_the_radius():
    rng = np.random.default_rng(3)
    points = vertices(MissingMaterial(size_mm=2.0).solid())[17]  # one direction, seen over many lumps
    way = points / np.linalg.norm(points)
    radii = [
        1 + sum(a * math.sin(np.dot((x, y, z), way) + math.radians(p)) for a, x, y, z, p in lump.bumps)
        for lump in (sample(rng, size_mm=2.0, irregularity=0.2) for _ in range(3000))
    ]
    assert np.mean(radii) == pytest.approx(1, abs=4 * 0.2 / math.sqrt(3000))
    assert np.std(radii) == pytest.approx(0.2, rel=0.05)


def test_corners_lie_as_far_out_as_their_bumps_say():
    lump = sample(np.random.default_rng(4), size_mm=2.0, irregularity=0.2)
    points = vertices(lump.solid())
    reach = np.linalg.norm(points, axis=1)
    ways = points / reach[:, None]
    told = 1 + sum(a * np.sin(ways @ (x, y, z) + np.deg2rad(p)) for a, x, y, z, p in lump.bumps)
    assert reach / told == pytest.approx(np.full(len(reach), reach[0] / told[0]), rel=1e-9)


@pytest.mark.parametrize(
    ("bumps", "text"),
    [
        (((0.5, 1.0, 0.0, 0.0, 0.0), (0.5, 0.0, 1.0, 0.0, 0.0)), "must add up to less than"),
        (((math.nan, 1.0, 0.0, 0.0, 0.0),), "a bump must be 5 finite numbers"),
    ],
)
def test_a_lump_that_turns_inside_out_is_refused(bumps, text):
    with pytest.raises(BadInput, match=text):
        MissingMaterial(size_mm=1.0, bumps=bumps)
