"""What stands in a dataset's folder: whose it is, which shards are finished, and whether all is."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ctsim.dataset.make import PROGRESS, record_path
from ctsim.dataset.plan import ShardPlan, hash_of
from ctsim.dataset.versions import differing
from ctsim.files import AnyPath, is_remote, make_folder, remove_folder, sha256_of, write_file
from ctsim.shards import json_bytes
from ctsim.shards.schema import INDEX
from ctsim.shards.tar import index_of
from ctsim.shards.write import index_bytes
from defects.messages import BadInput

MARK = f"{PROGRESS}/identity.json"
"""Stands in a dataset while it is unfinished, and tells which one it is."""

LOOKS = 3
"""At a folder before it is a stranger's: after the first another slice may begin the dataset, after the second finish
it."""


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


def begin(out: AnyPath, identity: dict) -> Outcome | None:
    """Make the folder ready, and return what is in it where that is finished already.

    Other slices may begin and finish the dataset while we look: files are opened, never asked for first.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; --out needs a folder")
    for _ in range(LOOKS):
        if (found := _standing(out, "dataset.json", identity)) is not None:
            _require_whole(out, found)
            clear(out)
            remove_folder(out / PROGRESS)  # of a run that was killed as it finished
            return outcome_of(found, finished=True)
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


def finished(out: AnyPath) -> Outcome | None:
    """Return what is in a dataset that another slice has finished meanwhile; None where none has."""
    content = _content(out / "dataset.json")
    return None if content is None else outcome_of(json.loads(content), finished=True)


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


def shard_record(out: AnyPath, plan: ShardPlan, whose: str, *, deeply: bool = True) -> dict | None:
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


def count_finished(out: AnyPath, whole: int) -> int:
    """Return how many shards of the whole are finished, by the names of their records: there may be 100 000."""
    try:
        return sum(path.name.endswith(".tar.json") for path in (out / PROGRESS).iterdir())
    except FileNotFoundError:  # another slice has just finished the dataset
        return whole


def made_of(out: AnyPath, shards: Sequence[ShardPlan], whose: str) -> dict[str, Any]:
    """Return what stands on record of some shards."""
    records = [record for plan in shards if (record := shard_record(out, plan, whose, deeply=False)) is not None]
    return {
        "shards": [record["shard"] for record in records],
        "dropped": [scene for record in records for scene in record["dropped"]],
        "unplaced": dict(sorted(sum((Counter(record["unplaced"]) for record in records), Counter()).items())),
    }


def clear(out: AnyPath) -> None:
    """Remove what runs that were killed have left half-written."""
    for path in (*out.glob("*.part"), *out.glob("parts/*.part")):
        path.unlink(missing_ok=True)


def outcome_of(made: dict[str, Any], *, finished: bool) -> Outcome:
    return Outcome(
        scenes=sum(len(shard["samples"]) for shard in made["shards"]),
        dropped=len(made["dropped"]),
        unplaced=made["unplaced"],
        shards=len(made["shards"]),
        finished=finished,
    )
