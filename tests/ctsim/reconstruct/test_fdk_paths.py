"""Every path that FDK takes, against the bodies themselves: as good as a full turn, or as good as is known of it."""

import numpy as np
import pytest

from ctsim.geometry import Geometry, Grid
from ctsim.reconstruct.fdk import fdk
from ctsim.trajectory import nominal_geometry
from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.trajectory import Deviation, TrajectorySpec
from tests.ctsim.ellipsoids import Ellipsoid, inside, projections_of, truth_of

BODIES = (
    Ellipsoid(centre_mm=(6, -4, 3), radii_mm=(10, 8, 9)),
    Ellipsoid(centre_mm=(-9, 5, -4), radii_mm=(5, 6, 4), value=0.7),
    Ellipsoid(centre_mm=(4, -6, 5), radii_mm=(2.5, 2.5, 2.5), value=-0.6),
)
PLATE = (Ellipsoid(centre_mm=(2, -1, 0), radii_mm=(9, 6, 7.2), box=True),)
"""Flat above and below: what is filtered in the wrong direction shows there."""

GRID = Grid(shape=(40, 44, 44), voxel_mm=0.9)


def geometry_of(views=120, rows=72, columns=72, **path) -> Geometry:
    """Return a scan of 36 mm around the axis, magnified twice."""
    return nominal_geometry(
        ScanSpec(
            tube_kv=100, exposure_mas=1, source_detector_mm=300, source_object_mm=150, views=views,
            detector=DetectorSpec(rows=rows, columns=columns, pixel_mm=1.2), trajectory=TrajectorySpec(**path),
        )
    )  # fmt: skip


def known(*deviations: dict) -> tuple[Deviation, ...]:
    return tuple(Deviation(known=True, **d) for d in deviations)


def found(geometry: Geometry, bodies=BODIES) -> tuple[np.ndarray, float]:
    """Return the volume, and its RMS error in the cylinder that every view sees."""
    volume = fdk(projections_of(bodies, geometry), geometry, GRID)
    y, x = (GRID.centres_mm(axis) for axis in (1, 2))
    seen = np.hypot(x, y[:, None]) < 19
    return volume, float(np.sqrt(np.mean((volume - truth_of(bodies, GRID))[:, seen] ** 2)))


def values(volume: np.ndarray) -> list[float]:
    """Return the mean in the two bodies against their value."""
    first = inside(BODIES[0], GRID, 0.7) & ~inside(BODIES[2], GRID, 1.5)
    return [float(volume[first].mean()), float(volume[inside(BODIES[1], GRID, 0.6)].mean() / 0.7)]


@pytest.fixture(scope="module")
def turn() -> tuple[float, float]:
    """The error of a full turn, of the bodies and of the plate."""
    return found(geometry_of())[1], found(geometry_of(), PLATE)[1]


@pytest.mark.parametrize(
    "path",
    [
        {"clockwise": True, "start_deg": 77.0},
        {"include_final_angle": True},
        {"range_deg": 720.0},
        {"detector_shift_mm": (2.0, 6.0)},
        {"deviations": known(
{"of": "source", "axis": "y", "shift_mm": 4}, {"of": "source", "axis": "z", "shift_mm": 5})},
        {"deviations": known({"of": "detector", "axis": "w", "turn_deg": 8})},
        {"deviations": known({"of": "detector", "axis": "u", "turn_deg": 12})},
        {"deviations": known({"of": "detector", "axis": "v", "turn_deg": -15})},
        {"deviations": known({"of": "stage", "axis": "x", "turn_deg": 3}, {"of": "stage", "axis": "y", "shift_mm": 1})},
        {
            "deviations": known(
                {"of": "detector", "axis": "x", "turn_deg": (0, 2, -1)},
                {"of": "detector", "axis": "z", "shift_mm": (0, 3)},
                {"of": "source", "axis": "u", "shift_mm": (0, -2, 1)},
            )
        },
    ],
    ids=[
        "clockwise", "last is first", "two turns", "a little off the axis", "source off its place", "rows turned",
        "nodding", "skew", "stage askew", "drifting",
    ],
)  # fmt: skip
def test_what_is_known_of_a_scanner_costs_nothing(path, turn):
    geometry = geometry_of(views=241 if "range_deg" in path else 120, **path)
    volume, error = found(geometry)
    assert error < 1.12 * turn[0]
    assert values(volume) == pytest.approx([1, 1], abs=0.008)
    assert found(geometry, PLATE)[1] < 1.12 * turn[1]


