"""Arrays as bytes: .npy, and .npy in a Zstandard frame. What is read was neither trusted nor run."""

import io
import math
from typing import Any

import numpy as np
import zstandard

from scenes.npy_file import MOST_HEADER, header_of

LEVEL = 3
"""Of Zstandard: labels are written with 1300 MB/s and read with 4000 MB/s; level 9 is 10 times slower for 2 % less."""

MOST_RATIO = 1 << 15
"""A Zstandard block holds 128 KiB at most and takes 4 bytes at least (RFC 8878, section 3.1.1.2)."""


def array_bytes(array: np.ndarray, *, compressed: bool = False) -> bytes:
    """Return an array as the bytes of an .npy file, compressed perhaps; the same for the same array."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    if not compressed:
        return stream.getvalue()
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(stream.getvalue())


def array_of(content: bytes | memoryview, *, compressed: bool = False, most_bytes: int = 1 << 40) -> np.ndarray:
    """Return the array of an .npy file; it can be written to.

    Args:
        content: Of the file.
        compressed: Whether it stands in a Zstandard frame.
        most_bytes: More than this it may not hold.

    Raises:
        ValueError: It is no such file, or claims to hold more than it does.
    """
    content = inflated(content, most_bytes) if compressed else content
    offset, shape, dtype = npy_header(content[:MOST_HEADER])
    size = math.prod(shape) * dtype.itemsize
    if size != len(content) - offset:
        raise ValueError(f"its header tells of {size} bytes, {len(content) - offset} follow")
    return np.frombuffer(bytearray(memoryview(content)[offset:]), dtype).reshape(shape)


def inflated(content: bytes | memoryview, most_bytes: int) -> bytes:
    """Return what a Zstandard frame holds, or raise ValueError before it is more than it may be."""
    try:
        size = zstandard.get_frame_parameters(content).content_size
        if not 0 < size <= min(most_bytes, MOST_RATIO * len(content)):
            raise ValueError(f"its frame claims {size} bytes, expected up to {most_bytes}")
        return zstandard.ZstdDecompressor().decompress(content, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError(f"it is no Zstandard frame: {error}") from error


def npy_header(start: bytes | memoryview) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Return where the numbers of an .npy file begin, their shape and their type; no pickle and no other order than C.

    Raises:
        ValueError: It is no .npy file of plain numbers.
    """
    offset, shape, in_columns, dtype = header_of(start)
    if in_columns or dtype.byteorder == ">":
        raise ValueError(f"it holds {dtype}{' in columns' if in_columns else ''}, expected plain numbers in rows")
    return offset, shape, dtype
