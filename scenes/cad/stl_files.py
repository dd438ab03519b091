"""STL files read, binary and text. Each solid of a text is a piece; its name is no more than a name."""

import numpy as np

from scenes.cad.contents import Piece, numbers_of, text_of

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("colour", "<u2")])
HEADER = 84
"""Bytes before the first triangle: a comment of 80, and how many triangles follow."""


def read_stl(data: bytes) -> list[Piece]:
    """Return the solids of an STL file; raises ValueError where it cannot be read."""
    if is_binary(data):
        corners = np.frombuffer(data, TRIANGLE, offset=HEADER)["corners"]
        return [_piece(corners.astype(np.float64).reshape(-1, 3))]
    check_whole(data)
    return [_piece(vertices) for solid in text_of(data).lower().split("endsolid") if len(vertices := _vertices(solid))]


def is_binary(data: bytes) -> bool:
    """Return whether the length is what the header states: 84 bytes and 50 a triangle."""
    return len(data) >= HEADER and len(data) == HEADER + TRIANGLE.itemsize * int.from_bytes(data[80:84], "little")


def check_whole(data: bytes) -> None:
    """Raise ValueError unless data that is no binary STL is a text one with its end."""
    if data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower():
        if b"endsolid" not in data[-4096:].lower():
            raise ValueError("the text STL stops without 'endsolid'; it is truncated")
        return
    if len(data) < HEADER:
        raise ValueError(f"{len(data)} bytes are no STL; expected text from 'solid' on or at least {HEADER} bytes")
    stated = int.from_bytes(data[80:84], "little")
    raise ValueError(
        f"the STL header states {stated} triangles, which take {HEADER + TRIANGLE.itemsize * stated} bytes, but the "
        f"file has {len(data)}; it is truncated or no STL"
    )


def _vertices(solid: str) -> np.ndarray:
    """Return what stands behind every word `vertex` of a solid `[vertex xyz]`."""
    lines = [line.partition("\n")[0] for line in solid.split("vertex")[1:]]
    numbers = numbers_of(" ".join(lines))
    if len(numbers) != 3 * len(lines) or len(lines) % 3:
        raise ValueError(f"{len(lines)} vertices hold {len(numbers)} numbers, expected three each and three a triangle")
    return numbers.reshape(-1, 3)


def _piece(vertices: np.ndarray) -> Piece:
    return Piece(name="solid", vertices=vertices, faces=np.arange(len(vertices)).reshape(-1, 3))
