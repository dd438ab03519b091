"""A cluster of gas pores: many balls of lognormal size in a cloud, one flaw in all.

ISO 6520-1 numbers clustered porosity 2013; ASTM E155 shows "gas holes" in clusters. Not graded after them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold, OpType

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place
from defects.shapes import built, ellipsoid, moved, random_quaternion

MOST = 120
"""Pores of one cluster: its solid then still has less than 20 000 triangles."""

CLEAR = 0.03
"""Balls keep this share of both radii between them, for the corners of their facets stand out by as much."""

TRIES = 100
"""Places drawn for one pore before the cloud is widened."""


@dataclass(frozen=True, kw_only=True)
class PoreCluster:
    """Some balls that do not meet.

    Attributes:
        centre_mm: Of the cloud, which may lie between pores, in the part's own frame (x, y, z).
        pores_mm: Each pore's middle (x, y, z) from the centre and its diameter.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pores_mm: tuple[tuple[float, float, float, float], ...]
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        if not 1 <= len(self.pores_mm) <= MOST:
            raise BadInput(f"a pore cluster has 1 to {MOST} pores, got {len(self.pores_mm)}; draw several clusters")
        for pore in self.pores_mm:
            if len(pore) != 4 or not np.all(np.isfinite(pore)) or not pore[3] > 0:
                raise BadInput(f"a pore must be 4 finite numbers x, y, z and a diameter above 0 in mm, got {pore!r}")
        pores = np.array(self.pores_mm)
        for i in range(1, len(pores)):
            if not np.all(_gaps_mm(pores[i], pores[:i]) > 0):
                raise BadInput(f"pores of a cluster must not touch, got {self.pores_mm[i]!r} too near to another")

    @property
    def volume_mm3(self) -> float:
        """Exact volume of all balls together; the solid is tested against it."""
        return float(np.pi / 6 * np.sum(np.array(self.pores_mm)[:, 3] ** 3))

    def solid(self) -> Manifold:
        """Return its surface [mm]: as many closed pieces as there are pores."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _gaps_mm(pore: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Return the gaps from one ball to others, corners of facets included."""
    apart = np.linalg.norm(others[:, :3] - pore[:3], axis=1)
    return apart - (1 + CLEAR) * (others[:, 3] + pore[3]) / 2


def _solid(cluster: PoreCluster) -> Manifold:
    segments = 32 if len(cluster.pores_mm) <= 32 else 16
    ball = ellipsoid((0.5, 0.5, 0.5), segments)
    balls = [ball.scale((d, d, d)).translate((x, y, z)) for x, y, z, d in cluster.pores_mm]
    return Manifold.batch_boolean(balls, OpType.Add)


def sample(
    rng: np.random.Generator,
    *,
    pores: float,
    diameter_mm: float,
    spread_mm: float,
    sigma: float = 0.4,
    gap_mm: float = 0.05,
    elongation: float = 1.0,
) -> PoreCluster:
    """Return a cluster in any direction.

    Args:
        rng: Where sizes and places come from.
        pores: How many, rounded; 1 to 120.
        diameter_mm: Median of the lognormal diameters.
        spread_mm: Standard deviation of their middles across the cloud, a Gauss cloud.
        sigma: Of the logarithm of the diameters; 0 makes all alike.
        gap_mm: Least gap between two pores.
        elongation: Standard deviation along the cloud's long axis over that across it.

    A place too near to another pore is drawn again. A pore that finds none in 100 draws widens the cloud by a tenth,
    so a cloud too small for its pores becomes as wide as they need. Larger pores are placed first.
    """
    count = round(pores)
    if not 1 <= count <= MOST:
        raise BadInput(f"pores must be 1 to {MOST} for one cluster, got {pores}; draw several clusters")
    diameters = np.sort(diameter_mm * np.exp(sigma * rng.normal(size=count)))[::-1]
    spread = spread_mm * np.array([1.0, 1.0, elongation])
    placed = np.zeros((count, 4))
    for i, diameter in enumerate(diameters):
        tries = 0
        while True:
            placed[i] = [*spread * rng.normal(size=3), diameter]
            if np.all(_gaps_mm(placed[i], placed[:i]) > max(gap_mm, 1e-6 * diameter)):
                break
            tries += 1
            if tries % TRIES == 0:
                spread = 1.1 * spread
    return PoreCluster(
        pores_mm=tuple(tuple(float(x) for x in pore) for pore in placed),
        quaternion=(1.0, 0.0, 0.0, 0.0) if elongation == 1 else random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="pore_cluster",
        record=PoreCluster,
        sample=sample,
        parameters={
            "pores": Parameter(lowest=1, open_below=False, help="how many, 120 at most"),
            "diameter_mm": Parameter(help="median of their lognormal diameters"),
            "spread_mm": Parameter(help="standard deviation of their places, a Gauss cloud"),
            "sigma": Parameter(default=0.4, open_below=False, help="of the logarithm of the diameters"),
            "gap_mm": Parameter(default=0.05, open_below=False, help="least gap between two of them"),
            "elongation": Parameter(default=1.0, lowest=1.0, open_below=False, help="of the cloud, long over short"),
        },
        family="casting",
        reference="ASTM E155, E2422: gas holes, in clusters; ISO 6520-1: 2013 (clustered porosity)",
    ),
)
