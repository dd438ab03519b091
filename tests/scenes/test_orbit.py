"""Where source and detector stand on every path: closed forms, CTSimU's words on drifts, and its toolbox as a peer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.orbit import amount_at, between, nominal_rows, range_deg, step_deg, true_rows
from scenes.scene import ScanSpec
from scenes.trajectory import Deviation, TrajectorySpec

SOD_MM, SDD_MM = 200.0, 500.0
PANEL = DetectorSpec(rows=40, columns=60, pixel_mm=0.5)


def scan(views: int = 8, **path) -> ScanSpec:
    """Return a scan along a path; source and detector at 200 and 300 mm from the axis."""
    return ScanSpec(
        tube_kv=100, exposure_mas=1, detector=PANEL, source_detector_mm=SDD_MM, source_object_mm=SOD_MM, views=views,
        trajectory=TrajectorySpec.model_validate(path),
    )  # fmt: skip


def parts(rows: np.ndarray) -> list[np.ndarray]:
    """Return source, detector centre, u and v of each row."""
    return np.split(rows, 4, axis=1)


def every(s: ScanSpec) -> np.ndarray:
    return true_rows(s, np.arange(s.views, dtype=float))


# --- the circle ---


def test_at_angle_0_the_beam_runs_along_x_detector_u_along_minus_y_and_v_down():
    source, centre, u, v = parts(every(scan()))
    np.testing.assert_allclose(source[0], [-200, 0, 0])
    np.testing.assert_allclose(centre[0], [300, 0, 0])
    np.testing.assert_allclose(u[0], [0, -0.5, 0])
    np.testing.assert_allclose(v[0], [0, 0, -0.5])


def test_the_stage_turns_counter_clockwise_so_after_a_quarter_the_source_stands_at_plus_y():
    # turning the part by +90 deg about z takes +x to +y, so in the part's frame the source goes from -x to +y
    np.testing.assert_allclose(parts(every(scan(views=4)))[0][1], [0, 200, 0], atol=1e-12)


def test_clockwise_it_stands_at_minus_y():
    np.testing.assert_allclose(parts(every(scan(views=4, clockwise=True)))[0][1], [0, -200, 0], atol=1e-12)


def test_the_start_angle_is_counter_clockwise_whichever_way_the_stage_then_turns():
    for clockwise in (False, True):
        source = parts(every(scan(start_deg=90.0, clockwise=clockwise)))[0][0]
        np.testing.assert_allclose(source, [0, 200, 0], atol=1e-12)


def test_the_last_view_stands_one_step_before_the_end_of_the_range_or_at_it():
    assert step_deg(scan(views=8, range_deg=180)) == pytest.approx(22.5)
    assert step_deg(scan(views=9, range_deg=180, include_final_angle=True)) == pytest.approx(22.5)
    source = parts(every(scan(views=9, range_deg=180, include_final_angle=True)))[0]
    np.testing.assert_allclose(source[-1], [200, 0, 0], atol=1e-12)


def test_a_range_of_0_leaves_the_stage_where_it_is():
    rows = every(scan(range_deg=0))
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))


def test_pixels_that_are_not_square_have_their_own_pitch_along_u_and_v():
    s = scan()
    tall = s.model_copy(update={"detector": PANEL.model_copy(update={"pixel_v_mm": 0.8})})
    _, _, u, v = parts(every(tall))
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 0.5)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 0.8)


# --- the short scan ---


def test_a_short_scan_turns_by_180_deg_and_the_fan_angle():
    """A detector 30 mm wide at 500 mm is seen under 2 atan(15 / 500)."""
    wanted = 180 + 2 * math.degrees(math.atan(15 / 500))
    assert range_deg(TrajectorySpec(range_deg="short"), 30.0, 500.0) == pytest.approx(wanted)
    assert step_deg(scan(views=90, range_deg="short")) == pytest.approx(wanted / 90)


def test_from_a_short_scan_the_source_sees_along_every_line_through_the_fan_and_from_a_shorter_one_it_does_not():
    """A line at distance s from the axis meets the source's circle at 90 deg -+ acos(s / SOD) to its normal."""
    turned = range_deg(TrajectorySpec(range_deg="short"), 30.0, SDD_MM)
    farthest = SOD_MM * math.sin(math.atan(15 / SDD_MM)) * (1 - 1e-9)
    normal, distance = np.meshgrid(np.linspace(0, 360, 721), np.linspace(-farthest, farthest, 21))
    half = np.rad2deg(np.arccos(distance / SOD_MM))
    places = np.stack([(normal + half) % 360, (normal - half) % 360])
    assert (places <= turned).any(axis=0).all()
    assert not (places <= turned - 1).any(axis=0).all()


