"""Exact labels: what each voxel of the reconstruction grid holds, straight from the surfaces.

Along one axis the share of every voxel is exact; across it, a voxel is cut in n x n columns. A step function per
crossing, added up with its sign, is all that it takes: the column is filled beyond each entry and emptied beyond each
exit, in any order and without sorting.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from ctsim.backends.raster import edge, first_centre, last_centre, lattice_bits, tie
from ctsim.geometry import Grid
from ctsim.kernel import kernel
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
        sound: Largest share of the voxel that one sound material has [0..1].
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
    leaks = _fill(corners, faces, n, lattice_bits(max(reach, *(size[:2] * n))), steps)
    if leaks:
        raise ArithmeticError(f"{leaks} columns of voxels met an open surface in the solid labelled {solid.label!r}")
    share = np.cumsum(steps[:, :, :-1], axis=2) / (FILL_STEPS * n * n)
    back = np.argsort(order)  # where x, y and z have gone
    by_xyz = np.moveaxis(share, [1, 0, 2], [0, 1, 2]).transpose(back)
    box = tuple(slice(int(a), int(b)) for a, b in zip(first[::-1], last[::-1], strict=True))
    return box, np.ascontiguousarray(np.clip(by_xyz.transpose(2, 1, 0), 0, 1), np.float32)


@kernel(error_model="numpy")
def _fill(corners, faces, n, bits, steps):
    """Add each crossing's step to its column of voxels and return how many columns do not end empty.

    corners: along the two axes across and the axis of the columns [voxel]; n columns across a voxel.
    """
    height = steps.shape[2] - 1
    windings = np.zeros((steps.shape[0] * n, steps.shape[1] * n), np.int32)
    step = np.int64(1) << bits
    half = step >> 1
    for face in range(len(faces)):
        ia, ib, ic = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = _snapped(corners, ia, n * step)
        bx, by = _snapped(corners, ib, n * step)
        cx, cy = _snapped(corners, ic, n * step)
        left, right = first_centre(min(ax, bx, cx), bits), last_centre(max(ax, bx, cx), bits, windings.shape[1])
        top, bottom = first_centre(min(ay, by, cy), bits), last_centre(max(ay, by, cy), bits, windings.shape[0])
        area = edge(ax, ay, bx, by, cx, cy)
        if left > right or top > bottom or area == 0:
            continue
        sign = -1  # a face that looks up the axis is left through it
        if area < 0:
            bx, by, cx, cy, sign = cx, cy, bx, by, 1
        low = min(corners[ia, 2], corners[ib, 2], corners[ic, 2])
        high = max(corners[ia, 2], corners[ib, 2], corners[ic, 2])
        z0, zx, zy = _height(corners, ia, ib, ic)
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
                z = min(max(z0 + zx * (column + 0.5) / n + zy * (row + 0.5) / n, low), high)
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


@kernel(inline="always")
def _snapped(corners, i, scale):
    return np.int64(math.floor(corners[i, 0] * scale + 0.5)), np.int64(math.floor(corners[i, 1] * scale + 0.5))


@kernel(error_model="numpy")
def _height(corners, ia, ib, ic):
    """Return the plane z = z0 + zx x + zy y through three corners."""
    ux, uy, uz = corners[ib, 0] - corners[ia, 0], corners[ib, 1] - corners[ia, 1], corners[ib, 2] - corners[ia, 2]
    vx, vy, vz = corners[ic, 0] - corners[ia, 0], corners[ic, 1] - corners[ia, 1], corners[ic, 2] - corners[ia, 2]
    area = ux * vy - uy * vx
    if area == 0:  # upright but for the lattice: any height between its corners will do
        return corners[ia, 2], 0.0, 0.0
    zx, zy = (uz * vy - uy * vz) / area, (ux * vz - uz * vx) / area
    return corners[ia, 2] - zx * corners[ia, 0] - zy * corners[ia, 1], zx, zy
