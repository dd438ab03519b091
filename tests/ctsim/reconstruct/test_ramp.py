"""The ramp filter against its closed form."""

import numpy as np
import pytest
from scipy.integrate import quad

from ctsim.reconstruct.ramp import WINDOWS, filtered, padded_length, response


def test_the_ramp_is_the_band_limited_integral_of_the_frequency():
    """h(n) is the integral of |f| exp(2 pi i f n) over all frequencies that samples 1 apart can hold."""
    length = 64
    ramp = np.fft.irfft(response(length, "ram-lak"), length)
    for n in range(6):
        exact = 2 * quad(lambda f, n=n: f * np.cos(2 * np.pi * f * n), 0, 0.5)[0]
        assert ramp[n] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(
    ("window", "half", "highest"),
    [
        ("ram-lak", 1.0, 1.0),
        ("shepp-logan", 2 * np.sqrt(2) / np.pi, 2 / np.pi),
        ("cosine", np.sqrt(0.5), 0.0),
        ("hamming", 0.54, 0.08),
        ("hann", 0.5, 0.0),
    ],
)
def test_windows_have_the_values_of_their_definitions(window, half, highest):
    taken = response(64, window) / response(64, "ram-lak")
    assert taken[0] == 1
    assert taken[16] == pytest.approx(half, abs=1e-12)
    assert taken[32] == pytest.approx(highest, abs=1e-12)


@pytest.mark.parametrize("window", WINDOWS)
def test_filtering_is_the_plain_convolution(window):
    columns = 21
    lines = np.random.default_rng(0).normal(size=(2, columns, 3)).astype(np.float32)
    length = padded_length(columns)
    kernel = np.fft.irfft(response(length, window), length)
    padded = np.zeros((2, length, 3), np.float32)
    padded[:, :columns] = lines
    found = filtered(padded, response(length, window))[:, :columns]
    assert found.dtype == np.float32
    for column in range(columns):
        plain = sum(kernel[column - k] * lines[:, k] for k in range(columns))
        np.testing.assert_allclose(found[:, column], plain, atol=1e-6)
