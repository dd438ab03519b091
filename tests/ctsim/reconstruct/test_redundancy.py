"""Weights of lines that are seen twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsim.reconstruct.course import Course
from ctsim.reconstruct.redundancy import offset_detector, parker, turn_weights


@given(fan=st.floats(-0.3, 0.3), begin=st.floats(0, 1), more=st.floats(0.0, 1.0))
def test_the_two_rays_of_a_line_sum_to_1_in_a_short_scan(fan, begin, more):
    """A line is seen from (beta, gamma) and from (beta + pi + 2 gamma, -gamma), where the arc goes as far."""
    range_rad = np.pi + 0.6 + more * (np.pi - 0.6)
    azimuth = begin * range_rad
    weights = [parker(np.array([[azimuth]]), np.array([[fan]]), range_rad)[0, 0]]
    for other in (azimuth + np.pi + 2 * fan, azimuth - np.pi + 2 * fan):
        if 0 <= other <= range_rad:
            weights.append(parker(np.array([[other]]), np.array([[-fan]]), range_rad)[0, 0])
    assert sum(weights) == pytest.approx(1, abs=1e-5)


def test_a_short_scan_fades_in_and_out():
    fan = np.linspace(-0.2, 0.2, 9)[None]
    first, last = (parker(np.array([[azimuth]]), fan, np.pi + 0.5) for azimuth in (0.0, np.pi + 0.5))
    np.testing.assert_allclose([first, last], 0, atol=1e-12)


@given(fan=st.floats(-0.5, 0.5), overlap=st.floats(0.01, 0.4))
def test_the_two_rays_of_a_line_sum_to_1_on_an_offset_detector(fan, overlap):
    there, back = offset_detector(np.array([[fan, -fan]]), overlap)[0]
    assert there + back == pytest.approx(1)
    assert (there == 0) == (fan <= -overlap) or abs(fan) == pytest.approx(overlap, abs=1e-6)


@given(
    pitch=st.floats(-30, 30).filter(lambda p: abs(p) > 0.1),
    turns=st.floats(1.6, 4),
    fade=st.floats(0.05, 0.5),
    share=st.floats(0, 1),
)
def test_the_turns_of_a_helix_share_every_height(pitch, turns, fade, share):
    """At each azimuth the views of all turns sum to 1, as far as there are whole turns around a height."""
    steps = np.arange(int(turns * 40)) + 0.5
    course = Course(
        kind="helix",
        azimuth_rad=2 * np.pi * steps / 40,
        edge_rad=np.zeros((len(steps), 2)),
        height_mm=pitch * (steps / 40 - turns / 2),
        climb_mm=pitch,
        share_rad=np.full(len(steps), 2 * np.pi / 40),
    )
    reach = abs(pitch) * (1 + fade) / 2
    low, high = np.sort(course.height_mm[[0, -1]]) + np.array([1, -1]) * reach
    height = low + share * (high - low) if high > low else (low + high) / 2
    found = turn_weights(course, fade, np.array([height]))[0]
    sums = [found[start::40].sum() for start in range(40)]
    np.testing.assert_allclose(sums, 1, atol=1e-9)
