"""JSON files as their users write them: what is wrong with one is said in a line."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defects.messages import BadInput
from scenes.plain_file import read_bytes

MOST_BYTES = 1 << 25
"""Of a JSON file that a user gives. Of brackets alone it becomes 1.3 GB."""

DEEPEST = 100
"""Levels of brackets within brackets; ours have 8."""

LARGEST = 1e60
"""Of the numbers: beyond, their squares and the products of these overflow."""


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        BadInput: It is missing, or no JSON, or holds a number that is none (NaN, Infinity, 1e999).
    """
    try:
        return json_of(read_bytes(path, MOST_BYTES))
    except FileNotFoundError as error:
        raise BadInput(f"no scene file {path}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a JSON file") from error
    except ValueError as error:
        raise BadInput(f"{path} is not readable as JSON: {error}") from error


def json_of(content: bytes | memoryview, most_bytes: int = MOST_BYTES) -> Any:
    """Return what a JSON text in UTF-8 says.

    Raises:
        ValueError: It is none, or too long or too deep, or holds a number that is none or of too many digits.
    """
    if len(content) > most_bytes:
        raise ValueError(f"it has {len(content)} bytes, expected {most_bytes} at most")
    try:
        values = json.loads(bytes(content).decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if wrong := _wrong(values):
        raise ValueError(wrong)
    return values


def _wrong(values: Any) -> str | None:
    """Return what is wrong with keys and values, level by level, or None."""
    level, is_beyond = [values], False
    for _ in range(DEEPEST + 1):
        is_beyond |= any(isinstance(one, int | float) and not -LARGEST <= one <= LARGEST for one in level)
        inner = [one for one in level if isinstance(one, dict | list)]
        level = [each for one in inner for each in (one.values() if isinstance(one, dict) else one)]
        if not inner:
            break
    else:
        return f"it is nested too deeply: expected {DEEPEST} levels at most"
    if not is_beyond:
        return None
    place, number = next((p, n) for p, n in _places(values) if not -LARGEST <= n <= LARGEST)
    is_finite = isinstance(number, int) or math.isfinite(number)
    expected = f"lie within {-LARGEST:g} to {LARGEST:g}" if is_finite else "be a finite number"
    return f"{place:.200} must {expected}, got {number!r:.60}"


def _places(value: Any, path: str = "") -> Iterator[tuple[str, int | float]]:
    """Yield every number with its place."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _places(each, f"{path}[{i}]")
    elif isinstance(value, int | float):
        yield path, value