# --- the helix ---


def test_on_a_helix_the_source_climbs_one_pitch_a_turn_and_passes_the_middle_in_the_middle():
    source, centre, _, v = parts(every(scan(views=25, range_deg=720, include_final_angle=True, pitch_mm=12.0)))
    np.testing.assert_allclose(source[:, 2], np.linspace(-12, 12, 25), atol=1e-12)
    np.testing.assert_allclose(centre[:, 2], source[:, 2])
    np.testing.assert_allclose(source[12], [-200, 0, 0], atol=1e-9)  # one turn later
    np.testing.assert_allclose(v, np.broadcast_to([0, 0, -0.5], v.shape))


def test_a_helix_climbs_whichever_way_the_stage_turns_and_a_negative_pitch_sinks():
    heights = [
        parts(every(scan(range_deg=720, pitch_mm=pitch, clockwise=clockwise)))[0][:, 2]
        for pitch, clockwise in ((12.0, False), (12.0, True), (-12.0, False))
    ]
    assert (np.diff(heights[0]) > 0).all()
    np.testing.assert_allclose(heights[1], heights[0])
    np.testing.assert_allclose(heights[2], -heights[0])


# --- laminography ---


@given(tilt=st.floats(-80, 80))
def test_the_axis_stands_at_90_deg_less_the_tilt_to_the_beam(tilt):
    source, centre, u, v = parts(every(scan(tilt_deg=tilt)))
    beam = (centre - source) / SDD_MM
    np.testing.assert_allclose(np.linalg.norm(beam, axis=1), 1)
    # along the stage's axis z the beam comes down where the axis leans towards the source
    np.testing.assert_allclose(beam[:, 2], -math.sin(math.radians(tilt)), atol=1e-12)
    np.testing.assert_allclose(source[:, 2], 200 * math.sin(math.radians(tilt)), atol=1e-9)
    np.testing.assert_allclose(u[:, 2], 0, atol=1e-12)  # rows stay level
    np.testing.assert_allclose(np.cross(u, v), 0.25 * beam, atol=1e-12)
    np.testing.assert_allclose((source * SDD_MM + beam * SOD_MM * SDD_MM)[:, :], 0, atol=1e-6)  # through the origin


# --- the detector beside the axis ---


def test_the_central_ray_of_a_shifted_detector_misses_its_centre_by_the_shift():
    source, centre, u, v = parts(every(scan(detector_shift_mm=(4.0, -3.0))))
    normal = np.cross(u, v) / 0.25
    foot = source + SDD_MM * normal  # where the ray through the axis meets the detector
    off = centre - foot
    np.testing.assert_allclose(np.sum(off * u, axis=1) / 0.5, 4.0)
    np.testing.assert_allclose(np.sum(off * v, axis=1) / 0.5, -3.0)
    np.testing.assert_allclose(np.sum(off * normal, axis=1), 0, atol=1e-12)


# --- drifts: CTSimU scenario format 1.2, section 2.2 ---


def test_values_of_a_drift_are_spread_evenly_from_the_first_view_to_the_last_with_straight_lines_between():
    np.testing.assert_allclose(amount_at((0.0, 1.0, 0.0), np.arange(5.0), 5), [0, 0.5, 1, 0.5, 0])
    np.testing.assert_allclose(amount_at((-100.0, 100.0), np.arange(5.0), 5), [-100, -50, 0, 50, 100])


def test_as_many_values_as_views_are_one_a_view():
    values = (3.0, 1.0, 4.0, 1.0, 5.0)
    np.testing.assert_array_equal(amount_at(values, np.arange(5.0), 5), values)


def test_one_value_stays_through_the_scan():
    for amounts in (2.5, (2.5,)):
        np.testing.assert_array_equal(amount_at(amounts, np.array([-0.5, 0.0, 3.25, 4.5]), 5), 2.5)


