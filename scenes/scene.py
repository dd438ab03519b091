"""What one scene becomes: numbers only, frozen, the same through JSON and back."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_serializer, model_validator

from defects import kinds
from defects.messages import BadInput
from scenes.beam import Drift, Photons
from scenes.detector import DetectorSpec
from scenes.fidelity import (
    PRIMARY_ONLY,
    Fidelity,
    GateSpec,
    MonteCarloSpec,
    check_panel,
    check_settings,
    meant_for,
    settings_of,
)
from scenes.json_file import read_json
from scenes.records import Name, Record, Split, validated
from scenes.trajectory import FocalSpotSpec, TrajectorySpec, check_views, distances_mm


class PartChoice(Record):
    """The part of one scene, in numbers.

    Attributes:
        name: Of the part.
        library: Name in the library, where it comes from there.
        dimensions: Of a library part, by name.
        file: Path of a mesh file, where it comes from one.
        unit: Of the file, where it carries none.
        repair: Whether holes in the file's surface may be closed.
        tolerance_mm: How far the facets of a STEP file may lie from its true surface.
        scale: Factor on all lengths.
        materials: Name of the material by body.
        host: The body that defects sit in.
    """

    name: str
    library: str | None = None
    dimensions: dict[str, int | float] = {}
    file: str | None = None
    unit: str | None = None
    repair: bool = False
    tolerance_mm: float = 0.1
    scale: float = Field(default=1.0, gt=0)
    materials: dict[str, str]
    host: str

    @model_validator(mode="after")
    def _one_source(self) -> "PartChoice":
        if (self.library is None) == (self.file is None):
            raise ValueError("expected either library: NAME or file: PATH, got " + ("both" if self.file else "neither"))
        return self


class Pose(Record):
    """Where the part stands on the stage.

    Attributes:
        quaternion: How the part's frame is turned (w, x, y, z).
        shift_mm: Where its origin goes.
    """

    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _turns(self) -> "Pose":
        if not any(self.quaternion):
            raise ValueError("quaternion must not be all zeros; no turn is [1, 0, 0, 0]")
        return self


DISTANCES = ("source_detector_mm", "source_object_mm")


class ScanSpec(Record):
    """The scan of one scene, in numbers; see ScanDraws.

    With vectors in the trajectory both distances follow from the first of them, and may be left out. Where a rule has
    chosen the fidelity, `scatter_to_primary` is the ratio that it went by. What is set for another fidelity is not
    written.
    """

    tube_kv: float | None = Field(default=None, gt=0)
    tube_target: str = "W"
    anode_deg: float = Field(default=12.0, gt=0, lt=90)
    filters: dict[str, Annotated[float, Field(ge=0)]] = {}
    exposure_mas: float = Field(gt=0)
    detector: DetectorSpec
    source_detector_mm: float = Field(gt=0)
    source_object_mm: float = Field(gt=0)
    views: int = Field(ge=1, le=100_000)
    trajectory: TrajectorySpec = TrajectorySpec()
    focal_spot: FocalSpotSpec | None = None
    spectrum: Photons = None
    beam_drift: Drift = None
    heel: bool = False
    flat_frames: int = Field(default=32, ge=1)
    rays_per_pixel: int = Field(default=1, ge=1, le=8)
    noise: bool = True
    backend: str = "mesh"
    fidelity: Fidelity = PRIMARY_ONLY
    scatter_to_primary: float | None = Field(default=None, ge=0)
    monte_carlo: MonteCarloSpec = MonteCarloSpec()
    gate: GateSpec = GateSpec()

    @model_validator(mode="before")
    @classmethod
    def _distances_of_vectors(cls, values: Any) -> Any:
        path = values.get("trajectory") if isinstance(values, dict) else None
        try:
            vectors = TrajectorySpec.model_validate(path).vectors if path else None
        except ValidationError:  # is told where it belongs, and no distance is missed besides
            return {"source_detector_mm": 2.0, "source_object_mm": 1.0} | values
        return values if vectors is None else dict(zip(DISTANCES, distances_mm(vectors), strict=True)) | values

    @model_validator(mode="after")
    def _path_fits(self) -> "ScanSpec":
        check_views(self.trajectory, self.focal_spot, self.views, self.detector.pitch_mm)
        if self.trajectory.vectors is not None:
            for name, wanted in zip(DISTANCES, distances_mm(self.trajectory.vectors), strict=True):
                if not math.isclose(getattr(self, name), wanted, rel_tol=1e-6):
                    raise ValueError(f"{name} is {getattr(self, name):g}, trajectory.vectors say {wanted:.6g}")
        return self

    @model_validator(mode="after")
    def _has_a_beam(self) -> "ScanSpec":
        if self.tube_kv is None and self.spectrum is None:
            raise ValueError("give tube_kv, or a spectrum of pairs [keV, photons per mm2 and mAs at 1 m]")
        return self

    @model_validator(mode="after")
    def _settings_mean_something(self) -> "ScanSpec":
        check_settings((self.fidelity,), self.monte_carlo, self.gate)
        check_panel(self.monte_carlo, self.detector.rows, self.detector.columns)
        return self

    @model_serializer(mode="wrap")
    def _without_idle_settings(self, whole: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        idle = {name for name in ("monte_carlo", "gate") if self.fidelity not in meant_for(name)}
        return {name: value for name, value in whole(self).items() if name not in idle}

    @model_validator(mode="after")
    def _in_order(self) -> "ScanSpec":
        if not self.source_object_mm < self.source_detector_mm:
            raise ValueError(
                f"source_object_mm must be smaller than source_detector_mm, got {self.source_object_mm:g} against "
                f"{self.source_detector_mm:g}"
            )
        return self

    def at(self, fidelity: Fidelity) -> "ScanSpec":
        """Return the same scan at another fidelity, with the settings of this one that mean something for it."""
        kept = settings_of(fidelity, self.monte_carlo, self.gate)
        return self.model_copy(update={**kept, "scatter_to_primary": None})


Side = Annotated[int, Field(ge=1)]

Window = Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"]
"""On the ramp filter, by falling sharpness and noise."""
Method = Literal["fdk", "cgls", "sirt"]


class VolumeSpec(Record):
    """The reconstruction of one scene.

    Attributes:
        shape: Voxels along z, y and x.
        voxel_mm: Side of the cubic voxels.
        method: See VolumeDraws.
        iterations: Of cgls or sirt.
        window: Of the ramp filter of fdk.
    """

    shape: tuple[Side, Side, Side]
    voxel_mm: float = Field(gt=0)
    method: Method = "fdk"
    iterations: int = Field(default=20, ge=1, le=10_000)
    window: Window = "ram-lak"


class Item(Record):
    """One part on the stage, and what is wrong with it.

    Attributes:
        part: What it is.
        pose: How it stands.
        defects: Records of `defects.kinds`, in the part's own frame.
    """

    part: PartChoice
    pose: Pose = Pose()
    defects: tuple[Any, ...] = ()


class Fixture(Record):
    """What holds the parts; see `scenes.stage.FixtureSpec`.

    Attributes:
        kind: A block of foam with a pocket for each part, or a cup about them all.
        material: What it is made of.
        wall_mm: Thickness of the cup's wall and floor, or of the foam beside and below its pockets.
        clearance_mm: From the parts to the fixture.
        depth: Share of the parts' height that lies in the foam.
        axis_mm: Where its own axis, parallel to z, meets the stage.
    """

    kind: Literal["foam", "cup"]
    material: str
    wall_mm: float = Field(gt=0)
    clearance_mm: float = Field(ge=0)
    depth: float = Field(default=1.0, gt=0, le=1)
    axis_mm: tuple[float, float] = (0.0, 0.0)


class SceneSpec(Record):
    """Everything about one scene: all that follows is a function of this.

    Attributes:
        dataset: Name of the dataset.
        index: Of the scene in it.
        seed: Of the dataset.
        split: By part.
        items: What is scanned; defects are numbered from 1 through all of them.
        fixture: What holds it.
        unplaced: How many defects of a kind found no place.
        twin_of: Key of the scene that this one is without its defects.
        pair_of: Key of the scene that this one is in another fidelity: that in the first one listed, which has none.
        scan: How it is scanned.
        volume: How it is reconstructed.
    """

    dataset: Name
    index: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    split: Split = "train"
    items: tuple[Item, ...] = Field(min_length=1)
    fixture: Fixture | None = None
    unplaced: dict[str, int] = {}
    twin_of: str | None = None
    pair_of: str | None = None
    scan: ScanSpec
    volume: VolumeSpec

    @property
    def key(self) -> str:
        """The sample's key in the shards; no dot in it."""
        return self.key_of(self.index)

    def key_of(self, index: int) -> str:
        """Return the key of another scene of the dataset."""
        return f"{self.dataset}-{index:06d}"

    @property
    def noise_index(self) -> int:
        """The scene whose noise this one has: its own, or that of its pair, which differs from it in scatter alone."""
        return int(self.pair_of.rpartition("-")[2]) if self.pair_of else self.index

    @property
    def defects(self) -> tuple[Any, ...]:
        """All that is wrong, in the order of its numbers."""
        return tuple(flaw for item in self.items for flaw in item.defects)

    @property
    def title(self) -> str:
        """The names of its parts, each once."""
        return ", ".join(dict.fromkeys(item.part.name for item in self.items))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        values = self.model_dump(mode="json", exclude={"items": {"__all__": {"defects"}}})
        for record, item in zip(values["items"], self.items, strict=True):
            record["defects"] = [kinds.to_json(flaw) for flaw in item.defects]
        return values

    @classmethod
    def from_json(cls, values: Any, source: str = "scene") -> "SceneSpec":
        """Return the scene that `to_json` wrote, or raise BadInput that names what is wrong in `source`."""
        if not isinstance(values, dict):
            raise _no_scene(source)
        items = values.get("items")
        if items is None and {"part", "pose", "defects"} & values.keys():
            raise BadInput(
                f"{source} was written by an earlier version of ctsim, when a scene held a single part; expected part, "
                "pose and defects under items: render it with that version, or make the scene again with this one"
            )
        if not {"items", "scan", "volume"} & values.keys():
            raise _no_scene(source)
        if isinstance(items, list):
            read = [_with_flaws(item, f"{source}: items.{i}") for i, item in enumerate(items)]
            values = {**values, "items": read}
        return validated(cls, values, source)


