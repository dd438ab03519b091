"""OBJ files read: vertices and faces; what is of one material is a piece, as one solid may be cut by colour."""

import re

import numpy as np

from scenes.cad.contents import Piece, fans, numbers_of, piece_of, text_of


def read_obj(data: bytes) -> list[Piece]:
    """Return what an OBJ file draws in each material, the last one first; no other file is looked at.

    Raises:
        ValueError: A line cannot be read, or a face names a vertex that is not there.
    """
    points: list[str] = []
    faces: list[tuple[str, int]] = []
    groups: dict[str, list[tuple[str, int]]] = {}
    for raw in re.sub(r"\\\r?\n", " ", text_of(data)).split("\n"):
        word, _, rest = raw.strip().replace("\t", " ").partition(" ")
        if word == "v":
            points.append(rest)
        elif word == "f":
            if not groups:
                groups[""] = faces
            faces.append((rest, len(points)))
        elif word == "usemtl":
            faces = groups.setdefault(rest.strip(), [])
    vertices = numbers_of(" ".join(number for point in points for number in _three(point))).reshape(-1, 3)
    return [piece_of(name or "part", vertices, _triangles(lines)) for name, lines in reversed(groups.items()) if lines]


def _three(point: str) -> list[str]:
    """Return the first three numbers of a vertex; a weight or colours may follow."""
    words = point.partition("#")[0].split(maxsplit=3)[:3]
    if len(words) < 3:
        raise ValueError(f"a vertex holds {len(words)} numbers, expected 3")
    return words


def _triangles(lines: list[tuple[str, int]]) -> np.ndarray:
    """Return the triangles `[face corner]` of lines of faces, each with how many vertices stand before it.

    A number counts from 1, or below 0 backwards from the last vertex so far; behind a slash stands what we do not need.
    """
    texts = [line.partition("#")[0] for line, _ in lines]
    counts = np.array([len(text.split()) for text in texts], dtype=np.int64)
    corners = numbers_of(re.sub(r"/\S*", "", " ".join(texts)), np.int64)
    if len(corners) != counts.sum():
        raise ValueError(f"faces of {counts.sum()} corners hold {len(corners)} numbers")
    if (corners == 0).any():
        raise ValueError("a face names the vertex 0, expected 1 or more")
    before = np.repeat(np.array([count for _, count in lines], dtype=np.int64), counts)
    return fans(np.where(corners < 0, corners + before, corners - 1), counts)