def test_more_values_than_views_are_met_where_they_fall():
    np.testing.assert_allclose(amount_at((0.0, 7.0, 2.0, 7.0, 4.0), np.arange(3.0), 3), [0, 2, 4])


def test_a_drift_goes_on_for_half_a_step_beyond_either_end():
    np.testing.assert_allclose(amount_at((0.0, 4.0), np.array([-0.5, 4.5]), 5), [-0.5, 4.5])


def test_a_scan_of_one_view_has_the_first_value():
    np.testing.assert_array_equal(amount_at((3.0, 9.0), np.zeros(1), 1), [3.0])


def test_values_are_offsets_from_the_nominal_place_and_do_not_add_up():
    drift = Deviation(of="detector", axis="z", shift_mm=(1.0,) * 8)
    centre = parts(every(scan(deviations=[drift])))[1]
    np.testing.assert_allclose(centre[:, 2], 1.0)


# --- deviations ---


@pytest.mark.parametrize(
    ("of", "axis", "column", "wanted"),
    [
        ("source", "x", 0, [-198, 0, 0]), ("source", "y", 0, [-200, 2, 0]), ("source", "z", 0, [-200, 0, 2]),
        ("source", "u", 0, [-200, -2, 0]), ("source", "v", 0, [-200, 0, -2]), ("source", "w", 0, [-198, 0, 0]),
        ("detector", "x", 1, [302, 0, 0]), ("detector", "u", 1, [300, -2, 0]), ("detector", "v", 1, [300, 0, -2]),
        ("detector", "w", 1, [302, 0, 0]),
        # the stage moves away under source and detector
        ("stage", "x", 0, [-202, 0, 0]), ("stage", "x", 1, [298, 0, 0]), ("stage", "w", 0, [-200, 0, -2]),
    ],
)  # fmt: skip
def test_a_shift_of_2_mm_moves_what_it_says_where_it_says(of, axis, column, wanted):
    rows = every(scan(deviations=[{"of": of, "axis": axis, "shift_mm": 2.0}]))
    np.testing.assert_allclose(parts(rows)[column][0], wanted, atol=1e-12)


def test_turning_the_detector_about_its_normal_turns_its_rows_right_handed():
    _, centre, u, v = parts(every(scan(deviations=[{"of": "detector", "axis": "w", "turn_deg": 90.0}])))
    np.testing.assert_allclose(centre[0], [300, 0, 0])  # about its own centre
    np.testing.assert_allclose(u[0], [0, 0, -0.5], atol=1e-12)  # w x u = v
    np.testing.assert_allclose(v[0], [0, 0.5, 0], atol=1e-12)


def test_turning_the_stage_about_its_axis_is_a_turn_of_the_scan():
    turned = every(scan(deviations=[{"of": "stage", "axis": "w", "turn_deg": 45.0}]))
    np.testing.assert_allclose(turned, every(scan(start_deg=45.0)), atol=1e-12)


def test_a_stage_tilted_about_the_world_stays_tilted_and_one_tilted_about_itself_wobbles():
    """CTSimU scenario format 1.2, section 5.2: an axis tilt in x, y, z is static, one in u, v precesses around a cone.

    Seen from the stage, the static tilt moves the source up and down over the turn; the wobble keeps its height.
    """
    static = parts(every(scan(deviations=[{"of": "stage", "axis": "y", "turn_deg": 5.0}])))[0]
    wobble = parts(every(scan(deviations=[{"of": "stage", "axis": "v", "turn_deg": 5.0}])))[0]
    height = 200 * math.sin(math.radians(5))
    # z leans to +x, towards the detector: the source at -x then lies below the stage's plane, in every view
    np.testing.assert_allclose(static[:, 2], -height, atol=1e-9)
    # the stage's own v turns with it: after half a turn it leans the other way
    np.testing.assert_allclose(wobble[[0, 4], 2], [-height, height], atol=1e-9)


