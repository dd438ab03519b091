"""Whether a part fits between source and detector, and the magnification that just fits it."""

import math

import numpy as np
from jaxtyping import Float

from defects.messages import BadInput
from scenes.scene import DetectorSpec, ScanSpec

MARGIN = 0.95
"""Share of the detector that a fitted part fills at most: air must show beside it."""

CLEARANCE = 1.05
"""The source keeps this many times the part's largest radius from the axis."""


def nearest_source_mm(
    points_mm: Float[np.ndarray, "point 3"], detector: DetectorSpec, source_detector_mm: float, margin: float = MARGIN
) -> float:
    r"""Return the least distance from source to axis at which a turning part stays in the picture [mm].

    A point at radius r and height z is seen farthest out at $SDD \, r / \sqrt{SOD^2 - r^2}$ and highest at
    $SDD \, |z| / (SOD - r)$; both must stay on the detector.
    """
    radius, height = np.hypot(points_mm[:, 0], points_mm[:, 1]), np.abs(points_mm[:, 2])
    half_u = margin * detector.columns * detector.pixel_mm / 2
    half_v = margin * detector.rows * detector.pixel_mm / 2
    across = radius * np.hypot(1, source_detector_mm / half_u)
    along = radius + source_detector_mm * height / half_v
    return float(max(across.max(), along.max(), CLEARANCE * radius.max()))


def source_object_mm(
    points_mm: Float[np.ndarray, "point 3"],
    detector: DetectorSpec,
    source_detector_mm: float,
    magnification: float | str,
    part: str,
) -> float:
    """Return the distance from source to axis for a wanted magnification, or for the largest that fits.

    Raises:
        BadInput: The part is larger than the field of view, or the source would be inside it.
    """
    radius = float(np.hypot(points_mm[:, 0], points_mm[:, 1]).max())
    # up to the very edge where the user asks for a magnification, with some air beside it where we choose
    nearest = nearest_source_mm(points_mm, detector, source_detector_mm, MARGIN if magnification == "fit" else 1.0)
    if nearest + radius >= source_detector_mm:
        height = 2 * float(np.abs(points_mm[:, 2]).max())
        fits = source_detector_mm / (nearest + radius)  # both grow with the part
        raise BadInput(
            f"part {part!r} is larger than the field of view: turning, it sweeps a circle of {2 * radius:.4g} mm, "
            f"{height:.4g} mm high, and no place between source and detector ({source_detector_mm:g} mm apart) shows "
            f"all of it on a detector of {detector.columns * detector.pixel_mm:.4g} x "
            f"{detector.rows * detector.pixel_mm:.4g} mm; use a larger detector or source_detector_mm, or scale the "
            f"part: {0.99 * fits:.3g} times its size would fit here (is its unit right?)"
        )
    if magnification == "fit":
        return nearest
    distance = source_detector_mm / float(magnification)
    largest = math.floor(1000 * source_detector_mm / nearest) / 1000  # down, so that it is no lie
    if distance <= CLEARANCE * radius:
        raise BadInput(
            f"magnification {magnification:g} puts the source {distance:.4g} mm from the axis, inside the circle of "
            f"{2 * radius:.4g} mm that part {part!r} sweeps; use magnification: fit, or at most {largest}"
        )
    if distance + radius >= source_detector_mm:
        raise BadInput(
            f"magnification {magnification:g} puts the detector {source_detector_mm - distance:.4g} mm from the axis, "
            f"inside the circle of {2 * radius:.4g} mm that part {part!r} sweeps; use magnification: fit, or more"
        )
    if distance < nearest * (1 - 1e-9):
        raise BadInput(
            f"part {part!r} is larger than the field of view at magnification {magnification:g}; use magnification: "
            f"fit, or at most {largest}"
        )
    return distance


def check_fit(points_mm: Float[np.ndarray, "point 3"], scan: ScanSpec, part: str) -> None:
    """Raise BadInput unless the turning part stays between source and detector, and in the picture."""
    radius = float(np.hypot(points_mm[:, 0], points_mm[:, 1]).max())
    nearest = nearest_source_mm(points_mm, scan.detector, scan.source_detector_mm, 1.0)
    farthest = scan.source_detector_mm - radius
    if nearest > farthest:
        source_object_mm(points_mm, scan.detector, scan.source_detector_mm, "fit", part)  # says that none will do
    if not nearest * (1 - 1e-9) <= scan.source_object_mm <= farthest:
        raise BadInput(
            f"source_object_mm must lie from {math.ceil(nearest * 1000) / 1000:g} to "
            f"{math.floor(farthest * 1000) / 1000:g} mm for part {part!r} to stay in the field of view and clear of "
            f"source and detector, got {scan.source_object_mm:g}"
        )


def enclosing_voxel_mm(points_mm: Float[np.ndarray, "point 3"], voxels: int) -> float:
    """Return the voxel at which a cube of voxels holds the part with two voxels of air around it [mm]."""
    return float(2 * np.abs(points_mm).max() / (voxels - 4))
