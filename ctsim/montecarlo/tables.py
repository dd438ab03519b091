r"""What a photon meets in matter, as tables that a kernel reads; all from xraylib.

Energies lie evenly in their logarithm, momentum transfers $x = E \sin(\theta / 2) / hc$ evenly in $t = x / (1 + x)$
(x in 1/angstrom), which is fine where form factors change and takes no logarithm to find.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import xraylib
from jaxtyping import Float, Float32

from ctsim.detector.escape import ELECTRON_KEV, K_LINES, LEAST_LINE_KEV
from ctsim.materials import HIGHEST_KEV, LOWEST_KEV, material
from defects.messages import BadInput

ENERGIES, TRANSFERS = 2048, 1024
"""Steps of 0.33 % in energy: what lies between two is interpolated, right to 5e-5 away from the K and L edges."""

LEAST_TRANSFER = 0.00102
"""Where xraylib's incoherent scattering functions begin [1/angstrom]; they are below 1e-4 there."""

HC_KEV_ANGSTROM = 12.398419843320026
"""Planck's constant and the speed of light."""

PHOTO, COMPTON, RAYLEIGH, LINES = range(4)
"""Columns of `Tables.per_mm`: taken up without a line; scattered by an electron, by an atom; taken up with a K line."""

TOTAL = 4
"""Their sum."""


class Tables(NamedTuple):
    """Of all materials, as a kernel reads them.

    Attributes:
        per_mm: Coefficients by energy, material and column (see PHOTO) [1/mm].
        incoherent: Incoherent scattering function by material and momentum transfer, in units of its largest value.
        compton_norm: By energy, the integral over all directions that `scattering.compton_pdf` divides by.
        coherent: Integral of the squared form factor over x^2, from 0 to each momentum transfer.
        line_kev: Energies of the K lines by material; 0 where there are fewer.
        line_share: Share of all lines up to each one, by energy, material and line.
    """

    per_mm: Float32[np.ndarray, "energy material 5"]
    incoherent: Float32[np.ndarray, "material transfer"]
    compton_norm: Float32[np.ndarray, "energy material"]
    coherent: Float[np.ndarray, "material transfer"]
    line_kev: Float[np.ndarray, "material line"]
    line_share: Float32[np.ndarray, "energy material line"]


def grid_kev() -> Float[np.ndarray, " energy"]:
    """Return the energies of all tables [keV]."""
    return np.geomspace(LOWEST_KEV, HIGHEST_KEV, ENERGIES)


def transfers() -> Float[np.ndarray, " transfer"]:
    """Return the momentum transfers of all tables [1/angstrom]; the last is what 800 keV gives straight backwards."""
    most = HIGHEST_KEV / HC_KEV_ANGSTROM
    t = np.linspace(0, most / (1 + most), TRANSFERS)
    return t / (1 - t)


@lru_cache(maxsize=8)
def tables_of(materials: tuple[str, ...], fluorescence: bool = False) -> Tables:
    """Return the tables of some materials, in their order.

    Args:
        materials: Names, as `ctsim.materials.material` takes them.
        fluorescence: Whether atoms send out K lines; without, their energy stays where the photon was taken up.

    Raises:
        BadInput: A material holds an element that xraylib has no tables for.

    Reference: xraylib 4, `CS_Photo`, `CS_Compt`, `CS_Rayl`, `SF_Compt`, `FF_Rayl`, `CS_FluorLine` (Schoonjans et al.,
    Spectrochim. Acta B 66, 2011); EPDL97 behind most of them.
    """
    each = [_one(name, fluorescence) for name in materials]
    lines = max(len(one["line_kev"]) for one in each)
    line_kev = np.zeros((len(each), lines))
    line_share = np.ones((ENERGIES, len(each), lines), np.float32)
    for m, one in enumerate(each):
        line_kev[m, : len(one["line_kev"])] = one["line_kev"]
        line_share[:, m, : len(one["line_kev"])] = one["line_share"]
    return Tables(
        per_mm=np.stack([one["per_mm"] for one in each], axis=1).astype(np.float32),
        incoherent=np.stack([one["incoherent"] for one in each]).astype(np.float32),
        compton_norm=np.stack([one["compton_norm"] for one in each], axis=1).astype(np.float32),
        coherent=np.stack([one["coherent"] for one in each]),
        line_kev=line_kev,
        line_share=line_share,
    )


