"""Gaps between solids: the exact distance of two faceted surfaces, found through two trees of boxes.

Both trees are walked down together, the nearer pair of boxes first; a pair that lies farther apart than the best so far
is left out with all that is in it. What is left is compared triangle by triangle, so that the result is exact for
the facets, to rounding (compare Larsen et al., Proc. IEEE ICRA 2000, 3719, who do the same with swept spheres).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold

from ctsim.kernel import kernel

LEAF = 1
"""Triangles in a box that is not cut any more."""

TOUCHING_MM = 1e-7
"""Gaps below a tenth of a nanometre are none: what one solid is cut from another leaves, by rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """A surface in boxes within boxes.

    Attributes:
        corners_mm: Of the triangles, in the order of the leaves [mm].
        boxes_mm: Lowest and highest corner of each box [mm].
        children: Of each box the two in it, or -1 - (the first) and the end of its triangles.
        centre_mm: Of a ball about all of it: the middle of its box [mm].
        radius_mm: Of that ball [mm].
    """

    corners_mm: Float[np.ndarray, "triangle 3 3"]
    boxes_mm: Float[np.ndarray, "box 2 3"]
    children: Int[np.ndarray, "box 2"]
    centre_mm: Float[np.ndarray, "3"]
    radius_mm: float


def tree_of(solid: Manifold, cut: float | None = None) -> Tree:
    """Return a solid's surface as a tree; its price grows as n log n with the triangles.

    Args:
        solid: Closed.
        cut: Share of its whole extent that no edge shall be longer than: many searches in the tree are quicker for it,
            and the surface stays the same.
    """
    if cut is not None:
        box = np.array(solid.bounding_box())
        solid = solid.refine_to_length(cut * float(np.linalg.norm(box[3:] - box[:3])))
    mesh = solid.to_mesh64()
    points = np.asarray(mesh.vert_properties)[:, :3]
    corners = np.ascontiguousarray(points[np.asarray(mesh.tri_verts)], float)
    order = np.arange(len(corners))
    boxes, children = np.zeros((2 * len(corners), 2, 3)), np.zeros((2 * len(corners), 2), np.int64)
    count = _grow(corners, order, boxes, children)
    centre = (boxes[0, 0] + boxes[0, 1]) / 2
    return Tree(
        corners_mm=corners[order],
        boxes_mm=boxes[:count].copy(),
        children=children[:count].copy(),
        centre_mm=centre,
        radius_mm=float(np.linalg.norm(points - centre, axis=1).max()),
    )


def gap_mm(a: Tree, b: Tree, most_mm: float = math.inf) -> float:
    """Return the distance of two surfaces, 0 where they touch or cross; exact for the facets [mm].

    Args:
        a: One surface.
        b: The other; of a solid inside another, it is the distance to its wall.
        most_mm: Where the search may end: a larger distance is returned as this.
    """
    gap = _gap(a.corners_mm, a.boxes_mm, a.children, b.corners_mm, b.boxes_mm, b.children, most_mm)
    return 0.0 if gap < TOUCHING_MM else gap


def neighbours(trees: list[Tree]) -> list[tuple[float | None, int | None]]:
    """Return for each surface the gap to the nearest other one [mm], and its place in the list; None where it is alone.

    Balls about them tell which are too far: their gaps are never more than those of the surfaces. So a surface is
    compared with the few that may be nearest, and the result is exact as `gap_mm` is.
    """
    if len(trees) < 2:
        return [(None, None)] * len(trees)
    centres = np.array([tree.centre_mm for tree in trees])
    radii = np.array([tree.radius_mm for tree in trees])
    known: dict[tuple[int, int], float] = {}
    found = []
    for i, tree in enumerate(trees):
        apart = np.maximum(np.linalg.norm(centres - centres[i], axis=1) - radii - radii[i], 0)
        apart[i] = np.inf
        best, nearest = math.inf, -1
        for j in np.argsort(apart, kind="stable"):
            if apart[j] >= best:
                break
            pair = (min(i, int(j)), max(i, int(j)))
            if pair not in known:
                gap = gap_mm(tree, trees[j], best)
                if gap < best:
                    known[pair] = gap
            else:
                gap = known[pair]
            if gap < best:
                best, nearest = gap, int(j)
        found.append((best, nearest))
    return found


