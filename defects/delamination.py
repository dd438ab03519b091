"""A delamination: two plies of a laminate come apart over an area, by very little; the gap follows the laminate.

ASTM E2533 guides the examination of polymer composites. The gap opens as a clamped round plate bends under even
pressure, w = w0 (1 - s^2)^2 (Timoshenko and Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed. 1959).
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved
from defects.sheets import Lobes, draw_lobes, require_lobes, sheet


@dataclass(frozen=True, kw_only=True)
class Delamination:
    """One gap between plies; its own z is the normal of the laminate.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        diameter_mm: Of the disc that has its area.
        opening_mm: Greatest distance between the plies.
        aspect: Axis along its own y over that along its own x, of the ellipse that has its area.
        curvature_per_m: One over the radius in metres of the laminate, a cylinder about its own y whose inside is at
            +z; 0 for a flat one, below 0 where the inside is at -z.
        lobes: Of its outline, each (times round, amplitude, phase in deg).
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    opening_mm: float
    aspect: float = 1.0
    curvature_per_m: float = 0.0
    lobes: Lobes = ()
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, opening_mm=self.opening_mm, aspect=self.aspect)
        require_lobes(self.lobes)
        if not np.isfinite(self.curvature_per_m):
            raise BadInput(f"curvature_per_m must be a finite number, got {self.curvature_per_m!r}")
        length_mm, width_mm = self._axes_mm()
        if self.opening_mm > min(length_mm, width_mm) / 2:
            raise BadInput(
                f"a delamination is thin: opening_mm must not exceed half of its {min(length_mm, width_mm):.3g} mm "
                f"across, got {self.opening_mm}"
            )
        reach = 1 + sum(abs(lobe[1]) for lobe in self.lobes)
        if reach * length_mm / 2 * abs(self.curvature_per_m) / 1000 > 0.9:
            raise BadInput(
                f"a delamination must end before its laminate has bent away: {length_mm:.3g} mm along the bend are too "
                f"long for a radius of {1000 / abs(self.curvature_per_m):.3g} mm; lower curvature_per_m or diameter_mm"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume: a third of area times opening; the bend slides columns along z and keeps it."""
        return np.pi / 12 * self.diameter_mm**2 * self.opening_mm

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        length_mm, width_mm = self._axes_mm()
        gap = sheet(length_mm, width_mm, self.lobes, lambda s: (1 - s**2) ** 2, self.opening_mm / 3, self._bend)
        return moved(gap, self.quaternion, self.centre_mm)

    def _axes_mm(self) -> tuple[float, float]:
        return self.diameter_mm / np.sqrt(self.aspect), self.diameter_mm * np.sqrt(self.aspect)

    def _bend(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the height of a circle of the laminate's radius over its lowest point, good for no curvature too."""
        k = self.curvature_per_m / 1000
        return k * x**2 / (1 + np.sqrt(1 - (k * x) ** 2))


def sample(
    rng: np.random.Generator,
    *,
    diameter_mm: float,
    opening_mm: float,
    aspect: float = 1.0,
    irregularity: float = 0.1,
    curvature_per_m: float = 0.0,
) -> Delamination:
    """Return a gap that lies in its own x and y; irregularity is the relative standard deviation of its radius."""
    return Delamination(
        diameter_mm=diameter_mm,
        opening_mm=opening_mm,
        aspect=aspect,
        curvature_per_m=curvature_per_m,
        lobes=draw_lobes(rng, irregularity),
    )


KINDS = (
    Kind(
        name="delamination",
        record=Delamination,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="of the disc of equal area"),
            "opening_mm": Parameter(help="greatest distance between the plies"),
            "aspect": Parameter(default=1.0, help="axis along its own y over that along its own x"),
            "irregularity": Parameter(default=0.1, open_below=False, help="relative spread of the outline's radius"),
            "curvature_per_m": Parameter(
                default=0.0, lowest=-1e6, help="1000 / radius in mm of the laminate, its inside at own +z"
            ),
        },
        family="composite",
        reference="ASTM E2533 (polymer composites)",
    ),
)
