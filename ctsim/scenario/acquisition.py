"""The course of a scan, section 9 of the format: angles, frames, flat and dark fields."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.scenario.units import DEG, DEG_PER_S
from ctsim.scenario.values import Node
from scenes.orbit import MOST_TURN_DEG

MOST_VIEWS, MOST_FIELDS = 100_000, 1000
"""Projections, or frames averaged; flat or dark fields."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """Pictures of the free beam, or of no beam.

    Attributes:
        number: How many.
        frames: Averaged for each.
        ideal: Whether they have no noise.
        correct: Whether the projections are written corrected by them.
    """

    number: int = 0
    frames: int = 1
    ideal: bool = False
    correct: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Acquisition:
    """The course of a scan.

    Attributes:
        turn_deg: How far the stage has turned in each view, counter-clockwise about its w.
        step_deg: From view to view.
        continuous: Whether the stage turns on while a view is taken.
        speed_deg_s: How fast it then does; None where that follows from the times.
        frames: Averaged for a view.
        flat: Pictures of the free beam.
        dark: Pictures of no beam.
        binning: Pixels read as one along u and v.
        scattering: Whether what matter scatters is wanted.
    """

    turn_deg: Float[np.ndarray, " view"]
    step_deg: float
    continuous: bool
    speed_deg_s: float | None
    frames: int
    flat: Field
    dark: Field
    binning: tuple[int, int]
    scattering: bool

    @property
    def views(self) -> int:
        """How many projections there are."""
        return len(self.turn_deg)

    def motion(self, integration_s: float, dead_s: float, node: Node) -> dict[str, Any]:
        """Return the fields of the trajectory that say how the stage turns on while a view is taken."""
        if not self.continuous:
            return {}
        if self.views < 2 or self.step_deg == 0:
            node["scan_mode"].tell("the stage does not turn from view to view, so it does not while one is taken")
            return {}
        if abs(self.step_deg) > MOST_TURN_DEG:
            raise node["number_of_projections"].wrong(
                f"must be more in continuous motion: the stage turns by {self.step_deg:.4g} deg from one to the next, "
                f"{MOST_TURN_DEG:g} deg at most"
            )
        exposed_s = self.frames * integration_s + (self.frames - 1) * dead_s
        share = exposed_s / (exposed_s + dead_s)
        if self.speed_deg_s is not None:
            share = exposed_s * self.speed_deg_s / self.step_deg
        if share > 1 + 1e-9:
            node["scan_speed"].tell(
                f"turns {share * self.step_deg:.4g} deg in a view, but only {self.step_deg:.4g} deg to the next"
            )
        return {"motion": "continuous", "exposure_share": min(share, 1.0)}


def read_acquisition(node: Node) -> Acquisition:
    """Return the course of the scan.

    Raises:
        BadInput: The stop angle lies before the start angle, or there is no projection.
    """
    start, stop = (node[key].steady(DEG) or 0.0 for key in ("start_angle", "stop_angle"))
    views = node["number_of_projections"].whole(least=1, most=MOST_VIEWS)
    if stop < start:
        raise node["stop_angle"].wrong(f"must not lie before start_angle, {start:g} deg")
    steps = views - 1 if node["include_final_angle"].flag(False) else views
    step = (stop - start) / max(steps, 1)
    sign = -1.0 if node["direction"].text(("CCW", "CW")) == "CW" else 1.0
    speed = node["scan_speed"].steady(DEG_PER_S)
    return Acquisition(
        turn_deg=sign * (start + step * np.arange(views)),
        step_deg=step,
        continuous=node["scan_mode"].text(("stop+go", "continuous")) == "continuous",
        speed_deg_s=speed or None,
        frames=node["frame_average"].whole(otherwise=1, least=1, most=MOST_VIEWS),
        flat=_field(node["flat_field"]),
        dark=_field(node["dark_field"]),
        binning=(_binned(node, "u"), _binned(node, "v")),
        scattering=node["scattering"].flag(False),
    )


def _binned(node: Node, axis: str) -> int:
    return node["pixel_binning"][axis].whole(otherwise=1, least=1)


def _field(node: Node) -> Field:
    return Field(
        number=node["number"].whole(otherwise=0, most=MOST_FIELDS),
        frames=node["frame_average"].whole(otherwise=1, least=1, most=MOST_VIEWS),
        ideal=node["ideal"].flag(False),
        correct=node["correction"].flag(False),
    )
