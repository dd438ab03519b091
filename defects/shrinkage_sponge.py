"""A shrinkage sponge: a region shot through with a fine network of voids between dendrites.

ASTM E310 shows "feathery and spongy shrinkage" of bronze castings. Not graded after it. The network is where a Gaussian
random field of one wavelength exceeds a level (Cahn, J. Chem. Phys. 42, 93, 1965).
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.implicit import grid, noise, scaled_to, solid_above, thinned, without_crumbs
from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive, require_whole
from defects.shapes import built, moved, random_quaternion

FINEST, COARSEST = 8.0, 2.0
"""Cells across the envelope: more cannot be shown by 20 000 triangles, fewer are no network."""

CRUMB = 2e-3
"""Pieces below this share of a cell's cube are left out."""


@dataclass(frozen=True, kw_only=True)
class ShrinkageSponge:
    """The voids inside an ellipsoid.

    Attributes:
        centre_mm: Of the ellipsoid, inside a void, in the part's own frame (x, y, z).
        diameter_mm: Of the ball that is as large as the ellipsoid.
        elongation: Its long axis, along its own z, over the others.
        void_share: Of the ellipsoid.
        cell_mm: Wavelength of the network, from void to void.
        seed: Of the network.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    elongation: float = 1.0
    void_share: float
    cell_mm: float
    seed: int
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, elongation=self.elongation, cell_mm=self.cell_mm)
        require_whole(seed=self.seed)
        if not 0.05 <= self.void_share <= 0.7:
            raise BadInput(f"void_share of a shrinkage sponge must be 0.05 to 0.7, got {self.void_share!r}")
        if not COARSEST - 1e-9 <= self.diameter_mm / self.cell_mm <= FINEST + 1e-9:
            raise BadInput(
                f"a shrinkage sponge must be {COARSEST:g} to {FINEST:g} cells across, got a diameter_mm of "
                f"{self.diameter_mm} and a cell_mm of {self.cell_mm}"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume of the voids: the solid is scaled to it, by less than a hundredth."""
        return self.void_share * np.pi / 6 * self.diameter_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]: a network, and now and then pieces beside it."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _solid(sponge: ShrinkageSponge) -> Manifold:
    rng = np.random.Generator(np.random.PCG64(sponge.seed))
    field = noise(rng, sponge.cell_mm)
    # the field's highest place among some is put at the origin, so that a void lies there
    places = sponge.diameter_mm * rng.uniform(-1, 1, (400, 3))
    origin = places[np.argmax(field(places))]
    short = sponge.diameter_mm / 2 / sponge.elongation ** (1 / 3)
    axes = np.array([short, short, short * sponge.elongation])
    step = sponge.cell_mm / 5
    points = grid(tuple(axes + step), step)
    values = field(points + origin)
    radius = np.linalg.norm(points / axes, axis=-1)
    # how deep inside the ellipsoid, in units of the field's own slope across one cell
    rim = (1 - radius) * short * 2 * np.pi / sponge.cell_mm

    crumb_mm3 = CRUMB * sponge.cell_mm**3

    def above(level: float) -> Manifold:
        solid = solid_above(np.minimum(values - level, rim), points[0, 0, 0], step)
        return without_crumbs(solid, crumb_mm3)

    inside = values[radius < 1]
    share = sponge.void_share
    for _ in range(8):
        solid = above(float(np.quantile(inside, 1 - share)))
        off = solid.volume() / sponge.volume_mm3
        if abs(off - 1) < 0.01:
            break
        share = min(share / off, 0.99)
    thin = thinned(solid, step)
    if min(piece.volume() for piece in thin.decompose()) <= crumb_mm3:
        thin = without_crumbs(thin, crumb_mm3)  # thinning takes bits of no volume off narrow necks
    return scaled_to(thin, sponge.volume_mm3)


def sample(
    rng: np.random.Generator,
    *,
    diameter_mm: float,
    cell_mm: float,
    void_share: float = 0.3,
    elongation: float = 1.3,
) -> ShrinkageSponge:
    """Return a sponge in any direction.

    Args:
        rng: Where its network comes from.
        diameter_mm: Of the ball that is as large as its ellipsoidal envelope.
        cell_mm: From void to void; brought to an eighth to half of the diameter where it lies outside.
        void_share: Of the envelope, 0.05 to 0.7; above 0.2 nearly all of it is one network.
        elongation: Long axis of the envelope over the others.
    """
    return ShrinkageSponge(
        diameter_mm=diameter_mm,
        elongation=elongation,
        void_share=void_share,
        cell_mm=float(np.clip(cell_mm, diameter_mm / FINEST, diameter_mm / COARSEST)),
        seed=int(rng.integers(2**32)),
        quaternion=random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="shrinkage_sponge",
        record=ShrinkageSponge,
        sample=sample,
        parameters={
            "diameter_mm": Parameter(help="diameter of the ball as large as the envelope"),
            "cell_mm": Parameter(help="from void to void, held to 1/8 to 1/2 of the diameter"),
            "void_share": Parameter(default=0.3, lowest=0.05, open_below=False, help="of the envelope, to 0.7"),
            "elongation": Parameter(default=1.3, lowest=1.0, open_below=False, help="of the envelope, long over short"),
        },
        family="casting",
        reference="ASTM E310: feathery and spongy shrinkage",
    ),
)
