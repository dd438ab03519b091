"""Pairs and twins are one scene; where they are not, or one of them is lost, there is a line for it."""

import copy

import pytest

from ctsim.dataset.family import LABELS, Family, member_of
from ctsim.shards import file_of
from scenes.sample import sample
from scenes.scene import SceneSpec
from tests.scenes.toy import dataset, load

SPEC = dataset(
    fidelities=["beer-lambert", "hybrid"], twins=True, defects=[{"kind": "gas_pore", "count": 2, "diameter_mm": 3.0}],
    scan={"monte_carlo": {"photons": 5000}},
)  # fmt: skip
SCENES = [sample(SPEC, index, load) for index in range(4)]


def faults_of(scenes: list[dict], present=(), dropped=(), other_labels=()) -> list[str]:
    family = Family()
    for number, scene in enumerate(scenes):
        key = SceneSpec.from_json(scene).key
        files = {file_of(name): bytes([name == "instances" and number in other_labels]) for name in LABELS}
        family.add(member_of({"key": key, "scene": {"scene": scene}}, files, "train-000000.tar"))
    return list(family.faults(present, dropped))


def records() -> list[dict]:
    return [copy.deepcopy(scene.to_json()) for scene in SCENES]


def test_a_whole_group_has_no_faults():
    assert faults_of(records()) == []
    assert faults_of(records()[::-1]) == []


def test_a_pair_of_other_labels_is_a_fault_and_a_twin_is_not():
    (told,) = faults_of(records()[::2], other_labels=[1])
    assert told.endswith("has another set of labels")
    assert faults_of(records()[:2], other_labels=[1]) == []


def _other_split(scene: dict) -> None:
    scene["split"] = "test"


def _lost_flaw(scene: dict) -> None:
    scene["items"][0]["defects"].pop()


def _moved_flaw(scene: dict) -> None:
    scene["items"][0]["defects"][0]["centre_mm"] = [0.1, 0.0, 0.0]


def _other_pose(scene: dict) -> None:
    scene["items"][0]["pose"]["shift_mm"] = [1.0, 0.0, 0.0]


def _other_tube(scene: dict) -> None:
    scene["scan"]["tube_kv"] += 1.0


@pytest.mark.parametrize(
    ("spoil", "differs"),
    [
        (_other_split, "split"),
        (_lost_flaw, "set of defects"),
        (_moved_flaw, "set of defects"),
        (_other_pose, "part or pose"),
        (_other_tube, "scan"),
    ],
)
def test_a_pair_that_is_another_scene_is_a_fault(spoil, differs):
    scenes = records()
    spoil(scenes[2])
    told = f"train-000000.tar: toy-000002: its pair toy-000000 has another {differs}"
    twin = f"train-000000.tar: toy-000003: its twin toy-000002 has another {differs}"
    assert faults_of(scenes) == ([told] if differs == "set of defects" else [told, twin])


def test_all_that_differs_stands_in_one_line():
    scenes = records()[::2]
    _other_split(scenes[1])
    _lost_flaw(scenes[1])
    (told,) = faults_of(scenes)
    assert told.endswith("its pair toy-000000 has another split and another set of defects")


def test_a_pair_that_is_lost_is_a_fault_unless_it_was_dropped_or_has_faults_of_its_own():
    scenes = records()
    assert faults_of(scenes[:3]) == []
    lost = ["train-000000.tar: toy-000002: its pair toy-000000 is not in the dataset"]
    assert faults_of(scenes[2:3]) == lost
    assert faults_of(scenes[2:3], dropped={0}) == []
    assert faults_of(scenes[2:3], present={"toy-000000"}) == []
    assert faults_of(scenes[2:3], dropped={5}, present={"toy-000005"}) == lost
