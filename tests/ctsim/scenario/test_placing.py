"""Where the things of a scenario stand: closed forms, and the CTSimU toolbox as a peer."""

import copy
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from ctsim.scenario.acquisition import read_acquisition
from ctsim.scenario.placing import Stand, read_placement, rotation_about, stand_of
from ctsim.scenario.stands import things_of
from ctsim.scenario.values import Book, Node
from defects.messages import BadInput
from tests.shared_data import SHARED, needs_shared

FRAMES = np.arange(5.0)


def vector(letters: str, numbers, unit: str | None = None) -> dict:
    """Return a vector as the format has it."""
    box = {"unit": unit} if unit else {}
    return {letter: {"value": float(number), **box} for letter, number in zip(letters, numbers, strict=True)}


def placement(centre=(1.0, 2.0, 3.0), deviations=(), u=(1, 0, 0), w=(0, 0, 1), letters="xyz"):
    """Return a thing at a place."""
    values = {
        "center": vector(letters, centre, "mm"), "vector_u": vector(letters, u), "vector_w": vector(letters, w),
        "deviations": list(deviations),
    }  # fmt: skip
    return read_placement(Node(values, "thing", Book(file=Path("s.json"))))


def turn(axis, amount_deg, **more) -> dict:
    """Return a turn as the format has it."""
    return {"type": "rotation", "axis": axis, "amount": {"value": amount_deg, "unit": "deg"}, **more}


def test_the_third_axis_completes_a_right_handed_set():
    stand = stand_of(placement(u=(0, -1, 0), w=(1, 0, 0)), FRAMES, 5)
    np.testing.assert_allclose(stand.axes[0], [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-15)
    assert np.linalg.det(stand.axes[0]) == pytest.approx(1)


def test_a_quarter_turn_about_z_takes_x_to_y():
    matrix = rotation_about(np.array([[0, 0, 3.0]]), np.array([90.0]))[0]
    np.testing.assert_allclose(matrix @ [1, 0, 0], [0, 1, 0], atol=1e-15)


def test_turns_about_an_axis_leave_it_and_keep_angles():
    axis = np.array([[2.0, -3.0, 5.3]])
    matrix = rotation_about(axis, np.array([77.0]))[0]
    np.testing.assert_allclose(matrix @ axis[0], axis[0], atol=1e-14)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-15)
    assert np.trace(matrix) == pytest.approx(1 + 2 * np.cos(np.deg2rad(77)))


def test_the_stage_turns_counter_clockwise_about_its_own_axis():
    stand = stand_of(placement(), FRAMES, 5, turn_deg=90 * FRAMES)
    np.testing.assert_allclose(stand.axes[1], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-15)
    np.testing.assert_allclose(stand.centre_mm, np.tile([1, 2, 3], (5, 1)))


def test_later_deviations_start_from_where_earlier_ones_lead():
    """After a quarter turn about z, the thing's u lies along y."""
    shift = {"type": "translation", "axis": "u", "amount": {"value": 5, "unit": "mm"}}
    after = stand_of(placement(deviations=[turn("z", 90), shift]), FRAMES, 5)
    before = stand_of(placement(deviations=[shift, turn("z", 90)]), FRAMES, 5)
    np.testing.assert_allclose(after.centre_mm[0], [1, 7, 3], atol=1e-14)
    np.testing.assert_allclose(before.centre_mm[0], [6, 2, 3], atol=1e-14)


def test_a_pivot_in_the_world_swings_the_thing_about_it():
    swung = placement(deviations=[turn("z", 90, pivot=vector("xyz", (0, 0, 0), "mm"))])
    np.testing.assert_allclose(stand_of(swung, FRAMES, 5).centre_mm[0], [-2, 1, 3], atol=1e-14)


def test_a_pivot_of_its_own_stays_where_it_is():
    pivot = (0.5, -1.0, 2.0)
    thing = placement(
        u=(0, 0, 1), w=(0, 1, 0), deviations=[turn(vector("uvw", (1, 2, 3)), 33, pivot=vector("uvw", pivot, "mm"))]
    )
    before = stand_of(placement(u=(0, 0, 1), w=(0, 1, 0)), FRAMES, 5)
    along = np.tile(pivot, (5, 1))
    np.testing.assert_allclose(stand_of(thing, FRAMES, 5).point(along), before.point(along), atol=1e-14)


def test_a_wobble_goes_round_with_the_stage_and_a_tilt_does_not():
    """The format's own example: about a local axis the rotation axis runs round a cone, about x it stands still."""
    wobble = stand_of(placement(deviations=[turn("u", 4)]), FRAMES, 5, turn_deg=90 * FRAMES)
    tilt = stand_of(placement(deviations=[turn("x", 4)]), FRAMES, 5, turn_deg=90 * FRAMES)
    s, c = np.sin(np.deg2rad(4)), np.cos(np.deg2rad(4))
    np.testing.assert_allclose(wobble.axes[:4, 2], [[0, -s, c], [s, 0, c], [0, s, c], [-s, 0, c]], atol=1e-14)
    np.testing.assert_allclose(tilt.axes[:, 2], np.tile([0, -s, c], (5, 1)), atol=1e-14)


def test_what_reconstruction_does_not_know_is_left_out_for_it():
    unknown = turn("z", 10, known_to_reconstruction=False)
    drift = {"type": "translation", "axis": "x", "amount": {"value": 1, "unit": "mm", "drifts": [
        {"value": [0, 4], "unit": "mm", "known_to_reconstruction": False}, {"value": [0, 40], "unit": "um"},
    ]}}  # fmt: skip
    thing = placement(deviations=[unknown, drift])
    np.testing.assert_allclose(stand_of(thing, FRAMES, 5).centre_mm[:, 0], 2 + FRAMES + 0.01 * FRAMES)
    told = stand_of(thing, FRAMES, 5, known=True)
    np.testing.assert_allclose(told.centre_mm[:, 0], 2 + 0.01 * FRAMES)
    np.testing.assert_allclose(told.axes[0], np.eye(3))


