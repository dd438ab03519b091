"""The ramp filter and the windows that tame it."""

import numba
import numpy as np
from jaxtyping import Float
from scipy import fft

from ctsim.arrays import Array, is_on_card, module_of
from scenes.scene import Window

WINDOWS = {
    "ram-lak": lambda share: np.ones_like(share),
    "shepp-logan": lambda share: np.sinc(share / 2),
    "cosine": lambda share: np.cos(np.pi / 2 * share),
    "hamming": lambda share: 0.54 + 0.46 * np.cos(np.pi * share),
    "hann": lambda share: 0.5 + 0.5 * np.cos(np.pi * share),
}
"""Factor on the ramp by share of the highest frequency (Shepp and Logan, IEEE Trans. Nucl. Sci. 21, 21, 1974; the
others as in Harris, Proc. IEEE 66, 51, 1978)."""


def padded_length(columns: int) -> int:
    """Return how long a row must be, filled up with zeros, so that its end does not run into its beginning."""
    return fft.next_fast_len(2 * columns, real=True)


def response(length: int, window: Window) -> Float[np.ndarray, " frequency"]:
    r"""Return the filter by frequency, for samples 1 apart.

    $$ h_0 = 1/4, \quad h_n = -1 / (\pi n)^2 \text{ for odd } n, \quad 0 \text{ for even } n $$

    sampled in space, not in frequency, which keeps the mean right (Kak and Slaney, eq. 3.61); then the window.
    """
    n = fft.fftfreq(length, 1 / length)
    odd = n % 2 == 1
    ramp = np.zeros(length)
    ramp[0] = 0.25
    ramp[odd] = -1 / (np.pi * n[odd]) ** 2
    ramp = fft.rfft(ramp).real
    return ramp * WINDOWS[window](np.arange(len(ramp)) / (length / 2))


def filtered(
    lines: Float[Array, "view column row"], factors: Float[np.ndarray, " frequency"]
) -> Float[Array, "view column row"]:
    """Return the lines convolved along the columns, in single precision if they are."""
    if is_on_card(lines):
        there = module_of(lines)
        spectrum = there.fft.rfft(lines, axis=1) * there.asarray(factors.astype(lines.dtype))[:, None]
        return there.fft.irfft(spectrum, lines.shape[1], axis=1)
    threads = numba.get_num_threads()
    spectrum = fft.rfft(lines, axis=1, workers=threads)
    spectrum *= factors.astype(lines.dtype)[:, None]
    return fft.irfft(spectrum, lines.shape[1], axis=1, workers=threads, overwrite_x=True)
