"""How closely a scan is simulated: the primary beam alone, or what matter scatters too, and by which means."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenes.records import Record

Fidelity = Literal["beer-lambert", "hybrid", "monte-carlo", "gate"]
"""From the cheapest to the dearest:

* beer-lambert: the primary beam, exact for the mesh; no scatter;
* hybrid: the same, and scatter by Monte Carlo on a coarse panel in some of the views, smoothed and interpolated;
* monte-carlo: every photon of every view is followed through voxels of matter;
* gate: the same by GATE 10 (Geant4), a peer.
"""

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
        photons: Followed in a view; None for 12000 in hybrid and 1000000 in monte-carlo.
        views: Of hybrid, in how many views scatter is computed, evenly from the first to the last.
        panel: Of hybrid, rows and columns of the coarse panel that scatter is computed on.
        voxels: Of the matter's grid, along its longest side; None for 96 in hybrid and 192 in monte-carlo.
        techniques: What makes photons tell more; None for all in hybrid and none in monte-carlo.
        fluorescence: Whether atoms send out K lines (of 5 keV and more) where they have taken up a photon.
        air: Whether air fills the way from the source to the panel.
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