def test_later_deviations_follow_the_axes_as_earlier_ones_left_them():
    first_turned = [{"of": "detector", "axis": "w", "turn_deg": 90.0}, {"of": "detector", "axis": "u", "shift_mm": 2.0}]
    np.testing.assert_allclose(parts(every(scan(deviations=first_turned)))[1][0], [300, 0, -2], atol=1e-12)
    np.testing.assert_allclose(parts(every(scan(deviations=first_turned[::-1])))[1][0], [300, -2, 0], atol=1e-12)


def test_moving_all_three_alike_moves_nothing():
    along = [{"of": of, "axis": "y", "shift_mm": [0.0, 5.0, -3.0]} for of in ("source", "detector", "stage")]
    np.testing.assert_allclose(every(scan(deviations=along)), every(scan()), atol=1e-12)


# --- what reconstruction is told ---


def test_reconstruction_is_told_what_is_known_and_nothing_else():
    known = {"of": "detector", "axis": "u", "shift_mm": [0.0, 1.0], "known": True}
    secret = {"of": "source", "axis": "z", "shift_mm": 0.5}
    both = scan(deviations=[known, secret])
    np.testing.assert_array_equal(nominal_rows(both), every(scan(deviations=[known])))
    np.testing.assert_array_equal(nominal_rows(scan(deviations=[secret])), every(scan()))
    difference = every(both) - nominal_rows(both)
    np.testing.assert_allclose(difference[:, 2], 0.5)  # the source's height, in every view
    np.testing.assert_allclose(np.delete(difference, 2, axis=1), 0, atol=1e-12)


def test_without_deviations_what_is_told_is_what_is():
    for path in ({}, {"range_deg": "short"}, {"pitch_mm": 9.0}, {"tilt_deg": 30.0}, {"detector_shift_mm": (3.0, 1.0)}):
        np.testing.assert_array_equal(nominal_rows(scan(**path)), every(scan(**path)))


# --- vectors ---


def test_vectors_are_taken_as_they_are_and_reconstruction_may_be_told_others():
    true, told = every(scan()).tolist(), every(scan(detector_shift_mm=(0.1, 0.0))).tolist()
    np.testing.assert_array_equal(every(scan(vectors=true)), true)
    np.testing.assert_array_equal(nominal_rows(scan(vectors=true)), true)
    np.testing.assert_array_equal(nominal_rows(scan(vectors=true, nominal_vectors=told)), told)


@pytest.mark.parametrize("views", [3, 4, 7, 180])
@pytest.mark.parametrize(
    "path",
    [
        {},
        {"clockwise": True},
        {"pitch_mm": 30.0},
        {"tilt_deg": 25.0},
        {"detector_shift_mm": (12.0, -5.0)},
        {"range_deg": 0},
    ],
    ids=str,
)
def test_between_the_vectors_of_a_path_lies_the_path_however_few_there_are(path, views):
    whole, frames = scan(views=views, **path), np.linspace(-0.5, views - 0.5, 41)
    np.testing.assert_allclose(between(every(whole), frames), true_rows(whole, frames), atol=1e-11)


def test_what_moves_on_the_detector_s_own_axes_moves_evenly():
    drift = {"of": "source", "axis": "u", "shift_mm": [0.0, 4.0]}
    whole, frames = scan(views=9, range_deg=90, deviations=[drift]), np.array([-0.5, 0.3, 3.5, 8.2])
    np.testing.assert_allclose(between(every(whole), frames), true_rows(whole, frames), atol=1e-11)


def test_between_two_views_whose_detector_only_shifts_lie_straight_lines():
    rows = np.stack([every(scan(views=3))[0]] * 2)
    rows[1, 3:6] += [1.0, 2.0, 3.0]
    np.testing.assert_allclose(between(rows, np.array([0.25]))[0, 3:6], rows[0, 3:6] + [0.25, 0.5, 0.75])


def test_a_single_row_stands_still():
    row = every(scan(views=3))[:1]
    np.testing.assert_array_equal(between(row, np.array([-0.4, 0.4])), np.repeat(row, 2, axis=0))


def test_half_a_turn_from_view_to_view_leaves_the_way_open():
    with pytest.raises(BadInput, match=r"turn by 180 deg from row 0 to the next\. Give more views"):
        between(every(scan(views=3, range_deg=540)), np.array([0.5]))


# --- the peer ---


