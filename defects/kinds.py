"""The one list of defect kinds: name -> its record, its sampler and its parameters."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from defects import crack, gas_pore, inclusion
from defects.messages import BadInput, unknown


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a kind's parameter may be.

    Attributes:
        default: Taken where the spec says nothing; None if it must be given.
        lowest: No value may lie below it.
        open_below: Whether `lowest` itself makes no sense.
        text: Whether it is a name, not a number.
    """

    default: Any = None
    lowest: float = 0.0
    open_below: bool = True
    text: bool = False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of defect: one file of this folder.

    Attributes:
        record: The frozen record of one flaw.
        sample: (rng, **parameters) -> record, not yet placed.
        parameters: By name.
    """

    record: type
    sample: Callable[..., Any]
    parameters: dict[str, Parameter] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "gas_pore": Kind(
        record=gas_pore.GasPore,
        sample=gas_pore.sample,
        parameters={"diameter_mm": Parameter(), "elongation": Parameter(default=1.0, lowest=1.0, open_below=False)},
    ),
    "crack": Kind(
        record=crack.Crack,
        sample=crack.sample,
        parameters={
            "length_mm": Parameter(),
            "opening_mm": Parameter(),
            "aspect": Parameter(default=0.6),
            "waviness": Parameter(default=0.05, open_below=False),
        },
    ),
    "inclusion": Kind(
        record=inclusion.Inclusion,
        sample=inclusion.sample,
        parameters={
            "diameter_mm": Parameter(),
            "material": Parameter(text=True),
            "elongation": Parameter(default=1.3, lowest=1.0, open_below=False),
            "flatness": Parameter(default=1.2, lowest=1.0, open_below=False),
        },
    ),
}


def kind_of(name: str) -> Kind:
    """Return the kind of that name."""
    if name not in KINDS:
        raise unknown("defect kind", name, KINDS)
    return KINDS[name]


def name_of(flaw: Any) -> str:
    """Return the name of a record's kind."""
    return next(name for name, kind in KINDS.items() if type(flaw) is kind.record)


def to_json(flaw: Any) -> dict[str, Any]:
    """Return a record as plain values, its kind first."""
    return {"kind": name_of(flaw), **asdict(flaw)}


def from_json(values: Any) -> Any:
    """Return the record that `to_json` wrote."""
    if not isinstance(values, dict):
        raise BadInput(f"a defect must be an object with a kind, got {values!r}")
    values = dict(values)
    record = kind_of(values.pop("kind", "")).record
    known = record.__dataclass_fields__
    for name in values:
        if name not in known:
            raise unknown(f"field of {record.__name__}", name, known)
    try:
        return record(**{name: _tuples(value) for name, value in values.items()})
    except TypeError as error:
        raise BadInput(f"a defect lacks a field or has one of the wrong type: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list | tuple) else value
