"""Trapped powder: loose grains or spatter that stay behind in a channel, a bed of balls that touch.

ISO/ASTM TR 52905 sorts the flaws of metal parts made in layers. Real powder has millions of grains: these are few and
coarse, or spatter. The bed grows as Bennett's serially deposited amorphous aggregates of hard spheres do (J. Appl.
Phys. 43, 1972): each ball touches three earlier ones where there is such a place, near the middle of the bed; here
chance decides between places about as near.
"""

import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold, OpType
from scipy.spatial.distance import cdist

from defects.kind import Kind, Parameter
from defects.messages import BadInput, require_place, require_positive, require_whole
from defects.shapes import moved

SEGMENTS = 20
"""Of a ball's facets: 200 of them."""

MOST_GRAINS = 100
"""In one bed: 20 000 facets."""

DENSITY = 0.55
"""Share of space that such a bed fills at the very most, by which its grains are told in advance."""


@dataclass(frozen=True, kw_only=True)
class TrappedPowder:
    """One bed of equal balls in an ellipsoid, long along its own x; matter of its own beside that of the part.

    It lies in a channel: what of it is placed inside a body is not there.

    Attributes:
        centre_mm: Where its first grain sits, in the part's own frame (x, y, z).
        length_mm: Of the ellipsoid that holds the bed, along its own x.
        width_mm: Of the ellipsoid, along its own y and z.
        grain_mm: Diameter of a ball.
        material: What the grains are made of.
        seed: Of the way they lie.
        quaternion: How the bed is turned (w, x, y, z).
    """

    added: ClassVar[bool] = True
    """It lies where the part is not: it is cut by the bodies, and they are not cut by it."""

    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    length_mm: float
    width_mm: float
    grain_mm: float
    material: str
    seed: int
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_place(self.centre_mm, self.quaternion)
        require_positive(length_mm=self.length_mm, width_mm=self.width_mm, grain_mm=self.grain_mm)
        if not self.material or not isinstance(self.material, str):
            raise BadInput(f"trapped powder needs a material, such as material: AlSi10Mg, got {self.material!r}")
        require_whole(seed=self.seed)
        if self.grain_mm > min(self.length_mm, self.width_mm):
            raise BadInput(
                f"grain_mm must not exceed length_mm and width_mm, got {self.grain_mm} against {self.length_mm} and "
                f"{self.width_mm}"
            )
        if (grains := DENSITY * self.length_mm * self.width_mm**2 / self.grain_mm**3) > MOST_GRAINS:
            raise BadInput(
                f"a bed may have {MOST_GRAINS} grains, and {self.length_mm} x {self.width_mm} mm hold about "
                f"{grains:.0f} of {self.grain_mm} mm; raise grain_mm or make the bed smaller"
            )

    @property
    def volume_mm3(self) -> float:
        """Exact volume: that of a ball, as many times as there are grains."""
        return len(self.grains_mm) * np.pi / 6 * self.grain_mm**3

    @property
    def grains_mm(self) -> Float[np.ndarray, "grain 3"]:
        """The middles of the grains in its own frame [mm]."""
        axes = self.length_mm / self.grain_mm, self.width_mm / self.grain_mm
        return self.grain_mm * np.array(_deposited(*axes, self.seed))

    def solid(self) -> Manifold:
        """Return its surface [mm], a piece a grain; grains touch to within the 2 % that facets need."""
        unit, grow = _ball()
        ball = unit.scale((grow * self.grain_mm / 2,) * 3)
        grains = [ball.translate(tuple(grain)) for grain in self.grains_mm]
        return moved(Manifold.batch_boolean(grains, OpType.Add), self.quaternion, self.centre_mm)


def sample(
    rng: np.random.Generator, *, length_mm: float, width_mm: float, grain_mm: float, material: str
) -> TrappedPowder:
    """Return a bed of grains along its own x that lie anyhow."""
    return TrappedPowder(
        length_mm=length_mm, width_mm=width_mm, grain_mm=grain_mm, material=material, seed=int(rng.integers(2**31))
    )


@functools.lru_cache(maxsize=1)
def _ball() -> tuple[Manifold, float]:
    """Return a ball of facets with its corners at 1, and how much it must grow to have a ball's volume."""
    unit = Manifold.sphere(1.0, SEGMENTS)
    return unit, float(np.cbrt(4 / 3 * np.pi / unit.volume()))


