"""Gaps over a flat patch, given by the height of their middle and by how far they open at every point.

Both faces have the same triangles seen along z, one straight above the other. So they cannot cross, however thin the
gap and however bent its middle, and the volume is exactly that of the columns between them.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, Mesh64

Heights = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(x, y) in mm -> height in mm."""


def spread(count: int, low: float = -1.0) -> Float[np.ndarray, " column"]:
    """Return `count` + 1 numbers from `low` to 1, crowded towards those ends that are -1 or 1."""
    if low == -1:
        return -np.cos(np.pi * np.arange(count + 1) / count)
    return np.sin(np.linspace(np.arcsin(low), np.pi / 2, count + 1))


def lattice(
    columns: Float[np.ndarray, " column"], rows: int
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, " n"], Int[np.ndarray, "m 3"]]:
    """Return a patch of the unit disc: its points, the height of the unit ball above them, its triangles.

    Args:
        columns: Places along x, rising, from -1 or above to 1; where the first is above -1, the disc is cut off there.
        rows: Steps along y from rim to rim.

    The height is exactly 0 on the rim and above 0 anywhere else. Triangles run counter-clockwise.
    """
    across = spread(rows)
    points, heights, index = [], [], []
    for u in columns:
        half = np.sqrt(1 - u * u)
        row = across if abs(u) < 1 else np.zeros(1)
        first = sum(len(p) for p in points)
        index.append(first + (np.arange(rows + 1) if abs(u) < 1 else np.zeros(rows + 1, int)))
        points.append(np.column_stack([np.full(len(row), u), half * row]))
        heights.append(half * np.sqrt(1 - row * row))
    here, there = np.array(index)[:-1], np.array(index)[1:]
    low = np.stack([here[:, :-1], there[:, :-1], there[:, 1:]], axis=-1).reshape(-1, 3)
    high = np.stack([here[:, :-1], there[:, 1:], here[:, 1:]], axis=-1).reshape(-1, 3)
    triangles = np.concatenate([low, high])
    real = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    return np.concatenate(points), np.concatenate(heights), triangles[real]


def columns_mm3(
    points_mm: Float[np.ndarray, "n 2"], triangles: Int[np.ndarray, "m 3"], opening_mm: Float[np.ndarray, " n"]
) -> float:
    """Return the volume of a gap: area times mean opening, triangle by triangle."""
    a, b, c = (points_mm[triangles[:, i]] for i in range(3))
    p, q = b - a, c - a
    areas = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / 2
    return float(areas @ opening_mm[triangles].mean(axis=1))


def gap(
    points_mm: Float[np.ndarray, "n 2"],
    triangles: Int[np.ndarray, "m 3"],
    middle_mm: Float[np.ndarray, " n"],
    opening_mm: Float[np.ndarray, " n"],
) -> Manifold:
    """Return the closed solid between two faces [mm], half the opening above and below the middle.

    Args:
        points_mm: Corners of the patch in x and y.
        triangles: Of the patch, counter-clockwise.
        middle_mm: Height of the middle at every corner.
        opening_mm: Distance of the faces along z; 0 only on the rim, where they then meet; elsewhere on the rim a wall
            closes the gap.
    """
    count, opened = len(points_mm), opening_mm > 0
    above = np.column_stack([points_mm, middle_mm + opening_mm / 2])
    below = np.column_stack([points_mm, middle_mm - opening_mm / 2])
    under = np.where(opened, np.cumsum(opened) - 1 + count, np.arange(count))
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    forth, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    a, b = edges[~np.isin(forth, back)].T
    walls = np.concatenate([np.column_stack([under[a], under[b], b]), np.column_stack([under[a], b, a])])
    walls = walls[(walls != np.roll(walls, 1, axis=1)).all(axis=1)]
    faces = np.concatenate([triangles, under[triangles[:, ::-1]], walls])
    return Manifold(Mesh64(np.concatenate([above, below[opened]]), faces.astype(np.uint64)))
