"""An inclusion: a piece of another material where there should be none, denser or lighter than its host.

ASTM E155 and E505 show "foreign material" of light-alloy castings and die castings; ISO 6520-1 numbers solid inclusions
of welds 300, slag 301 and metal 304.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from manifold3d import Manifold

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive
from defects.shapes import ellipsoid, moved, random_quaternion


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """One ellipsoid of another material; its two kinds differ in name and in what they are made of by default.

    Attributes:
        centre_mm: Where it sits, in the part's own frame (x, y, z).
        diameter_mm: Of the ball of equal volume.
        elongation: Longest over middle axis.
        flatness: Middle over shortest axis.
        material: What it is made of.
        quaternion: How it is turned (w, x, y, z).
    """

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    diameter_mm: float
    elongation: float = 1.0
    flatness: float = 1.0
    material: str
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(diameter_mm=self.diameter_mm, elongation=self.elongation, flatness=self.flatness)
        if not self.material or not isinstance(self.material, str):
            raise BadInput(f"an inclusion needs a material, such as material: W, got {self.material!r}")

    @property
    def volume_mm3(self) -> float:
        """Exact volume; the solid is tested against it."""
        return np.pi / 6 * self.diameter_mm**3

    def solid(self) -> Manifold:
        """Return its surface [mm]."""
        middle = self.diameter_mm / 2 * (self.flatness / self.elongation) ** (1 / 3)
        axes = (middle / self.flatness, middle, middle * self.elongation)
        return moved(ellipsoid(axes), self.quaternion, self.centre_mm)


@dataclass(frozen=True, kw_only=True)
class InclusionDense(Inclusion):
    """A piece of something that takes up more radiation than its host: tungsten, iron in aluminium."""

    material: str = "W"


@dataclass(frozen=True, kw_only=True)
class InclusionLight(Inclusion):
    """A piece of something that takes up less radiation than its host: graphite, sand, slag or oxide in a metal."""

    material: str = "graphite"


def sample(
    record: type[Inclusion],
    rng: np.random.Generator,
    *,
    diameter_mm: float,
    material: str,
    elongation: float = 1.3,
    flatness: float = 1.2,
) -> Inclusion:
    """Return an inclusion of that record and size, turned in any direction."""
    sizes = {"diameter_mm": diameter_mm, "elongation": elongation, "flatness": flatness}
    return record(**sizes, material=material, quaternion=random_quaternion(rng))


def _parameters(material: str) -> dict[str, Parameter]:
    return {
        "diameter_mm": Parameter(help="diameter of the ball of equal volume"),
        "material": Parameter(default=material, text=True, help="what it is made of"),
        "elongation": Parameter(default=1.3, lowest=1.0, open_below=False, help="longest over middle axis"),
        "flatness": Parameter(default=1.2, lowest=1.0, open_below=False, help="middle over shortest axis"),
    }


KINDS = (
    Kind(
        name="inclusion_dense",
        record=InclusionDense,
        sample=partial(sample, InclusionDense, material="W"),
        parameters=_parameters("W"),
        family="any",
        reference="ASTM E155, E505: foreign material; ISO 6520-1: 304 (metallic inclusion)",
    ),
    Kind(
        name="inclusion_light",
        record=InclusionLight,
        sample=partial(sample, InclusionLight, material="graphite"),
        parameters=_parameters("graphite"),
        family="any",
        reference="ASTM E155, E505: foreign material; ISO 6520-1: 300, 301 (solid inclusion, slag)",
    ),
)
