"""Tars that tell of the data alone."""

import json
import os
import tarfile

import numpy as np
import pytest
import webdataset

from ctsim.files import sha256_of
from ctsim.shards import array_of, json_bytes, write_shard
from ctsim.shards.schema import INDEX
from tests.ctsim.shards.setups import arrays, files, key, shard


def test_the_same_samples_are_the_same_bytes_whenever_they_are_written(tmp_path):
    one = shard(tmp_path / "a.tar", (1, 2))
    os.utime(tmp_path)
    two = shard(tmp_path / "b.tar", (1, 2))
    assert one.sha256 == two.sha256 == sha256_of(tmp_path / "b.tar")
    assert one.bytes == (tmp_path / "a.tar").stat().st_size
    assert (tmp_path / f"a.tar{INDEX}").read_bytes() == (tmp_path / f"b.tar{INDEX}").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")


def test_the_index_tells_where_each_file_stands(tmp_path):
    shard(tmp_path / "a.tar", (1, 2))
    content = (tmp_path / "a.tar").read_bytes()
    for number in (1, 2):
        places = json.loads((tmp_path / f"a.tar{INDEX}").read_text())[key(number)]
        assert {name: content[at : at + size] for name, (at, size) in places.items()} == files(number)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # webdataset leaves its file to be collected
def test_webdataset_reads_the_same_samples(tmp_path):
    shard(tmp_path / "a.tar", (1, 2))
    theirs = webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False).decode(
        webdataset.handle_extension("npy.zst", lambda content: array_of(content, compressed=True))
    )
    for number, sample in zip((1, 2), theirs, strict=True):
        assert sample["__key__"] == key(number)
        np.testing.assert_array_equal(sample["volume.npy"], arrays(number)["volume"])
        np.testing.assert_array_equal(sample["labels.npy.zst"], arrays(number)["labels"])
        assert sample["scene.json"] == {"number": number}


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def failing():
        yield "a", {"x.json": b"{}"}
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_shard(tmp_path / "a.tar", failing(), "train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["a.b", "a/b", ""])
def test_a_key_that_readers_would_cut_is_never_written(tmp_path, bad):
    with pytest.raises(ValueError, match="no dot"):
        write_shard(tmp_path / "a.tar", [(bad, {"x.json": b"{}"})], "train")
    assert list(tmp_path.iterdir()) == []


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"a": float("nan")})
