"""(DatasetSpec, index) -> SceneSpec: every random choice there is."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from defects import kinds
from defects.host import Host
from defects.place import Placer
from scenes.build import change_whole
from scenes.defect_spec import DefectSpec
from scenes.draw import NOTHING, Draw, draw, draw_count
from scenes.field_of_view import check_clear, enclosing_voxel_mm, source_object_mm
from scenes.part_spec import PartSpec
from scenes.parts import Part
from scenes.penetration import Rays, set_for
from scenes.pose import matrix_of, sample_pose
from scenes.records import SPLITS, Split
from scenes.scan_draws import ScanDraws
from scenes.scene import PartChoice, Pose, ScanSpec, SceneSpec, VolumeSpec
from scenes.seeds import stream
from scenes.spec import DatasetSpec

LoadPart = Callable[[PartChoice], Part]

Measure = Callable[[Part, Pose, ScanSpec], Rays]
"""Returns what tells how much the darkest ray through a part leaves of a beam."""


def sample(spec: DatasetSpec, index: int, load: LoadPart, measure: Measure | None = None) -> SceneSpec:
    """Return scene `index` of the dataset: the same on any machine, in any order.

    Args:
        spec: What to draw from.
        index: Of the scene.
        load: Returns the part of a choice.
        measure: Tells what gets through the part; needed where the scan says penetration.

    Raises:
        BadInput: The part does not fit the scanner.
    """
    if index != (original := original_of(spec, index)):
        whole = sample(spec, original, load, measure)
        return whole.model_copy(update={"index": index, "defects": (), "unplaced": {}, "twin_of": whole.key})
    setup = sample_setup(spec, index, load, measure)
    rng = stream(spec.seed, index, "defects")
    flaws, unplaced = sample_defects(spec, setup.part, setup.choice.host, rng, shared_draws(spec, index))
    side, voxel_mm = spec.volume.voxels, spec.volume.voxel_mm
    if voxel_mm == "fit":
        voxel_mm = enclosing_voxel_mm(corners_mm(setup.part, setup.pose), side)
    return SceneSpec(
        dataset=spec.name,
        index=index,
        seed=spec.seed,
        split=split_of(spec, choose_part(spec, index)),
        part=setup.choice,
        pose=setup.pose,
        defects=flaws,
        unplaced=unplaced,
        scan=setup.scan,
        volume=VolumeSpec(
            shape=(side, side, side),
            voxel_mm=voxel_mm,
            **{name: getattr(spec.volume, name) for name in ("method", "iterations", "window")},
        ),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A part on the stage in front of a scanner, before anything goes wrong with it.

    Attributes:
        choice: The part in numbers.
        part: Itself.
        pose: How it stands.
        scan: How it is scanned.
    """

    choice: PartChoice
    part: Part
    pose: Pose
    scan: ScanSpec


def sample_setup(spec: DatasetSpec, index: int, load: LoadPart, measure: Measure | None = None) -> Setup:
    """Return the part, pose and scan of scene `index`; raises BadInput where the part does not fit the scanner."""
    shared = shared_draws(spec, index)
    choice, part = sample_part(choose_part(spec, index), stream(spec.seed, index, "dimensions"), load, shared)
    pose = sample_pose(spec.pose, stream(spec.seed, index, "pose"), shared)
    draws = spec.scan.settled(stream(spec.seed, index, "varied"), shared)
    points_mm = corners_mm(part, pose)

    def scan_with(beam: ScanDraws, following: Mapping[str, float]) -> ScanSpec:
        return sample_scan(beam, points_mm, choice.name, stream(spec.seed, index, "scan"), following)

    wish = draws.penetration
    if wish is None:
        return Setup(choice=choice, part=part, pose=pose, scan=scan_with(draws, shared))
    if measure is None:
        raise TypeError("a scan with penetration needs `measure`")

    def scan_at(tube_kv: float) -> ScanSpec:
        return scan_with(draws.model_copy(update={"tube_kv": tube_kv}), {**shared, "tube_kv": tube_kv})

    rng = stream(spec.seed, index, "penetration")
    transmission = float(draw(wish.transmission, rng, shared))
    quanta = None if wish.quanta is None else float(draw(wish.quanta, rng, shared))
    rays = measure(part, pose, scan_at(wish.tube_kv[1]))
    scan = set_for(wish, transmission, quanta, scan_at, rays, choice.name)
    return Setup(choice=choice, part=part, pose=pose, scan=scan)


def shared_draws(spec: DatasetSpec, index: int) -> dict[str, float]:
    """Return what scene `index` draws for each name that others follow."""
    rng = stream(spec.seed, index, "shared")
    return {name: float(draw(value, rng)) for name, value in sorted(spec.shared.items())}


def original_of(spec: DatasetSpec, index: int) -> int:
    """Return the scene that scene `index` is drawn as: of twins, each second one is the one before it."""
    return index - index % 2 if spec.twins else index


def choose_part(spec: DatasetSpec, index: int) -> PartSpec:
    """Return which part scene `index` shows."""
    weights = np.array([part.weight for part in spec.parts])
    rng = stream(spec.seed, original_of(spec, index), "part")
    return spec.parts[int(rng.choice(len(weights), p=weights / weights.sum()))]


