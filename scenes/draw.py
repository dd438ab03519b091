"""One grammar of chance: number | [low, high] | {choice: [...]} | {distribution: parameters} | {of: name, table: ...}.

| written as | means |
|---|---|
| `3.2` | always 3.2 |
| `[1, 4]` | uniform from 1 to 4 (whole numbers, both ends included, where a count is asked for) |
| `{choice: [Al, Fe], weights: [3, 1]}` | one of the list; weights are optional |
| `{log_uniform: [0.1, 10]}` | uniform in the logarithm |
| `{normal: [mean, sd], within: [low, high]}` | Gauss; `within` is optional and cuts by drawing again |
| `{lognormal: [median, sigma], within: [low, high]}` | exp of a Gauss: sigma is the spread of ln x |
| `{poisson: mean}` | a count |
| `{of: name, table: [[x, y], ...], spread: s}` | follows what the scene has drawn for that name: by straight lines |
| | from x to y, level beyond the ends, times exp of a Gauss of sigma s, cut at 3 s; spread is optional |
"""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from defects.messages import BadInput, unknown

Draw = Any
"""A value as it stands in a dataset spec: a number, a range, a choice or a distribution."""

# A cut that keeps less than about 1 in 1000 of its distribution is a mistake in the spec, not a wish.
MOST_TRIES = 10_000

CUT = 3.0
"""Sigmas at which the spread about a table ends."""


NOTHING: Mapping[str, float] = MappingProxyType({})


def draw(value: Draw, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING) -> Any:
    """Return one value drawn from what the spec says.

    Args:
        value: As written in the spec.
        rng: Where chance comes from.
        shared: What the scene has drawn for each name that `of` may speak of.

    Raises:
        BadInput: The value does not follow the grammar; the text says which part of it.
    """
    if isinstance(value, dict):
        _check_distribution(value)
        if "of" in value:
            return _follow(value, rng, shared)
        return draw(_pick(value, rng), rng, shared) if "choice" in value else _draw_number(value, rng)
    if isinstance(value, list | tuple):
        low, high = _pair(value, "a range")
        return low if low == high else float(rng.uniform(low, high))
    return float(value) if _is_number(value) else value


def draw_count(value: Draw, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING) -> int:
    """Return a whole number >= 0; `[low, high]` includes both ends, what follows another number is rounded."""
    if isinstance(value, dict) and "choice" in value:
        _check_distribution(value)
        return draw_count(_pick(value, rng), rng, shared)
    if isinstance(value, dict) and "of" in value:
        return round(draw(value, rng, shared))
    if isinstance(value, list | tuple):
        _check_whole(value)
        low, high = _pair(value, "a range of counts")
        return _count(int(rng.integers(int(low), int(high), endpoint=True)))
    return _count(draw(value, rng))


def check(value: Draw, *, lowest: float = -math.inf, open_below: bool = False, count: bool = False) -> Draw:
    """Return the value, having checked that all it can give is finite and not below `lowest`.

    Args:
        value: As written in the spec.
        lowest: The smallest value that makes sense.
        open_below: Whether `lowest` itself makes no sense either.
        count: Whether whole numbers are asked for.
    """
    if isinstance(value, dict):
        _check_distribution(value)
        for item in value.get("choice", ()):
            check(item, lowest=lowest, open_below=open_below, count=count)
    smallest, _ = extent(value)
    if isinstance(value, int | float) and not math.isfinite(value):
        raise BadInput(f"must be a finite number, got {value!r}")
    if count:
        _check_whole(value)
    if smallest < lowest or (open_below and smallest <= lowest):
        can = f"can give {smallest:g}" if not isinstance(value, int | float) else f"got {value!r}"
        raise BadInput(f"must be {'above' if open_below else 'at least'} {lowest:g}, {can}")
    return value


def check_name(value: Draw) -> Draw:
    """Return the value, having checked that all it can give is a name: a text, or a choice of texts."""
    if isinstance(value, dict) and "choice" in value:
        _check_distribution(value)
        for item in value["choice"]:
            check_name(item)
    elif not isinstance(value, str) or not value:
        raise BadInput(f"expected a name or {{choice: [names]}}, got {value!r}")
    return value


