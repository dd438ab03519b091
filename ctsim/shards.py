"""Samples in WebDataset shards: how they are written, byte for byte, and how they are read.

A shard is a tar; a sample is the files in it that share a key, `NAME-000017.volume.npy` and so on. Nothing in a tar
depends on when, where or by whom it was written. Reading takes no pickle.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ctsim.files import sha256_of
from defects.messages import BadInput

SCHEMA_VERSION = 2
"""Of what a dataset holds; 2 has several parts a scene, splits of kinds, and more of each defect."""

MEMBERS = (
    "defects.json",
    "fractions.npy",
    "instances.npy",
    "labels.npy",
    "projections.npy",
    "scene.json",
    "volume.npy",
)
"""Files of one sample, in the order in which they stand in a tar; see `members_of`."""

ARRAYS = {
    "projections": ("float16", "view row col"),
    "volume": ("float16", "z y x"),
    "labels": ("uint8", "z y x"),
    "instances": ("uint16", "z y x"),
    "fractions": ("uint8", "z y x"),
}
"""Type and axes of each array; see `axes_of` for panels of several energy bands, and `arrays_of`."""

OF_SCATTER = {"scatter_to_primary": ("float16", "view row col")}
"""Arrays of all samples of a dataset in which any scene is more than the primary beam; 0 where nothing scatters."""

RECORDS = {
    "shards": {"file", "split", "samples"},
    "classes": {"value", "name", "role"},
}
"""Lists of dataset.json, and what no record in them may lack."""


def arrays_of(scatters: bool) -> dict[str, tuple[str, str]]:
    """Return type and axes of each array in a dataset that scatters, or in one that does not."""
    return ARRAYS | OF_SCATTER if scatters else ARRAYS


def members_of(scatters: bool) -> tuple[str, ...]:
    """Return the files of one sample of a dataset that scatters, or of one that does not."""
    return tuple(sorted((*MEMBERS, *(f"{name}.npy" for name in OF_SCATTER)))) if scatters else MEMBERS


def axes_of(name: str, bands: int) -> str:
    """Return the axes of an array: projections of a panel that has several energy bands have one more, the first."""
    axes = arrays_of(True)[name][1]
    return f"band {axes}" if name == "projections" and bands > 1 else axes


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One finished tar.

    Attributes:
        file: Its name.
        split: train, validation or test.
        samples: Keys of its samples.
        bytes: Its size.
        sha256: Of its bytes.
    """

    file: str
    split: str
    samples: tuple[str, ...]
    bytes: int
    sha256: str


def array_bytes(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an .npy file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON, the same bytes for the same value."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def write_shard(path: Path, samples: Iterable[tuple[str, dict[str, bytes]]], split: str) -> Shard:
    """Write samples (key, files by name) to a tar and return its record.

    The tar grows under `NAME.part`, is synced to the disk, and gets its name when it is whole; a failure leaves
    nothing behind.
    """
    part, keys = path.with_name(path.name + ".part"), []
    try:
        with open(part, "wb") as stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for key, files in samples:
                keys.append(key)
                for name in sorted(files):
                    # mtime, user and group stay 0: the bytes tell of the data alone
                    info = tarfile.TarInfo(f"{key}.{name}")
                    info.size = len(files[name])
                    tar.addfile(info, io.BytesIO(files[name]))
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())
        shard = Shard(
            file=path.name, split=split, samples=tuple(keys), bytes=part.stat().st_size, sha256=sha256_of(part)
        )
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return shard


def read_dataset(folder: Path) -> dict[str, Any]:
    """Return what dataset.json says, or raise BadInput where the folder holds no finished dataset."""
    path = folder / "dataset.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        unfinished = (folder / "progress").is_dir()
        hint = "it is not finished: repeat the `ctsim generate` that began it" if unfinished else "give its folder"
        raise BadInput(f"no dataset in {folder}: dataset.json is missing; {hint}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, NotADirectoryError) as error:
        raise BadInput(f"{path} is not readable: {error}") from error
    if not isinstance(record, dict) or not {"name", "classes", "splits", "shards"} <= record.keys():
        raise BadInput(f"{path} is not a ctsim dataset: it lacks name, classes, splits or shards")
    if record.get("schema_version") != SCHEMA_VERSION:
        raise BadInput(
            f"{path}: expected schema_version {SCHEMA_VERSION}, got {record.get('schema_version')!r}; read it with the "
            "version of ctsim that made it, or make it again"
        )
    for name, keys in RECORDS.items():
        listed = record.get(name)
        if not isinstance(listed, list) or not all(isinstance(r, dict) and keys <= r.keys() for r in listed):
            raise BadInput(f"{path}: expected {name} to be a list of records with {', '.join(sorted(keys))}")
    if not isinstance(record["splits"], dict) or not all(isinstance(s["samples"], list) for s in record["shards"]):
        raise BadInput(f"{path}: expected splits to give one split a part, and a list of samples for each shard")
    return record


def read_samples(folder: Path, split: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the samples of a dataset as dicts: "key", the arrays by name, "scene" and "defects".

    Args:
        folder: Of the dataset.
        split: train, validation or test; all where None.
    """
    for shard in read_dataset(folder)["shards"]:
        if split in (None, shard["split"]):
            yield from read_shard(folder / shard["file"])


def read_shard(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the samples of one tar, decoded."""
    for key, files in read_raw(path):
        yield decode(key, files, path.name)


def decode(key: str, files: dict[str, bytes], source: str = "sample") -> dict[str, Any]:
    """Return a sample from its files by name; `source` is named where one cannot be read."""
    sample: dict[str, Any] = {"key": key}
    for name, content in files.items():
        stem, _, kind = name.partition(".")
        try:
            is_json = kind == "json"
            sample[stem] = json.loads(content) if is_json else np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise BadInput(f"{source}: {key}.{name} is not readable: {error}") from error
    return sample


def read_raw(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (key, files by name) of one tar, in its order."""
    key, files = None, {}
    try:
        _require_end(path)
        with tarfile.open(path, mode="r:") as tar:
            for info in tar:
                if not info.isfile():
                    raise BadInput(f"{path.name}: {info.name} is not a plain file")
                stem, _, name = info.name.partition(".")
                if key is not None and stem != key:
                    yield key, files
                    files = {}
                key = stem
                if name in files:
                    raise BadInput(f"{path.name}: {info.name} stands in it twice")
                files[name] = tar.extractfile(info).read()
    except FileNotFoundError as error:
        raise BadInput(f"{path} is missing; put it back, or make the dataset again in a new folder") from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BadInput(f"{path} is not a whole tar: {error}") from error
    if key is not None:
        yield key, files


def _require_end(path: Path) -> None:
    """Raise ReadError where the two zero blocks that end every tar are missing; tarfile itself does not miss them."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - 1024, 0))
        if size % tarfile.RECORDSIZE or size == 0 or any(stream.read()):
            raise tarfile.ReadError(f"it ends after {size} bytes without an end mark")
