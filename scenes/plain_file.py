"""Plain files read, and nothing else: a pipe or a device would keep the reader waiting, or never end.

Files that a dataset, a scene or a scenario names may lie wherever the user can read them, links included: who writes
such a file could open the others as well, and nothing that is read is run.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_TEXT = 1 << 25
"""Bytes of a text that is read as numbers or words: the 100 000 views of the longest scan take 24 MB."""

MOST_BYTES = 1 << 32
"""Bytes of any other file: 80 million triangles of a binary STL."""


@contextmanager
def opened(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[BinaryIO]:
    """Open a plain file for reading.

    Raises:
        OSError: It is missing, a folder, a pipe, a device, a loop of links or too large; `strerror` says which.
    """
    try:
        stream = open(path, "rb", opener=_at_once)  # noqa: SIM115  (closed below)
    except ValueError as error:  # such as a NUL in its name
        raise OSError(errno.EINVAL, str(error), repr(path)) from error
    with stream:
        about = os.fstat(stream.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, expected a plain file", str(path))
        if about.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it has {about.st_size} bytes, expected {most_bytes} at most", str(path))
        yield stream


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return what a plain file holds; raises OSError as `opened` does."""
    with opened(path, most_bytes) as stream:
        return stream.read(os.fstat(stream.fileno()).st_size)  # and no more: that would be asked for at once


def read_text(path: Path, most_bytes: int = MOST_TEXT) -> str:
    """Return the text of a plain file in UTF-8, with or without a mark that says so.

    Raises:
        OSError: See `opened`.
        UnicodeDecodeError: It is no text.
    """
    return read_bytes(path, most_bytes).decode("utf-8-sig")


def _at_once(name: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to does not keep us waiting."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
