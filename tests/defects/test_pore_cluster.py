"""A cluster's pores are as many, as large and as far spread as they should be, and never meet."""

import numpy as np
import pytest
from scipy import stats

from defects.messages import BadInput
from defects.pore_cluster import PoreCluster, sample
from defects.shapes import rotation
from tests.defects.measure import centroid


def drawn(seed: int, **changes) -> PoreCluster:
    asked = {"pores": 30, "diameter_mm": 0.4, "spread_mm": 1.5, **changes}
    return sample(np.random.default_rng(seed), **asked)


@pytest.mark.parametrize("pores", [1, 2, 32, 33, 120])
def test_a_cluster_has_as_many_pieces_as_pores_and_their_exact_volume(pores):
    cluster = drawn(1, pores=pores, spread_mm=3.0)
    pieces = cluster.solid().decompose()
    assert len(pieces) == pores
    wanted = sorted(np.pi / 6 * d**3 for *_, d in cluster.pores_mm)
    assert sorted(piece.volume() for piece in pieces) == pytest.approx(wanted, rel=1e-9)
    assert cluster.volume_mm3 == pytest.approx(sum(wanted), rel=1e-12)
    assert 200 <= cluster.solid().num_tri() <= 20_000


def test_every_piece_lies_where_its_pore_is():
    cluster = PoreCluster(pores_mm=((1.0, 0.0, 0.0, 0.5), (0.0, -2.0, 0.0, 0.7)), centre_mm=(5.0, 0.0, 0.0))
    middles = sorted(tuple(np.round(centroid(piece), 9)) for piece in cluster.solid().decompose())
    assert middles == [(5.0, -2.0, 0.0), (6.0, 0.0, 0.0)]


@pytest.mark.parametrize("gap_mm", [0.0, 0.2])
def test_pores_of_a_crowded_cloud_keep_their_gap(gap_mm):
    cluster = drawn(2, pores=12, spread_mm=0.1, gap_mm=gap_mm)
    pieces = cluster.solid().decompose()
    gaps = [a.min_gap(b, gap_mm + 0.1) for i, a in enumerate(pieces) for b in pieces[:i]]
    assert len(pieces) == 12
    assert min(gaps) > gap_mm
    assert min(gaps) < gap_mm + 0.1  # and it is a crowd


def test_diameters_are_lognormal():
    sizes = np.log([d for seed in range(100) for *_, d in drawn(seed, sigma=0.5, pores=20, spread_mm=5).pores_mm])
    assert stats.kstest(sizes, stats.norm(np.log(0.4), 0.5).cdf).pvalue > 0.01


def test_no_sigma_makes_all_alike():
    assert {d for *_, d in drawn(3, sigma=0.0).pores_mm} == {0.4}


def test_places_are_a_gauss_cloud_drawn_out_along_its_own_z():
    clusters = [drawn(seed, pores=10, diameter_mm=0.01, spread_mm=2.0, elongation=3.0) for seed in range(200)]
    places = np.array([pore[:3] for cluster in clusters for pore in cluster.pores_mm])
    for axis, spread in enumerate((2.0, 2.0, 6.0)):
        assert stats.kstest(places[:, axis], stats.norm(0, spread).cdf).pvalue > 0.01


def test_long_clouds_point_anywhere_with_equal_chance_and_round_ones_are_not_turned():
    axes = [rotation(drawn(seed, pores=1, elongation=2.0).quaternion)[:, 2] for seed in range(1000)]
    for axis in range(3):
        assert stats.kstest(np.array(axes)[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert drawn(0).quaternion == (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("pores", [0, 0.4, 121])
def test_too_few_and_too_many_pores_are_refused(pores):
    with pytest.raises(BadInput, match="pores must be 1 to 120 for one cluster"):
        drawn(0, pores=pores)


@pytest.mark.parametrize(
    ("pores", "text"),
    [
        ((), "has 1 to 120 pores, got 0"),
        (((0.0, 0.0, 0.0, 0.0),), "a pore must be 4 finite numbers"),
        (((0.0, 0.0, np.nan, 1.0),), "a pore must be 4 finite numbers"),
        (((0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)), "must not touch"),
    ],
)
def test_a_cluster_that_is_none_is_refused(pores, text):
    with pytest.raises(BadInput, match=text):
        PoreCluster(pores_mm=pores)
