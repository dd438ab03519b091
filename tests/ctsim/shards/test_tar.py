"""Tars that are cut, damaged or made to do harm."""

import io
import tarfile

import pytest

from ctsim.shards.read import read_raw
from ctsim.shards.tar import format_of, index_of
from defects.messages import BadInput
from tests.ctsim.shards.setups import shard


@pytest.mark.parametrize("length", [0, 300, 512, 700, 1024, 1400, 2048, 4096, 5000])
def test_a_tar_cut_anywhere_is_said_to_be_no_whole_one(tmp_path, length):
    """Also between two members, where tarfile itself sees a shorter archive and nothing wrong."""
    shard(tmp_path / "a.tar", (1, 2))
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:length])
    with pytest.raises(BadInput, match="not a whole tar"):
        list(read_raw(tmp_path / "a.tar"))


def test_a_damaged_header_is_told_and_not_taken_for_the_end(tmp_path):
    """Of each header in turn: tarfile itself ends before it, without a word."""
    shard(tmp_path / "a.tar", (1, 2))
    whole = (tmp_path / "a.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        places = [info.offset for info in tar]
    assert len(places) == 14
    for place in places:
        (tmp_path / "a.tar").write_bytes(whole[: place + 3] + b"~" + whole[place + 4 :])
        with pytest.raises(BadInput, match="not a whole tar"):
            index_of(tmp_path / "a.tar")


@pytest.mark.parametrize("size", [0, 8**11 - 1, 8**11, 1 << 40])
def test_a_file_of_any_size_has_a_header(size):
    info = tarfile.TarInfo("k.volume.npy")
    info.size = size
    assert tarfile.TarInfo.frombuf(info.tobuf(format_of(size)), "utf-8", "strict").size == size
    assert (format_of(size) == tarfile.USTAR_FORMAT) == (size < 8 << 30)


def add(tar: tarfile.TarFile, name: str, **changes) -> None:
    info = tarfile.TarInfo(name)
    for attribute, value in changes.items():
        setattr(info, attribute, value)
    tar.addfile(info, io.BytesIO(bytes(100)) if info.isreg() else None)


@pytest.mark.parametrize(
    ("names", "changes", "says"),
    [
        (["k.volume.npy"], {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "not a plain file"),
        (["k.volume.npy"], {"type": tarfile.LNKTYPE, "linkname": "k.scene.json"}, "not a plain file"),
        (["k.d"], {"type": tarfile.DIRTYPE}, "not a plain file"),
        (["k.fifo"], {"type": tarfile.FIFOTYPE}, "not a plain file"),
        (["k.sda"], {"type": tarfile.BLKTYPE}, "not a plain file"),
        (["k.a", "k.a"], {}, "stands in it twice"),
        (["k.a", "l.a", "k.b"], {}, "k stands in it twice"),
        (["../k.a"], {}, "is not called KEY.FILE"),
        (["k...a"], {}, "is not called KEY.FILE"),
        (["/etc/k.a"], {}, "is not called KEY.FILE"),
        (["d/k.a"], {}, "is not called KEY.FILE"),
        (["k"], {}, "is not called KEY.FILE"),
        ([".a"], {}, "is not called KEY.FILE"),
        ([f"k.{n}" for n in range(65)], {}, "more than 64 files"),
    ],
)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_no_shard_holds_is_refused(tmp_path, form, names, changes, says):
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as tar:
        for name in names:
            add(tar, name, **changes)
    with pytest.raises(BadInput, match=says):
        list(read_raw(tmp_path / "a.tar"))


@pytest.mark.parametrize("size", [10_000, 1 << 40, (1 << 63) - 1])
def test_a_member_that_claims_more_than_the_tar_has_is_refused(tmp_path, size):
    info = tarfile.TarInfo("k.volume.npy")
    info.size = size
    header = info.tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar").write_bytes(header + bytes(tarfile.RECORDSIZE - len(header)))
    with pytest.raises(BadInput, match=r"claims|not a whole tar"):
        list(read_raw(tmp_path / "a.tar"))
