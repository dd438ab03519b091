"""Whether a part fits between source and detector, and the magnification that just fits it.

What is asked of the nominal path is that all of the part stays in the picture while the stage turns: with the detector
beside the axis, over a full turn on one side or the other; on a helix, while the source passes by. Deviations may push
some of it over the edge, as they do in real scanners; but it must stay clear of source and detector.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError

from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.orbit import range_deg, true_rows
from scenes.scene import ScanSpec
from scenes.trajectory import TrajectorySpec

MARGIN = 0.95
"""Share of the detector that a fitted part fills at most: air must show beside it."""

CLEARANCE = 1.05
"""The source keeps this many times the part's reach towards it from the axis."""

CIRCLE = TrajectorySpec()
"""One turn, nothing tilted or shifted."""

Points = Float[np.ndarray, "point 3"]


def nearest_source_mm(
    points_mm: Points,
    detector: DetectorSpec,
    source_detector_mm: float,
    margin: float = MARGIN,
    path: TrajectorySpec = CIRCLE,
) -> float:
    r"""Return the least distance from source to axis at which a turning part stays in the picture [mm].

    With the axis tilted by t towards the source, a point at radius r and height z turned by phi is seen at

    $$ u = SDD \frac{r \sin\phi}{d}, \quad v = -SDD \frac{r \sin t \cos\phi + z \cos t}{d}, \quad
       d = SOD - z \sin t + r \cos t \cos\phi $$

    Asked for all phi that u stays within h:  $SOD \ge z \sin t + r \sqrt{\cos^2 t + k^2}$ with $k = SDD / h$;
    and v within h:  $SOD \ge z \sin t \pm k z \cos t + r |\cos t \mp k \sin t|$, up and down.
    """
    radius, height = np.hypot(points_mm[:, 0], points_mm[:, 1]), points_mm[:, 2]
    cos, sin = math.cos(math.radians(path.tilt_deg)), math.sin(math.radians(path.tilt_deg))
    k = source_detector_mm / half_width_mm(detector, source_detector_mm, margin, path)
    across = height * sin + radius * np.hypot(cos, k)
    up, down = (source_detector_mm / h for h in half_heights_mm(detector, margin, path))
    if path.pitch_mm:
        along = radius + max(up, down) * _passed_by_mm(height, detector, source_detector_mm, path)
    else:
        along = height * sin + np.maximum(
            up * height * cos + radius * abs(cos - up * sin), radius * abs(cos + down * sin) - down * height * cos
        )
    return float(max(across.max(), along.max(), CLEARANCE * reach_mm(points_mm, path)[0]))


def half_width_mm(detector: DetectorSpec, source_detector_mm: float, margin: float, path: TrajectorySpec) -> float:
    """Return how far off the central ray the turning part may be seen [mm].

    A detector beside the axis sees one side of the part farther out, and over a full turn both.
    """
    half, aside = margin * detector.columns * detector.pitch_mm[0] / 2, abs(path.detector_shift_mm[0])
    if aside >= half:
        raise BadInput(
            f"detector_shift_mm moves the detector by {aside:g} mm along u, and its edge past the rotation axis: it is "
            f"{2 * half / margin:g} mm wide, and must go on seeing the axis; give less than {half:.4g}"
        )
    turned = range_deg(path, detector.columns * detector.pitch_mm[0], source_detector_mm)
    return half + aside if turned >= 360 else half - aside


def half_heights_mm(detector: DetectorSpec, margin: float, path: TrajectorySpec) -> tuple[float, float]:
    """Return how far above and below the central ray the part may be seen [mm]."""
    half, shift = margin * detector.rows * detector.pitch_mm[1] / 2, path.detector_shift_mm[1]
    if abs(shift) >= half:
        raise BadInput(
            f"detector_shift_mm moves the detector by {shift:g} mm along v, and its edge past the central ray: it is "
            f"{2 * half / margin:g} mm high; give less than {half:.4g} either way"
        )
    if path.pitch_mm:  # what comes in at one edge leaves at the other
        return half - abs(shift), half - abs(shift)
    return half - shift, half + shift


