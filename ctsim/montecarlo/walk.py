r"""One photon's walk through a grid of matter: the body that the processor's and the card's kernels share.

Lengths are in voxels and positions in voxels from the grid's corner, so coefficients are per voxel. A photon is known
by its number: its random numbers are a function of (key of the view, number, how many it has drawn), so that it is the
same photon on any number of threads.

What a photon brings to a pixel is added up in whole numbers, which sum to the same in any order.

References: Woodcock et al., ANL-7050 (1965): flights against the largest coefficient; Butcher and Messel, Nucl. Phys.
20, 15 (1960): sampling of Klein and Nishina's formula; Williamson, Phys. Med. Biol. 32, 1311 (1987): what each
collision would bring to a point.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from ctsim.detector.anti_scatter import strips_pass
from ctsim.detector.escape import ELECTRON_KEV
from ctsim.detector.noise import mixed, uniform
from ctsim.kernel import kernel
from ctsim.materials import HIGHEST_KEV, LOWEST_KEV
from ctsim.montecarlo.arrivals import COMPTON, FLUORESCENCE, MULTIPLE, PRIMARY, RAYLEIGH
from ctsim.montecarlo.matter import FULL
from ctsim.montecarlo.tables import COMPTON as COMPTON_COLUMN
from ctsim.montecarlo.tables import HC_KEV_ANGSTROM, LINES, TOTAL, TRANSFERS
from ctsim.montecarlo.tables import RAYLEIGH as RAYLEIGH_COLUMN

FORCED_DETECTION, FORCED_INTERACTION, SURVIVAL, STRATIFIED = 1, 2, 4, 8
"""Bits of `Settings.techniques`."""

ROWS = 13
"""Of a tally, by band: the five kinds' sums, the sums of their squares, second moments of primary and scattered, and
the sum of squares of all that is scattered."""

SQUARES, SECOND, TOGETHER = 5, 10, 12

FAR, STRAIGHT = 1e30, 1e-30
"""Farther than anything, and a slope so small that it leads nowhere."""

LOG_RANGE = math.log(HIGHEST_KEV / LOWEST_KEV)

MOST_TRANSFER = HIGHEST_KEV / HC_KEV_ANGSTROM
PER_TRANSFER = (TRANSFERS - 1) * (1 + MOST_TRANSFER) / MOST_TRANSFER
"""Places on the tables' axis of momentum transfers for 1 of x / (1 + x)."""

RAYLEIGH_AHEAD = 0.5
"""Share of Rayleigh scattering that meets the panel where the photon itself would: a guess, which costs but time where
it is wrong."""

LEAST_PASSES = 1e-30
"""Of photons through a grid: none are counted where fewer do, for what is left of them cannot be compared."""

MOST_CHANCE = 0.9
"""Of either kind of scattering to be chosen for a share."""

LIGHT = 0.2
"""Of its first weight, from which on a photon plays Russian roulette."""

X, Y, Z, DX, DY, DZ, ENERGY, WEIGHT, FIRST_WEIGHT, PLACE, MU = range(11)
"""Of the desk, one row a photon: position, direction, keV, weight, and, from MU on, the materials' coefficients at its
energy, followed by those at the energy of what it sends to the panel."""

DRAWN, ORDER, KIND, SENT, POSE, HELD = range(6)
"""Of the counts: random numbers drawn, collisions survived, what the photon is called, shares sent to the panel,
which pose it set out from, shares held back."""

FIRST_DRAWS = 5
"""Place on the panel (two), energy, pose, depth: what `stratified` draws evenly."""

MOST_MATERIALS = 24
MOST_HELD = 64
"""Shares of one photon that are held back until those for the same pixel are added up."""

SHARES = MU + 2 * MOST_MATERIALS
DESK, COUNTS = SHARES + MOST_HELD, HELD + 1 + 2 * MOST_HELD
"""Numbers that a photon's desk and its counts have room for."""


STEPS = np.array([0.4201845346931304, 0.6119959639113566, 0.5605294225241482, 0.7721009246551643, 0.3820568296498053])
"""Of a Kronecker sequence: of some ten thousand fives tried, the one whose pairs lie most evenly in cells of a square,
for 1000 to 65 000 photons: in none do they vary by more than 0.4 of chance. (Powers of one root, the usual choice, do
so 12 times as much as chance.)"""


