"""What comes out of the tube, and what the detector makes of it, as a few energies with weights.

A tube spectrum has a hundred bins, and each would cost an exponential per ray. But what the detector reads is a smooth
function of the path lengths, so a handful of the bins, weighted anew, gives the same reading: a quadrature, found by
non-negative least squares (a sparse solution by nature), with its error measured when it is built.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import spekpy
from jaxtyping import Float
from scipy.linalg import qr
from scipy.optimize import nnls
from scipy.stats import qmc

from ctsim.materials import mu_per_mm
from defects.messages import BadInput

BIN_KEV = 1.0
"""Width of the tube's energy bins; 5 keV would move the fluence by 0.5 %."""

DARKEST = 1e-7
"""Readings below this share of the free beam are not fitted: less than the electronic noise of any detector."""

NOISE_WEIGHT = 0.01
"""Of an error of the variance against one of the mean."""

TABLE_ERROR, MOST_KNOTS = 1e-6, 2**17
"""Of a table for one material alone, and where its doubling ends."""

LARGEST_ERROR = 1e-5
"""Of the reading, allowed to the quadrature; the quantum noise of 1e6 photons is a hundred times larger."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """Photons by energy.

    Attributes:
        energies_kev: Middle of each bin [keV].
        photons: Photons per mm2 and mAs at 1 m from the source, in each bin.
    """

    energies_kev: Float[np.ndarray, " energy"]
    photons: Float[np.ndarray, " energy"]


@lru_cache(maxsize=64)
def tube_spectrum(tube_kv: float, target: str, anode_deg: float, filters: tuple[tuple[str, float], ...]) -> Spectrum:
    """Return the spectrum of a reflection tube behind its filters.

    Args:
        tube_kv: Acceleration voltage [kV].
        target: Anode material: W (10 to 500 kV), Mo or Ag (10 to 50 kV).
        anode_deg: Anode angle.
        filters: (material, thickness in mm), each anywhere in the beam before the part.

    Reference: spekpy 2, model `casim` (Omar et al., Med. Phys. 47, 2020); filters by xraylib, as all matter here.
    """
    highest = 500.0 if target == "W" else 50.0
    if target not in {"W", "Mo", "Ag"} or not 10 <= tube_kv <= highest:
        raise BadInput(f"tubes: W 10 to 500 kV, Mo and Ag 10 to 50 kV; got {target} at {tube_kv:g} kV")
    energies, photons = _bare_tube(tube_kv, target, anode_deg)
    for name, thickness_mm in filters:
        photons = photons * np.exp(-mu_per_mm(name, tuple(energies)) * thickness_mm)
    if not photons.sum() > 0:
        thickest, mm = max(filters, key=lambda layer: layer[1])
        raise BadInput(f"filters let nothing through at {tube_kv:g} kV: {mm:g} mm of {thickest}; give thinner ones")
    # bins that hold less than 1e-9 of the photons are there for nothing but the time they take
    kept = photons > 1e-9 * photons.sum()
    return Spectrum(energies_kev=energies[kept], photons=photons[kept])


@lru_cache(maxsize=128)
def _bare_tube(tube_kv: float, target: str, anode_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Return energies [keV] and photons of an unfiltered tube; it takes 0.3 s, and a penetration asks for many."""
    tube = spekpy.Spek(kvp=tube_kv, targ=target, th=anode_deg, dk=BIN_KEV)
    energies, per_cm2 = tube.get_spectrum(diff=False)
    kept = energies >= 1.0 + BIN_KEV / 2
    return energies[kept], per_cm2[kept] / 100  # 1/cm2 -> 1/mm2


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    r"""What a pixel reads behind any thickness of the materials, as a short sum.

    $$ mean = \sum_k a_k e^{-\sum_m \mu_{mk} L_m}, \qquad variance = \sum_k b_k e^{-\sum_m \mu_{mk} L_m} $$

    in units of the free beam's mean reading; the variance is that of one photon arriving in the free beam.

    Attributes:
        mu_per_mm: Attenuation of each material at the nodes [1/mm].
        mean: Weights a of the mean; they sum to 1.
        variance: Weights b of the variance (a compound Poisson process: the second moment).
        error: Largest relative error of the mean, of the short sum against the full one and of the tables against it.
        step_mm: Of each material's table [mm].
        tables: For rays through one material alone, which most are: a cubic of the mean in each step, and one of the
            variance; four coefficients each, the constant first, of the share of the step that is done.
    """

    mu_per_mm: Float[np.ndarray, "material node"]
    mean: Float[np.ndarray, " node"]
    variance: Float[np.ndarray, " node"]
    error: float
    step_mm: Float[np.ndarray, " material"]
    tables: Float[np.ndarray, "material interval 8"]