def extent(value: Draw) -> tuple[float, float]:
    """Return the smallest and largest number that the value can give (infinite where unbounded)."""
    if isinstance(value, dict):
        return _extent_of(value)
    if isinstance(value, list | tuple):
        return _pair(value, "a range")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), float(value)
    raise BadInput(f"expected a number, a [low, high] range or a distribution, got {value!r}")


def _extent_of(value: dict) -> tuple[float, float]:
    kind, argument = _kind_of(value)
    if kind == "choice":
        ends = [extent(item) for item in argument]
        return min(e[0] for e in ends), max(e[1] for e in ends)
    if kind == "of":
        found, factor = [y for _, y in value["table"]], math.exp(CUT * value.get("spread", 0.0))
        return min(min(found) * factor, min(found) / factor), max(max(found) * factor, max(found) / factor)
    if kind in {"uniform", "log_uniform"}:
        low, high = _pair(argument, kind)
    else:
        # a lognormal number is above 0, if by ever so little
        low = {"normal": -math.inf, "lognormal": math.ulp(0.0), "poisson": 0.0}[kind]
        high = math.inf
    if "within" in value:
        least, most = _pair(value["within"], "within")
        low, high = max(low, least), min(high, most)
        if low > high:
            raise BadInput(f"no draw of {kind} {argument} can fall within {value['within']}")
    return low, high


def names_in(value: Any) -> set[str]:
    """Return the names that draws anywhere in a value follow."""
    if isinstance(value, dict):
        own = {value["of"]} if "of" in value and "table" in value else set()
        return own.union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list | tuple) else set()


def names_of(value: Draw) -> list[str]:
    """Return every name that a draw of names can give, in choices of choices too; none for None."""
    if isinstance(value, dict):
        return [name for item in value["choice"] for name in names_of(item)]
    return [value] if value else []


def _follow(value: dict, rng: np.random.Generator, shared: Mapping[str, float]) -> float:
    if value["of"] not in shared:
        raise unknown("name after 'of'", value["of"], shared)
    x, y = np.array(value["table"], float).T
    number = float(np.interp(shared[value["of"]], x, y))
    spread = value.get("spread", 0.0)
    return number * math.exp(_draw_number({"normal": [0, spread], "within": [-CUT * spread, CUT * spread]}, rng))


def _pick(value: dict, rng: np.random.Generator) -> Draw:
    """Return one item of a choice."""
    weights = value.get("weights")
    chances = None if weights is None else np.asarray(weights, float) / np.sum(weights)
    return value["choice"][int(rng.choice(len(value["choice"]), p=chances))]


def _draw_number(value: dict, rng: np.random.Generator) -> float | int:
    kind, argument = _kind_of(value)
    make = _DISTRIBUTIONS[kind]
    if "within" not in value:
        return make(argument, rng)
    low, high = _pair(value["within"], "within")
    for _ in range(MOST_TRIES):
        number = make(argument, rng)
        if low <= number <= high:
            return number
    raise BadInput(f"no draw of {value} fell within {[low, high]} in {MOST_TRIES} tries; widen 'within'")


def _check_distribution(value: dict) -> None:
    """Raise BadInput where a distribution's own parameters make no sense."""
    kind, argument = _kind_of(value)
    beside = {"choice": ("weights",), "of": ("table", "spread")}.get(kind, ("within",))
    if extra := sorted(str(word) for word in value if word not in (kind, *beside)):
        raise unknown(f"word beside '{kind}'", extra[0], beside)
    if kind == "of":
        _check_following(argument, value.get("table"), value.get("spread", 0.0))
    elif kind == "choice":
        _check_choice(argument, value.get("weights"))
    elif kind == "poisson":
        if not (_is_number(argument) and 0 <= argument < 1e9):
            raise BadInput(f"poisson needs a mean >= 0, got {argument!r}")
    elif kind in {"uniform", "log_uniform"}:
        low, _ = _pair(argument, kind)
        if kind == "log_uniform" and not low > 0:
            raise BadInput(f"log_uniform needs numbers above 0, got {argument}")
    else:
        _check_gauss(kind, argument)
    if "within" in value:
        _pair(value["within"], "within")