def _passed_by_mm(
    height_mm: Float[np.ndarray, " point"], detector: DetectorSpec, source_detector_mm: float, path: TrajectorySpec
) -> Float[np.ndarray, " point"]:
    """Return how far above or below the source a point must stay in the picture for long enough on a helix [mm].

    Long enough is half a turn and the fan angle, whatever the point's place: from when the source comes within that
    height until it has left, or until the scan ends.
    """
    width_mm = detector.columns * detector.pitch_mm[0]
    turned = range_deg(path, width_mm, source_detector_mm)
    enough = range_deg(path.model_copy(update={"range_deg": "short"}), width_mm, source_detector_mm)
    if turned < enough:
        raise BadInput(
            f"a helix must turn by 180 deg + fan angle, {math.ceil(enough)} deg here, for any point to be seen from "
            f"enough sides; range_deg is {turned:.6g}"
        )
    needed, climbed = (abs(path.pitch_mm) * angle / 360 for angle in (enough, turned))
    return np.maximum(needed / 2, np.abs(height_mm) + needed - climbed / 2)


def reach_mm(points_mm: Points, path: TrajectorySpec) -> tuple[float, float]:
    """Return how far a turning part reaches from the origin towards the source and towards the detector [mm]."""
    tilt = math.radians(path.tilt_deg)
    level = np.hypot(points_mm[:, 0], points_mm[:, 1]) * math.cos(tilt)
    lean = points_mm[:, 2] * math.sin(tilt)
    return float((level + lean).max()), float((level - lean).max())


def source_object_mm(
    points_mm: Points,
    detector: DetectorSpec,
    source_detector_mm: float,
    magnification: float | str,
    part: str,
    path: TrajectorySpec = CIRCLE,
) -> float:
    """Return the distance from source to axis for a wanted magnification, or for the largest that fits.

    Raises:
        BadInput: The part is larger than the field of view, or the source would be inside it.
    """
    towards_source, towards_detector = reach_mm(points_mm, path)
    # up to the very edge where the user asks for a magnification, with some air beside it where we choose
    margin = MARGIN if magnification == "fit" else 1.0
    nearest = nearest_source_mm(points_mm, detector, source_detector_mm, margin, path)
    if nearest + towards_detector >= source_detector_mm:
        raise _too_large(points_mm, detector, source_detector_mm, margin, part, path)
    if magnification == "fit":
        return nearest
    distance = source_detector_mm / float(magnification)
    largest = math.floor(1000 * source_detector_mm / nearest) / 1000  # down, so that it is no lie
    swept = 2 * float(np.hypot(points_mm[:, 0], points_mm[:, 1]).max())
    if distance <= CLEARANCE * towards_source:
        raise BadInput(
            f"magnification {magnification:g} puts the source {distance:.4g} mm from the axis, inside the circle of "
            f"{swept:.4g} mm that part {part!r} sweeps; use magnification: fit, or at most {largest}"
        )
    if distance + towards_detector >= source_detector_mm:
        raise BadInput(
            f"magnification {magnification:g} puts the detector {source_detector_mm - distance:.4g} mm from the axis, "
            f"inside the circle of {swept:.4g} mm that part {part!r} sweeps; use magnification: fit, or more"
        )
    if distance < nearest * (1 - 1e-9):
        raise BadInput(
            f"part {part!r} is larger than the field of view at magnification {magnification:g}; use magnification: "
            f"fit, or at most {largest}"
        )
    return distance


