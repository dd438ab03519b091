"""Closed shells made solids: which way is out, which shell is a cavity, which bodies meet."""

from collections.abc import Sequence

import numpy as np
from manifold3d import Error, Manifold, Mesh64, OpType

from defects.messages import BadInput
from scenes.cad.mending import Note, Surface, compact, linked, turn
from scenes.cad.uncrossing import uncrossed

FLAT = 1e-9  # volume over (area ** 1.5) below which a closed shell holds nothing: float32 files leave 1e-12
INSIDE = 1e-6  # share of a shell that may stand out of the shell it lies in
OVERLAP = 1e-9  # share of a body below which an overlap is rounding
MOST_PAIRS = 100_000  # of bodies that are held against each other, a millisecond or so each
TOUCH_OF_DIAGONAL = 1e-6  # bodies nearer than this are one body, as vertices nearer than this are one vertex


def manifold_of(surface: Surface) -> Manifold:
    """Return the closed solid of an oriented surface, in double precision.

    Raises:
        BadInput: When manifold3d finds it no oriented manifold.
    """
    vertices, faces = compact(surface)
    solid = Manifold(Mesh64(vertices, faces.astype(np.uint64)))
    if solid.status() != Error.NoError:
        raise BadInput(f"a shell of {len(surface.faces)} faces bounds no solid ({solid.status().name})")
    return solid


def bodies_of(surface: Surface, shell: np.ndarray, *, void: bool, notes: list[Note]) -> tuple[list[Manifold], int]:
    """Return the bodies of a closed surface, and how many cavities they have.

    The outermost shells are turned to face outwards. A shell inside another is its cavity when it faces the other way
    than that one, and a body within a cavity when it faces the other way again. A shell that faces the same way as the
    one around it may be a void drawn carelessly or a solid drawn twice: it becomes a void only if `void` says so.

    Args:
        surface: Closed and wound consistently [mm].
        shell: Shell number of each face `[face]`.
        void: Whether an inner shell of doubtful direction is a void.
        notes: Where changes are told.

    Raises:
        BadInput: For an inner shell of doubtful direction, without `void`, and for a shell that runs through itself and
            cannot be mended.
    """
    ends = np.cumsum(np.bincount(shell))[:-1]
    parts = [surface.take(faces) for faces in np.split(np.argsort(shell, kind="stable"), ends)]
    flat = [abs(part.volume_mm3) <= FLAT * part.areas_mm2.sum() ** 1.5 for part in parts]
    notes.append(Note("dropped {count} shell{s} without volume", sum(flat)))
    parts = [part for part, is_flat in zip(parts, flat, strict=True) if not is_flat]
    inverted = [part.volume_mm3 < 0 for part in parts]
    outward = [
        turn(p, np.ones(len(p.faces), dtype=bool)) if back else p for p, back in zip(parts, inverted, strict=True)
    ]
    solids = [manifold_of(part) for part in outward]
    vanished = sum(len(p.faces) - solid.num_tri() for p, solid in zip(outward, solids, strict=True))
    notes.append(Note("collapsed {count} face{s} without area", vanished))
    within = TOUCH_OF_DIAGONAL * surface.diagonal_mm
    solids = [uncrossed(solid, within, notes=notes) for solid in solids]
    around = parents_of(solids)
    hollow = cavities_of(outward, inverted, around, void=void, notes=notes)
    final = [turn(p, np.ones(len(p.faces), dtype=bool)) if h else p for p, h in zip(outward, hollow, strict=True)]
    notes.append(Note("turned {count} inverted face{s}", sum(int(p.turned.sum()) for p in final)))
    bodies = []
    for i, solid in enumerate(solids):
        holes = [solids[j] for j, outer in enumerate(around) if outer == i and hollow[j]]
        if not hollow[i]:
            bodies.append(solid - Manifold.batch_boolean(holes, OpType.Add) if holes else solid)
    return bodies, sum(hollow)


def parents_of(solids: Sequence[Manifold]) -> list[int]:
    """Return for each solid the smallest other one that holds it, or -1."""
    volumes = np.array([solid.volume() for solid in solids])
    boxes = np.array([solid.bounding_box() for solid in solids]).reshape(-1, 6)
    slack = INSIDE * (np.ptp(boxes.reshape(-1, 2, 3), axis=(0, 1)).max() if len(boxes) else 0.0)
    parents, pairs = [], 0
    for i, solid in enumerate(solids):
        fits = (boxes[:, :3] <= boxes[i, :3] + slack).all(axis=1) & (boxes[:, 3:] >= boxes[i, 3:] - slack).all(axis=1)
        larger = [int(j) for j in np.argsort(volumes, kind="stable") if fits[j] and volumes[j] > volumes[i]]
        check_crowd(pairs := pairs + len(larger))
        holding = (j for j in larger if (solid - solids[j]).volume() <= INSIDE * volumes[i])
        parents.append(next(holding, -1))
    return parents


