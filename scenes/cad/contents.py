"""What a CAD or mesh file holds: its triangles, object by object, in the file's own unit."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_PIECES = 10_000
"""Objects of a file; each takes a millisecond or more, and an assembly of so many is no part."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One named object of a file.

    Attributes:
        name: As the file has it.
        vertices: `[vertex xyz]`, float64, in the file's unit (STEP: mm).
        faces: `[face corner]`, int64.
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file holds: its pieces, the unit that it states or None, and how many objects without faces."""

    pieces: tuple[Piece, ...]
    unit: str | None
    left_out: int = 0


def piece_of(name: str, vertices: np.ndarray, faces: np.ndarray) -> Piece:
    """Return an object with the vertices that its faces use and no others: a file's objects may share one long list.

    Raises:
        ValueError: A face names a vertex that is not there.
    """
    faces = np.asarray(faces, dtype=np.int64)
    if len(faces) and not (faces.min() >= 0 and faces.max() < len(vertices)):
        wrong = int(faces.max()) if faces.max() >= len(vertices) else int(faces.min())
        raise ValueError(f"a face names the vertex {wrong + 1} of {len(vertices)}")
    used, corners = np.unique(faces, return_inverse=True)
    return Piece(
        name=name, vertices=np.asarray(vertices[used], dtype=np.float64), faces=corners.reshape(faces.shape)
    )  # fmt: skip


def text_of(data: bytes) -> str:
    """Return a text; foreign letters, as in a name, are those of Latin-1 where they are not of UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def numbers_of(words: str | bytes, dtype: Any = np.float64) -> np.ndarray:
    """Return the numbers that a text holds, with blanks between them; raises ValueError where it holds anything else.

    (A list of the words would take eight times the memory.)
    """
    if not words.strip():
        return np.zeros(0, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # which is how numpy before 2.4 says that it stopped
        try:
            return np.fromstring(words, dtype=dtype, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise ValueError("it holds words where numbers should be") from error


def fans(corners: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return polygons as triangles `[face 3]`, a fan from the first corner of each; fewer than three corners are none.

    Args:
        corners: Of all polygons, one after the other.
        counts: How many each has.
    """
    triangles = np.maximum(counts - 2, 0)
    first = np.repeat(np.cumsum(counts) - counts, triangles)
    step = np.arange(len(first)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return corners[np.stack([first, first + step + 1, first + step + 2], axis=1)]
