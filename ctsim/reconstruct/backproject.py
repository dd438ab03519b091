"""Voxels summed over the views that see them: the inner half of filtered backprojection.

Pictures stand in one array [view column row], columns upright in memory, with an empty border: `SIDE` columns left and
right, `REACH` rows above and below. So what a voxel sees beside the detector is 0, and nobody has to ask.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from numba import prange

from ctsim.arrays import Array, is_on_card
from ctsim.geometry import Grid
from ctsim.kernel import kernel
from ctsim.reconstruct.lanes import FASTEST, LANES, REACH, add_seen

SIDE = 1
"""Empty columns on either side of a picture."""

TILE = 16
"""Voxels along x and y that go through a view together: their columns of pixels stay in the nearest cache."""

FAST = {"fastmath": {"contract", "reassoc", "arcp", "nsz"}, "error_model": "numpy"}


def seen(pixels, matrices, weights, first, count, x, y, z, columns, rows):
    """Return a voxel's sum over some views of what it sees, divided by its depth squared.

    This one body serves a processor (eight or sixteen views at a time: it asks nothing) and a card (a voxel a thread).

    Args:
        pixels: float32, the pictures of all views one behind the other.
        matrices: float32 [12 view]: from voxel numbers to column, row and depth; see `voxel_matrices`.
        weights: float32 [view], of each view for this voxel.
        first: The first view.
        count: How many views.
        x: The voxel's number along x, float32.
        y: Along y.
        z: Along z.
        columns: Of a picture, border and all, int32.
        rows: Of a picture, border and all, int32.
    """
    one, zero = np.float32(1), np.float32(0)
    # the last place before the outer pixel: what lies beyond it sees the empty border, and nothing of its neighbour
    under = np.float32(1 - 2**-23)
    widest, lowest = under * np.float32(columns - 1), under * np.float32(rows - 1)
    total = zero
    for i in range(count):
        k = np.uint64(first + i)  # unsigned, or each index is first asked whether it counts from the end
        depth = one / (matrices[8, k] * x + matrices[9, k] * y + matrices[10, k] * z + matrices[11, k])
        u = (matrices[0, k] * x + matrices[1, k] * y + matrices[2, k] * z + matrices[3, k]) * depth
        v = (matrices[4, k] * x + matrices[5, k] * y + matrices[6, k] * z + matrices[7, k]) * depth
        u, v = min(max(u, zero), widest), min(max(v, zero), lowest)
        left, top = np.int32(u), np.int32(v)
        beside, below = u - np.float32(left), v - np.float32(top)
        at = np.uint32((np.int32(k) * columns + left) * rows + top)
        next_at = np.uint32(at + rows)
        a = pixels[at] + below * (pixels[np.uint32(at + 1)] - pixels[at])
        b = pixels[next_at] + below * (pixels[np.uint32(next_at + 1)] - pixels[next_at])
        total += weights[k] * depth * depth * (a + beside * (b - a))
    return total


_seen = kernel(**FAST)(seen)


def upright(projection: Float[np.ndarray, "view 3 4"], grid: Grid) -> bool:
    """Return whether each upright line of voxels is seen in one column of the detector, at steps that `lanes` takes."""
    if not np.allclose(projection[:, [0, 2], 2], 0, atol=1e-12 * np.abs(projection).max()):
        return False
    steps = np.abs(projection[:, 1, 2]) * grid.voxel_mm / depths(projection, grid).min(axis=1)
    return bool(steps.max() <= FASTEST)


def depths(projection: Float[np.ndarray, "view 3 4"], grid: Grid) -> Float[np.ndarray, "view corner"]:
    """Return the depth of the grid's corners in each view: 0 in the source, 1 in the detector."""
    ends = [(-n / 2 * grid.voxel_mm, n / 2 * grid.voxel_mm) for n in grid.shape[::-1]]
    corners = np.array([(x, y, z, 1.0) for x in ends[0] for y in ends[1] for z in ends[2]])
    return projection[:, 2] @ corners.T


def voxel_matrices(projection: Float[np.ndarray, "view 3 4"], grid: Grid, lead: int) -> Float[np.ndarray, "view 3 4"]:
    """Return the matrices from voxel numbers (x, y, z, 1) to column, row and depth in the pictures, all times depth.

    Args:
        projection: From places in mm to the detector; see `Geometry.projection`.
        grid: The voxels.
        lead: Columns that the pictures have before the detector's first.
    """
    matrices = projection.copy()
    matrices[:, :, :3] *= grid.voxel_mm
    matrices[:, :, 3] += projection[:, :, :3] @ (grid.corner_mm + grid.voxel_mm / 2)
    matrices[:, 0] += (lead + SIDE - 0.5) * matrices[:, 2]
    matrices[:, 1] += (REACH - 0.5) * matrices[:, 2]
    return matrices