class World(NamedTuple):
    """What photons fly through.

    Attributes:
        shares: See `ctsim.montecarlo.matter.Matter`.
        air: The material of all that lies outside the grid; -1 for none.
        grid_low, grid_high: Corners of the grid [voxel].
        low, high: Corners of the box that photons are followed in [voxel].
        largest: Of the total coefficient over all voxels, by energy [1/voxel].
    """

    shares: UInt8[np.ndarray, "z y x material"]
    air: int
    grid_low: Float[np.ndarray, "3"]
    grid_high: Float[np.ndarray, "3"]
    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    largest: Float32[np.ndarray, " energy"]


class Beam(NamedTuple):
    """What the source sends out in one view, and where the panel stands.

    Attributes:
        frames: By pose, the source, the ray to the panel's corner, u and v [voxel].
        planes: By pose, the projection matrix [row-wise].
        distances: By pose, from the source to the panel's plane [voxel].
        normals: By pose, the panel's unit normal and the area of a pixel [voxel^2].
        window: First and last column and row that photons are sent to, and the window's area in pixels.
        strength: Of the beam over the panel against falloff alone (the heel).
        rows, columns: Of the panel.
        free: The free beam's signal at each pixel, in units of that at the foot of the source's normal.
        energies: Of the spectrum's bins [keV].
        places: Of these energies on the tables' axis.
        up_to: Share of the photons up to each of them.
        guide: The first bin that u may lie in, for equal steps of u from 0 to 1.
    """

    frames: Float[np.ndarray, "pose 12"]
    planes: Float[np.ndarray, "pose 12"]
    distances: Float[np.ndarray, " pose"]
    normals: Float[np.ndarray, "pose 4"]
    window: Float[np.ndarray, "5"]
    strength: Float[np.ndarray, "row col"]
    rows: int
    columns: int
    free: Float[np.ndarray, " pixel"]
    energies: Float[np.ndarray, " bin"]
    places: Float[np.ndarray, " bin"]
    up_to: Float[np.ndarray, " bin"]
    guide: Int32[np.ndarray, " step"]


class Settings(NamedTuple):
    """How a photon is followed.

    Attributes:
        techniques: Bits, FORCED_DETECTION and so on.
        points, later_points: Of the panel that a photon's first collision sends its share to, and each later one.
        signal: By band, the mean signal and its mean square by energy, of which the free beam has 1 on the mean.
        stride: From one of these pixels to the next.
        scale, square_scale: What one unit of signal, and of its square, is in whole numbers.
        energy_scale: What a keV left in a voxel is in whole numbers.
        grid: Strip, gap and height of an anti-scatter grid [mm], and the panel's axis it stands across; empty for none.
        strips: Coefficients of strips and gaps [1/mm] by energy, and what a straight photon passes with.
        near: Collisions closer to the panel send a photon instead of shares; as a share of its distance to the source.
    """

    techniques: int
    points: int
    later_points: int
    stride: int
    signal: Float32[np.ndarray, "band 2 energy"]
    scale: float
    square_scale: float
    energy_scale: float
    grid: Float[np.ndarray, " number"]
    strips: Float[np.ndarray, "energy 3"]
    near: float


@kernel(forceinline=True)
def add(tally, slot, row, pixel, amount):
    """Add whole numbers to a tally; a card has its own way, since many photons do so at once there."""
    tally[slot, row, pixel] += amount


@kernel(forceinline=True)
def add_energy(deposits, slot, z, y, x, amount):
    """Add whole numbers to what is left in a voxel."""
    deposits[slot, z, y, x] += amount


@kernel(forceinline=True)
def draw(own, counts):
    """Return a photon's next random number."""
    counts[DRAWN] += 1
    return uniform(own, counts[DRAWN])


@kernel(forceinline=True)
def place_of(energy_kev, count):
    """Return where an energy lies on the tables' axis: between which two, and how far."""
    place = math.log(energy_kev / LOWEST_KEV) * ((count - 1) / LOG_RANGE)
    # plain Python, which stands for a card in tests, would go on in single precision
    return np.float64(min(max(place, 0.0), count - 1.000001))


@kernel(forceinline=True)
def at(per_mm, place, material, column):
    """Return a coefficient at a place between two energies."""
    i = int(place)
    low = per_mm[i, material, column]
    return low + (place - i) * (per_mm[i + 1, material, column] - low)


@kernel(forceinline=True)
def along(curve, place):
    """Return a curve at a place between two of its points."""
    i = int(place)
    return curve[i] + (place - i) * (curve[i + 1] - curve[i])


