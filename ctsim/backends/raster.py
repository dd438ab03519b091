"""Which pixels a triangle covers, and how deep it lies there: the one piece of geometry under radiographs.

Vertices are snapped to a fine integer lattice on the image and every coverage test is made in exact integers, with
the top-left rule for pixels that lie on an edge. So each ray through a closed surface meets as many entries as exits,
whatever the floating-point unit does: there is nothing to leak through. The depth is not snapped: it is that of the
triangle's own plane.

Depths are added up as 64-bit integers, so that a sum does not depend on its order; the low bits count windings
(entries minus exits), which must come to zero behind a closed surface.

The bodies are plain functions that a compiler is applied to: `ctsim.kernel` here; a card's compiler takes the same (see
`ctsim.gpu.bodies`).
"""

import math

import numpy as np

from ctsim.kernel import kernel

LATTICE_BITS = 29
"""Lattice coordinates stay below 2^29, so that a product of two differences stays below 2^61: no overflow."""

DEPTH_SCALE = 2.0**40
"""Steps of depth per source-detector distance: 1e-9 mm at 1 m. 2^11 crossings fit before 64 bits are full."""

WINDING_BITS = 12
WINDING_STEP = 1 << WINDING_BITS
"""One step of depth; below it the word counts windings from -2048 to 2047."""

ROUNDER = 1.5 * 2.0**52
ROUNDER_BITS = int(np.float64(ROUNDER).view(np.int64))

BEYOND = np.int64(1) << 61
"""Above any column number."""


def lattice_bits(largest_pixel: float) -> int:
    """Return b so that a pixel is cut in 2^b lattice steps and coordinates up to `largest_pixel` [pixel] fit."""
    return int(min(max(LATTICE_BITS - 1 - math.ceil(math.log2(max(largest_pixel, 2.0))), 1), 24))


@kernel(inline="always")
def first_centre(lowest, bits):
    """Return the first pixel >= 0 whose centre lies at or beyond a lattice coordinate."""
    step = np.int64(1) << bits
    return max((lowest - (step >> 1) + step - 1) >> bits, 0)


@kernel(inline="always")
def last_centre(highest, bits, count):
    """Return the last pixel < count whose centre lies at or before a lattice coordinate."""
    return min((highest - ((np.int64(1) << bits) >> 1)) >> bits, count - 1)


@kernel(inline="always")
def edge(ax, ay, bx, by, px, py):
    """Return twice the signed area of the triangle a, b, p: exact in integers."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@kernel(inline="always")
def tie(ax, ay, bx, by):
    """Return 0 for an edge that owns the pixels on it (a top or a left one), else 1."""
    return 0 if (by < ay or (by == ay and bx > ax)) else 1


@kernel(inline="always")
def below(e, a, inverse):
    """Return floor(e / a) for a > 0, exact in integers; `inverse` is 1 / a as a float, and brings it there but for one.

    With a = 0 the result is 0.
    """
    q = np.int64(math.floor(e * inverse))
    rest = e - q * a
    if rest < 0:
        q -= 1
    elif rest >= a and a > 0:
        q += 1
    return q


@kernel(inline="always")
def dot(ax, ay, az, bx, by, bz):
    """Return a . b; a card has its own, that rounds every step as a processor does."""
    return ax * bx + ay * by + az * bz


@kernel(inline="always")
def ahead(start, step, count):
    """Return start + step * count; a card has its own, as of `dot`."""
    return start + step * count


@kernel(inline="always")
def nearest_integer(x):
    """Return the nearest whole number, ties to even, for |x| < 2^51.

    The sum with 1.5 2^52 has no bits left for a fraction, and its last 52 bits are the number: unlike a conversion,
    this is done for eight numbers at once.
    """
    return np.float64(x + ROUNDER).view(np.int64) - ROUNDER_BITS


@kernel(inline="always")
def winding_of(word):
    """Return entries minus exits."""
    return ((word + (WINDING_STEP >> 1)) & (WINDING_STEP - 1)) - (WINDING_STEP >> 1)


@kernel(inline="always")
def depth_of(word):
    """Return the summed depth, signed as entries minus exits."""
    return (word - winding_of(word)) / WINDING_STEP / DEPTH_SCALE