def test_there_and_back_is_nowhere():
    stand = stand_of(placement(deviations=[turn(vector("xyz", (1, 2, -1)), 50)]), FRAMES, 5, turn_deg=30 * FRAMES)
    points = np.random.default_rng(5).normal(size=(5, 3))
    np.testing.assert_allclose(stand.inverse().point(stand.point(points)), points, atol=1e-14)
    assert isinstance(stand.inverse(), Stand)


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        ({"u": (0, 0, 0)}, "must not be zero"), ({"w": (1, 0, 1)}, "must be orthogonal, got an angle of 45 deg"),
        ({"deviations": [turn(vector("xyz", (0, 0, 0)), 1)]}, "axis of a deviation must not be zero"),
    ],
)  # fmt: skip
def test_axes_that_are_none_are_refused(thing, says):
    with pytest.raises(ValueError, match=says):
        stand_of(placement(**thing), FRAMES, 5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"center": {"x": {"value": 1, "unit": "mm"}}}, "thing.center.y is missing"),
        ({"center": {**vector("xyz", (0, 0, 0)), "u": {"value": 1}}}, "no mixture of them"),
        ({"center": 5}, "thing.center must be an object with the components"),
        ({"vector_u": vector("uvw", (1, 0, 0))}, "must have the components x, y, z, as center has"),
        ({"deviations": [{"type": "shift", "axis": "x"}]}, "unknown thing.deviations\\[0\\].type 'shift'"),
        ({"deviations": [turn("q", 1)]}, "unknown thing.deviations\\[0\\].axis 'q'"),
        ({"deviations": [{"type": "rotation", "axis": "x"}]}, "must be an angle"),
        ({"deviations": [{**turn("x", 1), "amount": {"value": 1, "unit": "mm"}}]}, "must be one of deg, rad"),
    ],
)
def test_a_place_that_is_none_is_refused(change, says):
    values = {
        "center": vector("xyz", (0, 0, 0)),
        "vector_u": vector("xyz", (1, 0, 0)),
        "vector_w": vector("xyz", (0, 0, 1)),
    }
    with pytest.raises(BadInput, match=says):
        read_placement(Node({**values, **change}, "thing", Book(file=Path("s.json"))))


# ------------------------------------------------------------------------------------------- the toolbox as a peer


def ours(values: dict, known: bool) -> np.ndarray:
    """Return centre, u, v and w of source, detector and stage in every frame."""
    root = Node(values, "", Book(file=Path("s.json")))
    stands = things_of(root["geometry"], read_acquisition(root["acquisition"]), known)
    return np.stack([np.concatenate([stand.centre_mm[:, None], stand.axes], axis=1) for stand in stands], axis=1)


def peers(values: dict, known: bool) -> np.ndarray:
    """Return the same from the CTSimU toolbox."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario = pytest.importorskip("ctsimu.scenario", reason="the CTSimU toolbox is not installed")
        peer = scenario.Scenario(json_dict=copy.deepcopy(values))
    found = []
    for frame in range(peer.n_frames()):
        peer.set_frame(frame, reconstruction=known)
        systems = [thing.coordinate_system for thing in (peer.source, peer.detector, peer.stage)]
        found.append([[[v.x(), v.y(), v.z()] for v in (s.center, s.u, s.v, s.w)] for s in systems])
    return np.array(found)


@needs_shared
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    "file", ["ctsimu_scenarios/01_full_example.json", "ctsimu_toolbox/scenarios/2D-HS-1_2021-03-24v02r00dp.json"]
)
def test_the_toolbox_puts_everything_in_the_same_place(file, known):
    values = json.loads((SHARED / "validation" / file).read_text())
    np.testing.assert_allclose(ours(values, known), peers(values, known), atol=1e-12)


@needs_shared
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("direction", ["CW", "CCW"])
def test_the_toolbox_drifts_and_deviates_alike(known, direction):
    """Drifts of centres, of amounts and of axes; pivots of their own (about a pivot in the world it drifts last)."""
    values = json.loads((SHARED / "validation" / "ctsimu_scenarios" / "01_full_example.json").read_text())
    values["acquisition"] |= {
        "direction": direction,
        "start_angle": {"value": 0.5, "unit": "rad"},
        "include_final_angle": False,
    }
    for thing, seed in (("source", 1), ("detector", 2), ("stage", 3)):
        rng = np.random.default_rng(seed)
        for axis in "xyz":
            values["geometry"][thing]["center"][axis]["drifts"] = [
                {"value": rng.normal(size=n).tolist(), "unit": "mm", "known_to_reconstruction": k}
                for n, k in ((4, True), (21, False), (1, True))
            ]
        values["geometry"][thing]["deviations"] += [
            {**turn(vector("uvw", rng.normal(size=3)), 0, pivot=vector("uvw", rng.normal(size=3), "mm")),
             "amount": {"value": 3, "unit": "deg", "drifts": [{"value": rng.normal(size=7).tolist(), "unit": "deg"}]}},
            {"type": "translation", "axis": vector("xyz", rng.normal(size=3)), "amount": {"value": 2, "unit": "mm"},
             "known_to_reconstruction": False},
        ]  # fmt: skip
    np.testing.assert_allclose(ours(values, known), peers(values, known), atol=1e-12)
