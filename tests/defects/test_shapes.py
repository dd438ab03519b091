"""Shapes have exact volumes; rotations are right-handed, in the order w x y z, and uniform where they are random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Error, Manifold
from scipy import stats
from scipy.spatial.transform import Rotation

from defects.shapes import FACET_MM, MOST, ellipsoid, moved, random_quaternion, rotation
from tests.defects.measure import centroid, vertices

SEMI_AXIS = st.floats(1e-3, 1e3)
NUMBER = st.floats(-10, 10)
QUARTER = np.sqrt(0.5)


@pytest.fixture(scope="module")
def quaternions() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.array([random_quaternion(rng) for _ in range(4000)])


@given(a=SEMI_AXIS, b=SEMI_AXIS, c=SEMI_AXIS)
@settings(max_examples=50)
def test_an_ellipsoid_has_its_volume(a, b, c):
    solid = ellipsoid((a, b, c))
    assert solid.status() == Error.NoError
    assert solid.volume() == pytest.approx(4 / 3 * np.pi * a * b * c, rel=1e-9)


@pytest.mark.parametrize(("segments", "grown"), [(32, 1.0076), (64, 1.0019)])
def test_all_corners_of_an_ellipsoid_lie_on_one_that_is_less_than_a_hundredth_larger(segments, grown):
    scaled = vertices(ellipsoid((1.0, 2.0, 5.0), segments)) / (1, 2, 5)
    radii = np.linalg.norm(scaled, axis=1)
    assert np.ptp(radii) < 1e-12
    assert radii[0] == pytest.approx(grown, abs=2e-4)


@pytest.mark.parametrize("radius", [0.2, 0.5, 1.0, 2.0, 4.5])
def test_facets_stand_off_a_ball_by_no_more_than_they_may(radius):
    """Corners outside, and the middles of facets inside."""
    ball = ellipsoid((radius, radius, radius))
    corners = vertices(ball)
    middles = corners[np.asarray(ball.to_mesh64().tri_verts)].mean(1)
    off = np.abs(np.linalg.norm(np.concatenate([corners, middles]), axis=1) - radius)
    assert off.max() <= 1.05 * FACET_MM
    assert ball.num_tri() <= MOST**2


@pytest.mark.parametrize(
    ("quaternion", "start", "end"),
    [
        ((QUARTER, 0.0, 0.0, QUARTER), (1, 0, 0), (0, 1, 0)),
        ((QUARTER, QUARTER, 0.0, 0.0), (0, 1, 0), (0, 0, 1)),
        ((QUARTER, 0.0, QUARTER, 0.0), (0, 0, 1), (1, 0, 0)),
        ((1.0, 0.0, 0.0, 0.0), (1, 2, 3), (1, 2, 3)),
        ((0.0, 0.0, 0.0, 1.0), (1, 2, 3), (-1, -2, 3)),
    ],
)
def test_a_quarter_turn_about_z_takes_x_to_y_and_so_on_round(quaternion, start, end):
    assert rotation(quaternion) @ start == pytest.approx(np.array(end), abs=1e-15)


@given(q=st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).filter(lambda q: np.linalg.norm(q) > 1e-3))
def test_a_rotation_is_that_of_scipy_whatever_the_length_and_sign_of_the_quaternion(q):
    matrix = rotation(q)
    assert matrix == pytest.approx(Rotation.from_quat(q, scalar_first=True).as_matrix(), abs=1e-12)
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    assert rotation(tuple(-c for c in q)) == pytest.approx(matrix, abs=1e-15)


def test_random_quaternions_are_of_unit_length_with_w_not_below_zero(quaternions):
    assert np.linalg.norm(quaternions, axis=1) == pytest.approx(np.ones(len(quaternions)))
    assert quaternions[:, 0].min() >= 0


def test_angles_of_random_rotations_have_density_one_minus_cos_over_pi(quaternions):
    """The angle of a rotation uniform on SO(3) has the distribution (t - sin t) / pi on [0, pi]."""
    angles = 2 * np.arccos(np.clip(quaternions[:, 0], 0, 1))
    assert stats.kstest(angles, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.01


@pytest.mark.parametrize("start", [(0, 0, 1), (1, 0, 0), (0.6, 0, 0.8)])
def test_random_rotations_take_any_direction_anywhere_on_the_sphere(quaternions, start):
    """On a uniform sphere each coordinate is uniform (Archimedes), and so is the azimuth."""
    ends = np.array([rotation(tuple(q)) @ start for q in quaternions])
    for axis in range(3):
        assert stats.kstest(ends[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01
    azimuth = np.arctan2(ends[:, 1], ends[:, 0])
    assert stats.kstest(azimuth, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_moved_turns_about_the_origin_first_and_shifts_then():
    brick = Manifold.cube((3.0, 2.0, 1.0)).translate((10.0, 0.0, 0.0))
    solid = moved(brick, (QUARTER, 0.0, 0.0, QUARTER), (0.0, 0.0, 5.0))
    assert solid.bounding_box() == pytest.approx((-2, 10, 5, 0, 13, 6))
    assert centroid(solid) == pytest.approx((-1, 11.5, 5.5))
    assert solid.volume() == pytest.approx(6)
