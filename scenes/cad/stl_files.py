"""STL files read, binary and text. Each solid of a text is a piece; its name is no more than a name."""

import re

import numpy as np

from scenes.cad.contents import Piece, numbers_of

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])
HEADER = 84
"""Bytes before the first triangle: a comment of 80, and how many triangles follow."""

MARK = b"\xef\xbb\xbf"
"""That a text is UTF-8, as some editors write it."""

BEGIN, END = (re.compile(rb"\n[ \t\r]*" + word + rb"[^\n]*") for word in (b"solid", b"endsolid"))
"""The lines around a solid, with its name: any words at all, also those that are looked for."""


def read_stl(data: bytes) -> list[Piece]:
    """Return the solids of an STL file; raises ValueError where it cannot be read."""
    if is_binary(data):
        corners = np.frombuffer(data, TRIANGLE, offset=HEADER)["corners"]
        return [_piece(corners.astype(np.float64).reshape(-1, 3))]
    return [_piece(vertices) for solid in _solids(data) if len(vertices := _vertices(solid))]


def is_binary(data: bytes) -> bool:
    """Return whether the length is what the header states: 84 bytes and 50 a triangle."""
    return len(data) >= HEADER and len(data) == HEADER + TRIANGLE.itemsize * int.from_bytes(data[80:84], "little")


def _solids(data: bytes) -> list[bytes]:
    """Return the solids of a text STL without their names, in small letters.

    Raises:
        ValueError: It is none, or has no end.
    """
    text = data.removeprefix(MARK).lstrip().lower()
    if not text.startswith(b"solid") or b"facet" not in text:
        raise ValueError(_no_text(data))
    *solids, rest = END.split(BEGIN.sub(b"\nsolid", b"\n" + text))
    if not solids or any(word in rest for word in (b"solid", b"facet", b"vertex")):
        raise ValueError("the text STL stops without 'endsolid'; it is truncated")
    return solids


def _no_text(data: bytes) -> str:
    """Return what is wrong with data that is neither a binary STL nor a text."""
    if len(data) < HEADER:
        return f"{len(data)} bytes are no STL; expected text from 'solid' on or at least {HEADER} bytes"
    stated = int.from_bytes(data[80:84], "little")
    return (
        f"the STL header states {stated} triangles, which take {HEADER + TRIANGLE.itemsize * stated} bytes, but the "
        f"file has {len(data)}; it is truncated or no STL"
    )


def _vertices(solid: bytes) -> np.ndarray:
    """Return what stands behind every word `vertex` of a solid `[vertex xyz]`."""
    lines = [line.partition(b"\n")[0] for line in solid.split(b"vertex")[1:]]
    numbers = numbers_of(b" ".join(lines))
    if len(numbers) != 3 * len(lines) or len(lines) % 3:
        raise ValueError(f"{len(lines)} vertices hold {len(numbers)} numbers, expected three each and three a triangle")
    return numbers.reshape(-1, 3)


def _piece(vertices: np.ndarray) -> Piece:
    return Piece(name="solid", vertices=vertices, faces=np.arange(len(vertices)).reshape(-1, 3))
