"""Exact labels: what each voxel of the reconstruction grid holds, straight from the surfaces.

Along one axis the share of every voxel is exact; across it, a voxel is cut in n x n columns. A step function per
crossing, added up with its sign, is all that it takes: the column is filled beyond each entry and emptied beyond each
exit, in any order and without sorting.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numba import njit

from ctsim.geometry import Grid
from ctsim.raster import edge, lattice_scale, plane, tie
from scenes.build import Solid, Specimen

FILL_STEPS = 2.0**30
"""Integer steps of one full column: sums do not depend on their order, and 2^33 of them fit."""

COLUMNS = (4, 16)
"""Columns across a voxel: 4 for large solids; up to 16 for small ones, so that some 32 lie across each."""

LEAST_SHARE = 0.5 / 255
"""A voxel belongs to a defect's instance from this share on: what rounds to at least 1 of 255."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What every voxel holds.

    Attributes:
        labels: The class with the largest share: 0 air, else its place in the list of classes.
        instances: The defect with the largest share, wherever a defect has at least LEAST_SHARE; else 0.
        fractions: Share of the voxel that is defect, in 255ths.
        shares: Per defect, its own share [0..1] in a box of voxels that holds it.
        sound: Share of the voxel that is the host's sound matter [0..1].
    """

    labels: UInt8[np.ndarray, "z y x"]
    instances: UInt16[np.ndarray, "z y x"]
    fractions: UInt8[np.ndarray, "z y x"]
    shares: tuple[tuple[tuple[slice, slice, slice], Float[np.ndarray, "box_z box_y box_x"]], ...]
    sound: Float[np.ndarray, "z y x"]


def label(specimen: Specimen, grid: Grid, classes: tuple[str, ...]) -> Truth:
    """Return the labels of a specimen on a grid.

    Args:
        specimen: Disjoint solids in the stage's frame.
        grid: The voxels of the reconstruction.
        classes: Names of the classes; the first is air.
    """
    defective = np.zeros(grid.shape, np.float32)
    instances, best_defect = np.zeros(grid.shape, np.uint16), np.full(grid.shape, LEAST_SHARE, np.float32)
    labels, best = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.float32)
    filled, shares, sound = np.zeros(grid.shape, np.float32), [], np.zeros(grid.shape, np.float32)
    for name in [c for c in classes[1:] if any(s.label == c for s in specimen.solids)]:
        share = np.zeros(grid.shape, np.float32)
        for solid in (s for s in specimen.solids if s.label == name):
            box, part = occupancy(solid, grid)
            share[box] += part
            if solid.number:
                shares.append((box, part))
                defective[box] += part
                better = part > best_defect[box]
                instances[box][better] = solid.number
                best_defect[box][better] = part[better]
        if not any(s.number for s in specimen.solids if s.label == name):
            sound = np.maximum(sound, share)
        better = share > best
        labels[better] = classes.index(name)
        best[better] = share[better]
        filled += share
    labels[1 - filled > best] = 0
    numbers = [s.number for name in classes[1:] for s in specimen.solids if s.label == name and s.number]
    ordered = tuple(shares[numbers.index(n)] for n in sorted(numbers))
    fractions = np.round(255 * np.clip(defective, 0, 1)).astype(np.uint8)
    return Truth(labels=labels, instances=instances, fractions=fractions, shares=ordered, sound=sound)


def occupancy(solid: Solid, grid: Grid) -> tuple[tuple[slice, slice, slice], Float[np.ndarray, "box_z box_y box_x"]]:
    """Return a box of voxels that holds the solid, and its share of each voxel in it [0..1]."""
    vertices, faces = solid.mesh()
    inside = (vertices - grid.corner_mm) / grid.voxel_mm  # in voxels, x y z
    shape = np.array(grid.shape[::-1])
    first = np.clip(np.floor(inside.min(0)), 0, shape - 1).astype(int)
    last = np.clip(np.ceil(inside.max(0)), first + 1, shape).astype(int)
    # the axis along which the solid shows the largest face: a thin sheet is then exact, however thin
    spans = inside[faces]
    normals = np.abs(np.cross(spans[:, 1] - spans[:, 0], spans[:, 2] - spans[:, 0])).sum(0)
    axis = int(np.argmax(normals))
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]  # a cyclic change of axes keeps the sense of turning
    across = float(np.sort(inside.max(0) - inside.min(0))[1])
    n = int(np.clip(math.ceil(32 / max(across, 1e-9)), *COLUMNS))
    size = (last - first)[order]
    steps = np.zeros((size[1], size[0], size[2] + 1), np.int64)
    corners = (inside - first)[:, order]
    reach = float(np.abs(corners[:, :2]).max()) * n
    leaks = _fill(corners, faces, n, lattice_scale(max(reach, *(size[:2] * n))), steps)
    if leaks:
        raise ArithmeticError(f"{leaks} columns of voxels met an open surface in the solid labelled {solid.label!r}")
    share = np.cumsum(steps[:, :, :-1], axis=2) / (FILL_STEPS * n * n)
    back = np.argsort(order)  # where x, y and z have gone
    by_xyz = np.moveaxis(share, [1, 0, 2], [0, 1, 2]).transpose(back)
    box = tuple(slice(int(a), int(b)) for a, b in zip(first[::-1], last[::-1], strict=True))
    return box, np.ascontiguousarray(np.clip(by_xyz.transpose(2, 1, 0), 0, 1), np.float32)


@njit(cache=True)
def _fill(corners, faces, n, scale, steps):
    """Add each crossing's step to its column of voxels and return how many columns do not end empty.

    corners: along the two axes across and the axis of the columns [voxel]; n columns across a voxel.
    """
    pixels = corners[:, :2] * n
    height = steps.shape[2] - 1
    windings = np.zeros((steps.shape[0] * n, steps.shape[1] * n), np.int32)
    origin = np.zeros(3)
    step, half = np.int64(scale), np.int64(scale) >> 1
    for face in range(len(faces)):
        ia, ib, ic = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = np.int64(math.floor(pixels[ia, 0] * scale + 0.5)), np.int64(math.floor(pixels[ia, 1] * scale + 0.5))
        bx, by = np.int64(math.floor(pixels[ib, 0] * scale + 0.5)), np.int64(math.floor(pixels[ib, 1] * scale + 0.5))
        cx, cy = np.int64(math.floor(pixels[ic, 0] * scale + 0.5)), np.int64(math.floor(pixels[ic, 1] * scale + 0.5))
        area = edge(ax, ay, bx, by, cx, cy)
        if area == 0:
            continue
        sign = -1  # a face that looks up the axis is left through it
        if area < 0:
            bx, by, cx, cy, sign = cx, cy, bx, by, 1
        nx, ny, nz, numerator = plane(corners, ia, ib, ic, origin)
        low = min(corners[ia, 2], corners[ib, 2], corners[ic, 2])
        high = max(corners[ia, 2], corners[ib, 2], corners[ic, 2])
        left = max((min(ax, bx, cx) - half + step - 1) // step, 0)
        right = min((max(ax, bx, cx) - half) // step, windings.shape[1] - 1)
        top = max((min(ay, by, cy) - half + step - 1) // step, 0)
        bottom = min((max(ay, by, cy) - half) // step, windings.shape[0] - 1)
        for row in range(top, bottom + 1):
            y = row * step + half
            for column in range(left, right + 1):
                x = column * step + half
                f0 = edge(ax, ay, bx, by, x, y) - tie(ax, ay, bx, by)
                f1 = edge(bx, by, cx, cy, x, y) - tie(bx, by, cx, cy)
                f2 = edge(cx, cy, ax, ay, x, y) - tie(cx, cy, ax, ay)
                if (f0 | f1 | f2) < 0:
                    continue
                windings[row, column] += sign
                z = (numerator - nx * (column + 0.5) / n - ny * (row + 0.5) / n) / nz
                z = min(max(z, low), high)
                if z >= height:
                    continue
                if z <= 0:
                    steps[row // n, column // n, 0] += sign * np.int64(FILL_STEPS)
                    continue
                voxel = int(z)
                beyond = np.int64(math.floor((voxel + 1 - z) * FILL_STEPS + 0.5))
                steps[row // n, column // n, voxel] += sign * beyond
                steps[row // n, column // n, voxel + 1] += sign * (np.int64(FILL_STEPS) - beyond)
    return np.count_nonzero(windings)
