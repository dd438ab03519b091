"""Waves have the root mean square that is asked for, and run any way."""

import math

import numpy as np
import pytest
from scipy import stats

from defects.messages import BadInput
from defects.waves import draw_waves, require_waves, undulation_mm


def test_one_wave_is_a_sine_along_its_direction():
    wave = (0.3, 2.0, -1.0, 90.0)
    x, y = np.array([0.0, 0.7, -1.2]), np.array([0.0, 0.1, 2.0])
    assert undulation_mm((wave,), x, y) == pytest.approx(0.3 * np.cos(2 * x - y))
    assert undulation_mm((wave, wave), x, y) == pytest.approx(0.6 * np.cos(2 * x - y))
    assert np.array_equal(undulation_mm((), x, y), np.zeros(3))


def test_the_root_mean_square_of_all_together_is_the_one_asked_for():
    rng = np.random.default_rng(1)
    heights = [undulation_mm(draw_waves(rng, 5.0, 0.2), np.array([0.4]), np.array([-1.3]))[0] for _ in range(3000)]
    assert np.mean(heights) == pytest.approx(0, abs=4 * 0.2 / math.sqrt(3000))
    assert np.sqrt(np.mean(np.square(heights))) == pytest.approx(0.2, rel=0.05)
    assert draw_waves(rng, 5.0, 0.0) == ()


def test_waves_are_a_third_to_twice_the_length_long_and_run_any_way():
    rng = np.random.default_rng(2)
    waves = np.array([wave for _ in range(500) for wave in draw_waves(rng, 5.0, 0.2)])
    assert stats.kstest(np.hypot(waves[:, 1], waves[:, 2]) * 5 / (2 * np.pi), stats.uniform(0.5, 2.5).cdf).pvalue > 0.01
    assert stats.kstest(np.arctan2(waves[:, 2], waves[:, 1]), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    assert stats.kstest(waves[:, 3], stats.uniform(0, 360).cdf).pvalue > 0.01


@pytest.mark.parametrize("wave", [(math.nan, 1.0, 0.0, 0.0), (0.1, math.inf, 0.0, 0.0), (0.1, 1.0, 0.0)])
def test_a_wave_that_is_no_four_numbers_is_refused(wave):
    with pytest.raises(BadInput, match="a wave must be 4 finite numbers"):
        require_waves((wave,))
