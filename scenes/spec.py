"""What the user writes: a dataset in a few lines of YAML, each number a draw."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, model_validator

from defects.messages import BadInput, unknown
from scenes.defect_spec import DefectSpec
from scenes.draw import names_in
from scenes.draw_fields import AnyNumber
from scenes.fidelity import PRIMARY_ONLY, Fidelity, check_settings
from scenes.part_spec import PartSpec, PoseSpec
from scenes.records import Name, Record, Split, validated
from scenes.scan_draws import ScanDraws
from scenes.scene import Method, Window
from scenes.stage import StageSpec
from scenes.vector_files import with_vectors
from scenes.yaml_text import read_yaml_file


def _voxel_mm(value: Any) -> Any:
    if value == "fit" or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf):
        return value
    raise BadInput(f"must be fit, or one finite number above 0, got {value!r}")


Share = Annotated[float, Field(strict=True)]


FOLLOW_THE_TUBE = {"filters", "exposure_mas", "source_detector_mm", "magnification"}
"""Draws of the scan that may follow tube_kv where penetration sets it: all others are made before."""

_OTHERS: dict[str, Any] = {"shared": True, "scan": FOLLOW_THE_TUBE}


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
        fidelities: In which each scene is made, one after the other: the same part, pose, defects, scan and noise.
            With twins, both twins in the first fidelity come before both in the next.
        scenes_per_shard: Samples in one tar.
        shared: Draws by name, one value a scene, for others to follow: `{of: NAME, table: [[x, y], ...]}`.
        splits: Shares of the splits, by part.
        split_kinds: Whether kinds of defect are split as parts are, so that the test set has kinds never trained on.
        parts: To draw from.
        stage: How many of them share the stage, and what holds them.
        pose: How each stands.
        defects: What goes wrong in them.
        scan: How they are scanned.
        volume: How they are reconstructed.
    """

    name: Name
    description: str = ""
    scenes: int = Field(default=8, ge=1)
    seed: int = Field(default=0, ge=0)
    twins: bool = False
    fidelities: tuple[Fidelity, ...] = ()
    scenes_per_shard: int = Field(default=16, ge=1)
    shared: dict[str, AnyNumber] = {}
    splits: dict[Split, Share] = Field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    split_kinds: bool = False
    parts: tuple[PartSpec, ...] = Field(min_length=1)
    stage: StageSpec = StageSpec()
    pose: PoseSpec = PoseSpec()
    defects: tuple[DefectSpec, ...] = ()
    scan: ScanDraws = ScanDraws()
    volume: VolumeDraws = VolumeDraws()

    @property
    def group(self) -> int:
        """How many scenes in a row are the same but for defects, noise or fidelity."""
        return (2 if self.twins else 1) * max(len(self.fidelities), 1)

    @property
    def all_fidelities(self) -> tuple[Fidelity, ...]:
        """All that its scenes may be, listed or drawn."""
        return self.fidelities or self.scan.fidelities

    @property
    def scatters(self) -> bool:
        """Whether any of its scenes may be more than the primary beam."""
        return set(self.all_fidelities) != {PRIMARY_ONLY}

    @model_validator(mode="after")
    def _fidelities_make_sense(self) -> "DatasetSpec":
        listed = self.fidelities
        if listed and (len(listed) < 2 or len(set(listed)) < len(listed)):
            raise ValueError(f"fidelities must list two or more, each once, got {list(listed)}; one is scan.fidelity")
        if listed and self.scan.fidelities != (PRIMARY_ONLY,):
            raise ValueError(CONTRADICTION)
        drawn = [place for place in self.scan.varied if place.startswith(("monte_carlo.", "gate."))]
        try:
            check_settings(self.all_fidelities, self.scan.monte_carlo, self.scan.gate, drawn)
        except ValueError as error:
            raise ValueError(f"scan.{error}") from error
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> "DatasetSpec":
        if min(self.splits.values(), default=0) < 0 or not sum(self.splits.values()) > 0:
            raise ValueError(f"splits need shares >= 0 with a sum above 0, got {self.splits}")
        if lost := sorted(names_in(self.model_dump(mode="python", exclude=_OTHERS)) - {*self.shared}):
            raise ValueError(f"{unknown('name after of:', lost[0], self.shared)}; give it under shared:")
        known = {*self.shared, *(["tube_kv"] if self.scan.penetration else [])}
        if lost := sorted(names_in(self.scan.model_dump(mode="python", include=FOLLOW_THE_TUBE)) - known):
            raise ValueError(f"{unknown('name after of:', lost[0], known)}; give it under shared:")
        if "tube_kv" in self.shared:
            raise ValueError("shared: tube_kv is the name of the tube's own voltage; call the shared draw otherwise")
        if loops := sorted(names_in(self.shared)):
            raise ValueError(f"shared: a shared draw follows no other, got of: {loops[0]}")
        keys = [part.key for part in self.parts]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"two parts are called {twice[0]!r}; give each a name of its own")
        return self


CONTRADICTION = "scan.fidelity and fidelities contradict each other; leave scan.fidelity out"

SIZES = (1e-9, 1e9)
"""Numbers of a dataset spec, other than seeds, lie between these or are 0: beyond, their squares and cubes overflow."""


def read_dataset_spec(path: Path) -> DatasetSpec:
    """Return the dataset spec of a YAML file; raises BadInput with every fault on its own line."""
    try:
        values = read_yaml_file(path)
    except FileNotFoundError as error:
        raise BadInput(f"no dataset file {path}; give a YAML file or the name of a bundled dataset") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; give a YAML file or a bundled dataset") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise BadInput(f"{path} must hold keys and values, with at least name: and parts:")
    try:
        _check_sizes(values, path.name, ())
    except RecursionError as error:
        raise BadInput(f"{path} holds an alias (*) to a place that it stands in itself; write it out") from error
    _check_contradictions(values.get("scan"), path.name)
    if values.get("fidelities") and isinstance(values.get("scan"), dict) and "fidelity" in values["scan"]:
        raise BadInput(f"{path.name}: {CONTRADICTION}")
    return validated(DatasetSpec, with_vectors(values, path.parent), path.name)


def _check_contradictions(scan: Any, source: str) -> None:
    """Raise BadInput where the beam is told twice; later, what is given cannot be told from what is usual."""
    for other in ("penetration", "spectrum") if isinstance(scan, dict) and "tube_kv" in scan else ():
        if scan.get(other) is not None:
            raise BadInput(f"{source}: scan: tube_kv and {other} contradict each other; leave tube_kv out")


def _check_sizes(value: Any, source: str, place: tuple[str, ...]) -> None:
    """Raise BadInput where a number is so large or so small that nothing can be computed with it."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in ("vectors", "nominal_vectors"):  # the cosine of 90 deg is 6e-17
                _check_sizes(item, source, (*place, str(key)))
    elif (isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))) and place != ("seed",):
        low, high = SIZES
        if value and not low <= abs(value) <= high:
            raise BadInput(
                f"{source}: {'.'.join(place)}: expected 0, or a size from {low:g} to {high:g}, got {value!r}"
            )
