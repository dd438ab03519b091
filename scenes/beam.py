"""A beam given as it is measured: photons by energy, instead of a tube."""

import math
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator


def _pairs(value: Any) -> Any:
    if value is None:
        return None
    rows = list(value) if isinstance(value, list | tuple) else []
    for row in rows:
        two = isinstance(row, list | tuple) and len(row) == 2 and all(_is_finite(number) for number in row)
        if not two or not row[0] > 0 or row[1] < 0:
            raise ValueError(f"must hold pairs [keV above 0, photons of at least 0], got {row!r}")
    energies = [row[0] for row in rows]
    if not rows or not sum(row[1] for row in rows) > 0:
        raise ValueError("must hold at least one pair [keV, photons] with photons above 0")
    if any(b <= a for a, b in pairwise(energies)):
        raise ValueError("must hold its energies in rising order, each once")
    return tuple((float(energy), float(photons)) for energy, photons in rows)


def _shares(value: Any) -> Any:
    if value is None:
        return None
    listed = list(value) if isinstance(value, list | tuple) else []
    if not listed or not all(_is_finite(number) and number > 0 for number in listed):
        raise ValueError(f"must be a list of at least one number above 0, got {value!r}")
    return tuple(float(number) for number in listed)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


Photons = Annotated[tuple[tuple[float, float], ...] | None, BeforeValidator(_pairs)]
"""(keV at the middle of a bin, photons in it per mm2 and mAs at 1 m) for each bin; one pair is a single energy."""

Drift = Annotated[tuple[float, ...] | None, BeforeValidator(_shares)]
"""How strong the beam is, evenly from the first view to the last; the flat field is taken as in the first."""
