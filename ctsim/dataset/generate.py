"""DatasetSpec -> a folder of shards: resumable, the same bytes whatever the number of workers."""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctsim.dataset.card import card
from ctsim.dataset.croissant import croissant
from ctsim.dataset.encode import encode
from ctsim.dataset.folder import (
    Outcome,
    begin,
    clear,
    count_finished,
    finished,
    made_of,
    outcome_of,
    shard_record,
)
from ctsim.dataset.make import PROGRESS, Job, Tell, make_one, make_shards, one_thread_of_algebra
from ctsim.dataset.plan import (
    ShardPlan,
    check_at_the_door,
    class_records,
    classes_of,
    cut_group,
    hash_of,
    identity_of,
    load_sources,
    plan_shards,
)  # fmt: skip
from ctsim.dataset.workers import Lost
from ctsim.files import AnyPath, local_copy, locked, make_folder, remove_folder, sha256_of, write_file
from ctsim.pipeline import make_sample
from ctsim.shards import SCHEMA_VERSION, decode, json_bytes
from ctsim.shards.read import PART
from defects.messages import BadInput
from scenes.parts import Part, load_parts, save_solids
from scenes.scene import SceneSpec
from scenes.spec import DatasetSpec
from scenes.splits import kind_splits, split_of

TIMEOUT_S = 3600.0
"""For a scene: one of 512^3 voxels takes minutes."""


Report = Callable[[int, int], None]
"""Told (scenes done, scenes in all) after every scene."""

Make = Callable[[Job, Sequence[ShardPlan], int | None, Callable[[], None], Tell], None]
"""Makes shards, as `make_shards` does."""


def generate(
    spec: DatasetSpec,
    out: AnyPath,
    *,
    folder: Path,
    workers: int | None = None,
    slice_of: tuple[int, int] = (1, 1),
    timeout_s: float = TIMEOUT_S,
    make: Make = make_shards,
    report: Report = lambda done, total: None,
    note: Tell = lambda text: None,
) -> Outcome:
    """Write a dataset, or go on with one that was interrupted.

    Args:
        spec: What to make.
        out: The dataset's folder: new, empty, or one that this spec began.
        folder: Where relative part files count from.
        workers: Processes; one a processor where None.
        slice_of: (k, n) makes every n-th shard from the k-th, so that n runs share the work.
        timeout_s: After which a scene is dropped.
        make: What makes the shards: `make_shards` on this machine, or another engine.
        report: Told how far it is.
        note: Told what was mended in the parts' files, and what looks odd about them.

    Raises:
        BadInput: The spec cannot be made, or the folder holds something else.
    """
    check_at_the_door(spec, folder)
    parts = load_sources(spec, folder)
    classes, identity = classes_of(spec, parts), identity_of(_portable(spec), parts)
    if (done := begin(out, identity)) is not None:
        report(spec.scenes, spec.scenes)
        return done
    for part in parts.values():
        for sentence in (*part.report.get("repairs", ()), *part.report.get("warnings", ())):
            note(f"{part.report['file']}: {sentence}")
    if cut := cut_group(spec):
        note(cut)
    shards = plan_shards(spec)
    k, n = slice_of
    mine = shards[k - 1 :: n]
    try:
        _keep_parts(spec, parts, out)
        whose = hash_of(identity)
        todo = [plan for plan in mine if shard_record(out, plan, whose) is None]
        if (done := finished(out)) is not None:  # by another slice: nothing is on record then, and nothing is missing
            return done
        tick = _ticker(mine, todo, report)
        if todo:
            job = Job(spec=_portable(spec), out=str(out), classes=classes, timeout_s=timeout_s)
            make(job, todo, workers, tick, note)
        if (there := count_finished(out, len(shards))) < len(shards):
            return finished(out) or replace(outcome_of(made_of(out, mine, whose), finished=False), shards=there)
        return _finish(spec, out, shards, classes, identity, parts)
    except FileNotFoundError:  # the last slice to finish takes progress/ away
        if (done := finished(out)) is None:
            raise
        return done


