"""Key figures of a part's porosity."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ctsim.metrology.size import rounded
from defects import kinds
from scenes.body import VOID

SMALL_MM = 0.6
"""Voids whose greatest Feret diameter does not exceed this are counted apart."""

PERCENTILES = (10, 50, 90)
"""Of the sizes that are listed."""

NOTE = "not graded after BDG P 203; whole host as reference volume; by exact solids"
"""As it stands beside the figures."""


def porosity_of(records: Sequence[dict[str, Any]], reference_mm3: float) -> dict[str, Any]:
    """Return the key figures of the voids in a reference volume, small ones apart.

    They are those that a porosity key in the style of the guideline BDG P 203 (Bundesverband der Deutschen
    Giesserei-Industrie, 2019) is made from: share of the reference volume, largest void, number, and distances. The
    guideline may leave out voids of at most 0.6 mm, so they are listed by themselves here, by their greatest Feret
    diameter. Nothing is graded: reference volumes by function, surfaces still to be machined and limits by class are
    the user's, and what a scan finds is not what is there. Fillings are no voids; cracks are. Nor is what lacks at
    the outside (an undercut, a thinned wall, a chipped edge, a lap), nor the place of a missing component.

    Args:
        records: Of all defects; see `ctsim.metrology.records`.
        reference_mm3: Volume of the host before anything went wrong with it [mm3].
    """
    voids = [r for r in records if r["material"] == VOID and _is_inside(r["kind"])]
    large = [r for r in voids if r["feret_max_mm"] > SMALL_MM]
    small = [r for r in voids if r["feret_max_mm"] <= SMALL_MM]
    return {
        "note": NOTE,
        "reference_volume_mm3": rounded(reference_mm3),
        "small_up_to_mm": SMALL_MM,
        "all": _figures(voids, reference_mm3),
        "large": _figures(large, reference_mm3),
        "small": _figures(small, reference_mm3),
    }


def _is_inside(kind: str) -> bool:
    """Return whether flaws of a kind are voids in the host: not at its outside, and not beside it."""
    return not (kinds.kind_of(kind).at_surface or kinds.kind_of(kind).whole_part)


def _figures(voids: list[dict[str, Any]], reference_mm3: float) -> dict[str, Any]:
    """Return the key figures of some voids; what needs one is None where there is none."""
    total = float(sum(r["volume_mm3"] for r in voids))
    sizes = {name: [r[name] for r in voids] for name in ("equivalent_diameter_mm", "feret_max_mm")}
    largest = max(voids, key=lambda r: r["volume_mm3"], default=None)
    gaps = [r["neighbour_distance_mm"] for r in voids if r["neighbour_distance_mm"] is not None]
    return {
        "number": len(voids),
        "number_by_kind": dict(sorted(Counter(r["kind"] for r in voids).items())),
        "number_per_cm3": rounded(1000 * len(voids) / reference_mm3),
        "volume_mm3": rounded(total),
        "porosity_percent": rounded(100 * total / reference_mm3),
        "largest_number": largest and largest["number"],
        "largest_volume_mm3": largest and largest["volume_mm3"],
        "largest_feret_max_mm": max(sizes["feret_max_mm"], default=None),
        **{
            f"{name.removesuffix('_mm')}_percentiles_mm": {
                str(p): rounded(float(np.percentile(values, p))) if values else None for p in PERCENTILES
            }
            for name, values in sizes.items()
        },
        "least_wall_distance_mm": min((r["wall_distance_mm"] for r in voids), default=None),
        "least_neighbour_distance_mm": min(gaps, default=None),
    }
