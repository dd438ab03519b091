"""A view as GATE has it: all in the panel's frame, the source in its origin."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry
from ctsim.transmit import falloff
from defects.messages import BadInput


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """A view in the panel's frame: the source in the origin, x along the panel's normal, z against its columns.

    Attributes:
        geometry: Of the one view.
        axes: Of the frame, as rows.
        corner_mm: Outer corner of pixel (0, 0) in the panel's plane (y, z).
        width_mm: Along all of a row, in that plane.
        height_mm: Along all of a column.
    """

    geometry: Geometry
    axes: Float[np.ndarray, "3 3"]
    corner_mm: Float[np.ndarray, "2"]
    width_mm: Float[np.ndarray, "2"]
    height_mm: Float[np.ndarray, "2"]

    def of(self, points_mm: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 3"]:
        """Return points of the stage's frame in this one."""
        return (points_mm - self.geometry.source_mm[0]) @ self.axes.T

    @property
    def distance_mm(self) -> float:
        """From the source to the panel's plane."""
        return float(self.geometry.distance_mm[0])

    @property
    def ends_mm(self) -> Float[np.ndarray, "2 2"]:
        """The lowest and the highest (y, z) of the panel."""
        far = self.corner_mm + self.width_mm + self.height_mm
        return np.stack([np.minimum(self.corner_mm, far), np.maximum(self.corner_mm, far)])

    @property
    def pixel_sr(self) -> Float[np.ndarray, "row col"]:
        """The solid angle of every pixel."""
        area_mm2 = np.linalg.norm(self.geometry.u_mm[0]) * np.linalg.norm(self.geometry.v_mm[0])
        return falloff(self.geometry)[0] * area_mm2 / self.distance_mm**2


def sight_of(geometry: Geometry) -> Sight:
    """Return how the only view of a geometry sees.

    Raises:
        BadInput: The pixels are no rectangles.
    """
    u, v = geometry.u_mm[0], geometry.v_mm[0]
    size = np.linalg.norm(u) * np.linalg.norm(v)
    if abs(u @ v) > 1e-6 * size:
        raise BadInput(
            f"fidelity gate: the detector's rows must be at a right angle to its columns, got {u @ v:g} of {size:g} "
            "mm2; choose fidelity: monte-carlo"
        )
    normal, up = geometry.normal[0], -v / np.linalg.norm(v)
    axes = np.stack([normal, np.cross(up, normal), up])
    corner, u, v = ((axes @ vector)[1:] for vector in (geometry.corner_ray_mm[0], u, v))
    return Sight(
        geometry=geometry, axes=axes, corner_mm=corner, width_mm=u * geometry.columns, height_mm=v * geometry.rows
    )


def beam_of(sight: Sight) -> tuple[dict[str, Any], float]:
    """Return the directions that photons set out in, and their solid angle [sr].

    They fill azimuths and inclinations that hold the panel: 1.5 % more of them than the panel where that is 10 deg to
    each side. What sets out beside it is not counted, whatever becomes of it.
    """
    (left, low), (right, high) = sight.ends_mm
    nearest, widest = float(np.clip(0.0, left, right)), max(left, right, key=abs)
    # a height subtends most where the panel is nearest, and a negative lowest one least where it is furthest
    heights = [math.atan2(z, math.hypot(sight.distance_mm, y)) for z in (low, high) for y in (nearest, widest)]
    azimuths = [math.atan2(y, sight.distance_mm) for y in (left, right)]
    beam = {
        "inclination_deg": [90 + math.degrees(angle) for angle in (min(heights), max(heights))],
        "azimuth_deg": [180 + math.degrees(angle) for angle in azimuths],
    }
    return beam, (azimuths[1] - azimuths[0]) * (math.sin(max(heights)) - math.sin(min(heights)))


def panel_of(sight: Sight, shape: tuple[int, int], heel: Float[np.ndarray, "row col"] | None) -> dict[str, Any]:
    """Return where the panel stands, and what it is cut into."""
    return {
        "shape": shape,
        "corner_mm": sight.corner_mm,
        "distance_mm": sight.distance_mm,
        "ends_mm": sight.ends_mm,
        "to_shares": np.linalg.inv(np.stack([sight.width_mm, sight.height_mm], axis=1)),
        "heel": heel,
    }


def rebinned(image: Float[np.ndarray, "row col"], shape: tuple[int, int]) -> Float[np.ndarray, "new_row new_col"]:
    """Return an image of sums cut into other rows and columns; what lies across a border goes to both by its share."""
    ends = [np.linspace(0, size, count + 1) for size, count in zip(image.shape, shape, strict=True)]
    below = [np.clip(end[:, None] - np.arange(size), 0, 1) for end, size in zip(ends, image.shape, strict=True)]
    rows, columns = (np.diff(b, axis=0) for b in below)
    return rows @ image @ columns.T
