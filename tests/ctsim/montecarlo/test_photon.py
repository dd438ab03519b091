"""A photon's own random numbers, and the first of them where they are to lie evenly."""

import numpy as np
import pytest
from scipy import stats

from ctsim.montecarlo import photon
from tests.ctsim.montecarlo.setups import OWN, no_draws


def test_a_draw_is_even_and_unlike_the_one_before():
    counts = no_draws()
    found = np.array([photon.draw(OWN, counts) for _ in range(10_000)])
    assert counts[photon.DRAWN] == 10_000
    assert stats.kstest(found, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.04


@pytest.mark.parametrize("key", [3, 2**63 + 5])
def test_stratified_draws_lie_evenly(key):
    """Of 1024 draws each bin of 64 holds 16 to within 3, where chance would miss by up to 12.

    Pairs, over 16 x 16 cells of 4 each: chance leaves a variance of 4 between them, places on the panel must not have
    a half of that.
    """
    draws = np.array(
        [[photon.first_draw(photon.STRATIFIED, n, np.uint64(key), OWN, w) for w in range(5)] for n in range(1024)]
    )
    assert (draws > 0).all()
    assert (draws < 1).all()
    for which in range(5):
        counts = np.bincount((draws[:, which] * 64).astype(int), minlength=64)
        assert np.abs(counts - 16).max() <= 3
    cells = (draws[:, 0] * 16).astype(int) * 16 + (draws[:, 1] * 16).astype(int)
    assert np.bincount(cells, minlength=256).var() < 2
    # another view begins elsewhere
    assert photon.first_draw(photon.STRATIFIED, 0, np.uint64(key + 1), OWN, 0) != draws[0, 0]


def test_stratified_draws_lie_evenly_in_pairs():
    """Of 4096, cells of 32 x 32 that chance fills with 4 +- 2: no pair of draws may do worse than that."""
    draws = np.array(
        [[photon.first_draw(photon.STRATIFIED, n, np.uint64(3), OWN, w) for w in range(5)] for n in range(4096)]
    )
    for one in range(5):
        for other in range(one):
            cells = (draws[:, one] * 32).astype(int) * 32 + (draws[:, other] * 32).astype(int)
            assert np.bincount(cells, minlength=1024).var() < 4


def test_plain_first_draws_are_the_photons_own():
    found = np.array([[photon.first_draw(0, n, OWN, np.uint64(n * 977), w) for w in range(5)] for n in range(2000)])
    assert stats.kstest(found.ravel(), "uniform").pvalue > 0.001
    assert len(np.unique(found)) == found.size
