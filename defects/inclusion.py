"""An inclusion: a piece of another material where there should be none, lighter or denser than its host.

ASTM E155, E505 and E2422 name it "foreign material, more dense" and "less dense"; ISO 6520-1 "solid inclusion" (300).
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import ellipsoid, moved, random_quaternion


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """One ellipsoid of another material.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        diameter_mm: Of the ball of equal volume.
        elongation: Longest over middle axis.
        flatness: Middle over shortest axis.
        material: What it is made of.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    elongation: float = 1.0
    flatness: float = 1.0
    material: str
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, elongation=self.elongation, flatness=self.flatness)
        if not self.material or not isinstance(self.material, str):
            raise BadInput(f"an inclusion needs a material, such as material: W, got {self.material!r}")

    @property
    def volume_mm3(self) -> float:
        """Exact volume; the solid is tested against it."""
        return np.pi / 6 * self.diameter_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        middle = self.diameter_mm / 2 * (self.flatness / self.elongation) ** (1 / 3)
        axes = (middle / self.flatness, middle, middle * self.elongation)
        return moved(ellipsoid(axes), self.quaternion, self.centre_mm)


def sample(
    rng: np.random.Generator, *, diameter_mm: float, material: str, elongation: float = 1.3, flatness: float = 1.2
) -> Inclusion:
    """Return an inclusion of that size, turned in any direction."""
    return Inclusion(
        diameter_mm=diameter_mm,
        elongation=elongation,
        flatness=flatness,
        material=material,
        quaternion=random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="inclusion",
        record=Inclusion,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="diameter of the ball of equal volume"),
            "material": Parameter(text=True, help="what it is made of"),
            "elongation": Parameter(default=1.3, lowest=1.0, open_below=False, help="longest over middle axis"),
            "flatness": Parameter(default=1.2, lowest=1.0, open_below=False, help="middle over shortest axis"),
        },
        family="any",
        reference="ASTM E155, E505, E2422: foreign material; ISO 6520-1: 300",
    ),
)
