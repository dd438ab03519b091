"""A random walk of photons through a layer: the slow twin of `ctsim.detector.escape`, event by event."""

import math

import numpy as np
import xraylib
from numba import njit

from ctsim.materials import material

GRID_KEV = 0.5
ELECTRON_KEV = 510.999


def walk(name: str, thickness_mm: float, energy_kev: float, photons: int, seed: int = 0) -> np.ndarray:
    """Return the energy that each photon leaves in the layer; 0 where it goes through [keV]."""
    what = material(name)
    elements = [(xraylib.SymbolToAtomicNumber(s), what.density_g_cm3 * w / 10) for s, w in what.mass_fractions]
    grid = np.arange(1.0, energy_kev + 2 * GRID_KEV, GRID_KEV)
    photo = np.array([[d * xraylib.CS_Photo(z, e) for e in grid] for z, d in elements])
    compton = np.array([sum(d * xraylib.CS_Compt(z, e) for z, d in elements) for e in grid])
    lines = np.array([_k_lines(z) for z, _ in elements])
    left = np.zeros(photons)
    _walk(np.random.default_rng(seed), energy_kev, thickness_mm, photo, compton, lines, left)
    return left


def _k_lines(number: int) -> list[float]:
    """Return the K edge, the energies of six K lines, and how often each follows the photoelectric effect above it."""
    names = (xraylib.KL2_LINE, xraylib.KL3_LINE, xraylib.KM2_LINE, xraylib.KM3_LINE, xraylib.KN2_LINE, xraylib.KN3_LINE)
    try:
        chance = (1 - 1 / xraylib.JumpFactor(number, xraylib.K_SHELL)) * xraylib.FluorYield(number, xraylib.K_SHELL)
        return [
            xraylib.EdgeEnergy(number, xraylib.K_SHELL), *(xraylib.LineEnergy(number, name) for name in names),
            *(chance * xraylib.RadRate(number, name) for name in names),
        ]  # fmt: skip
    except ValueError:
        return [1e9] + 12 * [0.0]


@njit
def _at(table, energy):
    position = max((energy - 1.0) / GRID_KEV, 0.0)
    k = min(int(position), len(table) - 2)
    return table[k] * (table[k + 1] / table[k]) ** (position - k)


@njit
def _turned(rng, energy, cosine):
    """Return the energy and the direction that an electron leaves a photon: Klein and Nishina's, by rejection."""
    while True:
        turn = 2 * rng.random() - 1
        ratio = 1 / (1 + energy / ELECTRON_KEV * (1 - turn))
        if 2 * rng.random() < ratio**2 * (ratio + 1 / ratio - 1 + turn**2):
            side = math.cos(2 * math.pi * rng.random())
            return energy * ratio, cosine * turn + math.sqrt(max(1 - cosine**2, 0.0) * (1 - turn**2)) * side


@njit
def _line_of(rng, energy, photo, lines):
    """Return the energy of the K line that an atom sends out after it has taken a photon up, or 0."""
    taken = np.array([_at(one, energy) for one in photo])
    element = np.searchsorted(np.cumsum(taken), rng.random() * taken.sum())
    if energy < lines[element, 0]:
        return 0.0
    which = np.searchsorted(np.cumsum(lines[element, 7:]), rng.random())
    return lines[element, 1 + which] if which < 6 else 0.0


@njit
def _walk(rng, energy_kev, thickness_mm, photo, compton, lines, left):
    """Follow each photon, and those that it makes, to where they are taken up or leave."""
    energies, depths, cosines = np.zeros(8), np.zeros(8), np.zeros(8)
    for i in range(len(left)):
        energies[0], depths[0], cosines[0] = energy_kev, 0.0, 1.0
        waiting = 1
        while waiting:
            waiting -= 1
            energy, depth, cosine = energies[waiting], depths[waiting], cosines[waiting]
            while True:
                scatters, taken = _at(compton, energy), 0.0
                for one in photo:
                    taken += _at(one, energy)
                depth += cosine * -math.log(rng.random()) / (taken + scatters)
                if not 0 < depth < thickness_mm:
                    break
                before = energy
                if rng.random() * (taken + scatters) < scatters:
                    energy, cosine = _turned(rng, energy, cosine)
                    left[i] += before - energy
                    continue
                energies[waiting], depths[waiting] = _line_of(rng, energy, photo, lines), depth
                cosines[waiting] = 2 * rng.random() - 1
                left[i] += before - energies[waiting]
                waiting += energies[waiting] > 0
                break
