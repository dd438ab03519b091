"""Sums along the beams of all pixels, and the same weights the other way: every voxel's sum over the pixels.

A column of pixels is walked through the volume slab by slab. Forwards a thread owns a column; backwards it owns a few
slabs and goes through all views and columns in order. So no two threads write to one place, each sum has one order, and
the bits are the same for any number of threads.

Volumes are held [y x z]: detectors mostly stand upright, and then the pixels of a column see voxels side by side.
Where they stand exactly upright all pixels of a column share their boxes across it; the voxels of a slab are first
blended into one line along z, and the pixels read that (1.8 times as fast).
"""

import math

import numpy as np
from numba import prange

from ctsim.kernel import kernel
from ctsim.operators.beams import FAST, INVERSE, REACH, SLOPE, SOURCE, aim, meet, misses, run, share_of, shares, stretch

SLABS = 8
"""A thread's share on the way back: aiming costs little beside eight slabs, and 512 of them still feed 64 threads."""

BLOCK_P, BLOCK_Q = 3, 2
"""Voxels across that are read at once: a box one voxel wide touches no more, up to 45 degrees along p."""


@kernel(parallel=True, **FAST)
def forward(volume, pad, upright, vectors, image):
    """Fill `image` [view col row] with the sums along all beams.

    Args:
        volume: [y x z], with `pad` empty voxels on every side.
        pad: At least the voxels that a box touches along one axis, and `BLOCK_P` more.
        upright: Whether all columns of pixels stand along z, all rows across it, and no ray runs along z.
        vectors: Source, corner, u and v of each view in voxels [view 4 3]; see `ctsim.operators.beams`.
        image: The sums, in voxels.
    """
    views, columns, _ = image.shape
    for job in prange(views * columns):
        view, column = job // columns, job % columns
        room = room_for(image[view, column], volume.shape[2])
        walk(volume, pad, upright, vectors[view], column, image[view, column], (-1, 0, 0), room)


