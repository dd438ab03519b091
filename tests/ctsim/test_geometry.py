"""Where source, detector and voxels lie: absolute truths first, then the laws."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsim.geometry import Geometry, Grid, circular


def scanner(angles_deg, **changes):
    values = {"source_object_mm": 200.0, "source_detector_mm": 500.0, "rows": 40, "columns": 60, "pixel_mm": 0.5}
    return circular(**values | changes, angles_deg=np.asarray(angles_deg, float))


def seen(geometry: Geometry, view: int, point) -> tuple[float, float, float]:
    a, b, w = geometry.projection[view] @ [*point, 1.0]
    return a / w, b / w, w


def test_at_angle_0_the_beam_runs_along_x_with_u_along_minus_y_and_v_along_minus_z():
    g = scanner([0])
    np.testing.assert_allclose(g.source_mm[0], [-200, 0, 0])
    np.testing.assert_allclose(g.centre_mm[0], [300, 0, 0])
    np.testing.assert_allclose(g.u_mm[0], [0, -0.5, 0])
    np.testing.assert_allclose(g.v_mm[0], [0, 0, -0.5])


def test_the_stage_turns_counter_clockwise_so_at_90_deg_the_source_stands_at_plus_y():
    # turning the part by +90 deg about z takes +x to +y, so in the part's frame the source goes from -x to +y
    np.testing.assert_allclose(scanner([90]).source_mm[0], [0, 200, 0], atol=1e-12)


def test_the_origin_is_seen_in_the_middle_and_its_depth_is_sod_over_sdd():
    column, row, depth = seen(scanner([0, 33, 180]), 1, (0, 0, 0))
    assert (column, row, depth) == pytest.approx((30, 20, 0.4), abs=1e-12)


def test_a_point_above_is_seen_in_a_row_nearer_the_top_and_one_at_plus_y_in_a_column_further_left():
    # magnification 2.5: 2 mm in the object are 5 mm on the detector, 10 pixels
    assert seen(scanner([0]), 0, (0, 0, 2))[:2] == pytest.approx((30, 10))
    assert seen(scanner([0]), 0, (0, 2, 0))[:2] == pytest.approx((20, 20))


def test_a_pixel_covers_i_to_i_plus_1():
    g = scanner([17])
    corner = g.source_mm[0] + g.corner_ray_mm[0]
    centre_of_first = corner + 0.5 * (g.u_mm[0] + g.v_mm[0])
    assert seen(g, 0, centre_of_first) == pytest.approx((0.5, 0.5, 1.0))


def test_projecting_is_the_line_from_the_source_through_the_point():
    g = scanner([71.3])
    point = np.array([11.0, -7.0, 5.0])
    column, row, depth = seen(g, 0, point)
    hit = g.source_mm[0] + g.corner_ray_mm[0] + column * g.u_mm[0] + row * g.v_mm[0]
    np.testing.assert_allclose(g.source_mm[0] + depth * (hit - g.source_mm[0]), point, atol=1e-10)


def test_the_normal_points_away_from_the_source_at_the_detector_distance():
    g = scanner([0, 120])
    np.testing.assert_allclose(g.normal[0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(g.distance_mm, 500)


def test_sampling_pixels_finer_moves_no_edge():
    g = scanner([45])
    fine = g.sampled(3)
    assert (fine.rows, fine.columns) == (120, 180)
    np.testing.assert_allclose(fine.corner_ray_mm, g.corner_ray_mm, atol=1e-12)


def test_a_geometry_survives_json():
    g = scanner([0, 10, 20])
    back = Geometry.from_json(json.loads(json.dumps(g.to_json())))
    np.testing.assert_array_equal(back.projection, g.projection)
    assert (back.rows, back.columns) == (g.rows, g.columns)


def test_voxel_centres_lie_at_i_plus_half_about_the_origin():
    grid = Grid(shape=(2, 3, 4), voxel_mm=0.5)
    np.testing.assert_allclose(grid.centres_mm(0), [-0.25, 0.25])
    np.testing.assert_allclose(grid.centres_mm(1), [-0.5, 0, 0.5])
    np.testing.assert_allclose(grid.centres_mm(2), [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(grid.corner_mm, [-1, -0.75, -0.5])


# --- ASTRA ---


def test_a_point_is_seen_where_the_documentation_of_astra_puts_it():
    r"""ASTRA's cone, in its own words: the source turns from -y, at $(\sin\theta, -\cos\theta, 0)$ DSO, opposite to the
    detector; u is $(\cos\theta, \sin\theta, 0)$ and v $(0, 0, 1)$ times the pixel (`astra_geom_2vec`).
    """
    theta, dso, dod = np.deg2rad(30.0), 200.0, 300.0
    sin, cos = np.sin(theta), np.cos(theta)
    row = [sin * dso, -cos * dso, 0, -sin * dod, cos * dod, 0, 0.5 * cos, 0.5 * sin, 0, 0, 0, 0.4]
    g = Geometry.from_astra(np.array([row]), rows=40, columns=60)
    # 3 mm along u, 7 mm towards the source, 2 mm up: magnified 500 / 193
    point = 3 * np.array([cos, sin, 0]) + 7 * np.array([sin, -cos, 0]) + np.array([0, 0, 2])
    column, line, depth = seen(g, 0, point)
    assert depth == pytest.approx(193 / 500)
    assert column == pytest.approx(30 + 3 * 500 / 193 / 0.5)
    assert line == pytest.approx(20 + 2 * 500 / 193 / 0.4)  # v points up there: row 0 is the lowest


@given(seed=st.integers(0, 10_000))
def test_vectors_of_any_kind_show_a_point_where_its_ray_meets_the_detector(seed):
    """d is the detector's centre, u leads from pixel (0, 0) to (0, 1), v to (1, 0): d + (c - C/2) u + (r - R/2) v."""
    rng = np.random.default_rng(seed)
    source, centre = 20 * rng.normal(size=(3, 3)) + np.array([-200.0, 0, 0]), rng.normal(300.0, 1.0, 3) * [1, 0, 0]
    u, v = [0, -0.5, 0] + 0.1 * rng.normal(size=3), [0, 0, -0.5] + 0.1 * rng.normal(size=3)
    rows = np.array([[*s, *centre, *u, *v] for s in source])
    g, point = Geometry.from_astra(rows, rows=40, columns=60), rng.normal(size=3) * 10
    for view in range(3):
        column, line, depth = seen(g, view, point)
        on_detector = centre + (column - 30) * u + (line - 20) * v
        np.testing.assert_allclose(source[view] + (point - source[view]) / depth, on_detector, atol=1e-8)


def test_vectors_go_to_astra_and_come_back():
    rows = np.random.default_rng(0).normal(size=(5, 12))
    back = Geometry.from_astra(rows, rows=4, columns=6)
    np.testing.assert_array_equal(back.to_astra(), rows)
    in_voxels = back.to_astra(voxel_mm=0.25)
    np.testing.assert_allclose(in_voxels, 4 * rows)
    np.testing.assert_allclose(Geometry.from_astra(in_voxels, rows=4, columns=6, voxel_mm=0.25).to_astra(), rows)
