"""What ends a photon's walk."""

import math

import numpy as np
import pytest

from ctsim.montecarlo import photon, walk

DRAWS = 40_000
"""A distribution that is off by 1 % of all draws differs by 0.01, twice what so many leave to chance (1 in 1000)."""

OWN = np.uint64(0x1234_5678_9ABC_DEF0)


def no_draws() -> np.ndarray:
    """Return the counts of a photon that has drawn nothing."""
    return np.zeros(16, np.int64)


def desk() -> np.ndarray:
    """Return an empty desk."""
    return np.zeros(64 + 2 * photon.MOST_MATERIALS)


def test_roulette_keeps_the_weight_on_the_mean():
    mine, counts, sums = desk(), no_draws(), []
    for _ in range(20_000):
        mine[photon.WEIGHT], mine[photon.FIRST_WEIGHT] = 0.05, 1.0
        sums.append(mine[photon.WEIGHT] if walk.survives(OWN, mine, counts) else 0.0)
    assert set(np.round(sums, 9)) == {0.0, walk.LIGHT}
    assert np.mean(sums) == pytest.approx(0.05, abs=4 * np.std(sums) / math.sqrt(len(sums)))
    mine[photon.WEIGHT] = 0.21
    assert walk.survives(OWN, mine, counts)
    assert mine[photon.WEIGHT] == 0.21
