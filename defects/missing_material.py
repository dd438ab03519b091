"""Missing material: a bite that has chipped or broken off an edge or a face, as a rounded, irregular lump."""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved, random_quaternion, rotation

BUMPS = 6
"""Undulations added up in the lump's radius."""


@dataclass(frozen=True, kw_only=True)
class MissingMaterial:
    r"""One lump, half of it above the surface; its own z points out of it.

    Its radius in the direction $n$ is in proportion to $1 + \sum a \sin(k \cdot n + p)$.

    Attributes:
        centre_mm: Where it sits on the surface, in the part's own frame (x, y, z).
        size_mm: Diameter of the ball that has the whole lump's volume.
        bumps: Each (amplitude, wave vector x, y, z per radius, phase in deg).
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    size_mm: float
    bumps: tuple[tuple[float, float, float, float, float], ...] = ()
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(size_mm=self.size_mm)
        for bump in self.bumps:
            if len(bump) != 5 or not np.all(np.isfinite(bump)):
                raise BadInput(f"a bump must be 5 finite numbers (amplitude, x, y, z per radius, deg), got {bump!r}")
        if (total := sum(abs(bump[0]) for bump in self.bumps)) >= 0.95:
            raise BadInput(
                f"the amplitudes of a lump's bumps must add up to less than 0.95, got {total:.3g}; an irregularity of "
                f"up to 0.25 is always good"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume of the whole lump, of which about half lies below a flat surface."""
        return np.pi / 6 * self.size_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        lump = Manifold.sphere(1.0, 48).warp_batch(self._roughen)
        grow = float(np.cbrt(self.volume_mm3 / lump.volume()))
        return moved(lump.scale((grow, grow, grow)), self.quaternion, self.centre_mm)

    def _roughen(self, points: np.ndarray) -> np.ndarray:
        radius = np.ones(len(points))
        for amplitude, x, y, z, phase_deg in self.bumps:
            radius += amplitude * np.sin(points @ (x, y, z) + np.deg2rad(phase_deg))
        return points * radius[:, None]


def sample(rng: np.random.Generator, *, size_mm: float, irregularity: float = 0.15) -> MissingMaterial:
    """Return a lump of that size.

    Args:
        rng: Where its bumps come from.
        size_mm: Diameter of the ball that has the whole lump's volume; about half of it bites into the part.
        irregularity: Relative standard deviation of its radius.
    """
    bumps = []
    for _ in range(BUMPS):
        along = rotation(random_quaternion(rng))[:, 2] * rng.uniform(1.0, 4.0)
        bumps.append((irregularity * np.sqrt(2 / BUMPS), *along, rng.uniform(0, 360)))
    held = tuple(tuple(float(x) for x in bump) for bump in bumps) if irregularity > 0 else ()
    return MissingMaterial(size_mm=size_mm, bumps=held)


KINDS = (
    Kind(
        name="missing_material",
        record=MissingMaterial,
        sample=sample,
        parameters={
            "size_mm": Parameter(help="diameter of the ball of equal volume, half of which bites into the part"),
            "irregularity": Parameter(default=0.15, open_below=False, help="relative spread of its radius"),
        },
        family="any",
        reference="none; a chip, nick or broken edge",
        at_surface=True,
    ),
)
