"""How much is scattered against what goes straight on, pixel by pixel."""

import numpy as np
from jaxtyping import Float, Float16, Float32
from numba import prange

from ctsim.arrays import Array, is_on_card, module_of, to_host
from ctsim.kernel import kernel

MOST = 65504.0
"""The largest number of float16."""


def ratios(
    mean: Float[Array, "band view row col"],
    scatter: Float[Array, "band view row col"],
    weights: tuple[float, ...],
    out: Float16[np.ndarray, "view row col"],
) -> float:
    """Fill in the ratio of scattered to primary signal, all bands together, and return the least primary of any band.

    Args:
        mean: What pixels read, in units of the free beam.
        scatter: What of that is scattered.
        weights: What the free beam adds in each band.
        out: Where the ratios go; at most what float16 holds.
    """
    if not is_on_card(mean):
        return float(_ratios(mean, scatter, np.array(weights, np.float32), out.view(np.uint16)))
    there = module_of(mean)
    primary = mean - scatter
    each = there.asarray(np.array(weights, np.float32))
    above, below = there.tensordot(each, scatter, 1), there.tensordot(each, primary, 1)
    out[:] = to_host(there.minimum(above / there.maximum(below, np.float32(1e-12)), np.float32(MOST)))
    return float(primary.min())


@kernel(parallel=True, error_model="numpy")
def _ratios(mean, scatter, weights, out):
    """Fill in ratios as the bits of float16, and return the least primary."""
    bands, views, rows, columns = mean.shape
    lowest = np.float32(np.inf)
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        above, below = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
        least = np.float32(np.inf)
        for band in range(bands):
            for i in range(columns):
                scattered = scatter[band, view, row, i]
                primary = mean[band, view, row, i] - scattered
                above[i] += weights[band] * scattered
                below[i] += weights[band] * primary
                least = min(least, primary)
        lowest = min(lowest, least)
        for i in range(columns):
            value = min(above[i] / max(below[i], np.float32(1e-12)), np.float32(MOST))
            out[view, row, i] = half_bits(value)
    return lowest


@kernel(forceinline=True)
def half_bits(value):
    """Return the bits of the float16 next to a float32 of at least 0; below 6e-5 half-way cases go up."""
    bits = np.float32(value).view(np.uint32)
    rounded = (bits + np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1))) >> np.uint32(13)
    small = np.uint32(np.float32(value) * np.float32(2.0**24) + np.float32(0.5))
    return np.uint16(rounded - np.uint32(112 << 10)) if value >= np.float32(2.0**-14) else np.uint16(small)


def ratios_plainly(
    mean: Float32[np.ndarray, "band view row col"],
    scatter: Float32[np.ndarray, "band view row col"],
    weights: tuple[float, ...],
) -> Float16[np.ndarray, "view row col"]:
    """Return the ratios by numpy alone, to check the kernel by."""
    each = np.array(weights, np.float32)
    above, below = (np.einsum("b,bvrc->vrc", each, x) for x in (scatter, mean - scatter))
    return np.minimum(above / np.maximum(below, np.float32(1e-12)), np.float32(MOST)).astype(np.float16)
