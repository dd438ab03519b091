"""How closely a scan is simulated: the primary beam alone, or what matter scatters too, and by which means."""

from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from scenes.records import Record

Fidelity = Literal["beer-lambert", "hybrid", "monte-carlo", "gate"]
"""From the cheapest to the dearest:

* beer-lambert: the primary beam, exact for the mesh; no scatter;
* hybrid: the same, and scatter by Monte Carlo on a coarse panel in some of the views, smoothed and interpolated;
* monte-carlo: every photon of every view is followed through voxels of matter;
* gate: the same by GATE 10 (Geant4), a peer.
"""

FIDELITIES: tuple[Fidelity, ...] = get_args(Fidelity)

PRIMARY_ONLY: Fidelity = "beer-lambert"
"""Of which nothing scatters."""

Technique = Literal["forced_detection", "forced_interaction", "survival", "stratified"]
"""What makes a photon tell more, without changing what it tells on the mean:

* forced_detection: each scattering sends its share to points of the panel, instead of one photon anywhere;
* forced_interaction: a photon that meets matter interacts in it, with the weight of its chance to do so;
* survival: no photon is absorbed, its weight falls instead, and Russian roulette ends those that weigh little;
* stratified: the photons' first draws lie evenly (Kronecker sequence) instead of at random.
"""

ALL_TECHNIQUES: tuple[Technique, ...] = ("forced_detection", "forced_interaction", "survival", "stratified")

Photons = Annotated[int, Field(ge=1, le=10**12)]


class MonteCarloSpec(Record):
    """Settings of hybrid and monte-carlo.

    Attributes:
        photons: Followed in a view; None for 8000 in hybrid and 1000000 in monte-carlo.
        views: Of hybrid, in how many views scatter is computed, evenly from the first to the last.
        panel: Of hybrid, rows and columns of the coarse panel that scatter is computed on; on a scanner's panel of
            fewer, 16 x 16 are as many as it has.
        voxels: Of the matter's grid, along its longest side; None for 96 in hybrid and 192 in monte-carlo.
        techniques: What makes photons tell more; None for all in hybrid and none in monte-carlo.
        fluorescence: Whether atoms send out K lines (of 5 keV and more) where they have taken up a photon.
        air: Whether air fills the way from the source to the panel, for the free beam as for all others.
    """

    photons: Photons | None = None
    views: int = Field(default=24, ge=1, le=100_000)
    panel: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (16, 16)
    voxels: Annotated[int, Field(ge=4, le=1024)] | None = None
    techniques: tuple[Technique, ...] | None = None
    fluorescence: bool = False
    air: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> "MonteCarloSpec":
        if self.techniques is not None and len(set(self.techniques)) < len(self.techniques):
            raise ValueError(f"techniques must name each once, got {list(self.techniques)}")
        return self


class GateSpec(Record):
    """Settings of gate.

    Attributes:
        photons: Sent out in a view, evenly over the panel's solid angle.
        physics_list: Geant4's; option4 has bound electrons and wants the official data, option3 runs with less.
        solids: Meshes as they are, or voxels of matter.
        voxels: Of the matter's grid, along its longest side, where solids are voxels.
        processes: Run beside each other, each with its own photons.
        fluorescence: Whether atoms send out characteristic lines.
        timeout_s: After which a run is given up.
    """

    photons: Photons = 1_000_000
    physics_list: str = "G4EmStandardPhysics_option4"
    solids: Literal["meshes", "voxels"] = "meshes"
    voxels: int = Field(default=128, ge=4, le=1024)
    processes: int = Field(default=1, ge=1, le=256)
    fluorescence: bool = False
    timeout_s: float = Field(default=86400.0, gt=0)


def settings_of(fidelity: Fidelity, monte_carlo: MonteCarloSpec, gate: GateSpec) -> dict[str, Any]:
    """Return the fidelity and its settings as fields of a scan: those that mean nothing for it are the usual ones."""
    idle = {
        name: MonteCarloSpec.model_fields[name].default
        for name in MonteCarloSpec.model_fields
        if fidelity not in meant_for(f"monte_carlo.{name}")
    }
    return {
        "fidelity": fidelity,
        "monte_carlo": monte_carlo.model_copy(update=idle),
        "gate": gate if fidelity == "gate" else GateSpec(),
    }


def meant_for(place: str) -> tuple[Fidelity, ...]:
    """Return the fidelities that a setting such as `monte_carlo.views` means something for."""
    if place.startswith("gate"):
        return ("gate",)
    return ("hybrid",) if place in ("monte_carlo.views", "monte_carlo.panel") else ("hybrid", "monte-carlo")


def check_settings(
    fidelities: Collection[Fidelity], monte_carlo: MonteCarloSpec, gate: GateSpec, drawn: Collection[str] = ()
) -> None:
    """Raise ValueError where a setting that is not the usual one means nothing.

    Args:
        fidelities: All that there may be.
        monte_carlo: Of hybrid and monte-carlo.
        gate: Of gate.
        drawn: Places of settings that are draws.
    """
    given = [f"{group}.{name}" for group, own in (("monte_carlo", monte_carlo), ("gate", gate)) for name in _given(own)]
    for place in dict.fromkeys((*given, *drawn)):
        if not set(meant := meant_for(place)) & set(fidelities):
            raise ValueError(
                f"{place} means nothing for fidelity: {' or '.join(fidelities)}; leave it out, or give fidelity: "
                f"{' or '.join(meant)}"
            )


def check_panel(monte_carlo: MonteCarloSpec, rows: float, columns: float) -> None:
    """Raise ValueError where a coarse panel that is asked for has more pixels than the scanner's."""
    coarse = monte_carlo.panel
    if "panel" in _given(monte_carlo) and (coarse[0] > rows or coarse[1] > columns):
        raise ValueError(
            f"monte_carlo.panel must have at most the detector's {rows:g} rows and {columns:g} columns, got "
            f"{list(coarse)}; give fewer, or leave it out"
        )


def _given(settings: Record) -> list[str]:
    """Return the settings that are not the usual ones."""
    return [name for name, field in type(settings).model_fields.items() if getattr(settings, name) != field.default]
