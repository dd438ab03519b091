"""What is wrong with one sample: its arrays, its records, and where they disagree."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ctsim.dataset.card import DEFECT_FIELDS, SCENE_FIELDS
from ctsim.dataset.check_labels import label_faults, not_finite
from ctsim.dataset.encode import storage_of
from ctsim.dataset.versions import differing
from ctsim.shards import SCHEMA_VERSION, arrays_of
from defects.kinds import name_of
from defects.messages import BadInput
from scenes.fidelity import PRIMARY_ONLY
from scenes.scene import SceneSpec


def sample_faults(sample: dict[str, Any], shard: dict, dataset: dict) -> Iterator[str]:
    """Yield a line for every fault of one sample that has all its files.

    Args:
        sample: Decoded.
        shard: That it stands in, as dataset.json lists it; of it the split counts.
        dataset: What dataset.json says.
    """
    scatters = dataset["scatters"]
    try:
        scene = SceneSpec.from_json(sample["scene"]["scene"], "scene.json")
    except (BadInput, KeyError, TypeError) as error:
        yield f"scene.json is not a scene: {error}"
        return
    shapes = _shapes(scene)
    for name, (dtype, axes) in arrays_of(scatters).items():
        array = sample[name]
        if array.dtype != dtype or array.shape != shapes[name]:
            yield f"{name}: expected {dtype} {list(shapes[name])} [{axes}], got {array.dtype} {list(array.shape)}"
            return
        if array.dtype.kind == "f" and (count := not_finite(array)):
            yield f"{name}: {count} values are not finite"
    yield from _record_faults(sample, scene, shard["split"], dataset)
    yield from _form_faults(sample, scene)
    yield from label_faults(sample, scene, dataset["classes"])
    if scatters:
        yield from _scatter_faults(sample["scatter_to_primary"], scene)
    yield from _split_faults(scene, shard["split"], dataset)


def _record_faults(sample: dict[str, Any], scene: SceneSpec, split: str, dataset: dict) -> Iterator[str]:
    """Yield where scene.json contradicts itself, its key or dataset.json."""
    record = sample["scene"]
    if scene.key != sample["key"]:
        yield f"its scene is called {scene.key}"
    wanted = {
        "schema_version": SCHEMA_VERSION, "key": sample["key"], "split": split, "voxel_mm": scene.volume.voxel_mm,
        "storage": storage_of(dataset["scatters"], scene.scan.detector.bands),
    }  # fmt: skip
    for name, value in wanted.items():
        if (got := record.get(name)) != value:
            yield f"scene.json: expected {name} {_short(value)}, got {_short(got)}"
    if (seed := dataset["identity"]["spec"].get("seed")) != scene.seed:
        yield f"its scene has the seed {scene.seed}, the dataset {seed}"
    # which backend, and what it brings, is each scene's own
    common = record["made_by"].keys() & dataset["made_by"].keys() - {"backend"}
    theirs, ours = ({name: made[name] for name in sorted(common)} for made in (record["made_by"], dataset["made_by"]))
    if other := differing(theirs, ours, "in scene.json", "in dataset.json"):
        yield f"made otherwise than the dataset: {other}"
    kept = {part["file"] for part in dataset["parts"]}
    if lost := [item.part.file for item in scene.items if item.part.file and item.part.file not in kept]:
        yield f"its part {lost[0]} is not in dataset.json"


def _form_faults(sample: dict[str, Any], scene: SceneSpec) -> Iterator[str]:
    """Yield where records lack fields of the schema or have others, and where a geometry is none."""
    listed = {"scene.json": (SCENE_FIELDS, [sample["scene"]]), "defects.json": (DEFECT_FIELDS, sample["defects"])}
    for name, (known, records) in listed.items():
        if other := {field for record in records for field in known.keys() ^ record.keys()}:
            yield f"{name}: {min(other)} is missing, or not in the schema"
    for name in ("geometry_true", "geometry_nominal"):
        vectors = np.array(sample["scene"][name]["cone_vec_mm"], dtype=float)
        if vectors.shape != (scene.scan.views, 12) or not np.isfinite(vectors).all():
            yield f"scene.json: {name} is not 12 finite numbers for each of {scene.scan.views} views"


def _split_faults(scene: SceneSpec, split: str, dataset: dict) -> Iterator[str]:
    """Yield where a scene, one of its parts or a kind of its defects is in a split that it does not belong to."""
    if scene.split != split:
        yield f"its scene belongs to split {scene.split}, not {split}"
    for name in dict.fromkeys(item.part.name for item in scene.items):
        if (wanted := dataset["splits"].get(name)) != split:
            yield f"part {name} belongs to split {wanted}, not {split}"
    for kind in dict.fromkeys(map(name_of, scene.defects)):
        if split not in (wanted := dataset["kind_splits"].get(kind, [])):
            yield f"{kind} belongs to {' and '.join(wanted) or 'no split'}, not {split}"


def _scatter_faults(ratio: np.ndarray, scene: SceneSpec) -> Iterator[str]:
    """Yield where a scene of the primary beam alone scatters, or one that should does not."""
    if (ratio < 0).any():
        yield "scatter_to_primary: some ratios lie below 0"
    wrong = {PRIMARY_ONLY: bool(ratio.any()), "hybrid": not ratio.any()}  # few photons may bring none
    if wrong.get(scene.scan.fidelity, False):
        yield f"scatter_to_primary is {'not ' if ratio.any() else ''}0 everywhere in fidelity {scene.scan.fidelity}"


def _shapes(scene: SceneSpec) -> dict[str, tuple[int, ...]]:
    grid, panel = scene.volume.shape, scene.scan.detector
    bands = (panel.bands,) if panel.bands > 1 else ()
    return {
        "projections": (*bands, scene.scan.views, panel.rows, panel.columns),
        "scatter_to_primary": (scene.scan.views, panel.rows, panel.columns),
        **dict.fromkeys(("volume", "labels", "instances", "fractions"), grid),
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 60 else f"{text[:60]}..."
