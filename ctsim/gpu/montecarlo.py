"""Photons on a card: the body of `ctsim.montecarlo.walk`, a photon a thread, all adding to the same tallies.

Tallies are whole numbers, so that it does not matter which thread adds first.
"""

from numba import cuda, float64, int64

from ctsim.gpu.bodies import over, turned
from ctsim.montecarlo import photon, walk

DESK, COUNTS = photon.DESK, photon.COUNTS


@cuda.jit(device=True)
def add(tally, slot, row, pixel, amount):
    """Add whole numbers to a tally that all photons share."""
    cuda.atomic.add(tally, (int64(slot), int64(row), int64(pixel)), amount)


@cuda.jit(device=True)
def add_energy(deposits, slot, z, y, x, amount):
    """Add whole numbers to what is left in a voxel."""
    cuda.atomic.add(deposits, (int64(slot), int64(z), int64(y), int64(x)), amount)


follow = turned(walk.follow, add=add, add_energy=add_energy)


def follow_all(photons: int, key, world, tables, beam, settings, tally, deposits) -> None:
    """Fill the tallies with all photons of a view; arguments as for `ctsim.montecarlo.walk.follow`."""
    _follow[over(photons)](photons, key, world, tables, beam, settings, tally, deposits)


@cuda.jit
def _follow(photons, key, world, tables, beam, settings, tally, deposits):
    """Follow a photon."""
    number = cuda.grid(1)
    if number >= photons:
        return
    desk, counts = cuda.local.array(DESK, float64), cuda.local.array(COUNTS, int64)
    follow(number, key, world, tables, beam, settings, desk, counts, 0, tally, deposits)
