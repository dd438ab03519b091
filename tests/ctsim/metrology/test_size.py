"""Sizes and shapes of flaws against closed forms, and the laws of scale and rotation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Manifold, OpType

from ctsim.metrology.size import SIZES, centroid_and_moments, mesh_of, shadow_mm2, size_of

angle = st.floats(0, 360)


def test_a_ball_is_round_and_its_numbers_are_those_of_the_formulas():
    size = size_of(Manifold.sphere(3.0, 256).translate((1, 2, 3)), 0.5)
    assert tuple(size) == SIZES
    assert size["volume_mm3"] == pytest.approx(36 * np.pi, rel=2e-3)
    for name in ("equivalent_diameter_mm", "feret_max_mm", "feret_min_mm"):
        assert size[name] == pytest.approx(6, rel=1e-3)
    for name in ("sphericity", "compactness", "short_to_long_ratio"):
        assert size[name] == pytest.approx(1, rel=2e-3)
    assert size["voxels_across"] == pytest.approx(12, rel=1e-3)
    for axis in "xyz":
        assert size[f"projected_area_{axis}_mm2"] == pytest.approx(9 * np.pi, rel=2e-3)
    assert size["root_area_mm"] == pytest.approx(3 * np.sqrt(np.pi), rel=1e-3)
    assert size["centroid_stage_mm"] == pytest.approx([1, 2, 3], abs=1e-8)
    for name in ("long_axis", "long_axis_tilt_deg", "short_axis", "short_axis_tilt_deg"):
        assert size[name] is None


def test_a_box_by_hand():
    size = size_of(Manifold.cube((1, 2, 3), True).rotate((0, 30, 0)), 1.0)
    assert size["sphericity"] == pytest.approx(np.pi ** (1 / 3) * 36 ** (2 / 3) / 22, rel=1e-8)
    assert size["compactness"] == pytest.approx(6 / (4 / 3 * np.pi * (np.sqrt(14) / 2) ** 3), rel=1e-8)
    assert size["feret_max_mm"] == pytest.approx(np.sqrt(14), rel=1e-8)
    assert size["feret_min_mm"] == pytest.approx(1, rel=1e-8)
    assert size["short_to_long_ratio"] == pytest.approx(1 / 3, rel=1e-8)
    assert size["long_axis"] == pytest.approx([0.5, 0, np.sqrt(3) / 2], abs=1e-6)
    assert size["long_axis_tilt_deg"] == pytest.approx(30, abs=1e-4)
    assert size["short_axis"] == pytest.approx([-np.sqrt(3) / 2, 0, 0.5], abs=1e-6)
    assert size["short_axis_tilt_deg"] == pytest.approx(60, abs=1e-4)
    cos, sin = np.sqrt(3) / 2, 0.5
    assert size["projected_area_x_mm2"] == pytest.approx(2 * (3 * cos + 1 * sin), rel=1e-8)
    assert size["projected_area_y_mm2"] == pytest.approx(3, rel=1e-8)
    assert size["projected_area_z_mm2"] == pytest.approx(2 * (3 * sin + 1 * cos), rel=1e-8)


def test_a_cube_has_the_sphericity_of_a_cube_and_no_axes():
    size = size_of(Manifold.cube((2, 2, 2), True).rotate((10, 20, 30)), 1.0)
    assert size["sphericity"] == pytest.approx((np.pi / 6) ** (1 / 3), rel=1e-6)
    assert size["compactness"] == pytest.approx(2 / (np.sqrt(3) * np.pi), rel=1e-6)
    assert size["long_axis"] is None
    assert size["short_axis"] is None


@pytest.mark.parametrize("tilt", [0, 25, 90, 140])
def test_a_cylinder_at_an_angle(tilt):
    """Radius 1, length 8, tilted about y; its moments are r^2 / 4 and l^2 / 12."""
    size = size_of(Manifold.cylinder(8, 1, 1, 256, True).rotate((0, tilt, 0)), 1.0)
    lean = min(tilt, 180 - tilt)
    assert size["long_axis_tilt_deg"] == pytest.approx(lean, abs=1e-3)
    assert size["short_axis"] is None
    assert size["short_to_long_ratio"] == pytest.approx(np.sqrt(3) / 8, rel=1e-3)
    assert size["feret_max_mm"] == pytest.approx(np.hypot(8, 2), rel=1e-4)
    assert size["feret_min_mm"] == pytest.approx(2, rel=1e-3)
    sin, cos = np.sin(np.radians(lean)), np.cos(np.radians(lean))
    assert size["projected_area_z_mm2"] == pytest.approx(np.pi * cos + 16 * sin, rel=1e-3)
    assert size["projected_area_y_mm2"] == pytest.approx(16, rel=1e-3)
    assert size["root_area_mm"] == pytest.approx(np.sqrt(np.pi * cos + 16 * sin), rel=1e-3)


def test_an_ellipsoids_axes_and_a_round_sheets_normal():
    size = size_of(Manifold.sphere(1, 64).scale((1, 2, 4)).rotate((0, 40, 0)), 1.0)
    assert size["short_to_long_ratio"] == pytest.approx(1 / 4, rel=1e-6)  # facets are stretched with it
    assert size["long_axis_tilt_deg"] == pytest.approx(40, abs=1e-3)
    assert size["short_axis_tilt_deg"] == pytest.approx(50, abs=1e-3)
    sheet = size_of(Manifold.cylinder(0.1, 5, 5, 64, True).rotate((70, 0, 0)), 1.0)
    assert sheet["long_axis"] is None
    assert sheet["short_axis_tilt_deg"] == pytest.approx(70, abs=1e-3)


@settings(max_examples=15)
@given(angle, angle, angle, st.floats(0.1, 10))
def test_a_turn_changes_directions_only_and_lengths_go_with_the_scale(a, b, c, scale):
    flaw = Manifold.batch_boolean(
        [Manifold.sphere(1, 16).scale((1, 1.6, 0.7)), Manifold.cube((3, 0.5, 0.8), True).rotate((5, 10, 15))],
        OpType.Add,
    )
    before, after = size_of(flaw, 1.0), size_of(flaw.rotate((a, b, c)).scale((scale, scale, scale)), scale)
    powers = {"volume_mm3": 3, "equivalent_diameter_mm": 1, "feret_max_mm": 1, "feret_min_mm": 1}
    for name in ("sphericity", "compactness", "short_to_long_ratio", "voxels_across", *powers):
        assert after[name] == pytest.approx(before[name] * scale ** powers.get(name, 0), rel=1e-6)
    assert abs(_turn(a, b, c) @ before["long_axis"] @ after["long_axis"]) == pytest.approx(1, abs=1e-5)


def _turn(a: float, b: float, c: float) -> np.ndarray:
    """Return the matrix of `rotate`: about x, then y, then z."""
    x, y, z = np.radians([a, b, c])
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return rz @ ry @ rx


def test_shadows_are_those_of_the_flaw_not_of_its_hull_nor_the_sum_of_its_pieces():
    angle_bar = Manifold.cube((3, 1, 1)) + Manifold.cube((1, 1, 3))
    assert [shadow_mm2(angle_bar, axis) for axis in range(3)] == pytest.approx([3, 5, 3])
    apart = angle_bar + Manifold.cube((1, 1, 1)).translate((6, 0.5, 4))
    assert [shadow_mm2(apart, axis) for axis in range(3)] == pytest.approx([4, 6, 4])
    hidden = angle_bar + Manifold.cube((1, 0.5, 0.5)).translate((6, 0.2, 0.2))
    assert shadow_mm2(hidden, 0) == pytest.approx(3)
    drilled = Manifold.cube((3, 3, 3), True) - Manifold.cube((1, 1, 5), True)
    assert [shadow_mm2(drilled, axis) for axis in range(3)] == pytest.approx([9, 9, 8])


def test_the_centroid_is_the_centre_of_mass_and_moments_are_those_of_the_body():
    cone = Manifold.cylinder(4, 3, 0, 512).translate((1, 2, 3))
    assert size_of(cone, 1.0)["centroid_stage_mm"] == pytest.approx([1, 2, 4], abs=1e-3)  # a quarter of its height
    centre, moments = centroid_and_moments(*mesh_of(Manifold.cube((1, 2, 3)).translate((5, 6, 7))))
    np.testing.assert_allclose(centre, (5.5, 7, 8.5), rtol=1e-12)
    np.testing.assert_allclose(moments, np.diag([1, 4, 9]) / 12, atol=1e-12)
