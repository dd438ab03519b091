"""A warp shifts no point by more than it says, keeps bodies closed and apart, and all but keeps their volume."""

import dataclasses
import math

import numpy as np
import pytest
from manifold3d import Error, Manifold
from scipy import stats

from defects.messages import BadInput
from defects.warp import Warp, sample
from tests.defects.measure import centroid, vertices
from tests.scenes.toy import bolted

SIZE = math.sqrt(40**2 + 30**2 + 20**2)
BAR = {"bar": Manifold.cube((40.0, 30.0, 20.0), True)}
SOLIDS = {body.name: body.solid for body in bolted().bodies}
BOW = Warp(amplitude_mm=1.0, waves=((1.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0, 90.0),))
"""Half a wave along x over the diagonal, up and down."""


def drawn(seed: int, **changes) -> Warp:
    return sample(np.random.default_rng(seed), bodies=("bar",), **{"amplitude_mm": 1.0, **changes})


@pytest.mark.parametrize("seed", range(4))
def test_bodies_stay_closed_and_in_one_piece_and_apart(seed):
    bent = drawn(seed).changed(SOLIDS)
    assert list(bent.solids) == list(SOLIDS)
    assert (bent.region, bent.filled, dict(bent.materials)) == (None, None, {})
    for name, solid in bent.solids.items():
        assert (solid.status(), len(solid.decompose())) == (Error.NoError, 1)
        assert solid.genus() == SOLIDS[name].genus()
    assert (bent.solids["plate"] ^ bent.solids["pin"]).volume() == pytest.approx(0, abs=1e-9 * 24000)


@pytest.mark.parametrize("seed", range(4))
def test_the_volume_changes_to_second_order_only(seed):
    def change(amplitude: float) -> float:
        return abs(drawn(seed, amplitude_mm=amplitude).changed(BAR).solids["bar"].volume() / 24000 - 1)

    assert change(1.0) < (2 * math.pi / SIZE) ** 2
    assert change(0.25) < (2 * math.pi * 0.25 / SIZE) ** 2


def test_one_transverse_wave_keeps_the_volume():
    assert BOW.changed(BAR).solids["bar"].volume() == pytest.approx(24000, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_no_point_is_shifted_by_more_than_the_amplitude(seed):
    points = np.random.default_rng(9).uniform(-20, 20, (5000, 3))
    shifts = np.linalg.norm(drawn(seed, amplitude_mm=0.7).shift_mm(points, SIZE), axis=1)
    assert 0.05 < shifts.max() <= 0.7 + 1e-12


def test_a_bow_bends_a_bar_as_a_cosine():
    solid = BOW.changed(BAR).solids["bar"]
    for x in (-19.0, -8.0, 0.1, 15.0):
        low, high = (-20 + 40 * hit.distance for hit in solid.ray_cast((x, 0.2, -20.0), (x, 0.2, 20.0)))
        assert (low + high) / 2 == pytest.approx(math.cos(math.pi * x / SIZE), abs=0.01)
        assert high - low == pytest.approx(20, abs=0.02)
    assert centroid(solid)[:2] == pytest.approx((0, 0), abs=1e-3)


def test_edges_are_cut_so_that_the_bend_is_smooth():
    solid = BOW.changed(BAR).solids["bar"]
    points = vertices(solid)
    assert np.diff(np.unique(np.round(points[:, 0], 6))).max() <= SIZE / (24 * 0.5)


def test_the_same_body_bends_alike_whatever_it_is_called_and_larger_parts_bend_wider():
    double = {"bar": BAR["bar"].scale((2.0, 2.0, 2.0))}
    once, twice = (
        BOW.changed(BAR).solids["bar"],
        dataclasses.replace(BOW, amplitude_mm=2.0).changed(double).solids["bar"],
    )
    assert twice.volume() == pytest.approx(8 * once.volume(), rel=1e-9)
    assert vertices(twice) == pytest.approx(2 * vertices(once), abs=1e-9)


def test_waves_run_any_way_and_shift_across():
    rng = np.random.default_rng(3)
    waves = np.array(
        [wave for _ in range(600) for wave in sample(rng, bodies=("bar",), amplitude_mm=1.0, bends=2.0).waves]
    )
    ways, numbers = waves[:, 1:4], waves[:, 4:7]
    lengths = np.linalg.norm(numbers, axis=1)
    assert np.sum(ways * numbers, axis=1) == pytest.approx(np.zeros(len(waves)), abs=1e-9)
    assert stats.kstest(lengths, stats.uniform(2 / 3, 4 / 3).cdf).pvalue > 0.01
    assert stats.kstest(ways[:, 2], stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert waves[:, 0].reshape(-1, 3).sum(axis=1) == pytest.approx(np.ones(600))


def test_a_part_that_would_fold_is_refused_with_what_would_not():
    with pytest.raises(BadInput, match=r"amplitude_mm 30 would fold a part of 53\.9 mm; at most 8\.57 bends it"):
        dataclasses.replace(BOW, amplitude_mm=30.0).changed(BAR)


@pytest.mark.parametrize(
    ("waves", "text"),
    [
        ((), "shares of a warp's waves must add up to 1"),
        (((0.5, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0, 90.0),), "shares of a warp's waves must add up to 1"),
        (((1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5, 90.0),), "unit vector at right angles to its wave vector"),
        (((1.0, 0.0, 0.0, 2.0, 0.5, 0.0, 0.0, 90.0),), "unit vector at right angles"),
        (((1.0, 0.0, 0.0, math.nan, 0.5, 0.0, 0.0, 90.0),), "a wave must be 8 finite numbers"),
    ],
)
def test_waves_that_are_none_are_refused(waves, text):
    with pytest.raises(BadInput, match=text):
        Warp(amplitude_mm=1.0, waves=waves)
