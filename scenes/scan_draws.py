"""The scan of a dataset: wherever it holds a number, a name or a flag, a draw may stand."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from defects.messages import BadInput
from scenes.beam import Drift, Photons
from scenes.detector import DetectorSpec
from scenes.draw import check, extent, names_of
from scenes.draw_fields import NotNegative, Positive
from scenes.fidelity import PRIMARY_ONLY, Fidelity, GateSpec, MonteCarloSpec, check_panel
from scenes.need import ByNeed, fidelity_or_need
from scenes.penetration import PenetrationSpec
from scenes.records import Record, validated
from scenes.trajectory import FocalSpotSpec, TrajectorySpec, check_views
from scenes.varied import put_back, taken_out


def _magnification(value: Any) -> Any:
    try:
        return value if value == "fit" else check(value, lowest=1.0, open_below=True)
    except BadInput as error:
        raise BadInput(f"{error}; or write fit") from error


NATURAL = (
    "tube_kv", "filters", "exposure_mas", "source_detector_mm", "magnification", "penetration", "varied", "spectrum",
    "beam_drift",
)  # fmt: skip
"""Fields of the scan that are draws by nature, or lists of their own."""


class ScanDraws(Record):
    """The scan; wherever it holds a number, a name or a flag, a draw may stand.

    Attributes:
        tube_kv: Voltage of the tube.
        penetration: Instead of tube_kv, what the tube is set for: how much of the beam the darkest ray leaves.
        tube_target: W, Mo or Ag.
        anode_deg: Anode angle.
        filters: Thickness in mm by material.
        exposure_mas: Charge per view.
        detector: The panel.
        source_detector_mm: Distance.
        magnification: `fit` so that the part just fills the field of view, or a draw.
        views: How many; evenly over one full turn where the trajectory says nothing else.
        trajectory: The path of source and detector about the part, and how they miss it.
        focal_spot: Its shape and size; a point where left out.
        spectrum: Instead of the tube: pairs of keV and photons per mm2 and mAs at 1 m; filtered by what `filters` says.
        beam_drift: How strong the beam is through the scan, such as [1, 0.98]: evenly from the first view to the last.
        heel: Whether the tube's beam is weaker towards the anode, at the top of the detector.
        flat_frames: Averaged for the flat and for the dark field.
        rays_per_pixel: Along each side of a pixel.
        noise: Whether there is any.
        backend: What computes the path lengths.
        fidelity: How closely it is simulated, see `scenes.fidelity.Fidelity`; or the rule that says so for each scene,
            see `scenes.need.ByNeed`.
        monte_carlo: Settings of hybrid and monte-carlo.
        gate: Settings of gate.
        varied: Draws of all other fields by place, as reading finds them; the fields themselves hold a value amid them.
    """

    tube_kv: Positive = 160.0
    penetration: PenetrationSpec | None = None
    tube_target: str = "W"
    anode_deg: float = Field(default=12.0, gt=0, lt=90)
    filters: dict[str, NotNegative] = Field(default_factory=lambda: {"Al": 0.5})
    exposure_mas: Positive = 0.1
    detector: DetectorSpec = DetectorSpec()
    source_detector_mm: Positive = 800.0
    magnification: Annotated[Any, BeforeValidator(_magnification)] = "fit"
    views: int = Field(default=180, ge=3, le=100_000)
    trajectory: TrajectorySpec = TrajectorySpec()
    focal_spot: FocalSpotSpec | None = None
    spectrum: Photons = None
    beam_drift: Drift = None
    heel: bool = False
    flat_frames: int = Field(default=32, ge=1)
    rays_per_pixel: int = Field(default=1, ge=1, le=8)
    noise: bool = True
    backend: str = "mesh"
    fidelity: Annotated[ByNeed | Fidelity, BeforeValidator(fidelity_or_need)] = PRIMARY_ONLY
    monte_carlo: MonteCarloSpec = MonteCarloSpec()
    gate: GateSpec = GateSpec()
    varied: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _draws_stand_beside(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        plain, draws = taken_out(cls, values, NATURAL)
        return {**plain, "varied": {**values.get("varied", {}), **draws}} if draws else plain

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """All that its scenes may be."""
        if isinstance(self.fidelity, ByNeed):
            return (PRIMARY_ONLY, "hybrid")
        return tuple(dict.fromkeys(names_of(self.varied.get("fidelity", self.fidelity))))

    @property
    def backends(self) -> tuple[str, ...]:
        """All that its scenes may be rendered by."""
        return tuple(dict.fromkeys(names_of(self.varied.get("backend", self.backend))))

    def settled(self, rng: np.random.Generator, shared: Mapping[str, float]) -> "ScanDraws":
        """Return the scan with a value drawn for all that varies."""
        if not self.varied:
            return self
        return validated(ScanDraws, put_back(self, self.varied, rng, shared) | {"varied": {}}, "scan")

    @model_validator(mode="after")
    def _fidelity_is_one(self) -> "ScanDraws":
        for name in names_of(self.varied.get("fidelity")):  # each that the draw can give
            fidelity_or_need(name)
        return self

    @model_validator(mode="after")
    def _panel_holds_the_coarse_one(self) -> "ScanDraws":
        least = (self.varied.get(f"detector.{name}", getattr(self.detector, name)) for name in ("rows", "columns"))
        check_panel(self.monte_carlo, *(extent(number)[0] for number in least))
        return self

    @model_validator(mode="after")
    def _path_fits(self) -> "ScanDraws":
        check_views(self.trajectory, self.focal_spot, self.views, self.detector.pitch_mm)
        idle = [] if self.trajectory.vectors is None else ["source_detector_mm", "magnification"]
        idle += [] if self.spectrum is None else ["tube_kv", "tube_target", "anode_deg", "penetration"]
        if self.penetration is not None and self.tube_kv != type(self).model_fields["tube_kv"].default:
            raise ValueError("tube_kv and penetration contradict each other; leave tube_kv out")
        for name in idle:
            if getattr(self, name) != type(self).model_fields[name].default:
                held = "trajectory.vectors" if name in ("source_detector_mm", "magnification") else "spectrum"
                raise ValueError(f"{name} and {held} contradict each other; leave {name} out")
        return self
