"""The piece of matter that defects sit in: what is inside it, and how far the wall is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold


@dataclass(frozen=True, kw_only=True, eq=False)
class Host:
    """A closed solid that defects are placed in [mm].

    Attributes:
        solid: Its surface.
    """

    solid: Manifold

    @cached_property
    def box_mm(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """The lowest and highest corner of its bounding box."""
        box = np.array(self.solid.bounding_box())
        return box[:3], box[3:]

    @cached_property
    def outside(self) -> Manifold:
        """All that is not the host, out to a box twice its size: what a flaw must not touch."""
        low, high = self.box_mm
        size = high - low
        return Manifold.cube(tuple(2 * size)).translate(tuple(low - size / 2)) - self.solid

    def contains(self, point_mm: Float[np.ndarray, "3"]) -> bool:
        """Return whether the point lies inside: a ray to the outside crosses the surface an odd number of times."""
        beyond = np.array([point_mm[0], point_mm[1], 2 * self.box_mm[1][2] - self.box_mm[0][2] + 1])
        return len(self.solid.ray_cast(tuple(point_mm), tuple(beyond))) % 2 == 1

    def wall_mm(self, solid: Manifold) -> float:
        """Return the gap from a solid inside to the wall; 0 where it touches or cuts it."""
        span = np.array(solid.bounding_box())
        search, most = float(np.min(span[3:] - span[:3])) / 4, float(np.max(self.box_mm[1] - self.box_mm[0]))
        # the price grows with the square of the search: double it rather than begin with the whole part
        while (gap := self.outside.min_gap(solid, search)) >= search and search < most:
            search *= 2
        return gap


def reach_mm(solid: Manifold, point_mm: Float[np.ndarray, "3"]) -> Float[np.ndarray, "6"]:
    """Return how far the solid reaches from a point inside it along -x, +x, -y, +y, -z, +z; infinite where open."""
    span = np.array(solid.bounding_box())
    far = float(np.max(span[3:] - span[:3])) + 1
    reaches = np.full(6, np.inf)
    for i in range(6):
        target = np.array(point_mm, float)
        target[i // 2] += far if i % 2 else -far
        hits = solid.ray_cast(tuple(point_mm), tuple(target))
        if hits:
            reaches[i] = hits[0].distance * far
    return reaches
