"""Draws anywhere in a record: what varies is taken out of it when a spec is read, and put back scene by scene.

A spec may write a draw wherever a record holds a number, a name or a flag, such as `detector: {spatial_resolution_mm:
[1, 3]}` or `focal_spot: {shape: {choice: [disc, gaussian]}}`. The record itself then holds a value in the middle, so
that it can be judged when it is read; the draws stand beside it, by their place.
"""

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel

from defects.messages import BadInput
from scenes.draw import NOTHING, WORDS, Draw, check, check_name, draw, draw_count, extent

Draws = dict[str, Draw]
"""Draws by place, such as `detector.pixel_mm`."""


def taken_out(model: type[BaseModel], values: Mapping[str, Any], beside: tuple[str, ...] = ()) -> tuple[dict, Draws]:
    """Return the values with a middle one in place of each draw, and the draws.

    Args:
        model: The record that the values are for; draws are looked for in the records that it holds, too.
        values: As written.
        beside: Fields that are draws by nature and stay as they are.

    Raises:
        BadInput: A draw does not follow the grammar, or can give what is no number.
    """
    plain, draws = dict(values), {}
    for name, value in values.items():
        field = model.model_fields.get(name)
        if field is None or name in beside:
            continue
        kinds = _kinds_of(field.annotation)
        inner = _record_among(kinds)
        if _is_draw(value, kinds):
            try:
                plain[name] = _middle(value, kinds)
            except BadInput as error:
                raise BadInput(f"{name}: {error}") from error
            draws[name] = value
        elif inner is not None and isinstance(value, Mapping):
            try:
                plain[name], found = taken_out(inner, value)
            except BadInput as error:
                raise BadInput(f"{name}.{error}") from error
            draws |= {f"{name}.{place}": deeper for place, deeper in found.items()}
    return plain, draws


def put_back(
    record: BaseModel, draws: Draws, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING
) -> dict[str, Any]:
    """Return the record's values with something drawn for each of the draws, in the order of their places."""
    values = record.model_dump(mode="json")
    for place, value in sorted(draws.items()):
        *way, name = place.split(".")
        model, held = type(record), values
        for step in way:
            model, held = _record_among(_kinds_of(model.model_fields[step].annotation)), held[step]
        whole = int in _kinds_of(model.model_fields[name].annotation)
        found = draw_count(value, rng, shared) if whole and _is_of_numbers(value) else draw(value, rng, shared)
        held[name] = found
    return values


def _kinds_of(annotation: Any) -> tuple[Any, ...]:
    """Return what a field may hold: the members of a union, without what is annotated about them."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for member in get_args(annotation) for kind in _kinds_of(member))
    if hasattr(annotation, "__metadata__"):
        return _kinds_of(annotation.__origin__)
    return (annotation,)


def _record_among(kinds: tuple[Any, ...]) -> Any:
    """Return the record that a field may hold; None where it holds none."""
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _is_draw(value: Any, kinds: tuple[Any, ...]) -> bool:
    """Return whether a value is a draw where one of these kinds is asked for: a range only where no list is."""
    if isinstance(value, Mapping):
        return any(word in value for word in WORDS)
    scalars = {int, float, NoneType}
    return isinstance(value, list | tuple) and set(kinds) <= scalars


def _is_of_numbers(value: Draw) -> bool:
    items = value.get("choice") if isinstance(value, Mapping) else None
    return items is None or all(isinstance(item, int | float | list | Mapping) for item in items)


def _middle(value: Draw, kinds: tuple[Any, ...]) -> Any:
    """Return a value that stands for all that a draw can give: of a choice the first."""
    if isinstance(value, Mapping) and "choice" in value:
        if not {int, float} & set(kinds):
            if {str} & set(kinds) or any(get_origin(kind) is Literal for kind in kinds):
                check_name(value)
            else:
                draw(value, np.random.Generator(np.random.PCG64(0)))
            return _first(value)
        check(value, count=int in kinds and float not in kinds)
        return _first(value) if isinstance(_first(value), int | float) else _middle(_first(value), kinds)
    check(value)
    low, high = extent(value)
    middle = (low + high) / 2 if math.isfinite(low + high) else _centre(value)
    return round(middle) if int in kinds and float not in kinds else middle


def _first(value: Mapping[str, Any]) -> Any:
    items = value["choice"]
    first = items[0] if isinstance(items, list | tuple) and items else None
    return _first(first) if isinstance(first, Mapping) and "choice" in first else first


def _centre(value: Mapping[str, Any]) -> float:
    """Return the mean or median of a distribution without an end."""
    parameter = next(value[word] for word in ("normal", "lognormal", "poisson") if word in value)
    return float(parameter[0] if isinstance(parameter, list | tuple) else parameter)
