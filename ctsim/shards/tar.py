"""Tars of samples: what stands where in them; nothing in them is trusted."""

import os
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from io import IOBase
from pathlib import Path

from ctsim.files import AnyPath, in_this_process, is_remote
from defects.messages import BadInput
from scenes import plain_file

MOST_BYTES = 1 << 50
"""Of a tar, of which no more than a sample is read at a time."""

MOST_FILES = 64
"""Of one sample; ours have 8."""

Index = dict[str, dict[str, list[int]]]
"""[offset, size] of each file, by key and name."""


@contextmanager
def opened(path: AnyPath, *, at_random: bool = False) -> Iterator[IOBase]:
    """Open a tar, and tell of all that goes wrong with it as BadInput.

    Args:
        path: Of the tar, here or in a store.
        at_random: Whether places far apart are read: a store then sends no more than is asked for.
    """
    try:
        with _open(path, at_random) as stream:
            yield stream
    except FileNotFoundError as error:
        raise BadInput(f"{path} is missing; put it back, or make the dataset again in a new folder") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"{path} is not a whole tar: {error}") from error


def _open(path: AnyPath, at_random: bool) -> AbstractContextManager[IOBase]:
    if is_remote(path):
        return in_this_process(path).open("rb", **({"cache_type": "none"} if at_random else {}))
    return plain_file.opened(Path(path), MOST_BYTES)


def members(stream: IOBase, path: AnyPath) -> Iterator[tuple[str, str, int, int]]:
    """Yield (key, name, offset, size) of each file in a tar of samples, by their headers alone.

    Args:
        stream: Open at the tar; it may be moved about between two of them.
        path: What it is called.

    Raises:
        BadInput: It holds what no shard holds: links, folders, names that lead out of it, a file or sample twice.
        TarError, OSError: It is no whole tar.
    """
    size, seen, names = _require_end(stream), set(), set()
    last, end = None, 0
    for info in _headers(stream):
        key, _, name = info.name.partition(".")
        end = info.offset_data + info.size
        if fault := _fault(info, key, name, size):
            raise BadInput(f"{path.name}: {info.name:.80} {fault}")
        if key != last:
            last, names = key, set()
            if key in seen:
                raise BadInput(f"{path.name}: {key} stands in it twice")
            seen.add(key)
        if name in names:
            raise BadInput(f"{path.name}: {info.name} stands in it twice")
        names.add(name)
        if len(names) > MOST_FILES:
            raise BadInput(f"{path.name}: {key} has more than {MOST_FILES} files")
        yield key, name, info.offset_data, info.size
    _require_nothing_after(stream, end)


def _headers(stream: IOBase) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of a tar as they stand in it: a header that speaks of another is a file like any other.

    (The names and sizes that GNU's and PAX's headers give to the next file may be of any length, and below 0; shards
    have none.)
    """
    offset = 0
    while any(head := _read_at(stream, offset)):
        info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        info.offset, info.offset_data = offset, offset + tarfile.BLOCKSIZE
        yield info
        offset = info.offset_data + -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _read_at(stream: IOBase, offset: int) -> bytes:
    stream.seek(offset)
    return stream.read(tarfile.BLOCKSIZE)


def format_of(size: int) -> int:
    """Return the format of the header of a file of so many bytes: USTAR has eleven octal digits for them."""
    return tarfile.USTAR_FORMAT if size < 1 << 33 else tarfile.GNU_FORMAT


def read_at(stream: IOBase, offset: int, size: int) -> bytes:
    """Return so many bytes of a stream, from a place on."""
    stream.seek(offset)
    return stream.read(size)


def index_of(path: AnyPath) -> Index:
    """Return what stands where in a tar."""
    index: Index = {}
    with opened(path) as stream:
        for key, name, offset, size in members(stream, path):
            index.setdefault(key, {})[name] = [offset, size]
    return index


def _fault(info: tarfile.TarInfo, key: str, name: str, size: int) -> str | None:
    """Return what is wrong with a member of a tar of so many bytes, or None."""
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return "is not a plain file"
    if not key or not name or {"/", "\\", "\0"} & set(info.name) or ".." in info.name:
        return "is not called KEY.FILE"
    if not 0 <= info.size <= size - info.offset_data:
        return f"claims {info.size} bytes, more than the tar has"
    return None


def _require_end(stream: IOBase) -> int:
    """Return the size of a tar, or raise ReadError where it has no end mark: tarfile does not miss it."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - 2 * tarfile.BLOCKSIZE, 0))
    if size % tarfile.RECORDSIZE or size == 0 or any(stream.read()):
        raise tarfile.ReadError(f"it ends after {size} bytes without an end mark")
    stream.seek(0)
    return size


def _require_nothing_after(stream: IOBase, end: int) -> None:
    """Raise ReadError where a damaged header follows: tarfile takes it for the end."""
    stream.seek(-(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
    if any(stream.read(tarfile.RECORDSIZE)):
        raise tarfile.ReadError(f"its header at byte {-(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE} is damaged")
