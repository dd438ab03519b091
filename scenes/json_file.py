"""JSON files as their users write them: what is wrong with one is said in a line."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defects.messages import BadInput


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        BadInput: It is missing, or no JSON, or holds a number that is none (NaN, Infinity, 1e999).
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BadInput(f"no scene file {path}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a JSON file") from error
    except ValueError as error:  # no JSON, no text, or a whole number of thousands of digits
        raise BadInput(f"{path} is not readable as JSON: {error}") from error
    except RecursionError as error:
        raise BadInput(f"{path} is not readable as JSON: it is nested too deeply") from error
    for place, number in _places(values):
        if isinstance(number, float) and not math.isfinite(number):
            raise BadInput(f"{path.name}: {place} must be a finite number, got {number}")
    return values


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
