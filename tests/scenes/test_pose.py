"""Poses are uniform over all rotations, or tilted by exactly the tilt; turns are counter-clockwise seen from +z."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scenes.part_spec import PoseSpec
from scenes.pose import matrix_of, sample_pose
from scenes.scene import Pose

COUNT = 2000


def matrices(spec: PoseSpec, seed: int = 1, count: int = COUNT) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([matrix_of(sample_pose(spec, rng)) for _ in range(count)])


def fixture(turn_deg=(0, 360), tilt_deg=0.0) -> PoseSpec:
    return PoseSpec(orientation="fixture", turn_deg=turn_deg, tilt_deg=tilt_deg)


def test_a_turn_of_ninety_degrees_takes_x_to_y():
    (matrix,) = matrices(fixture(turn_deg=90.0), count=1)
    assert matrix[:, :3] @ (1, 0, 0) == pytest.approx((0, 1, 0), abs=1e-12)
    assert matrix[:, :3] @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=1e-12)


@given(turn=st.floats(-360, 360), tilt=st.floats(0, 180), seed=st.integers(0, 2**32))
def test_a_fixture_tilts_the_axis_by_exactly_the_tilt(turn, tilt, seed):
    (matrix,) = matrices(fixture(turn, tilt), seed, 1)
    assert matrix[2, 2] == pytest.approx(np.cos(np.deg2rad(tilt)), abs=1e-12)


@given(turn=st.floats(0, 360), tilt=st.floats(0.1, 179), seed=st.integers(0, 2**32))
def test_a_fixture_turns_first_and_tilts_then(turn, tilt, seed):
    """Undoing the shortest turn that brings the tilted axis back up leaves the turn about z alone."""
    matrix = matrices(fixture(turn, tilt), seed, 1)[0][:, :3]
    x, y, z = matrix[:, 2]
    cross = np.array([[0, 0, x], [0, 0, y], [-x, -y, 0]])  # of z and the tilted axis
    tilted = np.eye(3) + cross + cross @ cross / (1 + z)  # Rodrigues
    about_z = np.deg2rad(turn)
    turned = [[np.cos(about_z), -np.sin(about_z), 0], [np.sin(about_z), np.cos(about_z), 0], [0, 0, 1]]
    assert tilted.T @ matrix == pytest.approx(np.array(turned), abs=1e-9)


def test_a_fixture_tilts_towards_any_side_alike_whatever_the_turn():
    axes = matrices(fixture(turn_deg=30.0, tilt_deg=10.0))[:, :, 2]
    assert stats.kstest(np.arctan2(axes[:, 1], axes[:, 0]), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_turns_and_tilts_are_drawn_from_their_ranges():
    found = matrices(fixture(turn_deg=[10, 50], tilt_deg=[5, 15]))
    tilts = np.rad2deg(np.arccos(found[:, 2, 2]))
    assert stats.kstest(tilts, stats.uniform(5, 10).cdf).pvalue > 0.01
    flat = matrices(fixture(turn_deg=[10, 50]))
    assert stats.kstest(np.rad2deg(np.arctan2(flat[:, 1, 0], flat[:, 0, 0])), stats.uniform(10, 40).cdf).pvalue > 0.01


def test_uniform_poses_turn_by_angles_of_density_one_minus_cos_over_pi():
    found = matrices(PoseSpec(orientation="uniform"))
    cosines = (np.trace(found[:, :, :3], axis1=1, axis2=2) - 1) / 2
    angles = np.arccos(np.clip(cosines, -1, 1))
    assert stats.kstest(angles, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.01


@pytest.mark.parametrize("axis", range(3))
def test_uniform_poses_take_each_axis_anywhere_on_the_sphere(axis):
    assert stats.kstest(matrices(PoseSpec())[:, 2, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_upright_is_not_turned():
    assert np.array_equal(matrices(PoseSpec(orientation="upright"), count=1)[0], np.eye(3, 4))


def test_a_shift_goes_as_far_as_drawn_to_any_side_and_never_up():
    shifts = matrices(PoseSpec(orientation="upright", shift_mm=[2, 5]))[:, :, 3]
    assert not shifts[:, 2].any()
    assert stats.kstest(np.hypot(shifts[:, 0], shifts[:, 1]), stats.uniform(2, 3).cdf).pvalue > 0.01
    assert stats.kstest(np.arctan2(shifts[:, 1], shifts[:, 0]), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_a_pose_turns_about_the_parts_origin_and_shifts_then():
    half = np.sqrt(0.5)
    matrix = matrix_of(Pose(quaternion=(half, 0.0, 0.0, half), shift_mm=(10.0, 0.0, 1.0)))
    assert matrix @ (3, 0, 2, 1) == pytest.approx((10, 3, 3))


def test_the_turn_does_not_hang_on_how_far_it_is_shifted():
    """Every pose draws the same numbers in the same order, so that one key of a spec moves no other."""
    near, far = (sample_pose(PoseSpec(shift_mm=s), np.random.default_rng(4)) for s in (0.0, 5.0))
    assert near.quaternion == far.quaternion
