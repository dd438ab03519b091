"""From what arrives to what the detector writes: quantum noise, electronic noise, gain, dark level, bit depth."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt16
from numba import njit, prange

from ctsim.materials import mu_per_mm
from ctsim.noise import FEW_QUANTA, normals, poisson, uniform

STARVED_QUANTA = 10
"""A pixel that expects fewer has a signal to noise of 3 at most."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """An energy-integrating flat panel.

    Attributes:
        free_beam_counts: What the free beam adds to the dark level at the foot of the source's normal.
        dark_counts: The level without a beam.
        electronic_noise_counts: Standard deviation of the read-out noise.
        bits: Depth of the converter: counts end at 2^bits - 1.
        photons: Photons that arrive there in the free beam, per pixel and view.
    """

    free_beam_counts: float
    dark_counts: float
    electronic_noise_counts: float
    bits: int
    photons: float


def absorbed_share(
    energies_kev: Float[np.ndarray, " energy"], scintillator: str | None, thickness_mm: float
) -> Float[np.ndarray, " energy"]:
    """Return the share of the photons that the scintillator stops, each then giving its whole energy; 1 if ideal.

    Escape of fluorescence is left out: it lowers the reading just above a K edge (Cs 36.0, I 33.2, Gd 50.2 keV).
    """
    if scintillator is None:
        return np.ones(len(energies_kev))
    return 1 - np.exp(-mu_per_mm(scintillator, tuple(energies_kev)) * thickness_mm)


def detect(
    mean: Float[np.ndarray, "view row col"],
    variance: Float[np.ndarray, "view row col"],
    free_beam: Float[np.ndarray, "row col"],
    detector: Detector,
    *,
    key: np.uint64 | None,
    frames: int = 1,
    first_view: int = 0,
) -> Float[np.ndarray, "view row col"]:
    r"""Return the counts of an average over some frames.

    Quantum noise is a Poisson number of equal quanta with the mean and variance of the true compound process,

    $$ q = variance / mean, \qquad reading = q \, Poisson(mean / q) $$

    Args:
        mean: Expected reading, in units of the free beam at the same pixel.
        variance: Its variance for one photon arriving there, in units of the free beam squared.
        free_beam: The free beam's share of that at the foot of the source's normal.
        detector: The panel.
        key: Of the noise; None for no noise.
        frames: How many frames are averaged.
        first_view: Number of the first view: a pixel's noise depends on its view, not on what comes with it.
    """
    counts = np.zeros(mean.shape)
    quiet = key is None
    read_out = detector.electronic_noise_counts / detector.free_beam_counts / np.sqrt(frames)
    settings = (
        detector.free_beam_counts, float(detector.dark_counts), read_out, 2.0**detector.bits - 1,
        detector.photons * frames, float(frames),
    )  # fmt: skip
    _read(mean, variance, free_beam, settings, quiet, np.uint64(0 if quiet else key), first_view, counts)
    return counts


def dark_frame(
    shape: tuple[int, int], detector: Detector, *, key: np.uint64 | None, frames: int
) -> Float[np.ndarray, "row col"]:
    """Return the average of some frames taken without a beam [counts]."""
    nothing = np.zeros((1, *shape))
    return detect(nothing, nothing, nothing[0], detector, key=key, frames=frames)[0]


def as_stored(counts: Float[np.ndarray, "..."]) -> UInt16[np.ndarray, "..."]:
    """Return counts as the whole numbers a file holds."""
    return np.round(counts).astype(np.uint16)


@njit(parallel=True, cache=True, error_model="numpy")
def _read(mean, variance, free_beam, settings, quiet, key, first_view, counts):
    views, rows, columns = mean.shape
    gain, dark, read_out, most, photons, frames = settings
    step = 1.0 / frames
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        first = 2 * ((first_view + view) * rows + row) * columns
        z = np.zeros(columns)
        if not quiet:
            normals(key, first, z)
        for column in range(columns):
            level = mean[view, row, column]
            reading, noise = level * free_beam[row, column], 0.0
            if not quiet:
                # behind 1000 attenuation lengths not even noise is left
                quantum = variance[view, row, column] / (level * photons) if level > 0 else 0.0
                if reading < FEW_QUANTA * quantum:
                    noise = quantum * poisson(reading / quantum, uniform(key, first + 2 * column + 1)) - reading
                    noise += read_out * z[column]
                else:
                    # one draw with the variance and the skewness of both together (Cornish-Fisher)
                    power = quantum * reading + read_out * read_out + 1e-300
                    skewed = quantum * quantum * reading / (6 * power)
                    noise = math.sqrt(power) * z[column] + skewed * (z[column] * z[column] - 1)
            value = min(max(dark + gain * (reading + noise), 0.0), most)
            # an average of whole counts comes in steps of 1 / frames
            counts[view, row, column] = math.floor(value * frames + 0.5) * step


@njit(parallel=True, cache=True)
def starved_pixels(mean, variance, free_beam, photons):
    """Return how many pixels expect fewer than STARVED_QUANTA quanta; arguments as for `detect`."""
    views, rows, columns = mean.shape
    few = 0
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        for column in range(columns):
            level = mean[view, row, column]
            few += level * level * free_beam[row, column] * photons <= STARVED_QUANTA * variance[view, row, column]
    return few
