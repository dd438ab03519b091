"""Messages name what was expected, what was got and what is near."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defects.messages import BadInput, require_place, require_positive, require_whole, unknown


def test_an_unknown_name_is_answered_with_near_ones_and_with_all():
    text = str(unknown("material", "aluminum", ["Al", "aluminium", "steel"]))
    assert text == "unknown material 'aluminum'; did you mean 'aluminium'? (known: Al, aluminium, steel)"


def test_upper_and_lower_case_are_near():
    assert "did you mean 'Al2O3'?" in str(unknown("material", "AL2o3", ["Al2O3", "W"]))


def test_two_equally_near_names_are_both_offered():
    assert "did you mean 'rows' or 'row'?" in str(unknown("key", "rowss", ["row", "rows", "pixel_mm"]))


def test_nothing_is_offered_where_nothing_is_near():
    assert str(unknown("key", "zzz", ["rows"])) == "unknown key 'zzz' (known: rows)"


def test_bad_input_is_a_value_error_so_that_pydantic_keeps_its_text():
    assert issubclass(BadInput, ValueError)


@given(value=st.floats(allow_nan=True, allow_infinity=True))
def test_positive_is_above_zero_and_finite_and_nothing_else(value):
    if value > 0 and math.isfinite(value):
        require_positive(radius_mm=value)
    else:
        with pytest.raises(BadInput, match="radius_mm must be a finite number above 0, got"):
            require_positive(radius_mm=value)


def test_the_value_that_is_wrong_is_named_among_those_that_are_right():
    with pytest.raises(BadInput, match=r"^width_mm .* got -2\.0$"):
        require_positive(length_mm=1.0, width_mm=-2.0)


@pytest.mark.parametrize(
    ("centre_mm", "quaternion", "text"),
    [
        ((math.nan, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), "centre_mm must be 3 finite numbers"),
        ((0.0, 0.0), (1.0, 0.0, 0.0, 0.0), "centre_mm must be 3 finite numbers"),
        ((0.0, 0.0, 0.0), (1.0, 0.0, math.inf, 0.0), "quaternion must be 4 finite numbers"),
        ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), "quaternion must be 4 finite numbers"),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0), "quaternion must not be all zeros"),
    ],
)
def test_a_place_is_three_finite_numbers_and_a_turn_is_one(centre_mm, quaternion, text):
    with pytest.raises(BadInput, match=text):
        require_place(centre_mm, quaternion)


@pytest.mark.parametrize("value", [-1, 1.0, 2.5, True, "1", None, math.nan])
def test_a_whole_number_is_an_int_from_zero_on_and_nothing_else(value):
    require_whole(seed=0, branches=2**40)
    with pytest.raises(BadInput, match=f"seed must be a whole number of at least 0, got {value!r}"):
        require_whole(branches=1, seed=value)
