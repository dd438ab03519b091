"""Every path through the renderer: the letter F as it must look, and poses averaged in intensity."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.materials import mu_per_mm
from ctsim.radiograph import scan as radiographs
from ctsim.scanner import scanner_of
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.orbit import true_rows
from scenes.scene import ScanSpec
from scenes.seeds import stream
from scenes.trajectory import TrajectorySpec
from tests.ctsim.shapes import letter_f

PANEL = DetectorSpec(rows=48, columns=64, pixel_mm=2.0, dark_counts=0.0, bits=None)
VIEWS = 5


def settings(**changes) -> ScanSpec:
    values = {
        "spectrum": ((80.0, 1e6),), "exposure_mas": 1.0, "source_detector_mm": 600.0, "source_object_mm": 300.0,
        "views": VIEWS, "noise": False, "detector": PANEL, "rays_per_pixel": 2,
    }  # fmt: skip
    return ScanSpec(**values | changes)


def pictures(scan: ScanSpec, solid: Manifold) -> np.ndarray:
    """Return what a solid of aluminium lets through in every view."""
    specimen = Specimen(solids=(Solid(surface=solid, material="Al", label="Al"),))
    seen = radiographs(specimen, scanner_of(scan), rng=stream(0, 0, "photons"))
    return (seen.counts / seen.flat[:, None])[0]


def still(solid: Manifold, **changes) -> np.ndarray:
    """Return the one picture that source at -x and detector at +x take of a solid where it stands."""
    path = TrajectorySpec(range_deg=0, **changes)
    return pictures(settings(views=1, trajectory=path), solid)[0]


PATHS = {
    "circle": {},
    "clockwise": {"clockwise": True, "start_deg": 20.0},
    "short": {"range_deg": "short"},
    "helix": {"range_deg": 500.0, "pitch_mm": 24.0},
    "laminography": {"tilt_deg": 35.0},
    "offset": {"detector_shift_mm": (16.0, -4.0)},
}


def in_the_world(solid: Manifold, scan: ScanSpec, view: int) -> Manifold:
    """Return the solid as it stands before a scanner at rest in a view, moved by manifold's own turns."""
    path = scan.trajectory
    full = 180 + 2 * np.rad2deg(np.arctan(64 / 600)) if path.range_deg == "short" else path.range_deg
    turned = full / VIEWS * view
    sunk = path.pitch_mm * full / VIEWS * (view - (VIEWS - 1) / 2) / 360
    upright = solid.rotate((0, 0, path.start_deg + (-turned if path.clockwise else turned))).translate((0, 0, -sunk))
    return upright.rotate((0, -path.tilt_deg, 0))  # about +y by a negative angle, z leans to -x: towards the source


@pytest.mark.parametrize("name", PATHS)
def test_every_view_of_the_letter_f_is_that_of_the_letter_moved_before_a_scanner_at_rest(name):
    s = settings(trajectory=TrajectorySpec.model_validate(PATHS[name]))
    shown = pictures(s, letter_f())
    for view in range(VIEWS):
        wanted = still(in_the_world(letter_f(), s, view), detector_shift_mm=s.trajectory.detector_shift_mm)
        np.testing.assert_allclose(shown[view], wanted, rtol=1e-6)


def test_turned_by_90_deg_the_letter_reads_from_left_to_right():
    """From -y the letter reads as an F; turned clockwise by 90 deg its -y side faces the source at -x.

    The picture is then seen from the source: arms to the right, the long one on top, and nothing below the stem.
    """
    image = pictures(settings(views=1, trajectory=TrajectorySpec(range_deg=0, start_deg=-90.0)), letter_f())[0]
    dark = image < 0.9
    columns = np.nonzero(dark.any(axis=0))[0]
    stem = int(np.argmax(dark.sum(axis=0)))
    assert stem - columns[0] < columns[-1] - stem  # stem on the left
    widths = dark.sum(axis=1)
    assert widths[np.nonzero(widths)[0][:4]].min() > 2 * widths[np.nonzero(widths)[0][-4:]].max()  # long arm on top


