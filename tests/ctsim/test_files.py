"""Files that are whole or not there, here and in a store."""

import os

import pytest
from upath import UPath

from ctsim.files import folder_of, is_remote, local_copy, remove_folder, sha256_of, whole_file, write_file
from defects.messages import BadInput


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_file(tmp_path / "a", b"old")
    (tmp_path / f"a.{os.getpid()}.part").mkdir()  # the new content cannot be written
    with pytest.raises(OSError, match="directory"):
        write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_what_a_killed_run_left_of_a_held_file_is_written_over(tmp_path):
    (tmp_path / "a.part").write_bytes(b"torn")
    with whole_file(tmp_path / "a", is_held=True) as part:
        part.write_bytes(b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"whole"}


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


def test_a_store_of_no_known_kind_is_told():
    with pytest.raises(BadInput, match=r"foo://bucket: .*give a folder, or a URL such as s3://bucket/folder"):
        folder_of("foo://bucket")
