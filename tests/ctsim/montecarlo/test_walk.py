"""What ends a photon's walk."""

import math

import numpy as np
import pytest

from ctsim.montecarlo import photon, walk
from tests.ctsim.montecarlo.setups import OWN, desk, no_draws


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
