"""A fitted part touches the edge of the picture at some angle and leaves it at none."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defects.messages import BadInput
from scenes.field_of_view import CLEARANCE, MARGIN, enclosing_voxel_mm, nearest_source_mm, source_object_mm
from scenes.scene import DetectorSpec

DETECTOR = DetectorSpec(rows=100, columns=200, pixel_mm=1.0)
SDD_MM = 800.0
ANGLES = np.linspace(0, 2 * np.pi, 3601)


def ring(radius_mm: float, height_mm: float = 0.0, points: int = 12) -> np.ndarray:
    angles = 2 * np.pi * np.arange(points) / points
    return np.column_stack([radius_mm * np.cos(angles), radius_mm * np.sin(angles), np.full(points, height_mm)])


def shadow(points_mm: np.ndarray, distance_mm: float) -> tuple[float, float]:
    """Return how far out and how high the points are seen over a full turn: the pinhole, angle by angle [mm]."""
    radius, start, z = np.hypot(*points_mm[:, :2].T), np.arctan2(points_mm[:, 1], points_mm[:, 0]), points_mm[:, 2]
    angle = start[:, None] + ANGLES
    depth = distance_mm + radius[:, None] * np.cos(angle)
    across, along = SDD_MM * radius[:, None] * np.sin(angle) / depth, SDD_MM * z[:, None] / depth
    return float(np.abs(across).max()), float(np.abs(along).max())


points = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30), st.floats(-20, 20)), min_size=1, max_size=8)


@given(points=points.map(np.array).filter(lambda p: np.hypot(p[:, 0], p[:, 1]).max() > 1))
def test_at_the_nearest_place_a_part_just_touches_the_edge_over_a_full_turn(points):
    nearest = nearest_source_mm(points, DETECTOR, SDD_MM, 1.0)
    across, along = shadow(points, nearest)
    assert across <= 100 * (1 + 1e-9)
    assert along <= 50 * (1 + 1e-9)
    held_off = nearest == pytest.approx(CLEARANCE * np.hypot(points[:, 0], points[:, 1]).max())
    assert held_off or max(across / 100, along / 50) == pytest.approx(1, abs=1e-4)  # 0.1 degree steps


def test_a_point_on_a_circle_is_seen_farthest_out_where_the_ray_touches_the_circle():
    """Half a detector of 100 mm at 800 mm: sin(fan) = 100 / hypot(100, 800), and the circle touches the ray."""
    assert nearest_source_mm(ring(20.0), DETECTOR, SDD_MM, 1.0) == pytest.approx(20 * math.hypot(1, 8))


def test_a_tall_part_is_held_by_the_rows():
    assert nearest_source_mm(ring(20.0, 15.0), DETECTOR, SDD_MM, 1.0) == pytest.approx(20 + 800 * 15 / 50)
    assert nearest_source_mm(ring(20.0, -15.0), DETECTOR, SDD_MM, 1.0) == pytest.approx(20 + 800 * 15 / 50)


def test_rows_are_the_height_and_columns_the_width():
    wide = DetectorSpec(rows=100, columns=400, pixel_mm=1.0)
    assert nearest_source_mm(ring(20.0), wide, SDD_MM) < nearest_source_mm(ring(20.0), DETECTOR, SDD_MM)
    assert nearest_source_mm(ring(1.0, 15.0), wide, SDD_MM) == nearest_source_mm(ring(1.0, 15.0), DETECTOR, SDD_MM)


def test_a_fitted_part_leaves_a_twentieth_of_the_picture_to_air():
    distance = source_object_mm(ring(20.0), DETECTOR, SDD_MM, "fit", "cup")
    assert shadow(ring(20.0), distance)[0] == pytest.approx(MARGIN * 100, rel=1e-4)


@given(magnification=st.floats(1.2, 4.9))
def test_a_magnification_that_is_possible_is_taken_at_its_word(magnification):
    assert source_object_mm(ring(20.0), DETECTOR, SDD_MM, magnification, "cup") == SDD_MM / magnification


def test_a_point_on_the_axis_needs_no_clearance():
    flat = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    assert nearest_source_mm(flat, DETECTOR, SDD_MM, 1.0) == pytest.approx(800 * 1 / 50)


@pytest.mark.parametrize("magnification", ["fit", 1.5])
def test_a_part_too_large_for_any_place_is_refused_with_its_circle_and_the_detector(magnification):
    with pytest.raises(BadInput) as caught:
        source_object_mm(ring(120.0), DETECTOR, SDD_MM, magnification, "cup")
    text = str(caught.value)
    assert "part 'cup' is larger than the field of view" in text
    assert "240 mm" in text
    assert "200 x 100 mm" in text
    assert "is its unit right?" in text


@pytest.mark.parametrize(
    ("magnification", "words"),
    [(39.0, "inside the circle of 40 mm"), (40.0, "puts the source 20 mm"), (6.0, "larger than the field of view")],
)
def test_a_magnification_too_large_is_refused_and_the_one_offered_is_the_largest(magnification, words):
    with pytest.raises(BadInput, match=words) as caught:
        source_object_mm(ring(20.0), DETECTOR, SDD_MM, magnification, "cup")
    assert "'cup'" in str(caught.value)
    offered = float(re.search(r"at most ([\d.]+)$", str(caught.value)).group(1))
    assert source_object_mm(ring(20.0), DETECTOR, SDD_MM, offered, "cup") == SDD_MM / offered
    with pytest.raises(BadInput):
        source_object_mm(ring(20.0), DETECTOR, SDD_MM, offered + 0.002, "cup")


@given(radius=st.floats(1, 60))
def test_the_magnification_that_is_offered_is_never_refused(radius):
    with pytest.raises(BadInput) as caught:
        source_object_mm(ring(radius), DETECTOR, SDD_MM, 790 / radius, "cup")
    offered = float(re.search(r"at most ([\d.]+)$", str(caught.value)).group(1))
    source_object_mm(ring(radius), DETECTOR, SDD_MM, offered, "cup")


def test_a_magnification_so_small_that_the_part_meets_the_detector_is_refused():
    with pytest.raises(BadInput, match=r"puts the detector 15\.69 mm from the axis, inside the circle of 40 mm"):
        source_object_mm(ring(20.0), DETECTOR, SDD_MM, 1.02, "cup")


@given(points=points.map(np.array).filter(lambda p: np.abs(p).max() > 1), voxels=st.integers(8, 512))
def test_a_volume_that_fits_has_two_voxels_of_air_around_the_part(points, voxels):
    voxel_mm = enclosing_voxel_mm(points, voxels)
    assert voxels / 2 * voxel_mm - np.abs(points).max() == pytest.approx(2 * voxel_mm)


@given(radius=st.floats(100, 1e5), height=st.floats(0, 1e5))
def test_the_scale_that_is_offered_for_a_part_too_large_is_never_refused(radius, height):
    with pytest.raises(BadInput) as caught:
        source_object_mm(ring(radius, height), DETECTOR, SDD_MM, "fit", "cup")
    offered = float(re.search(r"scale the part: (\S+) times", str(caught.value)).group(1))
    source_object_mm(offered * ring(radius, height), DETECTOR, SDD_MM, "fit", "cup")
