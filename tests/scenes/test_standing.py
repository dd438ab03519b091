"""Parts stand as their spec draws them: which, of what, how large; several together without an overlap."""

import functools
from pathlib import Path

import pytest
from scipy import stats

from defects.messages import BadInput
from scenes.choose import choose_part
from scenes.part_spec import PartSpec
from scenes.parts import load_part
from scenes.seeds import stream
from scenes.setup import sample_setup
from scenes.standing import sample_part
from tests.scenes.toy import dataset, load


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
    names = [sample_setup(spec, index, load).standing[0].choice.materials["block"] for index in range(600)]
    assert stats.chisquare([names.count("Al"), names.count("Ti")], [450, 150]).pvalue > 0.01


def test_a_body_without_a_material_of_its_own_has_that_of_the_part():
    spec = dataset(parts=[{"library": "bolted", "material": "Ti", "materials": {"pin": None}}])
    assert sample_setup(spec, 0, load).standing[0].choice.materials == {"plate": "Ti", "pin": "Ti"}


@pytest.mark.parametrize("body", ["pin", "plate"])
def test_a_flaw_of_a_body_that_only_some_parts_have_beside_the_host_finds_nothing_in_the_others(body):
    parts = [{"library": "block"}, {"library": "bolted", "split": "train", "host": "pin" if body == "plate" else None}]
    spec = dataset(parts=parts, defects=[{"kind": "missing_component", "body": body}])
    found = [sample_setup(spec, index, load).standing[0] for index in range(12)]
    assert {(one.choice.name, len(one.whole[0]), one.unplaced.get("missing_component", 0)) for one in found} == {
        ("block", 0, 1),
        ("bolted", 1, 0),
    }


@pytest.mark.parametrize("part", [{"host": "pim"}, {"materials": {"pim": "W"}}])
def test_a_body_that_is_not_there_is_answered_with_a_near_one(part):
    with pytest.raises(BadInput, match=r"unknown body 'pim'; did you mean 'pin'\? \(known: pin, plate\)"):
        sample_setup(dataset(parts=[{"library": "bolted", **part}]), 0, load)


def test_dimensions_and_scale_are_drawn_and_reach_the_part():
    part = {
        "library": "flange",
        "dimensions": {"bolts": {"choice": [4, 8]}, "bolt_mm": [7.0, 9.0]},
        "scale": [0.9, 1.1],
    }
    spec, real = dataset(parts=[part]), functools.partial(load_part, folder=Path())
    found = [sample_setup(spec, index, real).standing[0] for index in range(6)]
    assert {one.choice.dimensions["bolts"] for one in found} == {4, 8}
    for one in found:
        bolts, scale = one.choice.dimensions["bolts"], one.choice.scale
        assert 7 <= one.choice.dimensions["bolt_mm"] <= 9
        assert one.part.bodies[0].solid.genus() == 1 + bolts
        x = one.part.bodies[0].solid.bounding_box()[3]
        assert x == pytest.approx(42 * scale)
