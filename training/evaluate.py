"""How good a segmentation is: by voxel, by defect and its size, and by false calls.

* Dice = 2 |P and T| / (|P| + |T|), pooled over all voxels and per part. A part without defects in which nothing is
  predicted scores 1 (empty-empty = 1).
* A defect is detected when at least 10 % of its volume lies in predicted voxels. A share of the true object is the
  rule of Commowick et al. 2018 (doi:10.1038/s41598-018-31911-7); the 10 % is ours: any overlap would let one stray
  voxel find a crack, and half would fail defects of two voxels, whose rim is partial volume. The share is taken over
  volume (`fractions`), so that voxels a defect hardly touches hardly count. A defect without a voxel is missed.
* A call is a connected component of the prediction (26 neighbours); it is false when it touches no defect at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer
from scipy import ndimage

DETECTED_SHARE = 0.1
SIZE_BINS_VOXELS = {"<2": 2.0, "2-3": 3.0, "3-5": 5.0, ">=5": np.inf}  # name: first size beyond it


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """What was counted in one part.

    Attributes:
        key: Which scan.
        true_voxels: Voxels labelled as defect.
        predicted_voxels: Voxels predicted as defect.
        common_voxels: Voxels that are both.
        found: Of every defect, how many voxels it is across, and whether it was detected.
        calls: Connected components of the prediction.
        false_calls: Those that touch no defect.
    """

    key: str
    true_voxels: int
    predicted_voxels: int
    common_voxels: int
    found: tuple[tuple[float, bool], ...]
    calls: int
    false_calls: int


def score_part(
    key: str,
    prediction: Bool[np.ndarray, "z y x"],
    target: Bool[np.ndarray, "z y x"],
    instances: Integer[np.ndarray, "z y x"],
    fractions: Integer[np.ndarray, "z y x"],
    defects: Sequence[dict[str, Any]],
) -> PartScore:
    """Return the counts of one part; arguments are as in `training.data.Scan`."""
    calls, false_calls = count_calls(prediction, instances > 0)
    return PartScore(
        key=key,
        true_voxels=int(target.sum()),
        predicted_voxels=int(prediction.sum()),
        common_voxels=int((prediction & target).sum()),
        found=detections(prediction, instances, fractions, defects),
        calls=calls,
        false_calls=false_calls,
    )


def detections(
    prediction: Bool[np.ndarray, "z y x"],
    instances: Integer[np.ndarray, "z y x"],
    fractions: Integer[np.ndarray, "z y x"],
    defects: Sequence[dict[str, Any]],
) -> tuple[tuple[float, bool], ...]:
    """Return of every defect how many voxels it is across and whether it is detected."""
    numbers = np.array([defect["number"] for defect in defects], dtype=np.int64)
    length = int(max(numbers.max(initial=0), instances.max(initial=0))) + 1
    touched = instances > 0
    whole = np.bincount(instances[touched], weights=fractions[touched], minlength=length)
    met = touched & prediction
    caught = np.bincount(instances[met], weights=fractions[met], minlength=length)
    detected = (whole > 0) & (caught >= DETECTED_SHARE * whole)
    return tuple((float(defect["voxels_across"]), bool(detected[defect["number"]])) for defect in defects)


def count_calls(prediction: Bool[np.ndarray, "z y x"], touched: Bool[np.ndarray, "z y x"]) -> tuple[int, int]:
    """Return how many connected components the prediction has, and how many of them meet no touched voxel."""
    components, calls = ndimage.label(prediction, structure=np.ones((3, 3, 3)))
    true_calls = len(np.unique(components[prediction & touched]))
    return calls, calls - true_calls


def dice(true_voxels: int, predicted_voxels: int, common_voxels: int) -> float:
    """Return Dice's coefficient; 1 where nothing is true and nothing is predicted."""
    total = true_voxels + predicted_voxels
    return 2 * common_voxels / total if total else 1.0


def summary(parts: Iterable[PartScore]) -> dict[str, Any]:
    """Return all figures of all parts, ready for JSON; a rate over nothing is None."""
    parts = list(parts)
    per_part = {part.key: dice(part.true_voxels, part.predicted_voxels, part.common_voxels) for part in parts}
    found = [pair for part in parts for pair in part.found]
    calls, false_calls = sum(part.calls for part in parts), sum(part.false_calls for part in parts)
    recall, precision = _rate(sum(hit for _, hit in found), len(found)), _rate(calls - false_calls, calls)
    sums = [sum(getattr(part, f"{name}_voxels") for part in parts) for name in ("true", "predicted", "common")]
    return {
        "dice_pooled": round(dice(*sums), 6),
        "dice_mean_over_parts": _rate(sum(per_part.values()), len(per_part)),
        "dice_per_part": {key: round(value, 6) for key, value in per_part.items()},
        "detection_by_voxels_across": by_size(found),
        "defect_recall": recall,
        "defect_precision": precision,
        "defect_f1": _f1(recall, precision),
        "calls": calls,
        "false_calls": false_calls,
        "false_calls_per_volume": _rate(false_calls, len(parts)),
    }


def by_size(found: Iterable[tuple[float, bool]]) -> dict[str, dict[str, Any]]:
    """Return how many defects of each size there are and how many are detected; sizes in voxels across."""
    hits: dict[str, list[bool]] = {name: [] for name in SIZE_BINS_VOXELS}
    for voxels_across, hit in found:
        hits[next(name for name, beyond in SIZE_BINS_VOXELS.items() if voxels_across < beyond)].append(hit)
    return {
        name: {"defects": len(held), "detected": sum(held), "rate": _rate(sum(held), len(held))}
        for name, held in hits.items()
    }


def _rate(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _f1(recall: float | None, precision: float | None) -> float | None:
    """Return the harmonic mean of both; 0 if only one of them is defined, None if neither is."""
    if recall is None or precision is None:
        return None if recall == precision else 0.0
    return round(2 * recall * precision / (recall + precision), 6) if recall + precision else 0.0