def reading(
    spectrum: Spectrum,
    first: Float[np.ndarray, " energy"],
    second: Float[np.ndarray, " energy"],
    materials: tuple[str, ...],
    longest_mm: tuple[float, ...],
) -> Reading:
    """Return the short sum that stands for the whole spectrum.

    Args:
        spectrum: What leaves the tube.
        first: Mean signal that one arriving photon of each energy leaves in the detector, in any unit.
        second: Mean square of that signal.
        materials: Names, in the order of the path lengths.
        longest_mm: The longest path that can occur in each material [mm].
    """
    energies = spectrum.energies_kev
    mus = np.stack([mu_per_mm(name, tuple(energies)) for name in materials])  # material energy
    signal = spectrum.photons * first
    mean = signal / signal.sum()
    variance = spectrum.photons * second / signal.sum() ** 2 * spectrum.photons.sum()
    thick = _thicknesses(np.asarray(longest_mm, float))
    passed = np.exp(-thick @ mus)  # try energy
    seen = passed @ mean > DARKEST
    rows = [passed[seen] * moment / (passed[seen] @ moment)[:, None] for moment in (mean, variance)]
    # the noise needs no more than a thousandth: its rows weigh a hundredth of the signal's
    share, error = _quadrature(
        np.concatenate([rows[0], NOISE_WEIGHT * rows[1]]), np.repeat([1, NOISE_WEIGHT], len(rows[0]))
    )
    nodes = share > 0
    mu, a, b = np.ascontiguousarray(mus[:, nodes]), (share * mean)[nodes], (share * variance)[nodes]
    a, b = a / a.sum(), b / a.sum()  # the free beam reads exactly 1
    step_mm, tables, table_error = _tables(mu, a, b, np.asarray(longest_mm, float))
    return Reading(
        mu_per_mm=mu, mean=a, variance=b, error=max(error, table_error), step_mm=step_mm, tables=tables
    )  # fmt: skip


def _tables(
    mu: Float[np.ndarray, "material node"],
    a: Float[np.ndarray, " node"],
    b: Float[np.ndarray, " node"],
    longest_mm: Float[np.ndarray, " material"],
) -> tuple[Float[np.ndarray, " material"], Float[np.ndarray, "material interval 8"], float]:
    """Return the step of each material's table, its cubics, and the largest error.

    Cubic Hermite interpolation; beyond the thickness at which 1e-9 of the free beam is left a table gives its last
    value. The knots are doubled until the mean is right to TABLE_ERROR between all of them; the error falls by 16 each
    time (de Boor, A Practical Guide to Splines, ch. IV).
    """
    reach = np.array([_thickness_for(1e-9, mu[m], a, longest_mm[m]) for m in range(len(mu))])
    knots = 257
    while True:
        step_mm = reach / (knots - 1)
        depth = mu[:, None, :] * (step_mm[:, None] * np.arange(knots))[:, :, None]  # material knot node
        passed, slope = np.exp(-depth), -(mu * step_mm[:, None])[:, None, :]
        half = np.exp(-(depth[:, :-1] + mu[:, None, :] * step_mm[:, None, None] / 2)) @ a
        cubics = [_cubics(passed @ weights, (passed * slope) @ weights) for weights in (a, b)]
        middle = cubics[0] @ 0.5 ** np.arange(4)
        error = float(np.abs(middle / half - 1)[half > DARKEST].max(initial=0))
        if error <= TABLE_ERROR or knots > MOST_KNOTS:
            return step_mm, np.concatenate(cubics, axis=2), error
        knots = 2 * knots - 1


def _cubics(
    values: Float[np.ndarray, "material knot"], slopes: Float[np.ndarray, "material knot"]
) -> Float[np.ndarray, "material interval 4"]:
    """Return the cubics between neighbouring knots with these values and slopes, by powers."""
    low, high, start, end = values[:, :-1], values[:, 1:], slopes[:, :-1], slopes[:, 1:]
    return np.stack([low, start, 3 * (high - low) - 2 * start - end, 2 * (low - high) + start + end], axis=2)


def _thickness_for(reading: float, mu, a, longest_mm: float) -> float:
    """Return the thickness that leaves that reading, at most `longest_mm`; bisection, to a per cent."""
    low, high = 0.0, longest_mm
    if np.exp(-mu * high) @ a >= reading:
        return high
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if np.exp(-mu * middle) @ a > reading else (low, middle)
    return high


def _quadrature(
    matrix: Float[np.ndarray, "try energy"], wanted: Float[np.ndarray, " try"]
) -> tuple[Float[np.ndarray, " energy"], float]:
    """Return sparse weights >= 0 whose weighted columns add up to what is wanted in every row, and their largest error.

    The columns that differ most from each other come first in a pivoted QR factorisation; as few as will do are kept.
    """
    order = qr(matrix, mode="r", pivoting=True)[1]
    for count in range(1, matrix.shape[1]):
        few = np.sort(order[:count])
        share, _ = nnls(matrix[:, few], wanted)
        error = float(np.abs(matrix[:, few] @ share - wanted).max())
        if error <= LARGEST_ERROR:
            weights = np.zeros(matrix.shape[1])
            weights[few] = share
            return weights, error
    return np.ones(matrix.shape[1]), 0.0


def _thicknesses(longest_mm: Float[np.ndarray, " material"]) -> Float[np.ndarray, "try material"]:
    """Return the thicknesses at which the sum must hold: from none, densely near none, to the longest."""
    count = len(longest_mm)
    steps = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, 120 if count == 1 else 24)])
    if count <= 2:
        return np.stack([g.ravel() for g in np.meshgrid(*[steps] * count, indexing="ij")], axis=1) * longest_mm
    # each alone, and mixtures spread evenly over all shares
    mixes = [*np.eye(count), *qmc.Halton(count, scramble=False).random(32)[1:]]
    return np.concatenate([np.outer(steps, mix) for mix in mixes]) * longest_mm
