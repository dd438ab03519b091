"""Which split a scene belongs to, by its parts and by the kinds of its defects, never by the picture."""

import hashlib
from collections.abc import Mapping

import numpy as np

from scenes.defect_spec import DefectSpec
from scenes.part_spec import PartSpec
from scenes.records import SPLITS, Split
from scenes.spec import DatasetSpec


def split_of(spec: DatasetSpec, part: PartSpec) -> Split:
    """Return the split that all scenes of a part belong to.

    A hash of the part's name decides, so that adding parts to a dataset moves none. The first part is for training
    whatever its hash: a dataset of one part can hold nothing back.
    """
    if part.split is not None:
        return part.split
    return "train" if part.key == spec.parts[0].key else by_hash(part.key, spec.splits)


def splits_of(spec: DatasetSpec, wish: DefectSpec) -> tuple[Split, ...]:
    """Return the splits whose scenes may hold an entry of `defects`: all, or with `split_kinds` one a kind.

    Then a hash of the kind's name decides, and the kind of the first entry is for training, as with parts.
    """
    if wish.split is not None:
        return (wish.split,)
    if not spec.split_kinds:
        return SPLITS
    return ("train" if wish.kind == spec.defects[0].kind else by_hash(wish.kind, spec.splits),)


def wishes_for(spec: DatasetSpec, split: Split) -> tuple[DefectSpec, ...]:
    """Return the entries of `defects` that scenes of a split may hold."""
    return tuple(wish for wish in spec.defects if split in splits_of(spec, wish))


def kind_splits(spec: DatasetSpec) -> dict[str, list[Split]]:
    """Return for each kind of defect the splits whose scenes may hold it."""
    found: dict[str, set[Split]] = {}
    for wish in spec.defects:
        found.setdefault(wish.kind, set()).update(splits_of(spec, wish))
    return {kind: [split for split in SPLITS if split in splits] for kind, splits in found.items()}


def by_hash(name: str, shares: Mapping[Split, float]) -> Split:
    """Return the split that a name falls into: of many names, each gets its share."""
    sums = np.cumsum([shares.get(split, 0.0) for split in SPLITS])
    point = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
    return SPLITS[int(np.searchsorted(sums / sums[-1], point, side="right"))]
