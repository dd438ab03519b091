"""Pixels weighed, and rows laid along the turn."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ctsim.geometry import Geometry, circular
from ctsim.reconstruct.weigh import levelled, weigh
from defects.messages import BadInput


def scanner(**turn_deg: float) -> Geometry:
    """Return a scanner whose detector is turned about the world's axes x (the beam), y and z at angle 0."""
    g = circular(
        source_object_mm=150.0, source_detector_mm=300.0, rows=40, columns=48, pixel_mm=1.0,
        angles_deg=np.arange(7) * 360 / 7,
    )  # fmt: skip
    turn = Rotation.from_euler("xyz", [turn_deg.get(axis, 0.0) for axis in "xyz"], degrees=True).as_matrix()
    stage = Rotation.from_euler("z", -np.arange(7)[:, None] * 360 / 7, degrees=True).as_matrix()
    there = stage @ turn @ stage.transpose(0, 2, 1)
    u, v = (np.einsum("vij,vj->vi", there, a) for a in (g.u_mm, g.v_mm))
    return Geometry(source_mm=g.source_mm, centre_mm=g.centre_mm, u_mm=u, v_mm=v, rows=40, columns=48)


def weights_of(g: Geometry, going_mm: np.ndarray) -> np.ndarray:
    """Return the weights [view col row] of pixels that all read 1."""
    out = np.zeros((g.views, g.columns, g.rows))
    weigh(np.ones((g.views, g.rows, g.columns)), g, np.zeros(g.views), going_mm, np.ones((g.views, 2, g.columns)), out)
    return out


def test_an_upright_detector_has_the_cosine_of_feldkamp_davis_and_kress():
    g, step = scanner(), 2 * np.pi / 7
    u, v = np.arange(48)[:, None] - 23.5, np.arange(40) - 19.5
    # SDD / sqrt(SDD^2 + u^2 + v^2), times the step and SOD / SDD, over twice the pixel
    wanted = 300 / np.sqrt(300**2 + u**2 + v**2) * step * 150 / 300 / 2
    found = weights_of(g, step * np.cross([0.0, 0.0, 1.0], g.source_mm))
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), rtol=1e-6)


def test_a_line_at_any_angle_to_the_beam_has_the_fan_beams_own_weight():
    """Put s = d tan(angle to the line's normal) into the fan beam's formula in angles (Kak and Slaney, section 3.4).

    What is left for each ray is R cos(angle to the axis) / d, with d the distance from the source to the line.
    """
    for skew_deg in (0.0, 20.0, -35.0):
        g = scanner(z=skew_deg)
        weight = weights_of(g, np.cross([0.0, 0.0, 1.0], g.source_mm))[:, :, 19:21].mean(axis=2)
        ray = g.corner_ray_mm[:, None] + (np.arange(48) + 0.5)[:, None] * g.u_mm[:, None] + 20 * g.v_mm[:, None]
        cosine = np.sum(ray * -g.source_mm[:, None], axis=-1) / 150 / np.linalg.norm(ray, axis=-1)
        np.testing.assert_allclose(weight, 150 * cosine / (2 * g.distance_mm[:, None]), rtol=1e-5)


def test_levelled_rows_lie_along_the_turn_and_columns_stay():
    g = scanner(x=4.0)
    detector, slope = levelled(g)
    np.testing.assert_allclose(slope, np.tan(np.deg2rad(4.0)), rtol=1e-9)
    np.testing.assert_allclose(detector.u_mm[:, 2], 0, atol=1e-12)
    np.testing.assert_array_equal(detector.v_mm, g.v_mm)
    assert detector.rows == 40 + 2 * 2
    # a pixel of the new rows lies in the old column, at the old row that the slope says
    column, level = 40, 30
    place = detector.corner_ray_mm + (column + 0.5) * detector.u_mm + (level + 0.5) * detector.v_mm
    row = level - 2 + slope * (24 - (column + 0.5))
    old = g.corner_ray_mm + (column + 0.5) * g.u_mm + (row[:, None] + 0.5) * g.v_mm
    np.testing.assert_allclose(place, old, atol=1e-9)


def test_a_picture_that_is_straight_across_the_rows_is_read_exactly_between_them():
    g = scanner(x=4.0)
    detector, slope = levelled(g)
    images = np.broadcast_to(np.arange(40.0)[:, None] ** 2, (7, 40, 48))  # cubic interpolation holds a parabola
    out, ones = np.zeros((2, 7, 48, detector.rows)), np.ones((7, 2, 48))
    going = np.cross([0.0, 0.0, 1.0], g.source_mm)
    for picture, filled in zip((images, np.ones_like(images)), out, strict=True):
        weigh(picture, detector, slope, going, ones, filled)
    row = np.arange(detector.rows) - 2 + slope[0] * (24 - (np.arange(48)[:, None] + 0.5))
    inside = (row >= 1) & (row <= 37)
    np.testing.assert_allclose((out[0] / out[1])[:, inside], np.broadcast_to(row[inside] ** 2, (7, inside.sum())), 1e-6)


@pytest.mark.parametrize(("turn", "words"), [({"x": 15.0}, "15 deg off"), ({"x": 90.0}, "90 deg"), ({"z": 50.0}, "50")])
def test_rows_that_do_not_run_along_the_turn_are_refused(turn, words):
    with pytest.raises(BadInput, match="must run along the turn of the source") as found:
        levelled(scanner(**turn))
    assert words in str(found.value)


def test_weights_change_evenly_from_the_first_row_to_the_last():
    g = scanner()
    going, weights = np.cross([0.0, 0.0, 1.0], g.source_mm), np.random.default_rng(0).uniform(1, 2, (7, 2, 48))
    out = np.zeros((7, 48, 40))
    weigh(np.ones((7, 40, 48)), g, np.zeros(7), going, weights, out)
    place = (np.arange(40) + 0.5) / 40
    wanted = (1 - place) * weights[:, 0, :, None] + place * weights[:, 1, :, None]
    np.testing.assert_allclose(out / weights_of(g, going), wanted, rtol=1e-6)


def test_less_than_half_a_pixel_is_left_alone():
    g = scanner(x=0.5)
    assert levelled(g)[0] is g
