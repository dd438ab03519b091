"""Points of the focal spot have the spot's own moments; a view in motion is the mean of its instants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from ctsim.exposure import exposure_of, instants, lattice, spot_points
from ctsim.trajectory import nominal_geometry, true_geometry
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.trajectory import FocalSpotSpec, TrajectorySpec

VARIANCE = {"gaussian": 1.0, "rectangle": 1 / 12, "disc": 1 / 16}
"""Along one direction, of a spot of size 1: sigma^2; a^2 / 12; d^2 / 16."""

sizes = st.floats(0.001, 2.0)


def scan(spot: FocalSpotSpec | None = None, views: int = 4, **path) -> ScanSpec:
    return ScanSpec(
        tube_kv=100, exposure_mas=1, detector=DetectorSpec(rows=40, columns=60, pixel_mm=0.5),
        source_detector_mm=500.0, source_object_mm=200.0, views=views, focal_spot=spot,
        trajectory=TrajectorySpec.model_validate(path),
    )  # fmt: skip


# --- the focal spot ---


@pytest.mark.parametrize("shape", VARIANCE)
@given(u=sizes, v=sizes, points=st.integers(3, 100))
def test_means_and_second_moments_are_those_of_the_spot(shape, u, v, points):
    at, weights = spot_points(FocalSpotSpec(shape=shape, size_u_mm=u, size_v_mm=v, points=points))
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights @ at, 0, atol=1e-14)
    np.testing.assert_allclose(weights @ at**2, [VARIANCE[shape] * u**2, VARIANCE[shape] * v**2], rtol=1e-12)
    assert weights @ (at[:, 0] * at[:, 1]) == pytest.approx(0, abs=1e-14)


def shadow_errors(at, weights) -> np.ndarray:
    """Return how far the shadow of an edge is from a Gauss's at worst, for edges in all directions."""
    x, turns = np.linspace(-4, 4, 401), np.deg2rad(np.arange(0, 180, 2))
    across = at @ [np.cos(turns), np.sin(turns)]
    return np.array([np.abs((x[:, None] > a) @ weights - norm.cdf(x)).max() for a in across.T])


@pytest.mark.parametrize(("points", "side"), [(13, 6), (34, 8), (55, 16)])
def test_an_edge_throws_the_shadow_of_a_gauss_better_than_from_a_larger_square_of_gauss_and_hermites_points(
    points, side
):
    ours = shadow_errors(*spot_points(FocalSpotSpec(size_u_mm=1.0, size_v_mm=1.0, points=points)))
    line, share = np.polynomial.hermite_e.hermegauss(side)
    square = np.stack([np.repeat(line, side), np.tile(line, side)], axis=1)
    theirs = shadow_errors(square, np.outer(share, share).ravel() / share.sum() ** 2)
    assert np.median(ours) < np.median(theirs)
    assert ours.max() < theirs.max()


@pytest.mark.parametrize("points", [5, 13, 34, 100])
def test_every_column_and_every_row_of_a_rectangle_holds_one_point(points):
    even = lattice(points)
    for axis in (0, 1):
        np.testing.assert_allclose(np.sort(even[:, axis]), (np.arange(points) + 0.5) / points)


def test_the_lattice_of_fibonacci_s_numbers_is_fibonacci_s():
    """The points i / 13 and 8 i / 13, or the same in a mirror."""
    column, row = np.round(lattice(13) * 13 - 0.5).astype(int).T
    assert sorted(zip(column, row, strict=True)) in [sorted((i, f * i % 13) for i in range(13)) for f in (5, 8)]


def test_three_points_of_a_line_stand_in_its_middle_and_at_the_root_of_an_eighth():
    at, weights = spot_points(FocalSpotSpec(shape="rectangle", size_u_mm=0.3, size_v_mm=0.0, points=3))
    np.testing.assert_allclose(np.sort(at[:, 0]), [-0.3 / 8**0.5, 0, 0.3 / 8**0.5], atol=1e-16)
    np.testing.assert_allclose(weights, 1 / 3)


@pytest.mark.parametrize("points", [3, 7, 40])
@pytest.mark.parametrize("cut", [0.5, 2.0, 5.0, 13.0, 15.0])
def test_a_gauss_that_is_cut_has_the_variance_of_the_truncated_normal_distribution(cut, points):
    spot = FocalSpotSpec(size_u_mm=0.3, size_v_mm=0.0, cut_u_mm=cut * 0.3, points=points)
    at, weights = spot_points(spot)
    assert weights @ at[:, 0] ** 2 == pytest.approx(0.3**2 * truncnorm.var(-cut / 2, cut / 2), rel=1e-9)
    assert weights @ at[:, 0] == pytest.approx(0, abs=1e-12)
    assert np.abs(at).max() < cut / 2 * 0.3 + 1e-9


