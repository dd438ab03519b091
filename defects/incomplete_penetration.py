"""Incomplete penetration: the root faces of a butt weld stay apart, as a slot along the seam, open to the root side.

ISO 6520-1 numbers it 402, and 4021 where it is the root that was not reached, as here.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.lofts import loft, polygon_area
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved

CORNERS = 64
"""Round both ends together."""

ABOVE = 0.1
"""How far it reaches above the surface, over its height below it, so that it opens the surface."""


@dataclass(frozen=True, kw_only=True)
class IncompletePenetration:
    """One slot with plane walls and rounded ends; its own x runs along the seam, its own z out of the root side.

    Attributes:
        centre_mm: The middle of its mouth, in the part's own frame (x, y, z).
        length_mm: Along its own x, over the rounded ends.
        height_mm: From the surface to its ground.
        width_mm: Between the root faces.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    height_mm: float
    width_mm: float
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, height_mm=self.height_mm, width_mm=self.width_mm)
        if self.width_mm > self.length_mm:
            raise BadInput(
                f"a slot's width_mm must not exceed its length_mm, got {self.width_mm} against {self.length_mm}"
            )

    @property
    def cut_mm3(self) -> float:
        """Exact volume that it takes from below a flat surface: two half discs and a rectangle, times the height."""
        return ((self.length_mm - self.width_mm) * self.width_mm + np.pi / 4 * self.width_mm**2) * self.height_mm

    @property
    def volume_mm3(self) -> float:
        """Exact volume with what reaches above the surface."""
        return (1 + ABOVE) * self.cut_mm3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        turn = np.linspace(-np.pi / 2, np.pi / 2, CORNERS // 2)
        radius, half = self.width_mm / 2, (self.length_mm - self.width_mm) / 2
        right = radius * np.column_stack([np.cos(turn), np.sin(turn)])
        # the polygon of an end has less area than its half disc: it is set out, by a thousandth of the width
        right[:, 0] += half + (np.pi / 2 * radius**2 - polygon_area(right)) / self.width_mm
        outline = np.concatenate([right, -right])
        rings = np.zeros((2, len(outline), 3))
        rings[..., :2] = outline
        rings[0, :, 2], rings[1, :, 2] = -self.height_mm, ABOVE * self.height_mm
        ground, top = np.array([0.0, 0.0, -self.height_mm]), np.array([0.0, 0.0, ABOVE * self.height_mm])
        return moved(loft(ground, rings, top), self.quaternion, self.centre_mm)


def sample(
    rng: np.random.Generator, *, length_mm: float, height_mm: float, width_mm: float = 0.3
) -> IncompletePenetration:
    """Return a slot of that size along its own x; nothing of it is left to chance but its place."""
    return IncompletePenetration(length_mm=length_mm, height_mm=height_mm, width_mm=width_mm)


KINDS = (
    Kind(
        name="incomplete_penetration",
        record=IncompletePenetration,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="along the seam, over the rounded ends"),
            "height_mm": Parameter(help="from the root's surface to the ground"),
            "width_mm": Parameter(default=0.3, help="between the root faces"),
        },
        family="weld",
        reference="ISO 6520-1: 402, 4021 (incomplete root penetration)",
        at_surface=True,
    ),
)
