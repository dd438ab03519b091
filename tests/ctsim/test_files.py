"""Files that are whole or not there, here and in a store."""

import errno
import os

import pytest
from upath import UPath

from ctsim.files import Held, folder_of, is_remote, local_copy, locked, remove_folder, sha256_of, whole_file, write_file
from defects.messages import BadInput
from tests.ctsim.small import contents


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_file(tmp_path / "a", b"old")
    with pytest.raises(RuntimeError, match="half-way"):
        write_half(tmp_path / "a")
    assert contents(tmp_path) == {"a": b"old"}
    write_file(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"new"}


def test_two_that_write_the_same_file_at_once_write_one_whole_file_each(tmp_path):
    """Processes of two machines may have the same number, as both have here."""
    with whole_file(tmp_path / "a") as one:
        with whole_file(tmp_path / "a") as other:
            one.write_bytes(b"long")
            other.write_bytes(b"1")
        assert (tmp_path / "a").read_bytes() == b"1"
    assert contents(tmp_path) == {"a": b"long"}


def test_what_a_killed_run_left_of_a_held_file_is_written_over(tmp_path):
    (tmp_path / "a.part").write_bytes(b"torn")
    with whole_file(tmp_path / "a", is_held=True) as part:
        part.write_bytes(b"whole")
    assert contents(tmp_path) == {"a": b"whole"}


def write_half(path) -> None:
    with whole_file(path) as part:
        part.write_bytes(b"half")
        raise RuntimeError("half-way")


def test_a_store_is_written_and_read_as_a_folder_is(tmp_path):
    store = folder_of("memory://bucket/some")
    assert is_remote(store)
    write_file(store / "parts" / "a", b"abc")
    write_file(tmp_path / "a", b"abc")
    assert sha256_of(store / "parts" / "a") == sha256_of(tmp_path / "a")
    with local_copy(store, "parts") as folder:
        assert not is_remote(folder)
        assert (folder / "parts" / "a").read_bytes() == b"abc"
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="half-way"):
        write_half(store / "b")
    assert not (store / "b").exists()
    remove_folder(store)
    remove_folder(store)
    assert not store.exists()


def test_the_url_of_a_file_is_its_path(tmp_path):
    assert folder_of(f"file://{tmp_path}") == folder_of(str(tmp_path)) == tmp_path


def test_a_store_that_was_opened_otherwise_stays_so():
    given = UPath("memory://bucket/some", skip_instance_cache=True)
    assert folder_of(given).storage_options == {"skip_instance_cache": True, "use_listings_cache": False}


@pytest.mark.parametrize("text", ["s3:/bucket/folder", "s3:/b"])
def test_a_slash_that_is_lost_makes_no_folder(text):
    with pytest.raises(BadInput, match=f"{text} lacks a slash: did you mean s3:/{text.removeprefix('s3:')}"):
        folder_of(text)


def test_a_store_of_no_known_kind_is_told():
    with pytest.raises(BadInput, match=r"foo://bucket: .*give a folder, or a URL such as s3://bucket/folder"):
        folder_of("foo://bucket")


def lock_that_gives(code: int):
    def flock(stream, operation) -> None:
        raise OSError(code, os.strerror(code))

    return flock


def test_only_a_lock_that_another_holds_is_told_as_another_run(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl", reason="nothing is locked on Windows")
    place = tmp_path / "out" / "progress" / "train-000000.tar.lock"
    place.parent.mkdir(parents=True)
    with (
        locked(place),
        pytest.raises(Held, match=r"another run is writing train-000000\.tar in .*out; wait"),
        locked(place),
    ):
        pass
    for code in (errno.ENOSYS, errno.ENOLCK):
        monkeypatch.setattr(fcntl, "flock", lock_that_gives(code))
        with (
            pytest.raises(BadInput, match=r"the file system of .*out knows no locks.* -o flock\), or") as told,
            locked(place),
        ):
            pass
        assert not isinstance(told.value, Held)
        assert os.strerror(code) in str(told.value)
