"""What a collision sends to the panel on the mean, instead of one photon anywhere.

Reference: Williamson, Phys. Med. Biol. 32, 1311 (1987): what each collision would bring to a point.
"""

import math

import numpy as np

from ctsim.detector.anti_scatter import strips_pass
from ctsim.detector.escape import ELECTRON_KEV
from ctsim.detector.noise import mixed
from ctsim.kernel import kernel
from ctsim.montecarlo.arrivals import COMPTON, FLUORESCENCE, MULTIPLE, RAYLEIGH
from ctsim.montecarlo.passage import FAR, depth_of
from ctsim.montecarlo.photon import DX, DY, DZ, ENERGY, KIND, MU, ORDER, PLACE, POSE, SENT, WEIGHT, X, Y, Z, draw
from ctsim.montecarlo.scattering import at, compton_cosine, compton_pdf, line_of, look_up, rayleigh_cosine, turned_by
from ctsim.montecarlo.tables import COMPTON as COMPTON_COLUMN
from ctsim.montecarlo.tables import LINES, TOTAL
from ctsim.montecarlo.tables import RAYLEIGH as RAYLEIGH_COLUMN
from ctsim.montecarlo.tally import hold

RAYLEIGH_AHEAD = 0.5
"""Share of Rayleigh scattering that meets the panel where the photon itself would: a guess, which costs but time where
it is wrong."""

LEAST_PASSES = 1e-30
"""Of photons through a grid: none are counted where fewer do, for what is left of them cannot be compared."""

MOST_CHANCE = 0.9
"""Of either kind of scattering to be chosen for a share."""


@kernel(forceinline=True)
def called(counts, kind):
    """Return what a photon is called after a scattering of a kind."""
    if counts[KIND] == FLUORESCENCE or kind == FLUORESCENCE:
        return FLUORESCENCE
    return kind if counts[ORDER] == 0 else MULTIPLE


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
    """Return a point of the panel that a share is sent to, and its pixel."""
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
