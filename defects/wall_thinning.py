"""Wall thinning: a shallow lens that corrosion or erosion has taken from a wall.

API 579-1/ASME FFS-1, Part 5, assesses such local metal loss; the spherical cap is our idealisation of it.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.lofts import revolved
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved

STATIONS = 16
"""Rings of corners from the ground to the rim."""

ABOVE = 0.1
"""How far it reaches above the surface, over its depth below it, so that it opens the surface."""


@dataclass(frozen=True, kw_only=True)
class WallThinning:
    """One spherical cap below the surface; its own z points out of it.

    Attributes:
        centre_mm: The middle of its rim, in the part's own frame (x, y, z).
        diameter_mm: Of its rim on a flat wall.
        depth_mm: What the wall loses in the middle.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    depth_mm: float
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, depth_mm=self.depth_mm)
        if self.depth_mm > self.diameter_mm / 2:
            raise BadInput(
                f"a thinning is shallow: depth_mm must not exceed half of diameter_mm, got {self.depth_mm} against "
                f"{self.diameter_mm}; for a deeper bite use kind missing_material"
            )

    @property
    def cut_mm3(self) -> float:
        """Exact volume that it takes from below a flat surface: of the cap, pi h (3 r^2 + h^2) / 6."""
        return np.pi / 6 * self.depth_mm * (3 / 4 * self.diameter_mm**2 + self.depth_mm**2)

    @property
    def volume_mm3(self) -> float:
        """Exact volume with the short cylinder that reaches above the surface."""
        return self.cut_mm3 + ABOVE * self.depth_mm * np.pi / 4 * self.diameter_mm**2

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        depth, rim = self.depth_mm, self.diameter_mm / 2
        radius = (rim**2 + depth**2) / (2 * depth)
        half = np.arcsin(min(rim / radius, 1.0))
        angle = np.linspace(0, half, STATIONS + 1)
        radii = radius * np.sin(angle)
        heights = radius * (1 - np.cos(angle)) - depth
        # cones lie inside the ball: deeper by less than a hundredth, the cap has its volume
        cones = np.pi / 3 * np.diff(heights) @ (radii[:-1] ** 2 + radii[:-1] * radii[1:] + radii[1:] ** 2)
        heights = (heights - heights[-1]) * (self.cut_mm3 / cones)
        lens = revolved(np.append(heights, ABOVE * depth), np.append(radii, radii[-1]))
        return moved(lens, self.quaternion, self.centre_mm)


def sample(rng: np.random.Generator, *, diameter_mm: float, depth_mm: float) -> WallThinning:
    """Return a cap of that size; nothing of it is left to chance but its place."""
    return WallThinning(diameter_mm=diameter_mm, depth_mm=depth_mm)


KINDS = (
    Kind(
        name="wall_thinning",
        record=WallThinning,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="of its rim on a flat wall"),
            "depth_mm": Parameter(help="what the wall loses in the middle"),
        },
        family="any",
        reference="API 579-1/ASME FFS-1, Part 5: local metal loss",
        at_surface=True,
    ),
)
