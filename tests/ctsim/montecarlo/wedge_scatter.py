"""Single scatter of the spherical step wedge, as an integral: the first order of CTSimU's 2D-SW-1 and 2D-SW-4.

The source stands at the origin and the beam runs along x. All of the wedge's walls point to the source, its steps are
pieces of shells about it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tests.ctsim.montecarlo.single_scatter import NARROW, Cloud, integral


@dataclass(frozen=True, kw_only=True)
class Wedge:
    """A spherical step wedge.

    Attributes:
        material: Of all of it.
        steps_mm: Thickness of the steps, the lowest first.
        outer_mm: Radius that all steps end at.
        left: Tangent y / x of the side with the largest y.
        right: Of the other one.
        rows: Tangents z / x that the steps begin and end at, from the lowest.
    """

    material: str
    steps_mm: tuple[float, ...]
    outer_mm: float
    left: float
    right: float
    rows: Float[np.ndarray, " edge"]


def lengths(
    wedge: Wedge, starts_mm: Float[np.ndarray, "node 3"], ends_mm: Float[np.ndarray, "node 3"]
) -> Float[np.ndarray, "1 node"]:
    """Return the ways through the wedge [mm]: of each step that in the outer ball less that in the inner one."""
    way = ends_mm - starts_mm
    total = np.zeros(len(way))
    for thick, low, high in zip(wedge.steps_mm, wedge.rows[:-1], wedge.rows[1:], strict=True):
        walls = np.array([[wedge.left, -1, 0], [-wedge.right, 1, 0], [-low, 0, 1], [high, 0, -1]])
        first, last = _between(walls, starts_mm, way)
        for sign, radius in ((1, wedge.outer_mm), (-1, wedge.outer_mm - thick)):
            near, far = _ball(radius, starts_mm, way)
            total += sign * np.maximum(np.minimum(last, far) - np.maximum(first, near), 0)
    return (total * np.linalg.norm(way, axis=1))[None]


def lighted(wedge: Wedge, point_mm: Float[np.ndarray, "3"], nodes: int) -> Cloud:
    """Return the nodes of the wedge, which is lighted all over, closer about the way to a point of the panel."""
    _, y, z = point_mm / point_mm[0]
    rows = [_pieces(z + NARROW, low, high, nodes) for low, high in zip(wedge.rows[:-1], wedge.rows[1:], strict=True)]
    across, along_y = _pieces(y + NARROW, wedge.right, wedge.left, nodes)
    points, volumes = [], []
    for thick, (upward, along_z) in zip(wedge.steps_mm, rows, strict=True):
        r, along_r = _pieces(np.zeros(0), wedge.outer_mm - thick, wedge.outer_mm, nodes)
        tangents = np.stack([g.ravel() for g in np.meshgrid(across, upward, indexing="ij")], axis=1)
        rays = np.column_stack([np.ones(len(tangents)), tangents])
        stretch = np.linalg.norm(rays, axis=1)
        solid = np.outer(along_y, along_z).ravel() / stretch**3
        points.append((r[:, None, None] * (rays / stretch[:, None])).reshape(-1, 3))
        volumes.append(np.outer(r**2 * along_r, solid).ravel())
    return Cloud(
        points_mm=np.concatenate(points), volumes_mm3=np.concatenate(volumes),
        materials=np.zeros(sum(map(len, points)), int),
    )  # fmt: skip


def scattered_once(
    wedge: Wedge,
    points_mm: Float[np.ndarray, "point 3"],
    energies_kev: Float[np.ndarray, " energy"],
    photons: Float[np.ndarray, " energy"],
    nodes: int = 4,
) -> Float[np.ndarray, "2 point"]:
    """Return what a panel square to x reads of Compton's and Rayleigh's single scatter, the free beam there being 1."""
    found = [
        integral(
            lighted(wedge, point, nodes), lambda a, b: lengths(wedge, a, b), (wedge.material,), source_mm=np.zeros(3),
            normal=np.array([1.0, 0, 0]), point_mm=point, energies_kev=energies_kev, photons=photons,
        )
        for point in points_mm
    ]  # fmt: skip
    return np.stack(found, axis=1)


def _between(walls: np.ndarray, starts: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at which shares of their way rays enter and leave what lies before all of the walls."""
    height, rise = starts @ walls.T, way @ walls.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = -height / rise
    first = np.where(rise > 0, at, np.where((rise == 0) & (height < 0), np.inf, -np.inf)).max(1)
    last = np.where(rise < 0, at, np.inf).min(1)
    return np.maximum(first, 0), np.minimum(last, 1)


def _ball(radius: float, starts: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at which shares of their way rays enter and leave a ball about the origin."""
    a, b, c = np.sum(way**2, axis=1), np.sum(way * starts, axis=1), np.sum(starts**2, axis=1) - radius**2
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return (-b - root) / a, (-b + root) / a


def _pieces(cuts: np.ndarray, low: float, high: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    edges = np.unique(np.concatenate([[low, high], cuts[(cuts > low) & (cuts < high)]]))
    x, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(edges)[:, None] / 2, (edges[:-1] + edges[1:])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()
