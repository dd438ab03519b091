r"""Path lengths of every ray in every material, straight from the triangles.

A closed surface is entered and left by turns, so the length inside is the sum of the exits' depths minus the sum of
the entries', in any order:

$$ L_m(p) = |r_p| \sum_{t \in m} -s_t \, \lambda_t(p), \qquad \lambda_t = \frac{n_t \cdot (a_t - S)}{n_t \cdot r_p} $$

with the ray $r_p$ from the source to the pixel's point and $\lambda$ the share of the way. Nothing is sorted and no
list of hits is kept (compare Freud et al., Med. Phys. 33, 2006: L-buffer). See `raster` for why it cannot leak, and
`splat` for the body.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from jaxtyping import Float, Int
from numba import prange

from ctsim.backends.raster import ahead, depth_of, dot, lattice_bits, winding_of
from ctsim.backends.splat import LANES, snap, splat
from ctsim.geometry import Geometry
from ctsim.kernel import kernel


class OpenSurface(ArithmeticError):
    """Rays met more entries than exits, or the other way round."""

    def __init__(self, pixels: int, views: slice) -> None:
        """Say how many rays there were, in which views."""
        self.pixels = pixels
        super().__init__(f"{pixels} rays met an open surface in views {views.start} to {views.stop - 1}")


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
        planes = np.zeros((len(self.faces), 4))
        _fill_planes(self.vertices_mm, self.faces, planes)
        return planes


def path_lengths(
    triangles: Triangles, geometry: Geometry, materials: int
) -> Iterator[tuple[slice, Float[np.ndarray, "view material row col"]]]:
    """Yield the path of every ray in every material [mm], a few views at a time; the array is used again.

    Args:
        triangles: The specimen; every surface closed.
        geometry: Source and detector per view; the whole specimen lies in front of the source.
        materials: How many materials there are.

    Raises:
        OpenSurface: A ray met more entries than exits or the other way round.
    """
    step = _at_once(geometry.views, materials * geometry.rows * geometry.columns + len(triangles.vertices_mm))
    pen = _Pen(triangles, geometry, materials, step)
    lengths = np.zeros((*pen.words.shape[:3], geometry.columns), np.float32)
    for first in range(0, geometry.views, step):
        views = slice(first, min(first + step, geometry.views))
        some = frames_of(geometry, np.arange(views.start, views.stop))
        pen.draw(*some)
        if leaks := _to_lengths(pen.words, some[1], lengths[: len(some[0])]):
            raise OpenSurface(leaks, views)
        yield views, lengths[: len(some[0])]


def _at_once(views: int, size: int) -> int:
    """Return how many views are under way at once: one a thread, or up to eight where they are small.

    Args:
        views: How many there are.
        size: Pixels and vertices of one; what fits a processor's own cache (2 MB) is worth keeping together.
    """
    return max(1, min(numba.get_num_threads() * min(max(2**18 // size, 1), 8), views))


def frames_of(
    geometry: Geometry, which: Int[np.ndarray, " view"]
) -> tuple[Float[np.ndarray, "view 12"], Float[np.ndarray, "view 12"]]:
    """Return of some views the projection matrix, and the source, the corner ray, u and v, each as 12 numbers."""
    rays = [geometry.source_mm, geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm]
    return geometry.projection[which].reshape(-1, 12), np.concatenate([r[which] for r in rays], axis=1)


class _Pen:
    """Draws triangles: holds them as the kernel reads them, and the paper, which is used again for all views."""

    def __init__(self, triangles: Triangles, geometry: Geometry, materials: int, views: int) -> None:
        self.xs, self.ys, self.zs = np.ascontiguousarray(triangles.vertices_mm.T, np.float64)
        self.planes = triangles.planes
        self.faces, self.material_of = triangles.faces.astype(np.int32), triangles.materials.astype(np.int32)
        # of all views: what is drawn must not depend on how many are under way at once
        self.bits = bits_of(triangles, geometry)
        self.columns = geometry.columns
        self.lattice = np.zeros((views, len(self.xs), 2), np.int32)
        self.words = np.zeros((views, materials, geometry.rows, geometry.columns + LANES), np.int64)

    def draw(self, projections: Float[np.ndarray, "view 12"], frames: Float[np.ndarray, "view 12"]) -> None:
        """Fill the words of some views, each by one thread."""
        _draw(
            self.xs, self.ys, self.zs, self.faces, self.planes, self.material_of, projections, frames, self.bits,
            self.columns, LANES, self.lattice, self.words,
        )  # fmt: skip


def bits_of(triangles: Triangles, geometry: Geometry) -> int:
    """Return the bits of a pixel's lattice that hold every vertex of every view."""
    low, high = triangles.vertices_mm.min(0), triangles.vertices_mm.max(0)
    corners = np.array(
        [[x, y, z, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    seen = corners @ geometry.projection.transpose(0, 2, 1)
    # a corner of the box beside the source projects nowhere; 2^20 pixels then leave 8 bits of lattice
    reach = np.abs(seen[..., :2] / np.maximum(seen[..., 2], 1e-6)[..., None]).max()
    return lattice_bits(min(max(reach, geometry.rows, geometry.columns), 2.0**20))


@kernel(parallel=True, error_model="numpy")
def _fill_planes(vertices, faces, planes):
    """Fill in each face's unit normal and distance from the origin, face by face: whole arrays would take 200 bytes."""
    for i in prange(len(faces)):
        a, b, c = vertices[faces[i, 0]], vertices[faces[i, 1]], vertices[faces[i, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        size = math.sqrt(nx * nx + ny * ny + nz * nz)
        if size > 0:
            nx, ny, nz = nx / size, ny / size, nz / size
            planes[i, 0], planes[i, 1], planes[i, 2] = nx, ny, nz
            planes[i, 3] = nx * a[0] + ny * a[1] + nz * a[2]


@kernel(parallel=True, error_model="numpy")
def _draw(xs, ys, zs, faces, planes, material_of, projections, frames, bits, columns, lanes, lattice, words):
    """Fill the words, each view by one thread."""
    for view in prange(len(projections)):
        paper, spots, p, q = words[view], lattice[view], projections[view], frames[view]
        paper[:] = 0
        scale = 2.0**bits
        for i in range(len(xs)):
            snap(i, xs, ys, zs, p, scale, spots)
        for face in range(len(faces)):
            splat(face, xs, ys, zs, faces, planes, material_of, spots, p, q, bits, columns, lanes, 0, 1, paper)


@kernel(inline="always")
def ray_mm(q, row, column):
    """Return how long the ray from the source to a pixel's centre is [mm]; q as for `splat`."""
    x = ahead(ahead(q[3], q[6], column + 0.5), q[9], row + 0.5)
    y = ahead(ahead(q[4], q[7], column + 0.5), q[10], row + 0.5)
    z = ahead(ahead(q[5], q[8], column + 0.5), q[11], row + 0.5)
    return math.sqrt(dot(x, y, z, x, y, z))


@kernel(parallel=True, error_model="numpy")
def _to_lengths(words, frames, lengths):
    """Turn words into lengths [mm] and return how many rays have windings left over."""
    views, materials, rows, columns = lengths.shape
    leaks = 0
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        for m in range(materials):
            for column in range(columns):
                word = words[view, m, row, column]
                leaks += winding_of(word) != 0
                lengths[view, m, row, column] = abs(depth_of(word)) * ray_mm(frames[view], row, column)
    return leaks
