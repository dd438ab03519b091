"""JSON is what it is, and what it is not is said with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defects.messages import BadInput
from scenes.json_file import DEEPEST, LARGEST, json_of, read_json

NUMBERS = st.integers(-(10**59), 10**59) | st.floats(-LARGEST, LARGEST)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_is_written_is_read(value):
    assert json_of(json.dumps(value).encode()) == value


def test_so_many_levels_and_no_more():
    assert json_of(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(ValueError, match="expected 100 levels at most"):
        json_of(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("NaN", "finite number, got nan"),
        ("1e999", "finite number, got inf"),
        ("-1e61", "within -1e+60 to 1e+60, got -1e"),
    ],
)
def test_a_number_that_is_none_is_told_with_its_place(tmp_path, number, says):
    (tmp_path / "a.json").write_text(f'{{"a": [1, {{"b": {number}}}]}}')
    with pytest.raises(BadInput, match=r"a\[1\]\.b must ") as caught:
        read_json(tmp_path / "a.json")
    assert says in str(caught.value)