@kernel(error_model="numpy")
def _grow(corners, order, boxes, children):
    """Fill in the boxes, put the triangles in the order of the leaves, and return how many boxes there are."""
    middles = np.zeros((len(corners), 3))
    for i in range(len(corners)):
        for axis in range(3):
            middles[i, axis] = (corners[i, 0, axis] + corners[i, 1, axis] + corners[i, 2, axis]) / 3
    first, end = np.zeros(len(boxes), np.int64), np.zeros(len(boxes), np.int64)
    end[0], count, box = len(corners), 1, 0
    while box < count:
        begin, stop = first[box], end[box]
        boxes[box, 0], boxes[box, 1] = math.inf, -math.inf
        for i in range(begin, stop):
            for k in range(3):
                for axis in range(3):
                    x = corners[order[i], k, axis]
                    boxes[box, 0, axis] = min(boxes[box, 0, axis], x)
                    boxes[box, 1, axis] = max(boxes[box, 1, axis], x)
        if stop - begin <= LEAF:
            children[box, 0], children[box, 1] = -1 - begin, stop
            box += 1
            continue
        longest = 0
        for axis in range(1, 3):
            if boxes[box, 1, axis] - boxes[box, 0, axis] > boxes[box, 1, longest] - boxes[box, 0, longest]:
                longest = axis
        part = order[begin:stop].copy()
        order[begin:stop] = part[np.argsort(middles[part, longest])]
        half = (begin + stop) // 2
        children[box, 0], children[box, 1] = count, count + 1
        first[count], end[count], first[count + 1], end[count + 1] = begin, half, half, stop
        count += 2
        box += 1
    return count


@kernel(error_model="numpy")
def _gap(a, a_boxes, a_children, b, b_boxes, b_children, most):
    """Return the distance of two surfaces, at most `most`."""
    best = most * most
    stack, bounds = np.zeros((512, 2), np.int64), np.zeros(512)
    bounds[0], size = _between_boxes(a_boxes[0], b_boxes[0]), 1
    while size > 0:
        size -= 1
        if bounds[size] >= best:
            continue
        i, j = stack[size, 0], stack[size, 1]
        a_leaf, b_leaf = a_children[i, 0] < 0, b_children[j, 0] < 0
        if a_leaf and b_leaf:
            best = _between_leaves(a, a_children[i], b, b_children[j], best)
            if best == 0:
                return 0.0
            continue
        if b_leaf or (not a_leaf and _size(a_boxes[i]) >= _size(b_boxes[j])):
            i1, j1, i2, j2 = a_children[i, 0], j, a_children[i, 1], j
        else:
            i1, j1, i2, j2 = i, b_children[j, 0], i, b_children[j, 1]
        near, far = _between_boxes(a_boxes[i1], b_boxes[j1]), _between_boxes(a_boxes[i2], b_boxes[j2])
        if near > far:
            i1, j1, i2, j2, near, far = i2, j2, i1, j1, far, near
        if far < best:
            stack[size, 0], stack[size, 1], bounds[size] = i2, j2, far
            size += 1
        if near < best:
            stack[size, 0], stack[size, 1], bounds[size] = i1, j1, near
            size += 1
    return math.sqrt(best)


@kernel(error_model="numpy")
def _between_leaves(a, some, b, others, best):
    """Return the squared distance of the triangles of two leaves, at most `best`."""
    for p in range(-1 - some[0], some[1]):
        for q in range(-1 - others[0], others[1]):
            best = min(best, _between_triangles(a[p], b[q], best))
    return best


@kernel(error_model="numpy")
def _size(box):
    """Return the squared diagonal of a box."""
    x, y, z = box[1, 0] - box[0, 0], box[1, 1] - box[0, 1], box[1, 2] - box[0, 2]
    return x * x + y * y + z * z


@kernel(error_model="numpy")
def _between_boxes(a, b):
    """Return the squared distance of two boxes."""
    total = 0.0
    for axis in range(3):
        apart = max(a[0, axis] - b[1, axis], b[0, axis] - a[1, axis], 0.0)
        total += apart * apart
    return total