@lru_cache(maxsize=64)
def _one(name: str, fluorescence: bool) -> dict[str, np.ndarray]:
    """Return the tables of one material."""
    what = material(name)
    elements = [(xraylib.SymbolToAtomicNumber(symbol), share) for symbol, share in what.mass_fractions]
    energies, density = grid_kev(), what.density_g_cm3 / 10  # cm2/g -> 1/mm
    try:
        sums = {
            call: sum(share * np.array([getattr(xraylib, call)(z, e) for e in energies]) for z, share in elements)
            for call in ("CS_Photo", "CS_Compt", "CS_Rayl")
        }
        moles = [(z, share / xraylib.AtomicWeight(z)) for z, share in elements]
        x = transfers()
        bound = sum(
            n * np.array([0.0, *(xraylib.SF_Compt(z, max(v, LEAST_TRANSFER)) for v in x[1:])]) for z, n in moles
        )
        middles = np.sqrt((x[1:] ** 2 + x[:-1] ** 2) / 2)
        form = [sum(n * np.array([xraylib.FF_Rayl(z, v) for v in at]) ** 2 for z, n in moles) for at in (x, middles)]
    except ValueError as error:
        raise BadInput(
            f"material {name!r} cannot be followed photon by photon: xraylib has no scattering tables for one of its "
            f"elements ({error}); give a material without it, or fidelity: beer-lambert"
        ) from error
    # Simpson's rule in x^2
    pieces = (form[0][:-1] + 4 * form[1] + form[0][1:]) / 6 * np.diff(x**2)
    line_kev, made = _lines(elements, energies) if fluorescence else (np.zeros(1), np.zeros((ENERGIES, 1)))
    produced = density * made.sum(1)
    photo, compton, rayleigh = (density * sums[call] for call in ("CS_Photo", "CS_Compt", "CS_Rayl"))
    columns = [photo - produced, compton, rayleigh, produced, photo + compton + rayleigh]
    incoherent = bound / bound.max()
    return {
        "per_mm": np.stack(columns, axis=1),
        "incoherent": incoherent,
        "compton_norm": _compton_norm(energies, x, incoherent),
        "coherent": np.concatenate([[0.0], np.cumsum(pieces)]),
        "line_kev": line_kev,
        "line_share": np.cumsum(made, axis=1) / np.maximum(made.sum(1, keepdims=True), 1e-300),
    }


def _compton_norm(
    energies: Float[np.ndarray, " energy"],
    x: Float[np.ndarray, " transfer"],
    incoherent: Float[np.ndarray, " transfer"],
) -> Float[np.ndarray, " energy"]:
    """Return the integral over all directions of Klein and Nishina's shape times the incoherent scattering function.

    Over the root of 1 - cos, in which both are smooth.
    """
    nodes, weights = np.polynomial.legendre.leggauss(256)
    root, weight = (nodes + 1) / 2 * 2**0.5, weights / 2 * 2**0.5
    one_less_cosine = root**2
    ratio = 1 / (1 + energies[:, None] / ELECTRON_KEV * one_less_cosine)
    shape = ratio**2 * (ratio + 1 / ratio - 1 + (1 - one_less_cosine) ** 2)
    transfer = energies[:, None] / HC_KEV_ANGSTROM * np.sqrt(one_less_cosine / 2)
    place = transfer / (1 + transfer)
    bound = np.interp(place, x / (1 + x), incoherent)  # as the kernel reads it
    return 2 * np.pi * (shape * bound) @ (weight * 2 * root)


def _lines(
    elements: list[tuple[int, float]], energies: Float[np.ndarray, " energy"]
) -> tuple[Float[np.ndarray, " line"], Float[np.ndarray, "energy line"]]:
    """Return the energies of the K lines that matter, and how often each is made [cm2/g]."""
    line_kev, made = [], []
    for z, share in elements:
        for group in K_LINES:
            parts = np.array([[_made(z, line, e) for line in group] for e in energies])
            if not parts.any():
                continue
            kev = np.array([xraylib.LineEnergy(z, line) if parts[:, i].any() else 0.0 for i, line in enumerate(group)])
            mean_kev = float(parts[-1] @ kev / parts[-1].sum())
            if mean_kev >= LEAST_LINE_KEV:
                line_kev.append(mean_kev)
                made.append(share * parts.sum(1))
    if not made:
        return np.zeros(1), np.zeros((len(energies), 1))
    return np.array(line_kev), np.stack(made, axis=1)


def _made(z: int, line: int, energy_kev: float) -> float:
    try:
        return xraylib.CS_FluorLine(z, line, energy_kev)
    except ValueError:  # below the K edge, or an element without such a line
        return 0.0
