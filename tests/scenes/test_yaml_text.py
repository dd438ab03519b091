"""Numbers in YAML are numbers, and everything else stays what it was."""

import pytest
import yaml

from scenes.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e6", 1e6), ("1.0e6", 1e6), ("-2.5E-3", -2.5e-3), ("+.5e1", 5.0), ("1.0e+6", 1e6), ("3.", 3.0)],
)
def test_a_number_with_an_exponent_is_a_number(text, number):
    assert read_yaml(f"a: [{text}]") == {"a": [number]}


@pytest.mark.parametrize("text", ["e6", "1e", "1e6mm", "'1e6'", "1.2.3e4", "0x1e", "12e"])
def test_what_is_no_number_is_read_as_before(text):
    assert read_yaml(f"a: {text}") == yaml.safe_load(f"a: {text}")


@pytest.mark.parametrize("text", [2000 * "[" + 2000 * "]", 5000 * "1", "2026-02-30"])
def test_what_cannot_be_read_is_no_yaml_and_no_crash(text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


def test_a_key_that_stands_twice_is_refused_wherever_it_is():
    with pytest.raises(yaml.YAMLError, match="the key name stands twice"):
        read_yaml("name: a\nparts: []\nname: b")
    with pytest.raises(yaml.YAMLError, match="the key kv stands twice"):
        read_yaml("scan: [{kv: 1, ma: 2, kv: 3}]")


def test_nothing_is_made_but_plain_values():
    with pytest.raises(yaml.YAMLError):
        read_yaml("a: !!python/object/apply:os.getcwd []")
