"""3MF files read: objects of triangles, and of other objects, where the build puts them.

Reference: 3MF Core Specification 1.3, sections 3.4 (build), 4.1 (mesh) and 4.2 (components); Production Extension 1.1
(objects in other files of the archive, by `path`).
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import numpy as np

from scenes.cad.contents import MOST_PIECES, Contents, Piece, numbers_of, piece_of
from scenes.zip_file import entries_of

UNITS = {"micron": "um", "millimeter": "mm", "centimeter": "cm", "inch": "inch", "foot": "ft", "meter": "m"}
MODEL = "3d/3dmodel.model"

MOST_UNPACKED = 1 << 29
"""Bytes that an archive may unpack to: five million triangles."""

MOST_PLACED = 5_000_000
"""Triangles of all objects together, each counted as often as it is placed."""

DEEPEST = 32
"""Objects within objects."""

Place = tuple[str, np.ndarray]
"""The key of an object, and the matrix `[4 3]` that puts it there."""


@dataclass
class Shape:
    """An object: its own triangles, and the others that it consists of."""

    name: str
    numbers: array = field(default_factory=lambda: array("d"))
    corners: array = field(default_factory=lambda: array("q"))
    parts: list[Place] = field(default_factory=list)


@dataclass
class Model:
    """What the files of an archive say: the objects by key, what is built of them, and the unit."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    build: list[Place] = field(default_factory=list)
    unit: str = "millimeter"


def read_3mf(data: bytes) -> Contents:
    """Return the objects of a 3MF file where the build puts them, and its unit.

    Raises:
        ValueError: It is damaged, or objects consist of each other, or are more than there is room for.
    """
    files = {name.lstrip("/"): inside for name, inside in entries_of(data, MOST_UNPACKED)}
    main = next((name for name in files if MODEL in name.lower()), None)
    if main is None:
        raise ValueError(f"it holds no {MODEL}")
    model = Model()
    for name in sorted(files, key=lambda name: name != main):  # the main one first: its unit and build count
        if name.lower().endswith(".model"):
            _read_model(files[name], "" if name == main else name, model)
    placed = list(_placed(model))
    order = {key: number for number, key in enumerate(model.shapes)}
    pieces = [_piece(model.shapes[key], matrix) for key, matrix in sorted(placed, key=lambda place: order[place[0]])]
    unit = model.unit.removesuffix("s")
    return Contents(pieces=tuple(pieces), unit=UNITS.get(unit, unit))


def _read_model(text: bytes, file: str, model: Model) -> None:
    """Add what one file of the archive says. Keys of objects are their file and id; the main file's name is empty."""
    inside: list[Shape] = []

    def start(tag: str, said: dict[str, str]) -> None:
        word = tag.rpartition(" ")[2]
        if word == "object":
            inside[:] = [_object(said, file, model)]
        elif inside:
            _add(inside[0], word, said, file)
        elif word == "model" and not file:
            model.unit = said.get("unit", model.unit)
        elif word == "item" and not file:
            model.build.append(_place(said, file))

    def end(tag: str) -> None:
        if tag.rpartition(" ")[2] == "object":
            inside.clear()

    def refuse(*_: Any) -> None:
        raise ValueError("it declares a document type, which no 3MF does: entities may stand for gigabytes")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, refuse
    parser.Parse(text, True)


def _object(said: dict[str, str], file: str, model: Model) -> Shape:
    """Return a new object of a model."""
    shape = Shape(name=said.get("name", said["id"]))
    if model.shapes.setdefault(f"{file} {said['id']}", shape) is not shape:
        raise ValueError(f"two objects have the id {said['id']!r}")
    return shape


def _add(shape: Shape, word: str, said: dict[str, str], file: str) -> None:
    """Add what stands in an object."""
    if word == "vertex":
        shape.numbers.extend((float(said["x"]), float(said["y"]), float(said["z"])))
    elif word == "triangle":
        shape.corners.extend((int(said["v1"]), int(said["v2"]), int(said["v3"])))
    elif word == "component":
        shape.parts.append(_place(said, file))


def _place(said: dict[str, str], file: str) -> Place:
    """Return the object that a component or an item names, and where it is put."""
    path = next((value.lstrip("/") for key, value in said.items() if key.rpartition(" ")[2] == "path"), file)
    matrix = numbers_of(said.get("transform", "1 0 0 0 1 0 0 0 1 0 0 0"))
    if len(matrix) != 12:
        raise ValueError(f"a transform of {len(matrix)} numbers, expected 12")
    return f"{path} {said['objectid']}", matrix.reshape(4, 3)


def _placed(model: Model) -> Iterator[Place]:
    """Yield each object that has triangles of its own as often as it is placed, in the order of the build."""
    triangles = count = 0
    waiting = [(place, 0) for place in reversed(model.build)]
    while waiting:
        (key, matrix), depth = waiting.pop()
        count += 1
        if depth > DEEPEST or count > MOST_PIECES:
            what = f"{DEEPEST} objects within objects" if depth > DEEPEST else f"{MOST_PIECES} objects placed"
            raise ValueError(f"it has more than {what}, or objects that consist of each other")
        if key not in model.shapes:
            continue  # as others do who read it
        shape = model.shapes[key]
        triangles += len(shape.corners) // 3
        if triangles > MOST_PLACED:
            raise ValueError(f"it places objects of more than {MOST_PLACED} triangles")
        if shape.corners:
            yield key, matrix
        waiting += [((inner, _after(put, matrix)), depth + 1) for inner, put in reversed(shape.parts)]


def _after(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Return the matrix `[4 3]` of one placement after another; points are rows."""
    moved = first @ then[:3]
    moved[3] += then[3]
    return moved


def _piece(shape: Shape, matrix: np.ndarray) -> Piece:
    vertices = np.frombuffer(shape.numbers, np.float64).reshape(-1, 3)
    faces = np.frombuffer(shape.corners, np.int64).reshape(-1, 3)
    if not np.array_equal(matrix, np.eye(4, 3)):
        with np.errstate(all="ignore"):
            vertices = vertices @ matrix[:3] + matrix[3]
            faces = faces[:, ::-1] if np.linalg.det(matrix[:3]) < 0 else faces  # a mirror turns the faces
    return piece_of(shape.name, vertices, faces)
