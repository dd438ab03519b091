"""Any sample of a dataset, and any part of its arrays, without reading what lies before it."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from io import IOBase
from tarfile import BLOCKSIZE
from typing import Any

import numpy as np
from braceexpand import UnbalancedBracesError, braceexpand

from ctsim.files import AnyPath, folder_of, in_this_process
from ctsim.shards.arrays import MOST_HEADER, array_of, npy_header
from ctsim.shards.read import decode, json_beside, most_bytes, read_dataset, shards_of
from ctsim.shards.schema import INDEX, file_of
from ctsim.shards.tar import Index, index_of, opened, read_at
from defects.messages import BadInput, unknown

KEPT_INDICES = 256
"""Indices of shards that are kept in memory: half a kilobyte a sample."""

LARGEST_GAP = 1 << 16
"""Bytes between two files that are read rather than left out."""

Source = str | AnyPath | Sequence[str | AnyPath]
"""The folder of a dataset, or shards: paths or URLs, also as train-{000000..000127}.tar."""


class Samples(Sequence):
    """The samples of a dataset, each read when it is asked for.

    Attributes:
        keys: Of the samples, in their order.
    """

    def __init__(self, source: Source, split: str | None = None, fields: Collection[str] | None = None) -> None:
        """Open a dataset.

        Args:
            source: Where it lies: a path or a URL such as s3://bucket/folder; or some shards.
            split: train, validation or test of a dataset; all where None.
            fields: What of each sample is wanted, such as volume and labels; all where None.

        Raises:
            BadInput: There is no finished dataset, or it has no such split.
        """
        self.fields = fields
        self._indices: dict[AnyPath, Index] = {}
        self._shards: dict[str, AnyPath] = {}
        for path, keys in _shards(source, split):
            for key in keys or self._index(path):
                if key in self._shards:
                    raise BadInput(f"{key} stands in {self._shards[key]} and in {path}: expected each key once")
                self._shards[key] = path
        self.keys = list(self._shards)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        """Return whether there is a sample of this key."""
        return key in self._shards

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the samples in their order."""
        return map(self.__getitem__, self.keys)

    def __getitem__(self, which: int | str | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return a sample by its place or its key, as `read_samples` yields it; or some by their places."""
        if isinstance(which, slice):
            return [self[key] for key in self.keys[which]]
        key = which if isinstance(which, str) else self.keys[which]
        path, places = self._places(key)
        with opened(path, at_random=True) as stream:
            files = _files(stream, key, {name: place for name, place in places.items() if self._wants(name)})
        if lost := [name for name in self.fields or () if name not in {file.partition(".")[0] for file in files}]:
            raise unknown("field", lost[0], [file.partition(".")[0] for file in places])
        return decode(key, files, path.name, most_bytes({name: size for name, (_, size) in places.items()}))

    def array(self, key: str, name: str, box: slice | Sequence[slice] = ()) -> np.ndarray:
        """Return an array of a sample, or a box of it.

        Of an array that is not compressed, no more is read than the slices along its first axis that the box meets.

        Args:
            key: Of the sample.
            name: Of the array: volume, labels and so on.
            box: A slice along each axis, or along the first few; without steps. What reaches beyond is cut off.

        Raises:
            BadInput: There is no such sample or array, or it is damaged; or the box is none of it.
        """
        cut = _without_steps(box)
        path, places = self._places(key)
        if (file := file_of(name)) not in places:
            raise unknown("array", name, [file.partition(".")[0] for file in places if ".npy" in file])
        try:
            with opened(path, at_random=True) as stream:
                _require_there(read_at(stream, places[file][0] - BLOCKSIZE, BLOCKSIZE), f"{key}.{file}")
                if file.endswith(".npy"):
                    return _box(stream, *places[file], cut)
                limit = most_bytes({name: size for name, (_, size) in places.items()})
                return array_of(read_at(stream, *places[file]), compressed=True, most_bytes=limit)[cut].copy()
        except IndexError as error:
            raise BadInput(f"expected a slice along each axis of {key}.{file} at most, got {len(cut)}") from error
        except ValueError as error:
            raise BadInput(f"{path.name}: {key}.{file} is not readable: {error}") from error

    def by_shard(self) -> dict[AnyPath, list[str]]:
        """Return the keys of each shard."""
        found: dict[AnyPath, list[str]] = {}
        for key, path in self._shards.items():
            found.setdefault(path, []).append(key)
        return found

    def _places(self, key: str) -> tuple[AnyPath, dict[str, list[int]]]:
        if key not in self._shards:
            raise unknown("sample", key, self.keys[:20])
        path = self._shards[key]
        try:
            return path, self._index(path)[key]
        except KeyError:
            raise BadInput(f"{path.name} lacks {key}; to see what else is wrong: ctsim check {path.parent}") from None

    def _index(self, path: AnyPath) -> Index:
        if path not in self._indices:
            if len(self._indices) >= KEPT_INDICES:
                self._indices.pop(next(iter(self._indices)))
            self._indices[path] = read_index(path)
        return self._indices[path]

    def _wants(self, file: str) -> bool:
        return self.fields is None or file.partition(".")[0] in self.fields


def read_index(path: AnyPath) -> Index:
    """Return what stands where in a shard: as the file beside it says, or where there is none, by its own headers."""
    path = in_this_process(path)
    beside = path.with_name(path.name + INDEX)
    try:
        index, size = json_beside(beside), path.stat().st_size
        ends = [_end_of(list(files.values())) for files in index.values()]
    except (FileNotFoundError, PermissionError):  # a store may say the latter of what is not there
        return index_of(path)
    except OSError as error:
        raise BadInput(f"{beside} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{beside} is damaged ({error}): delete it, and the tar itself is asked") from error
    if (end := max(ends, default=0)) > size:
        raise BadInput(f"{path} has {size} bytes, its index tells of {end}: the tar is cut, or the index is another's")
    return index


def _end_of(places: list[list[int]]) -> int:
    """Return where the last file of a sample ends; raises ValueError unless they follow each other in a tar."""
    end = BLOCKSIZE
    for offset, length in places:
        if not (isinstance(offset, int) and isinstance(length, int) and end <= offset <= offset + length):
            raise ValueError("it does not tell of one file after the other")
        end = offset + length
    return end


def _shards(source: Source, split: str | None) -> list[tuple[AnyPath, list[str]]]:
    """Return each shard, and the keys of its samples where a dataset.json tells of them."""
    given = [source] if isinstance(source, str | AnyPath) else list(source)
    paths = [folder_of(text) for one in given for text in _expanded(one)]
    if any(path.suffix != ".tar" for path in paths):
        if len(paths) > 1:
            raise BadInput(f"expected one dataset, or shards that end in .tar, got {len(paths)} paths")
        return [(paths[0] / shard["file"], shard["samples"]) for shard in shards_of(read_dataset(paths[0]), split)]
    if split is not None:
        raise BadInput(f"split {split!r} is known of a whole dataset: give its folder, or leave split out")
    return [(path, []) for path in paths]


def _expanded(text: str | AnyPath) -> Iterable[str | AnyPath]:
    """Return the shards that train-{000000..000127}.tar stands for; what else there is may be called as it likes."""
    if not isinstance(text, str) or "{" not in text or not text.endswith(".tar"):
        return [text]
    try:
        return list(braceexpand(text, escape=False))
    except UnbalancedBracesError as error:
        raise BadInput(f"{text}: {error}; expected shards such as train-{{000000..000127}}.tar") from error


def _without_steps(box: slice | Sequence[slice]) -> tuple[slice, ...]:
    """Return a box that is one, or raise BadInput."""
    cut = (box,) if isinstance(box, slice) else tuple(box)
    if not all(isinstance(one, slice) and one.step in (None, 1) for one in cut):
        raise BadInput(f"expected a box of slices without steps, got {cut!r:.200}")
    return cut


def _require_there(head: bytes, name: str) -> None:
    """Raise BadInput unless a header of a tar is that of a file: an index may have come to lie beside another tar."""
    found = head[:100].rstrip(b"\0").decode("utf-8", "replace")
    if found != name:
        raise BadInput(f"expected {name} where the index says, got {found!r:.80}; what is wrong: ctsim check")


def _files(stream: IOBase, key: str, places: dict[str, list[int]]) -> dict[str, bytes | memoryview]:
    """Return some files; those that stand side by side are read at once: each request to a store takes its time."""
    files, run = {}, []
    for name, (offset, size) in places.items():
        if run and offset - sum(run[-1][1:]) > LARGEST_GAP:
            files |= _run(stream, key, run)
            run = []
        run.append((name, offset, size))
    return files | _run(stream, key, run)


def _run(stream: IOBase, key: str, run: list[tuple[str, int, int]]) -> dict[str, bytes | memoryview]:
    """Return files that stand side by side, read with the header before them."""
    if not run:
        return {}
    first = run[0][1] - BLOCKSIZE
    content = memoryview(read_at(stream, first, sum(run[-1][1:]) - first))
    _require_there(bytes(content[:BLOCKSIZE]), f"{key}.{run[0][0]}")
    return {name: content[offset - first : offset - first + size] for name, offset, size in run}


def _box(stream: IOBase, offset: int, size: int, cut: tuple[slice, ...]) -> np.ndarray:
    """Return a box of the .npy file of so many bytes that begins at an offset."""
    begin, shape, dtype = npy_header(read_at(stream, offset, min(size, MOST_HEADER)))
    if begin + math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"its header tells of the shape {shape}, which {size} bytes do not hold")
    if not shape or not cut:
        return np.frombuffer(bytearray(read_at(stream, offset + begin, size - begin)), dtype).reshape(shape)
    first, last, _ = cut[0].indices(shape[0])
    each = math.prod(shape[1:]) * dtype.itemsize
    slab = read_at(stream, offset + begin + first * each, max(last - first, 0) * each)
    return np.frombuffer(slab, dtype).reshape(-1, *shape[1:])[(slice(None), *cut[1:])].copy()
