"""Scene 17 is scene 17; what it holds follows its spec, and what found no place is counted."""

import json

import numpy as np
import pytest
from manifold3d import Manifold
from scipy import stats

from defects import kinds
from defects.host import Host
from scenes.body import Body
from scenes.choose import choose_part
from scenes.parts import Part
from scenes.pose import posed
from scenes.sample import sample
from scenes.scene import SceneSpec
from scenes.seeds import stream
from scenes.setup import corners_mm
from scenes.splits import split_of
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
    before, after = (flat(json.loads(written(5, **what))) for what in ({}, change))
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert after != before


def flat(scene: dict) -> dict:
    """Return a scene of one part with all its keys side by side."""
    return {**scene, **scene["items"][0]}


def test_every_stage_draws_from_a_stream_of_its_own(monkeypatch):
    asked = set()
    for module in ("sample", "setup", "standing", "choose"):
        monkeypatch.setattr(f"scenes.{module}.stream", lambda *which: asked.add(which) or stream(*which))
    sample(dataset(**BUSY, seed=2), 5, load)
    one = ("defects", "dimensions", "part", "places", "pose", "scan", "shared", "stage", "varied", "whole")
    assert asked == {(2, 5, stage) for stage in one}
    asked.clear()
    sample(dataset(**BUSY, seed=2, stage={"parts": 2}), 5, load)
    more = ("defects 1", "dimensions 1", "pose 1", "whole 1")
    assert asked == {(2, 5, stage) for stage in (*one, *more)}


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


def test_powder_is_not_lost_in_the_place_of_a_missing_body():
    """The bolted plate has no hollow but that, and it is labelled as the missing body."""
    powder = {"kind": "trapped_powder", "length_mm": 6, "width_mm": 3, "grain_mm": 1.5, "material": "Ti"}
    spec = dataset(parts=[{"library": "bolted", "host": "plate"}], defects=[{"kind": "missing_component"}, powder])
    scene = sample(spec, 0, load)
    assert [kinds.name_of(flaw) for flaw in scene.items[0].defects] == ["missing_component"]
    assert scene.unplaced == {"trapped_powder": 1}


def test_a_body_that_is_told_the_material_it_has_is_not_wrong():
    """The pin is of iron anyway: in half of the scenes nothing is wrong, and nothing is labelled so."""
    wrong = {"kind": "wrong_component", "material": {"choice": ["Fe", "Cu"]}}
    spec = dataset(parts=[{"library": "bolted", "host": "plate"}], defects=[wrong])
    scenes = [sample(spec, index, load) for index in range(40)]
    found = [[flaw.material for flaw in scene.items[0].defects] for scene in scenes]
    assert all(materials in ([], ["Cu"]) for materials in found)
    assert [scene.unplaced for scene in scenes] == [{} if m else {"wrong_component": 1} for m in found]
    assert stats.binomtest(found.count([]), 40).pvalue > 0.01


def test_a_body_that_is_shifted_into_another_as_a_whole_is_counted_as_without_a_place():
    """A ball of 6 mm inside a cube of 40 mm, shifted by as much: nothing of it would be left."""
    ball = Manifold.sphere(3.0, 32)
    cube = Manifold.cube((40.0, 40.0, 40.0), True) - ball
    part = Part(bodies=(Body(name="cube", solid=cube, material="Al"), Body(name="ball", solid=ball, material="Fe")))
    spec = dataset(defects=[{"kind": "wrong_component", "shift_mm": {"choice": [2.0, 6.5]}}])
    scenes = [sample(spec, index, lambda choice: part) for index in range(16)]
    shifts = [round(np.linalg.norm(flaw.shift_mm), 9) for scene in scenes for flaw in scene.items[0].defects]
    assert set(shifts) == {2.0}
    assert sum(scene.unplaced.get("wrong_component", 0) for scene in scenes) == 16 - len(shifts) > 0


def test_where_all_find_a_place_none_is_counted():
    assert sample(dataset(defects=FLAWS), 1, load).unplaced == {}


@pytest.mark.parametrize(("host", "sits_in"), [(None, "plate"), ("pin", "pin")])
def test_flaws_sit_in_the_host_alone(host, sits_in):
    spec = dataset(parts=[{"library": "bolted", "host": host}], defects=[FLAWS[0] | {"wall_mm": 0.1}])
    scene = sample(spec, 1, load)
    solid = bolted().body(sits_in).solid
    assert scene.items[0].part.host == sits_in
    assert scene.defects
    for flaw in scene.defects:
        assert (flaw.solid() ^ solid).volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


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


# --- the volume ---


def test_a_volume_that_fits_holds_every_corner_in_any_pose():
    for index in range(10):
        scene = sample(dataset(**BUSY | {"defects": []}, volume={"voxels": 40}), index, load)
        farthest = np.abs(corners_mm(b.solid for b in posed(block(), scene.items[0].pose))).max()
        assert scene.volume.shape == (40, 40, 40)
        assert 20 * scene.volume.voxel_mm - farthest == pytest.approx(2 * scene.volume.voxel_mm)


def test_a_voxel_that_is_given_is_taken():
    assert sample(dataset(volume={"voxels": 40, "voxel_mm": 0.7}), 0, load).volume.voxel_mm == 0.7


# --- twins ---


def test_a_twin_is_its_scene_without_the_defects():
    spec = dataset(**BUSY | {"twins": True, "scenes": 20})
    for index in range(0, 12, 2):
        whole, twin = sample(spec, index, load), sample(spec, index + 1, load)
        assert whole == sample(spec.model_copy(update={"twins": False}), index, load)
        assert (whole.twin_of, twin.twin_of, twin.defects, twin.unplaced) == (None, whole.key, (), {})
        same = {"index": whole.index, "items": whole.items, "unplaced": whole.unplaced, "twin_of": None}
        assert [(i.part, i.pose, i.defects) for i in twin.items] == [(i.part, i.pose, ()) for i in whole.items]
        assert twin.model_copy(update=same) == whole
        assert split_of(spec, choose_part(spec, index)) == split_of(spec, choose_part(spec, index + 1))
        assert SceneSpec.from_json(twin.to_json()) == twin