def check_crowd(pairs: int) -> None:
    """Raise BadInput where so many pairs of bodies are to be held against each other that it takes for ever."""
    if pairs > MOST_PAIRS:
        raise BadInput(
            f"more than {MOST_PAIRS} pairs of bodies lie in each other's boxes; expected bodies that stand apart: "
            f"export fewer of them"
        )


def cavities_of(
    parts: Sequence[Surface], inverted: Sequence[bool], around: Sequence[int], *, void: bool, notes: list[Note]
) -> list[bool]:
    """Return whether each shell is a cavity: told by its direction beside that of the shell around it.

    Args:
        parts: The shells, facing outwards.
        inverted: Whether each faced inwards in the file.
        around: The shell around each, or -1.
        void: Whether a doubtful shell is a void.
        notes: Where decisions are told.
    """
    mixed = [0 < int(p.turned.sum()) < len(p.faces) for p in parts]  # such a shell has no direction of its own
    hollow = [False] * len(parts)
    doubtful = []
    for i in sorted(range(len(parts)), key=lambda i: depth(i, around)):
        if (outer := around[i]) >= 0:
            hollow[i] = not hollow[outer]
            if inverted[i] == inverted[outer] or mixed[i] or mixed[outer]:
                doubtful.append(i)
    total = sum(abs(parts[i].volume_mm3) for i in doubtful)
    if doubtful and not void:
        raise BadInput(
            f"{len(doubtful)} inner shell{'s' if len(doubtful) > 1 else ''} ({total:.6g} mm3) face"
            f"{'' if len(doubtful) > 1 else 's'} the same way as the shell around: a void or a solid drawn twice, "
            f"the file does not say; expected an inner shell that faces inwards; give `repair: true` to take it as a "
            f"void, or remove it from the file"
        )
    notes.append(Note("took {count} inner shell{s} facing outwards as void ({total:.6g} mm3)", len(doubtful), total))
    return hollow


def depth(i: int, around: Sequence[int]) -> int:
    """Return how many shells lie around shell i."""
    return 0 if around[i] < 0 else 1 + depth(around[i], around)


def near_pairs(solids: Sequence[Manifold], within_mm: float) -> list[tuple[int, int]]:
    """Return the pairs (low, high) of solids whose boxes come within a distance."""
    boxes = np.array([solid.bounding_box() for solid in solids]).reshape(-1, 6)
    pairs = []
    for i, box in enumerate(boxes[:-1]):
        later = boxes[i + 1 :]
        apart = np.maximum(box[:3] - later[:, 3:], later[:, :3] - box[3:]).max(axis=1)
        pairs += [(i, i + 1 + int(j)) for j in np.flatnonzero(apart <= within_mm)]
        check_crowd(len(pairs))
    return pairs


def united(bodies: Sequence[Manifold], notes: list[Note]) -> list[Manifold]:
    """Return bodies of one material with those that overlap or touch made one."""
    if len(bodies) < 2:
        return list(bodies)
    boxes = np.array([body.bounding_box() for body in bodies])
    within = TOUCH_OF_DIAGONAL * float(np.linalg.norm(boxes[:, 3:].max(axis=0) - boxes[:, :3].min(axis=0)))
    meeting = [(i, j) for i, j in near_pairs(bodies, within) if meet(bodies[i], bodies[j], within)]
    group = linked(np.array(meeting, dtype=np.int64).reshape(-1, 2), len(bodies))
    joined = []
    for one in range(int(group.max()) + 1):
        members = [body for body, of in zip(bodies, group, strict=True) if of == one]
        solid = members[0] if len(members) == 1 else Manifold.batch_boolean(members, OpType.Add)
        if len(members) > 1:
            twice = sum(member.volume() for member in members) - solid.volume()
            text = "united {count} overlapping or touching bodies ({total:.4g} mm3 stood twice)"
            notes.append(Note(text, len(members), max(twice, 0.0)))
        joined.append(solid)
    return joined


def meet(one: Manifold, other: Manifold, within_mm: float) -> bool:
    """Return whether two solids overlap or come within a distance (`min_gap` alone misses one inside the other)."""
    return one.min_gap(other, 2 * within_mm) <= within_mm or (one ^ other).volume() > 0


def disjoint(bodies: Sequence[Manifold], notes: list[Note]) -> list[Manifold]:
    """Return bodies without their overlaps: what two bodies claim stays with the first."""
    kept = list(bodies)
    overlaps = []
    for i, j in near_pairs(bodies, 0.0):
        common = (kept[i] ^ kept[j]).volume()
        if common > OVERLAP * kept[j].volume():
            kept[j] = kept[j] - kept[i]
            overlaps.append(common)
    notes.append(
        Note(
            "cut {count} overlap{s} between bodies ({total:.4g} mm3): the first body keeps it",
            len(overlaps),
            sum(overlaps),
        )
    )
    notes.append(
        Note("dropped {count} of the bodies, which lay wholly in others", sum(body.is_empty() for body in kept))
    )
    return [body for body in kept if not body.is_empty()]
