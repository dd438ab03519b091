"""Several parts on one stage: side by side, or resting on each other, and what holds them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold, OpType

TOUCHING_MM = 1e-3
"""Gap that counts as contact: wide enough that no two surfaces meet, a hundredth of any voxel."""

MOST_STEPS = 1000

SEGMENTS = 128

_ADD = OpType.Add


def advanced(solid: Manifold, onto: Manifold, direction: Float[np.ndarray, "3"]) -> Manifold:
    """Return a solid moved along a direction until it rests against another: closer than 2 um, and not in it.

    It goes on by the gap that is left, again and again, so that it never cuts what lies before it (conservative
    advancement: Mirtich, Impulse-based dynamic simulation, thesis, Berkeley 1996). Where it meets nothing it goes past
    and stays just beyond the other.

    Args:
        solid: What moves; it must not touch the other.
        onto: What stands still.
        direction: A unit vector.
    """
    a, b = (np.array(s.bounding_box()) for s in (solid, onto))
    way = np.abs(direction) @ np.maximum(a[3:] - b[:3], b[3:] - a[:3]).clip(0)
    gone, search = 0.0, float(max(way / 50, 4 * TOUCHING_MM))  # the price of a gap grows with how far it is looked for
    for _ in range(MOST_STEPS):
        gap = solid.min_gap(onto, search)
        if gap <= 2 * TOUCHING_MM or gone > way:
            break
        step = gap - TOUCHING_MM
        solid, gone = solid.translate(tuple(step * direction)), gone + step
    return solid


def lined_up(solids: Sequence[Manifold], gap_mm: float | None, axis: int = 2) -> list[Manifold]:
    """Return solids one behind the other along an axis, the middle of all at the origin.

    Args:
        solids: In their order along the axis; where they stand counts for the other two axes alone.
        gap_mm: Between the boxes of two neighbours; None to let each rest on those before it.
        axis: 2 for a stack, 0 or 1 for a row.
    """
    placed: list[Manifold] = []
    way = np.eye(3)[axis]
    for solid in solids:
        low, top = solid.bounding_box()[axis], max((p.bounding_box()[3 + axis] for p in placed), default=0.0)
        apart = 10 * TOUCHING_MM if gap_mm is None else gap_mm
        moved = solid.translate(tuple(way * (top + (apart if placed else 0.0) - low)))
        if gap_mm is None and placed:
            moved = advanced(moved, Manifold.batch_boolean(placed, _ADD), -way)
        placed.append(moved)
    return centred(placed)


def in_a_ring(solids: Sequence[Manifold], gap_mm: float) -> list[Manifold]:
    """Return solids around the z axis, the centres of their boxes on a circle, no two closer than `gap_mm`.

    Each has as much of the circle as the ball about its box needs, so that no direction of the parts matters.
    """
    if len(solids) == 1:
        return centred(solids)
    reach = np.array([_reach_mm(solid) for solid in solids])
    apart = reach[:, None] + reach + gap_mm
    radius = _closing_radius(apart)
    turns, _ = _turns(apart, radius)
    placed = []
    for solid, turn in zip(solids, turns, strict=True):
        box = np.array(solid.bounding_box())
        middle = (box[:3] + box[3:]) / 2
        target = np.array([radius * np.cos(turn), radius * np.sin(turn), 0.0])
        placed.append(solid.translate(tuple(target - middle)))
    return placed


def centred(solids: Sequence[Manifold]) -> list[Manifold]:
    """Return solids moved together so that the box about all of them is centred on the origin."""
    boxes = np.array([solid.bounding_box() for solid in solids])
    middle = (boxes[:, :3].min(0) + boxes[:, 3:].max(0)) / 2
    return [solid.translate(tuple(-middle)) for solid in solids]


def cup(solids: Sequence[Manifold], wall_mm: float, clearance_mm: float = 1.0) -> Manifold:
    """Return a round cup about solids, its floor just below them; they stand clear of it.

    Args:
        solids: What stands in it.
        wall_mm: Thickness of wall and floor.
        clearance_mm: From the widest place of what stands in it to the wall, and from the lowest to the floor.
    """
    radius, low, high = _around(solids)
    inner, outer = radius + clearance_mm, radius + clearance_mm + wall_mm
    floor = low - clearance_mm
    body = Manifold.cylinder(high - floor + wall_mm, outer, outer, SEGMENTS).translate((0, 0, floor - wall_mm))
    # facets cut corners: those of the room inside lie on the circle's outside
    room = inner / np.cos(np.pi / SEGMENTS)
    return body - Manifold.cylinder(high - floor + 1, room, room, SEGMENTS).translate((0, 0, floor))


def foam(solids: Sequence[Manifold], depth: float, wall_mm: float, clearance_mm: float = 0.05) -> Manifold:
    """Return a round block with a pocket for each solid, into which it is laid from above.

    Args:
        solids: What lies in it.
        depth: Share of the height of all that lies below the block's top.
        wall_mm: Of the block beside and below the pockets.
        clearance_mm: By which the pockets are wider: foam yields, solids must not share a place.
    """
    radius, low, high = _around(solids)
    top = low + depth * (high - low)
    block = Manifold.cylinder(top - low + wall_mm, radius + wall_mm, radius + wall_mm, SEGMENTS)
    # the sum of two convex solids is the hull of one at the other's corners (Minkowski)
    ball = np.asarray(Manifold.sphere(1.0, 12).to_mesh64().vert_properties)[:, :3] * clearance_mm * 1.05
    pockets = []
    for solid in solids:
        hull = solid.hull()
        whole = Manifold.batch_hull([hull, hull.translate((0, 0, high - low + 1))])
        pockets.append(Manifold.batch_hull([whole.translate(tuple(c)) for c in ball]) if clearance_mm else whole)
    return block.translate((0, 0, low - wall_mm)) - Manifold.batch_boolean(pockets, _ADD)


def _around(solids: Sequence[Manifold]) -> tuple[float, float, float]:
    """Return the radius about the z axis, the lowest and the highest z of solids [mm]."""
    points = np.concatenate([np.asarray(s.to_mesh64().vert_properties)[:, :3] for s in solids])
    return float(np.hypot(points[:, 0], points[:, 1]).max()), float(points[:, 2].min()), float(points[:, 2].max())


def _reach_mm(solid: Manifold) -> float:
    box = np.array(solid.bounding_box())
    return float(np.linalg.norm(box[3:] - box[:3])) / 2


def _turns(apart: Float[np.ndarray, "solid solid"], radius: float) -> tuple[Float[np.ndarray, " solid"], float]:
    """Return where centres come to lie on a circle one after the other, and what they take of it [rad].

    Each lies as far on as all before it ask, not its neighbour alone: small solids between large ones leave these too
    near to each other. Distances are chords of the circle.
    """
    angles = 2 * np.arcsin(np.minimum(apart / (2 * radius), 1.0))
    turns = np.zeros(len(apart))
    for i in range(1, len(apart)):
        turns[i] = np.max(turns[:i] + angles[:i, i])
    after, before = np.triu_indices(len(apart), 1)
    return turns, float(np.max(turns[before] - turns[after] + angles[after, before]))


def _closing_radius(apart: Float[np.ndarray, "solid solid"]) -> float:
    """Return the radius of the least circle on which centres fit that keep such distances."""
    each = apart[np.triu_indices(len(apart), 1)]
    low, high = each.max() / 2, each.sum()
    if _turns(apart, low)[1] <= 2 * np.pi:
        return float(low)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _turns(apart, middle)[1] > 2 * np.pi else (low, middle)
    return float(high)
