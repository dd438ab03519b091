"""A scene that cannot be made is dropped; a machine that cannot make it is told of."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ctsim.dataset import make
from ctsim.dataset.make import make_one
from ctsim.dataset.workers import Lost
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim import small


def test_a_part_that_cannot_be_read_is_no_reason_to_drop_a_scene(tmp_path):
    """Each of them would be dropped, and a repeat would not make one."""
    spec = read_dataset_spec(small.write(tmp_path))
    file = next(part.file for part in spec.parts if part.file)
    parts = tuple(p.model_copy(update={"file": "parts/lost.npz"}) if p.file == file else p for p in spec.parts)
    kept = spec.model_copy(update={"parts": parts})
    found = []
    for index in range(spec.scenes):
        try:
            found.append(make_one(kept, index, tmp_path, ("air", "Al")))
        except FileNotFoundError as error:
            found.append(error.filename)
    assert str(tmp_path / "parts" / "lost.npz") in found
    assert not any(isinstance(one, Lost) for one in found)


def test_linear_algebra_has_one_thread_while_a_sample_is_made(tmp_path, monkeypatch):
    found = []

    def sample(*_):
        found.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        raise BadInput("enough")

    monkeypatch.setattr(make, "sample", sample)
    with threadpool_limits(2, user_api="blas"):
        assert make_one(read_dataset_spec(small.write(tmp_path)), 0, tmp_path, ("air", "Al")) == Lost("enough")
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}
    assert set(found) == {1}


@pytest.mark.parametrize(
    ("cause", "expected"),
    [(None, Lost), (ValueError(), Lost), (MemoryError(), MemoryError), (OSError(5, "i/o"), OSError)],
)
def test_what_has_ended_another_program_decides(tmp_path, monkeypatch, cause, expected):
    def sample(*_):
        raise BadInput("GATE ended") from cause

    monkeypatch.setattr(make, "sample", sample)
    try:
        found = make_one(read_dataset_spec(small.write(tmp_path)), 0, tmp_path, ("air", "Al"))
    except (MemoryError, OSError) as error:
        found = error
    assert type(found) is expected
    assert found == Lost("GATE ended") or found is cause
