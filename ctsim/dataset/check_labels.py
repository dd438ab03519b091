"""Where labels, instances, fractions and defects.json disagree."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ctsim.kernel import kernel
from ctsim.truth import LEAST_SHARE
from scenes.scene import SceneSpec

EXPONENT = 0x7C00
"""Bits of a float16 that are all set in what is not finite."""


def not_finite(array: np.ndarray) -> int:
    """Return how many values of a float16 array are not finite; numpy takes four times as long."""
    return int(_all_set(array.view(np.uint16).ravel(), EXPONENT))


def label_faults(sample: dict[str, Any], scene: SceneSpec, classes: list[dict]) -> Iterator[str]:
    """Yield where labels, instances, fractions and defects.json disagree with each other or with the scene.

    Args:
        sample: Decoded, its arrays of the right types and shapes.
        scene: As scene.json has it.
        classes: As dataset.json lists them.
    """
    if faults := list(_listing_faults(sample)):
        yield from faults
        return
    known = {c["value"]: c for c in classes}
    flawed = np.array([known.get(value, {}).get("role") == "defect" for value in range(256)])
    listed = {record["number"]: record for record in sample["defects"]}
    solid = {record["kind"] for record in listed.values() if record["volume_mm3"] is not None}
    tally = tally_of(*(sample[name] for name in ("labels", "instances", "fractions")), flawed, len(solid))
    yield from _class_faults(tally, known, scene, {listed[n]["kind"] for n in tally["numbers"] if n in listed})
    if strangers := sorted(tally["numbers"].keys() - listed.keys()):
        yield f"instances: defect {strangers[0]} is not in defects.json"
    for number, record in listed.items():
        if (found := tally["numbers"].get(number, 0)) != record["voxels"]:
            yield f"instances: defect {number} has {found} voxels, in defects.json {record['voxels']}"
    if tally["unfilled"]:
        yield "instances: some voxels belong to a defect of which fractions know nothing"
    if tally["unowned"]:
        yield f"labels: {tally['unowned']} voxels of a defect belong to no defect in instances"
    if tally["sound"]:
        yield f"labels: {tally['sound']} voxels are nearly all defect in fractions, and sound in labels"
    yield from _volume_faults(sample, tally)


def _listing_faults(sample: dict[str, Any]) -> Iterator[str]:
    """Yield where defects.json lists other defects than scene.json."""
    items = sample["scene"]["scene"]["items"]
    wanted = [(i, flaw) for i, item in enumerate(items) for flaw in item["defects"]]
    if len(sample["defects"]) != len(wanted):
        yield f"defects.json lists {len(sample['defects'])} defects, scene.json {len(wanted)}"
        return
    for number, (record, (item, flaw)) in enumerate(zip(sample["defects"], wanted, strict=True), start=1):
        told = {"kind": record["kind"], **record["parameters"]}
        if (record["number"], record["item"]) != (number, item) or told != flaw:
            yield f"defects.json: defect {number} is another than in scene.json"


def _class_faults(tally: dict, known: dict[int, dict], scene: SceneSpec, kinds: set[str]) -> Iterator[str]:
    """Yield what labels show and should not."""
    if unknown := sorted(tally["classes"].keys() - known.keys()):
        yield f"labels: class {unknown[0]} is not in dataset.json"
    present = [known[value] for value in sorted(tally["classes"]) if value in known]
    if alone := [c["name"] for c in present if c["role"] == "defect" and c["name"] not in kinds]:
        yield f"labels show a {alone[0]} that defects.json does not list"
    matter = {name for item in scene.items for name in item.part.materials.values()}
    matter |= {scene.fixture.material} if scene.fixture else set()
    if strange := [c["name"] for c in present if c["role"] == "material" and c["name"] not in matter]:
        yield f"labels show {strange[0]}, of which nothing in the scene is made"


def _volume_faults(sample: dict[str, Any], tally: dict) -> Iterator[str]:
    voxel_mm3 = sample["scene"]["voxel_mm"] ** 3
    least, total = _volumes_mm3(sample)
    filled = tally["filled"] / 255 * voxel_mm3
    # each voxel is rounded to 1/255; 2 % and half a step for each voxel on a rim are allowed
    slack = 0.02 * total + 0.5 / 255 * voxel_mm3 * sum(tally["numbers"].values()) + 0.01 * voxel_mm3
    if not least - slack <= filled <= total + slack:
        yield f"fractions hold {filled:.4g} mm3 of defects, defects.json {total:.4g} mm3"


def _volumes_mm3(sample: dict[str, Any]) -> tuple[float, float]:
    """Return what fractions must show of the defects that lie wholly within the voxels, and the volume of all.

    Those of no solid have none. What is too thin for a voxel to show, less than LEAST_SHARE of it, may be missing.
    """
    voxel_mm = sample["scene"]["voxel_mm"]
    half_mm = voxel_mm * np.array(sample["fractions"].shape[::-1]) / 2
    solid, least = [record for record in sample["defects"] if record["volume_mm3"] is not None], 0.0
    for record in solid:
        # no corner lies farther from the centre of mass than the whole extent
        reach_mm = np.abs(record["centroid_stage_mm"]) + record["feret_max_mm"]
        volume_mm3 = record["volume_mm3"]
        area_mm2 = np.cbrt(np.pi) * np.cbrt(6 * volume_mm3) ** 2 / record["sphericity"]
        # both sides of a thin sheet lie in the same voxels, and it meets at most 3 for each voxel's face of its area
        unseen_mm3 = min(LEAST_SHARE * 1.5 * area_mm2 * voxel_mm, volume_mm3)
        least += volume_mm3 - unseen_mm3 if np.all(reach_mm <= half_mm) else 0.0
    return least, sum(record["volume_mm3"] for record in solid)


def tally_of(
    labels: np.ndarray, instances: np.ndarray, fractions: np.ndarray, flawed: np.ndarray, kinds: int
) -> dict[str, Any]:
    """Return what there is to count in the voxels of a sample.

    * `classes` and `numbers`: voxels by class, and by defect;
    * `filled`: sum of the fractions, in 255ths of a voxel;
    * `unfilled`: voxels of a defect with a fraction of 0; `unowned`: those labelled as a defect, of no instance;
    * `sound`: those that cannot be labelled as matter or air: of k kinds, one has 1 / (k + 1) of the voxel where all
      have k / (k + 1), and nothing else has as much.

    Args:
        labels: uint8.
        instances: uint16.
        fractions: uint8.
        flawed: Whether a class is a defect, by its value.
        kinds: How many kinds of defect may share a voxel.
    """
    classes, numbers, odd = np.zeros(256, np.int64), np.zeros(1 << 16, np.int64), np.zeros(3, np.int64)
    nearly_all = 255 * kinds / (kinds + 1) + 1 if kinds else 0.0
    filled = _count(labels.ravel(), instances.ravel(), fractions.ravel(), flawed, nearly_all, classes, numbers, odd)
    return {
        "classes": {int(value): int(classes[value]) for value in np.flatnonzero(classes)},
        "numbers": {int(n): int(numbers[n]) for n in np.flatnonzero(numbers) if n},
        "filled": int(filled),
        **dict(zip(("unfilled", "unowned", "sound"), map(int, odd), strict=True)),
    }


@kernel(nogil=True)
def _count(labels, instances, fractions, flawed, nearly_all, classes, numbers, odd):
    """Count voxels by class and number, and those that are odd, and return the sum of the fractions."""
    filled = 0
    for voxel in range(labels.size):
        label, number, fraction = labels[voxel], instances[voxel], fractions[voxel]
        classes[label] += 1
        numbers[number] += 1
        filled += fraction
        odd[0] += number != 0 and fraction == 0
        odd[1] += number == 0 and flawed[label]
        odd[2] += fraction > nearly_all and not flawed[label]
    return filled


@kernel(nogil=True)
def _all_set(values, mask):
    """Return in how many values all bits of a mask are set."""
    count = 0
    for place in range(values.size):
        count += (values[place] & mask) == mask
    return count
