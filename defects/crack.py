"""A crack: a thin sheet-like gap whose faces lie apart by no more than its opening.

ISO 6520-1 groups 100 to 106, ASTM E1316 "crack". The sheet is an ellipse with an elliptic profile, as elastic theory
gives for a pressed-open penny crack (Sneddon, Proc. R. Soc. A 187, 1946), on a mid-surface that undulates.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import ellipsoid, moved, random_quaternion

WAVES = 4
"""Undulations added up in the mid-surface."""


@dataclass(frozen=True, kw_only=True)
class Crack:
    """One crack; its own frame has the sheet in x and y and the opening along z.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        length_mm: Of the sheet, along its own x.
        width_mm: Of the sheet, along its own y.
        opening_mm: Greatest distance between the faces.
        waves: Undulations of the mid-surface, each (amplitude_mm, x and y wave number in 1/mm, phase in deg).
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    opening_mm: float
    waves: tuple[tuple[float, float, float, float], ...] = ()
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, width_mm=self.width_mm, opening_mm=self.opening_mm)
        for wave in self.waves:
            if len(wave) != 4 or not np.all(np.isfinite(wave)):
                raise BadInput(f"a wave must be 4 finite numbers (mm, 1/mm, 1/mm, deg), got {wave!r}")
        if self.opening_mm > min(self.length_mm, self.width_mm):
            raise BadInput(
                f"a crack's opening_mm must not exceed its length_mm and width_mm, got {self.opening_mm} against "
                f"{self.length_mm} and {self.width_mm}; for a rounded void use kind gas_pore"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume: undulation slides columns along z and keeps it."""
        return np.pi / 6 * self.length_mm * self.width_mm * self.opening_mm

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        # 64 facets around: a wave as short as a third of the sheet still gets seven of them
        sheet = ellipsoid((self.length_mm / 2, self.width_mm / 2, self.opening_mm / 2), segments=64)
        return moved(sheet.warp_batch(self._undulate) if self.waves else sheet, self.quaternion, self.centre_mm)

    def _undulate(self, points: np.ndarray) -> np.ndarray:
        for amplitude_mm, kx, ky, phase_deg in self.waves:
            points[:, 2] += amplitude_mm * np.sin(kx * points[:, 0] + ky * points[:, 1] + np.deg2rad(phase_deg))
        return points


def sample(
    rng: np.random.Generator, *, length_mm: float, opening_mm: float, aspect: float = 0.6, waviness: float = 0.05
) -> Crack:
    """Return a crack in any direction.

    Args:
        rng: Where direction and undulation come from.
        length_mm: Of the sheet.
        opening_mm: Greatest distance between the faces; a fraction of a voxel is welcome.
        aspect: Width over length of the sheet.
        waviness: Root mean square of the mid-surface's height over its length.
    """
    waves = []
    for _ in range(WAVES):
        direction, number = rng.uniform(0, 2 * np.pi), 2 * np.pi / length_mm * rng.uniform(0.5, 3.0)
        amplitude = waviness * length_mm * np.sqrt(2 / WAVES)
        phase_deg = rng.uniform(0, 360)
        waves.append((amplitude, number * np.cos(direction), number * np.sin(direction), phase_deg))
    return Crack(
        length_mm=length_mm,
        width_mm=aspect * length_mm,
        opening_mm=opening_mm,
        waves=tuple(tuple(float(x) for x in wave) for wave in waves) if waviness > 0 else (),
        quaternion=random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="crack",
        record=Crack,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="of the sheet"),
            "opening_mm": Parameter(help="greatest distance between the faces"),
            "aspect": Parameter(default=0.6, help="width over length of the sheet"),
            "waviness": Parameter(default=0.05, open_below=False, help="RMS height of the sheet over its length"),
        },
        family="any",
        reference="ISO 6520-1: 100 to 106; ASTM E1316: crack",
    ),
)
