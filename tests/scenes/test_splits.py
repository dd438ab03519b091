"""Splits are by part and by kind of defect: a hash of the name decides, the same for ever."""

import pytest
from scipy import stats

from defects.kinds import name_of
from scenes.sample import sample
from scenes.splits import kind_splits, split_of
from tests.scenes.toy import dataset, load

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
    seen = {(scene.items[0].part.name, scene.split) for scene in (sample(spec, i, load) for i in range(60))}
    assert seen == {(part.key, split_of(spec, part)) for part in spec.parts}
    assert {split for _, split in seen} == {"train", "test"}


def with_parts(*names: str, **changes):
    return dataset(parts=[{"library": "block", "name": name} for name in names], **changes)


# --- kinds of defect ---


def with_kinds(**changes):
    sizes = {
        "gas_pore": {"diameter_mm": 1.0},
        "crack": {"length_mm": 4.0, "opening_mm": 0.2},
        "inclusion_dense": {"diameter_mm": 1.0, "material": "W"},
    }
    return dataset(defects=[{"kind": kind, **numbers} for kind, numbers in sizes.items()], scenes=40, **changes)


def parts_of_all_splits():
    return [{"library": "block", "name": name, "split": name} for name in ("train", "validation", "test")]


def test_all_splits_may_hold_all_kinds_where_nothing_is_said():
    assert set(map(tuple, kind_splits(with_kinds()).values())) == {("train", "validation", "test")}


def test_kinds_that_are_split_are_in_one_split_each_and_never_in_a_scene_of_another():
    spec = with_kinds(split_kinds=True, parts=parts_of_all_splits())
    splits = kind_splits(spec)
    assert splits["gas_pore"] == ["train"]  # the first kind, whatever its hash
    assert splits == {kind: [splits[kind][0]] for kind in splits}
    seen = {
        (name_of(flaw), scene.split) for scene in (sample(spec, i, load) for i in range(40)) for flaw in scene.defects
    }
    assert seen == {(kind, split) for kind, (split,) in splits.items()}


def test_the_split_of_a_kind_does_not_hang_on_the_others():
    spec = with_kinds(split_kinds=True, splits={"train": 1, "test": 1})
    fewer = spec.model_copy(update={"defects": spec.defects[:2]})
    assert kind_splits(fewer) == {kind: kind_splits(spec)[kind] for kind in ("gas_pore", "crack")}


def test_an_entry_can_be_pinned_to_a_split():
    """The same kind, small in training and large in the test: a shift of the domain."""
    wishes = [
        {"kind": "gas_pore", "diameter_mm": 0.5, "split": "train"},
        {"kind": "gas_pore", "diameter_mm": 2.0, "split": "test"},
    ]
    spec = dataset(defects=wishes, parts=parts_of_all_splits(), scenes=30)
    assert kind_splits(spec) == {"gas_pore": ["train", "test"]}
    scenes = [sample(spec, index, load) for index in range(30)]
    sizes = {scene.split: {flaw.diameter_mm for flaw in scene.defects} for scene in scenes}
    assert sizes == {"train": {0.5}, "validation": set(), "test": {2.0}}
