"""A pore keeps its volume when drawn out, and points anywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defects.gas_pore import GasPore, sample
from defects.shapes import rotation


@given(diameter_mm=st.floats(1e-3, 1e3), elongation=st.floats(0.2, 5))
def test_drawing_a_pore_out_keeps_its_volume_and_makes_it_that_much_longer(diameter_mm, elongation):
    pore = GasPore(diameter_mm=diameter_mm, elongation=elongation)
    size = np.ptp(np.reshape(pore.solid().bounding_box(), (2, 3)), axis=0)
    assert pore.volume_mm3 == pytest.approx(np.pi / 6 * diameter_mm**3)
    assert pore.solid().volume() == pytest.approx(np.pi / 6 * diameter_mm**3, rel=1e-9)
    assert size[2] / size[:2] == pytest.approx([elongation] * 2)


def test_a_round_pore_is_a_ball_of_its_diameter():
    size = np.ptp(np.reshape(GasPore(diameter_mm=3.0).solid().bounding_box(), (2, 3)), axis=0)
    assert size == pytest.approx([3.0] * 3, rel=8e-3)  # 32 segments, blown up by 0.76 % to the true volume


def test_a_turn_of_a_quarter_about_y_lays_the_long_axis_along_x():
    pore = GasPore(diameter_mm=1.0, elongation=2.0, quaternion=(np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0))
    size = np.ptp(np.reshape(pore.solid().bounding_box(), (2, 3)), axis=0)
    assert size[0] / size[1:] == pytest.approx([2, 2])


def test_long_axes_point_anywhere_with_equal_chance():
    rng = np.random.default_rng(11)
    axes = np.array([rotation(sample(rng, diameter_mm=1.0, elongation=1.5).quaternion)[:, 2] for _ in range(2000)])
    for axis in range(3):
        assert stats.kstest(axes[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_a_round_pore_is_not_turned_for_that_would_show_nothing():
    assert sample(np.random.default_rng(1), diameter_mm=2.0) == GasPore(diameter_mm=2.0)
