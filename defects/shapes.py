"""Shapes that several kinds of flaw are made from, faceted so that their volume is exact."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

FACET_MM = 0.004
"""By which facets may stand off the true surface: a hundredth of a voxel of 0.4 mm."""

FEWEST, MOST = 32, 96
"""Segments about a ball: of small ones, of which there are thousands, and of those of 9 mm and more."""


def ellipsoid(semi_axes_mm: tuple[float, float, float], segments: int | None = None) -> Manifold:
    """Return an ellipsoid about the origin whose volume is exactly 4/3 pi a b c.

    A ball of facets with its corners on the true one has too little volume (2.2 % at 32 segments), so it is blown up
    until the volume is right (by 0.76 % of the radius, and by the square of the segments less with more of them).

    Args:
        semi_axes_mm: Along x, y and z.
        segments: Of a great circle; as many as FACET_MM asks where left out.
    """
    if segments is None:
        segments = int(np.clip(4 * np.ceil(8 * np.sqrt(0.0076 * max(semi_axes_mm) / FACET_MM)), FEWEST, MOST))
    return _ball(segments).scale(semi_axes_mm)


@lru_cache(maxsize=20)
def _ball(segments: int) -> Manifold:
    """Return the ball of radius 1 and volume 4/3 pi: thousands of pores are made from it."""
    unit = Manifold.sphere(1.0, segments)
    return unit.scale(((4 / 3 * np.pi / unit.volume()) ** (1 / 3),) * 3)


def rotation(quaternion: tuple[float, float, float, float]) -> Float[np.ndarray, "3 3"]:
    """Return the rotation matrix of a unit quaternion (w, x, y, z)."""
    w, x, y, z = np.asarray(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def random_quaternion(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a rotation uniform on SO(3), as a unit quaternion (w, x, y, z) with w >= 0.

    Four Gauss numbers point anywhere on the 3-sphere with equal chance (Muller, Commun. ACM 2, 1959).
    """
    q = rng.normal(size=4)
    q *= (1 if q[0] >= 0 else -1) / np.linalg.norm(q)
    return tuple(float(c) for c in q)


def moved(
    solid: Manifold, quaternion: tuple[float, float, float, float], centre_mm: tuple[float, float, float]
) -> Manifold:
    """Return the solid turned about the origin, then shifted."""
    return solid.transform(np.column_stack([rotation(quaternion), centre_mm]))


def built(build: Callable[[Any], Manifold], flaw: Any) -> Manifold:
    """Return build(flaw), the flaw taken as it lies in its own frame: about the origin and not turned.

    The last 32 are kept, for placing a flaw asks for the same solid and its volume again and again.
    """
    return _kept(build, replace(flaw, centre_mm=(0.0, 0.0, 0.0), quaternion=(1.0, 0.0, 0.0, 0.0)))


@lru_cache(maxsize=32)
def _kept(build: Callable[[Any], Manifold], flaw: Any) -> Manifold:
    return build(flaw)
