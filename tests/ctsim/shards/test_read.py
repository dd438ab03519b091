"""What was written is read back, and nothing else."""

import io
import json

import numpy as np
import pytest

from ctsim.shards import read_dataset, read_raw, read_samples, read_shard, write_shard
from defects.messages import BadInput
from tests.ctsim.shards.setups import SHAPE, arrays, dataset, files, key, shard


def test_what_was_written_is_read_back(tmp_path):
    shard(tmp_path / "a.tar", (1, 2))
    assert dict(read_raw(tmp_path / "a.tar")) == {key(number): files(number) for number in (1, 2)}
    for number, sample in zip((1, 2), read_shard(tmp_path / "a.tar"), strict=True):
        assert sample["key"] == key(number)
        assert sample["scene"] == {"number": number}
        for name, array in arrays(number).items():
            np.testing.assert_array_equal(sample[name], array)


def test_a_dataset_is_read_shard_by_shard(tmp_path):
    folder = dataset(tmp_path / "d", (2, 3))
    assert [sample["key"] for sample in read_samples(folder)] == [key(number) for number in range(5)]


def test_no_pickle_is_ever_loaded(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"code": 1}], dtype=object), allow_pickle=True)
    write_shard(tmp_path / "a.tar", [("k", {"volume.npy": stream.getvalue()})], "train")
    with pytest.raises(BadInput, match="expected plain numbers"):
        list(read_shard(tmp_path / "a.tar"))


def test_labels_that_claim_more_voxels_than_the_volume_has_are_refused(tmp_path):
    bomb = files(1, (50, 60, 70))["instances.npy.zst"]
    write_shard(tmp_path / "a.tar", [("k", files(1) | {"instances.npy.zst": bomb})], "train")
    with pytest.raises(BadInput, match=r"k\.instances\.npy\.zst is not readable: its frame claims 420128 bytes"):
        list(read_shard(tmp_path / "a.tar"))
    assert SHAPE == (5, 6, 7)


@pytest.mark.parametrize("file", ["../x.tar", "/x.tar", "a/b.tar", "x.npy", 3, None])
def test_a_shard_outside_of_the_folder_is_refused(tmp_path, file):
    folder = dataset(tmp_path / "d", (1,))
    record = json.loads((folder / "dataset.json").read_text())
    record["shards"][0]["file"] = file
    (folder / "dataset.json").write_text(json.dumps(record))
    with pytest.raises(BadInput, match="a shard is a tar in the dataset's own folder"):
        read_dataset(folder)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\udcff", '{"a": ' * 100_000])
def test_a_dataset_json_that_is_none_is_told(tmp_path, text):
    (tmp_path / "dataset.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match="is not readable"):
        read_dataset(tmp_path)
