"""An undercut has the volume of its parabola and of its ends, and runs out at both."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error
from scipy.integrate import quad

from defects.undercut import Undercut, sample
from tests.defects.mouths import below

GROOVE = Undercut(length_mm=20.0, width_mm=2.0, depth_mm=0.8)


@given(length=st.floats(0.5, 50), width=st.floats(0.1, 5), depth=st.floats(0.05, 3))
def test_the_volume_below_the_surface_and_the_whole_are_exact(length, width, depth):
    groove = Undercut(length_mm=length, width_mm=width, depth_mm=depth)
    solid = groove.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert below(solid).volume() == pytest.approx(groove.cut_mm3, rel=1e-9)
    assert solid.volume() == pytest.approx(groove.volume_mm3, rel=1e-9)


@pytest.mark.parametrize("length", [20.0, 3.0])
def test_the_closed_form_is_the_integral_along_the_groove(length):
    end = min(2.0, length / 2)

    def section(x: float) -> float:
        into = max(abs(x) - (length / 2 - end), 0) / end
        return 2 / 3 * 2.0 * 0.8 * (1 - into**2)

    whole, _ = quad(section, -length / 2, length / 2, points=[end - length / 2, length / 2 - end])
    groove = Undercut(length_mm=length, width_mm=2.0, depth_mm=0.8)
    assert groove.cut_mm3 == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("y", [0.01, 0.4, 0.8])
def test_across_it_is_a_parabola(y):
    (ground, top) = (-3 + 6 * hit.distance for hit in GROOVE.solid().ray_cast((0.3, y, -3.0), (0.3, y, 3.0)))
    assert ground == pytest.approx(-0.8 * (1 - y**2), abs=0.008)
    assert top == pytest.approx(0.08)


def test_away_from_its_ends_each_millimetre_takes_two_thirds_of_width_times_depth():
    middle = below(GROOVE.solid()).trim_by_plane((1, 0, 0), -3).trim_by_plane((-1, 0, 0), -4)
    assert middle.volume() == pytest.approx(7 * 2 / 3 * 2.0 * 0.8, rel=1e-9)


def test_it_runs_out_at_its_ends_in_depth_and_width_alike():
    for x, share in ((9.0, math.sqrt(3) / 2), (9.8, math.sqrt(1 - 0.9**2))):
        cut = GROOVE.solid().trim_by_plane((1, 0, 0), x - 0.005).trim_by_plane((-1, 0, 0), -x - 0.005)
        box = cut.bounding_box()
        assert box[4] - box[1] == pytest.approx(2 * share, rel=0.03)
        assert -box[2] == pytest.approx(0.8 * share, rel=0.03)


def test_a_sample_is_what_was_asked_for():
    assert sample(np.random.default_rng(1), length_mm=20.0, width_mm=2.0, depth_mm=0.8) == GROOVE
