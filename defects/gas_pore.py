"""Gas porosity: a rounded void left by trapped gas, a ball or drawn out along one axis.

ASTM E155 shows "gas holes" of light-alloy castings, E2422 the same for digital images; ISO 6520-1 numbers a gas pore
of a weld 2011, one that is drawn out 2015.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import require_place, require_positive
from defects.shapes import ellipsoid, moved, random_quaternion

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class GasPore:
    """One void.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        diameter_mm: Of the ball of equal volume.
        elongation: Longest over shortest axis: 1 is a ball.
        quaternion: How its long axis is turned from z (w, x, y, z).
    """

    centre_mm: Point = (0.0, 0.0, 0.0)
    diameter_mm: float
    elongation: float = 1.0
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, elongation=self.elongation)

    @property
    def volume_mm3(self) -> float:
        """Exact volume; the solid is tested against it."""
        return np.pi / 6 * self.diameter_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        short = self.diameter_mm / 2 / self.elongation ** (1 / 3)
        return moved(ellipsoid((short, short, short * self.elongation)), self.quaternion, self.centre_mm)


def sample(rng: np.random.Generator, *, diameter_mm: float, elongation: float = 1.0) -> GasPore:
    """Return a pore of that size with its axis in any direction."""
    turned = (1.0, 0.0, 0.0, 0.0) if elongation == 1 else random_quaternion(rng)
    return GasPore(diameter_mm=diameter_mm, elongation=elongation, quaternion=turned)


KINDS = (
    Kind(
        name="gas_pore",
        record=GasPore,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="diameter of the ball of equal volume"),
            "elongation": Parameter(default=1.0, lowest=1.0, open_below=False, help="longest over shortest axis"),
        },
        family="casting",
        reference="ASTM E155, E2422: gas holes; ISO 6520-1: 2011 (gas pore), 2015 (elongated cavity)",
    ),
)
