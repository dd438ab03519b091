"""Sheets that fork off another sheet, as those of a crack and of a tear do."""

import numpy as np
from manifold3d import Manifold, OpType

from defects.gap import Heights, gap, lattice, spread
from defects.implicit import without_crumbs
from defects.messages import BadInput

Forks = tuple[tuple[float, float, float], ...]
"""Each branch: where along x it leaves the sheet, and how far its tip lies from there along x and along z [mm]."""

MOST_BRANCHES = 8
STEEPEST_BRANCH_DEG = 75.0

BRANCH_OPENING, BRANCH_WIDTH = 0.5, 0.75
"""Of a branch at its fork, over those of the sheet there: the branch begins inside the sheet."""


def draw_forks(rng: np.random.Generator, count: int, length_mm: float, branch_deg: float) -> Forks:
    """Return branches of 0.15 to 0.35 of the length, up or down at `branch_deg` and away from the middle.

    0.8 of the length are cut into as many equal stretches as there are branches; one forks off in each, uniform over
    the inner half of the stretch.
    """
    if not branch_deg <= STEEPEST_BRANCH_DEG:
        raise BadInput(f"branch_deg must be at most {STEEPEST_BRANCH_DEG:g}, got {branch_deg}")
    made = []
    for i in range(count):
        at = (0.8 * (i + rng.uniform(0.25, 0.75)) / count - 0.4) * length_mm
        size = rng.uniform(0.15, 0.35) * length_mm
        up = rng.choice((-1.0, 1.0)) * np.deg2rad(branch_deg)
        made.append((float(at), float(np.copysign(size * np.cos(up), at)), float(size * np.sin(up))))
    return tuple(made)


def require_forks(branches_mm: tuple[tuple[float, ...], ...], length_mm: float) -> None:
    """Raise BadInput unless every branch leaves the sheet at a point of it, and at most 8 of them do."""
    for fork in branches_mm:
        if len(fork) != 3 or not np.all(np.isfinite(fork)) or abs(fork[0]) > 0.45 * length_mm or fork[1] == 0:
            raise BadInput(
                f"a branch must be 3 finite numbers in mm, its fork within 0.45 of the length from the middle and its "
                f"reach along x not 0, got {fork!r} at a length of {length_mm} mm"
            )
    if len(branches_mm) > MOST_BRANCHES:
        raise BadInput(f"at most {MOST_BRANCHES} branches can fork off one sheet, got {len(branches_mm)}")


def with_branches(
    sheet: Manifold,
    branches_mm: Forks,
    *,
    length_mm: float,
    width_mm: float,
    opening_mm: float,
    middle: Heights,
    columns: int = 12,
) -> Manifold:
    """Return a sheet and what forks off it as one solid [mm]; a branch begins inside the sheet.

    Args:
        sheet: Lies along x and y about the origin.
        branches_mm: What forks off.
        length_mm: Of the sheet; its width and opening fall to its ends as those of an ellipse do.
        width_mm: That it has at the least in its middle.
        opening_mm: That it has at the least in its middle.
        middle: Of the sheet.
        columns: Steps from a fork to its tip.
    """
    pieces = [sheet]
    for fork in branches_mm:
        local = np.sqrt(1 - (2 * fork[0] / length_mm) ** 2)
        sizes = {"width_mm": BRANCH_WIDTH * local * width_mm, "opening_mm": BRANCH_OPENING * local * opening_mm}
        pieces.append(branch(fork, **sizes, middle=middle, columns=columns))
    return without_crumbs(Manifold.batch_boolean(pieces, OpType.Add)) if branches_mm else sheet


def branch(
    fork_mm: tuple[float, float, float], *, width_mm: float, opening_mm: float, middle: Heights, columns: int = 12
) -> Manifold:
    """Return a half sheet that forks off another one, whose middle is given [mm].

    Args:
        fork_mm: Where along x it leaves the other, and how far its tip lies from there along x (either way) and along
            z, beyond the rise of the other's middle.
        width_mm: At the fork, along y.
        opening_mm: At the fork, along z; it dies away as an ellipse to the tip and to both sides.
        middle: Of the sheet it leaves.
        columns: Steps from fork to tip.
    """
    at_mm, reach_mm, lift_mm = fork_mm
    unit, height, triangles = lattice(spread(columns, 0.0), 12)
    points = np.column_stack([at_mm + reach_mm * unit[:, 0], width_mm / 2 * unit[:, 1]])
    heights = middle(points[:, 0], points[:, 1]) + lift_mm * unit[:, 0]
    return gap(points, triangles if reach_mm > 0 else triangles[:, ::-1], heights, opening_mm * height)
