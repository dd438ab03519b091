"""What a dataset consists of before anything is rendered: which scene goes into which shard, and the classes."""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ctsim.dataset.leaks import geometry_of
from ctsim.dataset.versions import made_by
from ctsim.fidelity import check_fidelity
from ctsim.materials import material
from ctsim.penetration import rays_through
from ctsim.radiograph import backend_of
from ctsim.reconstruct.fdk import check_path
from ctsim.scanner import scanner_of
from ctsim.shards import SCHEMA_VERSION
from ctsim.spectrum import tube_spectrum
from ctsim.trajectory import nominal_geometry
from defects import kinds
from defects.messages import BadInput, unknown
from defects.missing_component import ANY
from scenes.choose import choose_part, original_of, shared_draws
from scenes.defect_spec import DefectSpec
from scenes.draw import draw, extent, names_of
from scenes.parts import Part, fingerprint, load_part, source_of
from scenes.records import SPLITS
from scenes.scene import ScanSpec
from scenes.seeds import stream
from scenes.setup import Setup, sample_setup
from scenes.spec import DatasetSpec
from scenes.splits import split_of
from scenes.standing import plain

LEAST_PHOTONS = 10.0
"""That the detector must catch from the free beam, per pixel and view; a good scan has 10 000."""

TRIES = 8
"""Draws of each entry of `defects` that are tried before anything is written."""

CHECKED_SCENES = 32
"""Scenes whose part is tried against the field of view before anything is written."""


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """One tar to be made.

    Attributes:
        file: Its name.
        split: Of its samples.
        scenes: Indices of its scenes.
    """

    file: str
    split: str
    scenes: tuple[int, ...]


def plan_shards(spec: DatasetSpec) -> tuple[ShardPlan, ...]:
    """Return the shards of a dataset; which scene stands where follows from the spec alone."""
    by_split: dict[str, list[int]] = {split: [] for split in SPLITS}
    for index in range(spec.scenes):
        by_split[split_of(spec, choose_part(spec, index))].append(index)
    plans, size = [], spec.scenes_per_shard
    for split, indices in by_split.items():
        for number, first in enumerate(range(0, len(indices), size)):
            name = f"{split}-{number:06d}.tar"
            plans.append(ShardPlan(file=name, split=split, scenes=tuple(indices[first : first + size])))
    return tuple(plans)


def load_sources(spec: DatasetSpec, folder: Path) -> dict[str, Part]:
    """Return every part of the spec by name, as it is before anything is drawn."""
    return {part.key: load_part(source_of(part), folder) for part in spec.parts}


def check_at_the_door(spec: DatasetSpec, folder: Path, scenes: int = CHECKED_SCENES) -> None:
    """Raise BadInput where the spec names what does not exist, or a part does not fit the scanner.

    Args:
        spec: To be checked.
        folder: Where relative part files count from.
        scenes: How many of the first ones are tried in the field of view.
    """
    for backend in names_of(spec.scan.varied.get("backend", spec.scan.backend)):
        backend_of(backend)
    panel = spec.scan.detector
    scintillators = names_of(spec.scan.varied.get("detector.scintillator", panel.scintillator))
    layers = [*panel.filters, *panel.window, *scintillators, *_strips(spec)]
    parts = load_sources(spec, folder)
    for name in (*materials_of(spec, parts), *spec.scan.filters, *layers):
        material(name)
    for fidelity in spec.all_fidelities:
        # not all materials of a dataset meet in one scene
        check_fidelity(fidelity, spec.scan.gate, (), panel.anti_scatter_grid)
    wish = spec.scan.penetration
    if spec.scan.spectrum is None:
        targets = names_of(spec.scan.varied.get("tube_target", spec.scan.tube_target))
        for tube_kv, target in itertools.product(wish.tube_kv if wish else extent(spec.scan.tube_kv), targets):
            tube_spectrum(tube_kv, target, spec.scan.anode_deg, ())
    _check_flaws(spec)
    setups = _setups(spec, folder, scenes)
    _check_bodies(spec, parts, setups)
    _check_leaks(spec, parts, setups)
    check_beam(setups[0].scan if wish else _weakest(spec, setups[0].scan))
    for setup in setups if spec.volume.method == "fdk" else ():
        check_path(nominal_geometry(setup.scan))


