"""Lofts close, face outwards and have the volume of their cones; the shoelace is right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.lofts import grown, loft, polygon_area, revolved
from tests.defects.measure import centroid

LENGTH = st.floats(0.01, 100)


def square(z: float, half: float = 1.0) -> np.ndarray:
    return np.array([[half, half, z], [-half, half, z], [-half, -half, z], [half, -half, z]])


def test_two_squares_and_flat_ends_are_a_box():
    box = loft(np.array([0.0, 0.0, -1.0]), np.stack([square(-1.0), square(2.0)]), np.array([0.0, 0.0, 2.0]))
    assert box.status() == Error.NoError
    assert box.volume() == pytest.approx(12)
    assert box.bounding_box() == pytest.approx((-1, -1, -1, 1, 1, 2))


def test_one_square_between_two_tips_is_two_pyramids():
    gem = loft(np.array([0.0, 0.0, -3.0]), square(0.0)[None], np.array([0.0, 0.0, 6.0]))
    assert gem.volume() == pytest.approx(4 * 3 / 3 + 4 * 6 / 3)
    assert gem.genus() == 0


@given(low=LENGTH, high=LENGTH, height=LENGTH)
def test_a_frustum_has_the_volume_of_euclid(low, high, height):
    solid = revolved(np.array([0.0, height]), np.array([low, high]))
    assert solid.status() == Error.NoError
    assert solid.volume() == pytest.approx(np.pi / 3 * height * (low**2 + low * high + high**2), rel=1e-9)


def test_a_cone_has_a_third_of_its_cylinder_and_its_middle_a_quarter_up():
    cone = revolved(np.array([0.0, 4.0]), np.array([3.0, 0.0]), segments=24)
    assert cone.volume() == pytest.approx(np.pi * 9 * 4 / 3)
    assert centroid(cone) == pytest.approx((0, 0, 1), abs=1e-12)


def test_cones_turn_into_a_ball_at_second_order():
    def lacks(stations: int) -> float:
        t = np.linspace(np.pi, 0, stations + 1)
        radii = np.sin(t)
        radii[[0, -1]] = 0
        return 1 - revolved(np.cos(t), radii).volume() / (4 / 3 * np.pi)

    assert lacks(16) / lacks(32) == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("segments", [3, 4, 48])
def test_a_grown_polygon_has_the_area_of_the_unit_circle(segments):
    turn = 2 * np.pi * np.arange(segments) / segments
    corners = grown(segments) * np.column_stack([np.cos(turn), np.sin(turn)])
    assert polygon_area(corners) == pytest.approx(np.pi)
    assert polygon_area(corners[::-1]) == pytest.approx(-np.pi)


def test_the_shoelace_measures_a_triangle():
    assert polygon_area(np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]])) == pytest.approx(6)
