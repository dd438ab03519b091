"""What flaws take from the body that they sit in, each ending where the body or an earlier one does."""

import numpy as np
from manifold3d import Manifold

from defects.host import Host

FEW = 32
"""Flaws that are cut at the host's surface one by one without a look at which of them need it."""


def cavities_of(flaws: list[Manifold], host: Manifold) -> list[Manifold]:
    """Return what each flaw takes from the host."""
    clear = _clear_of_the_wall(flaws, host)
    taken = [flaw if inside else flaw ^ host for flaw, inside in zip(flaws, clear, strict=True)]
    for later, earlier in _boxes_meet(taken):
        taken[later] = taken[later] - taken[earlier]
    return taken


def _clear_of_the_wall(flaws: list[Manifold], host: Manifold) -> list[bool]:
    """Return which flaws surely lie inside the host: those whose ball does."""
    if len(flaws) < FEW:
        return [False] * len(flaws)  # to cut them all is quicker than to look at the host
    boxes = np.array([flaw.bounding_box() for flaw in flaws])
    middles = (boxes[:, :3] + boxes[:, 3:]) / 2
    points = [np.asarray(flaw.to_mesh64().vert_properties)[:, :3] for flaw in flaws]
    radii = np.array([np.sqrt(((p - m) ** 2).sum(1).max(initial=0)) for p, m in zip(points, middles, strict=True)])
    whole = Host(solid=host)
    most_mm = whole.wall.most_mm(middles)
    clear = most_mm - whole.wall.cover_mm > radii
    close = np.flatnonzero(~clear & (most_mm > radii))
    clear[close] = whole.wall.nearest(middles[close], most_mm[close])[0] > radii[close]
    return [bool(away) and whole.contains(middle) for away, middle in zip(clear, middles, strict=True)]


def _boxes_meet(solids: list[Manifold]) -> list[tuple[int, int]]:
    """Return all pairs of solids whose boxes meet, (later, earlier) each, sorted."""
    if len(solids) < 2:
        return []
    boxes = np.array([solid.bounding_box() for solid in solids])
    order = np.argsort(boxes[:, 0], kind="stable")
    low, high = boxes[order, :3], boxes[order, 3:]
    pairs = []
    for i, end in enumerate(np.searchsorted(low[:, 0], high[:, 0], side="right")):
        meet = np.all((low[i + 1 : end] <= high[i]) & (low[i] <= high[i + 1 : end]), axis=1)
        pairs += [(max(order[i], j), min(order[i], j)) for j in order[i + 1 : end][meet]]
    return sorted((int(later), int(earlier)) for later, earlier in pairs)
