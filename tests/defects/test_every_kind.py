"""What holds for every kind of flaw; a new kind passes here before it has tests of its own."""

import dataclasses
import inspect
import json
import math

import numpy as np
import pytest
from manifold3d import Error

from defects import kinds
from defects.kinds import KINDS
from defects.messages import BadInput
from defects.shapes import rotation
from tests.defects.measure import vertices

# What a kind is asked for here where it needs a value, or more than its defaults; other lengths in mm are 2.
ASKED = {
    "gas_pore": {"diameter_mm": 2.5, "elongation": 1.7},
    "pore_cluster": {"pores": 12, "diameter_mm": 0.5, "spread_mm": 1.2, "elongation": 1.5},
    "shrinkage_cavity": {"diameter_mm": 3.0, "branches": 4},
    "shrinkage_sponge": {"diameter_mm": 4.0, "cell_mm": 1.2},
    "cold_shut": {"length_mm": 9.0, "depth_mm": 2.5, "opening_mm": 0.1},
    "hot_tear": {"length_mm": 8.0, "opening_mm": 0.2},
    "crack": {"length_mm": 8.0, "opening_mm": 0.05, "waviness": 0.1, "kinks": 3, "branches": 2},
    "inclusion_dense": {"diameter_mm": 0.8},
    "inclusion_light": {"diameter_mm": 1.2},
    "wall_thinning": {"diameter_mm": 8.0, "depth_mm": 1.0},
    "wrong_component": {"scale": 0.9},
}
SOLID = sorted(name for name, kind in KINDS.items() if not kind.whole_part)
NUMBERS = sorted(
    (name, field.name)
    for name in SOLID
    for field in dataclasses.fields(KINDS[name].record)
    if field.type is float and field.name.endswith("_mm")
)
each_kind = pytest.mark.parametrize("name", sorted(KINDS))
each_solid_kind = pytest.mark.parametrize("name", SOLID)
HALF = np.sqrt(0.5)


def asked(name: str) -> dict:
    """Return what a kind is asked for."""
    told, known = ASKED.get(name, {}), KINDS[name].parameters
    needed = [n for n, p in known.items() if p.default is None and n not in told]
    bodies = {"bodies": ("host", "pin", "bolt")} if KINDS[name].whole_part else {}
    return {**bodies, **told, **{n: "W" if known[n].text else 0.2 if n == "opening_mm" else 2.0 for n in needed}}


def example(name: str, seed: int = 5):
    """Return a flaw of that kind in its own frame, turned as it was drawn."""
    return KINDS[name].sample(np.random.default_rng(seed), **asked(name))


def placed(name: str, seed: int = 5):
    """Return the same flaw somewhere."""
    return dataclasses.replace(example(name, seed), centre_mm=(3.0, -4.0, 12.0))


def grown(flaw, factor: float):
    """Return the flaw with all its lengths so many times as large; waves and kinks, of several units, are left out."""
    changes = {}
    for field in dataclasses.fields(flaw):
        value = getattr(flaw, field.name)
        if field.name.endswith("_mm") and value is not None:
            changes[field.name] = _times(value, factor)
        elif field.name in ("waves", "kinks"):
            changes[field.name] = ()
    return dataclasses.replace(flaw, **changes)


def _times(value, factor: float):
    return tuple(_times(v, factor) for v in value) if isinstance(value, tuple) else factor * value


@each_solid_kind
@pytest.mark.parametrize("seed", range(4))
def test_a_flaw_is_closed_and_has_the_volume_it_says(name, seed):
    flaw = placed(name, seed)
    solid = flaw.solid()
    assert solid.status() == Error.NoError
    assert solid.volume() > 0
    assert solid.volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)
    assert all(piece.volume() > 0 for piece in solid.decompose())


@each_solid_kind
def test_a_flaw_has_facets_enough_and_not_too_many(name):
    assert all(200 <= example(name, seed).solid().num_tri() <= 20_000 for seed in range(4))


@each_solid_kind
def test_moving_the_centre_moves_every_corner_as_far(name):
    here, there = example(name), placed(name)
    shift = np.array([3.0, -4.0, 12.0]) - np.array(here.centre_mm)
    assert vertices(there.solid()) == pytest.approx(vertices(here.solid()) + shift, abs=1e-9)


@each_solid_kind
def test_turning_a_flaw_turns_every_corner_about_its_centre(name):
    upright = dataclasses.replace(example(name), centre_mm=(0.0, 0.0, 0.0), quaternion=(1.0, 0.0, 0.0, 0.0))
    turned = dataclasses.replace(upright, quaternion=(HALF, 0.3, -0.4, 0.5))
    wanted = vertices(upright.solid()) @ rotation(turned.quaternion).T
    assert vertices(turned.solid()) == pytest.approx(wanted, abs=1e-9)


