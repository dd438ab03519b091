"""How the source runs round the z axis, read off a geometry: what filtered backprojection has to know, and its limits.

A scan is a `turn` (views all round), an `arc` (at least half a turn and the fan), or a `helix` (a turn that climbs).
What is none of these is refused, with the words that mend it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry
from defects.messages import BadInput

ELSE = "or use method: cgls, which takes any path"

AS_WORDS = {"arc": "an arc", "helix": "a helix"}

UNSTEADY = 0.05
"""Share of the radius by which the source may leave its circle, or its even climb."""

CLIMB = 0.01
"""Share of the radius that the source may climb in all before the scan is treated as a helix."""

WIDEST_GAP = 15.0
"""Largest step against the median one; even views at random angles stay below it."""

STEEP_DEG = 10.0
"""Elevation of the source over the part, from which on a ray and the one that comes back along it have little in
common: what weighs the two against each other (short scans, offset detectors) ends there."""

OFF_CENTRE = 0.9
"""An axis whose shorter side of the detector is below this share of the longer one: the detector is offset."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The path of the source, and what of the fan the detector sees.

    Attributes:
        kind: `turn`, `arc` or `helix`.
        azimuth_rad: Of the source, counter-clockwise seen from +z; of an arc, from where it begins; of a helix, on and
            on.
        share_rad: What each view stands for; they sum to the whole range, of a turn to a full circle.
        edge_rad: Directions of the rays to the detector's edges, lowest and highest; see `fan_of`.
        height_mm: Of the source, evenly climbing.
        climb_mm: From one turn to the next.
    """

    kind: Literal["turn", "arc", "helix"]
    azimuth_rad: Float[np.ndarray, " view"]
    share_rad: Float[np.ndarray, " view"]
    edge_rad: Float[np.ndarray, "view 2"]
    height_mm: Float[np.ndarray, " view"]
    climb_mm: float

    @property
    def range_rad(self) -> float:
        """How far the source goes, half a step before the first view and after the last one with it."""
        return float(self.share_rad.sum())

    @property
    def sides_rad(self) -> tuple[float, float]:
        """How much of the fan is seen in every view on the clockwise side of the axis, and on the other side."""
        return float(-self.edge_rad[:, 0].max()), float(self.edge_rad[:, 1].min())

    @property
    def offset(self) -> bool:
        """Whether the detector stands so far beside the axis that one side of the fan is cut short."""
        return min(self.sides_rad) < OFF_CENTRE * max(self.sides_rad)


def course_of(geometry: Geometry) -> Course:
    """Return the course of a scan, or raise BadInput where filtered backprojection cannot follow it."""
    source = geometry.source_mm
    if not np.isfinite(geometry.to_astra()).all():
        view = int(np.argmin(np.isfinite(geometry.to_astra()).all(axis=1)))
        raise BadInput(f"the geometry must hold finite numbers, got {geometry.to_astra()[view]} in view {view}")
    radius = np.hypot(source[:, 0], source[:, 1])
    typical = float(np.median(radius))
    if not np.abs(radius - typical).max() < UNSTEADY * typical:
        raise BadInput(
            f"FDK needs a source that circles the z axis; its distance from the axis goes from {radius.min():.4g} to "
            f"{radius.max():.4g} mm. Give such a path, {ELSE}"
        )
    azimuth = np.unwrap(np.arctan2(source[:, 1], source[:, 0]))
    height, climb = _even_climb(azimuth, source[:, 2], typical)
    kind, azimuth, share = _cut(azimuth, height, typical)
    course = Course(
        kind=kind,
        azimuth_rad=azimuth,
        share_rad=share,
        edge_rad=np.sort(fan_of(geometry, np.array([0.0, geometry.columns]), geometry.rows / 2), axis=1),
        height_mm=height,
        climb_mm=climb,
    )
    _check_fan(course, typical)
    return course


def _even_climb(azimuth, height, radius: float) -> tuple[Float[np.ndarray, " view"], float]:
    """Return the height of the source on a straight climb [mm], and how much that is in a turn [mm]."""
    if np.ptp(height) < CLIMB * radius:
        return np.full(len(height), height.mean()), 0.0
    slope, start = np.polyfit(azimuth, height, 1)
    even = start + slope * azimuth
    if np.abs(height - even).max() > UNSTEADY * radius:
        raise BadInput(
            f"FDK needs a source at one height or climbing evenly; its height goes from {height.min():.4g} to "
            f"{height.max():.4g} mm, up to {np.abs(height - even).max():.3g} mm off an even climb. "
            f"Give such a path, {ELSE}"
        )
    return even, float(2 * np.pi * slope)


def _cut(azimuth, height, radius: float) -> tuple[str, Float[np.ndarray, " view"], Float[np.ndarray, " view"]]:
    """Return the kind of a course, its azimuths [rad] and what each view stands for [rad]."""
    steps = np.diff(azimuth)
    if np.ptp(height) >= CLIMB * radius:
        if not (np.all(steps > 0) or np.all(steps < 0)):
            raise BadInput(f"FDK needs a helix that turns one way from view to view. Give such a path, {ELSE}")
        share = _cells(np.abs(azimuth - azimuth[0]))
        if share.sum() < 2 * np.pi * (1 - 1e-6):
            raise BadInput(
                f"FDK needs a helix of at least one turn, got {math.degrees(share.sum()):.4g} deg "
                f"with a climb of {np.ptp(height):.4g} mm. Turn further, {ELSE}"
            )
        return "helix", azimuth, share
    around = np.mod(azimuth, 2 * np.pi)
    order = np.argsort(around, kind="stable")
    gaps = np.diff(around[order], append=around[order[0]] + 2 * np.pi)
    widest = int(np.argmax(gaps))
    others = np.sort(gaps[gaps > 1e-6])[:-1]
    if len(others) == 0 or others[-1] > WIDEST_GAP * np.median(others):
        worst = math.degrees(others[-1] if len(others) else gaps[widest])
        raise BadInput(f"FDK needs views without a gap; {worst:.4g} deg lie between two of them. Fill it, {ELSE}")
    share = np.zeros(len(around))
    if gaps[widest] <= 2.01 * others[-1]:
        share[order] = (gaps + np.roll(gaps, 1)) / 2
        return "turn", around, share
    order = np.roll(order, -widest - 1)
    along = np.mod(around - around[order[0]], 2 * np.pi)
    share[order] = _cells(along[order])
    return "arc", along + share[order[0]] / 2, share


def _cells(along: Float[np.ndarray, " view"]) -> Float[np.ndarray, " view"]:
    """Return half the way to either neighbour, at the ends as far outwards as inwards."""
    steps = np.diff(along)
    return (np.append(steps, steps[-1]) + np.insert(steps, 0, steps[0])) / 2


def fan_of(geometry: Geometry, columns: Float[np.ndarray, " place"], row: float) -> Float[np.ndarray, "view place"]:
    """Return the directions of the rays to places along a row against the axis, counter-clockwise seen from +z [rad].

    Args:
        geometry: Source and detector.
        columns: The places; pixel i covers i .. i + 1.
        row: The row, counted alike.
    """
    begin = geometry.corner_ray_mm + row * geometry.v_mm
    x, y = (begin[:, axis, None] + geometry.u_mm[:, axis, None] * columns for axis in (0, 1))
    to_axis = -geometry.source_mm[:, :2, None]
    return np.arctan2(to_axis[:, 0] * y - to_axis[:, 1] * x, to_axis[:, 0] * x + to_axis[:, 1] * y)


def _check_fan(course: Course, radius_mm: float) -> None:
    """Raise BadInput where the detector does not see enough of each ray's two directions."""
    if min(course.sides_rad) <= 0:
        raise BadInput(f"FDK needs the rotation axis on the detector in every view. Shift the detector less, {ELSE}")
    steep_deg = math.degrees(math.atan2(abs(float(course.height_mm.mean())), radius_mm))
    if steep_deg > STEEP_DEG and (course.kind == "arc" or course.offset):
        raise BadInput(
            f"FDK takes a source {steep_deg:.3g} deg above or below the part in a full turn with a centred detector "
            f"only. Turn all round, centre the detector, {ELSE}"
        )
    if course.offset and course.kind != "turn":
        sides = " against ".join(f"{math.degrees(side):.3g}" for side in sorted(course.sides_rad))
        raise BadInput(
            f"FDK takes a detector beside the axis in a full turn at one height only, got {AS_WORDS[course.kind]} and "
            f"{sides} deg of fan to either side of the axis. Turn all round, centre the detector, {ELSE}"
        )
    if course.kind == "arc":
        fan = 2 * float(np.abs(course.edge_rad).max())
        step = float(np.median(course.share_rad))
        if course.range_rad < np.pi + fan - step:
            raise BadInput(
                f"FDK needs an arc of 180 deg and the fan angle, {180 + math.degrees(fan):.4g} deg, got "
                f"{math.degrees(course.range_rad):.4g} deg. Turn further, {ELSE}"
            )