def test_with_the_axis_leaning_to_the_source_the_source_looks_down_on_the_part():
    """A plate that lies flat shows its face under the sine of the tilt, and what lies farther away stands higher."""
    plate = Manifold.cylinder(2.0, 20.0, 20.0, 64, True)
    heights = []
    for tilt in (0.0, 30.0):
        dark = still(plate, tilt_deg=tilt) < 0.999
        heights.append(2.0 * dark.any(axis=1).sum() / 2)  # in the object, at magnification 2
    assert heights[0] == pytest.approx(2.0, abs=2.0)
    assert heights[1] == pytest.approx(40 * np.sin(np.deg2rad(30)) + 2 * np.cos(np.deg2rad(30)), abs=2.0)
    ball_far = Manifold.sphere(4.0, 32).translate((15, 0, 0))  # away from the source: seen above the middle
    dark = still(ball_far, tilt_deg=30.0) < 0.99
    assert np.nonzero(dark)[0].mean() < 23.5


# --- poses are averaged in intensity ---


def test_a_view_in_motion_is_the_mean_of_the_pictures_at_its_instants():
    moving = settings(trajectory=TrajectorySpec(motion="continuous", instants=4))
    step = 360 / VIEWS
    fine = TrajectorySpec(start_deg=(-0.5 + 0.125) * step)
    instants = pictures(settings(views=4 * VIEWS, trajectory=fine), letter_f())
    wanted = instants.reshape(VIEWS, 4, 48, 64).mean(axis=1)
    np.testing.assert_allclose(pictures(moving, letter_f()), wanted, rtol=1e-5)


def test_a_focal_spot_shows_the_mean_of_the_pictures_from_its_points():
    """Three points along u: one in the middle, and the source shifted either way by 1 / sqrt(8) of the side."""
    spot = {"shape": "rectangle", "size_u_mm": 6.0, "size_v_mm": 0.0, "points": 3}
    off = 6.0 / np.sqrt(8)
    sides = [
        settings(trajectory=TrajectorySpec(deviations=[{"of": "source", "axis": "u", "shift_mm": shift}]))
        for shift in (-off, 0.0, off)
    ]
    wanted = np.mean([pictures(side, letter_f()) for side in sides], axis=0)
    np.testing.assert_allclose(pictures(settings(focal_spot=spot), letter_f()), wanted, rtol=1e-5)


def test_an_edge_seen_from_a_gaussian_spot_is_blurred_by_m_less_1_times_its_sigma():
    """The edge of a foil half-way to the detector: its picture falls as a distribution with deviation (M - 1) sigma."""
    foil = Manifold.cube((0.5, 100, 200), True).translate((0, -50, 0))  # y < 0: the right half of the picture
    path, spot = TrajectorySpec(range_deg=0), {"size_u_mm": 10.0, "size_v_mm": 0.0, "points": 24}
    low = PANEL.model_copy(update={"rows": 8})
    soft = pictures(settings(views=1, trajectory=path, focal_spot=spot, rays_per_pixel=8, detector=low), foil)[0]
    slant = np.hypot(1, 2.0 * (np.arange(64) - 31.5) / 600)  # how much longer the way through the foil is there
    slope = np.diff((1 - soft[4]) / (1 - np.exp(-0.5 * slant * mu_per_mm("Al", (80.0,)))))
    assert slope.sum() == pytest.approx(1, abs=1e-3)
    at = 2.0 * (np.arange(63) - 31)
    mean = (slope @ at) / slope.sum()
    assert mean == pytest.approx(0, abs=0.02)
    from_pixels = 2 * 2.0**2 / 12  # the average over a pixel, and the difference of two
    assert np.sqrt(slope @ (at - mean) ** 2 / slope.sum() - from_pixels) == pytest.approx(10.0, rel=0.005)


def test_a_part_seen_along_the_vectors_of_a_circle_is_seen_as_on_the_circle():
    circle = settings()
    rows = true_rows(circle, np.arange(float(VIEWS)))
    by_vectors = settings(trajectory=TrajectorySpec(vectors=rows.tolist()))
    np.testing.assert_array_equal(pictures(by_vectors, letter_f()), pictures(circle, letter_f()))
