"""Lack of fusion: a flat, irregular gap along a layer, where melt did not reach the one below; its rim is sharp.

ISO/ASTM TR 52905 sorts the flaws of metal parts made in layers, ASTM E3166 guides their examination; sizes here are not
graded after either.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved
from defects.sheets import Lobes, draw_lobes, require_lobes, sheet
from defects.waves import Waves, draw_waves, require_waves, undulation_mm


@dataclass(frozen=True, kw_only=True)
class LackOfFusion:
    """One gap; its own z is the normal of the layer.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        length_mm: Along its own x, of the ellipse that has its area.
        width_mm: Along its own y, of that ellipse.
        height_mm: Greatest thickness.
        lobes: Of its outline, each (times round, amplitude, phase in deg).
        waves: Undulations of the mid-surface, each (amplitude_mm, x and y wave number in 1/mm, phase in deg).
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    height_mm: float
    lobes: Lobes = ()
    waves: Waves = ()
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, width_mm=self.width_mm, height_mm=self.height_mm)
        require_lobes(self.lobes)
        require_waves(self.waves)
        if self.height_mm > min(self.length_mm, self.width_mm):
            raise BadInput(
                f"a lack of fusion lies flat: height_mm must not exceed length_mm and width_mm, got {self.height_mm} "
                f"against {self.length_mm} and {self.width_mm}; for an upright void use kind keyhole_pore"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume: the thickness falls as 1 - s^2 to the rim, so that its mean is half of its greatest."""
        return np.pi / 8 * self.length_mm * self.width_mm * self.height_mm

    def solid(self) -> Manifold:
        """Return its surface [mm]; the rim is sharp, for both faces run straight into it."""
        gap = sheet(
            self.length_mm, self.width_mm, self.lobes, lambda s: 1 - s**2, self.height_mm / 2, self._middle
        )  # fmt: skip
        return moved(gap, self.quaternion, self.centre_mm)

    def _middle(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return undulation_mm(self.waves, x, y)


def sample(
    rng: np.random.Generator,
    *,
    length_mm: float,
    width_mm: float,
    height_mm: float,
    irregularity: float = 0.2,
    roughness: float = 0.3,
) -> LackOfFusion:
    """Return a gap that lies in its own x and y.

    Args:
        rng: Where outline and undulation come from.
        length_mm: Along x, of the ellipse that has its area.
        width_mm: Along y, of that ellipse.
        height_mm: Greatest thickness.
        irregularity: Relative standard deviation of the outline's radius.
        roughness: Root mean square of the mid-surface's height over the gap's.
    """
    return LackOfFusion(
        length_mm=length_mm,
        width_mm=width_mm,
        height_mm=height_mm,
        lobes=draw_lobes(rng, irregularity),
        waves=draw_waves(rng, max(length_mm, width_mm), roughness * height_mm),
    )


KINDS = (
    Kind(
        name="lack_of_fusion",
        record=LackOfFusion,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="along its own x, of the ellipse of equal area"),
            "width_mm": Parameter(help="along its own y, of the ellipse of equal area"),
            "height_mm": Parameter(help="greatest thickness, across the layer"),
            "irregularity": Parameter(default=0.2, open_below=False, help="relative spread of the outline's radius"),
            "roughness": Parameter(default=0.3, open_below=False, help="RMS height of the mid-surface over height_mm"),
        },
        family="additive",
        reference="ISO/ASTM TR 52905, ASTM E3166 (metal parts made in layers)",
    ),
)
