"""Tars that tell of the data alone."""

import io
import os
import tarfile

import numpy as np
import pytest
import webdataset

from ctsim.files import sha256_of, write_file
from ctsim.shards import array_bytes, arrays_of, json_bytes, members_of, read_raw, read_shard, write_shard
from defects.messages import BadInput

SAMPLES = [
    ("demo-000000", {"volume.npy": array_bytes(np.arange(8, dtype=np.float16).reshape(2, 2, 2)), "a.json": b"{}"}),
    ("demo-000001", {"volume.npy": array_bytes(np.ones((2, 2, 2), np.float16)), "a.json": b"[1]"}),
]


def test_the_same_samples_are_the_same_bytes_whenever_they_are_written(tmp_path):
    one = write_shard(tmp_path / "a.tar", SAMPLES, "train")
    os.utime(tmp_path)
    two = write_shard(tmp_path / "b.tar", iter(SAMPLES), "train")
    assert one.sha256 == two.sha256 == sha256_of(tmp_path / "b.tar")
    assert one.bytes == (tmp_path / "a.tar").stat().st_size
    with tarfile.open(tmp_path / "a.tar") as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")


def test_the_files_of_a_sample_stand_in_the_order_of_a_tar():
    for scatters in (False, True):
        assert list(members_of(scatters)) == sorted(members_of(scatters))
        assert {name.removesuffix(".npy") for name in members_of(scatters) if name.endswith(".npy")} == set(
            arrays_of(scatters)
        )


def test_what_was_written_is_read_back(tmp_path):
    write_shard(tmp_path / "a.tar", SAMPLES, "train")
    assert dict(read_raw(tmp_path / "a.tar")) == dict(SAMPLES)
    first = next(read_shard(tmp_path / "a.tar"))
    np.testing.assert_array_equal(first["volume"].ravel(), np.arange(8))
    assert first["a"] == {}


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # webdataset leaves its file to be collected
def test_webdataset_reads_the_same_samples(tmp_path):
    write_shard(tmp_path / "a.tar", SAMPLES, "train")
    theirs = list(webdataset.WebDataset(str(tmp_path / "a.tar"), shardshuffle=False))
    assert [s["__key__"] for s in theirs] == [key for key, _ in SAMPLES]
    for sample, (_, files) in zip(theirs, SAMPLES, strict=True):
        assert {name: sample[name] for name in files} == files


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def failing():
        yield SAMPLES[0]
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_shard(tmp_path / "a.tar", failing(), "train")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_file(tmp_path / "a", b"old")
    (tmp_path / f"a.{os.getpid()}.part").mkdir()  # the new content cannot be written
    with pytest.raises(OSError, match="directory"):
        write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("length", [0, 300, 512, 700, 1024, 1400, 2048, 4096, 5000])
def test_a_tar_cut_anywhere_is_said_to_be_no_whole_one(tmp_path, length):
    """Also between two members, where tarfile itself sees a shorter archive and nothing wrong."""
    write_shard(tmp_path / "a.tar", SAMPLES, "train")
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[:length])
    with pytest.raises(BadInput, match="not a whole tar"):
        list(read_raw(tmp_path / "a.tar"))


def test_links_and_doubled_members_are_refused(tmp_path):
    for bad in ("link", "double"):
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            info = tarfile.TarInfo("k.volume.npy")
            if bad == "link":
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
            else:
                tar.addfile(info, io.BytesIO(b""))
                tar.addfile(info, io.BytesIO(b""))
        with pytest.raises(BadInput, match=r"not a plain file|stands in it twice"):
            list(read_raw(tmp_path / "a.tar"))


def test_no_pickle_is_ever_loaded(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"code": 1}], dtype=object), allow_pickle=True)
    write_shard(tmp_path / "a.tar", [("k", {"volume.npy": stream.getvalue()})], "train")
    with pytest.raises(BadInput, match="allow_pickle=False"):
        list(read_shard(tmp_path / "a.tar"))


def test_json_has_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"a": float("nan")})
