"""Rose's rule by hand."""

import numpy as np
import pytest

from ctsim.metrology.detectable import RULE, is_detectable, rose_ratio


def test_the_signal_to_noise_of_equal_voxels_grows_with_the_root_of_their_number():
    assert rose_ratio(np.ones((3, 3, 3)), 0.02, 0.01) == pytest.approx(2 * np.sqrt(27))
    assert rose_ratio(np.ones((1, 1, 4)), 0.02, 0.01) == pytest.approx(4)
    assert rose_ratio(np.full((1, 1, 4), 0.5), 0.02, 0.01) == pytest.approx(2)


def test_a_matched_sum_over_a_noisy_volume_has_that_signal_to_noise():
    rng = np.random.default_rng(5)
    share = rng.uniform(0, 1, (4, 4, 4))
    sums = [(share * (0.3 * share + rng.normal(0, 0.5, share.shape))).sum() for _ in range(4000)]
    assert np.mean(sums) / np.std(sums) == pytest.approx(rose_ratio(share, 0.3, 0.5), rel=0.05)


@pytest.mark.parametrize(
    ("ratio", "across", "seen"), [(5, 3, True), (4.9, 30, False), (500, 2.9, False), (None, 3, True), (None, 1, False)]
)
def test_both_must_be_met(ratio, across, seen):
    assert is_detectable(ratio, across) is seen
    assert RULE == "rose_ratio >= 5 and voxels_across >= 3"
