"""What one scene becomes: numbers only, frozen, the same through JSON and back."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from defects import kinds
from defects.messages import BadInput
from scenes.records import Name, Record, Split, validated


class DetectorSpec(Record):
    """A flat panel.

    Attributes:
        rows: Pixels in a column.
        columns: Pixels in a row.
        pixel_mm: Pitch of the square pixels.
        scintillator: A material, or None for a panel that absorbs every photon.
        scintillator_mm: Its thickness.
        free_beam_counts: What the free beam adds to the dark level.
        dark_counts: The level without a beam.
        electronic_noise_counts: Standard deviation of the read-out noise.
        bits: Depth of the converter.
    """

    rows: int = Field(default=128, ge=8, le=8192)
    columns: int = Field(default=128, ge=8, le=8192)
    pixel_mm: float = Field(default=1.0, gt=0)
    scintillator: str | None = "CsI"
    scintillator_mm: float = Field(default=0.5, gt=0)
    free_beam_counts: float = Field(default=50000.0, gt=0)
    dark_counts: float = Field(default=500.0, ge=0)
    electronic_noise_counts: float = Field(default=5.0, ge=0)
    bits: int = Field(default=16, ge=8, le=16)

    @model_validator(mode="after")
    def _fits_the_converter(self) -> "DetectorSpec":
        if self.dark_counts + self.free_beam_counts > 2**self.bits - 1:
            raise ValueError(
                f"dark_counts + free_beam_counts must stay within {2**self.bits - 1} ({self.bits} bits), "
                f"got {self.dark_counts + self.free_beam_counts:g}"
            )
        return self


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


class ScanSpec(Record):
    """The scan of one scene, in numbers; see ScanDraws."""

    tube_kv: float = Field(gt=0)
    tube_target: str = "W"
    anode_deg: float = Field(default=12.0, gt=0, lt=90)
    filters: dict[str, Annotated[float, Field(ge=0)]] = {}
    exposure_mas: float = Field(gt=0)
    detector: DetectorSpec
    source_detector_mm: float = Field(gt=0)
    source_object_mm: float = Field(gt=0)
    views: int = Field(ge=3, le=100_000)
    flat_frames: int = Field(default=32, ge=1)
    rays_per_pixel: int = Field(default=1, ge=1, le=8)
    noise: bool = True
    backend: str = "mesh"

    @model_validator(mode="after")
    def _in_order(self) -> "ScanSpec":
        if not self.source_object_mm < self.source_detector_mm:
            raise ValueError(
                f"source_object_mm must be smaller than source_detector_mm, got {self.source_object_mm:g} against "
                f"{self.source_detector_mm:g}"
            )
        return self


Side = Annotated[int, Field(ge=1)]


class VolumeSpec(Record):
    """The reconstruction of one scene.

    Attributes:
        shape: Voxels along z, y and x.
        voxel_mm: Side of the cubic voxels.
        window: Of the ramp filter.
    """

    shape: tuple[Side, Side, Side]
    voxel_mm: float = Field(gt=0)
    window: Literal["ram-lak", "hann"] = "ram-lak"


class SceneSpec(Record):
    """Everything about one scene: all that follows is a function of this.

    Attributes:
        dataset: Name of the dataset.
        index: Of the scene in it.
        seed: Of the dataset.
        split: By part.
        part: What is scanned.
        pose: How it stands.
        defects: What is wrong with it: records of `defects.kinds`.
        unplaced: How many defects of a kind found no place.
        scan: How it is scanned.
        volume: How it is reconstructed.
    """

    dataset: Name
    index: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    split: Split = "train"
    part: PartChoice
    pose: Pose = Pose()
    defects: tuple[Any, ...] = ()
    unplaced: dict[str, int] = {}
    scan: ScanSpec
    volume: VolumeSpec

    @property
    def key(self) -> str:
        """The sample's key in the shards; no dot in it."""
        return f"{self.dataset}-{self.index:06d}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            **self.model_dump(mode="json", exclude={"defects"}),
            "defects": [kinds.to_json(d) for d in self.defects],
        }

    @classmethod
    def from_json(cls, values: Any, source: str = "scene") -> "SceneSpec":
        """Return the scene that `to_json` wrote, or raise BadInput that names what is wrong in `source`."""
        if not isinstance(values, dict):
            raise BadInput(f"{source} must hold a scene: a JSON object with the keys {', '.join(cls.model_fields)}")
        listed = values.get("defects", [])
        if not isinstance(listed, list):
            raise BadInput(f"{source}: defects must be a list, got {listed!r}")
        flaws = tuple(_flaw(d, f"{source}: defects.{i}") for i, d in enumerate(listed))
        return validated(cls, {**values, "defects": flaws}, source)


def read_scene_spec(path: Path) -> SceneSpec:
    """Return the scene of a JSON file: a bare SceneSpec, or a sample's scene.json that holds one under "scene"."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"no scene file {path}") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a JSON file") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not readable as JSON: {error}") from error
    return SceneSpec.from_json(values.get("scene", values) if isinstance(values, dict) else values, path.name)


def _flaw(values: Any, source: str) -> Any:
    """Return the defect that `kinds.to_json` wrote; the text of a refusal begins with its place."""
    try:
        return kinds.from_json(values)
    except BadInput as error:
        raise BadInput(f"{source}: {error}") from error
