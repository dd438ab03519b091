"""Widths of a convex hull, the greatest and the least, and the smallest ball about it, exact by trying all there are.

Extremes over all directions of a polyhedron are met at few: the greatest width between two corners; the least between a
face and a corner, or between two edges (Houle and Toussaint, IEEE Trans. Pattern Anal. 10, 761, 1988); the smallest
ball is set up by two to four corners (Welzl, New Results and New Trends in Computer Science, Springer 1991, 359).
"""

import math

import numpy as np
from jaxtyping import Float, Int

from ctsim.kernel import kernel

FLAT = 1e-9
"""Sine of the angle between two faces or two edges below which they are taken as one plane, or as parallel."""

OUTSIDE = 1e-9
"""Share of its radius by which a corner may lie outside the ball."""


def widths_mm(points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> tuple[float, float]:
    """Return the least and the greatest distance of two parallel planes that hold a convex hull between them [mm].

    Args:
        points: Its corners [mm].
        faces: Triangles, counter-clockwise seen from outside.
    """
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals[lengths > 0] / lengths[lengths > 0, None]
    starts, ends, left, right = _edges(faces[lengths > 0])
    bent = np.linalg.norm(np.cross(normals[left], normals[right]), axis=1) > FLAT
    points, normals = np.ascontiguousarray(points, float), np.ascontiguousarray(normals)
    edges = np.stack([starts[bent], ends[bent]], axis=1)
    arcs = np.stack([normals[left[bent]], normals[right[bent]]], axis=1)
    least = _least_width(points, normals, edges, arcs)
    return least, _greatest_distance(points)


def ball_of(points: Float[np.ndarray, "vertex 3"]) -> tuple[Float[np.ndarray, "3"], float]:
    """Return the centre and the radius of the smallest ball that holds all points [mm]."""
    ball = np.zeros(4)
    _smallest_ball(np.ascontiguousarray(points, float), ball)
    return ball[:3], float(ball[3])


def _edges(faces: Int[np.ndarray, "face 3"]) -> tuple[Int[np.ndarray, " edge"], ...]:
    """Return each edge's two corners, and the faces on its two sides."""
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    owner = np.repeat(np.arange(len(faces)), 3)
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.lexsort((high, low))
    low, high, owner = low[order], high[order], owner[order]
    twins = np.flatnonzero((low[1:] == low[:-1]) & (high[1:] == high[:-1]))
    return low[twins], high[twins], owner[twins], owner[twins + 1]


@kernel(error_model="numpy")
def _greatest_distance(points):
    """Return the distance of the two points that lie farthest apart."""
    most = 0.0
    for i in range(len(points)):
        for j in range(i):
            x, y, z = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
            most = max(most, x * x + y * y + z * z)
    return math.sqrt(most)


@kernel(error_model="numpy")
def _width(points, x, y, z):
    """Return the extent of the points along a unit vector."""
    low, high = math.inf, -math.inf
    for i in range(len(points)):
        along = points[i, 0] * x + points[i, 1] * y + points[i, 2] * z
        low, high = min(low, along), max(high, along)
    return high - low


@kernel(error_model="numpy")
def _least_width(points, normals, edges, arcs):
    """Return the least width: over all faces, and over all pairs of edges that can lie opposite each other.

    An edge touches planes whose normals lie on the arc between those of its two faces. Two edges lie opposite each
    other where the arc of one meets the other's, mirrored; arcs whose middles are farther apart than both are long
    cannot. The width is taken over all corners, so a pair too many does no harm.
    """
    least = math.inf
    for i in range(len(normals)):
        least = min(least, _width(points, normals[i, 0], normals[i, 1], normals[i, 2]))
    count = len(edges)
    middles, halves = np.zeros((count, 3)), np.zeros(count)
    for i in range(count):
        m = arcs[i, 0] + arcs[i, 1]
        size = math.sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2])
        middles[i] = m / size if size > 0 else arcs[i, 0]
        cosine = middles[i, 0] * arcs[i, 0, 0] + middles[i, 1] * arcs[i, 0, 1] + middles[i, 2] * arcs[i, 0, 2]
        halves[i] = math.acos(min(max(cosine, -1.0), 1.0)) + 1e-6
    for i in range(count):
        ex = points[edges[i, 1], 0] - points[edges[i, 0], 0]
        ey = points[edges[i, 1], 1] - points[edges[i, 0], 1]
        ez = points[edges[i, 1], 2] - points[edges[i, 0], 2]
        for j in range(i):
            opposite = -(middles[i, 0] * middles[j, 0] + middles[i, 1] * middles[j, 1] + middles[i, 2] * middles[j, 2])
            reach = halves[i] + halves[j]
            # 1 - x^2 / 2 never lies above the cosine of x
            if opposite < 1 - reach * reach / 2:
                continue
            fx = points[edges[j, 1], 0] - points[edges[j, 0], 0]
            fy = points[edges[j, 1], 1] - points[edges[j, 0], 1]
            fz = points[edges[j, 1], 2] - points[edges[j, 0], 2]
            nx, ny, nz = ey * fz - ez * fy, ez * fx - ex * fz, ex * fy - ey * fx
            size = math.sqrt(nx * nx + ny * ny + nz * nz)
            if size * size <= FLAT * FLAT * (ex * ex + ey * ey + ez * ez) * (fx * fx + fy * fy + fz * fz):
                continue
            nx, ny, nz = nx / size, ny / size, nz / size
            gx = points[edges[i, 0], 0] - points[edges[j, 0], 0]
            gy = points[edges[i, 0], 1] - points[edges[j, 0], 1]
            gz = points[edges[i, 0], 2] - points[edges[j, 0], 2]
            if abs(gx * nx + gy * ny + gz * nz) < least:  # never more than the width itself
                least = min(least, _width(points, nx, ny, nz))
    return least