def cut_group(spec: DatasetSpec) -> str | None:
    """Return in a sentence that the last scenes lack some of those that are the same scene; None where they do not."""
    if not (left := spec.scenes % spec.group):
        return None
    same = " and ".join(name for name in ("twins", "fidelities") if getattr(spec, name))
    whole = [number for number in (spec.scenes - left, spec.scenes - left + spec.group) if number]
    return (
        f"{spec.scenes} scenes end within a group: {spec.group} in a row are the same scene ({same}), and of the last "
        f"group only {left} will be made; for whole groups take {' or '.join(map(str, whole))}"
    )


def _strips(spec: DatasetSpec) -> list[str]:
    """Return the materials that a grid against scatter may be made of."""
    grid = spec.scan.detector.anti_scatter_grid
    if grid is None:
        return []
    drawn = (spec.scan.varied.get(f"detector.anti_scatter_grid.{name}") for name in ("material", "interspace"))
    given = zip(drawn, (grid.material, grid.interspace), strict=True)
    return [name for draws, own in given for name in names_of(draws or own)]


def _setups(spec: DatasetSpec, folder: Path, scenes: int) -> list[Setup]:
    """Return the first scenes before anything goes wrong in them; where all are too thick for the tube, say so."""
    found, reasons = [], []
    for index in dict.fromkeys(original_of(spec, i) for i in range(min(spec.scenes, scenes))):
        try:
            found.append(sample_setup(spec, index, lambda choice: load_part(choice, folder), rays_through))
        except BadInput as error:
            if spec.scan.penetration is None:
                raise
            reasons.append(error)  # one part in one material may be too thick: that scene will be dropped
    if not found:
        raise reasons[0]
    return found


def _check_flaws(spec: DatasetSpec) -> None:
    """Raise BadInput where an entry of `defects` gives no flaw in TRIES draws: each of its scenes would be dropped."""
    for number, wish in enumerate(spec.defects):
        kind, refusals = kinds.kind_of(wish.kind), []
        for index in range(0 if kind.whole_part else TRIES):
            rng, shared = stream(spec.seed, index, "door"), shared_draws(spec, index)
            try:
                kind.sample(rng, **{name: draw(value, rng, shared) for name, value in sorted(wish.parameters.items())})
            except BadInput as error:
                refusals.append(error)
        if len(refusals) == TRIES:
            raise BadInput(f"defects.{number}: {wish.kind}: {refusals[0]}")


def _check_bodies(spec: DatasetSpec, parts: dict[str, Part], setups: list[Setup]) -> None:
    """Raise BadInput where a flaw is to befall a body that no part has beside its host."""
    found = [(parts[part.key], part.host or parts[part.key].bodies[0].name) for part in spec.parts]
    drawn = [one for setup in setups for one in setup.standing]  # other dimensions may have other bodies
    found += [(one.part, one.choice.host) for one in drawn]
    known = {body.name for part, host in found for body in part.bodies if body.name != host} | {ANY}
    for number, wish in enumerate(spec.defects):
        for name in names_of(wish.parameters.get("body")):
            if name not in known:
                raise BadInput(f"defects.{number}.body: {unknown('body beside a host', name, known)}")


def _check_leaks(spec: DatasetSpec, parts: dict[str, Part], setups: list[Setup]) -> None:
    """Raise BadInput where parts in different splits have one shape: `ctsim check` would tell it when all is made."""
    first: dict[str, tuple[str, str]] = {}
    for name, split, shape in _shapes(spec, parts, setups):
        other, theirs = first.setdefault(shape, (name, split))
        if theirs != split:
            raise BadInput(
                f"parts {other!r} and {name!r} have the same shape, but scenes of {other!r} are for {theirs} and those "
                f"of {name!r} for {split}, which would be a leak; give both the same `split:`"
            )


