"""Shards of random arrays, as large as they need be."""

from pathlib import Path

import numpy as np

from ctsim.shards import array_bytes, file_of, json_bytes, write_shard
from ctsim.shards.schema import COMPRESSED

SHAPE = (5, 6, 7)


def arrays(number: int, shape: tuple[int, ...] = SHAPE) -> dict[str, np.ndarray]:
    """Return the arrays of a sample, another for each number."""
    rng = np.random.default_rng(number)
    labels = (rng.random(shape) < 0.1).astype(np.uint8)
    return {
        "projections": rng.normal(size=(3, 4, 5)).astype(np.float16),
        "volume": rng.normal(size=shape).astype(np.float16),
        "labels": labels,
        "instances": labels.astype(np.uint16) * 300,
        "fractions": labels * np.uint8(200),
    }


def files(number: int, shape: tuple[int, ...] = SHAPE) -> dict[str, bytes]:
    """Return the files of a sample."""
    found = {file_of(name): array_bytes(a, compressed=name in COMPRESSED) for name, a in arrays(number, shape).items()}
    return {**found, "scene.json": json_bytes({"number": number}), "defects.json": json_bytes([])}


def key(number: int) -> str:
    """Return what a sample is called."""
    return f"toy-{number:06d}"


def shard(path: Path, numbers, shape: tuple[int, ...] = SHAPE):
    """Write a shard of samples and return its record."""
    return write_shard(path, ((key(number), files(number, shape)) for number in numbers), "train")


def dataset(folder: Path, sizes: tuple[int, ...]) -> Path:
    """Write a dataset of shards with so many samples each, numbered through, and return its folder."""
    folder.mkdir(exist_ok=True)
    first, records = 0, []
    for place, size in enumerate(sizes):
        made = shard(folder / f"train-{place:06d}.tar", range(first, first + size))
        records.append({"file": made.file, "split": "train", "samples": list(made.samples), "bytes": made.bytes})
        first += size
    classes = [{"value": 0, "name": "air", "role": "air"}]
    record = {"schema_version": 3, "name": "toy", "classes": classes, "splits": {"toy": "train"}, "shards": records}
    (folder / "dataset.json").write_bytes(json_bytes(record))
    return folder
