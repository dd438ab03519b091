"""What becomes of a photon where it meets matter: coefficients, angles and energies, drawn or as densities.

References: Klein and Nishina, Z. Phys. 52, 853 (1929); Butcher and Messel, Nucl. Phys. 20, 15 (1960): sampling of their
formula.
"""

import math

import numpy as np

from ctsim.detector.escape import ELECTRON_KEV
from ctsim.kernel import kernel
from ctsim.materials import HIGHEST_KEV, LOWEST_KEV
from ctsim.montecarlo.photon import draw
from ctsim.montecarlo.tables import HC_KEV_ANGSTROM, TOTAL, TRANSFERS

LOG_RANGE = math.log(HIGHEST_KEV / LOWEST_KEV)

MOST_TRANSFER = HIGHEST_KEV / HC_KEV_ANGSTROM

PER_TRANSFER = (TRANSFERS - 1) * (1 + MOST_TRANSFER) / MOST_TRANSFER
"""Places on the tables' axis of momentum transfers for 1 of x / (1 + x)."""


@kernel(forceinline=True)
def place_of(energy_kev, count):
    """Return where an energy lies on the tables' axis: between which two, and how far."""
    place = math.log(energy_kev / LOWEST_KEV) * ((count - 1) / LOG_RANGE)
    # plain Python, which stands for a card in tests, would go on in single precision
    return np.float64(min(max(place, 0.0), count - 1.000001))


@kernel(forceinline=True)
def at(per_mm, place, material, column):
    """Return a coefficient at a place between two energies."""
    i = int(place)
    low = per_mm[i, material, column]
    return low + (place - i) * (per_mm[i + 1, material, column] - low)


@kernel(forceinline=True)
def along(curve, place):
    """Return a curve at a place between two of its points."""
    i = int(place)
    return curve[i] + (place - i) * (curve[i + 1] - curve[i])


@kernel(forceinline=True)
def look_up(per_mm, energy_kev, first, desk):
    """Write all materials' total coefficients at an energy to the desk, and return its place."""
    place = place_of(energy_kev, per_mm.shape[0])
    for m in range(per_mm.shape[1]):
        desk[first + m] = at(per_mm, place, m, TOTAL)
    return place


@kernel(forceinline=True)
def bound(tables, material, energy_kev, one_less_cosine):
    """Return the incoherent scattering function, 1 for free electrons."""
    x = energy_kev / HC_KEV_ANGSTROM * math.sqrt(max(one_less_cosine, 0.0) * 0.5)
    return along(tables.incoherent[material], min(x / (1 + x) * PER_TRANSFER, tables.incoherent.shape[1] - 1.000001))


@kernel(forceinline=True)
def compton_pdf(tables, material, place, energy_kev, cosine):
    """Return the density of a Compton-scattered photon's direction [1/sr], and its energy [keV]."""
    ratio = 1 / (1 + energy_kev / ELECTRON_KEV * (1 - cosine))
    shape = ratio * ratio * (ratio + 1 / ratio - 1 + cosine * cosine)
    i = int(place)
    norm = tables.compton_norm[i, material]
    norm += (place - i) * (tables.compton_norm[i + 1, material] - norm)
    return shape * bound(tables, material, energy_kev, 1 - cosine) / norm, energy_kev * ratio


@kernel(forceinline=True)
def compton_cosine(tables, material, energy_kev, own, counts):
    """Return a cosine of Compton scattering: Klein and Nishina's by composition, bound electrons by rejection."""
    least = 1 / (1 + 2 * energy_kev / ELECTRON_KEV)
    one, two = -math.log(least), (1 - least * least) / 2
    most = bound(tables, material, energy_kev, 2.0)
    while True:
        if draw(own, counts) * (one + two) < one:
            ratio = math.exp(-one * draw(own, counts))
        else:
            ratio = math.sqrt(least * least + (1 - least * least) * draw(own, counts))
        less = min((1 - ratio) / (ratio * energy_kev) * ELECTRON_KEV, 2.0)
        shape = (1 - ratio * less * (2 - less) / (1 + ratio * ratio)) * bound(tables, material, energy_kev, less)
        if draw(own, counts) * most < shape:
            return 1 - less


@kernel(forceinline=True)
def rayleigh_cosine(tables, material, energy_kev, own, counts):
    """Return a cosine of Rayleigh scattering: form factors by inversion, Thomson's 1 + cos^2 by rejection."""
    curve, last = tables.coherent[material], tables.coherent.shape[1] - 1
    most = energy_kev / HC_KEV_ANGSTROM
    whole = _up_to(curve, most, last)
    while True:
        wanted, low, high = draw(own, counts) * whole, 0, last
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if curve[middle] <= wanted else (low, middle)
        a, b = _transfer(low), _transfer(high)
        rest = (wanted - curve[low]) / max(curve[high] - curve[low], 1e-300)
        cosine = max(1 - 2 * (a * a + rest * (b * b - a * a)) / (most * most), -1.0)
        if draw(own, counts) * 2 < 1 + cosine * cosine:
            return cosine


@kernel(forceinline=True)
def _transfer(index):
    """Return the momentum transfer at a point of the tables."""
    t = index / PER_TRANSFER
    return t / (1 - t)


@kernel(forceinline=True)
def _up_to(curve, x, last):
    """Return the integral of the squared form factor over x^2 from 0 to x."""
    i = min(int(x / (1 + x) * PER_TRANSFER), last - 1)
    a, b = _transfer(i), _transfer(i + 1)
    return curve[i] + (curve[i + 1] - curve[i]) * min((x * x - a * a) / (b * b - a * a), 1.0)


@kernel(forceinline=True)
def turned_by(dx, dy, dz, cosine, turn):
    """Return a direction at an angle to another, turned about it."""
    sine, angle = math.sqrt(max(1 - cosine * cosine, 0.0)), 2 * math.pi * turn
    a, b = sine * math.cos(angle), sine * math.sin(angle)
    across = math.sqrt(dx * dx + dy * dy)
    if across < 1e-8:
        return a, b, cosine * dz
    ex, ey, ez = dx * cosine, dy * cosine, dz * cosine
    ex += (a * dx * dz - b * dy) / across
    ey += (a * dy * dz + b * dx) / across
    ez -= a * across
    size = 1 / math.sqrt(ex * ex + ey * ey + ez * ez)
    return ex * size, ey * size, ez * size


@kernel(forceinline=True)
def line_of(tables, material, place, own, counts):
    """Return the energy of a K line [keV], by how often each is made."""
    u, i = draw(own, counts), int(place)
    for line in range(tables.line_kev.shape[1]):
        if u < tables.line_share[i, material, line]:
            return tables.line_kev[material, line]
    return tables.line_kev[material, tables.line_kev.shape[1] - 1]