def replay(folder: AnyPath, key: str, record: Any) -> tuple[SceneSpec, dict[str, bytes]]:
    """Return a sample of a dataset again, made from its scene, as (scene, files by name).

    Args:
        folder: Of the dataset, whose parts are used.
        key: Of the sample.
        record: Its scene.json.
    """
    if not isinstance(record, dict) or "scene" not in record:
        raise BadInput(f"{key}.scene.json holds no scene; to see what else is wrong: ctsim check {folder}")
    scene = SceneSpec.from_json(record["scene"], f"{key}.scene.json")
    for file in (item.part.file for item in scene.items if item.part.file):
        if not re.fullmatch(PART, file):  # its parts are copied to where the sample goes
            raise BadInput(f"{key}.scene.json: a part is an .npz in the dataset's own parts/, got {file!r:.200}")
    dataset = json.loads((folder / "dataset.json").read_text())
    classes = tuple(c["name"] for c in dataset["classes"])
    with local_copy(folder, "parts") as place:
        parts = load_parts(scene, place)
    with one_thread_of_algebra():
        return scene, encode(make_sample(scene, parts, classes), dataset.get("scatters", False))


def first_samples(
    spec: DatasetSpec, folder: Path, count: int, note: Tell = lambda text: None
) -> tuple[list[dict], list[dict[str, Any]]]:
    """Return the classes and the first samples of a dataset, as its shards would hold them; nothing is written."""
    check_at_the_door(spec, folder, count)
    classes, samples = classes_of(spec, load_sources(spec, folder)), []
    for index in range(min(count, spec.scenes)):
        made = make_one(spec, index, folder, classes)
        if isinstance(made, Lost):
            note(f"scene {index} is dropped: {made.reason}")
        else:
            scene, files = made
            samples.append(decode(scene.key, files))
    return class_records(classes), samples


def _portable(spec: DatasetSpec) -> DatasetSpec:
    """Return the spec with its part files as they are kept in the dataset's own folder."""
    kept = {"unit": None, "repair": False, "tolerance_mm": 0.1}
    parts = [p.model_copy(update={"file": f"parts/{p.key}.npz", **kept}) if p.file else p for p in spec.parts]
    return spec.model_copy(update={"parts": tuple(parts)})


def _keep_parts(spec: DatasetSpec, parts: dict[str, Part], out: AnyPath) -> None:
    """Keep the solids of every CAD file in the dataset, so that it can be replayed anywhere."""
    for part in spec.parts:
        path = out / "parts" / f"{part.key}.npz"
        if part.file and not path.exists():
            make_folder(path.parent)
            write_file(path, save_solids(parts[part.key].bodies))


def _ticker(mine: Sequence[ShardPlan], todo: Sequence[ShardPlan], report: Report) -> Callable[[], None]:
    """Report what is done of some shards before the rest is made, and return what reports each further scene."""
    total, left = (sum(len(plan.scenes) for plan in plans) for plans in (mine, todo))
    count = itertools.count(total - left)
    report(next(count), total)
    return lambda: report(next(count), total)


def _finish(spec, out: AnyPath, shards, classes, identity: dict, parts: dict[str, Part]) -> Outcome:
    """Write dataset.json and the card once every shard is there.

    Raises:
        FileNotFoundError: Another slice has finished the dataset while this one was waiting.
    """
    with locked(out / PROGRESS / "finish.lock", wait=True):
        return _finish_alone(spec, out, shards, classes, identity, parts)


def _finish_alone(spec, out: AnyPath, shards, classes, identity: dict, parts: dict[str, Part]) -> Outcome:
    if not (out / PROGRESS).exists():
        raise FileNotFoundError(out / PROGRESS)
    made = made_of(out, shards, hash_of(identity))
    if len(made["shards"]) < len(shards):
        return finished(out) or outcome_of(made, finished=False)
    dataset = {
        "name": spec.name,
        "description": spec.description,
        "schema_version": SCHEMA_VERSION,
        "scatters": spec.scatters,
        "made_by": identity["made_by"],
        "classes": class_records(classes),
        "splits": {p.key: split_of(spec, p) for p in spec.parts},
        "kind_splits": kind_splits(spec),
        **made,
        "parts": [_file_record(out, path) for path in sorted((out / "parts").glob("*.npz"))],
        "imports": {name: part.report for name, part in parts.items() if part.report},
        "identity_sha256": hash_of(identity),
        "identity": identity,
    }
    write_file(out / "README.md", card(dataset).encode())
    write_file(out / "croissant.json", json_bytes(croissant(dataset)))
    clear(out)
    write_file(out / "dataset.json", json_bytes(dataset))
    remove_folder(out / PROGRESS)
    return outcome_of(dataset, finished=True)


def _file_record(out: AnyPath, path: AnyPath) -> dict[str, Any]:
    return {"file": f"parts/{path.name}", "bytes": path.stat().st_size, "sha256": sha256_of(path)}
