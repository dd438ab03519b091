"""A sheet has exactly the volume of area times mean thickness, whatever its outline and however its middle waves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error
from scipy import stats

from defects.messages import BadInput
from defects.sheets import ORDERS, draw_lobes, require_lobes, sheet

LOBES = ((2, 0.2, 30.0), (3, 0.15, 100.0), (5, 0.1, 250.0))


def wedge(s: np.ndarray) -> np.ndarray:
    return 1 - s


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.4 * np.sin(1.3 * x + 0.4 * y)


@given(length=st.floats(0.1, 50), width=st.floats(0.1, 50), mean=st.floats(1e-3, 1))
def test_the_volume_is_that_of_the_ellipse_times_the_mean_thickness(length, width, mean):
    for lobes, middle in (((), None), (LOBES, None), (LOBES, waves)):
        solid = sheet(length, width, lobes, wedge, mean, middle)
        assert solid.status() == Error.NoError
        assert solid.genus() == 0
        assert solid.volume() == pytest.approx(np.pi / 4 * length * width * mean, rel=1e-9)


@pytest.mark.parametrize(("x", "y"), [(0.02, 0.01), (1.0, 0.5), (-2.0, 0.3)])
def test_a_wavy_sheet_is_as_thick_along_z_as_a_flat_one_and_its_middle_lies_where_it_is_told(x, y):
    flat, wavy = (
        [-9 + 18 * h.distance for h in sheet(6.0, 4.0, LOBES, wedge, 0.5, m).ray_cast((x, y, -9.0), (x, y, 9.0))]
        for m in (None, waves)
    )
    assert len(flat) == len(wavy) == 2
    assert wavy[1] - wavy[0] == pytest.approx(flat[1] - flat[0], rel=1e-9)
    assert sum(wavy) / 2 == pytest.approx(0.4 * math.sin(1.3 * x + 0.4 * y), abs=5e-3)


def test_a_cone_shaped_sheet_is_three_times_its_mean_in_the_middle_and_ends_sharp():
    solid = sheet(6.0, 6.0, (), wedge, 0.5)
    low, high = solid.bounding_box()[2], solid.bounding_box()[5]
    assert high - low == pytest.approx(1.5)
    rim = solid.ray_cast((2.99, 0.0, -9.0), (2.99, 0.0, 9.0))
    assert 18 * (rim[1].distance - rim[0].distance) == pytest.approx(1.5 * 0.01 / 3, rel=0.2)


def test_irregularity_is_the_relative_standard_deviation_of_the_radius():
    turn = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    lobes = draw_lobes(np.random.default_rng(1), 0.2)
    radius = 1 + sum(a * np.cos(k * turn + np.deg2rad(p)) for k, a, p in lobes)
    assert np.std(radius) == pytest.approx(0.2)
    assert tuple(k for k, _, _ in lobes) == ORDERS
    assert draw_lobes(np.random.default_rng(1), 0.0) == ()


def test_lobes_are_turned_any_way():
    rng = np.random.default_rng(2)
    phases = np.array([[p for _, _, p in draw_lobes(rng, 0.1)] for _ in range(500)])
    for column in phases.T:
        assert stats.kstest(column, stats.uniform(0, 360).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("lobes", "text"),
    [
        (((2, 0.5, 0.0), (3, 0.5, 0.0)), r"must add up to less than 0\.95, got 1"),
        (((2, 0.1, 0.0), (2, 0.1, 0.0)), "must differ in how often they repeat"),
        (((2.5, 0.1, 0.0),), "a lobe must be 3 finite numbers"),
        (((2, math.nan, 0.0),), "a lobe must be 3 finite numbers"),
        (((2, 0.1),), "a lobe must be 3 finite numbers"),
    ],
)
def test_an_outline_that_crosses_itself_is_refused(lobes, text):
    with pytest.raises(BadInput, match=text):
        require_lobes(lobes)


def test_the_irregularity_that_the_refusal_names_is_good():
    """Of any seed the outline stays one: its radius falls nowhere below 0.05 of the even one."""
    for seed in range(200):
        lobes = draw_lobes(np.random.default_rng(seed), 0.3)
        require_lobes(lobes)
        assert sum(abs(amplitude) for _, amplitude, _ in lobes) < 0.95