@kernel(forceinline=True)
def look_up(per_mm, energy_kev, first, desk):
    """Write all materials' total coefficients at an energy to the desk, and return its place."""
    place = place_of(energy_kev, per_mm.shape[0])
    for m in range(per_mm.shape[1]):
        desk[first + m] = at(per_mm, place, m, TOTAL)
    return place


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


@kernel(forceinline=True)
def bound(tables, material, energy_kev, one_less_cosine):
    """Return the incoherent scattering function, 1 for free electrons."""
    x = energy_kev / HC_KEV_ANGSTROM * math.sqrt(max(one_less_cosine, 0.0) * 0.5)
    return along(tables.incoherent[material], min(x / (1 + x) * PER_TRANSFER, tables.incoherent.shape[1] - 1.000001))


@kernel(forceinline=True)
def compton_pdf(tables, material, place, energy_kev, cosine):
    """Return the density of a Compton-scattered photon's direction [1/sr], and its energy [keV]."""
    ratio = 1 / (1 + energy_kev / ELECTRON_KEV * (1 - cosine))
    shape = ratio * ratio * (ratio + 1 / ratio - 1 + cosine * cosine)
    i = int(place)
    norm = tables.compton_norm[i, material]
    norm += (place - i) * (tables.compton_norm[i + 1, material] - norm)
    return shape * bound(tables, material, energy_kev, 1 - cosine) / norm, energy_kev * ratio


@kernel(forceinline=True)
def compton_cosine(tables, material, energy_kev, own, counts):
    """Return a cosine of Compton scattering: Klein and Nishina's by composition, bound electrons by rejection."""
    least = 1 / (1 + 2 * energy_kev / ELECTRON_KEV)
    one, two = -math.log(least), (1 - least * least) / 2
    most = bound(tables, material, energy_kev, 2.0)
    while True:
        if draw(own, counts) * (one + two) < one:
            ratio = math.exp(-one * draw(own, counts))
        else:
            ratio = math.sqrt(least * least + (1 - least * least) * draw(own, counts))
        less = min((1 - ratio) / (ratio * energy_kev) * ELECTRON_KEV, 2.0)
        shape = (1 - ratio * less * (2 - less) / (1 + ratio * ratio)) * bound(tables, material, energy_kev, less)
        if draw(own, counts) * most < shape:
            return 1 - less


@kernel(forceinline=True)
def rayleigh_cosine(tables, material, energy_kev, own, counts):
    """Return a cosine of Rayleigh scattering: form factors by inversion, Thomson's 1 + cos^2 by rejection."""
    curve, last = tables.coherent[material], tables.coherent.shape[1] - 1
    most = energy_kev / HC_KEV_ANGSTROM
    whole = _up_to(curve, most, last)
    while True:
        wanted, low, high = draw(own, counts) * whole, 0, last
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if curve[middle] <= wanted else (low, middle)
        a, b = _transfer(low), _transfer(high)
        rest = (wanted - curve[low]) / max(curve[high] - curve[low], 1e-300)
        cosine = max(1 - 2 * (a * a + rest * (b * b - a * a)) / (most * most), -1.0)
        if draw(own, counts) * 2 < 1 + cosine * cosine:
            return cosine


@kernel(forceinline=True)
def _transfer(index):
    """Return the momentum transfer at a point of the tables."""
    t = index / PER_TRANSFER
    return t / (1 - t)


@kernel(forceinline=True)
def _up_to(curve, x, last):
    """Return the integral of the squared form factor over x^2 from 0 to x."""
    i = min(int(x / (1 + x) * PER_TRANSFER), last - 1)
    a, b = _transfer(i), _transfer(i + 1)
    return curve[i] + (curve[i + 1] - curve[i]) * min((x * x - a * a) / (b * b - a * a), 1.0)


@kernel(forceinline=True)
def turned_by(dx, dy, dz, cosine, turn):
    """Return a direction at an angle to another, turned about it."""
    sine, angle = math.sqrt(max(1 - cosine * cosine, 0.0)), 2 * math.pi * turn
    a, b = sine * math.cos(angle), sine * math.sin(angle)
    across = math.sqrt(dx * dx + dy * dy)
    if across < 1e-8:
        return a, b, cosine * dz
    ex, ey, ez = dx * cosine, dy * cosine, dz * cosine
    ex += (a * dx * dz - b * dy) / across
    ey += (a * dy * dz + b * dx) / across
    ez -= a * across
    size = 1 / math.sqrt(ex * ex + ey * ey + ez * ez)
    return ex * size, ey * size, ez * size


