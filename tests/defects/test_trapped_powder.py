"""Grains are balls of the whole bed's volume, apart and touching, inside their ellipsoid."""

import dataclasses
import math

import numpy as np
import pytest
from manifold3d import Error, Manifold
from scipy.spatial.distance import cdist

from defects.messages import BadInput
from defects.trapped_powder import MOST_GRAINS, TrappedPowder, sample

BED = TrappedPowder(length_mm=6.0, width_mm=3.0, grain_mm=0.7, material="Al", seed=7)
TOUCH = (4 / 3 * math.pi / Manifold.sphere(1.0, 20).volume()) ** (1 / 3)
"""How far apart, in diameters, facets of equal balls may come."""


def test_the_volume_is_that_of_all_grains():
    solid = BED.solid()
    grains = solid.decompose()
    assert solid.status() == Error.NoError
    assert len(grains) == len(BED.grains_mm) > 45
    assert [g.volume() for g in grains] == pytest.approx([math.pi / 6 * 0.7**3] * len(grains), rel=1e-9)
    assert solid.volume() == pytest.approx(BED.volume_mm3, rel=1e-9)
    assert 200 < solid.num_tri() <= 20_000


def test_every_grain_touches_another_and_none_is_entered():
    assert TOUCH < 1.025
    apart = cdist(BED.grains_mm, BED.grains_mm) / 0.7 + 9 * np.eye(len(BED.grains_mm))
    assert apart.min() == pytest.approx(TOUCH, rel=1e-6)
    assert apart.min(axis=1) == pytest.approx(np.full(len(apart), TOUCH), rel=1e-6)


def test_most_grains_lie_on_three_earlier_ones():
    grains = BED.grains_mm / 0.7
    touched = [int(np.sum(np.linalg.norm(grains[:i] - grains[i], axis=1) < TOUCH * (1 + 1e-6))) for i in range(8, 45)]
    assert np.mean(np.array(touched) >= 3) > 0.95


def test_grains_lie_in_their_ellipsoid_and_fill_a_third_of_it():
    assert np.linalg.norm(BED.grains_mm / ((6 - 0.7) / 2, (3 - 0.7) / 2, (3 - 0.7) / 2), axis=1).max() <= 1
    assert 0.3 < BED.volume_mm3 / (math.pi / 6 * 6 * 3 * 3) < 0.64  # a random close packing is the most


def test_a_channel_as_wide_as_a_grain_holds_a_row_of_them():
    row = dataclasses.replace(BED, length_mm=6.0, width_mm=0.6, grain_mm=0.6)
    assert row.grains_mm[:, 1:] == pytest.approx(0, abs=1e-6)
    assert len(row.grains_mm) == 9  # (6 - 0.6) / (0.6 * 1.02) gaps


def test_a_seed_is_a_bed_and_another_seed_another():
    assert BED.grains_mm == pytest.approx(dataclasses.replace(BED).grains_mm)
    other = dataclasses.replace(BED, seed=8)
    assert other.grains_mm.shape != BED.grains_mm.shape or not np.allclose(other.grains_mm, BED.grains_mm)


def test_no_bed_has_more_grains_than_it_may():
    full = sample(np.random.default_rng(9), length_mm=8.0, width_mm=4.7, grain_mm=1.0, material="Ti")
    assert 50 < len(full.grains_mm) <= MOST_GRAINS


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"grain_mm": 0.2}, r"may have 100 grains, and 6\.0 x 3\.0 mm hold about 3712 of 0\.2 mm; raise grain_mm"),
        ({"grain_mm": 4.0}, "grain_mm must not exceed length_mm and width_mm"),
        ({"material": ""}, "needs a material"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_what_is_no_bed_is_refused(change, text):
    with pytest.raises(BadInput, match=text):
        dataclasses.replace(BED, **change)
