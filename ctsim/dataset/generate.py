"""DatasetSpec -> a folder of shards: resumable, the same bytes whatever the number of workers."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ctsim.dataset.card import card
from ctsim.dataset.croissant import croissant
from ctsim.dataset.encode import encode
from ctsim.dataset.make import PROGRESS, Job, Tell, make_one, make_shards, one_thread_of_algebra, record_path
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
from ctsim.dataset.versions import differing
from ctsim.dataset.workers import Lost
from ctsim.files import AnyPath, is_remote, local_copy, locked, make_folder, remove_folder, sha256_of, write_file
from ctsim.pipeline import make_sample
from ctsim.shards import SCHEMA_VERSION, decode, json_bytes
from ctsim.shards.read import PART
from ctsim.shards.schema import INDEX
from ctsim.shards.tar import index_of
from ctsim.shards.write import index_bytes
from defects.messages import BadInput
from scenes.parts import Part, load_parts, save_solids
from scenes.scene import SceneSpec
from scenes.spec import DatasetSpec
from scenes.splits import kind_splits, split_of

TIMEOUT_S = 3600.0
"""For a scene: one of 512^3 voxels takes minutes."""

MARK = f"{PROGRESS}/identity.json"
"""Stands in a dataset while it is unfinished, and tells which one it is."""

LOOKS = 3
"""At a folder before it is a stranger's: after the first another slice may begin the dataset, after the second finish
it."""

Report = Callable[[int, int], None]
"""Told (scenes done, scenes in all) after every scene."""

Make = Callable[[Job, Sequence[ShardPlan], int | None, Callable[[], None], Tell], None]
"""Makes shards, as `make_shards` does."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What `generate` did.

    Attributes:
        scenes: Scenes that stand in the dataset.
        dropped: Scenes that do not, each with its reason.
        unplaced: How many defects of a kind found no place in their part.
        shards: Tars in the dataset.
        finished: Whether dataset.json is written: false while other slices are missing.
    """

    scenes: int
    dropped: int
    unplaced: dict[str, int]
    shards: int
    finished: bool


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
    if (done := _begin(out, identity)) is not None:
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
        todo = [plan for plan in mine if _record(out, plan, whose) is None]
        if (done := _finished(out)) is not None:  # by another slice: nothing is on record then, and nothing is missing
            return done
        tick = _ticker(mine, todo, report)
        if todo:
            job = Job(spec=_portable(spec), out=str(out), classes=classes, timeout_s=timeout_s)
            make(job, todo, workers, tick, note)
        if (there := _finished_shards(out, len(shards))) < len(shards):
            return _finished(out) or replace(_outcome(_made(out, mine, whose), finished=False), shards=there)
        return _finish(spec, out, shards, classes, identity, parts)
    except FileNotFoundError:  # the last slice to finish takes progress/ away
        if (done := _finished(out)) is None:
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


def _begin(out: AnyPath, identity: dict) -> Outcome | None:
    """Make the folder ready, and return what is in it where that is finished already.

    Other slices may begin and finish the dataset while we look: files are opened, never asked for first.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; --out needs a folder")
    for _ in range(LOOKS):
        if (found := _standing(out, "dataset.json", identity)) is not None:
            _require_whole(out, found)
            _clear(out)
            remove_folder(out / PROGRESS)  # of a run that was killed as it finished
            return _outcome(found, finished=True)
        if _standing(out, MARK, identity) is not None:
            return None
        if not (out.exists() and {path.name for path in out.iterdir()} - {PROGRESS}):
            make_folder((out / MARK).parent)
            write_file(out / MARK, json_bytes({"identity_sha256": hash_of(identity), "identity": identity}))
            return None
    raise BadInput(f"{out} is not empty and holds no ctsim dataset; choose a new or empty folder for --out")


def _standing(out: AnyPath, name: str, identity: dict) -> dict[str, Any] | None:
    """Return what a file of the dataset says that stands in the folder; None where there is no such file.

    Raises:
        BadInput: It is of another dataset than the one with this identity.
    """
    if (content := _content(out / name)) is None:
        return None
    try:
        found = json.loads(content.decode())
        theirs = found["identity_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{out} holds a dataset that cannot be read ({error}); choose another --out") from error
    if theirs != hash_of(identity):
        raise BadInput(
            f"{out} holds another dataset ({_difference(found.get('identity', {}), identity)}); "
            "choose another --out, or delete that folder"
        )
    return found


