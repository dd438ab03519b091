"""Values of a scenario: units, drifts, and the book of what was read."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ctsim.scenario.units import DEG, DEG_PER_S, G_PER_CM3, KV, MA, MM, PER_KEV, PER_MM, S
from ctsim.scenario.values import Book, Node, read_table, unused
from defects.messages import BadInput
from scenes.json_file import read_json


def node(value, folder: Path = Path()) -> Node:
    """Return a place `x` of a file that holds nothing else."""
    return Node({"x": value}, "", Book(file=folder / "scene.json"))["x"]


@pytest.mark.parametrize(
    ("units", "given", "ours"),
    [
        (MM, (3, "um"), 0.003), (MM, (3, "nm"), 3e-6), (MM, (3, "m"), 3000), (MM, (3, "dm"), 300), (MM, (3, "cm"), 30),
        (DEG, (math.pi, "rad"), 180), (DEG, (5, "deg"), 5), (S, (50, "ms"), 0.05), (S, (2, "min"), 120),
        (S, (2, "h"), 7200), (KV, (130_000, "V"), 130), (KV, (0.2, "MV"), 200), (MA, (143, "uA"), 0.143),
        (MA, (0.002, "A"), 2), (G_PER_CM3, (8860, "kg/m^3"), 8.86), (DEG_PER_S, (360, "deg/h"), 0.1),
        (DEG_PER_S, (math.pi, "rad/min"), 3), (PER_MM, (10, "lp/cm"), 1), (PER_MM, (5000, "lp/m"), 5),
        (PER_KEV, (1 / 1.602176634e-16, "1/J"), 1),
    ],
)  # fmt: skip
def test_units_become_ours(units, given, ours):
    number, unit = given
    assert node({"value": number, "unit": unit}).steady(units) == pytest.approx(ours, rel=1e-12)


def test_drifts_are_offsets_with_straight_lines_between_them_and_add_up():
    drifts = [
        {"value": [0, 1000, 0], "unit": "um"},
        {"value": [0.5], "known_to_reconstruction": False},  # its unit is the value's
        {"value": [0, 4]},
    ]
    number = node({"value": 10, "unit": "mm", "drifts": drifts}).parameter(MM)
    frames = np.arange(5.0)
    np.testing.assert_allclose(number.at(frames, 5), 10 + np.array([0, 0.5, 1, 0.5, 0]) + 0.5 + frames)
    np.testing.assert_allclose(number.at(frames, 5, known=True), 10 + np.array([0, 0.5, 1, 0.5, 0]) + frames)
    np.testing.assert_allclose(number.at(np.array([1.5]), 5), 10 + 0.75 + 0.5 + 1.5)


def test_a_drift_is_read_from_a_file_of_one_column(tmp_path):
    (tmp_path / "motion.csv").write_text("offset\n0\n2\n6\n")
    number = node({"value": 1, "unit": "cm", "drifts": [{"file": "motion.csv", "unit": "mm"}]}, tmp_path).parameter(MM)
    np.testing.assert_allclose(number.at(np.arange(3.0), 3), [10, 12, 16])


def test_one_frame_has_the_first_offset():
    number = node({"value": 1, "drifts": [{"value": [2, 8]}]}).parameter()
    assert number.at(np.zeros(1), 1).tolist() == [3]


def test_what_does_not_drift_here_stays_at_its_first_value_and_that_is_told():
    place = node({"value": 5, "unit": "kV", "drifts": {"value": [1, 2]}})
    assert place.steady(KV) == 6
    assert [(told.path, told.value) for told in place.book.told] == [("x.drifts", {"value": [1, 2]})]
    still = node({"value": 5, "unit": "kV", "drifts": [{"value": [1, 1]}]})
    assert still.steady(KV) == 6
    assert not still.book.told


def test_a_table_of_texts_gives_its_first():
    place = node({"value": "a.stl", "drifts": [{"value": ["b.stl", "c.stl"]}]})
    assert place.text() == "b.stl"
    assert [told.path for told in place.book.told] == ["x.drifts[0]"]


def test_every_key_that_is_not_read_is_found_in_the_largest_whole_pieces():
    values = {
        "a": {"value": 1, "unti": "mm", "uncertainty": {"value": 2}},
        "b": {"c": {"d": 1, "e": [2, 3]}},
        "f": [{"g": 1, "h": None, "comment": "said"}, {"g": 2}],
        "comment": "free",
    }
    root = Node(values, "", Book(file=Path("s.json")))
    assert root["a"].steady() == 1
    assert [item["g"].whole() for item in root["f"].items()][:1] == [1]
    root.book.used.discard("f[1].g")
    assert [(told.path, told.value) for told in unused(root.book, values)] == [
        ("a.unti", "mm"), ("b", {"c": {"d": 1, "e": [2, 3]}}), ("f[1]", {"g": 2}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"value": "3", "unit": "mm"}, "x must be a number without quotes, got"),
        ({"value": True, "unit": "mm"}, "x must be a number without quotes"),
        ({"value": 3, "unit": "inch"}, "the unit of x must be one of nm, um, mm, cm, dm, m, got 'inch'"),
        ({"value": 3}, "x has no unit; give one of nm"),
        ({"value": 3, "unit": "mm", "drifts": [{"value": [1, "2"]}]}, "must be a number without quotes"),
        ({"value": 3, "unit": ["mm"]}, "x.unit must be a text in quotes"),
        ({"value": 3, "unit": "mm", "drifts": 4}, "x.drifts must be a list"),
        ({"value": 3, "unit": "mm", "drifts": [{"file": "none.csv"}]}, "none.csv cannot be read"),
    ],
)
def test_what_is_no_length_is_refused_with_its_place(value, says):
    with pytest.raises(BadInput, match=says):
        node(value).parameter(MM)


def test_numbers_beyond_all_sense_are_refused_and_what_rounding_leaves_is_nothing():
    with pytest.raises(BadInput, match="x must lie within -1e\\+15 to 1e\\+15"):
        node({"value": 1e14, "unit": "m"}).steady(MM)
    assert node({"value": 6.1e-17, "unit": "mm"}).steady(MM) == 0


def test_nothing_needs_no_unit():
    assert node({"value": 0}).steady(MM) == 0
    assert node({"value": None, "unit": "furlong"}).steady(MM) is None
    assert node(None).steady(MM) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": [1, NaN]}', r"a\[1\] must be a finite number, got nan"), ('{"a": 1e999}', "a must be a finite number"),
        ('{"a": ', "not readable as JSON"), ("[" * 100_000, "nested too deeply"), ("\udcff", "not readable as JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(tmp_path, text, says):
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=says):
        read_json(path)


def test_tables_may_be_parted_by_commas_or_tabs_and_have_a_heading(tmp_path):
    for separator in (",", "\t", " ; "):
        path = tmp_path / "table.csv"
        path.write_text(
            separator.join(["keV", "photons"]) + "\n# by hand\n" + separator.join(["1", "2e3"]) + "\n\n3\t4\t5"
        )
        assert read_table(path, 2).tolist() == [[1, 2000], [3, 4]]


@pytest.mark.parametrize(("text", "says"), [("1\t2\nthree\t4", "line 2"), ("1\n2", "no row of 2"), ("1 nan", "no row")])
def test_tables_without_numbers_are_refused(tmp_path, text, says):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(BadInput, match=says):
        read_table(tmp_path / "table.csv", 2)


def test_a_text_that_is_none_of_the_words_names_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'continuous'"):
        node("continous").text(("stop+go", "continuous"))


def test_what_is_told_is_said_in_one_line():
    place = node({"value": list(range(100))})
    place.tell("is not done")
    assert str(place.book.told[0]).startswith("x: is not done (given: {")
    assert len(str(place.book.told[0])) < 100
    assert json.dumps(place.book.told[0].value)
