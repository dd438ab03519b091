r"""One face's signed depth, added to every pixel whose centre it covers: the body of the mesh kernel, on CPU and card.

A word per pixel and material holds $\sum_t \pm (\lambda_t - \lambda_0)$, in integers, and the windings; see
`ctsim.backends.raster`.
"""

import math

import numpy as np

from ctsim.backends.raster import (
    BEYOND,
    DEPTH_SCALE,
    WINDING_BITS,
    ahead,
    below,
    dot,
    edge,
    first_centre,
    last_centre,
    nearest_integer,
    tie,
)
from ctsim.kernel import kernel

LANES = 8
"""Pixels of a row that are filled at once: a full vector register. Rows of words are longer by these than the image."""

EDGE_ON = 0.02
"""Cosine to the ray below which a face's depth is held between its corners: its plane tells little there."""


@kernel(error_model="numpy", inline="always")
def snap(i, xs, ys, zs, p, scale, lattice):
    """Put vertex i's column and row on the lattice, `scale` steps to a pixel.

    Args:
        i: The vertex.
        xs, ys, zs: Of all vertices [mm].
        p: The view's projection matrix, as 12 numbers in a row.
        scale: Lattice steps to a pixel.
        lattice: (vertex, 2): where the result goes.
    """
    x, y, z = xs[i], ys[i], zs[i]
    w = scale / (dot(p[8], p[9], p[10], x, y, z) + p[11])
    lattice[i, 0] = np.int32(math.floor(ahead(0.5, dot(p[0], p[1], p[2], x, y, z) + p[3], w)))
    lattice[i, 1] = np.int32(math.floor(ahead(0.5, dot(p[4], p[5], p[6], x, y, z) + p[7], w)))


@kernel(inline="always")
def add(words, m, row, column, word, inside):
    """Add a word to a pixel, if it is inside; a card does it atomically. Without a sign an index is quickly found."""
    words[np.uint64(m), np.uint64(row), column] += word if inside else 0


@kernel(error_model="numpy", inline="always")
def word_of(numerator, divisor, middle, near, far, winding):
    """Return what a face adds to a pixel: its depth from the middle, held between near and far, and its winding."""
    depth = min(max(numerator / divisor, near), far) - middle
    return (nearest_integer(depth) << WINDING_BITS) + winding


@kernel(error_model="numpy", inline="always")
def add_span(words, m, row, first, last, lanes, numerator, base, du, middle, near, far, winding):
    """Add a face's depth to the pixels first .. last of a row, LANES at a time.

    `lanes` is LANES, but unknown to the compiler: a loop it knew would be unrolled, and not made a vector. Beyond the
    last pixel nothing is added.
    """
    while first <= last:
        start, room = ahead(base, du, first), np.int32(last - first)
        for lane in range(lanes):
            word = word_of(numerator, ahead(start, du, lane), middle, near, far, winding)
            add(words, m, row, np.uint64(first) + np.uint64(lane), word, lane <= room)
        first += LANES


@kernel(error_model="numpy", inline="always")
def fill_four(words, m, box, edges, plane):
    """Fill a box of at most two by two pixels: a jump that cannot be foreseen costs more than looking at all four.

    Args:
        words, m: Where the result goes, and the face's material.
        box: First and last column and row to fill, and the stride from one row to the next.
        edges: Values of the three edges' functions at the box's first pixel, from one column to the next, and from one
            row to the next.
        plane: numerator, d0, du, dv of the face's depth numerator / (d0 + du column + dv row); the depth that sums
            count from; the least and the most that it can be; the face's winding.
    """
    left, right, top, bottom, stride = box
    e0, e1, e2, g0, g1, g2, h0, h1, h2 = edges
    numerator, d0, du, dv, middle, near, far, winding = plane
    for i in range(2):
        row, base = min(top + i * stride, bottom), ahead(d0, dv, top + i * stride)
        for j in range(2):
            inside = (e0 + g0 * j + h0 * i | e1 + g1 * j + h1 * i | e2 + g2 * j + h2 * i) >= 0
            inside &= (top + i * stride <= bottom) & (left + j <= right)  # the image may end within the face
            word = word_of(numerator, ahead(base, du, left + j), middle, near, far, winding)
            add(words, m, row, np.uint64(left + j), word, inside)


