"""OFF files read: vertices, and polygons as triangles."""

import re

import numpy as np

from scenes.cad.contents import Piece, fans, numbers_of, piece_of, text_of

HEAD = re.compile(r"(?:(?:ST)?C?N?OFF|(?:st)?c?n?off)(?![A-Za-z_])")
"""The word that begins a file; ModelNet40 has the numbers right behind it."""


def read_off(data: bytes) -> list[Piece]:
    """Return what an OFF file draws; colours and normals are passed over.

    Raises:
        ValueError: It is none, or holds fewer vertices or faces than it states.
    """
    lines = [line for raw in text_of(data).split("\n") if (line := raw.partition("#")[0].strip())]
    if not lines or not (head := HEAD.match(lines[0])):
        raise ValueError(f"it begins with {(lines or [''])[0][:20]!r}, expected the word OFF, then how many of each")
    rest = lines[0][head.end() :].strip()
    lines = [rest, *lines[1:]] if rest else lines[1:]
    stated = numbers_of(lines[0] if lines else "", np.int64)
    if not (2 <= len(stated) <= 3 and (stated >= 0).all()):
        raise ValueError("it does not state how many vertices and faces it has")
    most = len(lines) - 1  # a line each
    points, polygons = (int(min(count, most)) for count in stated[:2])
    corners = [line.split(maxsplit=3)[:3] for line in lines[1 : 1 + points]]
    if len(corners) < stated[0] or any(len(words) < 3 for words in corners):
        raise ValueError(f"it states {stated[0]} vertices, but {sum(len(c) == 3 for c in corners)} could be read")
    faces = [line.split() for line in lines[1 + points : 1 + points + polygons]]
    whole = [face for face in faces if face[0].isdecimal() and len(face) > int(face[0][:9])]
    if len(whole) < stated[1]:
        raise ValueError(f"it states {stated[1]} faces, but {len(whole)} could be read")
    counts = np.array([int(face[0]) for face in whole], dtype=np.int64)
    used = " ".join(word for face, count in zip(whole, counts, strict=True) for word in face[1 : 1 + count])
    vertices = numbers_of(" ".join(word for words in corners for word in words)).reshape(-1, 3)
    named = numbers_of(used, np.int64)
    if len(named) != counts.sum():
        raise ValueError("a face holds a word where a number should be")
    return [piece_of("part", vertices, fans(named, counts))]
