"""Which scenes need scatter: those where what is scattered outshines a given share of the primary beam somewhere."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from defects.messages import BadInput, unknown
from scenes.body import Body
from scenes.draw import check
from scenes.fidelity import FIDELITIES, PRIMARY_ONLY, Fidelity, GateSpec, MonteCarloSpec, settings_of
from scenes.records import Record
from scenes.scene import ScanSpec

Ratio = Callable[[Sequence[Body], ScanSpec], float]
"""Returns the highest ratio of scattered to primary signal, over all pixels and views of a scan of bodies."""


class ByNeed(Record):
    """The cheapest fidelity that will do.

    Attributes:
        hybrid_above: Ratio of scattered to primary signal; a scene that exceeds it at some pixel of some view is
            hybrid, any other beer-lambert.
    """

    hybrid_above: float = Field(gt=0)


def fidelity_or_need(value: Any) -> Any:
    """Return a fidelity's name, or the rule that chooses one; raises BadInput for anything else."""
    if isinstance(value, ByNeed):
        return value
    if isinstance(value, dict) and set(value) == {"hybrid_above"}:
        check(value["hybrid_above"], lowest=0, open_below=True)
        return ByNeed(**value)
    if isinstance(value, str) and value not in FIDELITIES:
        raise unknown("fidelity", value, FIDELITIES)
    if not isinstance(value, str):
        raise BadInput(f"must be {', '.join(FIDELITIES)}, or {{hybrid_above: RATIO}}, got {value!r}")
    return value


def by_need(scan: ScanSpec, hybrid_above: float, ratio: float) -> ScanSpec:
    """Return the scan in the fidelity that it needs, with the ratio that was found.

    Args:
        scan: In hybrid, with the settings that count if it is to be hybrid.
        hybrid_above: See ByNeed.
        ratio: Highest of scattered to primary signal; three digits of it count, and are written down.
    """
    ratio = float(f"{ratio:.3g}")
    fidelity: Fidelity = "hybrid" if ratio > hybrid_above else PRIMARY_ONLY
    found = {"scatter_to_primary": ratio} | settings_of(fidelity, scan.monte_carlo, scan.gate)
    return scan.model_copy(update=found)


def in_fidelity(scan: ScanSpec, fidelity: Fidelity, monte_carlo: MonteCarloSpec, gate: GateSpec) -> ScanSpec:
    """Return the scan in another fidelity, with the settings that mean something for it."""
    return scan.model_copy(update=settings_of(fidelity, monte_carlo, gate))
