"""Plain files are read whole, and nothing else is opened for longer than it takes to see what it is."""

import os
from pathlib import Path

import pytest

from scenes.plain_file import opened, read_bytes, read_text


def test_a_plain_file_is_read_through_links_with_or_without_a_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfGeh\xc3\xa4use")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_bytes(tmp_path / "link") == (tmp_path / "a").read_bytes()
    assert read_text(tmp_path / "link") == "Gehäuse"


def test_the_size_is_looked_at_first(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    assert len(read_bytes(tmp_path / "a", 11)) == 11
    with pytest.raises(OSError, match="it has 11 bytes, expected 10 at most"):
        read_bytes(tmp_path / "a", 10)


def test_pipes_devices_and_names_that_none_can_have(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(OSError, match="a pipe or a device"), opened(path):
            pass
    for name in ("a\0b", "x" * 300):
        with pytest.raises(OSError, match=r"null byte|too long"):
            read_bytes(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)
