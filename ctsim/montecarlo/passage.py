"""Rays and flights through a grid of matter and the air about it; lengths in voxels, from the grid's corner.

Reference: Woodcock et al., ANL-7050 (1965): flights against the largest coefficient.
"""

import math

import numpy as np

from ctsim.kernel import kernel
from ctsim.montecarlo.matter import FULL
from ctsim.montecarlo.photon import DX, DY, DZ, MU, PLACE, POSE, X, Y, Z, draw
from ctsim.montecarlo.scattering import along

FAR, STRAIGHT = 1e30, 1e-30
"""Farther than anything, and a slope so small that it leads nowhere."""


@kernel(forceinline=True)
def crossing(x, y, z, dx, dy, dz, low, high):
    """Return where a ray enters a box, 0 where it is inside, and where it leaves it: before that if it never enters."""
    px = 1 / (dx if abs(dx) > STRAIGHT else STRAIGHT)
    py = 1 / (dy if abs(dy) > STRAIGHT else STRAIGHT)
    pz = 1 / (dz if abs(dz) > STRAIGHT else STRAIGHT)
    ax, bx = (low[0] - x) * px, (high[0] - x) * px
    ay, by = (low[1] - y) * py, (high[1] - y) * py
    az, bz = (low[2] - z) * pz, (high[2] - z) * pz
    start = max(max(min(ax, bx), min(ay, by)), max(min(az, bz), 0.0))
    return start, min(min(max(ax, bx), max(ay, by)), max(az, bz))


@kernel(forceinline=True)
def mixture(shares, iz, iy, ix, first, desk):
    """Return the coefficient of a voxel from the desk's of each material."""
    total = 0.0
    for m in range(shares.shape[3]):
        total += shares[iz, iy, ix, m] * desk[first + m]
    return total * (1.0 / FULL)


@kernel(forceinline=True)
def march(shares, start, end, wanted, x, y, z, dx, dy, dz, first, desk):
    """Return the optical depth of a ray in the grid from `start` to `end`, and where `wanted` is reached if it is."""
    nz, ny, nx = shares.shape[0], shares.shape[1], shares.shape[2]
    ix = min(max(int(x + start * dx), 0), nx - 1)
    iy = min(max(int(y + start * dy), 0), ny - 1)
    iz = min(max(int(z + start * dz), 0), nz - 1)
    per_x, per_y, per_z = 1 / dx if dx != 0 else FAR, 1 / dy if dy != 0 else FAR, 1 / dz if dz != 0 else FAR
    ahead_x, ahead_y, ahead_z = 1 if dx > 0 else -1, 1 if dy > 0 else -1, 1 if dz > 0 else -1
    next_x = (ix + (dx > 0) - x) * per_x if dx != 0 else FAR
    next_y = (iy + (dy > 0) - y) * per_y if dy != 0 else FAR
    next_z = (iz + (dz > 0) - z) * per_z if dz != 0 else FAR
    per_x, per_y, per_z = abs(per_x), abs(per_y), abs(per_z)
    t, depth = start, 0.0
    while t < end:
        mu = mixture(shares, iz, iy, ix, first, desk)
        stop = min(min(next_x, next_y), min(next_z, end))
        more = mu * (stop - t)
        if depth + more >= wanted:
            return wanted, t + (wanted - depth) / mu
        depth += max(more, 0.0)
        t = stop
        # selected, not branched to: which wall comes next is no more than a guess to the processor
        over_x, over_y, over_z = next_x <= stop, next_y <= stop, next_z <= stop
        ix, next_x = ix + (ahead_x if over_x else 0), next_x + (per_x if over_x else 0.0)
        iy, next_y = iy + (ahead_y if over_y else 0), next_y + (per_y if over_y else 0.0)
        iz, next_z = iz + (ahead_z if over_z else 0), next_z + (per_z if over_z else 0.0)
        if not (0 <= ix < nx and 0 <= iy < ny and 0 <= iz < nz):
            break
    return depth, end


@kernel(forceinline=True)
def depth_of(world, end, wanted, x, y, z, dx, dy, dz, first, desk):
    """Return the optical depth of a ray up to `end`, and where `wanted` is reached if it is; air outside the grid."""
    enter, leave = crossing(x, y, z, dx, dy, dz, world.grid_low, world.grid_high)
    leave = min(leave, end)
    outside = desk[first + world.air] if world.air >= 0 else 0.0
    if not enter < leave:
        enter = leave = end
    depth = outside * enter
    if depth >= wanted:
        return wanted, wanted / outside
    if enter < leave:
        inside, where = march(world.shares, enter, leave, wanted - depth, x, y, z, dx, dy, dz, first, desk)
        depth += inside
        if depth >= wanted:
            return wanted, where
    more = outside * (end - leave)
    if depth + more >= wanted and more > 0:
        return wanted, leave + (wanted - depth) / outside
    return depth + more, end


