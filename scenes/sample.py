"""(DatasetSpec, index) -> SceneSpec: every random choice there is."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from defects import kinds
from defects.host import Host
from defects.place import place
from scenes.draw import draw, draw_count
from scenes.field_of_view import check_clear, enclosing_voxel_mm, source_object_mm
from scenes.parts import Part
from scenes.pose import matrix_of, sample_pose
from scenes.records import SPLITS, Split
from scenes.scene import PartChoice, Pose, ScanSpec, SceneSpec, VolumeSpec
from scenes.seeds import stream
from scenes.spec import DatasetSpec, PartSpec, ScanDraws

LoadPart = Callable[[PartChoice], Part]


def sample(spec: DatasetSpec, index: int, load: LoadPart) -> SceneSpec:
    """Return scene `index` of the dataset: the same on any machine, in any order.

    Args:
        spec: What to draw from.
        index: Of the scene.
        load: Returns the part of a choice.

    Raises:
        BadInput: The part does not fit the scanner.
    """
    setup = sample_setup(spec, index, load)
    solid = setup.part.body(setup.choice.host).solid
    flaws, unplaced = sample_defects(spec, solid, stream(spec.seed, index, "defects"))
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


def sample_setup(spec: DatasetSpec, index: int, load: LoadPart) -> Setup:
    """Return the part, pose and scan of scene `index`; raises BadInput where the part does not fit the scanner."""
    choice, part = sample_part(choose_part(spec, index), stream(spec.seed, index, "dimensions"), load)
    pose = sample_pose(spec.pose, stream(spec.seed, index, "pose"))
    scan = sample_scan(spec.scan, corners_mm(part, pose), choice.name, stream(spec.seed, index, "scan"))
    return Setup(choice=choice, part=part, pose=pose, scan=scan)


def choose_part(spec: DatasetSpec, index: int) -> PartSpec:
    """Return which part scene `index` shows."""
    weights = np.array([part.weight for part in spec.parts])
    return spec.parts[int(stream(spec.seed, index, "part").choice(len(weights), p=weights / weights.sum()))]


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


def sample_part(spec: PartSpec, rng: np.random.Generator, load: LoadPart) -> tuple[PartChoice, Part]:
    """Return the part in numbers, and itself."""
    dimensions = {name: _plain(draw(value, rng)) for name, value in sorted(spec.dimensions.items())}
    bare = PartChoice(
        name=spec.key, library=spec.library, dimensions=dimensions, file=spec.file, unit=spec.unit, repair=spec.repair,
        tolerance_mm=spec.tolerance_mm, scale=float(draw(spec.scale, rng)), materials={}, host="",
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


def sample_scan(spec: ScanDraws, points_mm: np.ndarray, part: str, rng: np.random.Generator) -> ScanSpec:
    """Return the scan in numbers, with the part in the field of view."""
    source_detector_mm = float(draw(spec.source_detector_mm, rng))
    magnification = spec.magnification if spec.magnification == "fit" else float(draw(spec.magnification, rng))
    beam = {
        "tube_kv": float(draw(spec.tube_kv, rng)) if spec.spectrum is None else None,
        "filters": {name: float(draw(value, rng)) for name, value in sorted(spec.filters.items())},
        "exposure_mas": float(draw(spec.exposure_mas, rng)),
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
    spec: DatasetSpec, solid: Manifold, rng: np.random.Generator
) -> tuple[tuple[object, ...], dict[str, int]]:
    """Return the flaws, placed in the host, and how many of each kind found no place."""
    host, flaws, solids, unplaced = Host(solid=solid), [], [], {}
    for wish in spec.defects:
        kind = kinds.kind_of(wish.kind)
        for _ in range(draw_count(wish.count, rng)):
            numbers = {name: draw(value, rng) for name, value in sorted(wish.parameters.items())}
            shape = kind.sample(rng, **numbers)
            flaw = place(shape, rng, host, solids, wall_mm=wish.wall_mm, gap_mm=wish.gap_mm)
            if flaw is None:
                unplaced[wish.kind] = unplaced.get(wish.kind, 0) + 1
                continue
            flaws.append(flaw)
            solids.append(flaw.solid())
    return tuple(flaws), unplaced


def _plain(value: float) -> float:
    return int(value) if value == int(value) else float(value)