def read_scene_spec(path: Path) -> SceneSpec:
    """Return the scene of a JSON file; see `scene_spec_of`."""
    return scene_spec_of(read_json(path), path.name)


def scene_spec_of(values: Any, source: str) -> SceneSpec:
    """Return the scene that a JSON file holds: a bare SceneSpec, or a sample's scene.json with one under "scene".

    Args:
        values: As read.
        source: The file's name, for messages.
    """
    return SceneSpec.from_json(values.get("scene", values) if isinstance(values, dict) else values, source)


def _no_scene(source: str) -> BadInput:
    """Return the error for what is no scene at all."""
    return BadInput(
        f"{source} must hold a scene: a JSON object with the keys {', '.join(SceneSpec.model_fields)}; give the "
        "scene.json of a sample, as `ctsim replay` writes it"
    )


def _with_flaws(item: Any, source: str) -> Any:
    """Return an item with its defects as records; the text of a refusal begins with its place."""
    if not isinstance(item, dict):
        return item
    listed = item.get("defects", [])
    if not isinstance(listed, list):
        raise BadInput(f"{source}.defects must be a list, got {listed!r}")
    return {**item, "defects": tuple(_flaw(d, f"{source}.defects.{i}") for i, d in enumerate(listed))}


def _flaw(values: Any, source: str) -> Any:
    """Return the defect that `kinds.to_json` wrote; the text of a refusal begins with its place."""
    try:
        return kinds.from_json(values)
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from error
