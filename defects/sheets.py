"""Thin sheets that end in a sharp rim: an irregular outline, a thickness, and a mid-surface that need not be flat."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from defects.gap import Heights, columns_mm3, gap
from defects.lofts import polygon_area
from defects.messages import BadInput

RINGS, CORNERS = 16, 96
"""Of the net of corners on either face."""

ORDERS = (2, 3, 4, 5, 6, 7)
"""How many times round the outline each of its lobes repeats; the first would only shift it."""

Lobes = tuple[tuple[int, float, float], ...]
"""Of an outline: each (times round, amplitude, phase in deg)."""


def sheet(
    length_mm: float,
    width_mm: float,
    lobes: Lobes,
    thickness: Callable[[Float[np.ndarray, " ring"]], Float[np.ndarray, " ring"]],
    mean_thickness_mm: float,
    middle: Heights | None = None,
) -> Manifold:
    r"""Return a sheet about the origin [mm], flat in x and y but for its mid-surface.

    Its outline is $\rho(\varphi) = 1 + \sum a_k \cos(k \varphi + p_k)$, stretched to the area of the ellipse of that
    length and width. Its volume is exactly $\pi / 4 \cdot length \cdot width \cdot mean thickness$, for the mid-surface
    only slides columns along z.

    Args:
        length_mm: Axis along x of the ellipse of equal area.
        width_mm: Axis along y.
        lobes: Of the outline.
        thickness: By the way from the middle (0) to the rim (1), where it is 0; its scale is of no matter.
        mean_thickness_mm: Over the sheet's area.
        middle: Height of the mid-surface [mm] at x and y [mm].
    """
    turn = 2 * np.pi * np.arange(CORNERS) / CORNERS
    radius = 1 + sum(a * np.cos(k * turn + np.deg2rad(p)) for k, a, p in lobes)
    rim = np.column_stack([radius * np.cos(turn) * length_mm / 2, radius * np.sin(turn) * width_mm / 2])
    rim *= np.sqrt(np.pi / 4 * length_mm * width_mm / polygon_area(rim))
    share = np.arange(RINGS + 1) / RINGS
    plane = np.concatenate([np.zeros((1, 2)), (share[1:, None, None] * rim).reshape(-1, 2)])
    thick = np.concatenate([thickness(share[:1]), np.repeat(thickness(share[1:]), CORNERS)])
    thick[-CORNERS:] = 0
    net = _net()
    thick *= np.pi / 4 * length_mm * width_mm * mean_thickness_mm / columns_mm3(plane, net, thick)
    height = np.zeros(len(plane)) if middle is None else middle(plane[:, 0], plane[:, 1])
    return gap(plane, net, height, thick)


def draw_lobes(rng: np.random.Generator, irregularity: float) -> Lobes:
    """Return the lobes of an outline whose radius has that relative standard deviation; long ones are larger."""
    phases = rng.uniform(0, 360, len(ORDERS))
    if irregularity == 0:
        return ()
    weights = 1 / np.array(ORDERS)
    amplitudes = irregularity * np.sqrt(2) * weights / np.linalg.norm(weights)
    return tuple((k, float(a), float(p)) for k, a, p in zip(ORDERS, amplitudes, phases, strict=True))


def require_lobes(lobes: tuple[tuple[float, ...], ...]) -> None:
    """Raise BadInput unless an outline with these lobes never runs back through its middle."""
    for lobe in lobes:
        if len(lobe) != 3 or not np.all(np.isfinite(lobe)) or lobe[0] < 1 or lobe[0] != int(lobe[0]):
            raise BadInput(f"a lobe must be 3 finite numbers (whole times round, amplitude, deg), got {lobe!r}")
    if len({lobe[0] for lobe in lobes}) < len(lobes):
        raise BadInput(f"the lobes of an outline must differ in how often they repeat, got {lobes!r}")
    if (total := sum(abs(lobe[1]) for lobe in lobes)) >= 0.95:
        raise BadInput(
            f"the amplitudes of an outline's lobes must add up to less than 0.95, got {total:.3g}; an irregularity "
            f"of up to 0.3 is always good"
        )


def _net() -> np.ndarray:
    """Return the triangles of a net, counter-clockwise: a middle, and rings about it."""
    here = np.arange(CORNERS)
    after = np.roll(here, -1)
    faces = [np.column_stack([np.zeros(CORNERS, int), 1 + here, 1 + after])]
    for ring in range(RINGS - 1):
        low, high = 1 + ring * CORNERS, 1 + (ring + 1) * CORNERS
        faces.append(np.column_stack([low + here, high + here, high + after]))
        faces.append(np.column_stack([low + here, high + after, low + after]))
    return np.concatenate(faces)
