"""Path lengths on a card: the bodies of `ctsim.backends.splat`, a thread a face, or a warp a row where a face is large.

What the words hold does not depend on the order in which faces are added, and every floating-point step is rounded as
on a processor: the words are those of `ctsim.backends.mesh`, bit for bit.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numba import cuda, int64, uint64

from ctsim.arrays import Array, card
from ctsim.backends.mesh import OpenSurface, Triangles, bits_of, frames_of, ray_mm
from ctsim.backends.raster import depth_of, first_centre, last_centre, winding_of
from ctsim.backends.splat import LANES, snap, splat, word_of
from ctsim.geometry import Geometry
from ctsim.gpu.bodies import ahead, over, turned
from defects.messages import BadInput

MOST_VIEWS = 32
"""Views under way at once: enough that a launch (some 0.1 ms) is little beside its work."""

MOST_WORDS = 1 << 28
"""Of all views under way: 2 GB, and half as much again for the lengths."""

LARGE = 256
"""Pixels of a face's box from which on many threads draw it: below, half of them would find nothing to do."""

WARP, WARPS = 32, 4
"""Threads that fill a row of a large face together, and rows that a block fills at once."""

PARTS = 4
"""Blocks that share a large face."""

BLOCKS = 2048
"""Blocks that draw large faces, one part after another."""


