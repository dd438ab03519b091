"""What one view is averaged over, in intensity: the points of the focal spot, and the instants of a moving stage."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from ctsim.geometry import Geometry
from ctsim.trajectory import true_geometry
from scenes.scene import ScanSpec
from scenes.trajectory import FocalSpotSpec, TrajectorySpec

GOLDEN_RATIO = (1 + 5**0.5) / 2

UNCUT = 17.0
"""Standard deviations across; less than 1e-16 of a gaussian lies outside."""


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
    r"""Return points of the focal spot (u, v) [mm] and their weights, which are equal and sum to 1.

    Means and second moments are those of the spot itself, to rounding: variance $\sigma^2$ of a gaussian, $a^2 / 12$
    of a rectangle's side, $d^2 / 16$ of a disc's diameter. Seen from any side the points lie evenly: 13 show the shadow
    of an edge as well as a square of 36 of Gauss and Hermite's points does, and 55 as well as 256.
    """
    if spot is None:
        return np.zeros((1, 2)), np.ones(1)
    even, sizes_mm = lattice(spot.points), np.array([spot.size_u_mm, spot.size_v_mm])
    if spot.shape == "disc":
        radius, turn = np.sqrt(even[:, 0]) / 2, 2 * np.pi * even[:, 1]
        points, deviations = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1), np.full(2, 0.25)
    elif spot.shape == "rectangle":
        points, deviations = even - 0.5, np.full(2, 12**-0.5)
    else:
        cuts_mm = [np.inf if cut is None else cut for cut in (spot.cut_u_mm, spot.cut_v_mm)]
        ends = np.minimum(np.divide(cuts_mm, sizes_mm, out=np.full(2, UNCUT), where=sizes_mm > 0), UNCUT) / 2
        points, deviations = ndtri(ndtr(-ends) + even * (1 - 2 * ndtr(-ends))), np.array([*map(_deviation, ends)])
    wide, at_mm = sizes_mm > 0, np.zeros((spot.points, 2))
    at_mm[:, wide] = _whitened(points[:, wide]) * deviations[wide] * sizes_mm[wide]
    return at_mm, np.full(spot.points, 1 / spot.points)


def lattice(points: int) -> Float[np.ndarray, "point 2"]:
    """Return points of the unit square that lie evenly however they are looked at: the Fibonacci lattice.

    For numbers that are not Fibonacci's: the golden ratio's multiples, each in its fraction's place of all.

    Reference: Niederreiter and Sloan, Integration of nonperiodic functions of two variables by Fibonacci lattice
    rules, J. Comput. Appl. Math. 51 (1994).
    """
    place = np.argsort(np.argsort(np.arange(points) / GOLDEN_RATIO % 1))
    return (np.stack([np.arange(points), place], axis=1) + 0.5) / points


def _whitened(points: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, "point axis"]:
    """Return points moved and stretched a little, to mean 0 and covariance 1."""
    centred = points - points.mean(0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(points))
    return centred @ (axes / np.sqrt(variances)) @ axes.T


def _deviation(end: float) -> float:
    """Return the standard deviation of a normal distribution that is cut at -end and end."""
    x, weights = np.polynomial.legendre.leggauss(100)
    weights *= np.exp(-((x * end) ** 2) / 2)
    return float(end * np.sqrt(weights @ x**2 / weights.sum()))


def _unit(vectors: Float[np.ndarray, "view 3"]) -> Float[np.ndarray, "view 3"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
