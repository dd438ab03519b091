"""What goes wrong in a part: flaws drawn, and placed in what those of the whole part leave of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from defects import kinds
from defects.host import Host
from defects.missing_component import ANY
from defects.place import Placer
from defects.wrong_component import WrongComponent
from scenes.defect_spec import DefectSpec
from scenes.draw import NOTHING, draw, draw_count
from scenes.parts import Part

Found = tuple[tuple[Any, ...], ...]
"""Flaws by the entry of `defects` that they come from."""


def in_order(found: Found) -> tuple[Any, ...]:
    """Return all flaws, those of the first entry first."""
    return tuple(flaw for flaws in found for flaw in flaws)


def sample_whole(
    wishes: Sequence[DefectSpec],
    part: Part,
    host: str,
    rng: np.random.Generator,
    shared: Mapping[str, float] = NOTHING,
) -> tuple[Found, dict[str, int]]:
    """Return the flaws that change a part as a whole, and how many of each kind found nothing to change.

    A body has one such flaw at most. A flaw of a body that this part has not, or has as its host, finds nothing.

    Args:
        wishes: What to draw from; entries of other kinds give none.
        part: As it should be.
        host: The body that all other flaws sit in; it stays.
        rng: Where all comes from.
        shared: What draws may follow.
    """
    bodies = [host, *(body.name for body in part.bodies if body.name != host)]
    found: list[list[Any]] = [[] for _ in wishes]
    unplaced: dict[str, int] = {}
    for wish, flaws in zip(wishes, found, strict=True):
        kind = kinds.kind_of(wish.kind)
        for _ in range(draw_count(wish.count, rng, shared) if kind.whole_part else 0):
            numbers = _numbers(wish, rng, shared)
            there = numbers.get("body", ANY) in (ANY, *bodies[1:])
            flaw = kind.sample(rng, bodies=tuple(bodies), **numbers) if there else None
            if flaw is None or _changes_nothing(flaw, part):
                unplaced[wish.kind] = unplaced.get(wish.kind, 0) + 1
                continue
            flaws.append(flaw)
            if (body := getattr(flaw, "body", None)) is not None:
                bodies.remove(body)
    return tuple(map(tuple, found)), unplaced


def sample_flaws(
    wishes: Sequence[DefectSpec],
    part: Part,
    host: str,
    rng: np.random.Generator,
    shared: Mapping[str, float] = NOTHING,
) -> tuple[Found, dict[str, int]]:
    """Return the flaws that have a place of their own, and how many of each kind found none.

    Args:
        wishes: What to draw from; entries of other kinds give none.
        part: After what changes it as a whole; none of its bodies is a hollow, nor the place of a missing one.
        host: The body that flaws sit in.
        rng: Where all comes from.
        shared: What draws may follow.
    """
    beside = [body.solid for body in part.bodies if body.name != host]
    placer, unplaced = Placer(Host(solid=part.body(host).solid), beside=beside), {}
    found: list[list[Any]] = [[] for _ in wishes]
    for wish, flaws in zip(wishes, found, strict=True):
        kind, clouds = kinds.kind_of(wish.kind), None
        for _ in range(0 if kind.whole_part else draw_count(wish.count, rng, shared)):
            shape = kind.sample(rng, **_numbers(wish, rng, shared))
            placement = wish.placement(lambda value: draw(value, rng, shared))
            clouds = clouds or placer.clouds(placement, rng).centres_mm
            flaw = placer.place(shape, rng, replace(placement, centres_mm=clouds))
            if flaw is None:
                unplaced[wish.kind] = unplaced.get(wish.kind, 0) + 1
            else:
                flaws.append(flaw)
    return tuple(map(tuple, found)), unplaced


def _changes_nothing(flaw: Any, part: Part) -> bool:
    """Return whether a flaw leaves its body as it should be, or nothing of it: chance draws materials and shifts."""
    if not isinstance(flaw, WrongComponent):
        return False
    right = not flaw.differs_from(part.body(flaw.body).material)
    return right or flaw.among({body.name: body.solid for body in part.bodies}).is_empty()


def _numbers(wish: DefectSpec, rng: np.random.Generator, shared: Mapping[str, float]) -> dict[str, Any]:
    """Return the parameters of one flaw."""
    return {name: draw(value, rng, shared) for name, value in sorted(wish.parameters.items())}
