"""Arrays of numbers from .npy files and .npz archives: their headers are believed only where the bytes bear them out.

Nothing of them is unpickled, and nothing is made room for that is not there.
"""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from scenes.zip_file import entries_of

MOST_HEADER = 4096
"""Bytes of an .npy file that may be its header; numpy writes 128."""

MOST_SIDE = 1 << 40
"""Of an array. A side of more makes nothing but trouble, even where another one is 0."""


def header_of(start: bytes | memoryview) -> tuple[int, tuple[int, ...], bool, np.dtype[Any]]:
    """Return where the numbers of an .npy file begin, their shape, whether they stand in columns, and their type.

    Args:
        start: The file, or its first `MOST_HEADER` bytes.

    Raises:
        ValueError: It is no .npy file of plain numbers.
    """
    stream = io.BytesIO(start[: MOST_HEADER + 16])
    try:
        if (version := np.lib.format.read_magic(stream)) not in ((1, 0), (2, 0)):
            raise ValueError(f"it is an .npy file of version {version}, expected (1, 0)")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, in_columns, dtype = read(stream, max_header_size=MOST_HEADER)
    except Exception as error:  # a header is read as Python's literals, with all that can go wrong with them
        raise ValueError(f"its .npy header cannot be read: {error}") from error
    if dtype.kind not in "biuf":
        raise ValueError(f"it holds {dtype}, expected plain numbers")
    if not all(0 <= side <= MOST_SIDE for side in shape):
        raise ValueError(f"its shape is {shape}")
    return stream.tell(), shape, in_columns, dtype


def array_of(content: bytes | memoryview) -> np.ndarray:
    """Return the array of an .npy file; it cannot be written to.

    Raises:
        ValueError: It is no such file, or claims to hold more or less than it does.
    """
    offset, shape, in_columns, dtype = header_of(content)
    size = math.prod(shape) * dtype.itemsize
    if size != len(content) - offset:
        raise ValueError(f"its header tells of {size} bytes, {len(content) - offset} follow")
    return np.frombuffer(content, dtype, offset=offset).reshape(shape, order="F" if in_columns else "C")


def arrays_of(content: bytes, most_bytes: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of an .npz archive by name, in its order.

    Args:
        content: Of the archive.
        most_bytes: That all of it may unpack to.

    Raises:
        ValueError: It is no such archive, or unpacks to more.
    """
    for name, inside in entries_of(content, most_bytes):
        yield name.removesuffix(".npy"), array_of(inside)