def test_every_deviation_stands_where_the_toolbox_of_ctsimu_puts_it():
    scenario = pytest.importorskip("ctsimu.scenario", reason="pip install ctsimu")
    rng = np.random.default_rng(3)
    deviations = [
        {
            "of": of, "axis": axis, ("shift_mm" if shift else "turn_deg"): rng.normal(size=count).round(3).tolist(),
            "known": bool(known),
        }
        for of, axis, shift, count, known in zip(
            ["source", "detector", "stage", "detector", "stage", "detector", "stage", "source", "stage"],
            "xuywvxuvz", [1, 1, 0, 0, 1, 0, 0, 1, 1], [1, 4, 7, 2, 3, 1, 5, 20, 2], [1, 0, 1, 1, 0, 1, 1, 0, 1],
            strict=True,
        )
    ]  # fmt: skip
    ours = scan(views=7, range_deg=200.0, start_deg=-10.0, clockwise=True, deviations=deviations)
    theirs = scenario.Scenario(json_dict=_as_scenario(ours))
    for reconstruction, wanted in ((False, every(ours)), (True, nominal_rows(ours))):
        for frame in range(7):
            theirs.set_frame(frame, reconstruction=reconstruction)
            np.testing.assert_allclose(wanted[frame], _row_of(theirs.current_geometry()), atol=1e-9)


def _as_scenario(s: ScanSpec) -> dict:
    """Return a scan as CTSimU's scenario: source, stage and detector along +x, the stage at the origin."""
    places = {"source": -SOD_MM, "stage": 0.0, "detector": SDD_MM - SOD_MM}
    axes = {"source": "-yx", "detector": "-yx", "stage": "xz"}
    return {
        "file": {"file_type": "CTSimU Scenario", "file_format_version": {"major": 1, "minor": 2}},
        "geometry": {
            of: {
                "center": {"x": _mm(x), "y": _mm(0.0), "z": _mm(0.0)},
                "vector_u": _vector([1, 0, 0] if axes[of] == "xz" else [0, -1, 0]),
                "vector_w": _vector([0, 0, 1] if axes[of] == "xz" else [1, 0, 0]),
                "deviations": [_as_deviation(d) for d in s.trajectory.deviations if d.of == of],
            }
            for of, x in places.items()
        },
        "materials": [], "source": {"model": "point"},
        "detector": {
            "columns": {"value": 60, "unit": "px"}, "rows": {"value": 40, "unit": "px"},
            "pixel_pitch": {"u": _mm(0.5), "v": _mm(0.5)},
        },
        "acquisition": {
            "start_angle": {"value": -s.trajectory.start_deg, "unit": "deg"},
            "stop_angle": {"value": -s.trajectory.start_deg + 200.0, "unit": "deg"},
            "direction": "CW", "number_of_projections": s.views, "include_final_angle": False,
        },
    }  # fmt: skip


def _as_deviation(d: Deviation) -> dict:
    """Return a deviation whose amount is 0 and drifts by its values."""
    shift = d.shift_mm is not None
    unit = "mm" if shift else "deg"
    drift = {"value": list(d.shift_mm if shift else d.turn_deg), "unit": unit, "known_to_reconstruction": d.known}
    amount = {"value": 0.0, "unit": unit, "drifts": [drift]}
    kind = "translation" if shift else "rotation"
    return {"type": kind, "axis": d.axis, "amount": amount, "known_to_reconstruction": d.known}


def _mm(value: float) -> dict:
    return {"value": value, "unit": "mm"}


def _vector(values: list[int]) -> dict:
    return {axis: {"value": value} for axis, value in zip("xyz", values, strict=True)}


def _row_of(g) -> np.ndarray:
    """Return the toolbox's geometry as a row of twelve in the stage's frame."""
    stage = np.array([[a.get(i) for i in range(3)] for a in (g.stage.u, g.stage.v, g.stage.w)])
    origin = np.array([g.stage.center.get(i) for i in range(3)])
    points = [np.array([p.get(i) for i in range(3)]) for p in (g.source.center, g.detector.center)]
    sides = [0.5 * np.array([a.get(i) for i in range(3)]) for a in (g.detector.u, g.detector.v)]
    return np.concatenate([stage @ (p - origin) for p in points] + [stage @ side for side in sides])
