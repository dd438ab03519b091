"""A keyhole pore: a slender, upright drop that a collapsing keyhole leaves behind, round below and pointed above.

Cunningham et al., Science 363, 849 (2019), tell of the keyhole in laser melting; the drop is our idealisation.
"""

from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.lofts import revolved
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import moved

STATIONS = 24
"""Rings of corners from the bottom to the tip."""


@dataclass(frozen=True, kw_only=True)
class KeyholePore:
    r"""One drop, a body of revolution about its own z, which points against the laser's beam.

    Its profile is the teardrop curve

    $$ z = \frac{depth}{2} \cos t, \qquad r = b \sin t \, \sin^{m}(t / 2) $$

    with m the taper and b such that the greatest diameter is `width_mm`: an ellipsoid for m = 0, pointed for m >= 1.

    Attributes:
        centre_mm: Where the middle of its axis sits, in the part's own frame (x, y, z).
        depth_mm: Along its own z.
        width_mm: Greatest diameter.
        taper: How much it narrows to the top.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    depth_mm: float
    width_mm: float
    taper: float = 1.0
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(depth_mm=self.depth_mm, width_mm=self.width_mm)
        if not 0 <= self.taper <= 8:
            raise BadInput(f"a keyhole pore's taper must lie from 0 (an ellipsoid) to 8, got {self.taper!r}")

    @property
    def volume_mm3(self) -> float:
        r"""Exact volume: $4 \pi b^2 \, depth / ((m + 2) (m + 3))$."""
        m = self.taper
        return 4 * np.pi * self._scale_mm() ** 2 * self.depth_mm / ((m + 2) * (m + 3))

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        t = np.linspace(np.pi, 0, STATIONS + 1)
        radii = self._scale_mm() * np.sin(t) * np.sin(t / 2) ** self.taper
        radii[[0, -1]] = 0.0
        drop = revolved(self.depth_mm / 2 * np.cos(t), radii)
        wider = float(np.sqrt(self.volume_mm3 / drop.volume()))  # cones between rings lie inside a round flank
        return moved(drop.scale((wider, wider, 1.0)), self.quaternion, self.centre_mm)

    def _scale_mm(self) -> float:
        # with s = sin^2(t / 2) the radius is 2 b sqrt(s^(m + 1) (1 - s)), which is greatest at s = (m + 1) / (m + 2)
        s = (self.taper + 1) / (self.taper + 2)
        return self.width_mm / 4 / np.sqrt(s ** (self.taper + 1) * (1 - s))


def sample(rng: np.random.Generator, *, depth_mm: float, width_mm: float, taper: float = 1.0) -> KeyholePore:
    """Return an upright drop of that size, turned about its own z at random; a turn shows nothing but in its facets."""
    half = rng.uniform(0, np.pi)
    quaternion = (float(np.cos(half)), 0.0, 0.0, float(np.sin(half)))
    return KeyholePore(depth_mm=depth_mm, width_mm=width_mm, taper=taper, quaternion=quaternion)


KINDS = (
    Kind(
        name="keyhole_pore",
        record=KeyholePore,
        sample=sample,
        parameters={
            "depth_mm": Parameter(help="along its own z, which stands upright"),
            "width_mm": Parameter(help="greatest diameter"),
            "taper": Parameter(default=1.0, open_below=False, help="how much it narrows to the top, 0 to 8"),
        },
        family="additive",
        reference="keyhole pore: Cunningham et al., Science 363, 849 (2019)",
    ),
)