@kernel(parallel=True, **FAST)
def adjoint(volume, pad, upright, vectors, image):
    """Add to each voxel of `volume` its sum over all pixels of `image`; arguments as those of `forward`.

    What lands in the padding means nothing.
    """
    views, columns, _ = image.shape
    for along in range(3):
        slabs = extent(volume, along) - 2 * pad
        for chunk in prange((slabs + SLABS - 1) // SLABS):
            room = room_for(image[0, 0], volume.shape[2])
            part = along, chunk * SLABS, min(slabs, (chunk + 1) * SLABS)
            for view in range(views):
                for column in range(columns):
                    walk(volume, pad, upright, vectors[view], column, image[view, column], part, room)


@kernel(**FAST)
def room_for(image, depth):
    """Return what a walk works in: beams of two axes, shares, sums, a line of voxels, first voxels and places."""
    rows = len(image)
    return (
        np.zeros((2, 5, rows), image.dtype),
        np.zeros((BLOCK_P + BLOCK_Q, rows), image.dtype),
        np.zeros(rows, image.dtype),
        np.zeros(depth, image.dtype),
        np.zeros((2, rows), np.int32),
        np.zeros(rows, np.int64),
    )


@kernel(**FAST)
def extent(volume, axis):
    """Return the voxels of a volume [y x z] along axis 0 to 2 (x, y, z), padding and all."""
    return volume.shape[2] if axis == 2 else volume.shape[1 - axis]


@kernel(**FAST)
def stride(volume, axis):
    """Return how far apart neighbours along axis 0 to 2 (x, y, z) lie in the memory of a volume [y x z]."""
    if axis == 2:
        return 1
    return volume.shape[2] if axis == 0 else volume.shape[1] * volume.shape[2]


@kernel(**FAST)
def walk(volume, pad, upright, vectors, column, image, part, room):
    """Take a column of pixels through the volume.

    Args:
        volume: See `forward`.
        pad: See `forward`.
        upright: See `forward`.
        vectors: Of one view.
        column: Of its pixels.
        image: The column's sums: filled, or read where `part` names an axis.
        part: (axis, first slab, slab after the last) to walk back through, or axis -1 to go forwards through all.
        room: From `room_for`.
    """
    beam, _, sums, _, _, _ = room
    back = part[0] >= 0
    row = 0
    while row < len(image):
        way, end = run(vectors, column, row, len(image))
        along, count = way % 3, end - row
        if not back or along == part[0]:
            p, q = (1 if along == 0 else 0), (1 if along == 2 else 2)
            alike = 1 if upright else count  # beams that differ along p
            slabs = extent(volume, along) - 2 * pad
            limits = (
                aim(vectors, column, row, along, p, slabs // 2, beam[0], alike),
                aim(vectors, column, row, along, q, slabs // 2, beam[1], count),
            )
            for i in range(count):
                sums[i] = image[row + i] * stretch(beam[0, SLOPE, min(i, alike - 1)], beam[1, SLOPE, i]) if back else 0
            for slab in range(part[1] if back else 0, part[2] if back else slabs):
                t = slab + 0.5 - vectors[SOURCE, along]
                if (t > 0) == (way < 3) and t != 0:
                    cross(volume, pad, back, slab, t, (along, p, q), (alike, count), limits, room)
            if not back:
                for i in range(count):
                    image[row + i] = sums[i] * stretch(beam[0, SLOPE, min(i, alike - 1)], beam[1, SLOPE, i])
        row = end


@kernel(**FAST)
def cross(volume, pad, back, slab, t, axes, counts, limits, room):
    """Let the beams of a run cross one slab."""
    beam, _, _, _, first, place = room
    along, p, q = axes
    widths = math.sqrt(t * t * limits[0][0] + limits[0][1]), math.sqrt(t * t * limits[1][0] + limits[1][1])
    voxels = extent(volume, p) - 2 * pad, extent(volume, q) - 2 * pad
    as_beam = beam.dtype.type
    far, deep = as_beam(slab - (extent(volume, along) - 2 * pad) // 2), as_beam(t * t)
    # boxes larger than the padding allows for lie beside the volume
    taps = min(int(widths[0]) + 2, pad - BLOCK_P), min(int(widths[1]) + 2, pad - BLOCK_P)
    start, stop = 0, counts[1]
    for i in range(2):
        if misses(beam[i], counts[i], far, widths[i], voxels[i]):
            return
        meet(beam[i], counts[i], far, deep, as_beam(-pad), as_beam(voxels[i]), first[i])
        if counts[i] == counts[1]:
            start, stop = trimmed(first[i], start, stop, taps[i], voxels[i])
    if counts[0] == counts[1]:
        base = stride(volume, along) * (slab + pad) + (stride(volume, p) + stride(volume, q)) * pad
        for i in range(counts[1]):
            place[i] = base + stride(volume, p) * np.int64(first[0, i]) + stride(volume, q) * np.int64(first[1, i])
        read_or_write_blocks(volume, back, (stride(volume, p), stride(volume, q)), taps, (start, stop), room)
    else:
        for i in range(counts[1]):
            place[i] = first[1, i] + pad
        here = slab + pad, first[0, 0] + pad
        if back:
            write_line(volume, along, here, taps, (start, stop), room)
        else:
            read_line(volume, along, here, taps, (start, stop), room)


@kernel(**FAST)
def trimmed(first, start, stop, taps, voxels):
    """Return the rows from the first to the last whose box touches the volume."""
    while start < stop and (first[start] <= -taps or first[start] >= voxels):
        start += 1
    while stop > start and (first[stop - 1] <= -taps or first[stop - 1] >= voxels):
        stop -= 1
    return start, stop


@kernel(**FAST)
def read_or_write_blocks(volume, back, strides, taps, rows, room):
    """Add to each row's sum what its box holds, or to each voxel in the box its share of the row's sum."""
    beam, share, sums, _, _, place = room
    flat = volume.reshape(volume.size)
    for tap_q in range(0, taps[1], BLOCK_Q):
        for i in range(BLOCK_Q):
            shares(beam[1], rows[1], tap_q + i, share[BLOCK_P + i])
        for tap_p in range(0, taps[0], BLOCK_P):
            for i in range(BLOCK_P):
                shares(beam[0], rows[1], tap_p + i, share[i])
            shift = strides[0] * tap_p + strides[1] * tap_q
            if back:
                write_block(flat, place, shift, strides, share, rows, sums)
            else:
                read_block(flat, place, shift, strides, share, rows, sums)


@kernel(**FAST)
def read_block(flat, place, shift, strides, share, rows, sums):
    """Add to each row's sum its share of three by two voxels."""
    p0, p1, p2, q0, q1 = share[0], share[1], share[2], share[3], share[4]
    # unsigned, or each index is first asked whether it counts from the end
    step_p, step_q = np.uint64(strides[0]), np.uint64(strides[1])
    for i in range(rows[0], rows[1]):
        a = np.uint64(place[i] + shift)
        b, c = a + step_p, a + step_p + step_p
        sums[i] += (
            p0[i] * (q0[i] * flat[a] + q1[i] * flat[a + step_q])
            + p1[i] * (q0[i] * flat[b] + q1[i] * flat[b + step_q])
            + p2[i] * (q0[i] * flat[c] + q1[i] * flat[c + step_q])
        )


@kernel(**FAST)
def write_block(flat, place, shift, strides, share, rows, sums):
    """Add to three by two voxels their share of each row's sum."""
    p0, p1, p2, q0, q1 = share[0], share[1], share[2], share[3], share[4]
    step_p, step_q = np.uint64(strides[0]), np.uint64(strides[1])
    for i in range(rows[0], rows[1]):
        a = np.uint64(place[i] + shift)
        b, c = a + step_p, a + step_p + step_p
        x, y = q0[i] * sums[i], q1[i] * sums[i]
        flat[a] += p0[i] * x
        flat[a + step_q] += p0[i] * y
        flat[b] += p1[i] * x
        flat[b + step_q] += p1[i] * y
        flat[c] += p2[i] * x
        flat[c + step_q] += p2[i] * y


@kernel(**FAST)
def read_line(volume, along, here, taps, rows, room):
    """Add to each row's sum what its box holds, where all boxes of the column are one along p."""
    beam, share, sums, line, _, place = room
    as_beam = beam.dtype.type
    line[:] = 0
    for tap in range(min(math.ceil(beam[0, REACH, 0]), taps[0])):
        weight = share_of(beam[0, REACH, 0] - as_beam(tap), beam[0, INVERSE, 0], as_beam(1))
        voxels = volume[here[1] + tap, here[0]] if along == 0 else volume[here[0], here[1] + tap]
        for i in range(len(line)):
            line[i] += weight * voxels[i]
    for tap in range(0, taps[1], 2):
        shares(beam[1], rows[1], tap, share[0])
        shares(beam[1], rows[1], tap + 1, share[1])
        for i in range(rows[0], rows[1]):
            a = np.uint64(place[i] + tap)
            sums[i] += share[0, i] * line[a] + share[1, i] * line[a + np.uint64(1)]


@kernel(**FAST)
def write_line(volume, along, here, taps, rows, room):
    """Add to each voxel in the boxes its share of each row's sum, where all boxes of the column are one along p."""
    beam, share, sums, line, _, place = room
    as_beam = beam.dtype.type
    line[:] = 0
    for tap in range(0, taps[1], 2):
        shares(beam[1], rows[1], tap, share[0])
        shares(beam[1], rows[1], tap + 1, share[1])
        for i in range(rows[0], rows[1]):
            a = np.uint64(place[i] + tap)
            line[a] += share[0, i] * sums[i]
            line[a + np.uint64(1)] += share[1, i] * sums[i]
    for tap in range(min(math.ceil(beam[0, REACH, 0]), taps[0])):
        weight = share_of(beam[0, REACH, 0] - as_beam(tap), beam[0, INVERSE, 0], as_beam(1))
        voxels = volume[here[1] + tap, here[0]] if along == 0 else volume[here[0], here[1] + tap]
        for i in range(len(line)):
            voxels[i] += weight * line[i]
