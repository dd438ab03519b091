"""JSON files as their users write them: what is wrong with one is said in a line."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defects.messages import BadInput
from scenes.plain_file import read_bytes

MOST_BYTES = 1 << 25
"""Of a JSON file: a dataset.json of a million samples. Of brackets alone it becomes 1.3 GB."""

DEEPEST = 100
"""Levels of brackets within brackets; ours have 8."""


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        BadInput: It is missing, or no JSON, or holds a number that is none (NaN, Infinity, 1e999).
    """
    try:
        values = json_of(read_bytes(path, MOST_BYTES))
    except FileNotFoundError as error:
        raise BadInput(f"no scene file {path}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a JSON file") from error
    except ValueError as error:
        raise BadInput(f"{path} is not readable as JSON: {error}") from error
    for place, number in _places(values):
        if isinstance(number, float) and not math.isfinite(number):
            raise BadInput(f"{path.name}: {place} must be a finite number, got {number}")
    return values


def json_of(content: bytes | memoryview) -> Any:
    """Return what a JSON text in UTF-8 says.

    Raises:
        ValueError: It is none, or too long or too deep to be read, or holds a whole number of thousands of digits.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has {len(content)} bytes, expected {MOST_BYTES} at most")
    try:
        values = json.loads(bytes(content).decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _is_deeper(values, DEEPEST):
        raise ValueError(f"it is nested too deeply: expected {DEEPEST} levels at most")
    return values


def _is_deeper(values: Any, most: int) -> bool:
    """Return whether lists and objects stand in each other in more levels than that."""
    level = [values]
    for _ in range(most + 1):
        inner = [one for one in level if isinstance(one, dict | list)]
        level = [each for one in inner for each in (one.values() if isinstance(one, dict) else one)]
        if not inner:
            return False
    return True


def _places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every bare value with its place."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from _places(each, f"{path}[{i}]")
    else:
        yield path, value
