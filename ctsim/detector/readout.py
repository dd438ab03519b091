"""The kernels of a detector, pixel by pixel: quantum noise, read-out noise, gain, dark level, bit depth.

A draw belongs to its key, view, row and column, so nothing depends on threads or on which views come together.
"""

import math

import numpy as np
from numba import prange

from ctsim.arrays import is_on_card
from ctsim.detector.noise import FEW_QUANTA, normal, normals, poisson, uniform
from ctsim.kernel import kernel

STARVED_QUANTA = 10
"""A pixel that expects fewer has a signal to noise of 3 at most."""


@kernel(error_model="numpy", inline="always")
def quantum_of(level, spread, photons):
    """Return what one of the equal quanta leaves that are as noisy as the photons."""
    # behind 1000 attenuation lengths not even noise is left
    return spread / max(level * photons, 1e-300)


@kernel(error_model="numpy", inline="always")
def many_quanta(reading, quantum, read_out, z):
    """Return a reading with its noise: one draw with the variance and the skewness of both kinds (Cornish-Fisher)."""
    power = quantum * reading + read_out * read_out + 1e-300
    skewed = quantum * quantum * reading / (6 * power)
    return reading + math.sqrt(power) * z + skewed * (z * z - 1)


@kernel(error_model="numpy")
def few_quanta(reading, quantum, read_out, key, counter):
    """Return a reading with its noise, quantum by quantum; right for any number of them, but slower."""
    return quantum * poisson(reading / quantum, uniform(key, counter + 1)) + read_out * normal(uniform(key, counter))


@kernel(error_model="numpy")
def _arrive_in_row(mean, variance, free_beam, photons, read_out, quiet, key, first, signal):
    """Fill a row with what its photons leave, quantum and read-out noise included, in units of the free beam."""
    if quiet:
        for i in range(len(signal)):
            signal[i] = mean[i] * free_beam[i]
        return
    normals(key, first, signal)
    few = 0
    for i in range(len(signal)):
        reading, quantum = np.float64(mean[i]) * free_beam[i], quantum_of(mean[i], variance[i], photons)
        few += reading < FEW_QUANTA * quantum
        signal[i] = many_quanta(reading, quantum, read_out, signal[i])
    if few:
        for i in range(len(signal)):
            reading, quantum = np.float64(mean[i]) * free_beam[i], quantum_of(mean[i], variance[i], photons)
            if reading < FEW_QUANTA * quantum:
                signal[i] = few_quanta(reading, quantum, read_out, key, first + 2 * i)


@kernel(parallel=True, error_model="numpy")
def arrive(mean, variance, free_beam, photons, quiet, key, first_view, signal):
    """Fill the signal with what the photons leave, in units of the free beam; arguments as for `read`."""
    views, rows, columns = mean.shape
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        free, first = view if len(free_beam) > 1 else 0, 2 * ((first_view + view) * rows + row) * columns
        _arrive_in_row(
            mean[view, row], variance[view, row], free_beam[free, row], photons, 0.0, quiet, key, first,
            signal[view, row],
        )  # fmt: skip


@kernel(parallel=True, error_model="numpy")
def read(mean, variance, free_beam, settings, panel, quiet, key, first_view, counts):
    """Fill counts: what a panel writes that neither blurs nor remembers.

    Args:
        mean: Expected reading by view, row and column, in units of the free beam at the same pixel.
        variance: Its variance for one photon arriving there, in units of the free beam squared.
        free_beam: The free beam's share of that at the foot of the source's normal; one image for all views, or each.
        settings: Counts that the free beam adds, dark counts, read-out noise of the average in units of the free beam,
            least and most counts, frames (0: nothing is rounded), photons of all frames, views of the scan.
        panel: Gain, offset, drift and fixed counts of each pixel; arrays without rows where all pixels are alike.
        quiet: Whether there is no noise.
        key: Of the noise.
        first_view: Number of the first view.
        counts: By view, row and column.
    """
    views, rows, columns = mean.shape
    gain, dark, read_out, least, most, frames, photons, scan_views = settings
    gains, offsets, drifts, fixed = panel
    step = 1.0 / max(frames, 1.0)
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        free, first = view if len(free_beam) > 1 else 0, 2 * ((first_view + view) * rows + row) * columns
        signal = np.zeros(columns)
        _arrive_in_row(
            mean[view, row], variance[view, row], free_beam[free, row], photons, read_out, quiet, key, first, signal
        )
        if len(gains) > 0:
            done = (first_view + view) / max(scan_views - 1, 1.0)
            for i in range(columns):
                value = dark + offsets[row, i] + gain * signal[i] * gains[row, i] * (1 + drifts[row, i] * done)
                signal[i] = value if math.isnan(fixed[row, i]) else fixed[row, i]
        else:
            for i in range(columns):
                signal[i] = dark + gain * signal[i]
        for i in range(columns):
            counts[view, row, i] = written(signal[i], least, most, frames, step)


@kernel(inline="always")
def written(value, least, most, frames, step):
    """Return counts as the converter ends and rounds them: an average of whole counts comes in steps of 1 / frames."""
    value = min(max(value, least), most)
    return math.floor(value * frames + 0.5) * step if frames > 0 else value


@kernel(parallel=True)
def grain(key, first_view, noise):
    """Fill an array by view, row and column with Gauss numbers."""
    views, rows, columns = noise.shape
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        normals(key, 2 * ((first_view + view) * rows + row) * columns, noise[view, row])


def starved_pixels(mean, variance, free_beam, photons) -> int:
    """Return how many pixels of all bands expect fewer than STARVED_QUANTA quanta; arguments as for `read`."""
    if is_on_card(mean):
        from ctsim.gpu.readout import starved_pixels as there

        return there(mean, variance, free_beam, photons)
    return _starved_pixels(mean, variance, free_beam, photons)


@kernel(parallel=True)
def _starved_pixels(mean, variance, free_beam, photons):
    bands, views, rows, columns = mean.shape
    few = 0
    for line in prange(bands * views * rows):
        band, view, row = line // (views * rows), line // rows % views, line % rows
        free = view if len(free_beam) > 1 else 0
        for column in range(columns):
            level = mean[band, view, row, column]
            quanta = level * level * free_beam[free, row, column] * photons  # times the variance
            few += quanta <= STARVED_QUANTA * variance[band, view, row, column]
    return few
