"""What one view is averaged over, in intensity: the points of the focal spot, and the instants of a moving stage."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry
from ctsim.trajectory import true_geometry
from scenes.scene import ScanSpec
from scenes.trajectory import FocalSpotSpec, TrajectorySpec

LEAST_WEIGHT = 1e-9
"""Of a point of the focal spot: fainter ones cost a radiograph each and show in none."""

UNCUT = 14
"""Standard deviations across; less than 1e-11 of a gaussian lies outside."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exposure:
    """The poses that a view is averaged over; its picture is the weighted mean of their intensities.

    Attributes:
        geometry: Every pose of every view, view by view: entry view * poses + pose.
        weights: Of the poses; they sum to 1.
        middle: One entry a view: from the centre of the focal spot, at the middle of the exposure.
    """

    geometry: Geometry
    weights: Float[np.ndarray, " pose"]
    middle: Geometry

    @property
    def poses(self) -> int:
        """How many poses a view is averaged over."""
        return len(self.weights)

    @property
    def views(self) -> int:
        """How many views there are."""
        return self.middle.views

    def of_view(self, view: int) -> "Exposure":
        """Return the exposure of one view alone."""
        entries = slice(view * self.poses, (view + 1) * self.poses)
        return Exposure(
            geometry=self.geometry.some(entries), weights=self.weights, middle=self.middle.some(slice(view, view + 1))
        )


def exposure_of(scan: ScanSpec) -> Exposure:
    """Return the poses of every view of a scan: for each instant of its exposure all points of the focal spot."""
    views = np.arange(scan.views, dtype=float)
    middle = true_geometry(scan, views)
    when = instants(scan.trajectory)
    moving = true_geometry(scan, (views[:, None] + when).ravel()) if len(when) > 1 else middle
    points_mm, weights = spot_points(scan.focal_spot)
    geometry = from_points(moving, points_mm) if scan.focal_spot else moving
    every = np.tile(weights, len(when)) / len(when)
    return Exposure(geometry=geometry, weights=every / every.sum(), middle=middle)


def instants(path: TrajectorySpec) -> Float[np.ndarray, " instant"]:
    """Return when a view is exposed, in steps from one view to the next: the midpoints of equal times about 0."""
    if path.motion == "stop_and_go":
        return np.zeros(1)
    return ((np.arange(path.instants) + 0.5) / path.instants - 0.5) * path.exposure_share


def from_points(geometry: Geometry, points_mm: Float[np.ndarray, "point 2"]) -> Geometry:
    """Return the geometry as seen from each point of the focal spot: entry view * points + point.

    Args:
        geometry: From the spot's centre.
        points_mm: Along the detector's u and v, in the plane at right angles to the ray to the detector's centre [mm].
    """
    ray = _unit(geometry.centre_mm - geometry.source_mm)
    u = _unit(geometry.u_mm - np.sum(geometry.u_mm * ray, axis=1, keepdims=True) * ray)
    v = np.cross(ray, u)
    v *= np.sign(np.sum(v * geometry.v_mm, axis=1, keepdims=True))
    count = len(points_mm)
    off = points_mm[:, :1] * u[:, None] + points_mm[:, 1:] * v[:, None]  # view point 3
    parts = {name: np.repeat(getattr(geometry, name), count, axis=0) for name in ("centre_mm", "u_mm", "v_mm")}
    return replace(geometry, source_mm=(geometry.source_mm[:, None] + off).reshape(-1, 3), **parts)


def spot_points(spot: FocalSpotSpec | None) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " point"]]:
    r"""Return points of the focal spot (u, v) [mm] and their weights, which sum to 1.

    Means and second moments are those of the spot itself, to rounding: variance $\sigma^2$ of a gaussian, $a^2 / 12$
    of a rectangle's side, $d^2 / 16$ of a disc's diameter. Products of Gauss's rules after Hermite and Legendre
    (Abramowitz and Stegun, 25.4.46 and 25.4.29); for the disc rings at Gauss's points of the squared radius.
    """
    if spot is None:
        return np.zeros((1, 2)), np.ones(1)
    if spot.shape == "disc":
        points, weights = _disc(spot.points)
    else:
        (u, wu), (v, wv) = (
            _along(spot, size, cut) for size, cut in ((spot.size_u_mm, spot.cut_u_mm), (spot.size_v_mm, spot.cut_v_mm))
        )
        points = np.stack([np.repeat(u, len(v)), np.tile(v, len(u))], axis=1)
        weights = np.outer(wu, wv).ravel()
    seen = weights >= LEAST_WEIGHT * weights.sum()
    kept, shares = points[seen], weights[seen] / weights[seen].sum()
    wanted, found = weights @ points**2 / weights.sum(), shares @ kept**2
    scale = np.sqrt(np.divide(wanted, found, out=np.ones(2), where=found > 0))  # what the faint ones took away
    return kept * scale * [spot.size_u_mm, spot.size_v_mm], shares


def _along(
    spot: FocalSpotSpec, size_mm: float, cut_mm: float | None
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Return points in units of the spot's size along one direction, and their weights."""
    if not size_mm:
        return np.zeros(1), np.ones(1)
    if spot.shape == "rectangle":
        x, weights = np.polynomial.legendre.leggauss(spot.points)
        return x / 2, weights / 2
    if cut_mm is None or cut_mm > UNCUT * size_mm:
        x, weights = np.polynomial.hermite_e.hermegauss(spot.points)
        return x, weights / weights.sum()
    x, weights = np.polynomial.legendre.leggauss(400)
    x *= cut_mm / 2 / size_mm
    return gauss_rule(x, weights * np.exp(-(x**2) / 2), spot.points)


def gauss_rule(
    x: Float[np.ndarray, " node"], weights: Float[np.ndarray, " node"], points: int
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Return the few points and weights that integrate all polynomials up to degree 2 points - 1 as many nodes do.

    Stieltjes's recurrence and Golub and Welsch's eigenvalues (Gautschi, Orthogonal Polynomials, 2004, sections 2.2.3
    and 3.1.1.1).
    """
    before, polynomial = np.zeros(len(x)), np.full(len(x), 1 / np.sqrt(weights.sum()))  # of norm 1
    middle, beside = np.zeros(points), np.zeros(points)
    for degree in range(points):
        middle[degree] = weights @ (x * polynomial**2)
        after = (x - middle[degree]) * polynomial - beside[degree - 1] * before
        beside[degree] = np.sqrt(weights @ after**2)
        before, polynomial = polynomial, after / beside[degree]
    at, vectors = np.linalg.eigh(np.diag(middle) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    return at, vectors[0] ** 2


def _disc(points: int) -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " point"]]:
    """Return points and weights of a disc of diameter 1: half as many rings as points across, of twice as many each.

    The squared radius of a disc's points is evenly spread, so Gauss and Legendre's points of it make the rings.
    """
    rings, around = (points + 1) // 2, 2 * points
    square, share = np.polynomial.legendre.leggauss(rings)
    radius = np.repeat(np.sqrt((1 + square) / 2) / 2, around)
    ring, step = np.divmod(np.arange(rings * around), around)
    angle = 2 * np.pi * (step + 0.5 * (ring % 2)) / around  # neighbouring rings stand staggered
    weights = np.repeat(share / 2, around) / around
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), weights


def _unit(vectors: Float[np.ndarray, "view 3"]) -> Float[np.ndarray, "view 3"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