@kernel(forceinline=True)
def grid_passes(beam, settings, pose, place, x, y, z, dx, dy, dz):
    """Return what an anti-scatter grid lets through of photons to a point of the panel, against one straight on."""
    if len(settings.grid) == 0:
        return 1.0
    panel, normal, first = beam.frames[pose], beam.normals[pose], 6 if settings.grid[3] == 0 else 9
    ux, uy, uz = panel[first], panel[first + 1], panel[first + 2]
    size = 1 / math.sqrt(ux * ux + uy * uy + uz * uz)
    sx, sy, sz = x - panel[0], y - panel[1], z - panel[2]
    along_strips = sx * normal[0] + sy * normal[1] + sz * normal[2]
    forward = dx * normal[0] + dy * normal[1] + dz * normal[2]
    slope = (dx * ux + dy * uy + dz * uz) * size / forward - (sx * ux + sy * uy + sz * uz) * size / along_strips
    i = int(place)
    if settings.strips[i, 2] < LEAST_PASSES:
        return 0.0
    passes = strips_pass(
        settings.grid[0], settings.grid[1], settings.grid[2], settings.strips[i, 0], settings.strips[i, 1], slope,
        1 / abs(forward),
    )  # fmt: skip
    return passes / settings.strips[i, 2]


@kernel(forceinline=True)
def count_in(settings, place, value, kind, pixel, slot, tally):
    """Add to the tally what a photon of some energy and weight leaves in a pixel, and its square."""
    for band in range(settings.signal.shape[0]):
        first = value * along(settings.signal[band, 0], place)
        add_signal(settings, band, place, value, first, kind, pixel, slot, tally)
        add_square(settings, band * ROWS + SQUARES + kind, pixel, first, slot, tally)
        if kind != PRIMARY:
            add_square(settings, band * ROWS + TOGETHER, pixel, first, slot, tally)


@kernel(forceinline=True)
def add_signal(settings, band, place, value, first, kind, pixel, slot, tally):
    """Add to the tally what a photon leaves in a pixel, and its second moment."""
    second = value * along(settings.signal[band, 1], place)
    add(tally, slot, band * ROWS + kind, pixel, np.int64(first * settings.scale + 0.5))
    add(tally, slot, band * ROWS + SECOND + (kind > 0), pixel, np.int64(second * settings.scale + 0.5))


@kernel(forceinline=True)
def add_square(settings, row, pixel, first, slot, tally):
    """Add to the tally the square of what one photon brings in all to a pixel."""
    add(tally, slot, row, pixel, np.int64(first * first * settings.square_scale + 0.5))


@kernel(forceinline=True)
def hold(settings, place, value, kind, pixel, desk, counts, slot, tally):
    """Add to the tally what a photon leaves in a pixel, and hold it back for the square of all that it leaves there."""
    for band in range(settings.signal.shape[0]):
        first = value * along(settings.signal[band, 0], place)
        add_signal(settings, band, place, value, first, kind, pixel, slot, tally)
        if counts[HELD] == MOST_HELD:
            let_go(settings, desk, counts, slot, tally)
        held = counts[HELD]
        desk[SHARES + held] = first
        counts[HELD + 1 + 2 * held], counts[HELD + 2 + 2 * held] = band * ROWS + kind, pixel
        counts[HELD] = held + 1


