"""The parts of our own: one list, and the one door to it."""

import inspect
from collections.abc import Callable, Mapping

from manifold3d import Error

from defects.messages import BadInput, unknown
from scenes.body import Body
from scenes.library import (
    additive_manifold,
    bracket,
    connecting_rod,
    connector,
    flange,
    gear,
    pump_housing,
    turbine_blade,
)

PARTS: dict[str, Callable[..., tuple[Body, ...]]] = {
    "additive_manifold": additive_manifold.make,
    "bracket": bracket.make,
    "connecting_rod": connecting_rod.make,
    "connector": connector.make,
    "flange": flange.make,
    "gear": gear.make,
    "pump_housing": pump_housing.make,
    "turbine_blade": turbine_blade.make,
}


def make_part(name: str, dimensions: Mapping[str, float | int | str]) -> tuple[Body, ...]:
    """Return the bodies of a part; what `dimensions` leaves out has the part's own default."""
    if name not in PARTS:
        raise unknown("library part", name, PARTS)
    known = inspect.signature(PARTS[name]).parameters
    for dimension, value in dimensions.items():
        if dimension not in known:
            raise unknown(f"dimension of {name}", dimension, known)
        _require_kind(dimension, value, type(known[dimension].default))
    bodies = PARTS[name](**dimensions)
    if lost := [b.name for b in bodies if b.solid.status() != Error.NoError or b.solid.is_empty()]:
        raise BadInput(f"{name}: these dimensions make no closed {lost[0]}; change them less from the usual ones")
    return bodies


MOST = 200
"""Of anything that a part has several of, such as teeth, bolts or pins: beyond, it takes minutes to build."""


def _require_kind(dimension: str, value: object, kind: type) -> None:
    """Refuse a word for a number, a fraction for a count, and a truth value for either."""
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits:
        wanted = {float: "a number", int: "a whole number", str: "a name"}[kind]
        raise BadInput(f"{dimension} must be {wanted}, got {value!r}; write it without quotes or a fraction")
    if kind is int and value > MOST:
        raise BadInput(f"{dimension} must be at most {MOST}, got {value}")
