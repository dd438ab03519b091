"""3MF files read: objects of triangles, and of other objects, where the build puts them.

Reference: 3MF Core Specification 1.3, sections 3.4 (build), 4.1 (mesh) and 4.2 (components); Production Extension 1.1
(objects in other files of the archive, by `path`); Open Packaging Conventions (which file is the model, by a relation).
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.parsers import expat

import numpy as np

from scenes.cad.contents import MOST_PIECES, Contents, Piece, numbers_of, piece_of
from scenes.zip_file import entries_of

UNITS = {"micron": "um", "millimeter": "mm", "centimeter": "cm", "inch": "inch", "foot": "ft", "meter": "m"}
MODEL = "3d/3dmodel.model"
RELATIONS = "_rels/.rels"
MODEL_RELATION = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"

MOST_UNPACKED = 1 << 29
"""Bytes that an archive may unpack to: five million triangles."""

MOST_TAGS = 10_000_000
"""Of all models of an archive together: a triangle, and its share of a vertex, take one and a half."""

MOST_RELATIONS = 1 << 20
"""Bytes of the file that says which one is the model."""

MOST_SHAPES = 2 * MOST_PIECES
"""Objects that are stated, placed or not; each takes a kilobyte before it holds anything."""

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
    """What the files of an archive say: the objects by key, what is built of them, how many places, and the unit."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    build: list[Place] = field(default_factory=list)
    places: int = 0
    unit: str = "millimeter"


def read_3mf(data: bytes) -> Contents:
    """Return the objects of a 3MF file where the build puts them, and its unit.

    Raises:
        ValueError: It is damaged, or objects consist of each other, or are more than there is room for.
    """
    files = {name.lstrip("/"): inside for name, inside in entries_of(data, MOST_UNPACKED)}
    main = _main(files)
    texts = {"": files.pop(main)} | {name: text for name, text in files.items() if name.lower().endswith(".model")}
    if (tags := sum(text.count(b"<") for text in texts.values())) > MOST_TAGS:
        raise ValueError(f"its models hold {tags} tags, expected {MOST_TAGS} at most")
    model = Model()
    for name, text in texts.items():  # the main one first: its unit and build count
        _read_model(text, name, model)
    placed = list(_placed(model))
    used = {key for key, _ in placed}
    pieces = {key: _piece(shape) for key, shape in model.shapes.items() if key in used}
    order = {key: number for number, key in enumerate(pieces)}
    put = [_put(pieces[key], matrix) for key, matrix in sorted(placed, key=lambda place: order[place[0]])]
    unit = model.unit.removesuffix("s")
    return Contents(pieces=tuple(put), unit=UNITS.get(unit, unit))


def _main(files: dict[str, bytes]) -> str:
    """Return the name of the model of an archive: the one that its relations name, or else the usual one."""
    named = _related(next((content for name, content in files.items() if name.lower() == RELATIONS), b""))
    for name in files:
        if name.lower() == named:
            return name
    for name in files:
        if MODEL in name.lower():
            return name
    raise ValueError(f"it holds no {(named or MODEL)[:100]}")


def _related(relations: bytes) -> str:
    """Return the file that the relations of an archive name as its model, in small letters, or an empty name."""
    found = [""]

    def start(tag: str, said: dict[str, str]) -> None:
        if tag.rpartition(" ")[2] == "Relationship" and said.get("Type") == MODEL_RELATION:
            found.append(unquote(said["Target"]).lstrip("/").lower())

    if len(relations) > MOST_RELATIONS:
        raise ValueError(f"its {RELATIONS} takes {len(relations)} bytes, expected {MOST_RELATIONS} at most")
    if relations:
        _parse(relations, start)
    return found[1] if len(found) > 1 else ""


def _read_model(text: bytes, file: str, model: Model) -> None:
    """Add what one file of the archive says. Keys of objects are their file and id; the main file's name is empty."""
    inside: list[Shape] = []

    def start(tag: str, said: dict[str, str]) -> None:
        word = tag.rpartition(" ")[2]
        if word == "object":
            inside[:] = [_object(said, file, model)]
        elif inside:
            _add(inside[0], word, said, file, model)
        elif word == "model" and not file:
            model.unit = said.get("unit", model.unit)
        elif word == "item" and not file:
            model.build.append(_place(said, file, model))

    def end(tag: str) -> None:
        if tag.rpartition(" ")[2] == "object":
            inside.clear()

    _parse(text, start, end)


def _parse(text: bytes, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None) -> None:
    """Hand the elements of an XML file to functions; raises ValueError where it declares a document type."""

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
    if len(model.shapes) > MOST_SHAPES:
        raise ValueError(f"it states more than {MOST_SHAPES} objects")
    return shape


def _add(shape: Shape, word: str, said: dict[str, str], file: str, model: Model) -> None:
    """Add what stands in an object."""
    if word == "vertex":
        shape.numbers.extend((float(said["x"]), float(said["y"]), float(said["z"])))
    elif word == "triangle":
        shape.corners.extend((int(said["v1"]), int(said["v2"]), int(said["v3"])))
    elif word == "component":
        shape.parts.append(_place(said, file, model))


def _place(said: dict[str, str], file: str, model: Model) -> Place:
    """Return the object that a component or an item names, and where it is put."""
    model.places += 1
    if model.places > MOST_PIECES:  # told at once: twenty of them take a byte of a packed archive
        raise ValueError(f"it has more than {MOST_PIECES} items and components")
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


def _piece(shape: Shape) -> Piece:
    """Return an object where it stands itself, with the vertices that its faces use."""
    vertices = np.frombuffer(shape.numbers, np.float64).reshape(-1, 3)
    return piece_of(shape.name, vertices, np.frombuffer(shape.corners, np.int64).reshape(-1, 3))


def _put(piece: Piece, matrix: np.ndarray) -> Piece:
    """Return an object moved by a matrix `[4 3]`."""
    if np.array_equal(matrix, np.eye(4, 3)):
        return piece
    with np.errstate(all="ignore"):
        vertices = piece.vertices @ matrix[:3] + matrix[3]
        faces = piece.faces[:, ::-1].copy() if np.linalg.det(matrix[:3]) < 0 else piece.faces  # a mirror turns them
    return Piece(name=piece.name, vertices=vertices, faces=faces)
