"""What is said to a user whose input cannot be used: expected, got, how to mend it."""

import difflib
import math
from collections.abc import Iterable
from typing import Any


class BadInput(ValueError):
    """Input from outside that cannot be used. Its text is shown as it is, and the exit code is 2."""


def unknown(what: str, got: str, known: Iterable[str]) -> BadInput:
    """Return the error for a name that is not in the list, with the nearest names."""
    names = sorted(known)
    lowered = {name.lower(): name for name in names}
    near = [lowered[n] for n in difflib.get_close_matches(str(got).lower(), lowered, n=2, cutoff=0.5)]
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    listed = f"known: {', '.join(names)}" if names else "there are none"
    return BadInput(f"unknown {what} {got!r}{'; ' + hint if hint else ''} ({listed})")


def require_place(centre_mm: tuple[float, ...], quaternion: tuple[float, ...]) -> None:
    """Raise BadInput unless a flaw's centre and turn are finite numbers, and the turn is one."""
    for name, numbers, size in (("centre_mm", centre_mm, 3), ("quaternion", quaternion, 4)):
        if len(numbers) != size or not all(math.isfinite(n) for n in numbers):
            raise BadInput(f"{name} must be {size} finite numbers, got {numbers!r}")
    if not any(quaternion):
        raise BadInput("quaternion must not be all zeros; no turn is (1, 0, 0, 0)")


def require_positive(**values: float) -> None:
    """Raise BadInput unless every value is a finite number above zero; names are shown as given."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise BadInput(f"{name} must be a finite number above 0, got {value!r}")


def require_whole(**values: Any) -> None:
    """Raise BadInput unless every value is a whole number from 0 on; names are shown as given."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadInput(f"{name} must be a whole number of at least 0, got {value!r}")