def test_uneven_steps_are_weighed_by_what_they_stand_for(turn):
    angles = np.concatenate([np.arange(0, 120, 2.0), np.arange(120, 360, 4.0)])
    all_round = geometry_of(views=180)
    picked = [int(a // 2) for a in angles]
    uneven = Geometry(
        **{name: getattr(all_round, name)[picked] for name in ("source_mm", "centre_mm", "u_mm", "v_mm")},
        rows=72, columns=72,
    )  # fmt: skip
    volume, error = found(uneven)
    assert error < 1.15 * turn[0]
    assert values(volume) == pytest.approx([1, 1], abs=0.008)


@pytest.mark.parametrize(
    "path", [{"range_deg": "short"}, {"range_deg": "short", "clockwise": True}, {"range_deg": 270}]
)
def test_short_scans_are_exact_in_the_middle_plane(path):
    """Off it, a line's two rays differ, and the weights cannot share it out evenly."""
    flat = tuple(Ellipsoid(centre_mm=(*b.centre_mm[:2], 0), radii_mm=b.radii_mm, value=b.value) for b in BODIES)
    thin, geometry = Grid(shape=(1, 44, 44), voxel_mm=0.9), geometry_of(**path)
    volume = fdk(projections_of(flat, geometry), geometry, thin)
    for body in flat[:2]:
        middle = inside(body, thin, 0.6) & ~inside(flat[2], thin, 1.5)
        assert volume[middle].mean() == pytest.approx(body.value, rel=0.005)
    assert values(found(geometry)[0]) == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize("shift_mm", [16.0, -16.0])
@pytest.mark.parametrize("rows_deg", [0.0, 3.0])
def test_a_detector_beside_the_axis_sees_a_part_that_is_wider_than_itself(shift_mm, rows_deg, turn):
    """26 mm wide where the part is, it reaches 5 mm to the one side of the axis and 21 mm to the other."""
    turned = known({"of": "stage", "axis": "x", "turn_deg": rows_deg})
    geometry = geometry_of(columns=44, detector_shift_mm=(shift_mm, 0.0), deviations=turned)
    volume, error = found(geometry)
    assert error < 1.6 * turn[0]  # half the views see each voxel of the outer part: there are more streaks
    assert values(volume) == pytest.approx([1, 1], abs=0.008)
    assert abs(volume[:, :3, 20:24].mean()) < 0.005  # air at the rim, where the short side alone would leave a shade


@pytest.mark.parametrize("pitch_mm", [5.0, 12.0, -20.0])
def test_a_helix_is_right_to_a_few_per_cent(pitch_mm):
    """Its error grows with the pitch, here up to an eighth of the distance to the source; 3 turns and more."""
    turns = 36 / abs(pitch_mm) + 1.5
    geometry = geometry_of(views=int(100 * turns), range_deg=360 * turns, pitch_mm=pitch_mm)
    assert values(found(geometry)[0]) == pytest.approx([1, 1], abs=0.005 + 0.001 * abs(pitch_mm))


def test_a_helix_of_few_turns_keeps_its_ends():
    """Heights that no whole turn goes around take the first or the last one, as a circular scan would."""
    geometry = geometry_of(views=180, range_deg=540, pitch_mm=12.0)
    assert values(found(geometry)[0]) == pytest.approx([1, 1], abs=0.03)


@pytest.mark.parametrize("tilt_deg", [20.0, 35.0, -50.0])
def test_laminography_gives_all_that_its_views_show_and_nothing_else(tilt_deg):
    """Nearly parallel beams show the frequencies at more than the tilt from the axis: these come back as they were."""
    spec = ScanSpec(
        tube_kv=100, exposure_mas=1, source_detector_mm=3300, source_object_mm=3000, views=180,
        detector=DetectorSpec(rows=90, columns=90, pixel_mm=0.8), trajectory=TrajectorySpec(tilt_deg=tilt_deg),
    )  # fmt: skip
    geometry, grid = nominal_geometry(spec), Grid(shape=(64, 64, 64), voxel_mm=0.8)
    bodies = (
        Ellipsoid(centre_mm=(1, -2, 1), radii_mm=(6, 5, 5)),
        Ellipsoid(centre_mm=(-4, 3, -3), radii_mm=(4, 4, 3), value=-0.6),
    )
    volume, truth = (
        np.fft.fftn(v) for v in (fdk(projections_of(bodies, geometry), geometry, grid), truth_of(bodies, grid))
    )
    f = np.fft.fftfreq(64)
    across, along = np.hypot(f, f[:, None])[None], np.abs(f)[:, None, None]
    some = (np.hypot(across, along) < 0.1) & (np.hypot(across, along) > 0.03)
    shown = some & (across > 1.15 * along * np.tan(np.deg2rad(abs(tilt_deg))) + 0.02)
    hidden = some & (across < 0.75 * along * np.tan(np.deg2rad(abs(tilt_deg))))
    gain = np.sum(volume * truth.conj() * shown).real / np.sum(np.abs(truth * shown) ** 2)
    assert gain == pytest.approx(1, abs=0.02)
    assert np.linalg.norm((volume - truth)[shown]) < 0.1 * np.linalg.norm(truth[shown])
    assert np.linalg.norm(volume[hidden]) < 0.2 * np.linalg.norm(truth[hidden])


def refused(geometry: Geometry, grid: Grid = GRID) -> str:
    with pytest.raises(BadInput) as text:
        fdk(np.zeros((geometry.views, geometry.rows, geometry.columns), np.float32), geometry, grid)
    return str(text.value)


def test_what_cannot_be_done_is_said():
    assert "got 180 deg" in refused(geometry_of(range_deg=180))
    assert "climbs at most" in refused(geometry_of(views=300, range_deg=1000, pitch_mm=50.0))
    assert "must run along the turn" in refused(
        geometry_of(deviations=known({"of": "detector", "axis": "w", "turn_deg": 40}))
    )
    assert "reaches the source's path" in refused(geometry_of(), Grid(shape=(4, 400, 400), voxel_mm=1.0))
    with pytest.raises(BadInput, match=r"\(120, 72, 72\)"):
        fdk(np.zeros((120, 72, 70), np.float32), geometry_of(), GRID)
