"""What one photon of each energy leaves in a detector: the energy that it takes, or the counts that it makes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from ctsim.detector.anti_scatter import primary_passes
from ctsim.detector.escape import Deposits, deposits
from ctsim.materials import mu_per_mm
from scenes.detector import DetectorSpec

FWHM_OVER_SIGMA = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True, kw_only=True, eq=False)
class Response:
    """The signal that one arriving photon of each energy leaves: in keV, or in counts for a panel that counts.

    Attributes:
        first: Its mean.
        second: The mean of its square.
    """

    first: Float[np.ndarray, "band energy"]
    second: Float[np.ndarray, "band energy"]


def response_of(spec: DetectorSpec, energies_kev: Float[np.ndarray, " energy"]) -> Response:
    r"""Return the response of a detector.

    $$ m_1 = t \sum_i p_i d_i, \qquad m_2 = t \sum_i p_i d_i^2 $$

    over all that may become of a photon: with the probability p it leaves the energy d; t passes filters and window.
    A panel that counts has instead of d the share of such pulses that fall into a band, and of its square the same.
    Photons come straight on. The spread of the light that a keV gives (Swank's optical factor) is left out.

    Args:
        spec: The detector.
        energies_kev: Of the photons [keV].
    """
    found = _deposits(spec, energies_kev)
    passed = _passed(spec, energies_kev)[:, None] * found.probability
    if not spec.thresholds_kev:
        first, second = (passed * found.kev).sum(1), (passed * found.kev**2).sum(1)
        return Response(first=first[None], second=second[None])
    counts = np.stack([(passed * band).sum(1) for band in _bands(spec, found.kev)])
    return Response(first=counts, second=counts)


def _deposits(spec: DetectorSpec, energies_kev: Float[np.ndarray, " energy"]) -> Deposits:
    """Return what photons leave that have passed filters and window."""
    if spec.efficiency:
        taken = np.interp(energies_kev, *np.array(spec.efficiency).T)
    elif spec.scintillator is None:
        taken = np.ones(len(energies_kev))
    elif spec.escape:
        return deposits(spec.scintillator, spec.scintillator_mm, tuple(energies_kev.tolist()))
    else:
        taken = -np.expm1(-mu_per_mm(spec.scintillator, tuple(energies_kev.tolist())) * spec.scintillator_mm)
    return Deposits(kev=energies_kev[:, None], probability=taken[:, None])


def _passed(spec: DetectorSpec, energies_kev: Float[np.ndarray, " energy"]) -> Float[np.ndarray, " energy"]:
    """Return the share of the photons straight from the source that pass what stands before the scintillator."""
    layers = [*spec.filters.items(), *(() if spec.efficiency else spec.window.items())]
    depth = np.zeros(len(energies_kev))
    for name, thickness_mm in layers:
        depth += mu_per_mm(name, tuple(energies_kev.tolist())) * thickness_mm
    if spec.anti_scatter_grid is None:
        return np.exp(-depth)
    return np.exp(-depth) * primary_passes(spec.anti_scatter_grid, tuple(energies_kev.tolist()))


def _bands(spec: DetectorSpec, kev: Float[np.ndarray, "energy outcome"]) -> list[Float[np.ndarray, "energy outcome"]]:
    """Return for each band the share of the pulses of each energy that it counts: a Gaussian between two thresholds."""
    sigma_kev = max(spec.energy_fwhm_kev / FWHM_OVER_SIGMA, 1e-9)
    above = [ndtr((kev - threshold) / sigma_kev) for threshold in spec.thresholds_kev]
    return [low - high for low, high in zip(above, [*above[1:], np.zeros(kev.shape)], strict=True)]
