"""A fitted part touches the edge of the picture at some angle and leaves it at none."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.field_of_view import (
    CLEARANCE,
    MARGIN,
    check_clear,
    check_fit,
    enclosing_voxel_mm,
    nearest_source_mm,
    reach_mm,
    source_object_mm,
)
from scenes.orbit import true_rows
from scenes.scene import ScanSpec
from scenes.trajectory import TrajectorySpec

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


# --- other paths ---


def scan_at(distance_mm: float, views: int = 720, **path) -> ScanSpec:
    """Return a scan along a path with the source at a distance from the axis."""
    return ScanSpec(
        tube_kv=100, exposure_mas=1, detector=DETECTOR, source_detector_mm=SDD_MM, source_object_mm=distance_mm,
        views=views, trajectory=TrajectorySpec.model_validate(path),
    )  # fmt: skip


def pictures(points_mm: np.ndarray, scan: ScanSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return where each point is seen in each view, from the detector's centre: along u, along v [view point, mm]."""
    rows = true_rows(scan, np.arange(scan.views, dtype=float))
    source, centre, u, v = (part[:, None] for part in np.split(rows, 4, axis=1))
    normal = np.cross(u, v)
    ray = points_mm - source
    hit = source + ray * np.sum((centre - source) * normal, axis=2, keepdims=True) / np.sum(
        ray * normal, axis=2, keepdims=True
    )
    return np.sum((hit - centre) * u, axis=2), np.sum((hit - centre) * v, axis=2)


some_points = points.map(np.array).filter(lambda p: np.hypot(p[:, 0], p[:, 1]).max() > 1)


@given(points=some_points, tilt=st.floats(-60, 60))
def test_with_the_axis_tilted_a_part_just_touches_the_edge_over_a_full_turn(points, tilt):
    path = {"tilt_deg": tilt}
    nearest = nearest_source_mm(points, DETECTOR, SDD_MM, 1.0, TrajectorySpec.model_validate(path))
    across, along = pictures(points, scan_at(min(nearest, 799.0), **path))
    if nearest < 799:
        assert np.abs(across).max() <= 100 * (1 + 1e-9)
        assert np.abs(along).max() <= 50 * (1 + 1e-9)
        held_off = nearest == pytest.approx(CLEARANCE * reach_mm(points, TrajectorySpec.model_validate(path))[0])
        touches = max(np.abs(across).max() / 100, np.abs(along).max() / 50)
        assert held_off or touches == pytest.approx(1, abs=1e-3)  # half a degree from view to view


@given(points=some_points, aside=st.floats(-90, 90), up=st.floats(-30, 30))
def test_a_detector_beside_the_axis_sees_as_far_out_on_one_side_as_its_outer_edge(points, aside, up):
    path = {"detector_shift_mm": (aside, up)}
    nearest = nearest_source_mm(points, DETECTOR, SDD_MM, 1.0, TrajectorySpec.model_validate(path))
    if nearest < 799:
        across, along = pictures(points, scan_at(nearest, **path))
        on_the_far_side = across if aside < 0 else -across  # away from where the detector has gone
        assert np.abs(along).max() <= 50 * (1 + 1e-9)
        assert (-on_the_far_side).max() <= 100 + 1e-6  # the outer edge is passed nowhere
        assert on_the_far_side.max() <= 100 + 2 * abs(aside) + 1e-6


def test_a_detector_beside_the_axis_lets_a_part_come_nearer_by_a_full_turn_only():
    shifted = {"detector_shift_mm": (60.0, 0.0)}
    nearest = [
        nearest_source_mm(ring(20.0), DETECTOR, SDD_MM, 1.0, TrajectorySpec.model_validate(path))
        for path in ({}, shifted, shifted | {"range_deg": "short"})
    ]
    assert nearest[0] == pytest.approx(20 * math.hypot(1, 800 / 100))
    assert nearest[1] == pytest.approx(20 * math.hypot(1, 800 / 160))
    assert nearest[2] == pytest.approx(20 * math.hypot(1, 800 / 40))


@pytest.mark.parametrize("shift", [(100.0, 0.0), (-120.0, 0.0), (0.0, 50.0)])
def test_a_detector_moved_past_the_central_ray_is_refused(shift):
    with pytest.raises(BadInput, match="detector_shift_mm moves the detector by"):
        nearest_source_mm(ring(20.0), DETECTOR, SDD_MM, 1.0, TrajectorySpec(detector_shift_mm=shift))


HELIX = {"range_deg": 1440.0, "pitch_mm": 15.0}


