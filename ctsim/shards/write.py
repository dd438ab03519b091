"""Shards, written whole or not at all; the same samples, the same bytes."""

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ctsim.files import AnyPath, sha256_of, whole_file, write_file
from ctsim.shards.schema import INDEX
from ctsim.shards.tar import format_of, index_of


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One finished tar.

    Attributes:
        file: Its name.
        split: train, validation or test.
        samples: Keys of its samples.
        bytes: Its size.
        sha256: Of its bytes.
    """

    file: str
    split: str
    samples: tuple[str, ...]
    bytes: int
    sha256: str


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON, the same bytes for the same value."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def index_bytes(index: dict[str, dict[str, list[int]]]) -> bytes:
    """Return a shard's index as JSON, a line a sample."""
    lines = [f"{json.dumps(key)}: {json.dumps(files)}" for key, files in index.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def write_shard(path: AnyPath, samples: Iterable[tuple[str, dict[str, bytes]]], split: str) -> Shard:
    """Write samples (key, files by name) to a tar, and its index beside it; return its record.

    The tar grows under another name, is synced to the disk, and gets its own when it is whole; a failure leaves
    nothing behind.
    """
    keys = []
    with whole_file(path, is_held=True) as part:
        with open(part, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
            for key, files in samples:
                if not key or "." in key or "/" in key:
                    raise ValueError(f"a key must have no dot and no slash, got {key!r}")
                keys.append(key)
                for name in sorted(files):
                    # mtime, user and group stay 0: the bytes tell of the data alone
                    info = tarfile.TarInfo(f"{key}.{name}")
                    info.size = len(files[name])
                    tar.format = format_of(info.size)
                    tar.addfile(info, io.BytesIO(files[name]))
        shard = Shard(
            file=path.name, split=split, samples=tuple(keys), bytes=part.stat().st_size, sha256=sha256_of(part)
        )
        write_file(path.with_name(path.name + INDEX), index_bytes(index_of(part)))
    return shard
