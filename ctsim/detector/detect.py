"""From what arrives to what the detector writes: quantum noise, blur, lag, gain, read-out noise, bit depth.

A signal is counted in units of what the free beam leaves at the foot of the source's normal.
"""

from math import inf

import numpy as np
from jaxtyping import Float, Float32, UInt16

from ctsim.arrays import Array, is_on_card, module_of, to_host
from ctsim.detector import blur, lag, readout
from ctsim.detector.lag import LagState
from ctsim.detector.model import Detector
from ctsim.detector.noise import mixed

NO_PANEL = (np.zeros((0, 0)),) * 4
READ_OUT = 2**32
"""Number of the first key of the read-out noise; those of the quantum noise are counted from 0, by band."""


def detect(
    mean: Float[Array, "band view row col"],
    variance: Float[Array, "band view row col"],
    free_beam: Float[Array, "#view row col"],
    detector: Detector,
    *,
    key: np.uint64 | None,
    frames: int | None = None,
    first_view: int = 0,
    state: LagState | None = None,
) -> Float[Array, "band view row col"]:
    r"""Return the counts of an average over some frames.

    Quantum noise is a Poisson number of equal quanta with the mean and variance of the true compound process,

    $$ q = variance / mean, \qquad reading = q \, Poisson(mean / q) $$

    It is blurred and held back with the signal, as light and charge are; read-out noise comes after.

    Args:
        mean: Expected reading, in units of the free beam at the same pixel. On a card, all other arrays lie there too.
        variance: Its variance for one photon arriving there, in units of the free beam squared.
        free_beam: The free beam's share of that at the foot of the source's normal: of every view, or of all.
        detector: The panel.
        key: Of the noise; None for no noise.
        frames: How many are averaged; those of a view where None.
        first_view: Number of the first view: a pixel's noise depends on its view, not on what comes with it.
        state: What the views before have left, to be handed on from call to call; None for a panel at rest: no lag.
    """
    frames = detector.frames if frames is None else frames
    if detector.dead_share:
        mean, variance = _piled_up(mean, variance, free_beam, detector)
    keys = [_key(key, band) for band in range(len(mean))]
    if detector.is_plain and not (state and detector.lag):
        return _read(mean, variance, free_beam, detector, key is None, keys, frames, first_view)
    still = key is None or detector.noise_table is not None
    signal, photons = module_of(mean).zeros(mean.shape), detector.photons * frames
    for band, number in enumerate(keys):
        _kernels(mean).arrive(mean[band], variance[band], free_beam, photons, still, number, first_view, signal[band])
    signal = _spread(signal, detector)
    if state and detector.lag:
        if not state.held:
            lag.begin(state, detector.lag, _spread(mean[:, 0] * free_beam[0], detector))
        signal = lag.lagged(signal, detector.lag, frames, state)
    noise = None if key is None else _grain(signal, detector, np.uint64(key), first_view)
    return _written(signal, noise, detector, frames, first_view)


def _kernels(array: Array):
    """Return the kernels that work where an array lies."""
    if not is_on_card(array):
        return readout
    from ctsim.gpu import readout as there

    return there


def as_stored(
    counts: Float[np.ndarray, "..."], bits: int | None = 16
) -> UInt16[np.ndarray, "..."] | Float32[np.ndarray, "..."]:
    """Return counts as a file holds them: whole numbers, or as they are for a panel without a converter."""
    return counts.astype(np.float32) if bits is None else np.round(counts).astype(np.uint16)


def _read(mean, variance, free_beam, detector: Detector, quiet: bool, keys, frames: int, first_view: int):
    """Return the counts of a panel that neither blurs nor remembers."""
    counts, panel = module_of(mean).zeros(mean.shape), detector.panel
    maps = NO_PANEL if panel is None else (panel.gain, panel.offset_counts, panel.drift, panel.fixed_counts)
    least, most = _ends(detector)
    for band, gain in enumerate(detector.free_beam_counts):
        read_out = detector.electronic_noise_counts / gain / np.sqrt(frames)
        settings = (
            gain, float(detector.dark_counts), read_out, least, most, float(frames) if detector.bits else 0.0,
            detector.photons * frames, float(detector.views),
        )  # fmt: skip
        beam = mean[band], variance[band], free_beam
        _kernels(mean).read(*beam, settings, maps, quiet, keys[band], first_view, counts[band])
    return counts


