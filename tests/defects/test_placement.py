"""Words under place: become the placement they say, or are refused with what was wanted and what was got."""

import math

import pytest

from defects.messages import BadInput
from defects.placement import Placement, placement_of

LINE = [[0, 0, 0], [1, 2, 3]]


def said(place, number=lambda value: value, **common) -> Placement:
    return placement_of(place, number, **common)


@pytest.mark.parametrize(
    ("place", "placement"),
    [
        ("volume", Placement()),
        ("surface", Placement(on_surface=True)),
        ({"wall_depth_mm": 2.0}, Placement(wall_depth_mm=2.0)),
        ({"thickest": 0.2}, Placement(thickest=0.2)),
        ({"layer_mm": 0.05}, Placement(layer_mm=0.05, normal=(0.0, 0.0, 1.0))),
        ({"layer_mm": 1, "normal": [1, 0, 1]}, Placement(layer_mm=1, normal=(1, 0, 1))),
        ({"along_mm": LINE}, Placement(along_mm=((0, 0, 0), (1, 2, 3)))),
        ({"along_mm": LINE, "off_mm": 0.5}, Placement(along_mm=((0, 0, 0), (1, 2, 3)), off_mm=0.5)),
        ({"clusters": 2, "spread_mm": 3}, Placement(clusters=2, spread_mm=3)),
    ],
    ids=str,
)
def test_words_say_where(place, placement):
    assert said(place) == placement


def test_draws_are_made_where_they_stand_and_nowhere_else():
    assert said({"wall_depth_mm": [1, 2]}, lambda value: sum(value)).wall_depth_mm == 3
    assert said({"along_mm": LINE, "off_mm": [0, 4]}, max).off_mm == 4


def test_the_other_fields_are_kept():
    common = {"wall_mm": 1.0, "gap_mm": 2.0, "breaks_surface": True, "on_surface": True}
    assert said("volume", **common) == Placement(**common)
    assert said({"along_mm": LINE}, **common).on_surface


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("surfase", "unknown place 'surfase'; did you mean 'surface'"),
        ("thickest", "place must be volume, surface, or one of wall_depth_mm, thickest"),
        (3, "place must be volume, surface, or one of"),
        ({}, "place needs one of wall_depth_mm, thickest, layer_mm, along_mm, clusters, got none of them"),
        ({"thikest": 0.2}, "unknown word under place 'thikest'; did you mean 'thickest'"),
        ({"thickest": 0.2, "clusters": 2}, "place needs one of"),
        ({"thickest": 0.2, "spread_mm": 2}, "spread_mm means nothing beside thickest; leave it out"),
        ({"off_mm": 2}, "place needs one of"),
        ({"thickest": None}, "thickest needs a value"),
        ({"thickest": 20}, "thickest must be a share above 0 and at most 1, got 20"),
        ({"thickest": 0}, "thickest must be a share above 0 and at most 1, got 0"),
        ({"thickest": True}, "thickest must be a share"),
        ({"layer_mm": 0}, "layer_mm must be a finite number above 0, got 0"),
        ({"layer_mm": "thin"}, "layer_mm must be a finite number above 0, got 'thin'"),
        ({"layer_mm": 1, "normal": [0, 0, 0]}, "normal must be 3 finite numbers that are not all 0"),
        ({"layer_mm": 1, "normal": [0, 1]}, "normal must be 3 finite numbers"),
        ({"layer_mm": 1, "normal": [0, 0, math.nan]}, "normal must be 3 finite numbers"),
        ({"along_mm": []}, "along_mm must list two points or more"),
        ({"along_mm": [[0, 0, 0]]}, "along_mm must list two points or more"),
        ({"along_mm": [[0, 0, 0], [0, 0, 0]]}, "along_mm must list two points or more, each apart from the next"),
        ({"along_mm": [[0, 0], [1, 1]]}, "along_mm must list points [x, y, z] of finite numbers"),
        ({"along_mm": 3}, "along_mm must list points"),
        ({"along_mm": LINE, "off_mm": -1}, "off_mm must be a finite number of at least 0, got -1"),
        ({"clusters": 2}, "clusters and spread_mm go together"),
        ({"clusters": 0, "spread_mm": 3}, "clusters must be a whole number of at least 1, got 0"),
        ({"clusters": 1.5, "spread_mm": 3}, "clusters must be a whole number of at least 1, got 1.5"),
        ({"clusters": 2, "spread_mm": 0}, "spread_mm must be a finite number above 0, got 0"),
        ({"wall_depth_mm": 0}, "wall_depth_mm must be a finite number above 0, got 0"),
    ],
    ids=str,
)
def test_words_that_make_no_sense_are_refused(place, text):
    with pytest.raises(BadInput) as caught:
        said(place)
    assert str(caught.value).startswith(text)


def test_a_flaw_has_one_way_to_be_placed():
    with pytest.raises(BadInput, match="a flaw is placed in one way, got wall_depth_mm and thickest"):
        Placement(wall_depth_mm=1.0, thickest=0.5)
    with pytest.raises(BadInput, match="got thickest and on_surface"):
        Placement(thickest=0.5, on_surface=True)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["wall_mm", "gap_mm"])
def test_distances_to_keep_are_at_least_zero(name, bad):
    with pytest.raises(BadInput, match=f"{name} must be a finite number of at least 0"):
        Placement(**{name: bad})
