"""Any sample and any box of its arrays, from a folder, from shards and from a store."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsim.files import folder_of, write_file
from ctsim.shards import Samples, access, read_samples
from ctsim.shards.arrays import MOST_HEADER
from ctsim.shards.schema import INDEX
from ctsim.shards.tar import index_of
from defects.messages import BadInput
from tests.ctsim.shards.setups import SHAPE, arrays, dataset, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return dataset(tmp_path_factory.mktemp("access") / "d", (2, 3, 1))


@pytest.fixture(scope="module")
def store(folder):
    """The same dataset in a store."""
    found = folder_of("memory://access/d")
    for path in folder.iterdir():
        write_file(found / path.name, path.read_bytes())
    return str(found)


def same(sample: dict, number: int, fields=None) -> bool:
    wanted = {name: array for name, array in arrays(number).items() if fields is None or name in fields}
    return sample["key"] == key(number) and all(np.array_equal(sample[name], a) for name, a in wanted.items())


def test_samples_are_found_by_place_and_by_key_wherever_they_lie(folder, store):
    for source in (folder, str(folder), store, str(folder / "train-{000000..000002}.tar"), list(folder.glob("*.tar"))):
        samples = Samples(source)
        assert len(samples) == 6
        for number in (5, 0, 3):
            assert same(samples[samples.keys.index(key(number))], number)
            assert same(samples[key(number)], number)
    assert [sample["key"] for sample in Samples(folder)] == [key(number) for number in range(6)]


def test_only_the_fields_that_are_wanted_are_read(folder):
    sample = Samples(folder, fields=("labels", "scene"))[key(4)]
    assert sample.keys() == {"key", "labels", "scene"}
    assert same(sample, 4, ("labels",))


BOXES = st.tuples(*(st.tuples(st.integers(0, n), st.integers(0, n)).map(lambda ends: slice(*ends)) for n in SHAPE))


@given(BOXES, st.integers(0, 3), st.sampled_from(["volume", "labels"]))
def test_a_box_is_what_the_whole_array_has_there(folder, box, axes, name):
    found = Samples(folder).array(key(3), name, box[:axes])
    np.testing.assert_array_equal(found, arrays(3)[name][box[:axes]])


def test_a_box_reads_no_more_than_its_slices(folder, monkeypatch):
    sizes = []

    def read(stream, offset, size):
        sizes.append(size)
        return plain(stream, offset, size)

    plain = access.read_at
    monkeypatch.setattr(access, "read_at", read)
    Samples(folder).array(key(3), "volume", (slice(1, 3), slice(2, 4)))
    name, header, slab = sizes
    assert (name, header) == (512, min(MOST_HEADER, 128 + 5 * 6 * 7 * 2))
    assert slab == 2 * 6 * 7 * 2  # slices, rows, columns, bytes


def test_a_dataset_without_an_index_is_read_by_its_headers(folder, tmp_path):
    for path in folder.glob("*.tar"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert same(Samples(sorted(tmp_path.glob("*.tar")))[key(4)], 4)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 3}', '{"toy-000000": {"volume.npy": [0, 10]}}'])
def test_a_damaged_index_is_told(tmp_path, text):
    folder = dataset(tmp_path / "d", (1,))
    (folder / f"train-000000.tar{INDEX}").write_text(text)
    with pytest.raises(BadInput, match=r"index\.json is damaged .*delete it, and the tar itself is asked"):
        Samples(folder)[0]


def test_a_dataset_may_be_called_as_it_likes(tmp_path):
    assert same(Samples(str(dataset(tmp_path / "a{b", (2,))))[1], 1)
    assert Samples(tmp_path / "a{b" / "train-000000.tar").keys == [key(0), key(1)]  # a path is itself


def test_shards_may_be_counted_through(folder):
    samples = Samples(f"{folder}/train-{{000000..000001}}.tar")
    assert samples.keys == [key(number) for number in range(len(samples))]


def test_a_key_that_two_shards_have_is_told(tmp_path):
    """Two datasets of one name, put together: half of the samples would be lost."""
    first, second = (dataset(tmp_path / name, (2,)) / "train-000000.tar" for name in "ab")
    with pytest.raises(BadInput, match=rf"{key(0)} stands in {first} and in {second}: expected each key once"):
        Samples([first, second])


def test_a_key_is_found_without_reading(folder, monkeypatch):
    samples = Samples(folder)
    monkeypatch.setattr(access, "opened", None)
    assert key(0) in samples
    assert "other" not in samples
    assert 0 not in samples


def test_samples_come_one_after_the_other(folder):
    samples = Samples(folder, fields=())
    assert [sample["key"] for sample in samples] == samples.keys
    assert [sample["key"] for sample in samples[1:3]] == samples.keys[1:3]


def test_an_index_that_cannot_be_read_is_not_called_damaged(tmp_path):
    folder = dataset(tmp_path / "d", (1,))
    index = folder / f"train-000000.tar{INDEX}"
    index.unlink()
    index.mkdir()
    with pytest.raises(BadInput, match=r"index\.json cannot be read: "):
        Samples(folder)[0]


def test_a_tar_that_is_cut_is_not_blamed_on_its_index(tmp_path):
    path = dataset(tmp_path / "d", (2,)) / "train-000000.tar"
    end = max(sum(place) for files in index_of(path).values() for place in files.values())
    os.truncate(path, 3000)
    with pytest.raises(BadInput, match=rf"{path} has 3000 bytes, its index tells of {end}: the tar is cut, or the ind"):
        Samples(path)


def test_an_index_that_lies_beside_another_tar_gives_no_other_sample(tmp_path):
    """Tars of the same shape, of which two have changed places: every place in their indices is one of a file."""
    folder = dataset(tmp_path / "d", (1, 1))
    first, second = sorted(folder.glob("*.tar"))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    samples = Samples(folder)
    for ask in (lambda: samples[0], lambda: samples.array(key(0), "volume"), lambda: samples.array(key(0), "labels")):
        with pytest.raises(BadInput, match=rf"expected {key(0)}\.\S+ where the index says, got '{key(1)}"):
            ask()


def test_workers_take_it_along(folder):
    samples = Samples(folder, fields=("volume",))
    assert same(pickle.loads(pickle.dumps(samples))[key(2)], 2, ("volume",))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda d: Samples(d)["toy-00000"], "did you mean 'toy-00000"),
        (lambda d: Samples(d).array(key(0), "volumes"), "did you mean 'volume'"),
        (lambda d: Samples(d / "train-000000.tar", "train"), "give its folder, or leave split out"),
        (lambda d: Samples([d, d]), "expected one dataset, or shards that end in .tar, got 2 paths"),
        (lambda d: Samples(d / "none"), "no dataset in"),
        (lambda d: Samples(d / "none.tar"), "is missing"),
        (lambda d: Samples(d).array(key(0), "volume", (slice(0, 4, 2),)), "^expected a box of slices without steps"),
        (lambda d: Samples(d).array(key(0), "labels", (slice(0, 4, 2),)), "^expected a box of slices without steps"),
        (lambda d: Samples(d).array(key(0), "volume", (slice(0, 1),) * 4), "a slice along each axis .* got 4"),
        (lambda d: Samples(d).array(key(0), "labels", (slice(0, 1),) * 4), "a slice along each axis .* got 4"),
        (lambda d: Samples(str(d / "train-{0..1.tar")), r"expected shards such as train-\{000000\.\.000127\}\.tar"),
        (lambda d: Samples(d, fields=("volum", "labels"))[0], "unknown field 'volum'; did you mean 'volume'"),
        (lambda d: Samples(d, "validation"), "no samples of validation in this dataset, only of train"),
        (lambda d: Samples(d / "dataset.json"), "is a file, expected the folder of a dataset"),
        (lambda d: list(read_samples(d, "tain")), "unknown split 'tain'"),
    ],
)
def test_what_is_not_there_is_told(folder, ask, says):
    with pytest.raises(BadInput, match=says):
        ask(folder)
