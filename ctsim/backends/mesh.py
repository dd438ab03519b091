r"""Path lengths of every ray in every material, straight from the triangles.

A closed surface is entered and left by turns, so the length inside is the sum of the exits' depths minus the sum of
the entries', in any order:

$$ L_m(p) = |r_p| \sum_{t \in m} -s_t \, \lambda_t(p), \qquad \lambda_t = \frac{n_t \cdot (a_t - S)}{n_t \cdot r_p} $$

with the ray $r_p$ from the source to the pixel's point and $\lambda$ the share of the way. Nothing is sorted and no
list of hits is kept (compare Freud et al., Med. Phys. 33, 2006: L-buffer). See `ctsim.raster` for why it cannot leak.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from jaxtyping import Float, Int
from numba import njit, prange

from ctsim.geometry import Geometry
from ctsim.raster import add, depth_of, edge, first_centre, last_centre, lattice_bits, tie, winding_of, word_of

EDGE_ON = 0.02
"""Cosine to the ray below which a face's depth is held between its corners: its plane tells little there."""

WIDE = 8
"""Columns from which a row's end points are computed by division, not found by trying each pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Triangles:
    """All surfaces of a specimen in one list.

    Attributes:
        vertices_mm: Corner points in the stage's frame [mm].
        faces: Corners of each triangle, counter-clockwise seen from outside.
        materials: The row of each triangle's material in the path-length image.
    """

    vertices_mm: Float[np.ndarray, "vertex 3"]
    faces: Int[np.ndarray, "face 3"]
    materials: Int[np.ndarray, " face"]

    @cached_property
    def planes(self) -> Float[np.ndarray, "face 4"]:
        """Each face's unit normal and its distance from the origin [mm]; zeros for a face without area."""
        a, b, c = (self.vertices_mm[self.faces[:, i]] for i in range(3))
        normals = np.cross(b - a, c - a)
        size = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = np.divide(normals, size, out=np.zeros_like(normals), where=size > 0)
        return np.column_stack([normals, np.einsum("fi,fi->f", normals, a)])


def path_lengths(
    triangles: Triangles, geometry: Geometry, materials: int
) -> Iterator[tuple[slice, Float[np.ndarray, "view material row col"]]]:
    """Yield the path of every ray in every material [mm], a few views at a time.

    Args:
        triangles: The specimen; every surface closed.
        geometry: Source and detector per view; the whole specimen lies in front of the source.
        materials: How many materials there are.

    Raises:
        ArithmeticError: A ray met more entries than exits or the other way round: a surface is open.
    """
    step = max(1, min(numba.get_num_threads(), geometry.views))
    words = np.zeros((step, materials, geometry.rows, geometry.columns), np.int64)
    lattice = np.zeros((step, len(triangles.vertices_mm), 2), np.int32)
    lengths = np.zeros(words.shape, np.float32)
    vertices, planes = np.ascontiguousarray(triangles.vertices_mm), triangles.planes
    faces, material_of = triangles.faces.astype(np.int32), triangles.materials.astype(np.int32)
    bits = _bits(triangles, geometry)  # of all views: what is drawn must not depend on how many are under way at once
    for first in range(0, geometry.views, step):
        views = slice(first, min(first + step, geometry.views))
        some = geometry.some(views)
        leaks = _views(
            vertices, faces, planes, material_of, some.projection, some.source_mm, some.corner_ray_mm, some.u_mm,
            some.v_mm, bits, lattice, words, lengths,
        )  # fmt: skip
        if leaks:
            raise ArithmeticError(f"{leaks} rays met an open surface in views {views.start} to {views.stop - 1}")
        yield views, lengths[: views.stop - views.start]


def _bits(triangles: Triangles, geometry: Geometry) -> int:
    """Return the bits of a pixel's lattice that hold every vertex of every view."""
    low, high = triangles.vertices_mm.min(0), triangles.vertices_mm.max(0)
    corners = np.array(
        [[x, y, z, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    seen = corners @ geometry.projection.transpose(0, 2, 1)
    # a corner of the box beside the source projects nowhere; 2^20 pixels then leave 8 bits of lattice
    reach = np.abs(seen[..., :2] / np.maximum(seen[..., 2], 1e-6)[..., None]).max()
    return lattice_bits(min(max(reach, geometry.rows, geometry.columns), 2.0**20))


@njit(parallel=True, cache=True)
def _views(
    vertices, faces, planes, material_of, projections, sources, corners, us, vs, bits, lattice, words, lengths
):  # fmt: skip
    """Fill `lengths` view by view, one thread a view, and return how many pixels were left open."""
    leaks = 0
    for view in prange(len(sources)):
        words[view] = 0
        snap(vertices, projections[view], bits, lattice[view])
        for face in range(len(faces)):
            splat(
                face, vertices, faces, planes, lattice[view], projections[view], sources[view], corners[view], us[view],
                vs[view], bits, words[view, material_of[face]],
            )  # fmt: skip
        leaks += _finish(words[view], corners[view], us[view], vs[view], lengths[view])
    return leaks


@njit(cache=True, error_model="numpy")
def snap(vertices, matrix, bits, lattice):
    """Put each vertex's column and row on the lattice."""
    scale = 2.0**bits
    for i in range(len(vertices)):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        w = scale / (matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3])
        column = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]) * w
        row = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]) * w
        lattice[i, 0], lattice[i, 1] = np.int32(math.floor(column + 0.5)), np.int32(math.floor(row + 0.5))


