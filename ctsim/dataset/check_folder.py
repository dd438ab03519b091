"""What is wrong with the files of a dataset: those that are there, and those that are not."""

import hashlib
import io
from collections.abc import Collection, Iterator

import numpy as np

from ctsim.dataset.card import card
from ctsim.dataset.croissant import croissant
from ctsim.files import AnyPath, sha256_of
from ctsim.shards import json_bytes
from ctsim.shards.schema import INDEX

KEPT = {"dataset.json", "README.md", "croissant.json"}
"""What stands in a dataset beside its shards and parts."""


def folder_faults(folder: AnyPath, dataset: dict) -> Iterator[str]:
    """Yield what does not belong to a dataset, and what belongs to it and is missing or a link."""
    shards = {shard["file"] for shard in dataset["shards"]}
    parts = {part["file"].partition("/")[2] for part in dataset["parts"]}
    listed = KEPT | shards | {file + INDEX for file in shards}
    yield from _strangers(folder, "", listed | {"parts"} if parts else listed)
    if parts:
        yield from _strangers(folder / "parts", "parts/", parts)
    yield from (f"{name}: missing" for name in sorted(KEPT) if not (folder / name).is_file())


def _strangers(folder: AnyPath, prefix: str, listed: Collection[str]) -> Iterator[str]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else ():
        if path.is_symlink():
            yield f"{prefix}{path.name}: is a link, expected the file itself"
        elif path.name not in listed:
            yield f"{prefix}{path.name}{'/' if path.is_dir() else ''}: does not belong to the dataset"


def file_faults(path: AnyPath, record: dict) -> Iterator[str]:
    """Yield where a file is not the one that dataset.json lists.

    Args:
        path: Where it lies.
        record: Its name in the dataset, its size and its checksum.
    """
    name = record["file"]
    try:
        if not path.is_file():
            yield f"{name}: {'is no plain file' if path.exists() else 'missing'}"
        elif (size := path.stat().st_size) != record["bytes"]:
            yield f"{name}: expected {record['bytes']} bytes, got {size}"
        elif (found := sha256_of(path)) != (wanted := record["sha256"]):
            yield f"{name}: expected sha256 {wanted[:12]}..., got {found[:12]}..."
    except OSError as error:
        yield f"{name}: cannot be read: {error.strerror or error}"


def geometry_faults(folder: AnyPath, part: dict, dataset: dict) -> Iterator[str]:
    """Yield where a part's file holds another part than the dataset was made from."""
    name = part["file"].removeprefix("parts/").removesuffix(".npz")
    wanted = dataset["identity"]["parts_sha256"].get(name)
    try:
        found = _fingerprint((folder / part["file"]).read_bytes())
    except Exception as error:  # an .npz file is a zip of arrays, with all that can go wrong with them
        yield f"{part['file']}: is not a part that ctsim saved: {type(error).__name__} {error}"
        return
    if found != wanted:
        yield f"{part['file']}: is another part than the one of that name in identity.parts_sha256"


def _fingerprint(content: bytes) -> str:
    """Return what `scenes.parts.fingerprint` says of the part that `save_solids` wrote."""
    digest = hashlib.sha256()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for name in (file.removesuffix(".faces") for file in arrays.files if file.endswith(".faces")):
            digest.update(np.ascontiguousarray(arrays[f"{name}.vertices_mm"], np.float64))
            digest.update(np.ascontiguousarray(arrays[f"{name}.faces"], np.int64))
    return digest.hexdigest()


def text_faults(folder: AnyPath, dataset: dict) -> Iterator[str]:
    """Yield where README.md or croissant.json tell other things than dataset.json, which they are made from."""
    makers = {"README.md": lambda: card(dataset).encode(), "croissant.json": lambda: json_bytes(croissant(dataset))}
    for name, make in makers.items():
        try:
            wanted = make()
        except Exception as error:  # of a spec that is none
            yield f"dataset.json: no {name} can be made of it: {type(error).__name__} {error}"
            continue
        if (folder / name).is_file() and not same_bytes(folder / name, wanted):
            yield f"{name}: does not agree with dataset.json, from which it is made"


def same_bytes(path: AnyPath, wanted: bytes) -> bool:
    """Return whether a file is there and holds just these bytes."""
    try:
        return path.is_file() and path.stat().st_size == len(wanted) and path.read_bytes() == wanted
    except OSError:
        return False
