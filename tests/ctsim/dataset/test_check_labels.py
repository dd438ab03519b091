"""Voxels are counted as numpy counts them, one array at a time."""

import numpy as np
import pytest

from ctsim.dataset.check_labels import not_finite, tally_of

FLAWED = np.arange(256) >= 3


@pytest.mark.parametrize("kinds", [0, 1, 3])
def test_the_tally_is_what_numpy_counts(kinds):
    rng = np.random.default_rng(kinds)
    labels, instances, fractions = (rng.integers(0, top, (7, 8, 9)) for top in (6, 4, 256))
    tally = tally_of(labels.astype(np.uint8), instances.astype(np.uint16), fractions.astype(np.uint8), FLAWED, kinds)
    assert tally["classes"] == {value: np.count_nonzero(labels == value) for value in range(6)}
    assert tally["numbers"] == {number: np.count_nonzero(instances == number) for number in (1, 2, 3)}
    assert tally["filled"] == fractions.sum()
    assert tally["unfilled"] == np.count_nonzero((instances > 0) & (fractions == 0))
    assert tally["unowned"] == np.count_nonzero((instances == 0) & (labels >= 3))
    nearly_all = 255 * kinds / (kinds + 1) + 1 if kinds else 0
    assert tally["sound"] == np.count_nonzero((fractions > nearly_all) & (labels < 3))


def test_the_share_from_which_a_voxel_must_be_a_defect_is_the_least_that_leaves_no_choice():
    """Two kinds and matter with a third each may be labelled as matter; a 128th more of defect may not."""
    zero = np.zeros((1, 1, 1), np.uint8)
    sound = [tally_of(zero, zero.astype(np.uint16), zero + np.uint8(f), FLAWED, 2)["sound"] for f in (170, 171, 172)]
    assert sound == [0, 0, 1]


def test_what_is_not_finite_is_counted():
    array = np.array([0, -0.0, 1, 65504, -65504, 6e-8, np.inf, -np.inf, np.nan], np.float16)
    assert not_finite(array) == 3
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    assert not_finite(every) == np.count_nonzero(~np.isfinite(every)) == 2048
