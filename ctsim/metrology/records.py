"""SceneSpec, Specimen -> defects.json: one record a defect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.metrology.contrast import Seen, expected, measured
from ctsim.metrology.detectable import RULE, is_detectable, rose_ratio
from ctsim.metrology.gaps import gap_mm, neighbours, tree_of
from ctsim.metrology.size import SIZES, rounded, size_of
from ctsim.scanner import Scanner, grid_of
from ctsim.truth import Truth
from defects import kinds
from scenes.build import Solid, Specimen
from scenes.scene import SceneSpec

HOST_CUT = 1 / 40
"""Share of the host's extent that no edge is longer than while distances are looked up."""

PLACES = ("wall_distance_mm", "neighbour_distance_mm", "neighbour_number")
CONTRASTS = (
    "contrast_to_noise", "expected_contrast_to_noise", "radiograph_contrast_to_noise_best",
    "radiograph_contrast_to_noise_median", "rose_ratio", "detectable",
)  # fmt: skip


def defect_records(
    scene: SceneSpec,
    specimen: Specimen,
    truth: Truth,
    volume: Float[np.ndarray, "z y x"] | None,
    scanner: Scanner | None = None,
) -> list[dict[str, Any]]:
    """Return one record a defect, in the order of its number; all that is measured is None for one without a solid.

    A defect has none where it changes the part as a whole, or where earlier ones have taken all of it. Beside what
    `size_of` tells a record holds:

    * `number`, `item` (its part's place among the scene's items, from 0), `kind`, `material` (void, or what fills it),
      `parameters` as drawn, `voxels` of its instance;
    * `wall_distance_mm` to the host's surface, 0 where it is open to it; `neighbour_distance_mm` to the nearest other
      defect and its `neighbour_number`; all exact for the facets;
    * `contrast_to_noise`, measured in the volume, and `expected_contrast_to_noise`, from the radiographs by the way of
      FDK: of a defect's mean voxel, by its share of each; the blur of the reconstruction itself is left out;
    * `radiograph_contrast_to_noise_best` and `_median`, expected of its best pixel in each view: of the best view, and
      the median view;
    * `rose_ratio`, the signal to noise of all its voxels together, `detectable`, and the `detectable_rule`. The noise
      is the expected one, or where the volume is not made by FDK, that measured about the defect; where that cannot
      be measured, `detectable` is None. What lies beside the volume is not detectable.
    * Expected noise is that of quanta, read-out and rounding; artefacts are in the measured one alone.

    Args:
        scene: The parameters come from here.
        specimen: Sizes and distances come from the solids.
        truth: The voxels of each defect.
        volume: The reconstruction, for contrast to noise [1/mm].
        scanner: What the scan was made with; without it nothing is expected.
    """
    known = _measures(scene, specimen, truth, volume, scanner)
    nothing = dict.fromkeys(("material", *SIZES, *PLACES, *CONTRASTS))
    voxels = np.bincount(truth.instances.ravel(), minlength=len(scene.defects) + 1)
    records = []
    listed = [(item, flaw) for item, one in enumerate(scene.items) for flaw in one.defects]
    for number, (item, flaw) in enumerate(listed, start=1):
        parameters = kinds.to_json(flaw)
        told = {"number": number, "item": item, "kind": parameters.pop("kind"), **known.get(number, nothing)}
        told |= {"detectable_rule": RULE, "voxels": int(voxels[number]), "parameters": parameters}
        records.append(told)
    return records


def _measures(
    scene: SceneSpec,
    specimen: Specimen,
    truth: Truth,
    volume: Float[np.ndarray, "z y x"] | None,
    scanner: Scanner | None,
) -> dict[int, dict[str, Any]]:
    """Return all that is measured of each defect that has a solid, by its number."""
    flaws = sorted((solid for solid in specimen.solids if solid.number), key=lambda solid: solid.number)
    seen = _expected(scene, specimen, flaws, scanner)
    found = {}
    for flaw, place, one, part in zip(flaws, _places(flaws, specimen), seen, truth.shares, strict=True):
        size = size_of(flaw.surface, scene.volume.voxel_mm)
        contrasts = _contrasts(one, volume, truth, part, size["voxels_across"])
        found[flaw.number] = {"material": flaw.material, **size, **place, **contrasts}
    return found


def _places(flaws: Sequence[Solid], specimen: Specimen) -> list[dict[str, float | int | None]]:
    """Return the fields PLACES of each defect."""
    trees = [tree_of(flaw.surface) for flaw in flaws]
    hosts = {item: tree_of(specimen.hosts[item], HOST_CUT) for item in {flaw.item for flaw in flaws}}
    found = []
    for flaw, tree, (gap, other) in zip(flaws, trees, neighbours(trees), strict=True):
        wall = rounded(gap_mm(tree, hosts[flaw.item]))
        values = (wall, None, None) if gap is None else (wall, rounded(gap), flaws[other].number)
        found.append(dict(zip(PLACES, values, strict=True)))
    return found


def _expected(scene: SceneSpec, specimen: Specimen, flaws: list[Solid], scanner: Scanner | None) -> list[Seen | None]:
    if scanner is None:
        return [None] * len(flaws)
    by_fdk = (grid_of(scene.volume), scene.volume.window) if scene.volume.method == "fdk" else None
    return expected(specimen, flaws, scanner, by_fdk)


def _contrasts(
    seen: Seen | None,
    volume: Float[np.ndarray, "z y x"] | None,
    truth: Truth,
    part: tuple[tuple[slice, slice, slice], Float[np.ndarray, "box_z box_y box_x"]],
    voxels_across: float,
) -> dict[str, float | bool | None]:
    """Return the fields CONTRASTS of one defect."""
    box, share = part
    found = None if volume is None else measured(volume, truth, box, share)
    total, squares = float(share.sum(dtype=float)), float((share.astype(float) ** 2).sum())
    noise = seen and (seen.noise_per_mm or (found and found[1]))
    ratio = rose_ratio(share, seen.contrast_per_mm, noise) if seen and noise else None
    if not total:  # it lies beside the volume
        ratio = 0.0
    mean = seen.contrast_per_mm * squares / total / seen.noise_per_mm if seen and seen.noise_per_mm and total else None
    values = (
        found and found[0] / found[1], mean, seen and seen.best, seen and seen.median, ratio,
    )  # fmt: skip
    return {
        **{name: None if v is None else rounded(v) for name, v in zip(CONTRASTS[:-1], values, strict=True)},
        "detectable": None if seen and ratio is None else is_detectable(ratio, voxels_across),
    }