def _shapes(spec: DatasetSpec, parts: dict[str, Part], setups: list[Setup]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, split, digest of its shape) of parts: of those that have one shape, and of the first ones drawn."""
    content = {part.key: fingerprint(parts[part.key]) for part in spec.parts if part.file}
    for part in spec.parts:
        if not any(isinstance(value, dict | list | tuple) for value in part.dimensions.values()):
            dimensions = {name: plain(value) for name, value in part.dimensions.items()}
            yield part.key, split_of(spec, part), geometry_of(part.library, dimensions, content.get(part.key))
    for setup in setups:
        for choice in (one.choice for one in setup.standing):
            shape = geometry_of(choice.library, choice.dimensions, content.get(choice.name))
            yield choice.name, setup.split, shape


def _weakest(spec: DatasetSpec, scan: ScanSpec) -> ScanSpec:
    """Return the scan with the weakest beam that the spec can give."""
    draws = {"tube_kv": 0, "exposure_mas": 0}
    if scan.trajectory.vectors is None:
        draws["source_detector_mm"] = 1
    ends = {name: extent(getattr(spec.scan, name))[end] for name, end in draws.items()}
    filters = {name: extent(value)[1] for name, value in spec.scan.filters.items()}
    return scan.model_copy(
        update={
            **{name: end for name, end in ends.items() if 0 < end < math.inf},
            "filters": {name: mm if math.isfinite(mm) else scan.filters[name] for name, mm in filters.items()},
        }
    )


def check_beam(scan: ScanSpec) -> None:
    """Raise BadInput where the free beam brings a pixel too few photons to see anything."""
    caught = sum(scanner_of(scan).detector.quanta)
    if not caught >= LEAST_PHOTONS:
        raise BadInput(
            f"the free beam brings {caught:.3g} photons to a pixel in a frame, expected at least {LEAST_PHOTONS:g}: "
            "give a higher exposure_mas or tube_kv, thinner filters, larger pixels or a thicker scintillator"
        )


def classes_of(spec: DatasetSpec, parts: dict[str, Part]) -> tuple[str, ...]:
    """Return the names of the voxel classes: air, the parts' materials, the kinds of defect."""
    matter = sorted(_sound_materials(spec, parts))
    flaws = [name for name in kinds.KINDS if any(d.kind == name for d in spec.defects)]
    return ("air", *matter, *flaws)


def class_records(classes: tuple[str, ...]) -> list[dict]:
    """Return the classes as dataset.json lists them."""
    roles = {"air": "air", **dict.fromkeys(kinds.KINDS, "defect")}
    return [{"value": i, "name": name, "role": roles.get(name, "material")} for i, name in enumerate(classes)]


def materials_of(spec: DatasetSpec, parts: dict[str, Part]) -> list[str]:
    """Return every material that a scene may hold, filled defects included."""
    matter = _sound_materials(spec, parts)
    return sorted(matter.union(*map(_fillings, spec.defects)))


def _fillings(wish: DefectSpec) -> list[str]:
    """Return the materials that a flaw may be filled with: those of the spec, or else the kind's own."""
    own = kinds.kind_of(wish.kind).parameters.get("material")
    return names_of(wish.parameters.get("material", own and own.default))


def _sound_materials(spec: DatasetSpec, parts: dict[str, Part]) -> set[str]:
    """Return every material of parts and fixtures."""
    of_parts = {name for part in spec.parts for name in _part_materials(part, parts[part.key])}
    return of_parts | (spec.stage.fixture.materials if spec.stage.fixture else set())


def _part_materials(spec, part: Part) -> list[str]:
    for name in () if spec.dimensions else spec.materials:  # other dimensions may have other bodies
        part.body(name)
    names = [name for value in spec.materials.values() for name in names_of(value)]
    for body in part.bodies:
        names += names_of(spec.materials.get(body.name)) or names_of(spec.material) or [body.material]
    return [n for n in names if n] if all(names) else _complain(spec, part)


def _complain(spec, part: Part) -> list[str]:
    raise BadInput(
        f"part {spec.key!r} has bodies without a material; give material: NAME, or one for each of "
        f"{', '.join(b.name for b in part.bodies)} under materials:"
    )


def identity_of(spec: DatasetSpec, parts: dict[str, Part]) -> dict:
    """Return all that a dataset's bytes depend on: its spec, its parts' geometry and the versions."""
    geometry = {name: fingerprint(part) for name, part in sorted(parts.items())}
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": spec.model_dump(mode="json"),
        "parts_sha256": geometry,
        "made_by": made_by(spec.scan.backends, spec.all_fidelities),
    }


def hash_of(identity: dict) -> str:
    """Return a short hash of an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