@kernel(error_model="numpy", inline="always")
def fill_narrow(words, m, box, edges, plane, lanes):
    """Fill a box of at most LANES columns, a row at a time; arguments as for `fill_four`, and lanes as for `splat`."""
    left, right, top, bottom, stride = box
    e0, e1, e2, g0, g1, g2, h0, h1, h2 = edges
    numerator, d0, du, dv, middle, near, far, winding = plane
    for row in range(top, bottom + 1, stride):
        base = ahead(ahead(d0, du, left), dv, row)
        for lane in range(lanes):
            inside = ((e0 + g0 * lane) | (e1 + g1 * lane) | (e2 + g2 * lane)) >= 0
            inside &= lane <= right - left
            word = word_of(numerator, ahead(base, du, lane), middle, near, far, winding)
            add(words, m, row, np.uint64(left) + np.uint64(lane), word, inside)
        e0, e1, e2 = e0 + h0, e1 + h1, e2 + h2


@kernel(error_model="numpy", inline="always")
def fill_wide(words, m, box, edges, plane, lanes):
    """Fill any box, in each row just the pixels within; arguments as for `fill_four`, and lanes as for `splat`."""
    left, right, top, bottom, stride = box
    e0, e1, e2, g0, g1, g2, h0, h1, h2 = edges
    numerator, d0, du, dv, middle, near, far, winding = plane
    # a level edge shuts out a row as a whole, and only the last one: it lies on that row's centres
    a0, a1, a2 = abs(g0), abs(g1), abs(g2)
    i0, i1, i2 = 1.0 / a0 if a0 else 0.0, 1.0 / a1 if a1 else 0.0, 1.0 / a2 if a2 else 0.0
    # each edge bounds the row on the left or on the right
    l0, l1, l2 = 0 if g0 > 0 else BEYOND, 0 if g1 > 0 else BEYOND, 0 if g2 > 0 else BEYOND
    r0, r1, r2 = 0 if g0 < 0 else BEYOND, 0 if g1 < 0 else BEYOND, 0 if g2 < 0 else BEYOND
    for row in range(top, bottom + 1, stride):
        if (a0 == 0 and e0 < 0) or (a1 == 0 and e1 < 0) or (a2 == 0 and e2 < 0):
            break
        c0, c1, c2 = below(e0, a0, i0), below(e1, a1, i1), below(e2, a2, i2)
        first = left + max(-min(c0 + l0, c1 + l1, c2 + l2), 0)
        last = left + min(c0 + r0, c1 + r1, c2 + r2, right - left)
        add_span(words, m, row, first, last, lanes, numerator, ahead(d0, dv, row), du, middle, near, far, winding)
        e0, e1, e2 = e0 + h0, e1 + h1, e2 + h2