def path_lengths(
    triangles: Triangles, geometry: Geometry, materials: int
) -> Iterator[tuple[slice, Float[Array, "view material row col"]]]:
    """Yield the path of every ray in every material [mm], some views at a time; the array, on the card, is used again.

    Args:
        triangles: The specimen; every surface closed.
        geometry: Source and detector per view; the whole specimen lies in front of the source.
        materials: How many materials there are.

    Raises:
        BadInput: There is no card, or it is too small.
        OpenSurface: A ray met more entries than exits or the other way round.
    """
    each = materials * geometry.rows * geometry.columns + len(triangles.faces)
    at_once = max(1, min(MOST_VIEWS, geometry.views, MOST_WORDS // each))
    try:
        pen = _Pen(triangles, geometry, materials, at_once)
    except MemoryError as error:
        raise BadInput(f"the card has no room for this scan: {error}; give fewer pixels, or backend: mesh") from error
    for first in range(0, geometry.views, at_once):
        views = slice(first, min(first + at_once, geometry.views))
        lengths, leaks = pen.lengths_of(*frames_of(geometry, np.arange(views.start, views.stop)))
        if leaks:
            raise OpenSurface(leaks, views)
        yield views, lengths


class _Pen:
    """Draws triangles: holds them on the card, and the paper, which is used again for all views."""

    def __init__(self, triangles: Triangles, geometry: Geometry, materials: int, views: int) -> None:
        self.cupy = card()
        self.xs, self.ys, self.zs = map(self.cupy.asarray, np.ascontiguousarray(triangles.vertices_mm.T, np.float64))
        self.faces = self.cupy.asarray(triangles.faces.astype(np.int32))
        self.material_of = self.cupy.asarray(triangles.materials.astype(np.int32))
        self.planes = self.cupy.asarray(triangles.planes)
        self.bits = bits_of(triangles, geometry)
        shape = (views, materials, geometry.rows, geometry.columns)
        self.words, self.lengths = self.cupy.zeros(shape, np.int64), self.cupy.zeros(shape, np.float32)
        self.lattice = self.cupy.zeros((views, len(self.xs), 2), np.int32)
        self.waiting = self.cupy.zeros(1 + views * len(self.faces), np.int32)

    def lengths_of(
        self, projections: Float[np.ndarray, "view 12"], frames: Float[np.ndarray, "view 12"]
    ) -> tuple[Float[Array, "view material row col"], int]:
        """Return the lengths in some views, and how many rays have windings left over; the words are clean again."""
        self.draw(projections, frames)
        views, leaks = len(frames), self.cupy.zeros(1, np.int32)
        words, lengths = self.words[:views], self.lengths[:views]
        _to_lengths[over(words[0, 0].size, views)](words, self.cupy.asarray(frames), leaks, lengths)
        return lengths, int(leaks[0])

    def draw(self, projections: Float[np.ndarray, "view 12"], frames: Float[np.ndarray, "view 12"]) -> None:
        """Fill the words of some views, which must be clean."""
        views, p, q = len(frames), self.cupy.asarray(projections), self.cupy.asarray(frames)
        self.waiting[:1] = 0
        _snap[over(len(self.xs), views)](self.xs, self.ys, self.zs, p, 2.0**self.bits, self.lattice)
        drawn = (
            self.xs, self.ys, self.zs, self.faces, self.planes, self.material_of, self.lattice, p, q, self.bits,
            self.waiting, self.words,
        )  # fmt: skip
        _draw_small[over(len(self.faces), views)](*drawn)
        _draw_large[min(BLOCKS, PARTS * views * len(self.faces)), (WARP, WARPS)](*drawn)


@cuda.jit(device=True)
def add(words, m, row, column, word, inside):
    """Add a word to a pixel, if it is inside."""
    if inside:
        cuda.atomic.add(words, (uint64(m), uint64(row), uint64(column)), word)


@cuda.jit(device=True)
def add_span_by_warp(words, m, row, first, last, lanes, numerator, base, du, middle, near, far, winding):
    """Add a face's depth to the pixels first .. last of a row, a pixel a thread, each as `splat.add_span` does.

    There columns are counted from the beginning of a vector of LANES, and so they must be here.
    """
    for column in range(first + cuda.threadIdx.x, last + 1, cuda.blockDim.x):
        lane = (column - first) & (LANES - 1)
        divisor = ahead(ahead(base, du, column - lane), du, lane)
        add(words, m, row, column, word(numerator, divisor, middle, near, far, winding), True)


snap_one = turned(snap)
splat_alone = turned(splat, add=add)
splat_by_warp = turned(splat, add=add, add_span=add_span_by_warp)
first, last, word = turned(first_centre), turned(last_centre), turned(word_of)
depth, windings, ray = turned(depth_of), turned(winding_of), turned(ray_mm)


@cuda.jit
def _snap(xs, ys, zs, projections, scale, lattice):
    """Put a vertex of a view on the lattice."""
    i, view = cuda.grid(2)
    if i < len(xs):
        snap_one(i, xs, ys, zs, projections[view], scale, lattice[view])


@cuda.jit
def _draw_small(xs, ys, zs, faces, planes, material_of, lattice, projections, frames, bits, waiting, words):
    """Draw a face of a view, or put it on the list of large ones, whose length stands first."""
    face, view = cuda.grid(2)
    if face >= len(faces):
        return
    across = _reach(lattice[view], faces, face, 0, bits, words.shape[3])
    down = _reach(lattice[view], faces, face, 1, bits, words.shape[2])
    if across <= 0 or down <= 0:
        return
    if across * down >= LARGE:
        waiting[1 + cuda.atomic.add(waiting, 0, 1)] = view * len(faces) + face
        return
    splat_alone(
        face, xs, ys, zs, faces, planes, material_of, lattice[view], projections[view], frames[view], bits,
        words.shape[3], LANES, 0, 1, words[view],
    )  # fmt: skip


@cuda.jit(device=True)
def _reach(spots, faces, face, axis, bits, count):
    """Return how many of the pixels along an axis may lie within a face; at most 0 where none."""
    a, b, c = (
        int64(spots[faces[face, 0], axis]),
        int64(spots[faces[face, 1], axis]),
        int64(spots[faces[face, 2], axis]),
    )
    return last(max(a, b, c), bits, count) - first(min(a, b, c), bits) + 1


@cuda.jit
def _draw_large(xs, ys, zs, faces, planes, material_of, lattice, projections, frames, bits, waiting, words):
    """Draw what is on the list of large faces: PARTS blocks a face, a warp a row, or a thread where rows are short."""
    part = cuda.blockIdx.x
    while part < waiting[0] * PARTS:
        view, face = divmod(waiting[1 + part // PARTS], len(faces))
        start, stride = part % PARTS * cuda.blockDim.y + cuda.threadIdx.y, PARTS * cuda.blockDim.y
        if _reach(lattice[view], faces, face, 0, bits, words.shape[3]) > LANES:  # the body has another way for less
            splat_by_warp(
                face, xs, ys, zs, faces, planes, material_of, lattice[view], projections[view], frames[view], bits,
                words.shape[3], LANES, start, stride, words[view],
            )  # fmt: skip
        else:
            start, stride = start * cuda.blockDim.x + cuda.threadIdx.x, stride * cuda.blockDim.x
            splat_alone(
                face, xs, ys, zs, faces, planes, material_of, lattice[view], projections[view], frames[view], bits,
                words.shape[3], LANES, start, stride, words[view],
            )  # fmt: skip
        part += cuda.gridDim.x


@cuda.jit
def _to_lengths(words, frames, leaks, lengths):
    """Turn a pixel's words into lengths and clean them; count those that have windings left over."""
    pixel, view = cuda.grid(2)
    rows, columns = words.shape[2], words.shape[3]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    way = ray(frames[view], row, column)
    for m in range(words.shape[1]):
        held = words[view, m, row, column]
        words[view, m, row, column] = 0
        lengths[view, m, row, column] = abs(depth(held)) * way
        if windings(held) != 0:
            cuda.atomic.add(leaks, 0, 1)