@njit(cache=True, error_model="numpy", inline="always")
def splat(face, vertices, faces, planes, lattice, matrix, source, corner, u, v, bits, words):  # noqa: C901
    """Add one triangle's signed depth to every pixel whose centre it covers."""
    ia, ib, ic = faces[face, 0], faces[face, 1], faces[face, 2]
    ax, ay = np.int64(lattice[ia, 0]), np.int64(lattice[ia, 1])
    bx, by = np.int64(lattice[ib, 0]), np.int64(lattice[ib, 1])
    cx, cy = np.int64(lattice[ic, 0]), np.int64(lattice[ic, 1])
    left, right = first_centre(min(ax, bx, cx), bits), last_centre(max(ax, bx, cx), bits, words.shape[1])
    top, bottom = first_centre(min(ay, by, cy), bits), last_centre(max(ay, by, cy), bits, words.shape[0])
    area = edge(ax, ay, bx, by, cx, cy)
    if left > right or top > bottom or area == 0:
        return
    sign = 1
    if area < 0:  # seen from behind
        bx, by, cx, cy, sign = cx, cy, bx, by, -1
    # the plane's equation in the picture: depth = numerator / (d0 + du column + dv row)
    nx, ny, nz = planes[face, 0], planes[face, 1], planes[face, 2]
    numerator = planes[face, 3] - (nx * source[0] + ny * source[1] + nz * source[2])
    du = nx * u[0] + ny * u[1] + nz * u[2]
    dv = nx * v[0] + ny * v[1] + nz * v[2]
    d0 = nx * corner[0] + ny * corner[1] + nz * corner[2] + 0.5 * (du + dv)
    middle = matrix[2, 3]  # the depth of the stage's origin: counting from there keeps the sums small
    near, far = -math.inf, math.inf
    facing = abs(d0 + du * 0.5 * (left + right) + dv * 0.5 * (top + bottom))
    if facing < EDGE_ON * math.sqrt(corner[0] ** 2 + corner[1] ** 2 + corner[2] ** 2):
        near, far = depth_range(vertices, ia, ib, ic, matrix)
    step = np.int64(1) << bits
    half = step >> 1
    x0, y0 = left * step + half, top * step + half
    e0 = edge(ax, ay, bx, by, x0, y0) - tie(ax, ay, bx, by)
    e1 = edge(bx, by, cx, cy, x0, y0) - tie(bx, by, cx, cy)
    e2 = edge(cx, cy, ax, ay, x0, y0) - tie(cx, cy, ax, ay)
    g0, g1, g2 = (ay - by) * step, (by - cy) * step, (cy - ay) * step
    for row in range(top, bottom + 1):
        base = d0 + dv * row
        if right - left < WIDE:
            f0, f1, f2 = e0, e1, e2
            for column in range(left, right + 1):
                if (f0 | f1 | f2) >= 0:
                    depth = min(max(numerator / (base + du * column), near), far)
                    add(words, row, column, sign * word_of(depth - middle))
                f0, f1, f2 = f0 + g0, f1 + g1, f2 + g2
        else:
            first, last = np.int64(0), np.int64(right - left)
            for e, g in ((e0, g0), (e1, g1), (e2, g2)):
                if g > 0:
                    first = max(first, -(e // g))
                elif g < 0:
                    last = min(last, e // -g)
                elif e < 0:
                    last = np.int64(-1)
            for column in range(left + first, left + last + 1):
                depth = min(max(numerator / (base + du * column), near), far)
                add(words, row, column, sign * word_of(depth - middle))
        e0, e1, e2 = e0 + (bx - ax) * step, e1 + (cx - bx) * step, e2 + (ax - cx) * step


@njit(cache=True, error_model="numpy")
def depth_range(vertices, ia, ib, ic, matrix):
    """Return the depths of the nearest and the farthest corner."""
    near, far = math.inf, -math.inf
    for i in (ia, ib, ic):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        near, far = min(near, depth), max(far, depth)
    return near, far


@njit(cache=True, error_model="numpy")
def _finish(words, corner, u, v, lengths):
    """Turn words into lengths [mm] and return how many pixels have windings left over."""
    leaks = 0
    materials, rows, columns = words.shape
    for row in range(rows):
        x0 = corner[0] + 0.5 * u[0] + (row + 0.5) * v[0]
        y0 = corner[1] + 0.5 * u[1] + (row + 0.5) * v[1]
        z0 = corner[2] + 0.5 * u[2] + (row + 0.5) * v[2]
        for m in range(materials):
            for column in range(columns):
                word = words[m, row, column]
                if word == 0:
                    lengths[m, row, column] = 0
                    continue
                x, y, z = x0 + column * u[0], y0 + column * u[1], z0 + column * u[2]
                leaks += winding_of(word) != 0
                lengths[m, row, column] = abs(depth_of(word)) * math.sqrt(x * x + y * y + z * z)
    return leaks
