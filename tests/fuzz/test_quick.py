"""Each reader, a hundred files made wrong at random: read or refused, nothing else. More: `python -m tests.fuzz`."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.cell import READ, REFUSED, judged, outcome
from tests.fuzz.readers import READERS


@pytest.mark.parametrize("name", READERS)
def test_what_every_change_starts_from_is_read(tmp_path, name):
    reader = READERS[name]
    if name == "step":
        pytest.importorskip("cascadio")
    reader.beside(tmp_path)
    for seed in reader.seeds():
        (tmp_path / reader.file).write_bytes(seed)
        assert judged(reader.read, tmp_path / reader.file) == READ


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_read_is_read_or_refused(tmp_path_factory, name):
    reader, folder = READERS[name], tmp_path_factory.mktemp(name)
    if name == "step":
        pytest.importorskip("cascadio")
    reader.beside(folder)
    seeds = reader.seeds()

    @settings(max_examples=reader.quick)
    @given(st.integers(0, 1 << 32))
    def holds(number):
        rng = Random(number)
        (folder / reader.file).write_bytes(reader.others(rng.choice(seeds), rng))
        assert judged(reader.read, folder / reader.file).partition(":")[0] in (READ, REFUSED)

    holds()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of newer Pythons, where threads run
def test_whatever_else_happens_is_told(tmp_path):
    """The process of its own tells of what ends it, of a bound on memory, and of any error."""

    def memory(path):
        return bytes(1 << 40)

    def error(path):
        raise KeyError("a")

    assert outcome(memory, tmp_path).startswith("raised: ")
    assert "MemoryError" in outcome(memory, tmp_path)
    assert "KeyError: 'a'" in outcome(error, tmp_path)
    assert outcome(lambda path: json.loads("[1]"), tmp_path) == READ
