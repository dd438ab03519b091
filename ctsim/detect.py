"""From what arrives to what the detector writes: quantum noise, electronic noise, gain, dark level, bit depth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt16

from ctsim.materials import mu_per_mm


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
    detector: Detector,
    *,
    frames: int = 1,
    rng: np.random.Generator | None,
) -> Float[np.ndarray, "view row col"]:
    r"""Return the counts of an average over some frames.

    Quantum noise is a Poisson number of equal quanta with the mean and variance of the true compound process,

    $$ q = variance / mean, \qquad reading = q \, Poisson(mean / q) $$

    Args:
        mean: Expected reading, in units of the free beam at the foot of the source's normal.
        variance: Its variance for one photon arriving there.
        detector: The panel.
        frames: How many frames are averaged.
        rng: Where the noise comes from; None for no noise.
    """
    if rng is None:
        return _converted(mean, detector)
    read_out = detector.electronic_noise_counts / detector.free_beam_counts / np.sqrt(frames)
    reading = np.zeros(mean.shape)
    for view in range(len(mean)):  # view by view, so that the draws do not depend on how many views come at once
        lit = variance[view] > 0  # behind 1000 attenuation lengths there is nothing, not even noise
        quantum = np.divide(variance[view], mean[view], out=np.ones(lit.shape), where=lit)
        quantum /= detector.photons * frames
        reading[view] = rng.poisson(mean[view] / quantum) * quantum + rng.normal(0.0, read_out, lit.shape)
    return _converted(reading, detector, frames)


def dark_frame(
    shape: tuple[int, int], detector: Detector, *, frames: int, rng: np.random.Generator | None
) -> Float[np.ndarray, "row col"]:
    """Return the average of some frames taken without a beam [counts]."""
    if rng is None:
        return np.full(shape, float(detector.dark_counts))
    noise = rng.normal(0.0, detector.electronic_noise_counts / np.sqrt(frames), shape)
    return np.clip(detector.dark_counts + noise, 0, 2**detector.bits - 1)


def as_stored(counts: Float[np.ndarray, "..."]) -> UInt16[np.ndarray, "..."]:
    """Return counts as the whole numbers a file holds."""
    return np.round(counts).astype(np.uint16)


def _converted(reading, detector: Detector, frames: int = 1):
    """Return the converter's output: clipped, and rounded to the steps that an average of whole counts has."""
    counts = np.clip(detector.dark_counts + detector.free_beam_counts * reading, 0, 2**detector.bits - 1)
    return np.round(counts * frames) / frames