@kernel(error_model="numpy")
def _smallest_ball(points, ball):
    """Fill in the centre and the radius of the smallest ball about the points.

    The ball of a few corners is grown: the corner farthest outside joins them, and of all balls through two to four of
    them the smallest that holds them all is taken; its radius grows in every step, so that no few come twice.
    """
    held, count = np.zeros(5, np.int64), 1
    ball[:] = 0
    ball[:3] = points[0]
    best = np.zeros(4)
    for _ in range(1000):
        where = _farthest_outside(points, ball)
        if where < 0:
            return
        held[count] = where
        count += 1
        best[3], chosen = math.inf, 0
        for some in range(1, 1 << count):
            if (
                _ball_through(points, held, count, some, ball)
                and ball[3] < best[3]
                and _holds(points, held, count, ball)
            ):
                best[:], chosen = ball, some
        ball[:] = best
        kept = 0
        for i in range(count):
            if chosen >> i & 1:
                held[kept] = held[i]
                kept += 1
        count = kept


@kernel(error_model="numpy")
def _farthest_outside(points, ball):
    """Return the number of the point that lies farthest outside a ball; -1 where none does."""
    far, where = ball[3] * ball[3] * (1 + 2 * OUTSIDE), -1
    for i in range(len(points)):
        x, y, z = points[i, 0] - ball[0], points[i, 1] - ball[1], points[i, 2] - ball[2]
        square = x * x + y * y + z * z
        if square > far:
            far, where = square, i
    return where


@kernel(error_model="numpy")
def _holds(points, held, count, ball):
    """Return whether a ball holds all of the held points."""
    for i in range(count):
        x, y, z = points[held[i], 0] - ball[0], points[held[i], 1] - ball[1], points[held[i], 2] - ball[2]
        if x * x + y * y + z * z > ball[3] * ball[3] * (1 + OUTSIDE):
            return False
    return True


@kernel(error_model="numpy")
def _ball_through(points, held, count, some, ball):
    """Fill in the ball through the held points whose bits are set, its centre among them; return whether there is one.

    With the differences d from the first of them, the centre lies at sum c d with 2 (d . d) c = |d|^2.
    """
    first, size = -1, 0
    d = np.zeros((3, 3))
    for i in range(count):
        if some >> i & 1:
            if first < 0:
                first = held[i]
            elif size == 3:
                return False
            else:
                d[size] = points[held[i]] - points[first]
                size += 1
    ball[:3], ball[3] = points[first], 0.0
    if size == 0:
        return False
    shares = np.zeros(3)
    if not _shares(d, size, shares):
        return False
    square = 0.0
    for axis in range(3):
        off = 0.0
        for i in range(size):
            off += shares[i] * d[i, axis]
        ball[axis] += off
        square += off * off
    ball[3] = math.sqrt(square)
    return True


@kernel(error_model="numpy")
def _shares(d, size, shares):
    """Fill in the shares c of the differences d that lead to the centre; return whether they are independent.

    Gauss' elimination: the matrix is positive definite, so that no pivoting is needed.
    """
    gram = np.zeros((3, 4))
    for i in range(size):
        for j in range(size):
            gram[i, j] = 2 * (d[i, 0] * d[j, 0] + d[i, 1] * d[j, 1] + d[i, 2] * d[j, 2])
        gram[i, 3] = gram[i, i] / 2
    for i in range(size):
        if not gram[i, i] > 1e-14 * gram[0, 0]:
            return False
        for k in range(i + 1, size):
            factor = gram[k, i] / gram[i, i]
            for j in range(i, 4):
                gram[k, j] -= factor * gram[i, j]
    for i in range(size - 1, -1, -1):
        shares[i] = gram[i, 3]
        for j in range(i + 1, size):
            shares[i] -= gram[i, j] * shares[j]
        shares[i] /= gram[i, i]
    return True
