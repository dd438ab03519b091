"""Where inside a host a flaw may sit: clear of the wall and of its neighbours."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from manifold3d import Manifold

from defects.host import Host, reach_mm

DRAWS = 40_000
"""Centres drawn for one flaw: a sheet that fills 1 % of its box still holds 400 of them."""

TRIES = 60
"""Places measured for one flaw, of those that six rays let pass: a hundredth of a second each."""


def place(
    flaw: Any, rng: np.random.Generator, host: Host, neighbours: Sequence[Manifold], *, wall_mm: float, gap_mm: float
) -> Any | None:
    """Return the flaw moved to a random place inside the host, or None if none was found.

    The centre is uniform over all places where the flaw keeps `wall_mm` from the wall and `gap_mm` from its
    neighbours: a place is drawn from the host's box and rejected as a whole, so that no direction is preferred.

    Args:
        flaw: A record of any kind, with its centre anywhere.
        rng: Where the places come from.
        host: What it sits in.
        neighbours: Solids already placed [mm].
        wall_mm: Least distance to the host's surface.
        gap_mm: Least distance to a neighbour's surface.
    """
    centred = replace(flaw, centre_mm=(0.0, 0.0, 0.0)).solid()
    origin = np.zeros(3)
    needed_mm = reach_mm(centred, origin) + wall_mm if Host(solid=centred).contains(origin) else np.zeros(6)
    low, high = host.box_mm
    tried = 0
    for _ in range(DRAWS):
        centre = rng.uniform(low, high)
        if not host.contains(centre) or np.any(reach_mm(host.solid, centre) < needed_mm):
            continue  # six rays tell for a tenth of the price of the gap itself
        tried += 1
        if tried > TRIES:
            break
        solid = centred.translate(tuple(centre))
        if _too_near(host.outside, solid, wall_mm) or any(_too_near(other, solid, gap_mm) for other in neighbours):
            continue
        return replace(flaw, centre_mm=tuple(float(c) for c in centre))
    return None


def _too_near(other: Manifold, solid: Manifold, least_mm: float) -> bool:
    """Return whether the gap is below the least one; touching is always too near."""
    a, b = np.array(other.bounding_box()), np.array(solid.bounding_box())
    if np.any(a[:3] - b[3:] > least_mm) or np.any(b[:3] - a[3:] > least_mm):
        return False
    search_mm = max(least_mm, 1e-6)
    return other.min_gap(solid, search_mm) < search_mm * (1 - 1e-9)
