"""A wrong body keeps clear of its neighbours; scaled, turned and shifted it is as far off as it says."""

import math

import numpy as np
import pytest
from manifold3d import Error, Manifold
from scipy import stats

from defects.messages import BadInput
from defects.shapes import rotation
from defects.wrong_component import WrongComponent, sample
from tests.defects.measure import centroid

WALL = Manifold.cube((10.0, 10.0, 1.0), True).translate((0.0, 0.0, -1.5))
CUBE = Manifold.cube((2.0, 2.0, 2.0), True)
"""Stands on the wall."""
SOLIDS = {"wall": WALL, "cube": CUBE}
BODIES = ("wall", "cube")


def region(**changes):
    return WrongComponent(body="cube", **changes).changed(SOLIDS).region


def test_another_material_changes_nothing_else():
    changed = WrongComponent(body="cube", material="Cu").changed(SOLIDS)
    assert (list(changed.solids), changed.filled) == (["wall"], "Cu")
    assert changed.region.volume() == pytest.approx(8)
    assert WrongComponent(body="cube", scale=0.9).changed(SOLIDS).filled == ""


def test_a_scale_works_on_lengths_about_the_middle_of_the_box():
    small = region(scale=0.5)
    assert small.volume() == pytest.approx(1)
    assert centroid(small) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_body_moves_as_far_as_it_is_shifted():
    assert centroid(region(shift_mm=(0.3, -0.2, 0.5))) == pytest.approx((0.3, -0.2, 0.5))


def test_a_body_that_would_enter_its_neighbour_ends_there():
    sunk = region(shift_mm=(0.0, 0.0, -0.25))
    assert sunk.status() == Error.NoError
    assert sunk.volume() == pytest.approx(2 * 2 * 1.75)
    assert (sunk ^ WALL).volume() == pytest.approx(0, abs=1e-9)
    large = region(scale=1.5)  # 3 mm, of which half a millimetre would be in the wall
    assert large.volume() == pytest.approx(3 * 3 * 2.5)


def test_a_turn_is_about_the_middle():
    turned = region(quaternion=(math.cos(math.pi / 8), 0.0, 0.0, math.sin(math.pi / 8)))
    assert turned.bounding_box()[3] == pytest.approx(math.sqrt(2))
    assert turned.volume() == pytest.approx(8)


def test_shifts_and_axes_point_anywhere_and_are_as_large_as_asked():
    rng = np.random.default_rng(1)
    drawn = [sample(rng, bodies=BODIES, turn_deg=20.0, shift_mm=0.5) for _ in range(1500)]
    ways = np.array([flaw.shift_mm for flaw in drawn]) / 0.5
    axes = np.array([flaw.quaternion[1:] for flaw in drawn]) / math.sin(math.radians(10))
    for vectors in (ways, axes):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(1500))
        for axis in range(3):
            assert stats.kstest(vectors[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01
    matrix = rotation(drawn[0].quaternion)
    assert math.degrees(math.acos((np.trace(matrix) - 1) / 2)) == pytest.approx(20)


def test_any_body_but_the_host_is_wrong_with_equal_chance():
    rng = np.random.default_rng(2)
    drawn = [sample(rng, bodies=("a", "b", "c"), material="Cu").body for _ in range(2000)]
    assert stats.chisquare([drawn.count("b"), drawn.count("c")]).pvalue > 0.01


def test_where_no_body_is_left_beside_the_host_none_is_wrong():
    rng = np.random.default_rng(6)
    before = rng.bit_generator.state
    assert sample(rng, bodies=("wall",), material="Cu", turn_deg=20.0) is None
    assert rng.bit_generator.state == before
    with pytest.raises(BadInput, match="unknown body 'cube'"):
        sample(rng, bodies=("wall",), body="cube", material="Cu")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "must differ from the right one"),
        ({"scale": 0.0}, "scale must be a finite number above 0"),
        ({"shift_mm": (math.inf, 0.0, 0.0)}, "shift_mm must be 3 finite numbers"),
        ({"quaternion": (0.0, 0.0, 0.0, 0.0)}, "quaternion must not be all zeros"),
        ({"body": "any", "scale": 2.0}, "body must be the name of one body"),
    ],
)
def test_what_is_not_wrong_or_no_change_is_refused(change, text):
    with pytest.raises(BadInput, match=text):
        WrongComponent(**{"body": "cube", **change})


def test_a_body_that_is_not_there_or_wholly_inside_another_is_refused():
    with pytest.raises(BadInput, match="unknown body 'cub'; did you mean 'cube'"):
        WrongComponent(body="cub", scale=2.0).changed(SOLIDS)
    with pytest.raises(BadInput, match="nothing of body 'cube' is left"):
        WrongComponent(body="cube", scale=0.1, shift_mm=(0.0, 0.0, -1.5)).changed(SOLIDS)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"material": "Cu"}, True),
        ({"material": "Fe"}, False),
        ({"material": "Fe", "scale": 0.9}, True),
        ({"shift_mm": (0.0, 0.0, 0.1)}, True),
        ({"quaternion": (0.5, 0.5, 0.5, 0.5)}, True),
    ],
)
def test_it_differs_from_the_right_one_by_its_material_or_by_how_it_lies(changes, differs):
    assert WrongComponent(body="pin", **changes).differs_from("Fe") == differs