@each_solid_kind
def test_the_origin_of_its_own_frame_lies_within_the_box_of_a_flaw(name):
    for seed in range(4):
        box = np.array(dataclasses.replace(example(name, seed), centre_mm=(0.0, 0.0, 0.0)).solid().bounding_box())
        assert np.all(box[:3] < 0)
        assert np.all(box[3:] > 0)


@pytest.mark.parametrize("name", [name for name in SOLID if KINDS[name].at_surface])
def test_a_flaw_that_opens_to_the_surface_reaches_at_least_a_tenth_of_its_depth_above_it(name):
    for seed in range(4):
        flaw = example(name, seed)
        assert flaw.quaternion == (1.0, 0.0, 0.0, 0.0)
        box = flaw.solid().bounding_box()
        assert box[2] < 0
        assert box[5] >= -0.1 * box[2] * (1 - 1e-2)


@each_solid_kind
def test_twice_the_lengths_are_eight_times_the_volume(name):
    flaw = grown(placed(name), 1.0)
    assert grown(flaw, 2.0).solid().volume() == pytest.approx(8 * flaw.solid().volume(), rel=1e-6)


@each_kind
def test_a_flaw_survives_json(name):
    flaw = example(name)
    written = json.loads(json.dumps(kinds.to_json(flaw)))
    assert next(iter(written)) == "kind"
    assert written["kind"] == name
    assert kinds.from_json(written) == flaw


@each_kind
def test_a_flaw_survives_repr(name):
    flaw = example(name)
    assert eval(repr(flaw), {type(flaw).__name__: type(flaw)}) == flaw


@each_solid_kind
def test_the_same_record_is_the_same_solid_to_the_bit(name):
    one = placed(name)
    other = kinds.from_json(json.loads(json.dumps(kinds.to_json(one))))
    example(name, 99).solid()
    assert vertices(one.solid()).tobytes() == vertices(other.solid()).tobytes()
    assert one.solid().to_mesh64().tri_verts.tobytes() == other.solid().to_mesh64().tri_verts.tobytes()


@each_kind
def test_a_flaw_is_frozen_and_can_be_a_key(name):
    flaw = example(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(flaw, dataclasses.fields(flaw)[0].name, None)
    assert {flaw: 1}[example(name)] == 1


@pytest.mark.parametrize(("name", "field"), NUMBERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_size_that_is_no_positive_number_is_refused_by_name(name, field, bad):
    with pytest.raises(BadInput, match=f"{field} must be a finite number above 0, got {bad}"):
        dataclasses.replace(example(name), **{field: bad})


WHOLE = [
    (name, field.name)
    for name in SOLID
    for field in dataclasses.fields(KINDS[name].record)
    if field.name in ("seed", "branches")
]


@pytest.mark.parametrize(("name", "field"), WHOLE)
def test_a_seed_or_a_count_below_0_is_refused_by_name(name, field):
    with pytest.raises(BadInput, match=f"{field} must be a whole number of at least 0, got -1"):
        dataclasses.replace(example(name), **{field: -1})


@each_solid_kind
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
    if all(example(name, seed) == example(name, 5) for seed in range(6, 16)):
        # only a kind that draws nothing of its own gives the same for all
        rng = np.random.default_rng(5)
        KINDS[name].sample(rng, **asked(name))
        assert rng.bit_generator.state == np.random.default_rng(5).bit_generator.state


@each_kind
def test_the_list_and_the_sampler_agree_on_parameters_and_defaults(name):
    signature = inspect.signature(KINDS[name].sample).parameters
    assert next(iter(signature)) == "rng"
    told = {n: None if p.default is p.empty else p.default for n, p in signature.items() if n not in ("rng", "bodies")}
    assert told == {n: p.default for n, p in KINDS[name].parameters.items()}
    assert all(signature[n].kind is inspect.Parameter.KEYWORD_ONLY for n in told)


@each_solid_kind
def test_the_least_value_that_the_list_allows_is_one_that_the_record_takes(name):
    for parameter, bounds in KINDS[name].parameters.items():
        if not bounds.text and not bounds.open_below:
            flaw = KINDS[name].sample(np.random.default_rng(0), **{**asked(name), parameter: bounds.lowest})
            assert flaw.solid().volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


@each_kind
def test_a_kind_says_where_it_comes_from_and_who_names_it(name):
    kind = KINDS[name]
    assert kind.name == name
    assert kind.family in ("casting", "additive", "weld", "composite", "any", "part")
    assert kind.reference
    assert all(parameter.help for parameter in kind.parameters.values())