@given(height=st.floats(-35, 35), radius=st.floats(1, 25))
def test_on_a_helix_every_point_passes_through_the_picture_for_half_a_turn_and_the_fan(height, radius):
    """The part may be 70 mm high, of which the detector sees 50 / M at once."""
    points, path = ring(radius, height), TrajectorySpec.model_validate(HELIX)
    nearest = nearest_source_mm(points, DETECTOR, SDD_MM, 1.0, path)
    if nearest + radius < SDD_MM:
        across, along = pictures(points, scan_at(nearest, views=1441, include_final_angle=True, **HELIX))
        assert np.abs(across).max() <= 100 * (1 + 1e-9)
        seen_deg = (np.abs(along) <= 50).sum(axis=0)
        fan_deg = 2 * math.degrees(math.atan(100 / SDD_MM))
        assert (seen_deg >= 180 + fan_deg - 1).all()


def test_a_part_too_high_for_one_view_fits_a_helix():
    tall = ring(10.0, 60.0)
    with pytest.raises(BadInput, match="larger than the field of view"):
        source_object_mm(tall, DETECTOR, SDD_MM, 2.0, "cup")
    helix = TrajectorySpec(range_deg=1800, pitch_mm=30.0)
    assert source_object_mm(tall, DETECTOR, SDD_MM, 2.0, "cup", helix) == 400.0


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ({"range_deg": 180, "pitch_mm": 5}, "a helix must turn by 180 deg"),
        ({"range_deg": 3600, "pitch_mm": 300}, "pitch_mm 300 is too steep"),
        ({"range_deg": 720, "pitch_mm": 5}, "larger than the field of view.*turn farther on the helix"),
    ],
)
def test_a_helix_that_does_not_pass_all_of_the_part_is_refused(path, words):
    with pytest.raises(BadInput, match=words):
        source_object_mm(ring(10.0, 80.0), DETECTOR, SDD_MM, "fit", "cup", TrajectorySpec.model_validate(path))


def test_the_scale_that_is_offered_on_a_helix_fits():
    path = TrajectorySpec(range_deg=720, pitch_mm=20)
    with pytest.raises(BadInput) as caught:
        source_object_mm(ring(30.0, 80.0), DETECTOR, SDD_MM, "fit", "cup", path)
    offered = float(re.search(r"scale the part: (\S+) times", str(caught.value)).group(1))
    source_object_mm(offered * ring(30.0, 80.0), DETECTOR, SDD_MM, "fit", "cup", path)
    with pytest.raises(BadInput):
        source_object_mm(1.05 * offered * ring(30.0, 80.0), DETECTOR, SDD_MM, "fit", "cup", path)


# --- clear of source and detector ---


def test_deviations_may_push_a_part_out_of_the_picture_but_not_into_the_source_or_the_detector():
    fits = scan_at(250.0, views=8, deviations=[{"of": "detector", "axis": "u", "shift_mm": [0.0, 300.0]}])
    check_fit(ring(20.0), fits, "cup")
    for of, axis, shift, words in (
        ("source", "x", 240.0, "not wholly before the source in view"),
        ("source", "x", 300.0, "behind the source in view"),
        ("stage", "x", -240.0, "not wholly before the source in view"),
        ("detector", "x", -540.0, "reaches the detector in view"),
        ("detector", "x", -900.0, "behind the source in view"),
    ):
        bad = scan_at(250.0, views=8, deviations=[{"of": of, "axis": axis, "shift_mm": shift}])
        with pytest.raises(BadInput, match=words):
            check_fit(ring(20.0), bad, "cup")


def test_the_view_in_which_a_drift_goes_too_far_is_told():
    drift = {"of": "source", "axis": "x", "shift_mm": [0.0, 0.0, 0.0, 240.0, 0.0, 0.0, 0.0, 0.0]}
    with pytest.raises(BadInput, match="before the source in view 3"):
        check_clear(ring(20.0), scan_at(250.0, views=8, deviations=[drift]), "cup")


def test_along_vectors_a_part_need_only_be_clear_of_source_and_detector():
    rows = true_rows(scan_at(250.0, views=8), np.arange(8.0)).tolist()
    by_vectors = ScanSpec(tube_kv=100, exposure_mas=1, detector=DETECTOR, views=8, trajectory={"vectors": rows})
    check_fit(ring(200.0), by_vectors, "cup")  # far larger than the picture
    with pytest.raises(BadInput, match="not wholly before the source in view"):
        check_fit(ring(251.0), by_vectors, "cup")


def test_of_many_points_only_the_outermost_are_looked_at_and_none_is_missed():
    rng = np.random.default_rng(1)
    ball = rng.normal(size=(5000, 3))
    ball *= 20 / np.linalg.norm(ball, axis=1, keepdims=True)
    check_clear(np.vstack([ball, 0.5 * ball]), scan_at(250.0, views=8), "ball")
    with pytest.raises(BadInput, match="not wholly before"):
        check_clear(np.vstack([ball, [[-255.0, 0, 0]]]), scan_at(250.0, views=8), "ball")
    flat = ball * [1, 1, 0]
    check_clear(flat, scan_at(250.0, views=8), "disc")