def _check_choice(items: Any, weights: Any) -> None:
    if not isinstance(items, list | tuple) or not items:
        raise BadInput(f"choice needs a list that is not empty, got {items!r}")
    for item in items:
        if isinstance(item, dict):
            _check_distribution(item)
    if weights is None:
        return
    numbers = isinstance(weights, list | tuple) and all(_is_number(w) and w >= 0 for w in weights)
    if not numbers or len(weights) != len(items) or not sum(weights) > 0:
        raise BadInput(f"weights need one number >= 0 for each choice and a sum above 0, got {weights!r}")


def _check_following(name: Any, table: Any, spread: Any) -> None:
    if not isinstance(name, str) or not name:
        raise BadInput(f"of needs the name of a shared draw, got {name!r}")
    rows = table if isinstance(table, list | tuple) else []
    if len(rows) < 2 or not all(map(_are_two, rows)):
        raise BadInput(f"of: {name} needs a table of at least two pairs [x, y], got {table!r}")
    if any(b[0] <= a[0] for a, b in pairwise(rows)):
        raise BadInput(f"of: {name}: the first numbers of the table must rise, got {table!r}")
    if not (_is_number(spread) and 0 <= spread <= 2):
        raise BadInput(f"of: {name}: spread must be a number from 0 to 2, got {spread!r}")


def _are_two(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_is_number(v) for v in value)


def _check_gauss(kind: str, argument: Any) -> None:
    named = "mean, sd" if kind == "normal" else "median, sigma"
    if not _are_two(argument) or argument[1] < 0:
        raise BadInput(f"{kind} needs [{named}], two finite numbers with a spread >= 0, got {argument!r}")
    if kind == "lognormal" and not argument[0] > 0:
        raise BadInput(f"lognormal needs a median above 0, got {argument[0]}")


def _check_whole(value: Draw) -> None:
    """Raise BadInput unless all that a value can give is whole; a choice's items are looked at one by one."""
    if isinstance(value, dict) and not {"choice", "poisson", "of"} & set(value):
        raise BadInput(f"a count is a whole number, [low, high], a choice of these or {{poisson: mean}}, got {value}")
    if isinstance(value, list | tuple) and any(v != int(v) for v in _pair(value, "a range of counts")):
        raise BadInput(f"a range of counts must hold whole numbers, got {list(value)}")
    if isinstance(value, int | float) and value != int(value):
        raise BadInput(f"must be a whole number, got {value!r}")


def _kind_of(value: dict) -> tuple[str, Any]:
    for kind in WORDS:
        if kind in value:
            return kind, value[kind]
    raise unknown("distribution", str(next(iter(value), "")), WORDS)


def _pair(value: Any, what: str) -> tuple[float, float]:
    if not _are_two(value):
        raise BadInput(f"{what} needs two finite numbers [low, high], got {value!r}")
    low, high = value
    if low > high:
        raise BadInput(f"{what} must rise from low to high, got {list(value)}")
    return float(low), float(high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(number: float | int) -> int:
    if not (_is_number(number) and number >= 0 and number == int(number)):
        raise BadInput(f"a count must be a whole number >= 0, got {number!r}")
    return int(number)


_DISTRIBUTIONS: dict[str, Callable[[Any, np.random.Generator], Any]] = {
    "uniform": lambda a, rng: float(rng.uniform(*a)),
    "log_uniform": lambda a, rng: float(np.exp(rng.uniform(*np.log(a)))),
    "normal": lambda a, rng: float(rng.normal(*a)),
    "lognormal": lambda a, rng: float(a[0] * np.exp(a[1] * rng.normal())),
    "poisson": lambda a, rng: int(rng.poisson(a)),
}

WORDS = ("choice", "of", *_DISTRIBUTIONS)
"""What a mapping must hold one of to be a draw."""
