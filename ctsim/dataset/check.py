"""What is wrong with a dataset, fault by fault."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ctsim.dataset.family import Family
from ctsim.files import AnyPath, sha256_of
from ctsim.shards import arrays_of, members_of, read_dataset, read_shard
from ctsim.shards.schema import INDEX
from ctsim.truth import LEAST_SHARE
from defects.kinds import name_of
from defects.messages import BadInput
from scenes.fidelity import PRIMARY_ONLY
from scenes.records import SPLITS
from scenes.scene import SceneSpec

KEPT = {"dataset.json", "README.md", "croissant.json"}
"""What stands in a dataset beside its shards and parts."""


def faults(folder: AnyPath) -> Iterator[str]:
    """Yield a line for every fault of a dataset; none for a good one.

    Raises:
        BadInput: The folder holds no finished dataset.
    """
    dataset = read_dataset(folder)
    records = [*dataset["shards"], *dataset.get("parts", [])]
    listed = {record["file"] for record in records} | KEPT | {shard["file"] + INDEX for shard in dataset["shards"]}
    for path in sorted([*folder.iterdir(), *(folder / "parts").glob("*")]):
        if (name := str(path.relative_to(folder))) not in listed and (name != "parts" or not dataset.get("parts")):
            yield f"{name}: does not belong to the dataset"
    yield from (f"{name}: missing" for name in sorted(KEPT) if not (folder / name).is_file())
    for part in dataset.get("parts", []):
        yield from _file_faults(folder, part)
    for shard in dataset["shards"]:
        if shard["split"] not in SPLITS:
            yield f"dataset.json: {shard['file']} has the unknown split {shard['split']!r}"
    seen: dict[str, str] = {}
    family = Family()
    for shard in dataset["shards"]:
        yield from _shard_faults(folder, shard, dataset, seen, family)
    yield from family.faults(seen, {scene["index"] for scene in dataset.get("dropped", [])})


def _file_faults(folder: AnyPath, record: dict) -> Iterator[str]:
    """Yield where a file is not the one that dataset.json lists."""
    path = folder / record["file"]
    if not path.is_file():
        yield f"{record['file']}: missing"
    elif path.stat().st_size != record.get("bytes"):
        yield f"{record['file']}: expected {record.get('bytes')} bytes, got {path.stat().st_size}"
    elif (found := sha256_of(path)) != (wanted := str(record.get("sha256"))):
        yield f"{record['file']}: expected sha256 {wanted[:12]}..., got {found[:12]}..."


def _shard_faults(folder: AnyPath, shard: dict, dataset: dict, seen: dict[str, str], family: Family) -> Iterator[str]:
    path = folder / shard["file"]
    yield from _file_faults(folder, shard)
    if not path.is_file():
        return
    keys = []
    try:
        for sample in read_shard(path):
            keys.append(sample["key"])
            if sample["key"] in seen:
                yield f"{path.name}: {sample['key']} stands in {seen[sample['key']]} too"
            seen[sample["key"]] = path.name
            try:
                found = list(sample_faults(sample, shard, dataset))
                if not found:
                    family.add(sample, path.name)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                found = [f"its records are malformed: {type(error).__name__} {error}"]
            yield from (f"{path.name}: {sample['key']}: {fault}" for fault in found)
    except BadInput as error:
        yield str(error)
    if keys != list(shard["samples"]):
        yield f"{path.name}: expected the samples {_short(shard['samples'])}, got {_short(keys)}"


def sample_faults(sample: dict[str, Any], shard: dict, dataset: dict) -> Iterator[str]:
    """Yield a line for every fault of one sample."""
    scatters = dataset.get("scatters", False)
    wanted = {name.partition(".")[0] for name in members_of(scatters)}
    if missing := sorted(wanted - sample.keys()):
        yield f"lacks {', '.join(missing)}"
        return
    if extra := sorted(sample.keys() - wanted - {"key"}):
        yield f"holds {', '.join(extra)}, which the schema does not know"
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
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"{name}: {np.count_nonzero(~np.isfinite(array))} values are not finite"
    yield from _label_faults(sample, dataset)
    if scatters:
        yield from _scatter_faults(sample["scatter_to_primary"], scene)
    if scene.key != sample["key"]:
        yield f"its scene is called {scene.key}"
    yield from _split_faults(scene, shard["split"], dataset)


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


def _label_faults(sample: dict[str, Any], dataset: dict) -> Iterator[str]:
    """Yield where labels, instances, fractions and defects.json disagree."""
    classes = {c["value"]: c for c in dataset["classes"]}
    present = set(np.unique(sample["labels"]).tolist())
    if unknown := sorted(present - classes.keys()):
        yield f"labels: class {unknown[0]} is not in dataset.json"
    numbers = set(np.unique(sample["instances"]).tolist()) - {0}
    listed = {record["number"]: record for record in sample["defects"]}
    if strangers := sorted(numbers - listed.keys()):
        yield f"instances: defect {strangers[0]} is not in defects.json"
    kinds = {listed[n]["kind"] for n in numbers if n in listed}
    shown = {classes[v]["name"] for v in present if v in classes and classes[v]["role"] == "defect"}
    if alone := sorted(shown - kinds):
        yield f"labels show a {alone[0]} that defects.json does not list"
    if np.any((sample["instances"] > 0) & (sample["fractions"] == 0)):
        yield "instances: some voxels belong to a defect of which fractions know nothing"
    voxel_mm3 = sample["scene"]["voxel_mm"] ** 3
    least, total = _volumes_mm3(sample)
    filled = float(sample["fractions"].sum(dtype=np.int64)) / 255 * voxel_mm3
    # each voxel is rounded to 1/255; 2 % and half a step for each voxel on a rim are allowed
    slack = 0.02 * total + 0.5 / 255 * voxel_mm3 * np.count_nonzero(sample["instances"]) + 0.01 * voxel_mm3
    if not least - slack <= filled <= total + slack:
        yield f"fractions hold {filled:.4g} mm3 of defects, defects.json {total:.4g} mm3"


def _volumes_mm3(sample: dict[str, Any]) -> tuple[float, float]:
    """Return what fractions must show of the defects that lie wholly within the voxels, and the volume of all.

    Those of no solid have none. What is too thin for a voxel to show, less than LEAST_SHARE of it, may be missing.
    """
    voxel_mm = sample["scene"]["voxel_mm"]
    half_mm = voxel_mm * np.array(sample["fractions"].shape[::-1]) / 2
    solid, least = [record for record in sample["defects"] if record["volume_mm3"] is not None], 0.0
    for record in solid:
        # no corner lies farther from the centre of mass than the whole extent
        reach_mm = np.abs(record["centroid_stage_mm"]) + record["feret_max_mm"]
        volume_mm3 = record["volume_mm3"]
        area_mm2 = np.cbrt(np.pi) * np.cbrt(6 * volume_mm3) ** 2 / record["sphericity"]
        # both sides of a thin sheet lie in the same voxels, and it meets at most 3 for each voxel's face of its area
        unseen_mm3 = min(LEAST_SHARE * 1.5 * area_mm2 * voxel_mm, volume_mm3)
        least += volume_mm3 - unseen_mm3 if np.all(reach_mm <= half_mm) else 0.0
    return least, sum(record["volume_mm3"] for record in solid)


def _shapes(scene: SceneSpec) -> dict[str, tuple[int, ...]]:
    grid, panel = scene.volume.shape, scene.scan.detector
    bands = (panel.bands,) if panel.bands > 1 else ()
    return {
        "projections": (*bands, scene.scan.views, panel.rows, panel.columns),
        "scatter_to_primary": (scene.scan.views, panel.rows, panel.columns),
        **dict.fromkeys(("volume", "labels", "instances", "fractions"), grid),
    }


def _short(keys: list[str]) -> str:
    return f"{len(keys)} ({keys[0]} to {keys[-1]})" if keys else "none"
