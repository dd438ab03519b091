"""The one list of defect kinds, by name, and how their records are written and read."""

from dataclasses import asdict
from typing import Any

from defects import (
    cold_shut,
    crack,
    delamination,
    gas_pore,
    hot_tear,
    inclusion,
    incomplete_penetration,
    keyhole_pore,
    lack_of_fusion,
    missing_component,
    missing_material,
    pore_cluster,
    shrinkage_cavity,
    shrinkage_sponge,
    trapped_powder,
    undercut,
    wall_thinning,
    warp,
    wrong_component,
)
from defects.kind import Kind
from defects.messages import BadInput, unknown

MODULES = (
    gas_pore,
    pore_cluster,
    shrinkage_cavity,
    shrinkage_sponge,
    cold_shut,
    hot_tear,
    crack,
    inclusion,
    lack_of_fusion,
    keyhole_pore,
    trapped_powder,
    delamination,
    incomplete_penetration,
    undercut,
    missing_material,
    wall_thinning,
    missing_component,
    wrong_component,
    warp,
)

KINDS: dict[str, Kind] = {kind.name: kind for module in MODULES for kind in module.KINDS}
"""In the order of their label values."""


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
    if not isinstance(kind := values.pop("kind", ""), str):
        raise BadInput(f"the kind of a defect must be a name, such as gas_pore, got {kind!r}")
    record = kind_of(kind).record
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