def add_views(
    pictures: Float[Array, "view column row"],
    matrices: Float[np.ndarray, "view 3 4"],
    weights: Float[np.ndarray, "slice view"],
    lines: bool,
    volume: Float[Array, "z y x"],
) -> None:
    """Add to every voxel what it sees in some views, over its depth squared.

    Args:
        pictures: With their empty border.
        matrices: See `voxel_matrices`.
        weights: Of each view, in one slice (for all voxels) or by slices of the volume.
        lines: Whether upright lines of voxels may be taken as a whole; see `upright`.
        volume: What is added to, in single precision.
    """
    busy = np.flatnonzero(weights.any(axis=1))
    if len(busy) == 0:
        return
    span = (0, len(volume)) if len(weights) == 1 else (int(busy[0]), int(busy[-1]) + 1)
    if is_on_card(volume):
        from ctsim.gpu.backproject import add_voxels

        add_voxels(pictures, matrices, weights, span, volume)
    elif lines:
        _add_lines(pictures, matrices, *_by_height(weights, len(volume)), volume)
    else:
        rows = np.ascontiguousarray(matrices.reshape(-1, 12).T, np.float32)
        _add_voxels(pictures, rows, weights.astype(np.float32), span[0], span[1], volume)


def _by_height(
    weights: Float[np.ndarray, "slice view"], depth: int
) -> tuple[Float[np.ndarray, "view room"], Int[np.ndarray, "view 2"]]:
    """Return the weights by height, with room for whole vectors, and where each view's begin and end."""
    shares = np.zeros((weights.shape[1], depth + -depth % LANES), np.float32)
    shares[:, :depth] = weights.T
    some = shares > 0
    ends = np.stack([some.argmax(axis=1), depth - some[:, depth - 1 :: -1].argmax(axis=1)], axis=1)
    return shares, ends * some.any(axis=1, keepdims=True)


@kernel(parallel=True, **FAST)
def _add_voxels(pictures, matrices, weights, low, high, volume):
    _, columns, rows = pictures.shape
    _, height, width = volume.shape
    pixels = pictures.reshape(pictures.size)
    tiles = (width + TILE - 1) // TILE
    for tile in prange(height * tiles):
        y = tile // tiles
        for x in range(tile % tiles * TILE, min(tile % tiles * TILE + TILE, width)):
            for z in range(low, high):
                volume[z, y, x] += _seen(
                    pixels, matrices, weights[min(z, len(weights) - 1)], 0, matrices.shape[1],
                    np.float32(x), np.float32(y), np.float32(z), np.int32(columns), np.int32(rows),
                )  # fmt: skip


@kernel(parallel=True, **FAST)
def _add_lines(pictures, matrices, shares, spans, volume):
    views, columns, rows = pictures.shape
    depth, height, width = volume.shape
    pixels = pictures.reshape(pictures.size)
    room = shares.shape[1]
    across = (width + TILE - 1) // TILE
    for tile in prange(across * ((height + TILE - 1) // TILE)):
        first_y, first_x = tile // across * TILE, tile % across * TILE
        tall, wide = min(TILE, height - first_y), min(TILE, width - first_x)
        lines = np.zeros(tall * wide * room, np.float32)
        for view in range(views):
            for i in range(tall * wide):
                x, y = first_x + i % wide, first_y + i // wide
                where = view * columns, columns, rows
                _add_line(pixels, where, matrices[view], x, y, shares[view], spans[view], lines, i * room)
        for z in range(depth):
            for i in range(tall * wide):
                volume[z, first_y + i // wide, first_x + i % wide] += lines[i * room + z]


@kernel(**FAST)
def _add_line(pixels, where, p, x, y, shares, span, lines, at):
    """Add to an upright line of voxels what it sees in one view.

    Args:
        pixels: The pictures of all views.
        where: Columns of the views before, and columns and rows of a picture.
        p: The view's matrix.
        x: The line's number along x.
        y: Along y.
        shares: Weights of the voxels, by height.
        span: The first with one, and that after the last.
        lines: Where the line's sums are.
        at: Index of its first.
    """
    before, columns, rows = where
    w = 1 / (p[2, 0] * x + p[2, 1] * y + p[2, 3])
    u = (p[0, 0] * x + p[0, 1] * y + p[0, 3]) * w
    if not 0 <= u < columns - 1:
        return
    left = int(u)
    right_share, left_share = np.float32((u - left) * w * w), np.float32((1 - (u - left)) * w * w)
    v, dv = (p[1, 0] * x + p[1, 1] * y + p[1, 3]) * w, p[1, 2] * w
    # voxels that see more than the empty border, from whole vector to whole vector
    top, bottom = (REACH - 1 - v) / dv, (rows - REACH - v) / dv
    first = max(int(min(top, bottom)), span[0]) // LANES * LANES
    stop = min(int(max(top, bottom)) + 1, span[1])
    lowest = (LANES - 1) * min(dv, 0.0)
    column = (before + left) * rows
    for z in range(first, stop, LANES):
        begin = v + dv * z
        row = math.floor(begin + lowest)
        add_seen(
            lines, at + z, shares, z, pixels, column + row, column + row + rows, left_share, right_share,
            np.float32(begin - row), np.float32(dv),
        )  # fmt: skip
