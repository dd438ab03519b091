"""What is wrong with dataset.json by itself: its form, and what in it contradicts the rest."""

import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ctsim.dataset.plan import class_records, hash_of
from ctsim.dataset.versions import differing
from ctsim.shards.read import PART, SHARD
from defects import kinds
from defects.messages import BadInput
from scenes.defect_spec import DefectSpec
from scenes.fidelity import PRIMARY_ONLY
from scenes.part_spec import PartSpec
from scenes.records import SPLITS, Record, validated
from scenes.scan_draws import ScanDraws
from scenes.spec import DatasetSpec
from scenes.splits import kind_splits, split_of


class _Strict(Record):
    model_config = ConfigDict(strict=True)


class _File(_Strict):
    file: Annotated[str, Field(pattern=f"^{PART}$")]
    bytes: int
    sha256: str


class _Shard(_Strict):
    file: Annotated[str, Field(pattern=f"^{SHARD}$")]
    split: str
    samples: list[str]
    bytes: int
    sha256: str


class _Class(_Strict):
    value: int
    name: str
    role: str


class _Dropped(_Strict):
    index: Annotated[int, Field(ge=0)]
    reason: str


class _Identity(_Strict):
    schema_version: int
    spec: dict[str, Any]
    parts_sha256: dict[str, str]
    made_by: dict[str, str]


class _Dataset(_Strict):
    name: str
    description: str
    schema_version: int
    scatters: bool
    made_by: dict[str, str]
    classes: list[_Class]
    splits: dict[str, str]
    kind_splits: dict[str, list[str]]
    shards: list[_Shard]
    dropped: list[_Dropped]
    unplaced: dict[str, int]
    parts: list[_File]
    imports: dict[str, Any]
    identity_sha256: str
    identity: _Identity


def form_faults(dataset: dict) -> list[str]:
    """Return where dataset.json lacks something or holds what it should not; all else takes its form for granted."""
    try:
        validated(_Dataset, dataset, "dataset.json")
    except BadInput as error:
        return [f"dataset.json: {line.strip()}" for line in str(error).removeprefix("dataset.json: ").splitlines()]
    return []


def is_of_this_version(dataset: dict) -> bool:
    """Return whether this version of ctsim has made a dataset: others may read a spec, or write a card, otherwise."""
    return dataset["made_by"].get("ctsim") == version("ctsim")


def record_faults(dataset: dict) -> Iterator[str]:
    """Yield where dataset.json contradicts itself."""
    yield from (f"dataset.json: {fault}" for fault in (*_identity(dataset), *_shards(dataset), *_scenes(dataset)))


def spec_faults(dataset: dict) -> Iterator[str]:
    """Yield where dataset.json says other things than follow from its spec."""
    spec = dataset["identity"]["spec"]
    try:
        wanted = _following(spec)
    except Exception as error:  # a spec may hold anything
        yield f"dataset.json: identity.spec cannot be read: {type(error).__name__} {error}"
        return
    found = {name: dataset[name] for name in wanted if name in dataset}
    found["parts"] = sorted(part["file"] for part in dataset["parts"])
    found["defect classes"] = [c["name"] for c in dataset["classes"] if c["role"] == "defect"]
    for name, value in wanted.items():
        if found[name] != value:
            yield f"dataset.json: {_first_difference(name, found[name], value)}"


def _following(spec: dict) -> dict[str, Any]:
    """Return what in dataset.json follows from a spec."""
    parts = [PartSpec.model_construct(**part) for part in spec["parts"]]
    wishes = [DefectSpec.model_construct(kind=wish["kind"], split=wish["split"]) for wish in spec["defects"]]
    # a spec is written with all its defaults, some of which nobody may give: it cannot be read as a user's is
    own = DatasetSpec.model_construct(
        splits=spec["splits"], split_kinds=spec["split_kinds"], parts=tuple(parts), defects=tuple(wishes)
    )
    fidelities = spec["fidelities"] or ScanDraws.model_validate(spec["scan"]).fidelities
    return {
        "name": spec["name"],
        "description": spec["description"],
        "scatters": set(fidelities) != {PRIMARY_ONLY},
        "splits": {part.key: split_of(own, part) for part in parts},
        "kind_splits": kind_splits(own),
        "parts": sorted(part.file for part in parts if part.file),
        "defect classes": [name for name in kinds.KINDS if any(wish.kind == name for wish in wishes)],
    }


def _first_difference(name: str, got: Any, wanted: Any) -> str:
    """Return where two values differ; of two dicts, in which entry first."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        key = next(key for key in (*wanted, *got) if got.get(key) != wanted.get(key))
        return _first_difference(f"{name}.{key}", got.get(key), wanted.get(key))
    return f"{name} is {got!r}, by its spec {wanted!r}"


def _identity(dataset: dict) -> Iterator[str]:
    identity = dataset["identity"]
    if dataset["identity_sha256"] != hash_of(identity):
        yield "identity_sha256 is not the hash of identity"
    if dataset["schema_version"] != identity["schema_version"]:
        yield f"schema_version is {dataset['schema_version']}, in identity {identity['schema_version']}"
    if other := differing(dataset["made_by"], identity["made_by"], "made_by", "identity"):
        yield f"made_by and identity disagree: {other}"
    if dataset["classes"] != class_records(tuple(c["name"] for c in dataset["classes"])):
        yield "classes are not numbered from 0 on, or have other roles than their names tell"
    if twice := _twice(c["name"] for c in dataset["classes"]):
        yield f"classes hold {twice} twice"
    if dataset["splits"].keys() != identity["parts_sha256"].keys():
        yield "splits and identity.parts_sha256 name different parts"


def _shards(dataset: dict) -> Iterator[str]:
    """Yield where shards are called otherwise than their splits and numbers say."""
    number = Counter()
    for shard in dataset["shards"]:
        if (split := shard["split"]) not in SPLITS:
            yield f"{shard['file']} has the unknown split {split!r}"
        elif (wanted := f"{split}-{number[split]:06d}.tar") != shard["file"]:
            yield f"shard {wanted} is not listed, {shard['file']} stands in its place"
        number[split] += 1
    for what, listed in (("shards", dataset["shards"]), ("parts", dataset["parts"])):
        if twice := _twice(record["file"] for record in listed):
            yield f"{what} list {twice} twice"


def _scenes(dataset: dict) -> Iterator[str]:
    """Yield where samples and dropped scenes are not all the scenes that the spec asks for, each once."""
    name, count = dataset["name"], dataset["identity"]["spec"].get("scenes")
    keys = [key for shard in dataset["shards"] for key in shard["samples"]]
    dropped = [f"{name}-{scene['index']:06d}" for scene in dataset["dropped"]]
    if twice := _twice([*keys, *dropped]):
        yield f"{twice} is listed twice"
    strange = [key for key in keys if not re.fullmatch(re.escape(name) + r"-([0-9]{6}|[1-9][0-9]{6,11})", key)]
    if strange:
        dot = ", with a dot in it" if "." in strange[0].removeprefix(name) else ""
        yield f"a key is NAME-000000, got {strange[0]!r}{dot}"
        return
    if not isinstance(count, int):
        yield f"identity.spec.scenes must be a number, got {count!r}"
        return
    if beyond := [key for key in (*keys, *dropped) if int(key.rpartition("-")[2]) >= count]:
        yield f"{beyond[0]} is listed, of {count} scenes"
    if len(keys) + len(dropped) != count:
        yield f"expected {count} scenes, got {len(keys)} samples and {len(dropped)} dropped"


def _twice(names: Any) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)