def _too_large(
    points_mm: Points,
    detector: DetectorSpec,
    source_detector_mm: float,
    margin: float,
    part: str,
    path: TrajectorySpec,
) -> BadInput:
    """Return the error for a part that no place between source and detector shows, with the scale that would fit."""

    def room_mm(scale: float) -> float:
        nearest = nearest_source_mm(scale * points_mm, detector, source_detector_mm, margin, path)
        return source_detector_mm - nearest - reach_mm(scale * points_mm, path)[1]

    low, high = 0.0, 1.0
    if room_mm(low) <= 0:
        sees_mm = 2 * min(half_heights_mm(detector, margin, path))
        return BadInput(
            f"pitch_mm {path.pitch_mm:g} is too steep: half a turn climbs farther than the {sees_mm:.4g} mm of height "
            "that the detector sees, at any magnification; give a smaller pitch_mm or more rows"
        )
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if room_mm(middle) > 0 else (low, middle)
    height = float(np.ptp(points_mm[:, 2]) if path.pitch_mm else 2 * np.abs(points_mm[:, 2]).max())
    swept = 2 * float(np.hypot(points_mm[:, 0], points_mm[:, 1]).max())
    helix = ", turn farther on the helix" if path.pitch_mm else ""
    return BadInput(
        f"part {part!r} is larger than the field of view: turning, it sweeps a circle of {swept:.4g} mm, "
        f"{height:.4g} mm high, and no place between source and detector ({source_detector_mm:g} mm apart) shows "
        f"all of it on a detector of {detector.columns * detector.pitch_mm[0]:.4g} x "
        f"{detector.rows * detector.pitch_mm[1]:.4g} mm; use a larger detector or source_detector_mm{helix}, or scale "
        f"the part: {0.99 * low:.3g} times its size would fit here (is its unit right?)"
    )


def check_fit(points_mm: Points, scan: ScanSpec, part: str) -> None:
    """Raise BadInput unless the turning part stays between source and detector, and nominally in the picture."""
    path = scan.trajectory
    if path.vectors is None:
        nearest = nearest_source_mm(points_mm, scan.detector, scan.source_detector_mm, 1.0, path)
        farthest = scan.source_detector_mm - reach_mm(points_mm, path)[1]
        if nearest >= farthest:
            raise _too_large(points_mm, scan.detector, scan.source_detector_mm, 1.0, part, path)
        if not nearest * (1 - 1e-9) <= scan.source_object_mm <= farthest:
            raise BadInput(
                f"source_object_mm must lie from {math.ceil(nearest * 1000) / 1000:g} to "
                f"{math.floor(farthest * 1000) / 1000:g} mm for part {part!r} to stay in the field of view and clear "
                f"of source and detector, got {scan.source_object_mm:g}"
            )
    check_clear(points_mm, scan, part)


def check_clear(points_mm: Points, scan: ScanSpec, part: str) -> None:
    """Raise BadInput unless, in every view as it truly is, all of the part lies before the source and the detector.

    Before the source means beyond the plane through it that is parallel to the detector.
    """
    rows = true_rows(scan, np.arange(scan.views, dtype=float))
    source, centre, u, v = np.split(rows, 4, axis=1)
    normal = np.cross(u, v)
    normal /= np.sum((centre - source) * normal, axis=1, keepdims=True)  # the detector is at depth 1
    outer = _outer(points_mm)
    for first in range(0, len(rows), 256):
        some = slice(first, first + 256)
        depth = normal[some] @ outer.T - np.sum(source[some] * normal[some], axis=1, keepdims=True)
        nearest, farthest = depth.min(axis=1), depth.max(axis=1)
        if (nearest <= 0).any():
            view = first + int(np.argmax(nearest <= 0))
            where = "behind the source" if farthest[view - first] <= 0 else "not wholly before the source"
            raise BadInput(
                f"part {part!r} stands {where} in view {view}, as seen from the detector; move the source away, or "
                "mend trajectory.vectors or deviations"
            )
        if (farthest >= 1).any():
            view = first + int(np.argmax(farthest >= 1))
            where = "stands behind" if nearest[view - first] >= 1 else "reaches"
            raise BadInput(
                f"part {part!r} {where} the detector in view {view}; move the detector away, or mend "
                "trajectory.vectors or deviations"
            )


def _outer(points_mm: Points) -> Float[np.ndarray, "corner 3"]:
    """Return the corners of the convex hull where there are many points: a plane meets no other first."""
    if len(points_mm) < 1000:
        return points_mm
    try:
        return points_mm[ConvexHull(points_mm).vertices]
    except QhullError:  # all in one plane
        return points_mm


def enclosing_voxel_mm(points_mm: Points, voxels: int) -> float:
    """Return the voxel at which a cube of voxels holds the part with two voxels of air around it [mm]."""
    return float(2 * np.abs(points_mm).max() / (voxels - 4))
