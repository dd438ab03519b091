"""What holds for every kind of flaw; a new kind passes here before it has tests of its own."""

import dataclasses
import inspect
import json
import math

import numpy as np
import pytest
from manifold3d import Error

from defects import kinds
from defects.crack import Crack
from defects.gas_pore import GasPore
from defects.inclusion import Inclusion
from defects.kinds import KINDS
from defects.messages import BadInput
from tests.defects.measure import centroid, vertices

# What each kind is asked for here; the rest it takes by default.
ASKED = {
    "gas_pore": {"diameter_mm": 2.5, "elongation": 1.7},
    "crack": {"length_mm": 8.0, "opening_mm": 0.05, "waviness": 0.1},
    "inclusion": {"diameter_mm": 0.8, "material": "W"},
}
NUMBERS = {
    (name, field.name)
    for name, kind in KINDS.items()
    for field in dataclasses.fields(kind.record)
    if field.type is float
}
IN_EVAL = {"GasPore": GasPore, "Crack": Crack, "Inclusion": Inclusion}
each_kind = pytest.mark.parametrize("name", sorted(KINDS))


def example(name: str, seed: int = 5, centre_mm: tuple[float, float, float] = (3.0, -4.0, 12.0)):
    """Return a flaw of that kind, turned anyhow."""
    flaw = KINDS[name].sample(np.random.default_rng(seed), **ASKED[name])
    return dataclasses.replace(flaw, centre_mm=centre_mm)


def plain(name: str):
    """Return a flaw of that kind whose shape is symmetric about its centre."""
    flaw = example(name)
    return dataclasses.replace(flaw, waves=()) if isinstance(flaw, Crack) else flaw


def test_every_kind_is_asked_for_here():
    assert set(ASKED) == set(KINDS)


@each_kind
@pytest.mark.parametrize("seed", range(5))
def test_a_flaw_is_one_closed_piece_with_exactly_its_volume(name, seed):
    flaw = example(name, seed)
    solid = flaw.solid()
    assert solid.status() == Error.NoError
    assert len(solid.decompose()) == 1
    assert solid.genus() == 0
    assert solid.volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


@each_kind
def test_a_flaw_that_is_symmetric_has_its_centre_of_mass_where_it_sits(name):
    assert centroid(plain(name).solid()) == pytest.approx((3.0, -4.0, 12.0), abs=1e-9)


@each_kind
def test_moving_the_centre_moves_every_corner_as_far(name):
    here, there = example(name, centre_mm=(0.0, 0.0, 0.0)), example(name, centre_mm=(3.0, -4.0, 12.0))
    assert vertices(there.solid()) == pytest.approx(vertices(here.solid()) + np.array([3.0, -4.0, 12.0]), abs=1e-9)


@each_kind
def test_twice_the_lengths_are_eight_times_the_volume(name):
    flaw = plain(name)
    lengths = {f.name: 2 * getattr(flaw, f.name) for f in dataclasses.fields(flaw) if f.name.endswith("_mm")
               and f.type is float}  # fmt: skip
    assert dataclasses.replace(flaw, **lengths).solid().volume() == pytest.approx(8 * flaw.volume_mm3, rel=1e-9)


@each_kind
def test_a_flaw_survives_json_and_repr(name):
    flaw = example(name)
    written = json.loads(json.dumps(kinds.to_json(flaw)))
    assert next(iter(written)) == "kind"
    assert written["kind"] == name
    assert kinds.from_json(written) == flaw
    assert eval(repr(flaw), IN_EVAL) == flaw


@each_kind
def test_a_flaw_is_frozen_and_can_be_a_key(name):
    flaw = example(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        flaw.centre_mm = (0.0, 0.0, 0.0)
    assert {flaw: 1}[example(name)] == 1


@pytest.mark.parametrize(("name", "field"), sorted(NUMBERS))
@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_size_that_is_no_positive_number_is_refused_by_name(name, field, bad):
    with pytest.raises(BadInput, match=f"{field} must be a finite number above 0, got {bad}"):
        dataclasses.replace(example(name), **{field: bad})


@each_kind
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"centre_mm": (math.nan, 0.0, 0.0)}, "centre_mm must be 3 finite numbers"),
        ({"quaternion": (0.0, 0.0, 0.0, 0.0)}, "quaternion must not be all zeros"),
        ({"quaternion": (1.0, 0.0, 0.0, math.inf)}, "quaternion must be 4 finite numbers"),
    ],
)
def test_a_place_that_is_none_is_refused_by_name(name, change, text):
    with pytest.raises(BadInput, match=text):
        dataclasses.replace(example(name), **change)


@each_kind
def test_the_same_generator_makes_the_same_flaw_and_another_one_another(name):
    assert example(name, 5) == example(name, 5)
    assert example(name, 5) != example(name, 6)


@each_kind
def test_the_list_and_the_sampler_agree_on_parameters_and_defaults(name):
    signature = inspect.signature(KINDS[name].sample).parameters
    assert next(iter(signature)) == "rng"
    told = {n: None if p.default is p.empty else p.default for n, p in signature.items() if n != "rng"}
    assert told == {n: p.default for n, p in KINDS[name].parameters.items()}
    assert all(signature[n].kind is inspect.Parameter.KEYWORD_ONLY for n in told)


@each_kind
def test_the_least_value_that_the_list_allows_is_one_that_the_record_takes(name):
    for parameter, bounds in KINDS[name].parameters.items():
        if not bounds.text and not bounds.open_below:
            flaw = KINDS[name].sample(np.random.default_rng(0), **{**ASKED[name], parameter: bounds.lowest})
            assert flaw.solid().volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


def test_an_unknown_kind_is_answered_with_a_near_one():
    with pytest.raises(BadInput, match=r"unknown defect kind 'gaspore'; did you mean 'gas_pore'\?"):
        kinds.kind_of("gaspore")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"diameter_mm": 1.0}, "unknown defect kind ''"),
        ({"kind": "gas_pore", "diametr_mm": 1.0}, "unknown field of GasPore 'diametr_mm'; did you mean 'diameter_mm'"),
        ({"kind": "gas_pore"}, "lacks a field or has one of the wrong type.*diameter_mm"),
        ({"kind": "gas_pore", "diameter_mm": "1 mm"}, "lacks a field or has one of the wrong type"),
        ({"kind": "gas_pore", "diameter_mm": -1.0}, "diameter_mm must be a finite number above 0, got -1.0"),
        (3, "a defect must be an object with a kind, got 3"),
        (None, "a defect must be an object with a kind, got None"),
    ],
)
def test_values_that_are_no_flaw_are_refused(values, text):
    with pytest.raises(BadInput, match=f"(?s){text}"):
        kinds.from_json(values)