def test_all_points_lie_in_the_rectangle_or_the_ellipse():
    at, _ = spot_points(FocalSpotSpec(shape="rectangle", size_u_mm=2.0, size_v_mm=1.0, points=9))
    assert (np.abs(at) <= [1.0, 0.5]).all()
    at, _ = spot_points(FocalSpotSpec(shape="disc", size_u_mm=2.0, size_v_mm=1.0, points=9))
    assert (np.hypot(at[:, 0], at[:, 1] / 0.5) <= 1).all()


def test_a_disc_spreads_its_weight_evenly_over_its_area():
    """Of a disc's weight a quarter lies within half its radius, up to the width of a ring."""
    at, weights = spot_points(FocalSpotSpec(shape="disc", size_u_mm=2.0, size_v_mm=2.0, points=64))
    for radius in (0.25, 0.5, 0.75):
        assert weights[np.hypot(*at.T) <= radius].sum() == pytest.approx(radius**2, abs=0.05)


def test_a_size_of_0_takes_one_point_along_it():
    at, _ = spot_points(FocalSpotSpec(shape="rectangle", size_u_mm=0.0, size_v_mm=1.0, points=5))
    assert at.shape == (5, 2)
    np.testing.assert_array_equal(at[:, 0], 0)


@pytest.mark.parametrize("path", [{}, {"tilt_deg": 35.0}, {"detector_shift_mm": (20.0, -8.0)}])
def test_the_spot_lies_at_right_angles_to_the_central_ray_with_u_and_v_as_on_the_detector(path):
    spot = FocalSpotSpec(shape="rectangle", size_u_mm=0.4, size_v_mm=0.2, points=4)
    e = exposure_of(scan(spot, **path))
    off = e.geometry.source_mm.reshape(4, 4, 3) - e.middle.source_mm[:, None]
    ray = e.middle.centre_mm - e.middle.source_mm
    np.testing.assert_allclose(np.einsum("vpi,vi->vp", off, ray), 0, atol=1e-9)
    for view in range(4):
        along_u, along_v = off[view] @ e.middle.u_mm[view], off[view] @ e.middle.v_mm[view]
        at, _ = spot_points(spot)
        np.testing.assert_array_equal(np.sign(along_u), np.sign(at[:, 0]))
        np.testing.assert_array_equal(np.sign(along_v), np.sign(at[:, 1]))
        np.testing.assert_allclose(np.linalg.norm(off[view], axis=1), np.hypot(*at.T))


def test_the_spot_moves_the_source_and_leaves_the_detector():
    e = exposure_of(scan(FocalSpotSpec(size_u_mm=0.4, size_v_mm=0.4, points=4)))
    for name in ("centre_mm", "u_mm", "v_mm"):
        np.testing.assert_array_equal(getattr(e.geometry, name), np.repeat(getattr(e.middle, name), 4, axis=0))


def test_seen_through_a_pinhole_the_spot_is_its_own_picture_upside_down():
    """A point on the axis at magnification M shows the spot M - 1 times as large, mirrored: the penumbra."""
    spot = FocalSpotSpec(size_u_mm=0.4, size_v_mm=0.2, points=5)
    e, (at, _) = exposure_of(scan(spot)), spot_points(spot)
    seen = e.geometry.projection[: e.poses, :, 3]  # the origin, from each point in view 0
    pixels = seen[:, :2] / seen[:, 2:] - [30, 20]
    np.testing.assert_allclose(0.5 * pixels, -(500 / 200 - 1) * at, atol=1e-9)
    assert np.sqrt(e.weights @ (0.5 * pixels[:, 0]) ** 2) == pytest.approx(1.5 * 0.4)


# --- motion ---


def test_a_stage_that_stops_has_one_instant_and_one_that_does_not_has_them_evenly_about_the_middle():
    np.testing.assert_array_equal(instants(TrajectorySpec()), [0])
    four = instants(TrajectorySpec(motion="continuous", instants=4))
    np.testing.assert_allclose(four, [-0.375, -0.125, 0.125, 0.375])
    short = instants(TrajectorySpec(motion="continuous", instants=2, exposure_share=0.2))
    np.testing.assert_allclose(short, [-0.05, 0.05])


