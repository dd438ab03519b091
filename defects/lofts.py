"""Closed surfaces through rings of corners, and bodies of revolution whose volume is exact."""

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, Mesh64

SEGMENTS = 48
"""Corners of a ring round an axis."""


def loft(
    start_mm: Float[np.ndarray, "3"], rings_mm: Float[np.ndarray, "station corner 3"], end_mm: Float[np.ndarray, "3"]
) -> Manifold:
    """Return the closed surface [mm] from one tip through rings of corners to the other tip.

    Args:
        start_mm: The first tip, or the middle of the first ring, which it then closes flat.
        rings_mm: Corners that run right-handed about the way from start to end.
        end_mm: The last tip.
    """
    stations, corners = rings_mm.shape[:2]
    points = np.concatenate([rings_mm.reshape(-1, 3), [start_mm, end_mm]])
    here = np.arange(corners)
    after = np.roll(here, -1)
    first, last = stations * corners, stations * corners + 1
    base = (stations - 1) * corners
    faces = [
        np.column_stack([np.full(corners, first), after, here]),
        *_bands(stations, corners),
        np.column_stack([np.full(corners, last), base + here, base + after]),
    ]
    return Manifold(Mesh64(points, np.concatenate(faces).astype(np.uint64)))


def revolved(
    heights_mm: Float[np.ndarray, " station"], radii_mm: Float[np.ndarray, " station"], segments: int = SEGMENTS
) -> Manifold:
    r"""Return the body of revolution about z with straight lines between the given heights [mm].

    Its rings are blown up to the area of their circles, so that its volume is exactly that of the cones

    $$ V = \sum_i \frac{\pi}{3} (z_{i+1} - z_i) (r_i^2 + r_i r_{i+1} + r_{i+1}^2) $$

    Args:
        heights_mm: Rising.
        radii_mm: At each height; the ends are closed flat, or are tips where their radius is 0.
        segments: Corners of a ring.
    """
    open_ = radii_mm > 0
    turn = 2 * np.pi * np.arange(segments) / segments
    across = np.stack([np.cos(turn), np.sin(turn)], axis=1) * grown(segments)
    rings = np.zeros((int(open_.sum()), segments, 3))
    rings[..., :2] = radii_mm[open_, None, None] * across
    rings[..., 2] = heights_mm[open_, None]
    return loft(np.array([0.0, 0.0, heights_mm[0]]), rings, np.array([0.0, 0.0, heights_mm[-1]]))


def grown(segments: int) -> float:
    """Return the radius of the regular polygon that has the area of the unit circle."""
    return float(np.sqrt(2 * np.pi / segments / np.sin(2 * np.pi / segments)))


def polygon_area(corners: Float[np.ndarray, "corner 2"]) -> float:
    """Return the area of a polygon, positive where its corners run counter-clockwise (the shoelace formula)."""
    x, y = corners.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _bands(stations: int, corners: int) -> list[Int[np.ndarray, "face 3"]]:
    """Return the faces between each ring and the next."""
    here = np.arange(corners)
    after = np.roll(here, -1)
    faces = []
    for low in range(0, (stations - 1) * corners, corners):
        high = low + corners
        faces.append(np.column_stack([low + here, low + after, high + after]))
        faces.append(np.column_stack([low + here, high + after, high + here]))
    return faces