@functools.lru_cache(maxsize=256)
def _deposited(length: float, width: float, seed: int) -> tuple[tuple[float, float, float], ...]:
    """Return the middles of the grains in an ellipsoid, all in diameters of a grain; the first is the origin."""
    rng = np.random.Generator(np.random.PCG64(seed))
    apart = _ball()[1] * (1 + 1e-9)  # corners of facets stand out: no grain meets another
    room = np.maximum([length - 1, width - 1, width - 1], 1e-9) / 2
    grains = np.zeros((1, 3))
    sites, rank = np.zeros((0, 3)), np.zeros(0)
    while len(grains) < MOST_GRAINS:
        fresh = _free(_sites(grains, apart), grains, apart, room)
        sites = np.concatenate([sites, fresh])
        rank = np.append(rank, _far(fresh, room) + rng.uniform(0, 0.5, len(fresh)))
        places, order = sites, rank
        if not len(sites):
            places = _free(_sides(grains, apart, rng), grains, apart, room)
            order = _far(places, room)
        if not len(places):
            break
        chosen = places[np.argmin(order)]
        grains = np.concatenate([grains, [chosen]])
        free = np.linalg.norm(sites - chosen, axis=1) > apart * (1 - 1e-9)
        sites, rank = sites[free], rank[free]
    return tuple((float(x), float(y), float(z)) for x, y, z in grains)


def _far(points: Float[np.ndarray, "point 3"], room: Float[np.ndarray, "3"]) -> Float[np.ndarray, " point"]:
    """Return how far out points lie, on a scale on which the room's long axis keeps its length."""
    return np.linalg.norm(points / room, axis=1) * room.max()


def _free(
    points: Float[np.ndarray, "point 3"],
    grains: Float[np.ndarray, "grain 3"],
    apart: float,
    room: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "free 3"]:
    """Return those of the points that lie in the room and where no grain is in the way."""
    points = points[np.linalg.norm(points / room, axis=1) <= 1]
    return points[cdist(points, grains).min(axis=1) > apart * (1 - 1e-9)] if len(points) else points


def _sites(grains: Float[np.ndarray, "grain 3"], apart: float) -> Float[np.ndarray, "site 3"]:
    """Return where a further ball touches the last one and two more."""
    last = grains[-1]
    near = grains[:-1][np.linalg.norm(grains[:-1] - last, axis=1) < 2 * apart] - last
    i, j = np.triu_indices(len(near), 1)
    a, b = near[i], near[j]
    normal = np.cross(a, b)
    size = np.sum(normal**2, axis=1)
    good = size > 1e-9
    a, b, normal, size = a[good], b[good], normal[good], size[good, None]
    # the middle of the circle through three points, one of which is the origin
    middle = np.cross(np.sum(a**2, 1, keepdims=True) * b - np.sum(b**2, 1, keepdims=True) * a, normal) / (2 * size)
    rise = apart**2 - np.sum(middle**2, axis=1, keepdims=True)
    good = rise[:, 0] > 0
    step = normal[good] * np.sqrt(rise[good] / size[good])
    return last + np.concatenate([middle[good] + step, middle[good] - step])


def _sides(grains: Float[np.ndarray, "grain 3"], apart: float, rng: np.random.Generator) -> np.ndarray:
    """Return places where a further ball touches one grain, before and behind it and any way: how a bed begins."""
    ways = rng.normal(size=(200, 3))
    ways *= apart / np.linalg.norm(ways, axis=1, keepdims=True)
    ways[:2] = [[-apart, 0, 0], [apart, 0, 0]]
    return (grains[:, None] + ways).reshape(-1, 3)


KINDS = (
    Kind(
        name="trapped_powder",
        record=TrappedPowder,
        sample=sample,
        parameters={
            "length_mm": Parameter(help="of the bed, along its own x"),
            "width_mm": Parameter(help="of the bed, across"),
            "grain_mm": Parameter(help="diameter of a grain; a bed has at most 100"),
            "material": Parameter(text=True, help="what the grains are made of"),
        },
        family="additive",
        reference="ISO/ASTM TR 52905 (metal parts made in layers)",
    ),
)
