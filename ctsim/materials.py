"""What matter does to X-rays: named materials, their composition and density, and their attenuation.

Densities are the nominal ones of the standards and data sheets named; a compound outside the list is written
`formula@density`, such as `Fe2O3@5.24` (g/cm3), and a mixture with the shares of its mass before the density, such as
`Al2O3:0.4+SiO2:0.6@2.53`; shares that do not add up to 1 are scaled. xraylib's `CS_Total` is used throughout: its
Kissel totals are up to 22 % low for light elements above a few tens of keV.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import xraylib
from jaxtyping import Float

from defects.messages import BadInput, unknown
from scenes.body import VOID

LOWEST_KEV, HIGHEST_KEV = 1.0, 800.0
"""Where xraylib's tables of total cross-sections hold."""

HEAVIEST = 98
"""Atomic number of the last element that these tables have, californium; those of scattering end there too."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """A material.

    Attributes:
        name: What it is called in specs.
        density_g_cm3: Its density.
        mass_fractions: (element symbol, share of the mass), summing to 1.
    """

    name: str
    density_g_cm3: float
    mass_fractions: tuple[tuple[str, float], ...]


# density [g/cm3] and mass percent of the elements; the first element named in an alloy takes the rest
_ALLOYS: dict[str, tuple[float, str]] = {
    # EN 1706 casting alloys and EN 573-3, middle of the permitted ranges
    "AlSi7Mg": (2.68, "Al Si7.0 Mg0.35"),
    "AlSi10Mg": (2.67, "Al Si10.0 Mg0.35 Fe0.3"),
    "AlSi9Cu3": (2.75, "Al Si9.5 Cu3.0 Fe0.8 Zn0.6 Mg0.3"),
    "AlMg4.5Mn": (2.66, "Al Mg4.4 Mn0.7 Cr0.15"),
    "MgAl9Zn1": (1.81, "Mg Al9.0 Zn0.7 Mn0.2"),
    # EN 10025, EN ISO 683-2, EN 10088-3, UNS N07718, ASTM F2924
    "steel": (7.85, "Fe C0.17 Mn1.2 Si0.3"),
    "42CrMo4": (7.83, "Fe C0.42 Cr1.05 Mo0.2 Mn0.75 Si0.25"),
    "316L": (7.99, "Fe Cr17.0 Ni12.0 Mo2.25 Mn1.5 Si0.5"),
    "cast_iron": (7.20, "Fe C3.5 Si2.3 Mn0.5"),
    "IN718": (8.19, "Ni Fe18.5 Cr19.0 Nb5.1 Mo3.0 Ti0.9 Al0.5"),
    "Ti6Al4V": (4.43, "Ti Al6.1 V4.0 Fe0.15 O0.12"),
    # EN 1652, EN 12164
    "CuSn6": (8.82, "Cu Sn6.0 P0.1"),
    "brass": (8.44, "Cu Zn37.0"),
    "solder": (7.38, "Sn Ag3.0 Cu0.5"),
    # dry air, sea level, 20 C (NIST Standard Reference Database 126)
    "air": (0.001205, "N O23.178 Ar1.2827 C0.0124"),
}

_COMPOUNDS: dict[str, tuple[float, str]] = {
    # NIST's table of elemental media and data sheets; W, Ti and Gd2O2S as the CTSimU project gives them
    **{"Al": (2.699, "Al"), "Fe": (7.874, "Fe"), "Cu": (8.96, "Cu"), "Ti": (4.506, "Ti"), "W": (19.25, "W")},
    **{"Mg": (1.74, "Mg"), "Ni": (8.902, "Ni"), "Pb": (11.35, "Pb"), "Sn": (7.31, "Sn"), "Be": (1.848, "Be")},
    **{"Ag": (10.50, "Ag"), "Mo": (10.22, "Mo"), "Zn": (7.133, "Zn"), "Au": (19.32, "Au"), "Si": (2.33, "Si")},
    **{"graphite": (1.7, "C"), "water": (1.0, "H2O"), "Al2O3": (3.97, "Al2O3"), "SiO2": (2.32, "SiO2")},
    **{"sand": (1.60, "SiO2"), "SiC": (3.21, "SiC"), "ZrO2": (6.05, "ZrO2"), "WC": (15.63, "WC")},
    **{"PA66": (1.14, "C12H22N2O2"), "PE": (0.93, "C2H4"), "PP": (0.90, "C3H6"), "PMMA": (1.19, "C5H8O2")},
    **{"PEEK": (1.30, "C19H12O3"), "ABS": (1.05, "C15H17N"), "PTFE": (2.20, "C2F4"), "epoxy": (1.20, "C21H25ClO5")},
    **{"EPS_foam": (0.03, "C8H8"), "CsI": (4.51, "CsI"), "Gd2O2S": (7.32, "Gd2O2S")},
}


@cache
def material(name: str) -> Material:
    """Return the material of that name, or of a formula or mixture with its density such as `Fe2O3@5.24`.

    Raises:
        BadInput: Neither a name of the list nor a formula with a density.
    """
    if name in _ALLOYS:
        density, text = _ALLOYS[name]
        return Material(name=name, density_g_cm3=density, mass_fractions=_alloy(text))
    if name in _COMPOUNDS:
        density, formula = _COMPOUNDS[name]
        return Material(name=name, density_g_cm3=density, mass_fractions=_compound(formula))
    if "@" in name:
        return _custom(name)
    raise BadInput(f"{unknown('material', name, names())}; any compound may be written formula@density, as Fe2O3@5.24")


def names() -> list[str]:
    """Return the names of all materials of the list."""
    return sorted([*_ALLOYS, *_COMPOUNDS])


@cache
def mu_per_mm(name: str, energies_kev: tuple[float, ...]) -> Float[np.ndarray, " energy"]:
    r"""Return the linear attenuation coefficient [1/mm], coherent scattering included.

    $$ \mu(E) = \rho \sum_i w_i \, (\mu/\rho)_i(E) $$

    Args:
        name: A material.
        energies_kev: Photon energies, 1 to 800 keV.

    Reference: xraylib 4, `CS_Total` (Schoonjans et al., Spectrochim. Acta B 66, 2011).
    """
    if bad := [e for e in energies_kev if not LOWEST_KEV <= e <= HIGHEST_KEV]:
        raise BadInput(f"photon energies must lie within {LOWEST_KEV:g} to {HIGHEST_KEV:g} keV, got {bad[0]:g}")
    if name == VOID:
        return np.zeros(len(energies_kev))
    what = material(name)
    numbers = [(xraylib.SymbolToAtomicNumber(symbol), share) for symbol, share in what.mass_fractions]
    per_g = [sum(share * xraylib.CS_Total(z, e) for z, share in numbers) for e in energies_kev]
    return what.density_g_cm3 * np.array(per_g) / 10  # 1/cm -> 1/mm


def _alloy(text: str) -> tuple[tuple[str, float], ...]:
    base, *rest = text.split()
    shares = []
    for word in rest:
        symbol = word.rstrip("0123456789.")
        shares.append((symbol, float(word[len(symbol) :]) / 100))
    return ((base, 1 - sum(share for _, share in shares)), *shares)


def _compound(formula: str) -> tuple[tuple[str, float], ...]:
    if not formula.isascii() or "\0" in formula:  # it would end at the NUL
        raise ValueError("a formula is of plain letters and digits")
    parsed = xraylib.CompoundParser(formula)
    pairs = zip(parsed["Elements"], parsed["massFractions"], strict=True)
    return tuple((xraylib.AtomicNumberToSymbol(z), share) for z, share in pairs)


def _mixture(text: str) -> tuple[tuple[str, float], ...]:
    """Return the mass fractions of `formula:share+formula:share`, or of a formula alone."""
    if ":" not in text:
        return _compound(text)
    parts = [word.partition(":") for word in text.split("+")]
    shares = [float(share) for _, _, share in parts]
    if not all(0 < share < math.inf for share in shares):
        raise ValueError("shares must be finite numbers above 0")
    fractions: dict[str, float] = {}
    for (formula, _, _), share in zip(parts, shares, strict=True):
        for symbol, fraction in _compound(formula):
            fractions[symbol] = fractions.get(symbol, 0.0) + fraction * share / sum(shares)
    return tuple(fractions.items())


def _custom(name: str) -> Material:
    formula, _, density_text = name.partition("@")
    try:
        density, fractions = float(density_text), _mixture(formula)
    except ValueError as error:
        raise BadInput(
            "expected formula@density in g/cm3, such as Fe2O3@5.24, or a mixture by mass such as "
            f"Al2O3:0.4+SiO2:0.6@2.53, got {name!r} ({error})"
        ) from error
    if lost := [symbol for symbol, _ in fractions if xraylib.SymbolToAtomicNumber(symbol) > HEAVIEST]:
        raise BadInput(
            f"{name!r} holds {lost[0]}, expected elements up to {xraylib.AtomicNumberToSymbol(HEAVIEST)} ({HEAVIEST}): "
            "xraylib's tables end there; leave it out"
        )
    if not 0 < density < 30:
        raise BadInput(f"the density of {name!r} must lie above 0 and below 30 g/cm3, got {density:g}")
    return Material(name=name, density_g_cm3=density, mass_fractions=fractions)
