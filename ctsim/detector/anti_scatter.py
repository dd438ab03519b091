r"""What an anti-scatter grid lets through: thin strips that point to the source, with gaps between them.

A photon that crosses the grid at an angle moves sideways against the strips, over m whole periods and a rest. Over all
places where it may begin, its way through strips is a trapezoid: k wide ramps between its least and its most. With the
coefficients of strips and gaps and L the way in all,

$$ T = e^{-\mu_{gap} L} \left\langle e^{-(\mu_{strip} - \mu_{gap}) l} \right\rangle $$

is the mean over those places, in closed form (after Day and Dance, Phys. Med. Biol. 28, 1429, 1983, who have parallel
strips).
"""

import math

import numpy as np
from jaxtyping import Float

from ctsim.kernel import kernel
from ctsim.materials import mu_per_mm
from scenes.detector import AntiScatterGridSpec

STILL, EVEN = 1e-9, 1e-9
"""Periods to the side, and depth of a strip against a gap: less is none."""


@kernel(forceinline=True)
def strips_pass(strip_mm, gap_mm, height_mm, strip_per_mm, gap_per_mm, slope, lengthening):
    """Return the share of photons that strips and gaps let through.

    Args:
        strip_mm, gap_mm, height_mm: Of the grid.
        strip_per_mm, gap_per_mm: Coefficients at the photon's energy [1/mm].
        slope: Way to the side, against the strips, for a way of 1 along them.
        lengthening: Way through the grid for a height of 1.
    """
    period = strip_mm + gap_mm
    shift = max(abs(slope) * height_mm, STILL * period)
    whole = math.floor(shift / period)
    rest = shift - whole * period
    ramp = min(min(rest, strip_mm), min(gap_mm, period - rest))
    least = max(rest - gap_mm, 0.0)
    # from a way to the side to an optical depth
    depth = (strip_per_mm - gap_per_mm) * height_mm * lengthening / shift
    depth = depth if abs(depth) * period > EVEN else EVEN / period
    low, high = math.exp(-depth * least), math.exp(-depth * (least + ramp))
    mean = abs(gap_mm - rest) * low + abs(rest - strip_mm) * high + 2 * (low - high) / depth
    return math.exp(-gap_per_mm * height_mm * lengthening - depth * whole * strip_mm) * mean / period


def coefficients(
    grid: AntiScatterGridSpec, energies_kev: tuple[float, ...]
) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, " energy"]]:
    """Return the coefficients of strips and of gaps [1/mm]."""
    gaps = np.zeros(len(energies_kev)) if grid.interspace is None else mu_per_mm(grid.interspace, energies_kev)
    return mu_per_mm(grid.material, energies_kev), gaps


def primary_passes(grid: AntiScatterGridSpec, energies_kev: tuple[float, ...]) -> Float[np.ndarray, " energy"]:
    """Return the share of photons straight from the source that the grid lets through, by energy."""
    strips, gaps = coefficients(grid, energies_kev)
    through = [np.exp(-mu * grid.height_mm) for mu in (strips, gaps)]
    return (grid.strip_mm * through[0] + grid.gap_mm * through[1]) / (grid.strip_mm + grid.gap_mm)
