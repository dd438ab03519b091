"""A hot tear: a ragged gap between grains, torn open while the last melt froze; widest in its middle, and branching.

ASTM E446 shows "hot tear" among its ungraded discontinuities of steel castings.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold
from scipy.interpolate import LinearNDInterpolator

from defects.branches import Forks, draw_forks, require_forks, with_branches
from defects.gap import Heights, gap, lattice, spread
from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive, require_whole
from defects.shapes import built, moved, random_quaternion

MOST_GRAINS = 24
"""Along the length: facets of the mesh show no more."""

OUTLINE, GAPING = 0.2, 0.2
"""RMS of the rim's place over the width, and of the opening over its smooth course."""


@dataclass(frozen=True, kw_only=True)
class HotTear:
    """One tear; its own frame has it along x and y and its opening along z, and its middle passes the origin.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        length_mm: Along its own x.
        width_mm: Along its own y, of the ellipse about which its rim is ragged.
        opening_mm: Greatest distance between the faces, along its own z, up to a tenth from the middle.
        grain_mm: From grain to grain: its middle is made of flat facets so large.
        raggedness: RMS height of the facets' corners over the grain.
        branches_mm: Tears that fork off, each (x of the fork, how far along x and along z its tip lies from there).
        seed: Of facets, rim and opening.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    opening_mm: float
    grain_mm: float
    raggedness: float = 0.25
    branches_mm: Forks = ()
    seed: int
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        sizes = {"length_mm": self.length_mm, "width_mm": self.width_mm, "opening_mm": self.opening_mm}
        require_positive(**sizes, grain_mm=self.grain_mm)
        require_whole(seed=self.seed)
        if not 0 <= self.raggedness <= 1:
            raise BadInput(f"raggedness of a hot tear must be 0 to 1, got {self.raggedness!r}")
        if self.opening_mm > min(self.length_mm, self.width_mm):
            raise BadInput(
                f"a hot tear's opening_mm must not exceed its length_mm and width_mm, got {self.opening_mm} against "
                f"{self.length_mm} and {self.width_mm}"
            )
        if self.length_mm > (MOST_GRAINS + 1e-9) * self.grain_mm:
            raise BadInput(
                f"a hot tear must be no longer than {MOST_GRAINS} grains, got a length_mm of {self.length_mm} and a "
                f"grain_mm of {self.grain_mm}"
            )
        require_forks(self.branches_mm, self.length_mm)

    @property
    def volume_mm3(self) -> float:
        """Volume of its mesh: ragged as it is, it has no closed form."""
        return built(_solid, self).volume()

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _grains(tear: HotTear, rng: np.random.Generator) -> Heights:
    """Return the height of the middle [mm]: flat between grains, which lie on a lattice, each shifted a little."""
    # half a length beyond the tear, for its branches may leave it, and as far aside as its rim may lie
    aside = max(tear.width_mm / 2 + tear.length_mm / 4, (1 + 2 * OUTLINE) * tear.width_mm / 2)
    spans = (tear.length_mm, aside)
    counts = [int(np.ceil(span / tear.grain_mm)) + 2 for span in spans]
    axes = [tear.grain_mm * np.arange(-n, n + 1) for n in counts]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    places = places + tear.grain_mm * rng.uniform(-0.3, 0.3, places.shape)
    corners = tear.raggedness * tear.grain_mm * rng.normal(size=len(places))
    facets = LinearNDInterpolator(places, corners)
    level = float(facets(0.0, 0.0))
    return lambda x, y: facets(x, y) - level


def _course(rng: np.random.Generator, waves: float, way: int) -> Float[np.ndarray, "wave 4"]:
    """Return 12 waves (x and y number, phase, amplitude) of RMS 1 in all, their numbers up to that many a unit."""
    numbers = 2 * np.pi * rng.uniform(0.3, 1.0, (12, way)) * waves * rng.choice((-1.0, 1.0), (12, way))
    both = np.column_stack([numbers, np.zeros((12, 2 - way))])
    return np.column_stack([both, rng.uniform(0, 2 * np.pi, 12), np.full(12, np.sqrt(2 / 12))])


def _rough(course: Float[np.ndarray, "wave 4"], unit: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    return np.clip(np.cos(unit @ course[:, :2].T + course[:, 2]) @ course[:, 3], -2, 2)


def _solid(tear: HotTear) -> Manifold:
    rng = np.random.Generator(np.random.PCG64(tear.seed))
    middle = _grains(tear, rng)
    grains = tear.length_mm / tear.grain_mm
    unit, height, triangles = lattice(spread(72), 32)
    # the rim moves in and out from grain to grain, apart on either side; points between follow in proportion
    sides = [1 + OUTLINE * _rough(_course(rng, grains / 4, 1), unit) for _ in range(2)]
    stretched = unit[:, 1] * np.where(unit[:, 1] > 0, *sides)
    points = np.column_stack([tear.length_mm / 2 * unit[:, 0], tear.width_mm / 2 * stretched])
    gaping = height * (1 + GAPING * _rough(_course(rng, grains / 4, 2), unit))
    opening = tear.opening_mm / gaping.max() * gaping
    sheet = gap(points, triangles, middle(points[:, 0], points[:, 1]), opening)
    # it may be narrower and open less than its ellipse: a branch begins inside it all the same
    least = {"width_mm": (1 - 2 * OUTLINE) * tear.width_mm, "opening_mm": (1 - 2 * GAPING) * tear.opening_mm}
    return with_branches(sheet, tear.branches_mm, length_mm=tear.length_mm, **least, middle=middle, columns=20)


def sample(
    rng: np.random.Generator,
    *,
    length_mm: float,
    opening_mm: float,
    aspect: float = 0.5,
    grains: float = 10,
    raggedness: float = 0.25,
    branches: float = 3,
    branch_deg: float = 40.0,
) -> HotTear:
    """Return a tear in any direction.

    Args:
        rng: Where direction and shape come from.
        length_mm: Along the tear.
        opening_mm: Greatest distance between its faces.
        aspect: Width over length.
        grains: Along the length; 24 at most.
        raggedness: RMS height of the corners of its facets over the grain, 0 to 1.
        branches: How many tears fork off, rounded; 8 at most.
        branch_deg: Between a branch and the tear; 75 at most.
    """
    return HotTear(
        length_mm=length_mm,
        width_mm=aspect * length_mm,
        opening_mm=opening_mm,
        grain_mm=length_mm / grains,
        raggedness=float(raggedness),
        branches_mm=draw_forks(rng, round(branches), length_mm, branch_deg),
        seed=int(rng.integers(2**32)),
        quaternion=random_quaternion(rng),
    )


KINDS = (
    Kind(
        name="hot_tear",
        record=HotTear,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="along the tear"),
            "opening_mm": Parameter(help="greatest distance between its faces"),
            "aspect": Parameter(default=0.5, help="width over length"),
            "grains": Parameter(default=10, lowest=1, open_below=False, help="along the length, 24 at most"),
            "raggedness": Parameter(default=0.25, open_below=False, help="RMS height of facets over the grain, to 1"),
            "branches": Parameter(default=3, open_below=False, help="tears that fork off, 8 at most"),
            "branch_deg": Parameter(default=40.0, open_below=False, help="between a branch and the tear, 75 at most"),
        },
        family="casting",
        reference="ASTM E446: hot tear",
    ),
)