@kernel()
def let_go(settings, desk, counts, slot, tally):
    """Add up what is held back for the same pixel, of each kind and together, and add the squares to the tally."""
    held = counts[HELD]
    for one in range(held):
        row, pixel, alike, together, is_first = counts[HELD + 1 + 2 * one], counts[HELD + 2 + 2 * one], 0.0, 0.0, True
        is_alone = True
        for other in range(held):
            if counts[HELD + 2 + 2 * other] != pixel or counts[HELD + 1 + 2 * other] // ROWS != row // ROWS:
                continue
            together += desk[SHARES + other]
            is_first = is_first and other >= one
            if counts[HELD + 1 + 2 * other] == row:
                alike += desk[SHARES + other]
                is_alone = is_alone and other >= one
        if is_alone:
            add_square(settings, row + SQUARES, pixel, alike, slot, tally)
        if is_first:
            add_square(settings, row // ROWS * ROWS + TOGETHER, pixel, together, slot, tally)
    counts[HELD] = 0


@kernel(forceinline=True)
def pixel_met(beam, pose, x, y, z, dx, dy, dz):
    """Return which pixel of the panel a ray meets and how far away; -1 for none."""
    plane = beam.planes[pose]
    rise = plane[8] * dx + plane[9] * dy + plane[10] * dz
    if rise <= 0:
        return -1, 0.0
    t = (1 - (plane[8] * x + plane[9] * y + plane[10] * z + plane[11])) / rise
    x, y, z = x + t * dx, y + t * dy, z + t * dz
    column = np.int64(math.floor(plane[0] * x + plane[1] * y + plane[2] * z + plane[3]))
    row = np.int64(math.floor(plane[4] * x + plane[5] * y + plane[6] * z + plane[7]))
    rows, columns = beam.rows, beam.columns
    if t < 0 or not (0 <= column < columns and 0 <= row < rows):
        return -1, 0.0
    return row * columns + column, t


@kernel(forceinline=True)
def send_along(world, tables, beam, settings, dx, dy, dz, energy_kev, weight, kind, desk, counts, slot, tally):
    """Let a photon go straight on to the panel, with the weight that matter leaves it, if it meets the panel at all."""
    x, y, z = desk[X], desk[Y], desk[Z]
    pixel, away = pixel_met(beam, counts[POSE], x, y, z, dx, dy, dz)
    if pixel < 0:
        return
    first = MU + world.shares.shape[3]
    place = look_up(tables.per_mm, energy_kev, first, desk)
    depth, _ = depth_of(world, away, FAR, x, y, z, dx, dy, dz, first, desk)
    value = weight * beam.window[4] * math.exp(-depth) / beam.free[pixel]
    value *= grid_passes(beam, settings, counts[POSE], place, x + away * dx, y + away * dy, z + away * dz, dx, dy, dz)
    hold(settings, place, value, kind, pixel, desk, counts, slot, tally)


@kernel(forceinline=True)
def point_of(beam, settings, own, counts):
    """Return a point of the panel that a share is sent to, its pixel, and how much it stands for."""
    rows, columns = beam.rows, beam.columns
    pixels = rows * columns
    # the golden ratio's step meets all pixels before it meets one again
    pixel = (np.int64(mixed(own, 1 << 40) >> np.uint64(33)) + counts[SENT] * settings.stride) % pixels
    counts[SENT] += 1
    frame = beam.frames[counts[POSE]]
    a, b = pixel % columns + draw(own, counts), pixel // columns + draw(own, counts)
    px = frame[0] + frame[3] + a * frame[6] + b * frame[9]
    py = frame[1] + frame[4] + a * frame[7] + b * frame[10]
    pz = frame[2] + frame[5] + a * frame[8] + b * frame[11]
    return px, py, pz, pixel


@kernel(forceinline=True)
def send_to_point(world, tables, beam, settings, material, line_kev, weight, kind, own, desk, counts, slot, tally):
    """Send a collision's share to a point of the panel: of Compton scattering, or of a line if its energy is given."""
    x, y, z, energy_kev = desk[X], desk[Y], desk[Z], desk[ENERGY]
    px, py, pz, pixel = point_of(beam, settings, own, counts)
    dx, dy, dz = px - x, py - y, pz - z
    away = math.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / away, dy / away, dz / away
    if line_kev > 0:
        density, out_kev = 1 / (4 * math.pi), line_kev
    else:
        cosine = dx * desk[DX] + dy * desk[DY] + dz * desk[DZ]
        density, out_kev = compton_pdf(tables, material, desk[PLACE], energy_kev, cosine)
    first = MU + world.shares.shape[3]
    place = look_up(tables.per_mm, out_kev, first, desk)
    depth, _ = depth_of(world, away, FAR, x, y, z, dx, dy, dz, first, desk)
    normal = beam.normals[counts[POSE]]
    facing = abs(dx * normal[0] + dy * normal[1] + dz * normal[2]) * normal[3] / (away * away)
    pixels = beam.rows * beam.columns
    value = weight * beam.window[4] * pixels * density * facing * math.exp(-depth) / beam.free[pixel]
    value *= grid_passes(beam, settings, counts[POSE], place, px, py, pz, dx, dy, dz)
    hold(settings, place, value, kind, pixel, desk, counts, slot, tally)


@kernel(forceinline=True)
def line_of(tables, material, place, own, counts):
    """Return the energy of a K line [keV], by how often each is made."""
    u, i = draw(own, counts), int(place)
    for line in range(tables.line_kev.shape[1]):
        if u < tables.line_share[i, material, line]:
            return tables.line_kev[material, line]
    return tables.line_kev[material, tables.line_kev.shape[1] - 1]


@kernel(forceinline=True)
def called(counts, kind):
    """Return what a photon is called after a scattering of a kind."""
    if counts[KIND] == FLUORESCENCE or kind == FLUORESCENCE:
        return FLUORESCENCE
    return kind if counts[ORDER] == 0 else MULTIPLE


@kernel(forceinline=True)
def chance_of_rayleigh(tables, beam, material, compton, rayleigh, desk, counts):
    """Return how often a share goes the way of Rayleigh scattering: about as often as it brings something to the panel.

    Rayleigh scattering goes mostly straight on, Compton scattering to all of the panel that is seen.
    """
    x, y, z, panel, normal = desk[X], desk[Y], desk[Z], beam.frames[counts[POSE]], beam.normals[counts[POSE]]
    rows, columns = beam.rows, beam.columns
    mx = panel[0] + panel[3] + 0.5 * (columns * panel[6] + rows * panel[9]) - x
    my = panel[1] + panel[4] + 0.5 * (columns * panel[7] + rows * panel[10]) - y
    mz = panel[2] + panel[5] + 0.5 * (columns * panel[8] + rows * panel[11]) - z
    away = math.sqrt(mx * mx + my * my + mz * mz)
    cosine = (mx * desk[DX] + my * desk[DY] + mz * desk[DZ]) / away
    density, _ = compton_pdf(tables, material, desk[PLACE], desk[ENERGY], cosine)
    facing = abs(mx * normal[0] + my * normal[1] + mz * normal[2]) * normal[3] * rows * columns / (away * away * away)
    seen = min(density * facing, 1.0)
    pixel, _ = pixel_met(beam, counts[POSE], x, y, z, desk[DX], desk[DY], desk[DZ])
    ahead = RAYLEIGH_AHEAD if pixel >= 0 else seen
    return min(max(rayleigh * ahead / (rayleigh * ahead + compton * seen + 1e-300), 1 - MOST_CHANCE), MOST_CHANCE)


@kernel(forceinline=True)
def share_out(world, tables, beam, settings, material, own, desk, counts, slot, tally):
    """Send to the panel what a collision scatters there on the mean."""
    place, energy_kev, plane = desk[PLACE], desk[ENERGY], beam.planes[counts[POSE]]
    per_total = desk[WEIGHT] / at(tables.per_mm, place, material, TOTAL)
    compton = per_total * at(tables.per_mm, place, material, COMPTON_COLUMN)
    rayleigh = per_total * at(tables.per_mm, place, material, RAYLEIGH_COLUMN)
    lines = per_total * at(tables.per_mm, place, material, LINES)
    is_near = 1 - (plane[8] * desk[X] + plane[9] * desk[Y] + plane[10] * desk[Z] + plane[11]) < settings.near
    chance = chance_of_rayleigh(tables, beam, material, compton, rayleigh, desk, counts)
    points = settings.points if counts[ORDER] == 0 else settings.later_points
    for _ in range(points):
        if draw(own, counts) < chance:
            share, kind, out_kev = rayleigh / (chance * points), called(counts, RAYLEIGH), energy_kev
            cosine = rayleigh_cosine(tables, material, energy_kev, own, counts)
        else:
            share, kind = compton / ((1 - chance) * points), called(counts, COMPTON)
            if not is_near:
                send_to_point(world, tables, beam, settings, material, 0.0, share, kind, own, desk, counts, slot, tally)
                continue
            cosine = compton_cosine(tables, material, energy_kev, own, counts)
            out_kev = energy_kev / (1 + energy_kev / ELECTRON_KEV * (1 - cosine))
        dx, dy, dz = turned_by(desk[DX], desk[DY], desk[DZ], cosine, draw(own, counts))
        send_along(world, tables, beam, settings, dx, dy, dz, out_kev, share, kind, desk, counts, slot, tally)
    if lines > 0:
        line_kev = line_of(tables, material, place, own, counts)
        if is_near:
            cosine = 2 * draw(own, counts) - 1
            dx, dy, dz = turned_by(desk[DX], desk[DY], desk[DZ], cosine, draw(own, counts))
            kind = FLUORESCENCE
            send_along(world, tables, beam, settings, dx, dy, dz, line_kev, lines, kind, desk, counts, slot, tally)
        else:
            send_to_point(
                world, tables, beam, settings, material, line_kev, lines, FLUORESCENCE, own, desk, counts, slot, tally
            )


@kernel(forceinline=True)
def leave_energy(settings, amount_kev, desk, slot, deposits):
    """Add to the voxel where a photon is what it leaves there."""
    if deposits.shape[1] < 2 and deposits.shape[2] < 2 and deposits.shape[3] < 2:  # nobody wants to know
        return
    ix, iy, iz = voxel_of(desk)
    if 0 <= ix < deposits.shape[3] and 0 <= iy < deposits.shape[2] and 0 <= iz < deposits.shape[1]:
        add_energy(deposits, slot, iz, iy, ix, np.int64(amount_kev * settings.energy_scale + 0.5))


@kernel(forceinline=True)
def collide(tables, settings, material, own, desk, counts, slot, deposits):
    """Let a photon be taken up or scattered where it is, and return whether it goes on."""
    place, energy_kev = desk[PLACE], desk[ENERGY]
    total = at(tables.per_mm, place, material, TOTAL)
    compton = at(tables.per_mm, place, material, COMPTON_COLUMN)
    rayleigh = at(tables.per_mm, place, material, RAYLEIGH_COLUMN)
    lines = at(tables.per_mm, place, material, LINES)
    goes_on = min((compton + rayleigh + lines) / total, 1.0)
    if settings.techniques & SURVIVAL:
        leave_energy(settings, desk[WEIGHT] * (1 - goes_on) * energy_kev, desk, slot, deposits)
        desk[WEIGHT] *= goes_on
    elif draw(own, counts) >= goes_on:
        leave_energy(settings, desk[WEIGHT] * energy_kev, desk, slot, deposits)
        return False
    choice = draw(own, counts) * (compton + rayleigh + lines)
    if choice < compton:
        kind, cosine = COMPTON, compton_cosine(tables, material, energy_kev, own, counts)
        desk[ENERGY] = energy_kev / (1 + energy_kev / ELECTRON_KEV * (1 - cosine))
    elif choice < compton + rayleigh:
        kind, cosine = RAYLEIGH, rayleigh_cosine(tables, material, energy_kev, own, counts)
    else:
        kind, cosine = FLUORESCENCE, 2 * draw(own, counts) - 1
        desk[ENERGY] = line_of(tables, material, place, own, counts)
    counts[KIND] = called(counts, kind)
    counts[ORDER] += 1
    leave_energy(settings, desk[WEIGHT] * (energy_kev - desk[ENERGY]), desk, slot, deposits)
    desk[DX], desk[DY], desk[DZ] = turned_by(desk[DX], desk[DY], desk[DZ], cosine, draw(own, counts))
    if desk[ENERGY] < LOWEST_KEV:
        leave_energy(settings, desk[WEIGHT] * desk[ENERGY], desk, slot, deposits)
        return False
    if desk[ENERGY] != energy_kev:
        desk[PLACE] = look_up(tables.per_mm, desk[ENERGY], MU, desk)
    return not settings.techniques & SURVIVAL or survives(own, desk, counts)


@kernel(forceinline=True)
def survives(own, desk, counts):
    """Play Russian roulette with a photon that has become light, and return whether it goes on."""
    light = desk[WEIGHT] / desk[FIRST_WEIGHT]
    if light > LIGHT:
        return True
    if draw(own, counts) >= light / LIGHT:
        return False
    desk[WEIGHT] *= LIGHT / light
    return True


@kernel(forceinline=True)
def first_draw(techniques, number, key, own, which):
    """Return one of a photon's first draws."""
    if techniques & STRATIFIED:
        u = uniform(key, 1 + which) + ((number + 1) * STEPS[which]) % 1.0
        return min(max(u - math.floor(u), 1e-16), 1 - 1e-16)
    return uniform(own, which)


@kernel(forceinline=True)
def start(number, key, own, beam, settings, desk, counts):
    """Put a photon on its way from the source to a point of the panel, and return which pixel that lies in."""
    techniques, window = settings.techniques, beam.window
    a = window[0] + (window[1] - window[0]) * first_draw(techniques, number, key, own, 0)
    b = window[2] + (window[3] - window[2]) * first_draw(techniques, number, key, own, 1)
    u = first_draw(techniques, number, key, own, 2)
    energy = beam.guide[int(u * len(beam.guide))]
    while energy < len(beam.up_to) - 1 and beam.up_to[energy] < u:
        energy += 1
    pose = int(first_draw(techniques, number, key, own, 3) * len(beam.frames))
    counts[POSE], frame = pose, beam.frames[pose]
    dx = frame[3] + a * frame[6] + b * frame[9]
    dy = frame[4] + a * frame[7] + b * frame[10]
    dz = frame[5] + a * frame[8] + b * frame[11]
    size = math.sqrt(dx * dx + dy * dy + dz * dz)
    desk[X], desk[Y], desk[Z] = frame[0], frame[1], frame[2]
    desk[DX], desk[DY], desk[DZ] = dx / size, dy / size, dz / size
    desk[ENERGY], desk[PLACE] = beam.energies[energy], beam.places[energy]
    row, column = int(b), int(a)
    distance = beam.distances[pose] / size
    desk[WEIGHT] = (
        distance * distance * distance * beam.strength[row % len(beam.strength), column % beam.strength.shape[1]]
    )
    desk[FIRST_WEIGHT] = desk[WEIGHT]
    return row * beam.columns + column


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
def force(world, beam, settings, u, pixel, desk, counts, slot, tally):
    """Have a photon interact on its way through matter, with the weight of its chance to, and count in what passes."""
    x, y, z, dx, dy, dz = desk[X], desk[Y], desk[Z], desk[DX], desk[DY], desk[DZ]
    end = way_out(world, beam, counts[POSE], x, y, z, dx, dy, dz)
    depth, _ = depth_of(world, end, FAR, x, y, z, dx, dy, dz, MU, desk)
    passes, meets = math.exp(-depth), -math.expm1(-depth)
    value = desk[WEIGHT] * beam.window[4] * passes / beam.free[pixel]
    count_in(settings, desk[PLACE], value, PRIMARY, pixel, slot, tally)
    if meets <= 0:
        return False
    _, t = depth_of(world, end, -math.log1p(-u * meets), x, y, z, dx, dy, dz, MU, desk)
    desk[X], desk[Y], desk[Z] = x + t * dx, y + t * dy, z + t * dz
    desk[WEIGHT] *= meets
    desk[FIRST_WEIGHT] *= meets
    return True


@kernel(forceinline=True)
def arrive(beam, settings, desk, counts, slot, tally):
    """Count in a photon that has left all matter, if it meets the panel."""
    x, y, z, dx, dy, dz = desk[X], desk[Y], desk[Z], desk[DX], desk[DY], desk[DZ]
    pixel, away = pixel_met(beam, counts[POSE], x, y, z, dx, dy, dz)
    if pixel >= 0:
        value = desk[WEIGHT] * beam.window[4] / beam.free[pixel]
        if counts[KIND] != PRIMARY:  # what the primary loses is in the response
            value *= grid_passes(
                beam, settings, counts[POSE], desk[PLACE], x + away * dx, y + away * dy, z + away * dz, dx, dy, dz
            )
        count_in(settings, desk[PLACE], value, counts[KIND], pixel, slot, tally)


@kernel(forceinline=True)
def follow(number, key, world, tables, beam, settings, desk, counts, slot, tally, deposits):
    """Follow a photon from the source until it is taken up or has left; returns nothing, but fills the tallies.

    Args:
        number: Of the photon, from 0.
        key: Of the view.
        world, tables, beam, settings: See there.
        desk, counts: Places to work in, of this photon alone.
        slot: Which of the tallies it adds to.
        tally: Whole numbers by slot, row (see ROWS) and pixel.
        deposits: Energy left in each voxel, by slot; without voxels where it is not wanted.
    """
    own = mixed(key, number + 1000)
    counts[DRAWN], counts[ORDER], counts[KIND], counts[SENT], counts[HELD] = FIRST_DRAWS, 0, PRIMARY, 0, 0
    pixel = start(number, key, own, beam, settings, desk, counts)
    techniques = settings.techniques
    if not enter(world, desk):
        count_in(settings, desk[PLACE], desk[WEIGHT] * beam.window[4] / beam.free[pixel], PRIMARY, pixel, slot, tally)
        return
    for m in range(world.shares.shape[3]):
        desk[MU + m] = at(tables.per_mm, desk[PLACE], m, TOTAL)
    if techniques & FORCED_INTERACTION:
        u = first_draw(techniques, number, key, own, 4)
        collides = force(world, beam, settings, u, pixel, desk, counts, slot, tally)
    else:
        collides = fly(world, beam, own, desk, counts)
        if not collides:
            arrive(beam, settings, desk, counts, slot, tally)
    while collides:
        material = material_at(world, own, desk, counts)
        if techniques & FORCED_DETECTION:
            share_out(world, tables, beam, settings, material, own, desk, counts, slot, tally)
        collides = collide(tables, settings, material, own, desk, counts, slot, deposits)
        if collides:
            collides = fly(world, beam, own, desk, counts)
            if not collides and not techniques & FORCED_DETECTION:
                arrive(beam, settings, desk, counts, slot, tally)
    let_go(settings, desk, counts, slot, tally)
