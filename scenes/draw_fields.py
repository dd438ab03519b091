"""Fields of a spec that hold a draw: checked when the spec is read, drawn scene by scene."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator

from defects.messages import BadInput
from scenes.draw import check, check_name, extent

MOST_DEFECTS = 10_000
"""Of one entry under defects: in one scene; instances.npy can number 65 535."""


def _above_zero(value: Any) -> Any:
    return check(value, lowest=0.0, open_below=True)


def _at_least_zero(value: Any) -> Any:
    return check(value, lowest=0.0)


def _count(value: Any) -> Any:
    check(value, lowest=0.0, count=True)
    if _most(value) > MOST_DEFECTS:
        raise BadInput(f"must be at most {MOST_DEFECTS}, got {value!r}")
    return value


def _most(value: Any) -> float:
    """Return the largest count that a draw gives; of one without an end its mean."""
    if isinstance(value, dict) and "choice" in value:
        return max(map(_most, value["choice"]))
    most = extent(value)[1]
    return most if math.isfinite(most) else value["poisson"]


Positive = Annotated[Any, BeforeValidator(_above_zero)]
"""A draw of numbers above 0."""

NotNegative = Annotated[Any, BeforeValidator(_at_least_zero)]
"""A draw of numbers of at least 0."""

AnyNumber = Annotated[Any, BeforeValidator(lambda v: check(v))]
Count = Annotated[Any, BeforeValidator(_count)]
NameDraw = Annotated[Any, BeforeValidator(lambda v: None if v is None else check_name(v))]
"""A draw of names, or nothing."""
