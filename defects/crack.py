"""A crack: a thin sheet-like gap whose faces lie apart by no more than its opening.

ISO 6520-1 numbers cracks of welds 100, ASTM E446 shows one of a steel casting. The sheet is an ellipse with an elliptic
profile, as elastic theory gives for a pressed-open penny crack (Sneddon, Proc. R. Soc. A 187, 229, 1946), on a
mid-surface that undulates, kinks and may branch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.branches import Forks, draw_forks, require_forks, with_branches
from defects.gap import columns_mm3, gap, lattice, spread
from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import built, moved, random_quaternion
from defects.waves import Waves, draw_waves, require_waves, undulation_mm

STEEPEST_DEG = 60.0
"""A piece of the sheet may lean so far from its own x: the gap is measured along z, so it is cos 60 deg of that."""


@dataclass(frozen=True, kw_only=True)
class Crack:
    """One crack; its own frame has the sheet in x and y and the opening along z, and its middle passes the origin.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        length_mm: Of the sheet, along its own x.
        width_mm: Of the sheet, along its own y.
        opening_mm: Greatest distance between the faces, along its own z.
        waves: Undulations of the mid-surface, each (amplitude_mm, x and y wave number in 1/mm, phase in deg).
        kinks: Lines along y at which flat pieces meet, each (x in mm, deg): from there on, away from the middle, the
            sheet leans by so much more towards +z.
        branches_mm: Sheets that fork off, each (x of the fork, how far along x and along z its tip lies from there).
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    opening_mm: float
    waves: Waves = ()
    kinks: tuple[tuple[float, float], ...] = ()
    branches_mm: Forks = ()
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, width_mm=self.width_mm, opening_mm=self.opening_mm)
        require_waves(self.waves)
        if self.opening_mm > min(self.length_mm, self.width_mm):
            raise BadInput(
                f"a crack's opening_mm must not exceed its length_mm and width_mm, got {self.opening_mm} against "
                f"{self.length_mm} and {self.width_mm}; for a rounded void use kind gas_pore"
            )
        for kink in self.kinks:
            if len(kink) != 2 or not np.all(np.isfinite(kink)) or abs(kink[0]) >= self.length_mm / 2:
                raise BadInput(f"a kink must be (x_mm, deg) with x inside the sheet, got {kink!r}")
        require_forks(self.branches_mm, self.length_mm)
        if any(abs(lean) > STEEPEST_DEG + 1e-9 for side in _sides(self.kinks) for _, lean in side):
            raise BadInput(f"kinks must not lean the sheet by more than {STEEPEST_DEG:g} deg in all, got {self.kinks}")

    @property
    def volume_mm3(self) -> float:
        """Exact volume, for undulation and kinks slide columns along z and keep it; with branches, that of the mesh."""
        if self.branches_mm:
            return built(_solid, self).volume()
        return np.pi / 6 * self.length_mm * self.width_mm * self.opening_mm

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _sides(kinks: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return (distance from the middle, lean in deg from there on) for either side, +x first."""
    sides = []
    for sign in (1, -1):
        lean, side = 0.0, []
        for at, turn in sorted((abs(x), turn) for x, turn in kinks if (x >= 0) == (sign > 0)):
            lean += turn
            side.append((at, lean))
        sides.append(side)
    return sides


def _middle(crack: Crack, x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
    """Return the height of the mid-surface [mm]; 0 at the origin."""
    height = undulation_mm(crack.waves, x_mm, y_mm) - undulation_mm(crack.waves, np.zeros(1), np.zeros(1))
    for sign, side in zip((1, -1), _sides(crack.kinks), strict=True):
        before = 0.0
        for at, lean in side:
            slope = np.tan(np.deg2rad(lean))
            height += (slope - before) * np.maximum(sign * x_mm - at, 0)
            before = slope
    return height


def _solid(crack: Crack) -> Manifold:
    half_mm = crack.length_mm / 2
    # 64 columns: a wave as short as a third of the sheet still gets seven of them; an edge runs along every kink
    breaks = np.array([x / half_mm for x, _ in crack.kinks])
    even = [u for u in spread(64) if abs(u) == 1 or not np.any(np.abs(breaks - u) < 2e-3)]
    unit, height, triangles = lattice(np.unique([*even, *breaks]), 32)
    points = unit * (half_mm, crack.width_mm / 2)
    # facets inside the true ellipsoid have too little volume (0.3 %): it is opened until the volume is right
    ball = np.pi / 6 * crack.length_mm * crack.width_mm
    opening = crack.opening_mm * height * ball / columns_mm3(points, triangles, height)
    sheet = gap(points, triangles, _middle(crack, points[:, 0], points[:, 1]), opening)
    sizes = {"length_mm": crack.length_mm, "width_mm": crack.width_mm, "opening_mm": crack.opening_mm}
    return with_branches(sheet, crack.branches_mm, **sizes, middle=lambda x, y: _middle(crack, x, y))


def sample(
    rng: np.random.Generator,
    *,
    length_mm: float,
    opening_mm: float,
    aspect: float = 0.6,
    waviness: float = 0.05,
    kinks: float = 0,
    kink_deg: float = 25.0,
    branches: float = 0,
    branch_deg: float = 40.0,
) -> Crack:
    """Return a crack in any direction.

    Args:
        rng: Where direction and undulation come from.
        length_mm: Of the sheet.
        opening_mm: Greatest distance between the faces; a fraction of a voxel is welcome.
        aspect: Width over length of the sheet.
        waviness: Root mean square of the mid-surface's height over its length.
        kinks: How many, rounded; uniform over nine tenths of the length.
        kink_deg: Every piece beyond a kink leans by an angle uniform from -kink_deg to +kink_deg; 60 at most.
        branches: How many sheets fork off, rounded; 8 at most.
        branch_deg: Between a branch and the sheet; 75 at most.
    """
    if kink_deg > STEEPEST_DEG:
        raise BadInput(f"kink_deg must be at most {STEEPEST_DEG:g}, got {kink_deg}")
    waves = draw_waves(rng, length_mm, waviness * length_mm)
    quaternion = random_quaternion(rng)
    places = rng.uniform(-0.45, 0.45, round(kinks)) * length_mm
    turns = []
    for side in (sorted(places[places >= 0]), sorted(places[places < 0], reverse=True)):
        leans = rng.uniform(-kink_deg, kink_deg, len(side))
        turns += [(float(x), float(turn)) for x, turn in zip(side, np.diff(leans, prepend=0.0), strict=True)]
    return Crack(
        length_mm=length_mm,
        width_mm=aspect * length_mm,
        opening_mm=opening_mm,
        waves=waves,
        kinks=tuple(turns),
        branches_mm=draw_forks(rng, round(branches), length_mm, branch_deg),
        quaternion=quaternion,
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
            "kinks": Parameter(default=0, open_below=False, help="lines at which flat pieces meet"),
            "kink_deg": Parameter(default=25.0, open_below=False, help="greatest lean of a piece, 60 at most"),
            "branches": Parameter(default=0, open_below=False, help="sheets that fork off, 8 at most"),
            "branch_deg": Parameter(default=40.0, open_below=False, help="between a branch and the sheet, 75 at most"),
        },
        family="any",
        reference="ISO 6520-1: 100 (crack); ASTM E446: crack",
    ),
)