@kernel(forceinline=True)
def way_out(world, beam, pose, x, y, z, dx, dy, dz):
    """Return how far a ray is followed: to the panel's plane, or out of the world."""
    _, end = crossing(x, y, z, dx, dy, dz, world.low, world.high)
    plane = beam.planes[pose]
    rise = plane[8] * dx + plane[9] * dy + plane[10] * dz
    if rise > 0:
        end = min(end, (1 - (plane[8] * x + plane[9] * y + plane[10] * z + plane[11])) / rise)
    return max(end, 0.0)


@kernel(forceinline=True)
def enter(world, desk):
    """Move a photon to where it enters the world and return whether it does."""
    begin, end = crossing(desk[X], desk[Y], desk[Z], desk[DX], desk[DY], desk[DZ], world.low, world.high)
    if not begin < end:
        return False
    desk[X] += begin * desk[DX]
    desk[Y] += begin * desk[DY]
    desk[Z] += begin * desk[DZ]
    return True


@kernel(forceinline=True)
def fly(world, beam, own, desk, counts):
    """Move a photon to its next collision and return whether there is one before it leaves.

    In the grid against the largest coefficient there, and outside of it by that of air: an exponential law has no
    memory, so that a flight may be taken up again where it enters.
    """
    x, y, z, dx, dy, dz = desk[X], desk[Y], desk[Z], desk[DX], desk[DY], desk[DZ]
    shares, end = world.shares, way_out(world, beam, counts[POSE], x, y, z, dx, dy, dz)
    begin, leave = crossing(x, y, z, dx, dy, dz, world.grid_low, world.grid_high)
    leave, largest, t = min(leave, end), along(world.largest, desk[PLACE]), 0.0
    if world.air >= 0:
        begin = begin if begin < leave else end
        t -= math.log(draw(own, counts)) / desk[MU + world.air]
        if t < begin:
            desk[X], desk[Y], desk[Z] = x + t * dx, y + t * dy, z + t * dz
            return True
        t = begin
    while largest > 0:
        t -= math.log(draw(own, counts)) / largest
        if t >= leave:
            break
        px, py, pz = x + t * dx, y + t * dy, z + t * dz
        ix = min(max(int(px), 0), shares.shape[2] - 1)
        iy = min(max(int(py), 0), shares.shape[1] - 1)
        iz = min(max(int(pz), 0), shares.shape[0] - 1)
        if draw(own, counts) * largest < mixture(shares, iz, iy, ix, MU, desk):
            desk[X], desk[Y], desk[Z] = px, py, pz
            return True
    if world.air < 0 or begin >= end:
        return False
    t = leave - math.log(draw(own, counts)) / desk[MU + world.air]
    if t < end:
        desk[X], desk[Y], desk[Z] = x + t * dx, y + t * dy, z + t * dz
    return t < end


@kernel(forceinline=True)
def voxel_of(desk):
    """Return the voxel that a photon is in: x, y, z; a card's floor is no integer."""
    return np.int64(math.floor(desk[X])), np.int64(math.floor(desk[Y])), np.int64(math.floor(desk[Z]))


@kernel(forceinline=True)
def material_at(world, own, desk, counts):
    """Return which material a photon meets where it is, by their shares of the coefficient there."""
    shares, count = world.shares, world.shares.shape[3]
    ix, iy, iz = voxel_of(desk)
    if not (0 <= ix < shares.shape[2] and 0 <= iy < shares.shape[1] and 0 <= iz < shares.shape[0]):
        if world.air >= 0:
            return world.air
        # a rounding outside of the grid
        ix, iy, iz = (
            min(max(ix, 0), shares.shape[2] - 1),
            min(max(iy, 0), shares.shape[1] - 1),
            min(max(iz, 0), shares.shape[0] - 1),
        )
    if count == 1:
        return 0
    left = draw(own, counts) * mixture(shares, iz, iy, ix, MU, desk) * FULL
    for m in range(count):
        left -= shares[iz, iy, ix, m] * desk[MU + m]
        if left < 0:
            return m
    return count - 1
