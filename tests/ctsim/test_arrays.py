"""Where arrays lie, and what is said where no card is."""

import dataclasses
import importlib.util
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from ctsim import arrays, doctor
from ctsim.radiograph import backend_of
from defects.messages import BadInput
from tests.bench import gpu


@pytest.fixture
def no_card(monkeypatch):
    """No driver of a card, whatever this machine has."""
    monkeypatch.setattr(arrays, "SIMULATED", False)
    monkeypatch.setattr(arrays, "has_driver", lambda: False)
    monkeypatch.setattr(doctor, "has_driver", lambda: False)
    arrays.missing.cache_clear()
    yield
    arrays.missing.cache_clear()


def test_where_no_card_is_one_message_says_what_to_do(no_card):
    words = r"no NVIDIA card here.*pip install 'ctsim\[gpu\]'; or choose backend: mesh"
    with pytest.raises(BadInput, match=words):
        backend_of("mesh-gpu")


def test_what_drives_a_card_is_named_where_it_is_missing(no_card, monkeypatch):
    monkeypatch.setattr(arrays, "has_driver", lambda: True)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cupy" else found("numpy"))
    with pytest.raises(BadInput, match=r"driven by cupy, not installed: pip install 'ctsim\[gpu\]'"):
        backend_of("mesh-gpu")


def test_the_doctor_names_the_card_first(no_card):
    found = doctor.examine()["extras"]["gpu"]
    assert found["missing"] == ["an NVIDIA card"]
    assert "pip install 'ctsim[gpu]'" in found["install"]


def test_the_bench_program_says_so_and_fails(no_card):
    with pytest.raises(SystemExit, match="no figures of a card: there is no NVIDIA card"):
        gpu.main()


def test_without_a_card_nothing_that_drives_one_is_imported():
    program = (
        "import sys, ctsim.radiograph, ctsim.pipeline, ctsim.cli\n"
        "unwanted = 'cupy', 'numba.cuda.', 'ctsim.gpu', 'ctsim.backends.mesh_gpu'\n"
        "print([m for m in sys.modules if m.startswith(unwanted)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Pair(NamedTuple):
    one: np.ndarray
    other: int


@dataclasses.dataclass(frozen=True)
class Held:
    pair: Pair
    name: str
    nothing: None = None


def test_records_are_moved_with_all_that_they_hold(monkeypatch):
    class Elsewhere(np.ndarray):
        """What stands for a card's memory."""

    card = type("card", (), {"asarray": staticmethod(lambda array: array.view(Elsewhere))})
    monkeypatch.setattr(arrays, "card", lambda: card)
    moved = arrays.to_card(Held(pair=Pair(np.arange(3), 4), name="it"))
    assert isinstance(moved.pair.one, Elsewhere)
    assert (moved.pair.other, moved.name, moved.nothing) == (4, "it", None)
    assert type(arrays.to_host(moved.pair.one)) is np.ndarray


def test_arrays_of_the_processor_stay_as_they_are():
    array = np.arange(6.0).reshape(2, 3)
    assert not arrays.is_on_card(array)
    assert arrays.module_of(array) is np
    assert np.shares_memory(arrays.to_host(array), array)
    place = np.zeros((2, 3), np.float32)
    arrays.fetch(array, place)
    np.testing.assert_array_equal(place, array)
