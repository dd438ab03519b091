"""The kernels of a detector on a card: the bodies of `ctsim.detector.readout`, a pixel a thread, and its arguments."""

import math

import numpy as np
from numba import cuda, float64

from ctsim.arrays import Array, module_of
from ctsim.detector import noise, readout
from ctsim.gpu.bodies import over, turned


def read(mean, variance, free_beam, settings, panel, quiet: bool, key, first_view: int, counts) -> None:
    """Fill counts: `ctsim.detector.readout.read`."""
    mapped = len(panel[0]) > 0
    if not mapped:  # something has to be handed over
        panel = (module_of(mean).zeros((1, 1)),) * 4
    _read[_over(mean)](mean, variance, free_beam, settings, panel, mapped, quiet, key, first_view, counts)


def arrive(mean, variance, free_beam, photons: float, quiet: bool, key, first_view: int, signal) -> None:
    """Fill the signal: `ctsim.detector.readout.arrive`."""
    _arrive[_over(mean)](mean, variance, free_beam, photons, quiet, key, first_view, signal)


def grain(key, first_view: int, drawn) -> None:
    """Fill with Gauss numbers: `ctsim.detector.readout.grain`."""
    _grain[_over(drawn)](key, first_view, drawn)


def hold(signal, share: float, keeps: float, out: float, held, read) -> None:
    """Let a component of the lag hold a share of each view back, and add what it gives out."""
    bands, _, rows, columns = signal.shape
    _hold[over(rows * columns, bands)](signal, share, float(keeps), float(out), held, read)


def starved_pixels(mean, variance, free_beam, photons: float) -> int:
    """Return how many pixels are starved: `ctsim.detector.readout.starved_pixels`."""
    few = module_of(mean).zeros(1, np.int32)
    for level, spread in zip(mean, variance, strict=True):
        _starved[_over(level)](level, spread, free_beam, photons, few)
    return int(few[0])


def _over(images: Array):
    """Return how to launch a kernel for pixels and views."""
    views, rows, columns = images.shape
    return over(rows * columns, views)


quantum_of, many_quanta, few_quanta = (
    turned(body) for body in (readout.quantum_of, readout.many_quanta, readout.few_quanta)
)
written, normal, uniform = turned(readout.written), turned(noise.normal), turned(noise.uniform)


@cuda.jit(device=True)
def _arriving(level, spread, free, photons, read_out, quiet, key, counter):
    """Return what a pixel's photons leave, quantum and read-out noise included, in units of the free beam."""
    reading = float64(level) * free
    if quiet:
        return reading
    quantum = quantum_of(float64(level), float64(spread), photons)
    if reading < noise.FEW_QUANTA * quantum:
        return few_quanta(reading, quantum, read_out, key, counter)
    return many_quanta(reading, quantum, read_out, normal(uniform(key, counter)))


@cuda.jit
def _read(mean, variance, free_beam, settings, panel, mapped, quiet, key, first_view, counts):
    """Write a pixel of a view."""
    pixel, view = cuda.grid(2)
    rows, columns = mean.shape[1], mean.shape[2]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    gain, dark, read_out, least, most, frames, photons, scan_views = settings
    gains, offsets, drifts, fixed = panel
    free = free_beam[min(view, free_beam.shape[0] - 1), row, column]
    counter = 2 * ((first_view + view) * rows * columns + pixel)
    value = gain * _arriving(
        mean[view, row, column], variance[view, row, column], free, photons, read_out, quiet, key, counter
    )
    if mapped:
        done = (first_view + view) / max(scan_views - 1, 1.0)
        value = offsets[row, column] + value * gains[row, column] * (1 + drifts[row, column] * done)
    value += dark
    if mapped and not math.isnan(fixed[row, column]):
        value = fixed[row, column]
    counts[view, row, column] = written(value, least, most, frames, 1.0 / max(frames, 1.0))


@cuda.jit
def _arrive(mean, variance, free_beam, photons, quiet, key, first_view, signal):
    """Fill a pixel of a view."""
    pixel, view = cuda.grid(2)
    rows, columns = mean.shape[1], mean.shape[2]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    free = free_beam[min(view, free_beam.shape[0] - 1), row, column]
    counter = 2 * ((first_view + view) * rows * columns + pixel)
    signal[view, row, column] = _arriving(
        mean[view, row, column], variance[view, row, column], free, photons, 0.0, quiet, key, counter
    )


@cuda.jit
def _grain(key, first_view, drawn):
    """Draw a pixel's number."""
    pixel, view = cuda.grid(2)
    rows, columns = drawn.shape[1], drawn.shape[2]
    if pixel < rows * columns:
        counter = 2 * ((first_view + view) * rows * columns + pixel)
        drawn[view, pixel // columns, pixel % columns] = normal(uniform(key, counter))


@cuda.jit
def _hold(signal, share, keeps, out, held, read):
    """Go through a pixel's views."""
    pixel, band = cuda.grid(2)
    views, rows, columns = signal.shape[1], signal.shape[2], signal.shape[3]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    before = held[band, row, column]
    for view in range(views):
        now = share * signal[band, view, row, column]
        read[band, view, row, column] += out * (before - now)
        before = keeps * before + (1 - keeps) * now
    held[band, row, column] = before


@cuda.jit
def _starved(mean, variance, free_beam, photons, few):
    """Count a pixel if it is starved."""
    pixel, view = cuda.grid(2)
    rows, columns = mean.shape[1], mean.shape[2]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    level, free = mean[view, row, column], free_beam[min(view, free_beam.shape[0] - 1), row, column]
    if level * level * free * photons <= readout.STARVED_QUANTA * variance[view, row, column]:
        cuda.atomic.add(few, 0, 1)
