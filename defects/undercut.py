"""Undercut: a groove that the weld has melted along its toe and left open, running out at both ends.

ISO 6520-1 numbers it 5011 where it is continuous, 5012 where it comes and goes.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.lofts import loft
from defects.messages import require_place, require_positive
from defects.shapes import moved

STEPS = 16
"""Straight pieces across the groove, and along each of its ends."""

ABOVE = 0.1
"""How far it reaches above the surface, over its depth below it, so that it opens the surface."""


@dataclass(frozen=True, kw_only=True)
class Undercut:
    r"""One groove along its own x, the toe; its own z points out of the surface.

    Across, it is the parabola $z = -depth (1 - (2 y / width)^2)$. Over the last `width_mm` of either end (half of the
    length if that is shorter) depth and width shrink together, as the height of a quarter ellipse does.

    Attributes:
        centre_mm: The middle of its mouth, in the part's own frame (x, y, z).
        length_mm: Along its own x.
        width_mm: Of the mouth.
        depth_mm: Below the surface.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    depth_mm: float
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, width_mm=self.width_mm, depth_mm=self.depth_mm)

    @property
    def cut_mm3(self) -> float:
        """Exact volume that it takes from below a flat surface: 2/3 width depth (length - 2/3 of one end)."""
        return 2 / 3 * self.width_mm * self.depth_mm * (self.length_mm - 2 / 3 * self._end_mm())

    @property
    def volume_mm3(self) -> float:
        """Exact volume with what reaches above the surface, which is a tenth of the depth high and as wide."""
        return (1 + 3 / 2 * ABOVE) * self.cut_mm3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        y = np.linspace(-0.5, 0.5, STEPS + 1)
        # a chord of n lies above the parabola: deeper by 1 / (1 - 1 / n^2), the polygon has its area
        ground = np.column_stack([y, -(1 - (2 * y) ** 2) / (1 - 1 / STEPS**2)])
        across = np.concatenate([ground, [[0.5, ABOVE], [-0.5, ABOVE]]]) * (self.width_mm, self.depth_mm)
        x, share = self._run()
        rings = np.zeros((len(x), len(across), 3))
        rings[..., 0] = x[:, None]
        rings[..., 1:] = share[:, None, None] * across
        tip = self.length_mm / 2
        groove = loft(np.array([-tip, 0.0, 0.0]), rings, np.array([tip, 0.0, 0.0]))
        longer = self.volume_mm3 / groove.volume()  # cones between stations lie inside the rounded ends
        return moved(groove.scale((longer, 1.0, 1.0)), self.quaternion, self.centre_mm)

    def _end_mm(self) -> float:
        return min(self.width_mm, self.length_mm / 2)

    def _run(self) -> tuple[np.ndarray, np.ndarray]:
        """Return stations along x [mm], and what is left of depth and width at each."""
        angle = np.linspace(0, np.pi / 2, STEPS + 1)[1:]
        along, share = self._end_mm() * np.cos(angle), np.sin(angle)  # from the tip inwards
        inner = self.length_mm / 2 - self._end_mm()
        x = np.concatenate([-(inner + along), (inner + along)[::-1]])
        both = np.concatenate([share, share[::-1]])
        keep = np.append(True, np.diff(x) > 1e-9 * self.length_mm)  # no middle between two ends that meet
        return x[keep], both[keep]


def sample(rng: np.random.Generator, *, length_mm: float, width_mm: float, depth_mm: float) -> Undercut:
    """Return a groove of that size along its own x; nothing of it is left to chance but its place."""
    return Undercut(length_mm=length_mm, width_mm=width_mm, depth_mm=depth_mm)


KINDS = (
    Kind(
        name="undercut",
        record=Undercut,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="along the toe of the weld"),
            "width_mm": Parameter(help="of the groove's mouth"),
            "depth_mm": Parameter(help="below the surface"),
        },
        family="weld",
        reference="ISO 6520-1: 5011, 5012 (continuous, intermittent undercut)",
        at_surface=True,
    ),
)
