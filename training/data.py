"""Scans from shards, normalised so that 1.0 is the part's material, with the defects as a yes-or-no target."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from skimage.filters import threshold_otsu

from ctsim import shards
from ctsim.messages import BadInput, unknown
from ctsim.shards.tar import opened

OTSU_VOXELS = 2_000_000  # a histogram of so many voxels is smooth; a whole 512^3 volume would take seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """One scan as a recipe sees it.

    Attributes:
        key: Its name in the dataset.
        voxel_mm: Edge of a voxel [mm].
        image: The volume over its material's level, float16 as in the shard: 1 is the part's material, 0 is air.
        target: Whether a voxel is labelled as a defect of any kind.
        instances: Number of the defect in each voxel, 0 for none; wider than target: any voxel touched counts.
        fractions: Share of the voxel that is defect, times 255.
        defects: The records of defects.json.
    """

    key: str
    voxel_mm: float
    image: Float[np.ndarray, "z y x"]
    target: Bool[np.ndarray, "z y x"]
    instances: Integer[np.ndarray, "z y x"]
    fractions: UInt8[np.ndarray, "z y x"]
    defects: tuple[dict[str, Any], ...]


def defect_values(dataset: dict[str, Any]) -> tuple[int, ...]:
    """Return the label values whose role is defect."""
    values = tuple(entry["value"] for entry in dataset["classes"] if entry["role"] == "defect")
    if not values:
        names = ", ".join(entry["name"] for entry in dataset["classes"])
        raise BadInput(f"expected a class with the role 'defect', got only {names}; generate a dataset with defects")
    return values


def splits(dataset: dict[str, Any]) -> tuple[str, ...]:
    """Return the splits that hold at least one sample, in the order of their shards."""
    return tuple(dict.fromkeys(entry["split"] for entry in dataset["shards"] if len(entry["samples"]) > 0))


def check_shards(folder: Path, split: str) -> None:
    """Raise BadInput unless every shard of the split is there, whole and as it was written.

    Done before any training, so that a torn file is found in seconds and not at the end of a long run.
    """
    entries = [entry for entry in shards.read_dataset(folder)["shards"] if entry["split"] == split]
    if not any(len(entry["samples"]) > 0 for entry in entries):
        raise BadInput(f"expected samples in the split {split!r} of {str(folder)!r}, got none; generate more scans")
    for entry in entries:
        with opened(folder / entry["file"]) as shard:
            digest = hashlib.file_digest(shard, "sha256").hexdigest()
        if (wanted := entry.get("sha256", digest)) != digest:
            raise BadInput(
                f"shard {entry['file']}: expected sha256 {wanted!s:.12}..., got {digest:.12}...; copy it again"
            )


def load_scans(folder: Path, split: str) -> Iterator[Scan]:
    """Yield the scans of a split in order, one at a time."""
    if split not in splits(dataset := shards.read_dataset(folder)):
        raise unknown("split", split, splits(dataset))
    values = defect_values(dataset)
    promised = sum(len(entry["samples"]) for entry in dataset["shards"] if entry["split"] == split)
    got = 0
    for sample in shards.read_samples(folder, split):
        got += 1
        yield scan_of(sample, values)
    if got != promised:
        raise BadInput(f"split {split!r}: expected {promised} samples, got {got}; generate it again")


def scan_of(sample: dict[str, Any], values: tuple[int, ...]) -> Scan:
    """Return one sample as a scan; label values in `values` are defects."""
    names = ("volume", "labels", "instances", "fractions")
    if missing := {*names, "scene", "defects"} - sample.keys():
        raise BadInput(f"sample {sample['key']} lacks {', '.join(sorted(missing))}; generate it again")
    shapes = {name: sample[name].shape for name in names}
    if len(set(shapes.values())) != 1 or len(shapes["volume"]) != 3:
        raise BadInput(f"sample {sample['key']}: expected four volumes of one shape [z y x], got {shapes}")
    scale = sample["scene"].get("storage", {}).get("volume", {}).get("scale", 1.0)
    volume_per_mm = sample["volume"].astype(np.float32) * np.float32(scale)
    level_per_mm = material_level_per_mm(volume_per_mm)
    if not level_per_mm > 0:
        raise BadInput(
            f"sample {sample['key']}: expected a part in the volume, got a material level of {level_per_mm}/mm"
        )
    return Scan(
        key=sample["key"],
        voxel_mm=sample["scene"]["voxel_mm"],
        image=(volume_per_mm / level_per_mm).astype(np.float16),
        target=np.isin(sample["labels"], values),
        instances=sample["instances"],
        fractions=sample["fractions"],
        defects=tuple(sample["defects"]),
    )


def otsu(volume: Float[np.ndarray, "z y x"]) -> float:
    """Return Otsu's threshold between air and material, from an even subset of the voxels.

    The outermost thousandth at either end is clipped first: one streak must not stretch the histogram's 256 bins.
    """
    stride = max(1, int(np.ceil((volume.size / OTSU_VOXELS) ** (1 / 3))))
    values = volume[::stride, ::stride, ::stride].astype(np.float32)
    low, high = np.quantile(values, (0.001, 0.999))
    return float(threshold_otsu(np.clip(values, low, high))) if low < high else float(high)


def material_level_per_mm(volume_per_mm: Float[np.ndarray, "z y x"]) -> float:
    """Return the attenuation of the part's main material [1/mm]: the median of the voxels above Otsu's threshold.

    Attenuation changes with material, voltage and filter; its ratio to the part's own material does not: a void is 0
    and an inclusion is off 1 in any of them. Median: neither pores nor streaks move it. NaN if nothing is above.
    """
    above = volume_per_mm[volume_per_mm > otsu(volume_per_mm)]
    return float(np.median(above)) if above.size else float("nan")
