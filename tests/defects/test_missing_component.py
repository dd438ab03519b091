"""One body is gone, its place is the flaw, and any body but the host may be it."""

import numpy as np
import pytest
from manifold3d import Manifold
from scipy import stats

from defects.messages import BadInput
from defects.missing_component import MissingComponent, sample

SOLIDS = {name: Manifold.cube((1.0, 1.0, 1.0)).translate((2.0 * i, 0.0, 0.0)) for i, name in enumerate("abcd")}
BODIES = tuple(SOLIDS)


def test_what_is_missing_is_the_flaw_and_all_else_stays():
    changed = MissingComponent(body="c").changed(SOLIDS)
    assert list(changed.solids) == ["a", "b", "d"]
    assert all(changed.solids[name] is SOLIDS[name] for name in changed.solids)
    assert changed.region is SOLIDS["c"]
    assert changed.filled is None
    assert set(SOLIDS) == {"a", "b", "c", "d"}


def test_any_body_but_the_host_is_missing_with_equal_chance():
    rng = np.random.default_rng(1)
    drawn = [sample(rng, bodies=BODIES).body for _ in range(3000)]
    assert set(drawn) == {"b", "c", "d"}
    assert stats.chisquare([drawn.count(name) for name in "bcd"]).pvalue > 0.01


def test_a_body_that_is_named_is_the_one():
    assert sample(np.random.default_rng(2), bodies=BODIES, body="b") == MissingComponent(body="b")


def test_where_no_body_is_left_beside_the_host_none_is_missing_and_nothing_is_drawn():
    rng = np.random.default_rng(5)
    left, taken = BODIES, []
    while (flaw := sample(rng, bodies=left)) is not None:
        taken.append(flaw.body)
        left = tuple(name for name in left if name != flaw.body)
    assert (left, sorted(taken)) == (("a",), ["b", "c", "d"])
    before = rng.bit_generator.state
    assert sample(rng, bodies=("a",)) is None
    assert rng.bit_generator.state == before


@pytest.mark.parametrize(
    ("bodies", "body", "text"),
    [
        (BODIES, "a", "body 'a' is the host.*; use b or c or d or any"),
        (("a",), "a", "body 'a' is the host.*; use any"),
        (("a",), "b", r"unknown body 'b'.*\(known: any\)"),
        (("plate", "pin"), "pim", r"unknown body 'pim'; did you mean 'pin'\?"),
    ],
)
def test_a_body_that_cannot_be_missing_is_refused(bodies, body, text):
    with pytest.raises(BadInput, match=text):
        sample(np.random.default_rng(3), bodies=bodies, body=body)


def test_a_record_names_one_body_and_that_one_must_be_there():
    for name in ("any", ""):
        with pytest.raises(BadInput, match="body must be the name of one body"):
            MissingComponent(body=name)
    with pytest.raises(BadInput, match="unknown body 'e'"):
        MissingComponent(body="e").changed(SOLIDS)