def _content(path: AnyPath) -> bytes | None:
    """Return what a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _finished(out: AnyPath) -> Outcome | None:
    """Return what is in a dataset that another slice has finished meanwhile; None where none has."""
    content = _content(out / "dataset.json")
    return None if content is None else _outcome(json.loads(content), finished=True)


def _require_whole(out: AnyPath, dataset: dict) -> None:
    """Raise BadInput where a finished dataset has lost a shard or a part: it would be wrong to call it done.

    An index that is lost is made again from its tar.
    """
    for listed in (*dataset["shards"], *dataset["parts"]):
        path = out / listed["file"]
        if not path.is_file() or path.stat().st_size != listed["bytes"]:
            raise BadInput(
                f"{out} was finished, but its {listed['file']} is {'cut short' if path.exists() else 'missing'}: put "
                "it back, or delete the folder and repeat the command"
            )
    there = {path.name for path in out.iterdir()}
    for file in (shard["file"] for shard in dataset["shards"]):
        if file + INDEX not in there:
            write_file(out / (file + INDEX), index_bytes(index_of(out / file)))


def _difference(theirs: Any, mine: dict) -> str:
    """Return in a few words where two identities differ: first in what is asked for, then in parts and versions."""
    theirs = theirs if isinstance(theirs, dict) else {}
    spec, parts = theirs.get("spec"), theirs.get("parts_sha256")
    told = [_first_difference(spec, mine["spec"])] if spec != mine["spec"] else []
    if not told and isinstance(parts, dict):
        wanted = mine["parts_sha256"]
        told = [f"its part {name} has another shape" for name in wanted if parts.get(name) != wanted[name]]
    if other := differing(theirs.get("made_by"), mine["made_by"]):
        told.append(f"made by other versions: {other}")
    return "; ".join(told) or "made to another schema"


class _LeftOut:
    """What a spec says under a key that it lacks: under one that it has, it may say None."""

    def __repr__(self) -> str:
        return "left out"


LEFT_OUT = _LeftOut()


def _first_difference(a: Any, b: Any) -> str:
    """Return in a few words where two specs first differ."""
    place = []
    while isinstance(a, dict) and isinstance(b, dict):
        key = next(key for key in (*b, *a) if a.get(key, LEFT_OUT) != b.get(key, LEFT_OUT))
        place, a, b = [*place, key], a.get(key, LEFT_OUT), b.get(key, LEFT_OUT)
    name = f"its {'.'.join(place or ['spec'])}"
    return f"{name} is {a!r}, not {b!r}" if len(f"{a}{b}") < 80 else f"{name} is another"


def _record(out: AnyPath, plan: ShardPlan, whose: str, *, deeply: bool = True) -> dict | None:
    """Return what stands on record of a finished shard; None where nothing does, or the tar is another.

    Args:
        out: The dataset's folder.
        plan: Of the shard.
        whose: Hash of the dataset's identity.
        deeply: Whether the tar's checksum is taken, too.

    Raises:
        BadInput: It is a shard of another dataset, of the same name: slices of two specs were put together.
    """
    try:
        record = json.loads(record_path(out, plan).read_text())
        theirs, shard, path = record["identity_sha256"], record["shard"], out / plan.file
        deeply = deeply and not is_remote(path)  # a store keeps what it has taken whole
        whole = path.stat().st_size == shard["bytes"] and path.with_name(path.name + INDEX).is_file()
        whole = whole and (not deeply or sha256_of(path) == shard["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if theirs != whose:
        raise BadInput(
            f"{out} holds {plan.file} of another dataset: its slice was made from another spec, seed or version. Make "
            f"that slice again, or delete {record_path(out, plan)} and repeat the command"
        )
    return record if whole else None


def _finished_shards(out: AnyPath, whole: int) -> int:
    """Return how many shards of the whole are finished, by the names of their records: there may be 100 000."""
    try:
        return sum(path.name.endswith(".tar.json") for path in (out / PROGRESS).iterdir())
    except FileNotFoundError:  # another slice has just finished the dataset
        return whole


def _made(out: AnyPath, shards: Sequence[ShardPlan], whose: str) -> dict[str, Any]:
    """Return what stands on record of some shards."""
    records = [record for plan in shards if (record := _record(out, plan, whose, deeply=False)) is not None]
    return {
        "shards": [record["shard"] for record in records],
        "dropped": [scene for record in records for scene in record["dropped"]],
        "unplaced": dict(sorted(sum((Counter(record["unplaced"]) for record in records), Counter()).items())),
    }


def _clear(out: AnyPath) -> None:
    """Remove what runs that were killed have left half-written."""
    for path in (*out.glob("*.part"), *out.glob("parts/*.part")):
        path.unlink(missing_ok=True)


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
    made = _made(out, shards, hash_of(identity))
    if len(made["shards"]) < len(shards):
        return _finished(out) or _outcome(made, finished=False)
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
    _clear(out)
    write_file(out / "dataset.json", json_bytes(dataset))
    remove_folder(out / PROGRESS)
    return _outcome(dataset, finished=True)


def _file_record(out: AnyPath, path: AnyPath) -> dict[str, Any]:
    return {"file": f"parts/{path.name}", "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _outcome(made: dict[str, Any], *, finished: bool) -> Outcome:
    return Outcome(
        scenes=sum(len(shard["samples"]) for shard in made["shards"]),
        dropped=len(made["dropped"]),
        unplaced=made["unplaced"],
        shards=len(made["shards"]),
        finished=finished,
    )