@kernel(error_model="numpy")
def _between_triangles(a, b, most):
    """Return the squared distance of two triangles, 0 where they cross.

    It is met between two edges, or between a corner and a face that it looks upon.
    """
    best = most
    for i in range(3):
        for j in range(3):
            best = min(best, _between_edges(a[i], a[(i + 1) % 3], b[j], b[(j + 1) % 3]))
    return min(best, _to_face(a, b), _to_face(b, a))


@kernel(error_model="numpy")
def _to_face(a, b):
    """Return the least squared distance of a's corners to b's face, of those above it; 0 where an edge goes through."""
    ux, uy, uz = b[1, 0] - b[0, 0], b[1, 1] - b[0, 1], b[1, 2] - b[0, 2]
    vx, vy, vz = b[2, 0] - b[0, 0], b[2, 1] - b[0, 1], b[2, 2] - b[0, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    square = nx * nx + ny * ny + nz * nz
    if square == 0:
        return math.inf
    best = math.inf
    heights = _height(a[0], b[0], nx, ny, nz), _height(a[1], b[0], nx, ny, nz), _height(a[2], b[0], nx, ny, nz)
    for i in range(3):
        if _above(b, nx, ny, nz, a[i, 0], a[i, 1], a[i, 2]):
            best = min(best, heights[i] * heights[i] / square)
    for i in range(3):
        k = (i + 1) % 3
        if heights[i] * heights[k] < 0:
            t = heights[i] / (heights[i] - heights[k])
            x = a[i, 0] + t * (a[k, 0] - a[i, 0])
            y = a[i, 1] + t * (a[k, 1] - a[i, 1])
            z = a[i, 2] + t * (a[k, 2] - a[i, 2])
            if _above(b, nx, ny, nz, x, y, z):
                return 0.0
    return best


@kernel(error_model="numpy")
def _height(p, b, nx, ny, nz):
    """Return how far a point lies above another along a normal, times the normal's length."""
    return (p[0] - b[0]) * nx + (p[1] - b[1]) * ny + (p[2] - b[2]) * nz


@kernel(error_model="numpy")
def _above(b, nx, ny, nz, x, y, z):
    """Return whether a point lies above or below a triangle with this normal."""
    for j in range(3):
        k = (j + 1) % 3
        ex, ey, ez = b[k, 0] - b[j, 0], b[k, 1] - b[j, 1], b[k, 2] - b[j, 2]
        px, py, pz = x - b[j, 0], y - b[j, 1], z - b[j, 2]
        if (ey * pz - ez * py) * nx + (ez * px - ex * pz) * ny + (ex * py - ey * px) * nz < 0:
            return False
    return True


@kernel(error_model="numpy")
def _between_edges(p, p_end, q, q_end):
    """Return the squared distance of two segments (Ericson, Real-Time Collision Detection, 5.1.9)."""
    dx, dy, dz = p_end[0] - p[0], p_end[1] - p[1], p_end[2] - p[2]
    ex, ey, ez = q_end[0] - q[0], q_end[1] - q[1], q_end[2] - q[2]
    rx, ry, rz = p[0] - q[0], p[1] - q[1], p[2] - q[2]
    a, e = dx * dx + dy * dy + dz * dz, ex * ex + ey * ey + ez * ez
    b, c, f = dx * ex + dy * ey + dz * ez, dx * rx + dy * ry + dz * rz, ex * rx + ey * ry + ez * rz
    if a == 0 or e == 0:  # a facet without area: its longer edges are looked at as well
        s, t = 0.0, 0.0
        if a > 0:
            s = min(max(-c / a, 0.0), 1.0)
        if e > 0:
            t = min(max(f / e, 0.0), 1.0)
    else:
        both = a * e - b * b
        s = min(max((b * f - c * e) / both, 0.0), 1.0) if both > 1e-14 * a * e else 0.0
        t = (b * s + f) / e
        if t < 0:
            t, s = 0.0, min(max(-c / a, 0.0), 1.0)
        elif t > 1:
            t, s = 1.0, min(max((b - c) / a, 0.0), 1.0)
    x, y, z = rx + s * dx - t * ex, ry + s * dy - t * ey, rz + s * dz - t * ez
    return x * x + y * y + z * z
