"""What is read off a geometry, and what is refused."""

import numpy as np
import pytest

from ctsim.geometry import Geometry, circular
from ctsim.reconstruct.course import course_of, fan_of
from defects.messages import BadInput

FAN_DEG = 2 * np.degrees(np.arctan(32 / 600))


def scan(angles_deg, shift_mm=0.0, lift_mm=0.0, **changes) -> Geometry:
    g = circular(
        source_object_mm=300.0, source_detector_mm=600.0, rows=48, columns=64, pixel_mm=1.0,
        angles_deg=np.asarray(angles_deg, float),
    )  # fmt: skip
    lift = np.broadcast_to(lift_mm, (g.views,))[:, None] * np.array([0.0, 0.0, 1.0])
    places = {"source_mm": g.source_mm + lift, "centre_mm": g.centre_mm + shift_mm * g.u_mm + lift}
    return Geometry(**places | {"u_mm": g.u_mm, "v_mm": g.v_mm, "rows": 48, "columns": 64} | changes)


@pytest.mark.parametrize(
    "angles_deg",
    [
        np.arange(0, 360, 2.0),
        77 - np.arange(0, 360, 2.0),
        np.random.default_rng(0).permutation(np.arange(0, 360, 2.0)),
        np.linspace(0, 360, 181),
        np.arange(0, 720, 3.0),
        np.arange(400) * 137.50776,  # the golden angle
        np.random.default_rng(0).uniform(0, 360, 200),
    ],
    ids=["turn", "clockwise", "any order", "last is first", "two turns", "golden angle", "random"],
)
def test_a_full_turn_is_shared_out_among_its_views(angles_deg):
    course = course_of(scan(angles_deg))
    assert course.kind == "turn"
    assert course.range_rad == pytest.approx(2 * np.pi)
    # every view has half the way to either neighbour, so that a smooth function is summed as it should be
    mean = np.sum(course.share_rad * np.cos(3 * course.azimuth_rad + 0.3))
    assert abs(mean) < (1e-9 if np.ptp(course.share_rad) < 1e-9 else 0.05)


def test_uneven_steps_have_uneven_shares():
    angles = np.concatenate([np.arange(0, 120, 1.0), np.arange(120, 360, 3.0)])
    course = course_of(scan(angles))
    np.testing.assert_allclose(np.degrees(course.share_rad[[0, 60, 120, 180]]), [2, 1, 2, 3])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_short_scan_is_an_arc_with_half_a_step_at_its_ends(sign):
    course = course_of(scan(10 + sign * np.arange(100) * 2.0))
    assert course.kind == "arc"
    assert np.degrees(course.range_rad) == pytest.approx(200)
    ends = (1, 199) if sign < 0 else (199, 1)  # the stage turns, so the source goes the other way
    np.testing.assert_allclose(np.degrees(course.azimuth_rad[[0, -1]]), ends)


def test_the_fan_is_counted_counter_clockwise_from_the_axis():
    course = course_of(scan([0.0, 120.0, 240.0], shift_mm=6.0))
    # at angle 0 the beam goes along +x and u along -y: the first column lies at +y
    np.testing.assert_allclose(np.tan(course.edge_rad), [[-38 / 600, 26 / 600]] * 3)
    np.testing.assert_allclose(course.sides_rad, np.arctan([38 / 600, 26 / 600]))
    assert course.offset
    assert not course_of(scan([0.0, 120.0, 240.0], shift_mm=1.0)).offset
    rays = fan_of(scan([0.0, 120.0, 240.0]), np.array([32.0, 64.0]), 10.0)
    np.testing.assert_allclose(np.tan(rays), [[0, -32 / 600]] * 3, atol=1e-12)


def test_a_climbing_turn_is_a_helix():
    angles = np.arange(0, 900, 4.0)
    course = course_of(scan(angles, lift_mm=-20 * angles / 360))
    assert course.kind == "helix"
    assert course.climb_mm == pytest.approx(20)  # the source goes clockwise and down
    np.testing.assert_allclose(course.height_mm, -20 * angles / 360, atol=1e-9)


def refused(geometry: Geometry) -> str:
    with pytest.raises(BadInput) as found:
        course_of(geometry)
    return str(found.value)


TURN = np.arange(0, 360, 2.0)
SWAPPED = np.array([*range(0, 300, 2), 302, 300, *range(304, 500, 2)], float)


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (scan(np.arange(90) * 2.0), f"the fan angle, {180 + FAN_DEG:.4g} deg, got 180 deg"),
        (scan([*range(0, 90), *range(150, 240)]), "61 deg lie between two of them"),
        (scan(TURN, shift_mm=40.0), "the rotation axis on the detector"),
        (scan(np.arange(110) * 2.0, shift_mm=9.0), "a full turn at one height only, got an arc"),
        (scan(TURN, lift_mm=40 * np.sin(np.deg2rad(2 * TURN))), "one height or climbing evenly"),
        (scan(TURN * 0.7, lift_mm=TURN / 20), "a helix of at least one turn, got 252 deg"),
        (scan(SWAPPED, lift_mm=SWAPPED / 20), "turns one way"),
        (scan(np.arange(110) * 2.0, lift_mm=100.0), "above or below the part in a full turn"),
        (scan([0.0]), "360 deg lie between"),
    ],
)
def test_what_it_cannot_do_is_refused_with_another_way(geometry, words):
    text = refused(geometry)
    assert words in text
    assert "method: cgls" in text


def test_a_source_that_does_not_circle_the_axis_is_refused():
    g = scan(TURN)
    assert "from 150 to 450 mm" in refused(scan(TURN, source_mm=g.source_mm + np.array([150.0, 0, 0])))


def test_numbers_that_are_none_are_refused():
    g = scan(TURN)
    source = g.source_mm.copy()
    source[7, 1] = np.nan
    assert "in view 7" in refused(scan(TURN, source_mm=source))
