"""Filtered backprojection on a card: `ctsim.reconstruct`'s weigh and backproject, a pixel or a voxel a thread."""

import numpy as np
from jaxtyping import Float
from numba import cuda, float32, int32

from ctsim.arrays import Array, module_of
from ctsim.gpu.bodies import over, turned
from ctsim.reconstruct import backproject
from ctsim.reconstruct import weigh as weighing

UPRIGHT, BESIDE = 32, 8
"""Voxels of a block: a warp goes along z, where neighbours see neighbouring numbers of one column of pixels."""


def weigh(
    attenuation: Float[Array, "view row col"],
    vectors: Float[np.ndarray, "view 5 3"],
    slope: Float[np.ndarray, " view"],
    factors: Float[np.ndarray, "view 2 col"],
    out: Float[Array, "view col level"],
) -> None:
    """Fill `out` with the weighted projections, columns first; see `ctsim.reconstruct.weigh.weigh`."""
    there = module_of(out)
    views, columns, levels = out.shape
    weighed = there.zeros(out.shape, np.float32)
    _weigh[over(levels, columns, views)](attenuation, *map(there.asarray, (vectors, slope, factors)), weighed)
    out[:] = weighed


def add_voxels(
    pictures: Float[Array, "view column row"],
    matrices: Float[np.ndarray, "view 3 4"],
    weights: Float[np.ndarray, "slice view"],
    span: tuple[int, int],
    volume: Float[Array, "z y x"],
) -> None:
    """Add to the voxels of some slices what they see in some views; see `ctsim.reconstruct.backproject.add_views`."""
    to_card = module_of(volume).asarray
    rows = to_card(np.ascontiguousarray(matrices.reshape(-1, 12).T, np.float32))
    _, height, width = volume.shape
    blocks = (-(-(span[1] - span[0]) // UPRIGHT), -(-width // BESIDE), height)
    _add_voxels[blocks, (UPRIGHT, BESIDE)](
        pictures.reshape(-1), *pictures.shape[1:], rows, to_card(weights.astype(np.float32)), *span, volume
    )


seen, fan_weight, between = turned(backproject._seen), turned(weighing.fan_weight), turned(weighing.between)


@cuda.jit(fastmath=True)
def _add_voxels(pixels, columns, rows, matrices, weights, low, high, volume):
    """Add to a voxel what it sees in all views of a batch."""
    z, x = cuda.grid(2)
    z, y = z + low, cuda.blockIdx.z
    if z < high and x < volume.shape[2]:
        shares = weights[min(z, weights.shape[0] - 1)]
        volume[z, y, x] += seen(
            pixels, matrices, shares, 0, weights.shape[1], float32(x), float32(y), float32(z), int32(columns),
            int32(rows),
        )  # fmt: skip


@cuda.jit
def _weigh(attenuation, vectors, slope, factors, out):
    """Weigh a pixel of a levelled row."""
    level, column = cuda.grid(2)
    view, levels = cuda.blockIdx.z, out.shape[2]
    if level >= levels:
        return
    corner, u, v = vectors[view, 0], vectors[view, 1], vectors[view, 2]
    along, going = vectors[view, 3], vectors[view, 4]
    rx = corner[0] + (column + 0.5) * u[0] + (level + 0.5) * v[0]
    ry = corner[1] + (column + 0.5) * u[1] + (level + 0.5) * v[1]
    rz = corner[2] + (column + 0.5) * u[2] + (level + 0.5) * v[2]
    share = factors[view, 0, column] + (level + 0.5) / levels * (factors[view, 1, column] - factors[view, 0, column])
    weight = share * fan_weight(rx, ry, rz, along[0], along[1], along[2], going[0], going[1], going[2])
    rise = slope[view] * (out.shape[1] / 2 - (column + 0.5)) - (levels - attenuation.shape[1]) / 2
    if slope[view] == 0 and levels == attenuation.shape[1]:
        out[view, column, level] = weight * attenuation[view, level, column]
    else:
        out[view, column, level] = weight * between(attenuation[view], level + rise, column)
