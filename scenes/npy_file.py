"""Arrays of numbers from .npy files and .npz archives: their headers are believed only where the bytes bear them out.

Nothing of them is unpickled, and nothing is made room for that is not there.
"""

import io
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from scenes.zip_file import entries_of

MOST_HEADER = 4096
"""Bytes of an .npy file that may be its header; numpy writes 128."""

FIELDS = {"descr": r"'[^']*'|\[.*?\]", "fortran_order": "True|False", "shape": r"\([-\d,\s]*\)"}
"""Of a header, and how each is written; the header is that of a Python dictionary, which is not run nor read as one."""

PLAIN = r"'(\|[biu]1|[<>]([iu][248]|f[248]))'"
"""Types of numbers."""

MOST_AXES = 32

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
    if (version := np.lib.format.read_magic(stream)) not in ((1, 0), (2, 0)):
        raise ValueError(f"its .npy header cannot be read: it is of version {version}, expected (1, 0)")
    length = int.from_bytes(stream.read(2 * version[0]), "little")
    text = stream.read(length).decode("latin-1")
    found = [re.findall(rf"'{key}':\s*({value})", text) for key, value in FIELDS.items()]
    if length > MOST_HEADER or len(text) < length or any(len(values) != 1 for values in found):
        raise ValueError("its .npy header cannot be read")
    kind, in_columns, sides = (values[0] for values in found)
    if not re.fullmatch(PLAIN, kind):
        raise ValueError(f"it holds {kind:.20}, expected plain numbers")
    shape = tuple(int(side) for side in re.findall(r"-?\d+", sides))
    if not all(0 <= side <= MOST_SIDE for side in shape) or len(shape) > MOST_AXES:
        raise ValueError(f"its shape is {sides:.200}")
    return stream.tell(), shape, in_columns == "True", np.dtype(kind.strip("'"))


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
