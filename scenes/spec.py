"""What the user writes: a dataset in a few lines of YAML, each number a draw."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from defects import kinds
from defects.kind import Parameter
from defects.messages import BadInput, unknown
from defects.placement import DRAWN, Placement, placement_of
from scenes.beam import Drift, Photons
from scenes.detector import DetectorSpec
from scenes.draw import Draw, check, check_name, extent, names_in
from scenes.penetration import PenetrationSpec
from scenes.records import Name, Record, Split, validated
from scenes.scene import Method, Window
from scenes.trajectory import FocalSpotSpec, TrajectorySpec, check_views
from scenes.varied import put_back, taken_out
from scenes.vector_files import with_vectors
from scenes.yaml_text import read_yaml

MOST_DEFECTS = 10_000
"""Of one entry under defects: in one scene; instances.npy can number 65 535."""


def _above_zero(value: Any) -> Any:
    return check(value, lowest=0.0, open_below=True)


def _at_least_zero(value: Any) -> Any:
    return check(value, lowest=0.0)


def _magnification(value: Any) -> Any:
    try:
        return value if value == "fit" else check(value, lowest=1.0, open_below=True)
    except BadInput as error:
        raise BadInput(f"{error}; or write fit") from error


def _voxel_mm(value: Any) -> Any:
    if value == "fit" or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf):
        return value
    raise BadInput(f"must be fit, or one finite number above 0, got {value!r}")


def _count(value: Any) -> Any:
    check(value, lowest=0.0, count=True)
    least, most = extent(value)
    most = value["poisson"] if isinstance(value, dict) and "poisson" in value else most
    if least > MOST_DEFECTS or (math.isfinite(most) and most > MOST_DEFECTS):
        raise BadInput(f"must be at most {MOST_DEFECTS}, got {value!r}")
    return value


Positive = Annotated[Any, BeforeValidator(_above_zero)]
"""A draw of numbers above 0."""

NotNegative = Annotated[Any, BeforeValidator(_at_least_zero)]
"""A draw of numbers of at least 0."""

AnyNumber = Annotated[Any, BeforeValidator(lambda v: check(v))]
Count = Annotated[Any, BeforeValidator(_count)]
NameDraw = Annotated[Any, BeforeValidator(lambda v: None if v is None else check_name(v))]
"""A draw of names, or nothing."""


Share = Annotated[float, Field(strict=True)]


class PartSpec(Record):
    """One part to draw from: of the library, or a CAD file.

    Attributes:
        name: What it is called; the library's or the file's name where left out.
        library: Name in `scenes.library.catalog`.
        file: STL, OBJ, PLY, OFF, 3MF or STEP file; a relative path counts from the dataset file.
        dimensions: Of a library part: draws by name.
        unit: Of the file; STEP and 3MF carry their own.
        scale: Draw of a factor on all lengths.
        tolerance_mm: How far the facets of a STEP file may lie from its true surface.
        repair: Whether holes may be closed.
        material: Draw of a name for the whole part.
        materials: Names by body, for parts of several.
        host: The body that defects sit in; the first one where left out.
        weight: Chance against the other parts.
        split: Fixes the split of its scenes, else a hash of the name decides.
    """

    name: Name | None = None
    library: str | None = None
    file: str | None = None
    dimensions: dict[str, AnyNumber] = {}
    unit: str | None = None
    scale: Positive = 1.0
    tolerance_mm: float = Field(default=0.1, gt=0)
    repair: bool = False
    material: NameDraw = None
    materials: dict[str, NameDraw] = {}
    host: str | None = None
    weight: float = Field(default=1.0, gt=0)
    split: Split | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "PartSpec":
        if (self.library is None) == (self.file is None):
            raise ValueError("give either library: NAME or file: PATH")
        if self.file is not None and self.material is None and not self.materials:
            raise ValueError(f"{self.file} needs a material, such as material: Al")
        return self

    @property
    def key(self) -> str:
        """The name, made from the source where none is given."""
        stem = self.library or Path(self.file or "").stem
        return self.name or "".join(c if c.isalnum() else "_" for c in stem.lower()).strip("_")


class PoseSpec(Record):
    """How parts stand on the stage.

    Attributes:
        orientation: `uniform` over all rotations, `fixture` (upright, turned and tilted), or `upright`.
        turn_deg: Draw of the turn about the vertical axis, for a fixture.
        tilt_deg: Draw of the tilt away from it, towards any side, for a fixture.
        shift_mm: Draw of the shift away from the rotation axis, towards any side.
    """

    orientation: Literal["uniform", "fixture", "upright"] = "uniform"
    turn_deg: AnyNumber = Field(default_factory=lambda: [0, 360])
    tilt_deg: NotNegative = Field(default_factory=lambda: [0, 15])
    shift_mm: NotNegative = 0.0

    @model_validator(mode="after")
    def _no_idle_words(self) -> "PoseSpec":
        idle = sorted({"turn_deg", "tilt_deg"} & self.model_fields_set)
        if idle and self.orientation != "fixture":
            raise ValueError(f"{idle[0]} means something for orientation: fixture only, got {self.orientation}")
        return self


class DefectSpec(Record):
    """How many defects of one kind, and how they are drawn; the kind's own parameters stand beside these.

    Attributes:
        kind: Name in `defects.kinds`.
        count: Draw of a whole number.
        wall_mm: Least distance to the host's surface; of a flaw on the surface, to all of it that it does not open to.
        gap_mm: Least distance to other defects.
        breaks_surface: Whether it may cut the surface, anywhere; `wall_mm` is then not given.
        place: Where in the host; see `defects.placement` for what each way means.

    | `place:` | means |
    |---|---|
    | `volume` | anywhere (where left out) |
    | `surface` | on the surface (where left out, for kinds that are open to it by nature) |
    | `{wall_depth_mm: [0.5, 2]}` | its centre so deep under the surface; a draw |
    | `{thickest: 0.2}` | in the thickest 20 % of the matter |
    | `{layer_mm: 0.05, normal: [0, 0, 1]}` | on a layer, its own z along the normal; `normal` is optional |
    | `{along_mm: [[x, y, z], ...], off_mm: 0.5}` | along a line, its own x along it; `off_mm` is a draw, and optional |
    | `{clusters: 2, spread_mm: 3}` | in clouds about so many points |
    """

    model_config = ConfigDict(extra="allow")

    kind: str
    count: Count = 1
    wall_mm: float = Field(default=0.2, ge=0)
    gap_mm: float = Field(default=0.1, ge=0)
    breaks_surface: bool = False
    place: Any = None

    @model_validator(mode="after")
    def _parameters_of_the_kind(self) -> "DefectSpec":
        known = kinds.kind_of(self.kind).parameters
        for name, value in self.parameters.items():
            if name not in known:
                raise unknown(f"key of {self.kind}", name, [*known, *DefectSpec.model_fields])
            _named(name, known[name], value)
        if missing := [n for n, p in known.items() if p.default is None and n not in self.parameters]:
            raise ValueError(f"{self.kind} needs {missing[0]}")
        return self

    @model_validator(mode="after")
    def _has_a_place(self) -> "DefectSpec":
        kind = kinds.kind_of(self.kind)
        given = [name for name in ("place", "wall_mm", "gap_mm", "breaks_surface") if name in self.model_fields_set]
        if kind.whole_part and given:
            raise ValueError(f"{given[0]} means nothing for {self.kind}, which changes the whole part; leave it out")
        if self.breaks_surface and "wall_mm" in self.model_fields_set:
            raise ValueError("wall_mm and breaks_surface: true contradict each other; leave one out")
        if self.place is not None:
            self._check_place(kind.at_surface)
        return self

    def _check_place(self, at_surface: bool) -> None:
        words = self.place if isinstance(self.place, dict) else {}
        if at_surface and self.place != "surface" and "along_mm" not in words:
            raise ValueError(
                f"{self.kind} is open to the surface: place must be surface or along_mm, got {self.place!r}"
            )
        for word in (word for word in DRAWN if word in words):
            _named(f"place.{word}", Parameter(open_below=word == "wall_depth_mm"), words[word])
        try:
            self.placement(lambda _: 1.0)
        except BadInput as error:
            raise BadInput(f"place: {error}") from error
        deepest = extent(words["wall_depth_mm"])[1] if "wall_depth_mm" in words else math.inf
        if not self.breaks_surface and deepest <= self.wall_mm:
            raise ValueError(
                f"place.wall_depth_mm can give at most {deepest:g}, and wall_mm keeps {self.wall_mm:g} clear; "
                "lower wall_mm, or say breaks_surface: true"
            )

    def placement(self, number: Callable[[Draw], float]) -> Placement:
        """Return where one defect may go, its draws made by `number`."""
        at_surface = kinds.kind_of(self.kind).at_surface
        common = {name: getattr(self, name) for name in ("wall_mm", "gap_mm", "breaks_surface")}
        place = "volume" if self.place is None else self.place
        return placement_of(place, number, on_surface=at_surface, **common)

    @property
    def parameters(self) -> dict[str, Draw]:
        """The kind's own draws, by name."""
        return dict(self.model_extra or {})


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
    varied: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _draws_stand_beside(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        plain, draws = taken_out(cls, values, NATURAL)
        return {**plain, "varied": {**values.get("varied", {}), **draws}} if draws else plain

    def settled(self, rng: np.random.Generator, shared: Mapping[str, float]) -> "ScanDraws":
        """Return the scan with a value drawn for all that varies."""
        if not self.varied:
            return self
        return validated(ScanDraws, put_back(self, self.varied, rng, shared) | {"varied": {}}, "scan")

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


class VolumeDraws(Record):
    """The reconstruction.

    Attributes:
        voxels: Along each side.
        voxel_mm: `fit` so that the part just fills the volume, or a number.
        method: `fdk`, filtered backprojection; `cgls` for any trajectory and any missing views, some 200 times as slow
            (96^3 voxels, 180 views of 128 x 128, 20 iterations: about half a minute on 2 cores), in a volume that holds
            the whole part; or `sirt`, the same with no value below zero, which wants twice the iterations.
        iterations: Of cgls or sirt; more are sharper and noisier.
        window: Of the ramp filter of fdk.
    """

    voxels: int = Field(default=96, ge=8, le=2048)
    voxel_mm: Annotated[float | Literal["fit"], BeforeValidator(_voxel_mm)] = "fit"
    method: Method = "fdk"
    iterations: int = Field(default=20, ge=1, le=10_000)
    window: Window = "ram-lak"

    @model_validator(mode="after")
    def _no_idle_words(self) -> "VolumeDraws":
        idle = "iterations" if self.method == "fdk" else "window"
        if getattr(self, idle) != type(self).model_fields[idle].default:
            raise ValueError(f"{idle} means nothing for method: {self.method}; leave it out")
        return self


class DatasetSpec(Record):
    """A dataset: what to scan, and how.

    Attributes:
        name: Stands in every sample's key.
        description: A sentence for the dataset card.
        scenes: How many.
        seed: Of every draw.
        twins: Whether each second scene is the one before it without its defects: the same but for these and the noise.
        scenes_per_shard: Samples in one tar.
        shared: Draws by name, one value a scene, for others to follow: `{of: NAME, table: [[x, y], ...]}`.
        splits: Shares of the splits, by part.
        parts: To draw from.
        pose: How they stand.
        defects: What goes wrong in them.
        scan: How they are scanned.
        volume: How they are reconstructed.
    """

    name: Name
    description: str = ""
    scenes: int = Field(default=8, ge=1)
    seed: int = Field(default=0, ge=0)
    twins: bool = False
    scenes_per_shard: int = Field(default=16, ge=1)
    shared: dict[str, AnyNumber] = {}
    splits: dict[Split, Share] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    parts: tuple[PartSpec, ...] = Field(min_length=1)
    pose: PoseSpec = PoseSpec()
    defects: tuple[DefectSpec, ...] = ()
    scan: ScanDraws = ScanDraws()
    volume: VolumeDraws = VolumeDraws()

    @model_validator(mode="after")
    def _makes_sense(self) -> "DatasetSpec":
        if min(self.splits.values(), default=0) < 0 or not sum(self.splits.values()) > 0:
            raise ValueError(f"splits need shares >= 0 with a sum above 0, got {self.splits}")
        known = {*self.shared, *(["tube_kv"] if self.scan.penetration else [])}
        followed = names_in(self.model_dump(mode="python", exclude={"shared"}))
        if lost := sorted(followed - known):
            raise ValueError(f"{unknown('name after of:', lost[0], known)}; give it under shared:")
        if loops := sorted(names_in(self.shared)):
            raise ValueError(f"shared: a shared draw follows no other, got of: {loops[0]}")
        keys = [part.key for part in self.parts]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"two parts are called {twice[0]!r}; give each a name of its own")
        return self


