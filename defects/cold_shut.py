"""A cold shut: a thin curved lap, open to the surface, where two fronts of melt met too cold to fuse.

Also called cold lap; both are terms of the foundry. Not graded after any standard.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.gap import gap, lattice, spread
from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import built, moved

LIP = 0.1
"""Of the depth: how far the lap is drawn out above the surface, so that cutting it out opens the surface."""

STEEPEST_DEG = 60.0


@dataclass(frozen=True, kw_only=True)
class ColdShut:
    """One lap; its own frame has the surface at z = 0, the outward normal along z and the line it leaves along x.

    Attributes:
        centre_mm: The middle of its line on the surface, in the part's own frame (x, y, z).
        length_mm: Of the line on the surface.
        depth_mm: Of its lowest point under the surface.
        opening_mm: Greatest distance of its faces, along its own y.
        lean_deg: From the normal, towards +y with depth.
        bow: How far it curves aside, towards +y, at its full depth, over the depth.
        waviness: Amplitude of the line's one and a half waves over the length.
        phase_deg: Of these waves at the middle.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    depth_mm: float
    opening_mm: float
    lean_deg: float = 0.0
    bow: float = 0.0
    waviness: float = 0.0
    phase_deg: float = 0.0
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, depth_mm=self.depth_mm, opening_mm=self.opening_mm)
        if self.opening_mm > min(self.length_mm, self.depth_mm):
            raise BadInput(
                f"a cold shut's opening_mm must not exceed its length_mm and depth_mm, got {self.opening_mm} against "
                f"{self.length_mm} and {self.depth_mm}"
            )
        if not abs(self.lean_deg) <= STEEPEST_DEG:
            raise BadInput(f"lean_deg must be {-STEEPEST_DEG:g} to {STEEPEST_DEG:g}, got {self.lean_deg!r}")
        if not np.all(np.isfinite([self.bow, self.waviness, self.phase_deg])):
            raise BadInput("bow, waviness and phase_deg of a cold shut must be finite numbers")

    @property
    def volume_mm3(self) -> float:
        """Volume of its mesh, the lip above the surface included; pi^2 / 16 length depth opening lie below it."""
        return built(_solid, self).volume()

    def solid(self) -> Manifold:
        """Return its surface [mm], a tenth of its depth above z = 0 included."""
        return moved(built(_solid, self), self.quaternion, self.centre_mm)


def _aside(shut: ColdShut, along_mm: np.ndarray, deep_mm: np.ndarray) -> np.ndarray:
    """Return how far the middle of the gap lies towards y [mm]; 0 at the origin."""
    phase = np.deg2rad(shut.phase_deg)
    wave = np.sin(3 * np.pi * along_mm / shut.length_mm + phase) - np.sin(phase)
    lean = np.tan(np.deg2rad(shut.lean_deg)) * deep_mm
    return lean + shut.bow * deep_mm**2 / shut.depth_mm + shut.waviness * shut.length_mm * wave


def _solid(shut: ColdShut) -> Manifold:
    # half a disc, its cut edge the line on the surface; the columns go down, and an edge of facets lies at z = 0
    unit, height, triangles = lattice(np.concatenate([[-LIP], spread(24, 0.0)]), 48)
    deep, along = shut.depth_mm * unit[:, 0], shut.length_mm / 2 * unit[:, 1]
    # as wide as its opening nearly everywhere, and round at its edge: (1 - r^4)^(1/2) at r from the middle
    opening = shut.opening_mm * np.sqrt(1 - (1 - height**2) ** 2)
    lap = gap(np.column_stack([deep, along]), triangles, _aside(shut, along, deep), opening)
    # (down, along, aside) -> own axes: x along, y aside, z up
    return lap.transform(np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0]]))


def sample(
    rng: np.random.Generator,
    *,
    length_mm: float,
    depth_mm: float,
    opening_mm: float,
    lean_deg: float = 30.0,
    bow: float = 0.2,
    waviness: float = 0.04,
) -> ColdShut:
    """Return a lap that opens to the surface at its own z = 0.

    Args:
        rng: Where lean, bow and waves come from.
        length_mm: Of the line on the surface.
        depth_mm: Of its lowest point.
        opening_mm: Greatest distance of its faces.
        lean_deg: It leans by an angle uniform from -lean_deg to +lean_deg; 60 at most.
        bow: Standard deviation of its curving aside over its depth.
        waviness: Amplitude of the line's waves over its length.
    """
    if lean_deg > STEEPEST_DEG:
        raise BadInput(f"lean_deg must be at most {STEEPEST_DEG:g}, got {lean_deg}")
    return ColdShut(
        length_mm=length_mm,
        depth_mm=depth_mm,
        opening_mm=opening_mm,
        lean_deg=float(rng.uniform(-lean_deg, lean_deg)),
        bow=float(bow * rng.normal()),
        waviness=float(waviness),
        phase_deg=float(rng.uniform(0, 360)),
    )


KINDS = (
    Kind(
        name="cold_shut",
        record=ColdShut,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="of its line on the surface"),
            "depth_mm": Parameter(help="of its lowest point"),
            "opening_mm": Parameter(help="greatest distance of its faces"),
            "lean_deg": Parameter(default=30.0, open_below=False, help="greatest lean from the normal, 60 at most"),
            "bow": Parameter(default=0.2, open_below=False, help="curving aside over the depth, standard deviation"),
            "waviness": Parameter(default=0.04, open_below=False, help="amplitude of the line's waves over its length"),
        },
        family="casting",
        reference="none; foundry terms cold shut, cold lap",
        at_surface=True,
    ),
)
