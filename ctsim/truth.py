"""Exact labels: what each voxel of the reconstruction grid holds, straight from the surfaces.

Each facet is cut along the walls of the voxels. A row of voxels along x is filled beyond each piece of a facet where it
enters the solid and emptied beyond each where it leaves: one step a piece, added up with its sign, in any order. So
every share is the exact volume of the faceted solid in the voxel, to rounding, however thin or small the solid is.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from ctsim.geometry import Grid
from ctsim.kernel import kernel
from scenes.build import Solid, Specimen

ROUNDING = 1e-12
"""Shares that differ by less from 0 or 1 are that: a piece of a facet leaves some 1e-16, and 1000 may meet a row."""

OPEN = 1e-9
"""Share of a voxel's wall by which facets that enter and those that leave may differ in a row."""

MOST_CORNERS = 32
"""Of a piece of a facet: 9, and more only where rounding makes a straight edge zigzag."""

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
    r"""Return a box of voxels that holds the solid, and its share of each voxel in it [0..1].

    A piece of a facet has a shadow along x of signed area A, positive where the solid begins. To the voxel that
    it lies in, whose far wall is at x_w, and to each voxel beyond, it adds

    $$ \int (x_w - x) \, dA, \qquad A $$

    as shares of a voxel. Powell and Abel (J. Comput. Phys. 297, 340, 2015) clip tetrahedra to the same end.
    """
    vertices, faces = solid.mesh()
    corners = ((vertices - grid.corner_mm) / grid.voxel_mm)[:, ::-1]  # in voxels, z y x
    shape = np.array(grid.shape)
    first = np.clip(np.floor(corners.min(0)), 0, shape - 1).astype(int)
    last = np.clip(np.ceil(corners.max(0)), first + 1, shape).astype(int)
    rows = np.zeros(last - first + [0, 0, 1])
    _add_steps(np.ascontiguousarray(corners - first), faces, rows)
    if leaks := _add_up(rows):
        raise ArithmeticError(f"{leaks} rows of voxels met an open surface in the solid labelled {solid.label!r}")
    box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return box, rows[:, :, :-1]


@kernel(error_model="numpy")
def _add_steps(corners, faces, rows):
    """Add each facet's steps to the rows of voxels along x; what lies beyond a row's end goes to its last place.

    corners: z, y, x [voxel].
    """
    end = rows.shape[2] - 1
    facet, layer = np.zeros((MOST_CORNERS, 3)), np.zeros((MOST_CORNERS, 3))
    bar, piece = np.zeros((MOST_CORNERS, 3)), np.zeros((MOST_CORNERS, 3))
    for face in range(len(faces)):
        for i in range(3):
            for axis in range(3):
                facet[i, axis] = corners[faces[face, i], axis]
        if _steps(facet, 3, 0)[0] == 0:
            continue
        z_first, z_end = _slabs(facet, 3, 0)
        for z in range(max(z_first, 0), min(z_end, rows.shape[0])):
            in_layer = _cut(facet, 3, 0, z, z + 1, layer)
            y_first, y_end = _slabs(layer, in_layer, 1)
            for y in range(max(y_first, 0), min(y_end, rows.shape[1])):
                in_bar = _cut(layer, in_layer, 1, y, y + 1, bar)
                x_first, x_end = _slabs(bar, in_bar, 2)
                for x in range(min(max(x_first, -1), end), max(min(x_end, end + 1), 0)):
                    low, high = x if x >= 0 else -math.inf, x + 1 if x < end else math.inf
                    beyond, within = _steps(piece, _cut(bar, in_bar, 2, low, high, piece), x + 1)
                    if 0 <= x < end:
                        rows[z, y, x] += within
                        rows[z, y, x + 1] += beyond - within
                    else:
                        rows[z, y, max(x, 0)] += beyond


@kernel(error_model="numpy")
def _slabs(polygon, count, axis):
    """Return the first and the end of the unit slabs across an axis that a polygon meets; one at least."""
    low, high = polygon[0, axis], polygon[0, axis]
    for i in range(1, count):
        low, high = min(low, polygon[i, axis]), max(high, polygon[i, axis])
    first = math.floor(low)
    return first, max(math.ceil(high), first + 1)


@kernel(error_model="numpy")
def _cut(polygon, count, axis, low, high, piece):
    """Fill in the piece of a convex polygon between two walls across an axis, and return how many corners it has.

    An edge is cut from its lower end whichever way it runs, so that two facets share their cuts to the bit and what
    they enclose stays closed (after Sutherland and Hodgman, Commun. ACM 17, 32, 1974).
    """
    kept = 0
    for i in range(count):
        k = i + 1 if i + 1 < count else 0
        if low <= polygon[i, axis] <= high:
            for c in range(3):
                piece[kept, c] = polygon[i, c]
            kept += 1
        near, far, lower, upper = low, high, i, k
        if polygon[i, axis] > polygon[k, axis]:
            near, far, lower, upper = high, low, k, i
        for wall in (near, far):
            if polygon[lower, axis] < wall < polygon[upper, axis]:
                share = (wall - polygon[lower, axis]) / (polygon[upper, axis] - polygon[lower, axis])
                for c in range(3):
                    piece[kept, c] = polygon[lower, c] + share * (polygon[upper, c] - polygon[lower, c])
                piece[kept, axis] = wall
                kept += 1
    return kept


@kernel(error_model="numpy")
def _steps(polygon, count, wall):
    """Return what a piece adds to each voxel beyond it, and to the one that ends at a wall.

    The triangles from its first corner; over each the mean distance to the wall is that of its corners.
    """
    beyond, within = 0.0, 0.0
    for i in range(1, count - 1):
        y, z = polygon[i, 1] - polygon[0, 1], polygon[i, 0] - polygon[0, 0]
        y_next, z_next = polygon[i + 1, 1] - polygon[0, 1], polygon[i + 1, 0] - polygon[0, 0]
        area = (z * y_next - y * z_next) / 2
        left = (wall - polygon[0, 2]) + (wall - polygon[i, 2]) + (wall - polygon[i + 1, 2])
        beyond += area
        within += area * left / 3
    return beyond, within


@kernel(error_model="numpy")
def _add_up(rows):
    """Turn the steps of each row into shares, but for its last place, and return how many rows do not end empty."""
    leaks = 0
    for z in range(rows.shape[0]):
        for y in range(rows.shape[1]):
            total = 0.0
            for x in range(rows.shape[2]):
                total += rows[z, y, x]
                share = 1.0 if total > 1 - ROUNDING else total
                rows[z, y, x] = share if share > ROUNDING else 0.0
            leaks += abs(total) > OPEN
    return leaks
