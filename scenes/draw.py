"""One grammar of chance: number | [low, high] | {choice: [...]} | {distribution: parameters}.

| written as | means |
|---|---|
| `3.2` | always 3.2 |
| `[1, 4]` | uniform from 1 to 4 (whole numbers, both ends included, where a count is asked for) |
| `{choice: [Al, Fe], weights: [3, 1]}` | one of the list; weights are optional |
| `{log_uniform: [0.1, 10]}` | uniform in the logarithm |
| `{normal: [mean, sd], within: [low, high]}` | Gauss; `within` is optional and cuts by drawing again |
| `{lognormal: [median, sigma], within: [low, high]}` | exp of a Gauss: sigma is the spread of ln x |
| `{poisson: mean}` | a count |
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from defects.messages import BadInput, unknown

Draw = Any
"""A value as it stands in a dataset spec: a number, a range, a choice or a distribution."""

# A cut that keeps less than about 1 in 1000 of its distribution is a mistake in the spec, not a wish.
MOST_TRIES = 10_000


def draw(value: Draw, rng: np.random.Generator) -> Any:
    """Return one value drawn from what the spec says.

    Raises:
        BadInput: The value does not follow the grammar; the text says which part of it.
    """
    if isinstance(value, list | tuple):
        low, high = _pair(value, "a range")
        return low if low == high else float(rng.uniform(low, high))
    if isinstance(value, dict):
        return _draw_from(dict(value), rng)
    return value


def draw_count(value: Draw, rng: np.random.Generator) -> int:
    """Return a whole number >= 0; `[low, high]` includes both ends."""
    if isinstance(value, list | tuple):
        low, high = _pair(value, "a range of counts")
        if low != int(low) or high != int(high):
            raise BadInput(f"a range of counts must hold whole numbers, got {list(value)}")
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
    _check_probe(value, count)
    smallest, largest = extent(value)
    wanted = f"{'above' if open_below else 'at least'} {lowest:g}"
    if math.isnan(smallest) or smallest < lowest or (open_below and smallest <= lowest) or math.isnan(largest):
        can = f"can give {smallest:g}" if not isinstance(value, int | float) else f"got {value!r}"
        raise BadInput(f"must be {wanted}, {can}")
    if isinstance(value, int | float) and math.isinf(value):
        raise BadInput(f"must be a finite number, got {value!r}")
    return value


def extent(value: Draw) -> tuple[float, float]:
    """Return the smallest and largest number that the value can give (infinite where unbounded)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        raise BadInput(f"expected a number, a [low, high] range or a distribution, got {value!r}")
    if isinstance(value, int | float):
        return float(value), float(value)
    if isinstance(value, list | tuple):
        return _pair(value, "a range")
    kind, argument = _kind_of(value)
    if kind == "choice":
        ends = [extent(item) for item in argument]
        return min(e[0] for e in ends), max(e[1] for e in ends)
    if kind in {"uniform", "log_uniform"}:
        return _pair(argument, kind)
    if "within" in value:
        return _pair(value["within"], "within")
    return {"normal": (-math.inf, math.inf), "lognormal": (0.0, math.inf), "poisson": (0.0, math.inf)}[kind]


def _draw_from(value: dict, rng: np.random.Generator) -> Any:
    kind, argument = _kind_of(value)
    if kind == "choice":
        weights = value.get("weights")
        chances = None if weights is None else np.asarray(weights, float) / np.sum(weights)
        return draw(argument[int(rng.choice(len(argument), p=chances))], rng)
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
    if extra := set(value) - {kind, "weights" if kind == "choice" else "within"}:
        raise unknown(f"word beside '{kind}'", str(sorted(extra)[0]), ["weights" if kind == "choice" else "within"])
    if kind == "choice" and (not isinstance(argument, list) or not argument):
        raise BadInput(f"choice needs a list that is not empty, got {argument!r}")
    weights = value.get("weights")
    if weights is not None and (len(weights) != len(argument) or min(weights) < 0 or not sum(weights) > 0):
        raise BadInput(f"weights need one number >= 0 for each choice and a sum above 0, got {weights}")
    if kind in {"normal", "lognormal"} and not (len(argument) == 2 and argument[1] >= 0):
        raise BadInput(f"{kind} needs [{'mean, sd' if kind == 'normal' else 'median, sigma'}] with a spread >= 0")
    if kind in {"log_uniform"} and not _pair(argument, kind)[0] > 0:
        raise BadInput(f"log_uniform needs numbers above 0, got {argument}")
    if kind == "lognormal" and not argument[0] > 0:
        raise BadInput(f"lognormal needs a median above 0, got {argument[0]}")
    if kind == "poisson" and not (isinstance(argument, int | float) and 0 <= argument < 1e9):
        raise BadInput(f"poisson needs a mean >= 0, got {argument!r}")


def _check_probe(value: Draw, count: bool) -> None:
    if count and isinstance(value, int | float) and value != int(value):
        raise BadInput(f"must be a whole number, got {value!r}")


def _kind_of(value: dict) -> tuple[str, Any]:
    known = ["choice", *_DISTRIBUTIONS]
    for kind in known:
        if kind in value:
            return kind, value[kind]
    raise unknown("distribution", str(next(iter(value), "")), known)


def _pair(value: Any, what: str) -> tuple[float, float]:
    good = isinstance(value, list | tuple) and len(value) == 2 and all(_is_number(v) for v in value)
    if not good:
        raise BadInput(f"{what} needs two finite numbers [low, high], got {value!r}")
    low, high = value
    if low > high:
        raise BadInput(f"{what} must rise from low to high, got {list(value)}")
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(number: float) -> int:
    if number < 0 or number != round(number):
        raise BadInput(f"a count must be a whole number >= 0, got {number!r}")
    return int(number)


_DISTRIBUTIONS: dict[str, Callable[[Any, np.random.Generator], Any]] = {
    "uniform": lambda a, rng: float(rng.uniform(*a)),
    "log_uniform": lambda a, rng: float(np.exp(rng.uniform(*np.log(a)))),
    "normal": lambda a, rng: float(rng.normal(*a)),
    "lognormal": lambda a, rng: float(a[0] * np.exp(a[1] * rng.normal())),
    "poisson": lambda a, rng: int(rng.poisson(a)),
}