def blur_mm(count: int) -> tuple[float, float]:
    """Return mean and spread of where a point 30 mm off the axis is seen on the detector during one view [mm]."""
    e = exposure_of(scan(views=20, motion="continuous", instants=count))
    seen = e.geometry.projection[e.poses : 2 * e.poses] @ [30.0, 0.0, 0.0, 1.0]
    at = 0.5 * seen[:, 0] / seen[:, 2]
    return float(e.weights @ at), float(np.sqrt(e.weights @ at**2 - (e.weights @ at) ** 2))


def test_the_blur_of_a_turning_stage_tends_to_that_of_all_instants_with_the_square_of_their_number():
    finest = np.array(blur_mm(1000))
    errors = np.array([np.abs(blur_mm(count) - finest) for count in (4, 8, 16)])
    np.testing.assert_allclose(errors[:-1] / errors[1:], 4, rtol=0.05)


def test_the_blur_is_as_wide_as_the_way_that_a_point_goes_in_a_step():
    """A point at radius r seen from the front moves by r * step * M; evenly spread, its deviation is 1 / sqrt(12)."""
    e = exposure_of(scan(views=360, motion="continuous", instants=100))
    seen = e.geometry.projection[: e.poses] @ [30.0, 0.0, 0.0, 1.0]  # moves straight across the beam in view 0
    at = 0.5 * seen[:, 0] / seen[:, 2]
    way = 30 * np.deg2rad(1.0) * 500 / 230
    assert at.std() == pytest.approx(way / np.sqrt(12), rel=1e-3)


def test_a_helix_climbs_and_a_drift_drifts_while_the_stage_turns_on():
    drift = {"of": "detector", "axis": "v", "shift_mm": [0.0, 8.0]}
    e = exposure_of(scan(views=9, range_deg=720, pitch_mm=9.0, motion="continuous", instants=2, deviations=[drift]))
    source = e.geometry.source_mm.reshape(9, 2, 3)
    np.testing.assert_allclose(source[:, 1, 2] - source[:, 0, 2], 9.0 * 2 / 9 / 2)
    down = e.geometry.centre_mm.reshape(9, 2, 3)[..., 2] - source[..., 2]
    np.testing.assert_allclose(down[:, 1] - down[:, 0], -0.5, atol=1e-9)


def test_vectors_move_on_between_the_views_as_the_path_that_they_were_taken_from():
    path = {"range_deg": 90.0, "pitch_mm": 40.0}
    rows = true_geometry(scan(views=45, **path), np.arange(45.0)).to_astra()
    moving = {"motion": "continuous", "instants": 3}
    from_path, from_rows = (exposure_of(scan(views=45, **p, **moving)) for p in (path, {"vectors": rows.tolist()}))
    np.testing.assert_allclose(from_rows.geometry.to_astra(), from_path.geometry.to_astra(), atol=300 * 1e-6)


# --- both together ---


def test_poses_stand_view_by_view_and_the_middle_is_the_spots_centre_at_the_middle_of_the_exposure():
    spot = FocalSpotSpec(size_u_mm=0.4, size_v_mm=0.2, points=4)
    s = scan(spot, motion="continuous", instants=3)
    e = exposure_of(s)
    assert (e.views, e.poses, e.geometry.views) == (4, 12, 48)
    assert e.weights.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_array_equal(e.middle.to_astra(), true_geometry(s, np.arange(4.0)).to_astra())
    np.testing.assert_array_equal(e.middle.to_astra(), nominal_geometry(s).to_astra())
    # in the middle instant of view 2 all points of the spot stand about the middle
    poses = e.geometry.source_mm[2 * 12 + 4 : 2 * 12 + 8]
    np.testing.assert_allclose(poses.mean(0), e.middle.source_mm[2], atol=1e-12)


def test_one_view_alone_has_its_own_poses():
    e = exposure_of(scan(FocalSpotSpec(size_u_mm=0.4, size_v_mm=0.2, points=4)))
    one = e.of_view(2)
    assert (one.views, one.poses, one.geometry.views) == (1, 4, 4)
    np.testing.assert_array_equal(one.middle.to_astra(), e.middle.to_astra()[2:3])
    np.testing.assert_array_equal(one.geometry.to_astra(), e.geometry.to_astra()[8:12])


def test_a_point_that_stands_still_costs_nothing():
    e = exposure_of(scan())
    assert e.poses == 1
    assert e.geometry is e.middle
    np.testing.assert_array_equal(e.weights, [1])