def _written(
    signal: Float[Array, "band view row col"],
    noise: Float[Array, "band view row col"] | None,
    detector: Detector,
    frames: int,
    first_view: int,
) -> Float[Array, "band view row col"]:
    """Return what the electronics make of a signal and of noise with variance 1; the plain twin of `readout.read`."""
    there, panel, pixel = module_of(signal), detector.panel, 1.0
    if panel is not None:
        done = (first_view + there.arange(signal.shape[1])) / max(detector.views - 1, 1)
        pixel = panel.gain * (1 + panel.drift * done[:, None, None])
    if detector.curve is None:
        gain = there.asarray(np.array(detector.free_beam_counts))[:, None, None, None]
        counts = detector.dark_counts + gain * signal * pixel
    else:
        counts = there.interp(signal * pixel, *detector.curve)
    if noise is not None and detector.noise_table is None:
        counts += detector.electronic_noise_counts / frames**0.5 * pixel * noise
    elif noise is not None:
        counts += counts / there.interp(counts, *detector.noise_table) / frames**0.5 * noise
    if panel is not None:
        bad = there.isfinite(panel.fixed_counts)
        counts = there.where(bad, panel.fixed_counts, counts + panel.offset_counts)
    counts = there.clip(counts, *_ends(detector))
    # an average of whole counts comes in steps of 1 / frames
    return there.floor(counts * frames + 0.5) / frames if detector.bits else counts


def _key(key: np.uint64 | None, number: int) -> np.uint64:
    """Return a key of its own for each number; 0 for no noise."""
    return np.uint64(0 if key is None else mixed(np.uint64(key), number))


def _ends(detector: Detector) -> tuple[float, float]:
    """Return the least and the most counts."""
    if detector.bits is None:
        return (-inf, detector.most_counts)
    return (0.0, min(detector.most_counts, 2.0**detector.bits - 1))


def _spread(signal: Float[Array, "*batch row col"], detector: Detector) -> Float[Array, "*batch row col"]:
    """Return a signal as the spread of light leaves it."""
    return signal if detector.transfer is None else blur.blurred(signal, detector.transfer)


def _grain(
    signal: Float[Array, "band view row col"], detector: Detector, key: np.uint64, first_view: int
) -> Float[Array, "band view row col"]:
    """Return noise with variance 1: read-out noise, or, for a noise table, blurred as what it stands for."""
    noise = module_of(signal).zeros(signal.shape)
    for band in range(len(noise)):
        _kernels(signal).grain(_key(key, READ_OUT + band), first_view, noise[band])
    if detector.noise_table is None or detector.transfer is None:
        return noise
    return _spread(noise, detector) / blur.noise_left(to_host(detector.transfer)) ** 0.5


def _piled_up(mean, variance, free_beam, detector: Detector):
    r"""Return mean and variance of what is left of the counts by a dead time after each.

    $$ N' = N / (1 + N \tau), \qquad var N' = N / (1 + N \tau)^3 $$

    for a panel that counts N pulses above its lowest threshold and is blind after each of them, but not longer for
    pulses that it does not see (Knoll, Radiation Detection and Measurement, ch. 4; Mueller, Nucl. Instrum. Methods 112,
    47, 1973). Pulses that add up to a higher one are left out: all bands lose the same share.
    """
    there = module_of(mean)
    counts = there.tensordot(there.asarray(np.array(detector.free_beam_counts)), mean, 1) * free_beam
    alive = 1 / (1 + counts * detector.dead_share)
    return mean * alive, variance * alive**3