@kernel(error_model="numpy", inline="always")
def splat(face, xs, ys, zs, faces, planes, material_of, lattice, p, q, bits, columns, lanes, start, stride, words):
    """Add one face's signed depth to the words of the pixels whose centres it covers.

    Args:
        face: Which one.
        xs, ys, zs: Of all vertices [mm].
        faces: Corners of each face.
        planes: Each face's unit normal and its distance from the origin.
        material_of: Of each face.
        lattice: Columns and rows of the vertices on the lattice.
        p: The view's projection matrix, as 12 numbers in a row.
        q: The source, the ray to the outer corner of pixel (0, 0), and the detector's u and v, as 12 numbers [mm].
        bits: Of a pixel's lattice.
        columns: Of the image; a row of words is longer.
        lanes: LANES.
        start: First row to fill, counted from the face's own first.
        stride: From one row to fill to the next.
        words: (material, row, column): where the result goes.
    """
    ia, ib, ic = faces[face, 0], faces[face, 1], faces[face, 2]
    ax, ay = np.int64(lattice[ia, 0]), np.int64(lattice[ia, 1])
    bx, by = np.int64(lattice[ib, 0]), np.int64(lattice[ib, 1])
    cx, cy = np.int64(lattice[ic, 0]), np.int64(lattice[ic, 1])
    left, right = first_centre(min(ax, bx, cx), bits), last_centre(max(ax, bx, cx), bits, columns)
    top, bottom = first_centre(min(ay, by, cy), bits) + start, last_centre(max(ay, by, cy), bits, words.shape[1])
    area = edge(ax, ay, bx, by, cx, cy)
    if left > right or top > bottom or area == 0:
        return
    winding, m = np.int64(1), material_of[face]
    if area < 0:  # seen from behind
        bx, by, cx, cy, winding = cx, cy, bx, by, np.int64(-1)
    step = np.int64(1) << bits
    half = step >> 1
    x0, y0 = left * step + half, top * step + half
    e0 = edge(ax, ay, bx, by, x0, y0) - tie(ax, ay, bx, by)
    e1 = edge(bx, by, cx, cy, x0, y0) - tie(bx, by, cx, cy)
    e2 = edge(cx, cy, ax, ay, x0, y0) - tie(cx, cy, ax, ay)
    # from one column to the next, and from one row to the next
    g0, g1, g2 = (ay - by) * step, (by - cy) * step, (cy - ay) * step
    h0, h1, h2 = (bx - ax) * step * stride, (cx - bx) * step * stride, (ax - cx) * step * stride
    tiny = right - left < 2 and bottom - top < 2 * stride
    if tiny:  # a quarter of the smallest faces cover no pixel's centre at all
        f0, f1, f2 = e0 + h0, e1 + h1, e2 + h2
        # the sign bit of each tells whether a pixel lies outside, and of them all whether all four do
        upper, lower = (e0 | e1 | e2) & (e0 + g0 | e1 + g1 | e2 + g2), (f0 | f1 | f2) & (f0 + g0 | f1 + g1 | f2 + g2)
        if (upper & lower) < 0:
            return
    # the plane's equation in the picture: depth = numerator / (d0 + du column + dv row), times its sign and the scale
    nx, ny, nz = planes[face, 0], planes[face, 1], planes[face, 2]
    sign = winding * DEPTH_SCALE
    numerator = (planes[face, 3] - dot(nx, ny, nz, q[0], q[1], q[2])) * sign
    du = dot(nx, ny, nz, q[6], q[7], q[8])
    dv = dot(nx, ny, nz, q[9], q[10], q[11])
    d0 = ahead(dot(nx, ny, nz, q[3], q[4], q[5]), du + dv, 0.5)
    middle = p[11] * sign  # the depth of the stage's origin: counting from there keeps the sums small
    near, far = -math.inf, math.inf
    facing = abs(ahead(ahead(d0, du, 0.5 * (left + right)), dv, 0.5 * (top - start + bottom)))
    if facing * facing < EDGE_ON**2 * dot(q[3], q[4], q[5], q[3], q[4], q[5]):
        for i in (ia, ib, ic):
            depth = (dot(p[8], p[9], p[10], xs[i], ys[i], zs[i]) + p[11]) * sign
            if i == ia:
                near, far = depth, depth
            near, far = min(near, depth), max(far, depth)
    box = left, right, top, bottom, stride
    edges = e0, e1, e2, g0, g1, g2, h0, h1, h2
    plane = numerator, d0, du, dv, middle, near, far, winding
    if tiny:
        fill_four(words, m, box, edges, plane)
    elif right - left < LANES:
        fill_narrow(words, m, box, edges, plane, lanes)
    else:
        fill_wide(words, m, box, edges, plane, lanes)