def split_of(spec: DatasetSpec, part: PartSpec) -> Split:
    """Return the split that all scenes of a part belong to.

    A hash of the part's name decides, so that adding parts to a dataset moves none. The first part is for training
    whatever its hash: a dataset of one part can hold nothing back.
    """
    if part.split is not None:
        return part.split
    if part.key == spec.parts[0].key:
        return "train"
    shares = np.array([spec.splits.get(name, 0.0) for name in SPLITS])
    point = int.from_bytes(hashlib.sha256(part.key.encode()).digest()[:8]) / 2**64
    return SPLITS[int(np.searchsorted(np.cumsum(shares) / shares.sum(), point, side="right"))]


def sample_part(
    spec: PartSpec, rng: np.random.Generator, load: LoadPart, shared: Mapping[str, float] = NOTHING
) -> tuple[PartChoice, Part]:
    """Return the part in numbers, and itself."""
    dimensions = {name: _plain(draw(value, rng, shared)) for name, value in sorted(spec.dimensions.items())}
    bare = PartChoice(
        name=spec.key, library=spec.library, dimensions=dimensions, file=spec.file, unit=spec.unit, repair=spec.repair,
        tolerance_mm=spec.tolerance_mm, scale=float(draw(spec.scale, rng, shared)), materials={}, host="",
    )  # fmt: skip
    bodies = load(bare).bodies
    whole = draw(spec.material, rng)
    one_by_one = {name: draw(value, rng) for name, value in sorted(spec.materials.items())}
    for name in (*one_by_one, *([spec.host] if spec.host else [])):
        Part(bodies=bodies).body(name)  # a wrong name is told with the right ones
    materials = {b.name: one_by_one.get(b.name, whole or b.material) for b in bodies}
    choice = bare.model_copy(update={"materials": materials, "host": spec.host or bodies[0].name})
    return choice, load(choice)


def corners_mm(part: Part, pose: Pose) -> Float[np.ndarray, "vertex 3"]:
    """Return all vertices of a part in the stage's frame [mm]."""
    matrix = matrix_of(pose)
    vertices = np.concatenate([np.asarray(b.solid.to_mesh64().vert_properties)[:, :3] for b in part.bodies])
    return vertices @ matrix[:, :3].T + matrix[:, 3]


def sample_scan(
    spec: ScanDraws,
    points_mm: np.ndarray,
    part: str,
    rng: np.random.Generator,
    shared: Mapping[str, float] = NOTHING,
) -> ScanSpec:
    """Return the scan in numbers, with the part in the field of view."""

    def number(value: Draw) -> float:
        return float(draw(value, rng, shared))

    source_detector_mm = number(spec.source_detector_mm)
    magnification = spec.magnification if spec.magnification == "fit" else number(spec.magnification)
    beam = {
        "tube_kv": number(spec.tube_kv) if spec.spectrum is None else None,
        "filters": {name: number(value) for name, value in sorted(spec.filters.items())},
        "exposure_mas": number(spec.exposure_mas),
    }
    distances = {}
    if spec.trajectory.vectors is None:
        distances["source_detector_mm"] = source_detector_mm
        distances["source_object_mm"] = source_object_mm(
            points_mm, spec.detector, source_detector_mm, magnification, part, spec.trajectory
        )
    same = ("tube_target", "anode_deg", "detector", "views", "flat_frames", "rays_per_pixel", "noise", "backend")
    same += ("trajectory", "focal_spot", "spectrum", "beam_drift", "heel")
    scan = ScanSpec(**beam, **distances, **{name: getattr(spec, name) for name in same})
    if spec.trajectory.vectors is not None or spec.trajectory.deviations:
        check_clear(points_mm, scan, part)
    return scan


def sample_defects(
    spec: DatasetSpec, part: Part, host: str, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING
) -> tuple[tuple[object, ...], dict[str, int]]:
    """Return the flaws, in the order of the spec, and how many of each kind found no place.

    What changes the part as a whole is drawn first: all others are placed in what it leaves of the host.

    Args:
        spec: What to draw from.
        part: As it should be.
        host: The body that flaws sit in.
        rng: Where all comes from.
        shared: What draws may follow.
    """
    names = (host, *(body.name for body in part.bodies if body.name != host))
    flaws: list[list[object]] = [[] for _ in spec.defects]
    for wish, found in zip(spec.defects, flaws, strict=True):
        kind = kinds.kind_of(wish.kind)
        if kind.whole_part:
            found += [
                kind.sample(rng, bodies=names, **_numbers(wish, rng, shared))
                for _ in range(draw_count(wish.count, rng, shared))
            ]
    changed, _ = change_whole(part, [flaw for found in flaws for flaw in found], host)
    placer, unplaced = Placer(Host(solid=changed.body(host).solid)), {}
    for wish, found in zip(spec.defects, flaws, strict=True):
        kind, clouds = kinds.kind_of(wish.kind), None
        for _ in range(0 if kind.whole_part else draw_count(wish.count, rng, shared)):
            shape = kind.sample(rng, **_numbers(wish, rng, shared))
            placement = wish.placement(lambda value: draw(value, rng, shared))
            clouds = clouds or placer.clouds(placement, rng).centres_mm
            flaw = placer.place(shape, rng, replace(placement, centres_mm=clouds))
            if flaw is None:
                unplaced[wish.kind] = unplaced.get(wish.kind, 0) + 1
            else:
                found.append(flaw)
    return tuple(flaw for found in flaws for flaw in found), unplaced


def _numbers(wish: DefectSpec, rng: np.random.Generator, shared: Mapping[str, float]) -> dict[str, Any]:
    """Return the parameters of one flaw."""
    return {name: draw(value, rng, shared) for name, value in sorted(wish.parameters.items())}


def _plain(value: float) -> float:
    return int(value) if value == int(value) else float(value)
