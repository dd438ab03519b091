"""One photon's walk through a grid of matter: the body that the processor's and the card's kernels share.

Lengths are in voxels and positions in voxels from the grid's corner, so coefficients are per voxel. A photon is known
by its number: its random numbers are a function of (key of the view, number, how many it has drawn), so that it is the
same photon on any number of threads.
"""

import math

from ctsim.detector.escape import ELECTRON_KEV
from ctsim.detector.noise import mixed
from ctsim.kernel import kernel
from ctsim.materials import LOWEST_KEV
from ctsim.montecarlo.arrivals import COMPTON, FLUORESCENCE, PRIMARY, RAYLEIGH
from ctsim.montecarlo.passage import FAR, depth_of, enter, fly, material_at, way_out
from ctsim.montecarlo.photon import (
    DRAWN,
    DX,
    DY,
    DZ,
    ENERGY,
    FIRST_DRAWS,
    FIRST_WEIGHT,
    FORCED_DETECTION,
    FORCED_INTERACTION,
    HELD,
    KIND,
    MU,
    ORDER,
    PLACE,
    POSE,
    SENT,
    SURVIVAL,
    WEIGHT,
    X,
    Y,
    Z,
    draw,
    first_draw,
)
from ctsim.montecarlo.scattering import at, compton_cosine, line_of, look_up, rayleigh_cosine, turned_by
from ctsim.montecarlo.shares import called, grid_passes, pixel_met, share_out
from ctsim.montecarlo.tables import COMPTON as COMPTON_COLUMN
from ctsim.montecarlo.tables import LINES, TOTAL
from ctsim.montecarlo.tables import RAYLEIGH as RAYLEIGH_COLUMN
from ctsim.montecarlo.tally import count_in, leave_energy, let_go

LIGHT = 0.2
"""Of its first weight, from which on a photon plays Russian roulette."""


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
