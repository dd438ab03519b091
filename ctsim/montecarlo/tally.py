"""What photons bring to pixels and leave in voxels, added up in whole numbers, which sum to the same in any order."""

import numpy as np

from ctsim.kernel import kernel
from ctsim.montecarlo.arrivals import PRIMARY
from ctsim.montecarlo.passage import voxel_of
from ctsim.montecarlo.photon import HELD, MOST_HELD, SHARES
from ctsim.montecarlo.scattering import along

ROWS = 13
"""Of a tally, by band: the five kinds' sums, the sums of their squares, second moments of primary and scattered, and
the sum of squares of all that is scattered."""

SQUARES, SECOND, TOGETHER = 5, 10, 12


@kernel(forceinline=True)
def add(tally, slot, row, pixel, amount):
    """Add whole numbers to a tally; a card has its own way, since many photons do so at once there."""
    tally[slot, row, pixel] += amount


@kernel(forceinline=True)
def add_energy(deposits, slot, z, y, x, amount):
    """Add whole numbers to what is left in a voxel."""
    deposits[slot, z, y, x] += amount


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
def leave_energy(settings, amount_kev, desk, slot, deposits):
    """Add to the voxel where a photon is what it leaves there."""
    if deposits.shape[1] < 2 and deposits.shape[2] < 2 and deposits.shape[3] < 2:  # nobody wants to know
        return
    ix, iy, iz = voxel_of(desk)
    if 0 <= ix < deposits.shape[3] and 0 <= iy < deposits.shape[2] and 0 <= iz < deposits.shape[1]:
        add_energy(deposits, slot, iz, iy, ix, np.int64(amount_kev * settings.energy_scale + 0.5))
