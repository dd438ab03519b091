"""What a panel remembers, against its step response and the sum of its impulse response."""

import numpy as np
import pytest

from ctsim.detector import lag
from ctsim.detector.lag import LagState

COMPONENTS = ((0.03, 1.5), (0.02, 12.0))


def step(before: float, after: float, views: int, frames: int = 1, components=COMPONENTS, batch: int | None = None):
    """Return what a pixel reads in views of `after` when it has long seen `before`."""
    state = LagState()
    lag.begin(state, components, np.full((1, 1, 1), before))
    signal = np.full((1, views, 1, 1), after)
    size = batch or views
    return np.concatenate(
        [lag.lagged(signal[:, i : i + size], components, frames, state) for i in range(0, views, size)], axis=1
    )[0, :, 0, 0]


def test_the_first_frame_after_the_beam_shows_the_sum_of_all_shares():
    read = step(1.0, 0.0, 60)
    t = np.arange(60)
    wanted = sum(share * np.exp(-t / tau) for share, tau in COMPONENTS)
    np.testing.assert_allclose(read, wanted, rtol=1e-12)
    assert read[0] == pytest.approx(0.05)


def test_switching_on_is_switching_off_upside_down():
    np.testing.assert_allclose(step(0.0, 1.0, 30), 1 - step(1.0, 0.0, 30), atol=1e-12)


def test_a_steady_beam_reads_as_without_lag():
    np.testing.assert_allclose(step(0.7, 0.7, 20), 0.7, rtol=1e-12)


def test_no_charge_is_lost():
    """All that a single view brings is read, sooner or later."""
    state = LagState()
    lag.begin(state, COMPONENTS, np.zeros((1, 1, 1)))
    signal = np.zeros((1, 400, 1, 1))
    signal[0, 0] = 1
    read = lag.lagged(signal, COMPONENTS, 1, state)
    assert read.sum() == pytest.approx(1, abs=1e-12)
    # and its squares are what noise that is new in every frame keeps of its variance
    assert (read**2).sum() == pytest.approx(lag.noise_left(COMPONENTS), abs=1e-12)


def test_a_view_of_several_frames_is_the_mean_of_single_ones():
    single = step(1.0, 0.2, 30)
    np.testing.assert_allclose(step(1.0, 0.2, 10, frames=3), single.reshape(10, 3).mean(1), rtol=1e-12)


def test_batches_leave_no_mark():
    np.testing.assert_array_equal(step(1.0, 0.0, 12, batch=5), step(1.0, 0.0, 12))


def test_without_lag_all_noise_is_left():
    assert lag.noise_left(()) == 1
