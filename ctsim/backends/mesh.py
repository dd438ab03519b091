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

import numba
import numpy as np
from jaxtyping import Float, Int
from numba import njit, prange

from ctsim.geometry import Geometry
from ctsim.raster import depth_of, edge, lattice_scale, plane, tie, winding_of, word_of


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
    step = max(1, numba.get_num_threads())
    scratch = np.zeros((step, materials, geometry.rows, geometry.columns), np.int64)
    lengths = np.zeros(scratch.shape, np.float32)
    scale = _scale(triangles, geometry)  # of all views: the bits must not depend on how many are under way at once
    for first in range(0, geometry.views, step):
        views = slice(first, min(first + step, geometry.views))
        count = views.stop - views.start
        some = geometry.some(views)
        leaks = _views(
            triangles.vertices_mm, triangles.faces, triangles.materials,
            some.projection, some.source_mm, some.corner_ray_mm, some.u_mm, some.v_mm, scale,
            scratch, lengths,
        )  # fmt: skip
        if leaks:
            raise ArithmeticError(f"{leaks} rays met an open surface in views {views.start} to {views.stop - 1}")
        yield views, lengths[:count]


def _scale(triangles: Triangles, geometry: Geometry) -> float:
    """Return the lattice steps per pixel that hold every vertex of every view."""
    low, high = triangles.vertices_mm.min(0), triangles.vertices_mm.max(0)
    corners = np.array(
        [[x, y, z, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    seen = corners @ geometry.projection.transpose(0, 2, 1)
    # a corner of the box beside the source projects nowhere; 2^20 pixels then leave 8 bits of lattice
    depth = np.maximum(seen[..., 2], 1e-6)
    reach = np.abs(seen[..., :2] / depth[..., None]).max()
    return lattice_scale(min(max(reach, geometry.rows, geometry.columns), 2.0**20))


@njit(parallel=True, cache=True)
def _views(vertices, faces, material_of, projections, sources, corners, us, vs, scale, scratch, lengths):
    """Fill `lengths` view by view, one thread a view, and return how many pixels were left open."""
    leaks = 0
    for view in prange(len(sources)):
        words = scratch[view]
        words[:] = 0
        pixels, depths = _project(vertices, projections[view])
        middle = projections[view, 2, 3]  # the depth of the stage's origin: counting from there keeps the sums small
        for face in range(len(faces)):
            _splat(
                vertices, faces[face], pixels, depths, sources[view], corners[view], us[view], vs[view], scale, middle,
                words[material_of[face]],
            )  # fmt: skip
        leaks += _finish(words, corners[view], us[view], vs[view], lengths[view])
    return leaks


@njit(cache=True)
def _project(vertices, matrix):
    """Return each vertex's column and row on the detector [pixel], and its depth [source-detector distance]."""
    pixels, depths = np.zeros((len(vertices), 2)), np.zeros(len(vertices))
    for i in range(len(vertices)):
        x, y, z = vertices[i]
        depths[i] = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        w = 1 / depths[i]
        pixels[i, 0] = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]) * w
        pixels[i, 1] = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]) * w
    return pixels, depths


@njit(cache=True)
def _splat(vertices, face, pixels, depths, source, corner, u, v, scale, middle, words):
    """Add one triangle's signed depth to every pixel whose centre it covers."""
    ia, ib, ic = face[0], face[1], face[2]
    half = np.int64(scale) >> 1
    ax, ay = np.int64(math.floor(pixels[ia, 0] * scale + 0.5)), np.int64(math.floor(pixels[ia, 1] * scale + 0.5))
    bx, by = np.int64(math.floor(pixels[ib, 0] * scale + 0.5)), np.int64(math.floor(pixels[ib, 1] * scale + 0.5))
    cx, cy = np.int64(math.floor(pixels[ic, 0] * scale + 0.5)), np.int64(math.floor(pixels[ic, 1] * scale + 0.5))
    area = edge(ax, ay, bx, by, cx, cy)
    if area == 0:
        return
    sign = 1
    if area < 0:  # seen from behind
        bx, by, cx, cy, sign = cx, cy, bx, by, -1
    step = np.int64(scale)
    # pixel i has its centre at i * step + half: first and last pixel whose centre may be covered
    left = max((min(ax, bx, cx) - half + step - 1) // step, 0)
    right = min((max(ax, bx, cx) - half) // step, words.shape[1] - 1)
    top = max((min(ay, by, cy) - half + step - 1) // step, 0)
    bottom = min((max(ay, by, cy) - half) // step, words.shape[0] - 1)
    if left > right or top > bottom:
        return
    nx, ny, nz, numerator = plane(vertices, ia, ib, ic, source)
    d0 = nx * corner[0] + ny * corner[1] + nz * corner[2]
    du = nx * u[0] + ny * u[1] + nz * u[2]
    dv = nx * v[0] + ny * v[1] + nz * v[2]
    da, db, dc = depths[ia], depths[ib], depths[ic]
    near, far = min(da, db, dc), max(da, db, dc)  # a plane seen edge-on must not reach beyond its triangle
    x0, y0 = left * step + half, top * step + half
    e0 = edge(ax, ay, bx, by, x0, y0) - tie(ax, ay, bx, by)
    e1 = edge(bx, by, cx, cy, x0, y0) - tie(bx, by, cx, cy)
    e2 = edge(cx, cy, ax, ay, x0, y0) - tie(cx, cy, ax, ay)
    for row in range(top, bottom + 1):
        f0, f1, f2 = e0, e1, e2
        base = d0 + du * 0.5 + dv * (row + 0.5)
        for column in range(left, right + 1):
            if (f0 | f1 | f2) >= 0:
                depth = min(max(numerator / (base + du * column), near), far)
                words[row, column] += sign * word_of(depth - middle)
            f0 -= (by - ay) * step
            f1 -= (cy - by) * step
            f2 -= (ay - cy) * step
        e0 += (bx - ax) * step
        e1 += (cx - bx) * step
        e2 += (ax - cx) * step


@njit(cache=True)
def _finish(words, corner, u, v, lengths):
    """Turn words into lengths [mm] and return how many pixels have windings left over."""
    leaks = 0
    materials, rows, columns = words.shape
    for row in range(rows):
        for column in range(columns):
            norm = -1.0
            for m in range(materials):
                word = words[m, row, column]
                if word == 0:
                    lengths[m, row, column] = 0
                    continue
                if norm < 0:
                    x = corner[0] + (column + 0.5) * u[0] + (row + 0.5) * v[0]
                    y = corner[1] + (column + 0.5) * u[1] + (row + 0.5) * v[1]
                    z = corner[2] + (column + 0.5) * u[2] + (row + 0.5) * v[2]
                    norm = math.sqrt(x * x + y * y + z * z)
                leaks += winding_of(word) != 0
                lengths[m, row, column] = abs(depth_of(word)) * norm
    return leaks
