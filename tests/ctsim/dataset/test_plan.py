"""What cannot be made is refused before anything is written; what can be is not."""

import re
from pathlib import Path

import pytest

from ctsim.dataset.plan import (
    check_at_the_door,
    classes_of,
    cut_group,
    identity_of,
    load_sources,
    materials_of,
    plan_shards,
)
from ctsim.gate.data import unavailable
from defects.messages import BadInput
from scenes.fidelity import GateSpec
from scenes.records import validated
from scenes.spec import DatasetSpec

CONNECTOR = {"library": "connector", "dimensions": {"columns": 2, "rows": 3}}
HERE = Path()


def spec_of(**changes) -> DatasetSpec:
    scan = {"views": 12, "detector": {"rows": 24, "columns": 24, "pixel_mm": 10.0}} | changes.pop("scan", {})
    values = {"name": "toy", "scenes": 3, "parts": [{"library": "flange"}], "scan": scan, "volume": {"voxels": 16}}
    return validated(DatasetSpec, values | changes, "toy.yaml")


def test_materials_are_those_of_parts_fixtures_and_fillings_given_or_usual():
    flaws = [{"kind": "inclusion_light", "diameter_mm": 1}, {"kind": "inclusion_dense", "diameter_mm": 1}]
    flaws[1]["material"] = {"choice": ["W", {"choice": ["Cu"]}]}
    spec = spec_of(defects=flaws, stage={"fixture": {"kind": {"choice": ["none", "foam"]}}})
    found = set(materials_of(spec, load_sources(spec, HERE)))
    assert found >= {"W", "Cu", "EPS_foam", "graphite"}
    assert "W" not in classes_of(spec, load_sources(spec, HERE))


def test_an_entry_that_gives_a_flaw_now_and_then_goes_through_the_door():
    """Half of its draws ask for a crack that is wider than it is long: those scenes are dropped, the others are not."""
    wide = {"kind": "crack", "length_mm": 2.0, "opening_mm": {"choice": [0.2, 9.0]}}
    check_at_the_door(spec_of(defects=[wide]), HERE)
    with pytest.raises(BadInput, match=r"defects\.0: crack: "):
        check_at_the_door(spec_of(defects=[wide | {"opening_mm": 9.0}]), HERE)


def test_choices_of_choices_go_through_the_door():
    fixture = {"kind": "foam", "material": {"choice": [{"choice": ["PMMA"]}, "EPS_foam"]}}
    check_at_the_door(spec_of(stage={"fixture": fixture}, scan={"backend": {"choice": [{"choice": ["mesh"]}]}}), HERE)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stage": {"fixture": {"kind": "foam", "material": "PMMAA"}}}, "unknown material 'PMMAA'"),
        ({"defects": [{"kind": "inclusion_dense", "diameter_mm": 1, "material": "Wo"}]}, "unknown material 'Wo'"),
        ({"scan": {"tube_target": {"choice": ["W", "Q"]}}}, "tubes: W 10 to 500 kV"),
        ({"defects": [{"kind": "missing_component", "body": "pim"}]}, r"defects.0.body: unknown body beside a host"),
        ({"defects": [{"kind": "wrong_component", "material": "Cu", "body": "flange"}]}, "known: any"),
    ],
)
def test_what_nobody_knows_is_refused_at_the_door(changes, says):
    with pytest.raises(BadInput, match=says):
        check_at_the_door(spec_of(**changes), HERE)


def test_a_body_that_one_part_has_may_be_missing_and_those_of_its_own_dimensions_count():
    flaw = {"kind": "missing_component", "body": {"choice": ["pin 3.1", "any"]}}
    check_at_the_door(spec_of(parts=[{"library": "flange"}, CONNECTOR], defects=[flaw], scenes=12), HERE)
    check_at_the_door(spec_of(parts=[CONNECTOR | {"materials": {"pin 3.2": "Cu"}}]), HERE)


FLANGES = [{"library": "flange", "name": name, "split": split} for name, split in (("al", "train"), ("steel", "test"))]


