"""Datasets, read from first to last; nothing that they hold is trusted."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ctsim.files import AnyPath, is_remote
from ctsim.shards.arrays import array_of
from ctsim.shards.schema import SCHEMA_VERSION, file_of
from ctsim.shards.tar import members, opened
from defects.messages import BadInput, unknown
from scenes import plain_file
from scenes.json_file import json_of
from scenes.records import SPLITS

RECORDS = {
    "shards": {"file", "split", "samples"},
    "classes": {"value", "name", "role"},
}
"""Lists of dataset.json, and what no record in them may lack."""

SOMETIMES = {"parts": {"file"}, "dropped": {"index"}}
"""The same of lists that a dataset may be without."""

SHARD = r"[^/\\\x00]{1,200}\.tar"
"""What a shard may be called."""

MOST_RECORD = 1 << 26
"""Bytes of a JSON file beside the shards: a dataset.json of a million samples takes 40 MB."""

PART = r"parts/[^/\\\x00]{1,200}\.npz"
"""What a part may be called."""

MOST_ALONE = 1 << 29
"""Bytes that a compressed array may hold where no volume stands beside it."""


def read_dataset(folder: AnyPath) -> dict[str, Any]:
    """Return what dataset.json says, its lists as their readers count on them.

    Raises:
        BadInput: The folder holds no finished dataset, or one whose lists are none of ours.
    """
    record = read_listing(folder)
    _check_records(record, folder / "dataset.json")
    return record


def read_listing(folder: AnyPath) -> dict[str, Any]:
    """Return what dataset.json says, whatever its lists hold; BadInput where the folder holds no finished dataset."""
    path = folder / "dataset.json"
    try:
        record = json_beside(path)
    except FileNotFoundError as error:
        unfinished = (folder / "progress").is_dir()
        hint = "it is not finished: repeat the `ctsim generate` that began it" if unfinished else "give its folder"
        raise BadInput(f"no dataset in {folder}: dataset.json is missing; {hint}") from error
    except NotADirectoryError as error:
        raise BadInput(f"{folder} is a file, expected the folder of a dataset") from error
    except OSError as error:
        raise BadInput(f"{path} is not readable: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not readable: {error}") from error
    if not isinstance(record, dict) or not {"name", "classes", "splits", "shards"} <= record.keys():
        raise BadInput(f"{path} is not a ctsim dataset: it lacks name, classes, splits or shards")
    if record.get("schema_version") != SCHEMA_VERSION:
        raise BadInput(
            f"{path}: expected schema_version {SCHEMA_VERSION}, got {record.get('schema_version')!r}; read it with the "
            "version of ctsim that made it, or make it again"
        )
    return record


def _check_records(record: dict[str, Any], path: AnyPath) -> None:
    """Raise BadInput unless the lists of a dataset.json are what their readers count on."""
    for name, keys in (RECORDS | SOMETIMES).items():
        listed = record.get(name, [] if name in SOMETIMES else None)
        if not isinstance(listed, list) or not all(isinstance(r, dict) and keys <= r.keys() for r in listed):
            raise BadInput(f"{path}: expected {name} to be a list of records with {', '.join(sorted(keys))}")
    if not isinstance(record["splits"], dict) or not all(
        isinstance(shard["split"], str) and _are_names(shard["samples"]) for shard in record["shards"]
    ):
        raise BadInput(f"{path}: expected splits to give one split a part, and a list of samples for each shard")
    for shard in record["shards"]:
        name = shard["file"]
        if not isinstance(name, str) or not re.fullmatch(SHARD, name):
            raise BadInput(f"{path}: a shard is a tar in the dataset's own folder, got {name!r:.200}")
    for part in record.get("parts", []):
        if not isinstance(part["file"], str) or not re.fullmatch(PART, part["file"]):
            raise BadInput(f"{path}: a part is an .npz in the dataset's own parts/, got {part['file']!r:.200}")


def json_beside(path: AnyPath) -> Any:
    """Return what a JSON file beside the shards says.

    Raises:
        OSError: It cannot be read, or is no plain file.
        ValueError: It is no JSON.
    """
    if not is_remote(path):
        return json_of(plain_file.read_bytes(Path(path), MOST_RECORD), MOST_RECORD)
    if path.stat().st_size > MOST_RECORD:
        raise ValueError(f"it has more than {MOST_RECORD} bytes")
    return json_of(path.read_bytes(), MOST_RECORD)


def _are_names(listed: Any) -> bool:
    return isinstance(listed, list) and all(isinstance(name, str) for name in listed)


def read_samples(folder: AnyPath, split: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the samples of a dataset as dicts: "key", the arrays by name, "scene" and "defects".

    Args:
        folder: Of the dataset.
        split: train, validation or test; all where None.

    Raises:
        BadInput: The folder holds no finished dataset, or it has no such split.
    """
    for shard in shards_of(read_dataset(folder), split):
        yield from read_shard(folder / shard["file"])


def shards_of(dataset: dict[str, Any], split: str | None) -> list[dict[str, Any]]:
    """Return the shards of a split, or all where it is None.

    Args:
        dataset: As `read_dataset` returns it.
        split: train, validation or test.

    Raises:
        BadInput: There is no such split.
    """
    splits = dict.fromkeys(shard["split"] for shard in dataset["shards"])
    if split in SPLITS and split not in splits:
        raise BadInput(f"no samples of {split} in this dataset, only of {' and '.join(splits) or 'none'}")
    if split not in (None, *splits):
        raise unknown("split", split, splits)
    return [shard for shard in dataset["shards"] if split in (None, shard["split"])]


def read_shard(path: AnyPath) -> Iterator[dict[str, Any]]:
    """Yield the samples of one tar, decoded."""
    for key, files in read_raw(path):
        yield decode(key, files, path.name)


def read_raw(path: AnyPath) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (key, files by name) of one tar, in its order."""
    key, files = None, {}
    with opened(path) as stream:
        for new, name, offset, size in members(stream, path):
            if key is not None and new != key:
                yield key, files
                files = {}
            key = new
            stream.seek(offset)
            files[name] = stream.read(size)
    if key is not None:
        yield key, files


def decode(
    key: str, files: Mapping[str, bytes | memoryview], source: str = "sample", limit: int | None = None
) -> dict[str, Any]:
    """Return a sample from its files.

    Args:
        key: Its name.
        files: By name.
        source: Named where one cannot be read.
        limit: Bytes that a compressed array may hold; what follows from the files where None.
    """
    sample: dict[str, Any] = {"key": key}
    limit = limit or most_bytes({name: len(content) for name, content in files.items()})
    for name, content in files.items():
        field, _, kind = name.partition(".")
        try:
            if kind == "json":
                sample[field] = json_of(content)
            else:
                sample[field] = array_of(content, compressed=kind == "npy.zst", most_bytes=limit)
        except ValueError as error:
            raise BadInput(f"{source}: {f'{key}.{name}':.80} is not readable: {error}") from error
    return sample


def most_bytes(sizes: Mapping[str, int]) -> int:
    """Return how much a compressed array may hold: the two bytes a voxel of the volume beside it, of this size."""
    return sizes.get(file_of("volume"), MOST_ALONE)
