"""A warp: the whole part is bent out of its shape, as stresses from casting, printing or welding leave it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from defects.kind import Changed, Kind, Parameter
from defects.messages import BadInput, require_positive
from defects.shapes import random_quaternion, rotation

EDGES_PER_WAVE = 24
"""Edges are no longer than the shortest wave over this: straight ones then miss the bend by 0.9 % of its amplitude."""

BENDS = 3
"""Waves added up."""


@dataclass(frozen=True, kw_only=True)
class Warp:
    r"""Transverse waves through the whole part, which shift every point by

    $$ u(p) = \sum_i a_i d_i \sin(2 \pi k_i \cdot p / D + \varphi_i), \qquad d_i \perp k_i $$

    with D the diagonal of the bounding box of all bodies. As each shift is across its wave, the volume changes by what
    two waves do together alone: to second order in a / D.

    Attributes:
        amplitude_mm: No point is shifted by more; the amplitudes add up to it.
        waves: Each (share of the amplitude, way x, y, z of the shift, wave vector x, y, z per diagonal, phase in deg);
            the shares add up to 1, the ways are unit vectors.
    """

    amplitude_mm: float
    waves: tuple[tuple[float, float, float, float, float, float, float, float], ...]

    def __post_init__(self) -> None:
        require_positive(amplitude_mm=self.amplitude_mm)
        for wave in self.waves:
            if len(wave) != 8 or not np.all(np.isfinite(wave)):
                raise BadInput(f"a wave must be 8 finite numbers (share, way, wave vector, deg), got {wave!r}")
            way, number = np.array(wave[1:4]), np.array(wave[4:7])
            unit = abs(np.linalg.norm(way) - 1) < 1e-6
            if not unit or not np.any(number) or abs(way @ number) > 1e-6 * np.linalg.norm(number):
                raise BadInput(f"a wave's way must be a unit vector at right angles to its wave vector, got {wave!r}")
        if not self.waves or abs(sum(abs(wave[0]) for wave in self.waves) - 1) > 1e-6:
            raise BadInput(f"the shares of a warp's waves must add up to 1, got {[wave[0] for wave in self.waves]}")

    def changed(self, solids: Mapping[str, Manifold]) -> Changed:
        """Return the bent part; it has no region of its own. Bodies stay closed, and apart from each other.

        Args:
            solids: Of the bodies, by name.

        Raises:
            BadInput: The bend is so sharp that the part would fold.
        """
        boxes = np.array([solid.bounding_box() for solid in solids.values()])
        size_mm = float(np.linalg.norm(boxes[:, 3:].max(axis=0) - boxes[:, :3].min(axis=0)))
        numbers = np.linalg.norm([wave[4:7] for wave in self.waves], axis=1)
        # where the shift changes by less than half of the way gone, no two points come to lie on each other
        slope = 2 * np.pi * self.amplitude_mm / size_mm * float(np.abs([wave[0] for wave in self.waves]) @ numbers)
        if slope > 0.5:
            raise BadInput(
                f"amplitude_mm {self.amplitude_mm:g} would fold a part of {size_mm:.3g} mm; at most "
                f"{self.amplitude_mm * 0.5 / slope:.3g} bends it"
            )
        edge_mm = size_mm / (EDGES_PER_WAVE * float(numbers.max()))
        bent: dict[str, Manifold] = {}
        for name, solid in solids.items():
            moved = solid.refine_to_length(edge_mm).warp_batch(lambda points: points + self.shift_mm(points, size_mm))
            # faces that touched lie on each other but for their facets
            for earlier in bent.values():
                if _boxes_meet(moved, earlier):
                    moved = moved - earlier
            bent[name] = moved
        return Changed(solids=bent)

    def shift_mm(self, points_mm: Float[np.ndarray, "point 3"], size_mm: float) -> Float[np.ndarray, "point 3"]:
        """Return by what points of a part of that diagonal are shifted [mm]."""
        shift = np.zeros_like(points_mm)
        for share, *vectors, phase_deg in self.waves:
            way, number = np.array(vectors[:3]), np.array(vectors[3:])
            angle = 2 * np.pi * (points_mm @ number) / size_mm + np.deg2rad(phase_deg)
            shift += share * self.amplitude_mm * np.sin(angle)[:, None] * way
        return shift


def sample(rng: np.random.Generator, *, bodies: tuple[str, ...], amplitude_mm: float, bends: float = 1.0) -> Warp:
    """Return a warp any way.

    Args:
        rng: Where the waves come from.
        bodies: Names of the part's bodies, which all bend alike.
        amplitude_mm: No point is shifted by more.
        bends: How many times the shortest wave fits along the part's diagonal; the longest is three times as long.
    """
    shares = rng.dirichlet(np.ones(BENDS))
    waves = []
    for share in shares:
        turn = rotation(random_quaternion(rng))
        waves.append((share, *turn[:, 0], *(turn[:, 2] * bends * rng.uniform(1 / 3, 1.0)), rng.uniform(0, 360)))
    return Warp(amplitude_mm=amplitude_mm, waves=tuple(tuple(float(x) for x in wave) for wave in waves))


def _boxes_meet(a: Manifold, b: Manifold) -> bool:
    p, q = np.array(a.bounding_box()), np.array(b.bounding_box())
    return bool(np.all(p[:3] <= q[3:]) and np.all(q[:3] <= p[3:]))


KINDS = (
    Kind(
        name="warp",
        record=Warp,
        sample=sample,
        parameters={
            "amplitude_mm": Parameter(help="no point is shifted by more"),
            "bends": Parameter(default=1.0, help="how many of the shortest wave fit along the part's diagonal"),
        },
        family="part",
        reference="none; distortion",
        whole_part=True,
    ),
)