def flanges(first: dict, second: dict) -> dict:
    return {"parts": [FLANGES[0] | first, FLANGES[1] | second], "scenes": 12}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"material": "Al", "scale": 0.5}, {"material": "Fe", "scale": [0.6, 0.7]}),
        ({"dimensions": {"bolts": 6, "bolt_mm": 9.0}}, {"dimensions": {"bolt_mm": 9, "bolts": 6}}),
        ({"dimensions": {"bolts": 6}, "weight": 1e-9}, {"dimensions": {"bolts": 6}, "split": None, "name": "copper"}),
        ({"dimensions": {"bolts": {"choice": [6]}}}, {"dimensions": {"bolts": {"choice": [6, 6]}}}),
    ],
    ids=["by default", "other materials and scales", "the same numbers", "by hash", "drawn"],
)
def test_one_shape_in_two_splits_is_refused_at_the_door_as_check_would_find_it(first, second):
    changes = flanges(first, second)
    names = [part["name"] for part in changes["parts"]]
    with pytest.raises(BadInput, match=rf"{names[0]}.* and .*{names[1]}.* the same shape.* both the same `split:`"):
        check_at_the_door(spec_of(**changes), HERE)
    for part in changes["parts"]:
        part["split"] = "train"
    check_at_the_door(spec_of(**changes), HERE)


def test_other_dimensions_are_another_shape_and_so_may_be_drawn_ones():
    check_at_the_door(spec_of(**flanges({"dimensions": {"bolts": 6}}, {"dimensions": {"bolts": 8}})), HERE)
    check_at_the_door(spec_of(**flanges({}, {"dimensions": {"bolt_mm": [8, 10]}})), HERE)
    check_at_the_door(spec_of(**flanges(*[{"dimensions": {"bolt_mm": [8, 10]}}] * 2)), HERE)


# --- pairs ---

PAIRS = {"fidelities": ["beer-lambert", "hybrid"]}


@pytest.mark.parametrize(
    ("changes", "scenes", "whole"),
    [
        ({}, 3, None),
        (PAIRS, 4, None),
        (PAIRS, 5, "2 in a row are the same scene (fidelities), and of the last group only 1 will be made; .* 4 or 6"),
        ({"twins": True}, 1, r"2 in a row are the same scene \(twins\), and .* for whole groups take 2"),
        (PAIRS | {"twins": True}, 7, r"4 in a row are the same scene \(twins and fidelities\), .* only 3 .* 4 or 8"),
    ],
)
def test_a_group_that_is_cut_is_told_with_the_numbers_that_cut_none(changes, scenes, whole):
    told = cut_group(spec_of(**changes, scenes=scenes))
    if whole is None:
        assert told is None
    else:
        assert re.search(whole.replace("(fidelities)", r"\(fidelities\)"), told)
        assert told.startswith(f"{scenes} scenes end within a group: ")


def test_all_of_a_group_go_into_shards_of_one_split():
    parts = [{"library": "flange"}, {"library": "gear", "split": "test"}, {"library": "bracket", "split": "validation"}]
    shards = plan_shards(spec_of(**PAIRS, twins=True, scenes=40, parts=parts, scenes_per_shard=3))
    split_of = {index: shard.split for shard in shards for index in shard.scenes}
    assert len(set(split_of.values())) == 3
    for first in range(0, 40, 4):
        assert len({split_of[index] for index in range(first, first + 4)}) == 1


def test_no_scene_is_probed_for_its_fidelity_at_the_door():
    """It would take longer than the probe of the few scenes that a user is waiting for."""
    check_at_the_door(spec_of(scan={"fidelity": {"hybrid_above": 1.0}}), HERE)


@pytest.mark.parametrize("changes", [{"scan": {"fidelity": "gate"}}, {"fidelities": ["beer-lambert", "gate"]}])
def test_gate_is_looked_for_before_anything_is_made(changes):
    """Where it is not there, each scene would be dropped for the same reason."""
    if lacking := unavailable(GateSpec().physics_list):
        with pytest.raises(BadInput) as told:
            check_at_the_door(spec_of(**changes), HERE)
        assert str(told.value) == lacking
    else:
        check_at_the_door(spec_of(**changes), HERE)
        assert "opengate" in identity_of(spec_of(**changes), {})["made_by"]
    assert "opengate" not in identity_of(spec_of(**PAIRS), {})["made_by"]
