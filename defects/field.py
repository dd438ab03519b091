"""A host on a grid of voxels: how deep each lies at most under the wall, and how thick the matter is about it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from defects.wall import Wall

VOXELS = 120_000
"""About so many fill the box of a host."""

SLACK = 0.5
"""A ball that reaches no farther out of a larger one is left out; a point no farther from one is in it [voxel]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """Voxels over a host's box; the depth of a point is its distance to the wall, and it has one inside only.

    Attributes:
        corner_mm: The lowest corner.
        voxel_mm: Side of a voxel.
        least_mm: No point of a voxel lies less deep; minus infinity where some are outside or it is not known.
        most_mm: No point of a voxel lies deeper; minus infinity where all are outside.
    """

    corner_mm: Float[np.ndarray, "3"]
    voxel_mm: float
    least_mm: Float[np.ndarray, "x y z"]
    most_mm: Float[np.ndarray, "x y z"]

    def deep(self, least_mm: float, most_mm: float = np.inf) -> Int[np.ndarray, " voxel"]:
        """Return the flat numbers of all voxels that may hold points as deep as that, the deepest first."""
        order, depths = self._by_depth
        voxels = order[: np.searchsorted(depths, -least_mm, side="right")]
        return voxels if np.isinf(most_mm) else voxels[self.least_mm.flat[voxels] <= most_mm]

    @cached_property
    def _by_depth(self) -> tuple[Int[np.ndarray, " voxel"], Float[np.ndarray, " voxel"]]:
        order = np.argsort(-self.most_mm, axis=None, kind="stable")
        return order, -self.most_mm.flat[order]

    def middles_mm(self, voxels: Int[np.ndarray, " voxel"]) -> Float[np.ndarray, "voxel 3"]:
        """Return the centres of voxels given by their flat numbers."""
        return self.corner_mm + (np.column_stack(np.unravel_index(voxels, self.most_mm.shape)) + 0.5) * self.voxel_mm

    def drawn_mm(
        self, rng: np.random.Generator, voxels: Int[np.ndarray, " voxel"], count: int
    ) -> Float[np.ndarray, "count 3"]:
        """Return points uniform over some voxels."""
        chosen = voxels[rng.integers(len(voxels), size=count)]
        return self.middles_mm(chosen) + rng.uniform(-0.5, 0.5, (count, 3)) * self.voxel_mm


def voxel_mm_of(size_mm: Float[np.ndarray, "3"]) -> float:
    """Return the side of a voxel of a host whose box has that size."""
    return float(np.cbrt(np.prod(size_mm) / VOXELS))


def field_of(
    wall: Wall, box_mm: tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]], contains: Callable[[np.ndarray], bool]
) -> Field:
    """Return the voxels of a host.

    The distance between the centres of a voxel and the nearest one with a sample of the wall is right to a voxel's
    diagonal for all points of both, so bounds hold for certain. Voxels that the wall does not cross lie on the same
    side as their neighbours: one point tells for all that hang together.

    Args:
        wall: Its surface.
        box_mm: Its lowest and highest corner.
        contains: Whether a point lies inside.
    """
    corner, size = box_mm[0], box_mm[1] - box_mm[0]
    side = voxel_mm_of(size)
    shape = np.maximum(np.ceil(size / side), 1).astype(int)
    crossed = np.zeros(shape, bool)
    crossed[tuple(np.clip((wall.samples.data - corner) / side, 0, shape - 1).astype(int).T)] = True
    away = ndimage.distance_transform_edt(~crossed) * side
    most, least = away + np.sqrt(3) * side, away - np.sqrt(3) * side - wall.cover_mm
    field = Field(corner_mm=corner, voxel_mm=side, least_mm=least, most_mm=most)
    regions, count = ndimage.label(least > 0)
    first = np.unique(regions.ravel(), return_index=True)[1][-count:] if count else np.zeros(0, int)
    inside = np.array([False, *(contains(point) for point in field.middles_mm(first))])[regions]
    least[~inside] = -np.inf
    most[(regions > 0) & ~inside] = -np.inf
    return field


def thickness_mm(field: Field, wall: Wall, contains: Callable[[np.ndarray], bool]) -> Float[np.ndarray, "x y z"]:
    """Return the local thickness of the matter at the centre of each voxel [mm]; 0 outside.

    It is the diameter of the largest ball that lies in the matter and covers the point (Hildebrand and Ruegsegger,
    J. Microsc. 185, 1997): balls stand on voxel centres, so it is right to about a voxel.
    """
    depth = depths_mm(field, wall, contains).astype(np.float32) / np.float32(field.voxel_mm)
    thickness, hidden = np.zeros_like(depth), np.zeros_like(depth)
    for voxel in np.argsort(-depth, axis=None, kind="stable")[: np.count_nonzero(depth)]:
        radius = depth.flat[voxel]
        if radius <= hidden.flat[voxel]:
            continue  # the largest come first, and this ball lies in one of them
        middle = np.unravel_index(voxel, depth.shape)
        box = tuple(slice(max(int(m - radius), 0), int(m + radius) + 1) for m in middle)
        x, y, z = (np.arange(b.start, min(b.stop, n)) - m for b, n, m in zip(box, depth.shape, middle, strict=True))
        away = np.sqrt(((x * x)[:, None, None] + (y * y)[:, None] + z * z).astype(np.float32))
        np.maximum(hidden[box], radius - away + SLACK, out=hidden[box])
        np.maximum(thickness[box], 2 * radius * (away <= radius + SLACK), out=thickness[box])
    return np.where(depth > 0, thickness * field.voxel_mm, 0)


def depths_mm(field: Field, wall: Wall, contains: Callable[[np.ndarray], bool]) -> Float[np.ndarray, "x y z"]:
    """Return how deep the centre of each voxel lies, to the nearest sample of the wall [mm]; 0 outside."""
    depth = np.zeros(field.most_mm.shape)
    voxels = field.deep(0.0)
    middles = field.middles_mm(voxels)
    sure = field.least_mm.flat[voxels] > 0
    inside = sure | np.array([known or contains(point) for known, point in zip(sure, middles, strict=True)], bool)
    depth.flat[voxels[inside]] = wall.most_mm(middles[inside]) if inside.any() else 0
    return depth


def thickest(thickness_mm: Float[np.ndarray, "x y z"], share: float) -> Int[np.ndarray, " voxel"]:
    """Return the flat numbers of voxels in the thickest share of the matter, and of all as thick as its least."""
    matter = np.sort(thickness_mm[thickness_mm > 0])[::-1]
    if len(matter) == 0:
        return np.zeros(0, int)
    return np.flatnonzero(thickness_mm >= matter[int(np.ceil(share * len(matter))) - 1])
