"""A shrinkage cavity: a rough, branching void where the last melt was drawn away between dendrites.

ISO 6520-1 numbers it 202 in welds; ASTM E155 and E2422 hold reference images of light-alloy castings. Not graded after
them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from defects.implicit import grid, largest, noise, scaled_to, solid_above, thinned
from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive, require_whole
from defects.shapes import built, moved, random_quaternion

CORE, STEP, STEPS, TIP = 0.35, 0.22, 6, 0.06
"""Before scaling: radius of the core, length and number of a branch's steps, radius of its tip."""

ROUGH, WAVE = 0.09, 0.28
"""Before scaling: RMS height of a surface of roughness 1, and how long its waves are."""

MOST_BRANCHES = 16


@dataclass(frozen=True, kw_only=True)
class ShrinkageCavity:
    """One cavity: a core at the origin and tapering branches that wander off, their surface rough.

    Attributes:
        centre_mm: Of the core, in the part's own frame (x, y, z).
        diameter_mm: Of the ball of equal volume.
        branches: How many leave the core; every second one forks.
        roughness: From 0, smooth, to 1.
        seed: Of the branches' ways and of the roughness.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    branches: int
    roughness: float
    seed: int
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm)
        require_whole(branches=self.branches, seed=self.seed)
        if self.branches > MOST_BRANCHES:
            raise BadInput(f"branches of a shrinkage cavity must be {MOST_BRANCHES} at most, got {self.branches!r}")
        if not 0 <= self.roughness <= 1:
            raise BadInput(f"roughness of a shrinkage cavity must be 0 to 1, got {self.roughness!r}")

    @property
    def volume_mm3(self) -> float:
        """Exact volume: the solid is scaled to it."""
        return np.pi / 6 * self.diameter_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]: one closed piece."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _walk(
    rng: np.random.Generator, start: np.ndarray, way: np.ndarray, radius: float, steps: int
) -> Float[np.ndarray, "step 8"]:
    """Return the pieces of a branch, each from (x, y, z, radius) to (x, y, z, radius): it turns by 20 deg a step."""
    pieces, at = [], np.array([*start, radius])
    for i in range(steps):
        way = way + 0.36 / np.sqrt(2) * rng.normal(size=3)
        way = way / np.linalg.norm(way)
        end = np.array([*(at[:3] + STEP * way), radius + (TIP - radius) * (i + 1) / steps])
        pieces.append(np.concatenate([at, end]))
        at = end
    return np.array(pieces)


def _pieces(cavity: ShrinkageCavity, rng: np.random.Generator) -> Float[np.ndarray, "piece 8"]:
    """Return the tapering pieces of core and branches."""
    pieces = [np.array([[0.0, 0.0, 0.0, CORE, 1e-3, 0.0, 0.0, CORE]])]
    for i in range(cavity.branches):
        way = rng.normal(size=3)
        steps = int(rng.integers(STEPS - 2, STEPS + 1))
        walk = _walk(rng, np.zeros(3), way / np.linalg.norm(way), 0.7 * CORE, steps)
        pieces.append(walk)
        if i % 2:
            fork = walk[steps // 2]
            side = np.cross(fork[4:7] - fork[:3], rng.normal(size=3))
            pieces.append(_walk(rng, fork[:3], side / np.linalg.norm(side), 0.8 * fork[3], 3))
    return np.concatenate(pieces)


def _depth(points: Float[np.ndarray, "x y z 3"], piece: Float[np.ndarray, "8"]) -> Float[np.ndarray, "x y z"]:
    """Return how deep points lie inside a tapering piece; below 0 outside."""
    start, end = piece[:4], piece[4:]
    along = end[:3] - start[:3]
    share = np.clip((points - start[:3]) @ along / (along @ along), 0, 1)
    nearest = start[:3] + share[..., None] * along
    return start[3] + share * (end[3] - start[3]) - np.linalg.norm(points - nearest, axis=-1)


def _solid(cavity: ShrinkageCavity) -> Manifold:
    rng = np.random.Generator(np.random.PCG64(cavity.seed))
    pieces = _pieces(cavity, rng)
    reach = np.abs(np.concatenate([pieces[:, :3], pieces[:, 4:7]])).max(axis=0) + CORE + 0.1
    step = max(0.05, float(np.prod(2 * reach) / 110_000) ** (1 / 3))
    points = grid(tuple(reach), step)
    # a rounded union: the soft maximum of the depths fills the angles where branches meet
    soft = 0.04
    total = np.zeros(points.shape[:3])
    for piece in pieces:
        total += np.exp(np.clip(_depth(points, piece), -20 * soft, None) / soft)
    depth = soft * np.log(total + 1e-12)
    if cavity.roughness > 0:
        # no more than 2.5 times its RMS: the core is not eaten through
        depth += cavity.roughness * ROUGH * np.clip(noise(rng, WAVE)(points), -2.5, 2.5)
    solid = largest(solid_above(depth, points[0, 0, 0], step))
    return scaled_to(thinned(solid, step), cavity.volume_mm3)


def sample(
    rng: np.random.Generator, *, diameter_mm: float, branches: float = 6, roughness: float = 0.5
) -> ShrinkageCavity:
    """Return a cavity in any direction.

    Args:
        rng: Where its ways come from.
        diameter_mm: Of the ball of equal volume; branches reach out to about that far from the core.
        branches: How many leave the core, rounded; 0 to 16.
        roughness: From 0, smooth, to 1.
    """
    return ShrinkageCavity(
        diameter_mm=diameter_mm,
        branches=round(branches),
        roughness=float(roughness),
        seed=int(rng.integers(2**32)),
        quaternion=random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="shrinkage_cavity",
        record=ShrinkageCavity,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="diameter of the ball of equal volume"),
            "branches": Parameter(default=6, open_below=False, help="arms that leave the core, 16 at most"),
            "roughness": Parameter(default=0.5, open_below=False, help="of the surface, 0 to 1"),
        },
        family="casting",
        reference="ASTM E155, E2422 (light-alloy castings); ISO 6520-1: 202 (shrinkage cavity)",
    ),
)
