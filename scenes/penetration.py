"""Which voltage and exposure let enough through the thickest place of a part, as an operator sets the tube."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from defects.messages import BadInput
from scenes.draw import check, extent
from scenes.records import Record
from scenes.scene import ScanSpec

STEP_KV = 5.0
"""From one voltage that may be chosen to the next."""

BEST = 0.135
"""Transmission at which a scan has the least noise for its dose: exp(-2) (Grodzins, Nucl. Instrum. Methods 206, 541,
1983)."""

Rays = Callable[[ScanSpec], tuple[float, float]]
"""What the darkest ray of a scan leaves: its share of the free beam's signal, and the quanta that its pixel counts."""


def _share(value: Any) -> Any:
    check(value, lowest=0.0, open_below=True)
    if extent(value)[1] >= 1:
        raise BadInput(f"must lie below 1, can give {extent(value)[1]:g}")
    return value


class PenetrationSpec(Record):
    """What the tube is set for.

    Attributes:
        transmission: Draw of the share of the free beam's signal that the darkest ray leaves at least.
        tube_kv: Lowest and highest voltage of the tube; the lowest that lets so much through is taken.
        quanta: Draw of how many quanta the darkest pixel counts in a view, which sets exposure_mas; None leaves that.
    """

    transmission: Annotated[Any, BeforeValidator(_share)] = BEST
    tube_kv: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    quanta: Annotated[Any, BeforeValidator(lambda v: None if v is None else check(v, lowest=0, open_below=True))] = None

    @model_validator(mode="after")
    def _rises(self) -> "PenetrationSpec":
        if not self.tube_kv[0] <= self.tube_kv[1]:
            raise ValueError(f"tube_kv must be [lowest, highest], got {list(self.tube_kv)}")
        return self

    @property
    def voltages_kv(self) -> list[float]:
        """The voltages that may be chosen, rising: the lowest, every whole step above it, and the highest."""
        low, high = self.tube_kv
        between = np.arange(np.floor(low / STEP_KV) + 1, np.ceil(high / STEP_KV)) * STEP_KV
        return sorted({low, *between.tolist(), high})


def set_for(
    spec: PenetrationSpec,
    transmission: float,
    quanta: float | None,
    scan_at: Callable[[float], ScanSpec],
    rays: Rays,
    part: str,
) -> ScanSpec:
    """Return the scan at the lowest voltage that lets enough through, with the exposure that brings enough quanta.

    More voltage is taken to let more through, so that few of them need to be looked at.

    Args:
        spec: Which voltages there are.
        transmission: Wanted of the darkest ray.
        quanta: Wanted of its pixel, or None.
        scan_at: The scan at a voltage [kV].
        rays: What the darkest ray of a scan leaves.
        part: Its name, for messages.

    Raises:
        BadInput: Not even the highest voltage lets so much through.
    """
    voltages = spec.voltages_kv
    most, _ = rays(scan_at(voltages[-1]))
    if most < transmission:
        raise BadInput(
            f"{part} lets {most:.2g} of the beam through at {voltages[-1]:g} kV, wanted {transmission:.2g}: give a "
            f"higher tube_kv, a thinner part, a lighter material or a lower transmission"
        )
    too_low, enough = -1, len(voltages) - 1
    while enough - too_low > 1:
        middle = (too_low + enough) // 2
        if rays(scan_at(voltages[middle]))[0] >= transmission:
            enough = middle
        else:
            too_low = middle
    scan = scan_at(voltages[enough])
    if quanta is None:
        return scan
    exposure_mas = scan.exposure_mas * quanta / rays(scan)[1]
    return scan.model_copy(update={"exposure_mas": float(f"{exposure_mas:.6g}")})