SIZES = (1e-9, 1e9)
"""Numbers of a dataset spec, other than seeds, lie between these or are 0: beyond, their squares and cubes overflow."""


def read_dataset_spec(path: Path) -> DatasetSpec:
    """Return the dataset spec of a YAML file; raises BadInput with every fault on its own line."""
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"no dataset file {path}; give a YAML file or the name of a bundled dataset") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a YAML file or a bundled dataset") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise BadInput(f"{path} must hold keys and values, with at least name: and parts:")
    _check_sizes(values, path.name, ())
    return validated(DatasetSpec, with_vectors(values, path.parent), path.name)


def _check_sizes(value: Any, source: str, place: tuple[str, ...]) -> None:
    """Raise BadInput where a number is so large or so small that nothing can be computed with it."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in ("vectors", "nominal_vectors"):  # the cosine of 90 deg is 6e-17
                _check_sizes(item, source, (*place, str(key)))
    elif isinstance(value, int | float) and math.isfinite(value) and place != ("seed",):
        low, high = SIZES
        if value and not low <= abs(value) <= high:
            raise BadInput(
                f"{source}: {'.'.join(place)}: expected 0, or a size from {low:g} to {high:g}, got {value!r}"
            )


def _named(name: str, parameter: Parameter, value: Draw) -> None:
    """Raise BadInput with the parameter's name before the text unless it takes the value."""
    try:
        if parameter.text:
            check_name(value)
        else:
            check(value, lowest=parameter.lowest, open_below=parameter.open_below)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error
