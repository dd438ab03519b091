"""Sizes of a severity are those that a level of ISO 5817 permits and the next better one does not."""

import math
from itertools import pairwise

import numpy as np
import pytest

from defects.kinds import KINDS
from defects.messages import BadInput
from defects.severity import LEVELS, NEVER, SHORT_MM, TABLE, rule_of

# ISO 5817:2014, Table 1, in mm at B, C and D for a thickness t; 0 where a level permits none
PUBLISHED = {
    "undercut": lambda t: (
        (0.0, 0.1 * t, 0.2 * t) if t <= 3 else (min(0.05 * t, 0.5), min(0.1 * t, 0.5), min(0.2 * t, 1.0))
    ),
    "incomplete_penetration": lambda t: (0.0, 0.0, min(0.2 * t, 2.0)),
    "gas_pore": lambda t: (min(0.2 * t, 3.0), min(0.3 * t, 4.0), min(0.4 * t, 5.0)),
    "inclusion_light": lambda t: (min(0.2 * t, 2.0), min(0.3 * t, 3.0), min(0.4 * t, 4.0)),
    "inclusion_dense": lambda t: (min(0.2 * t, 2.0), min(0.3 * t, 3.0), min(0.4 * t, 4.0)),
}
SIZES = {"length_mm": 20.0, "width_mm": 1.0}
each_kind = pytest.mark.parametrize("kind", PUBLISHED)
each_thickness = pytest.mark.parametrize("thickness_mm", [0.5, 1.0, 3.0, 3.01, 8.0, 10.0, 15.0, 40.0])


@each_kind
@each_thickness
def test_limits_are_those_of_the_standard(kind, thickness_mm):
    limits = rule_of(kind, thickness_mm).limits_mm(thickness_mm)
    assert limits == pytest.approx(PUBLISHED[kind](thickness_mm))


def test_the_table_holds_no_other_kind():
    assert {rule.kind for rule in TABLE} == set(PUBLISHED)


@each_kind
@each_thickness
def test_a_flaw_obeys_its_level_and_violates_the_better_one(kind, thickness_mm):
    rng, limits = np.random.default_rng(1), (0.0, *PUBLISHED[kind](thickness_mm), math.inf)
    rule = rule_of(kind, thickness_mm)
    for place, level in enumerate((*LEVELS, "rejected")):
        better, limit = limits[place], limits[place + 1]
        if better == pytest.approx(limit):
            with pytest.raises(BadInput, match=f"level {level} of ISO 5817 permits"):
                rule.range_mm(level, thickness_mm)
            continue
        for _ in range(20):
            asked = rule.parameters(level, thickness_mm)
            size_mm = rng.uniform(*asked[rule.parameter])
            assert better < size_mm <= limit + 1e-9
            given = {name: value for name, value in SIZES.items() if name in KINDS[kind].parameters}
            flaw = KINDS[kind].sample(rng, **{**given, **asked, rule.parameter: size_mm})
            assert largest_mm(flaw, kind) == pytest.approx(size_mm, rel=0.02)  # facets stand out by as much


def largest_mm(flaw, kind: str) -> float:
    """Return what the standard measures: how deep it is below the surface, or its largest size."""
    box = np.array(flaw.solid().bounding_box())
    return -box[2] if KINDS[kind].at_surface else float((box[3:] - box[:3]).max())


@each_kind
def test_levels_follow_each_other_without_a_gap(kind):
    rule = rule_of(kind, 8.0)
    ranges = [rule.range_mm(level, 8.0) for level in LEVELS if rule.limits_mm(8.0)[LEVELS.index(level)]]
    ranges.append(rule.range_mm("rejected", 8.0))
    assert ranges[0][0] == pytest.approx(0.2 * ranges[0][1])
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert ranges[-1][1] == pytest.approx(1.5 * ranges[-1][0])


@pytest.mark.parametrize(
    ("kind", "level", "thickness_mm", "text"),
    [
        ("undercut", "B", 3.0, "undercut at 3 mm level B of ISO 5817 permits none; use C, D or rejected"),
        ("undercut", "C", 10.0, "permits as much as the better one, 0.5 mm; use B, D or rejected"),
        ("incomplete_penetration", "C", 8.0, "level C of ISO 5817 permits none; use D or rejected"),
        ("gas_pore", "A", 8.0, r"unknown level 'A'.*\(known: B, C, D, rejected\)"),
        ("gas_pore", "B", 0.49, "thickness_mm must be at least 0.5, as ISO 5817 has it, got 0.49"),
        ("crack", "D", 8.0, "no level of ISO 5817 permits a crack, whatever its size"),
        (
            "warp",
            "D",
            8.0,
            "no table for warp.*one of undercut, incomplete_penetration, gas_pore, inclusion_light",
        ),
    ],
)
def test_what_no_table_tells_is_refused(kind, level, thickness_mm, text):
    with pytest.raises(BadInput, match=text):
        rule_of(kind, thickness_mm).range_mm(level, thickness_mm)


def test_rows_speak_of_what_the_kinds_have():
    for rule in TABLE:
        known = KINDS[rule.kind].parameters
        assert {rule.parameter, *rule.fixed} <= set(known)
        assert all(level in LEVELS for level in rule.short)
        assert "length_mm" in known if rule.short else True
        assert rule.inside != KINDS[rule.kind].at_surface
    assert set(NEVER) <= set(KINDS)
    assert SHORT_MM == 25
