"""A panel that stands anyhow, in its own frame."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ctsim.gate.sight import beam_of, panel_of, rebinned, sight_of
from ctsim.geometry import Geometry
from defects.messages import BadInput
from tests.ctsim.chords import rays_of, scanner


def test_a_panel_that_stands_anyhow_is_found_again_in_its_own_frame():
    """A ray to a pixel's centre has the pixel's place, and the beam holds all rays."""
    plain = scanner(rows=6, columns=8, pixel_mm=20.0, start_deg=20)
    shifted = replace(plain, centre_mm=plain.centre_mm + 11 * plain.u_mm - 7 * plain.v_mm)
    for g in (
        plain,
        shifted,
        replace(plain, u_mm=-plain.u_mm),
        replace(shifted, v_mm=-0.5 * plain.v_mm),
        tilted(plain),
    ):
        sight = sight_of(g)
        rays = (rays_of(g).reshape(-1, 3)) @ sight.axes.T
        np.testing.assert_allclose(rays[:, 0], sight.distance_mm)
        panel = panel_of(sight, (6, 8), None)
        shares = (rays[:, 1:] - panel["corner_mm"]) @ panel["to_shares"].T
        rows, columns = np.divmod(np.arange(48), 8)
        np.testing.assert_allclose(shares, np.stack([(columns + 0.5) / 8, (rows + 0.5) / 6], axis=1), atol=1e-12)
        beam, sector_sr = beam_of(sight)
        inclination = 90 + np.rad2deg(np.arctan2(rays[:, 2], np.hypot(rays[:, 0], rays[:, 1])))
        azimuth = 180 + np.rad2deg(np.arctan2(rays[:, 1], rays[:, 0]))
        for angle, (low, high) in ((inclination, beam["inclination_deg"]), (azimuth, beam["azimuth_deg"])):
            assert low < angle.min() < angle.max() < high
        fine = rays_of(g.sampled(20))
        area = np.linalg.norm(g.u_mm) * np.linalg.norm(g.v_mm) / 400
        wanted_sr = (area * sight.distance_mm / np.linalg.norm(fine, axis=-1) ** 3).sum()
        assert sight.pixel_sr.sum() == pytest.approx(wanted_sr, rel=1e-4)
        assert 1 < sector_sr / wanted_sr < 1.4


def tilted(geometry: Geometry) -> Geometry:
    """Return the detector turned about all three axes."""
    turn = Rotation.from_euler("xyz", [10, -15, 12], degrees=True)
    return replace(geometry, u_mm=turn.apply(geometry.u_mm), v_mm=turn.apply(geometry.v_mm))


def test_cutting_a_panel_anew_keeps_its_sum_and_where_it_lies():
    image = np.arange(42.0).reshape(6, 7) + 1
    for shape in ((6, 7), (2, 3), (4, 5), (1, 1)):
        got = rebinned(image, shape)
        assert got.shape == shape
        assert got.sum() == pytest.approx(image.sum())
    np.testing.assert_allclose(rebinned(image, (3, 7)), image.reshape(3, 2, 7).sum(1))
    np.testing.assert_allclose(rebinned(np.ones((6, 7)), (4, 5)), 42 / 20)


def test_a_panel_that_is_no_rectangle_is_refused():
    plain = scanner(rows=6, columns=8, pixel_mm=20.0)
    with pytest.raises(BadInput, match="rows must be at a right angle to its columns"):
        sight_of(replace(plain, u_mm=plain.u_mm + 0.1 * plain.v_mm))
