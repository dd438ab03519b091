"""The pattern of a panel: its own in every scan, with the shares and spreads that are asked for."""

import numpy as np
import pytest

from ctsim.detector.panel import panel_of
from scenes.detector import DetectorSpec


def spec(**more) -> DetectorSpec:
    return DetectorSpec(**{"rows": 300, "columns": 400} | more)


def test_pixels_that_are_all_alike_need_no_panel():
    assert panel_of(spec()) is None


def test_the_same_seed_is_the_same_panel_and_another_another():
    one, again = (panel_of(spec(gain_spread=0.02, pattern_seed=3, dead_pixels=0.01)) for _ in range(2))
    for name in ("gain", "offset_counts", "drift", "fixed_counts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    other = panel_of(spec(gain_spread=0.02, pattern_seed=4))
    assert abs(np.corrcoef(one.gain.ravel(), other.gain.ravel())[0, 1]) < 0.02
    # a wider spread is the same pattern, stronger
    wider = panel_of(spec(gain_spread=0.04, pattern_seed=3))
    np.testing.assert_allclose(wider.gain - 1, 2 * (one.gain - 1), atol=1e-12)


def test_spreads_and_shares_are_those_asked_for():
    panel = panel_of(
        spec(gain_spread=0.03, offset_spread_counts=12.0, dead_pixels=0.02, hot_pixels=0.01, drifting_pixels=0.1,
             drift_spread=0.05)
    )  # fmt: skip
    n = panel.gain.size
    assert panel.gain.std() == pytest.approx(0.03, rel=0.02)
    assert panel.gain.mean() == pytest.approx(1, abs=5 * 0.03 / np.sqrt(n))
    assert panel.offset_counts.std() == pytest.approx(12, rel=0.02)
    for share, found in (
        (0.02, panel.fixed_counts == 500),
        (0.01, panel.fixed_counts == 65535),
        (0.1, panel.drift != 0),
    ):
        assert found.mean() == pytest.approx(share, abs=5 * np.sqrt(share / n))
    assert panel.drift[panel.drift != 0].std() == pytest.approx(0.05, rel=0.05)
    assert panel.bad.mean() == pytest.approx(0.03, abs=0.003)
    assert not np.any(panel.bad & (panel.drift != 0))


def test_listed_pixels_show_what_is_listed():
    panel = panel_of(spec(bad_pixels=((2, 5, 17.0), (299, 399, 0.0))))
    assert panel.fixed_counts[2, 5] == 17
    assert np.argwhere(panel.bad).tolist() == [[2, 5], [299, 399]]


def test_a_hot_pixel_of_a_panel_without_an_end_is_brighter_than_the_beam():
    panel = panel_of(spec(bits=None, hot_pixels=0.01))
    assert np.nanmax(panel.fixed_counts) == 500 + 2 * 50000
