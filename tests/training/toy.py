"""Toy datasets: bright balls with dark round pores, in shards of the real schema."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from ctsim.shards import SCHEMA_VERSION, array_bytes, file_of, json_bytes

MU_PER_MM = 0.05
CLASSES = [
    {"value": 0, "name": "air", "role": "air"},
    {"value": 1, "name": "Al", "role": "material"},
    {"value": 2, "name": "gas_pore", "role": "defect"},
]


def ball_share(side: int, centre: np.ndarray, radius: float) -> np.ndarray:
    """Return the share of each voxel inside a ball (first order in the distance to its surface); sizes in voxels."""
    axes = [(np.arange(side, dtype=np.float32) + 0.5 - c) ** 2 for c in centre]
    distance = np.sqrt(axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :])
    return np.clip(radius - distance + 0.5, 0, 1)


def toy_sample(key: str, side: int, pores: int, rng: np.random.Generator, noise: float = 0.12) -> dict[str, Any]:
    """Return the members of one scan: a ball with pores of 1.5 to 8 voxels across, blurred, cupped and noisy."""
    middle = np.full(3, side / 2)
    part = ball_share(side, middle, 0.4 * side)
    share, instances, defects = np.zeros_like(part), np.zeros(part.shape, np.uint16), []
    for number in range(1, pores + 1):
        radius = np.exp(rng.uniform(np.log(0.75), np.log(4)))
        direction = rng.normal(size=3)
        centre = middle + direction / np.linalg.norm(direction) * (0.4 * side - 6) * rng.uniform() ** (1 / 3)
        pore = ball_share(side, centre, radius)
        if (instances[pore > 0] > 0).any():
            continue  # as in the real thing, defects are disjoint
        share, instances[pore * 255 >= 0.5] = share + pore, number
        defects.append({"number": number, "kind": "gas_pore", "voxels_across": 2 * radius})
    cupping = 0.9 + 0.1 * np.square(np.indices(part.shape, np.float32) / side - 0.5).sum(0) * 4
    volume = gaussian_filter((part - share) * cupping, 0.7) + noise * rng.normal(size=part.shape)
    labels = np.where(share >= 0.5, 2, part >= 0.5).astype(np.uint8)
    return {
        "scene.json": {"key": key, "voxel_mm": 0.1},
        file_of("projections"): np.zeros((2, 3, 4), np.float16),
        file_of("volume"): (volume * MU_PER_MM).astype(np.float16),
        file_of("labels"): labels,
        file_of("instances"): instances,
        file_of("fractions"): np.rint(share * 255).astype(np.uint8),
        "defects.json": defects,
    }


def member(suffix: str, value: Any) -> bytes:
    """Return the bytes of a file of a sample; bytes are taken as they are."""
    if isinstance(value, np.ndarray):
        return array_bytes(value, compressed=suffix.endswith(".zst"))
    return value if isinstance(value, bytes) else json_bytes(value)


def write_shard(path: Path, samples: Mapping[str, Mapping[str, Any]]) -> None:
    """Write one WebDataset tar."""
    with tarfile.open(path, "w") as shard:
        for key, members in samples.items():
            for suffix, value in members.items():
                info = tarfile.TarInfo(f"{key}.{suffix}")
                data = member(suffix, value)
                info.size = len(data)
                shard.addfile(info, io.BytesIO(data))


def write_dataset(folder: Path, splits: Mapping[str, Mapping[str, Mapping[str, Any]]], classes: Any = CLASSES) -> Path:
    """Write a dataset folder of one shard a split, and return it."""
    folder.mkdir(parents=True)
    shards = []
    for split, samples in splits.items():
        path = folder / f"{split}-000000.tar"
        write_shard(path, samples)
        data = path.read_bytes()
        shards.append({"file": path.name, "split": split, "samples": list(samples), "bytes": len(data)})
        shards[-1]["sha256"] = hashlib.sha256(data).hexdigest()
    document = {"name": "toy", "schema_version": SCHEMA_VERSION, "classes": classes, "splits": {}, "shards": shards}
    (folder / "dataset.json").write_text(json.dumps(document))
    return folder


def toy_dataset(folder: Path, *, side: int, pores: int, seed: int = 0, **scans: int) -> Path:
    """Write a toy dataset with so many scans by split, and return its folder."""
    rng = np.random.default_rng(seed)
    keys = iter(range(1000))
    splits = {}
    for split, count in scans.items():
        names = [f"toy-{next(keys):06d}" for _ in range(count)]
        splits[split] = {name: toy_sample(name, side, pores, rng) for name in names}
    return write_dataset(folder, splits)
