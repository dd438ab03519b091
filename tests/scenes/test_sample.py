"""Scene 17 is scene 17; what it holds follows its spec, and what found no place is counted."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from defects import kinds
from defects.host import Host
from defects.messages import BadInput
from scenes.field_of_view import MARGIN
from scenes.part_spec import PartSpec
from scenes.parts import load_part
from scenes.sample import choose_part, corners_mm, sample, sample_part, sample_setup, split_of
from scenes.scene import SceneSpec
from scenes.seeds import stream
from tests.scenes.toy import block, bolted, dataset, load

FLAWS = [
    {"kind": "gas_pore", "count": [1, 4], "diameter_mm": {"lognormal": [2.0, 0.3], "within": [1.0, 4.0]}},
    {"kind": "crack", "count": {"poisson": 1.0}, "length_mm": [4, 8], "opening_mm": 0.2},
    {"kind": "inclusion_dense", "count": 1, "diameter_mm": 1.0, "material": {"choice": ["W", "Fe"]}},
]
SCAN = {"tube_kv": [100, 200], "filters": {"Al": [0, 2], "Cu": 0.5}, "exposure_mas": {"log_uniform": [0.01, 1]}}
BUSY = {"defects": FLAWS, "scan": SCAN, "pose": {"orientation": "uniform", "shift_mm": [0, 3]}}


def written(index: int, **changes) -> str:
    return json.dumps(sample(dataset(**(BUSY | changes)), index, load).to_json())


def with_parts(*names: str, **changes):
    return dataset(parts=[{"library": "block", "name": name} for name in names], **changes)


# --- the same scene ---


def test_scene_17_is_scene_17_in_any_order():
    ahead = {index: written(index) for index in (17, 3)}
    back = {index: written(index) for index in (3, 17)}
    assert ahead == back
    assert ahead[17] != ahead[3]


def test_scene_17_is_scene_17_in_a_larger_dataset_with_other_shards():
    assert written(17, scenes=20) == written(17, scenes=2000, scenes_per_shard=500, description="more of them")


def test_another_seed_is_another_scene_and_zero_is_a_seed():
    assert written(3, seed=0) == written(3)
    assert written(3, seed=0) != written(3, seed=1)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"defects": FLAWS[:1]}, ["part", "pose", "scan", "volume", "split"]),
        ({"pose": {"orientation": "upright"}}, ["part", "defects", "unplaced", "split"]),
        ({"scan": {"tube_kv": 90}}, ["part", "pose", "defects", "unplaced", "volume", "split"]),
        ({"volume": {"voxels": 32}}, ["part", "pose", "defects", "unplaced", "scan", "split"]),
    ],
)
def test_one_section_of_a_spec_disturbs_no_draw_of_another(change, kept):
    before, after = json.loads(written(5)), json.loads(written(5, **change))
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert after != before


def test_every_stage_draws_from_a_stream_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr("scenes.sample.stream", lambda *which: asked.append(which) or stream(*which))
    sample(dataset(**BUSY, seed=2), 5, load)
    asked.remove((2, 5, "part"))  # the part is chosen once more for its split, by the same draw
    asked.remove((2, 5, "shared"))  # and what is shared is drawn once more for the flaws
    assert sorted(asked) == [
        (2, 5, stage) for stage in ("defects", "dimensions", "part", "pose", "scan", "shared", "varied")
    ]


def test_a_scene_survives_json_with_all_its_flaws():
    scene = sample(dataset(**BUSY), 17, load)
    assert {kinds.name_of(flaw) for flaw in scene.defects} >= {"gas_pore", "inclusion_dense"}
    assert SceneSpec.from_json(json.loads(json.dumps(scene.to_json()))) == scene


def test_a_scene_knows_where_it_came_from():
    scene = sample(dataset(**BUSY, seed=4), 17, load)
    assert (scene.dataset, scene.index, scene.seed, scene.key) == ("toy", 17, 4, "toy-000017")


# --- what is in it ---


@pytest.fixture(scope="module")
def scans():
    """The scans of 400 scenes."""
    spec = dataset(**BUSY | {"defects": []})
    return [sample(spec, index, load).scan for index in range(400)]


@pytest.mark.parametrize(
    ("number", "law"),
    [
        (lambda scan: scan.tube_kv, stats.uniform(100, 100)),
        (lambda scan: scan.filters["Al"], stats.uniform(0, 2)),
        (lambda scan: scan.exposure_mas, stats.loguniform(0.01, 1)),
    ],
    ids=["tube_kv", "filters", "exposure_mas"],
)
def test_numbers_of_the_scan_follow_the_spec_over_scenes(scans, number, law):
    assert stats.kstest([number(scan) for scan in scans], law.cdf).pvalue > 0.01


def test_what_is_certain_in_the_spec_is_so_in_every_scene(scans):
    assert {scan.filters["Cu"] for scan in scans} == {0.5}
    assert {scan.detector.rows for scan in scans} == {128}


def test_counts_of_flaws_follow_the_spec_over_scenes():
    spec = dataset(defects=[FLAWS[0] | {"diameter_mm": 0.5}])
    counts = [len(sample(spec, index, load).defects) for index in range(200)]
    assert stats.chisquare(np.bincount(counts, minlength=5)[1:]).pvalue > 0.01


def test_every_placed_flaw_keeps_its_wall():
    scene = sample(dataset(defects=[FLAWS[0] | {"count": 8, "wall_mm": 2.0}]), 2, load)
    host = Host(solid=block().bodies[0].solid)
    assert len(scene.defects) == 8
    assert min(host.wall_mm(flaw.solid()) for flaw in scene.defects) >= 2.0 * (1 - 1e-9)


def test_flaws_that_find_no_place_are_counted_by_kind_and_never_lost():
    """A block of 40 x 30 x 20 mm holds no ball of 25 mm, and only a few of 14 mm."""
    wishes = [
        {"kind": "gas_pore", "count": 8, "diameter_mm": 14.0},
        {"kind": "gas_pore", "count": 2, "diameter_mm": 25.0},
        {"kind": "crack", "count": 1, "length_mm": 90.0, "opening_mm": 1.0},
        {"kind": "inclusion_dense", "count": 2, "diameter_mm": 0.5, "material": "W"},
    ]
    scene = sample(dataset(defects=wishes), 0, load)
    placed = [kinds.name_of(flaw) for flaw in scene.defects]
    assert 1 <= placed.count("gas_pore") < 8
    assert placed.count("gas_pore") + scene.unplaced["gas_pore"] == 10
    assert scene.unplaced["crack"] == 1
    assert "crack" not in placed
    assert placed.count("inclusion_dense") == 2
    assert "inclusion_dense" not in scene.unplaced


def test_where_all_find_a_place_none_is_counted():
    assert sample(dataset(defects=FLAWS), 1, load).unplaced == {}


# --- parts ---


def test_parts_come_by_their_weights():
    spec = dataset(parts=[{"library": "block", "weight": 3}, {"library": "bolted", "weight": 1}])
    chosen = [choose_part(spec, index).key for index in range(2000)]
    assert stats.chisquare([chosen.count("block"), chosen.count("bolted")], [1500, 500]).pvalue > 0.01


def test_the_material_of_the_spec_is_that_of_every_body_but_those_named():
    part = PartSpec(library="bolted", material="Ti", materials={"pin": "W"})
    choice, _ = sample_part(part, stream(0, 0, "dimensions"), load)
    assert choice.materials == {"plate": "Ti", "pin": "W"}
    assert sample_part(PartSpec(library="bolted"), stream(0, 0, "dimensions"), load)[0].materials == {
        "plate": "Al",
        "pin": "Fe",
    }


def test_a_choice_of_materials_is_drawn_scene_by_scene():
    spec = dataset(parts=[{"library": "block", "material": {"choice": ["Al", "Ti"], "weights": [3, 1]}}])
    names = [sample_setup(spec, index, load).choice.materials["block"] for index in range(600)]
    assert stats.chisquare([names.count("Al"), names.count("Ti")], [450, 150]).pvalue > 0.01


@pytest.mark.parametrize(("host", "sits_in"), [(None, "plate"), ("pin", "pin")])
def test_flaws_sit_in_the_host_alone(host, sits_in):
    spec = dataset(parts=[{"library": "bolted", "host": host}], defects=[FLAWS[0] | {"wall_mm": 0.1}])
    scene = sample(spec, 1, load)
    solid = bolted().body(sits_in).solid
    assert scene.part.host == sits_in
    assert scene.defects
    for flaw in scene.defects:
        assert (flaw.solid() ^ solid).volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


@pytest.mark.parametrize("part", [{"host": "pim"}, {"materials": {"pim": "W"}}])
def test_a_body_that_is_not_there_is_answered_with_a_near_one(part):
    with pytest.raises(BadInput, match=r"unknown body 'pim'; did you mean 'pin'\? \(known: pin, plate\)"):
        sample(dataset(parts=[{"library": "bolted", **part}]), 0, load)


def test_dimensions_and_scale_are_drawn_and_reach_the_part():
    part = {
        "library": "flange",
        "dimensions": {"bolts": {"choice": [4, 8]}, "bolt_mm": [7.0, 9.0]},
        "scale": [0.9, 1.1],
    }
    spec, real = dataset(parts=[part]), functools.partial(load_part, folder=Path())
    setups = [sample_setup(spec, index, real) for index in range(6)]
    assert {setup.choice.dimensions["bolts"] for setup in setups} == {4, 8}
    for setup in setups:
        bolts, scale = setup.choice.dimensions["bolts"], setup.choice.scale
        assert 7 <= setup.choice.dimensions["bolt_mm"] <= 9
        assert setup.part.bodies[0].solid.genus() == 1 + bolts
        x = setup.part.bodies[0].solid.bounding_box()[3]
        assert x == pytest.approx(42 * scale)


def placed(**wish) -> list:
    spec = dataset(defects=[{"kind": "gas_pore", "diameter_mm": 0.4, "wall_mm": 0.1, **wish}])
    return list(sample(spec, 1, load).defects)


def test_a_depth_is_drawn_anew_for_each_flaw():
    host = Host(solid=block().bodies[0].solid)
    flaws = placed(count=60, place={"wall_depth_mm": [1.0, 4.0]})
    depths = host.wall.nearest(np.array([flaw.centre_mm for flaw in flaws]))[0]
    assert stats.kstest(depths, stats.uniform(1, 3).cdf).pvalue > 0.01


def test_flaws_of_one_entry_share_their_clouds():
    """Two clouds of 0.5 mm about two points: no flaw is far from both."""
    flaws = placed(count=40, place={"clusters": 2, "spread_mm": 0.5})
    points = np.array([flaw.centre_mm for flaw in flaws])
    assert len(points) == 40
    first = np.linalg.norm(points - points[0], axis=1) < 4
    assert np.all(np.linalg.norm(points[~first] - points[~first][:1], axis=1) < 4)


def test_a_flaw_of_the_surface_cuts_it_open():
    flaws = placed(count=5, place="surface")
    body = block().bodies[0].solid
    shares = [(flaw.solid() ^ body).volume() / flaw.volume_mm3 for flaw in flaws]
    assert shares == pytest.approx([0.5] * 5, abs=0.01)


# --- view and volume ---


def test_corners_are_turned_and_shifted_with_the_part():
    setup = sample_setup(dataset(**BUSY), 4, load)
    corners = corners_mm(setup.part, setup.pose)
    middle = np.array(setup.pose.shift_mm)
    assert np.linalg.norm(corners - middle, axis=1) == pytest.approx([np.linalg.norm([20, 15, 10])] * 8)
    assert corners.mean(0) == pytest.approx(middle)


def test_a_volume_that_fits_holds_every_corner_in_any_pose():
    for index in range(10):
        scene = sample(dataset(**BUSY | {"defects": []}, volume={"voxels": 40}), index, load)
        farthest = np.abs(corners_mm(block(), scene.pose)).max()
        assert scene.volume.shape == (40, 40, 40)
        assert 20 * scene.volume.voxel_mm - farthest == pytest.approx(2 * scene.volume.voxel_mm)


def test_a_voxel_that_is_given_is_taken():
    assert sample(dataset(volume={"voxels": 40, "voxel_mm": 0.7}), 0, load).volume.voxel_mm == 0.7


def test_a_part_that_fits_is_magnified_until_its_circle_fills_the_picture():
    """An upright block turns on a circle of 25 mm: on 128 mm at 800 mm it is held by its width."""
    scan = sample(dataset(pose={"orientation": "upright"}), 0, load).scan
    assert scan.source_object_mm == pytest.approx(25 * np.hypot(1, 800 / (MARGIN * 64)))


def test_a_magnification_that_is_given_is_taken():
    scan = sample(dataset(scan={"magnification": [1.2, 1.4]}), 0, load).scan
    assert 1.2 <= scan.source_detector_mm / scan.source_object_mm <= 1.4


def test_a_part_that_does_not_fit_is_refused_by_name():
    with pytest.raises(BadInput, match="part 'block' is larger than the field of view"):
        sample(dataset(scan={"detector": {"rows": 8, "columns": 8}}), 0, load)


# --- splits ---

NAMES = [f"part_{i}" for i in range(2000)]


def test_shares_of_the_splits_are_kept_over_many_parts():
    spec = with_parts("first", *NAMES, splits={"train": 0.7, "validation": 0.1, "test": 0.2})
    found = [split_of(spec, part) for part in spec.parts[1:]]
    counts = [found.count(split) for split in ("train", "validation", "test")]
    assert stats.chisquare(counts, [1400, 200, 400]).pvalue > 0.01


def test_adding_parts_moves_none():
    few, many = with_parts(*NAMES[:40]), with_parts(*NAMES[:400])
    assert [split_of(few, p) for p in few.parts] == [split_of(many, p) for p in many.parts[:40]]


def test_the_order_of_parts_moves_none_but_the_first():
    ahead, back = with_parts(*NAMES[:40]), with_parts(NAMES[0], *NAMES[39:0:-1])
    assert {p.key: split_of(ahead, p) for p in ahead.parts} == {p.key: split_of(back, p) for p in back.parts}


def test_the_split_of_a_name_is_the_same_for_ever():
    """Golden: the first 8 bytes of sha256 over 2^64 are 0.5185, 0.9084, 0.8409 and 0.8136, against 0.8 and 0.9."""
    spec = with_parts("first", "part_0", "part_12", "part_15", "part_31")
    assert [split_of(spec, part) for part in spec.parts[1:]] == ["train", "test", "validation", "validation"]


@pytest.mark.parametrize("name", ["part_12", "part_15", "part_31"])
def test_the_first_part_is_for_training_whatever_its_hash(name):
    assert split_of(with_parts(name, "other"), with_parts(name, "other").parts[0]) == "train"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_that_is_pinned_wins_even_for_the_first(split):
    spec = dataset(parts=[{"library": "block", "split": split}, {"library": "bolted", "split": split}])
    assert [split_of(spec, part) for part in spec.parts] == [split, split]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_with_all_the_shares_takes_all_but_the_first(split):
    spec = with_parts("first", *NAMES[:100], splits={split: 2.0})
    assert {split_of(spec, part) for part in spec.parts[1:]} == {split}


def test_all_scenes_of_a_part_are_in_its_split():
    spec = with_parts(*NAMES[:6], splits={"train": 1, "test": 1})
    seen = {(scene.part.name, scene.split) for scene in (sample(spec, i, load) for i in range(60))}
    assert seen == {(part.key, split_of(spec, part)) for part in spec.parts}
    assert {split for _, split in seen} == {"train", "test"}


# --- twins ---


def test_a_twin_is_its_scene_without_the_defects():
    spec = dataset(**BUSY | {"twins": True, "scenes": 20})
    for index in range(0, 12, 2):
        whole, twin = sample(spec, index, load), sample(spec, index + 1, load)
        assert whole == sample(spec.model_copy(update={"twins": False}), index, load)
        assert (whole.twin_of, twin.twin_of, twin.defects, twin.unplaced) == (None, whole.key, (), {})
        same = {"index": whole.index, "defects": whole.defects, "unplaced": whole.unplaced, "twin_of": None}
        assert twin.model_copy(update=same) == whole
        assert split_of(spec, choose_part(spec, index)) == split_of(spec, choose_part(spec, index + 1))
        assert SceneSpec.from_json(twin.to_json()) == twin
