"""Scenes that are one scene stand side by side: twins without their defects, and each in several fidelities."""

import json

import pytest

from scenes.choose import choose_part, fidelity_of, is_sound_twin, original_of, pair_of
from scenes.sample import sample
from scenes.scene import SceneSpec
from scenes.splits import split_of
from tests.scenes.test_sample import BUSY
from tests.scenes.toy import dataset, load

BOTH = ["beer-lambert", "hybrid"]
HYBRID = {"monte_carlo": {"photons": 5000, "panel": [8, 8]}}
PAIRS = BUSY | {"scan": BUSY["scan"] | HYBRID, "fidelities": BOTH}
ITS_OWN = {"index", "pair_of", "twin_of", "scan"}


def scenes(count: int, **changes) -> list[SceneSpec]:
    spec = dataset(**PAIRS | changes)
    return [sample(spec, index, load) for index in range(count)]


def test_a_pair_is_one_scene_in_two_fidelities():
    for first, second in zip(*[iter(scenes(8))] * 2, strict=True):
        assert (first.scan.fidelity, second.scan.fidelity) == ("beer-lambert", "hybrid")
        assert (first.pair_of, second.pair_of) == (None, first.key)
        assert first.model_dump(exclude=ITS_OWN) == second.model_dump(exclude=ITS_OWN)
        assert first.defects == second.defects
        settings = {"fidelity", "monte_carlo"}
        assert first.scan.model_dump(exclude=settings) == second.scan.model_dump(exclude=settings)
        assert second.scan.monte_carlo.photons == 5000


def test_the_first_of_a_group_is_the_scene_that_it_is_without_a_group():
    """Only its place in the dataset tells: nothing of it is drawn otherwise."""
    spec, alone = dataset(**PAIRS), dataset(**BUSY)
    for index in (0, 2, 4):
        assert sample(spec, index, load) == sample(alone, index, load)


def test_a_pair_shares_its_noise_and_twins_do_not():
    """Between the pictures of a pair lies scatter and what it does to the noise; twins are two scans."""
    assert [scene.noise_index for scene in scenes(4)] == [0, 0, 2, 2]
    assert [scene.noise_index for scene in scenes(4, twins=True)] == [0, 1, 0, 1]


def test_twins_stand_side_by_side_in_each_fidelity():
    found = scenes(8, twins=True)
    keys = [scene.key for scene in found]
    assert [scene.scan.fidelity for scene in found[:4]] == ["beer-lambert", "beer-lambert", "hybrid", "hybrid"]
    assert [scene.twin_of for scene in found[:4]] == [None, keys[0], None, keys[2]]
    assert [scene.pair_of for scene in found[:4]] == [None, None, keys[0], keys[1]]
    assert [bool(scene.defects) for scene in found[:4]] == [True, False, True, False]
    assert found[0].items == found[2].items
    assert found[1].items == found[3].items
    assert [scene.twin_of for scene in found[4:]] == [None, keys[4], None, keys[6]]
    assert [scene.pair_of for scene in found[4:]] == [None, None, keys[4], keys[5]]


def test_three_fidelities_all_know_the_first():
    first, second, third = scenes(3, fidelities=["hybrid", "gate", "beer-lambert"], scan=BUSY["scan"])
    assert [scene.pair_of for scene in (first, second, third)] == [None, first.key, first.key]
    assert [scene.scan.fidelity for scene in (first, second, third)] == ["hybrid", "gate", "beer-lambert"]


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("fidelities", [[], BOTH, [*BOTH, "monte-carlo"]])
def test_groups_cover_all_scenes_once(twins, fidelities):
    """Each index has its own place among original, fidelity and twin."""
    spec = dataset(twins=twins, fidelities=fidelities)
    size = (2 if twins else 1) * max(len(fidelities), 1)
    assert spec.group == size
    places = [(original_of(spec, i), fidelity_of(spec, i), is_sound_twin(spec, i)) for i in range(5 * size)]
    assert len(set(places)) == 5 * size
    for index in range(5 * size):
        same = pair_of(spec, index)
        assert original_of(spec, same) == original_of(spec, index)
        assert is_sound_twin(spec, same) == is_sound_twin(spec, index)
        assert fidelity_of(spec, same) == (fidelities[0] if fidelities else None)


def test_all_of_a_group_are_of_one_split():
    parts = [{"library": "block", "name": "a"}, {"library": "block", "name": "b", "split": "test"}]
    spec = dataset(parts=parts, fidelities=BOTH, twins=True)
    splits = [split_of(spec, choose_part(spec, index)) for index in range(80)]
    assert len(set(splits)) == 2
    assert all(len(set(splits[first : first + 4])) == 1 for first in range(0, 80, 4))


def test_a_scene_of_a_group_survives_json():
    for scene in scenes(4, twins=True):
        assert SceneSpec.from_json(json.loads(json.dumps(scene.to_json()))) == scene
