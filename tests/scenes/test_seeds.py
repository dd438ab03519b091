"""Streams are the same for the same arguments, and independent for any other."""

import itertools

import numpy as np
import pytest
from scipy import stats

from scenes.seeds import stream

STAGES = ("part", "dimensions", "pose", "scan", "defects", "photons")


def test_a_stream_is_the_same_on_any_machine_on_any_day():
    """Golden numbers: a change of these changes every dataset ever made."""
    assert stream(0, 17, "pose").integers(0, 1000, 6).tolist() == [243, 526, 123, 706, 697, 240]
    assert stream(5, 0, "defects").integers(0, 1000, 6).tolist() == [128, 313, 206, 282, 388, 344]


def test_the_same_arguments_give_the_same_numbers_whatever_was_drawn_before():
    first = stream(1, 2, "pose").random(100)
    stream(1, 2, "scan").random(7)
    assert np.array_equal(stream(1, 2, "pose").random(100), first)


def test_seed_zero_is_a_seed():
    assert np.array_equal(stream(0, 0, "pose").random(9), stream(0, 0, "pose").random(9))
    assert not np.array_equal(stream(0, 0, "pose").random(9), stream(1, 0, "pose").random(9))


def test_another_seed_scene_or_stage_is_another_stream():
    """No two of 6 stages x 8 scenes x 4 seeds begin alike."""
    firsts = {stream(*which).random() for which in itertools.product(range(4), range(8), STAGES)}
    assert len(firsts) == 4 * 8 * 6


@pytest.mark.parametrize("step", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0)])
def test_neighbouring_streams_are_not_correlated(step):
    """The correlation of two independent series of n numbers is Gaussian with a spread of 1 / sqrt(n)."""
    correlations = []
    for i in range(1, 301):
        a, b = stream(i, i, STAGES[0]), stream(i + step[0], i + step[1], STAGES[step[2]])
        correlations.append(np.corrcoef(a.random(1000), b.random(1000))[0, 1])
    assert stats.kstest(np.sqrt(1000) * np.array(correlations), "norm").pvalue > 0.01


@pytest.mark.parametrize("which", ["seed", "scene"])
def test_first_numbers_over_many_streams_are_uniform_and_do_not_follow_one_another(which):
    """Scenes and seeds are counted up by one: their streams must not be near for that."""
    firsts = [stream(*((i, 0) if which == "seed" else (0, i)), "pose").random() for i in range(3000)]
    assert stats.kstest(firsts, "uniform").pvalue > 0.01
    assert stats.pearsonr(firsts[1:], firsts[:-1]).pvalue > 0.01
