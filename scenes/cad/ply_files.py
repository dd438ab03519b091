"""PLY files read, text and binary: vertices, and polygons as triangles."""

import re
from array import array
from dataclasses import dataclass, field

import numpy as np

from scenes.cad.contents import Piece, fans, numbers_of, piece_of

MOST_HEADER = 1 << 16
"""Bytes before `end_header`."""

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float16": "f2", "float32": "f4", "float64": "f8",
}  # fmt: skip
CORNERS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class Property:
    """A number of an element, or a list of them where `length` gives the type of its length."""

    name: str
    kind: str
    length: str | None = None


@dataclass(frozen=True)
class Element:
    """So many things of the same properties: vertices or faces, or what we do not need."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


def read_ply(data: bytes) -> list[Piece]:
    """Return what a PLY file draws.

    Raises:
        ValueError: It is none, or holds fewer vertices or faces than it states.
    """
    order, elements, start = _header(data)
    body, blanks = memoryview(data)[start:], b" \t\r\n"  # which some programs write behind the last element
    if order == "text":
        # every number is one of 8 bytes, whatever its type
        numbers = numbers_of(bytes(body).decode("ascii"))
        body, order, blanks = memoryview(numbers.astype("<f8").tobytes()), "<", b""
        elements = [Element(e.name, e.count, [_wide(each) for each in e.properties]) for e in elements]
    vertices, faces, place = np.zeros((0, 3)), np.zeros((0, 3), np.int64), 0
    for element in elements:
        lists, columns, place = _element(element, body, place, order)
        if element.name == "vertex":
            vertices = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)
        if element.name == "face":
            faces = fans(*next((lists[name] for name in CORNERS if name in lists), _no_list()))
    if bytes(body[place:]).translate(None, blanks):
        raise ValueError(f"{len(body) - place} bytes follow its last element")
    return [piece_of("part", vertices, faces)]


def _header(data: bytes) -> tuple[str, list[Element], int]:
    """Return the order of bytes ("<", ">" or "text"), the elements, and where they begin."""
    head = re.match(rb"ply\s*?\r?\n.*?^end_header[ \t]*\r?\n?", data[:MOST_HEADER], re.DOTALL | re.MULTILINE)
    if head is None:
        raise ValueError("it does not begin with ply and a header")
    order, elements = None, list[Element]()
    for line in head.group().decode("ascii", errors="replace").splitlines():
        match line.split():
            case ["format", "ascii" | "binary_little_endian" | "binary_big_endian" as kind, *_]:
                order = {"ascii": "text", "binary_little_endian": "<", "binary_big_endian": ">"}[kind]
            case ["element", name, count]:
                if not re.fullmatch(r"\d{1,18}", count):
                    raise ValueError(f"it states {count[:20]} of {name[:20]}")
                elements.append(Element(name, int(count)))
            case ["property", "list", length, kind, name] if elements:
                elements[-1].properties.append(Property(name, TYPES[kind], TYPES[length]))
            case ["property", kind, name] if elements:
                elements[-1].properties.append(Property(name, TYPES[kind]))
    if order is None:
        raise ValueError("its header names no format")
    return order, elements, head.end()


def _wide(each: Property) -> Property:
    return Property(each.name, "f8", each.length and "f8")


def _no_list() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


Lists = dict[str, tuple[np.ndarray, np.ndarray]]
"""By name, the numbers of all lists one after the other, and how many each has."""


def _element(element: Element, body: memoryview, place: int, order: str) -> tuple[Lists, dict[str, np.ndarray], int]:
    """Return the lists of an element, its other columns by name, and where it ends."""
    if not element.count or not element.properties:
        return {}, {each.name: np.zeros(0) for each in element.properties}, place
    lengths = _first_lengths(element, body, place, order)
    fields = []
    for number, each in enumerate(element.properties):
        if each.length:
            fields.append((f"length {number}", order + each.length))
        fields.append((f"value {number}", order + each.kind, *([(lengths[number],)] if each.length else [])))
    size = sum(np.dtype(kind).itemsize * (shape[0][0] if shape else 1) for _, kind, *shape in fields)
    end = place + size * element.count
    if end <= len(body):
        rows = np.frombuffer(body[place:end], np.dtype(fields))
        if all((rows[f"length {number}"] == length).all() for number, length in lengths.items()):
            columns = {each.name: rows[f"value {number}"] for number, each in enumerate(element.properties)}
            lists = {
                element.properties[number].name: (
                    _whole(columns[element.properties[number].name].reshape(-1)),
                    np.full(element.count, length),
                )
                for number, length in lengths.items()
            }
            return lists, columns, end
    return _one_by_one(element, body, place, order)


def _first_lengths(element: Element, body: memoryview, place: int, order: str) -> dict[int, int]:
    """Return how long the lists of the first of an element are, by the number of the property."""
    lengths = {}
    for number, each in enumerate(element.properties):
        if each.length:
            length, place = _number(body, place, order + each.length)
            lengths[number] = _length(length)
        place += np.dtype(each.kind).itemsize * lengths.get(number, 1)
    return lengths


def _one_by_one(element: Element, body: memoryview, place: int, order: str) -> tuple[Lists, dict[str, np.ndarray], int]:
    """Return the same where lists are of several lengths, or the file ends before they do."""
    values = {each.name: bytearray() for each in element.properties}
    counts = {each.name: array("q") for each in element.properties if each.length}
    sizes = {each.name: np.dtype(each.kind).itemsize for each in element.properties}
    for row in range(element.count):
        for each in element.properties:
            end = place + sizes[each.name]
            try:
                if each.length:
                    length, place = _number(body, place, order + each.length)
                    counts[each.name].append(count := _length(length))
                    end = place + count * sizes[each.name]
                if end > len(body):
                    raise ValueError("it ends within an element")
            except ValueError as error:
                raise ValueError(f"it states {element.count} {element.name}s, but {row} could be read") from error
            values[each.name] += body[place:end]
            place = end
    columns = {each.name: np.frombuffer(values[each.name], order + each.kind) for each in element.properties}
    lists = {name: (_whole(columns[name]), np.array(count, dtype=np.int64)) for name, count in counts.items()}
    return lists, columns, place


def _number(body: memoryview, place: int, kind: str) -> tuple[float, int]:
    end = place + np.dtype(kind).itemsize
    if end > len(body):
        raise ValueError("it ends before a list")
    return np.frombuffer(body[place:end], kind)[0].item(), end


def _length(number: float) -> int:
    if not (number >= 0 and number == int(number)):
        raise ValueError(f"a list of {number} numbers")
    return int(number)


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Return numbers of vertices; what is none, or beyond all files, names one that is not there."""
    if numbers.dtype.kind == "f":
        numbers = np.where(np.isfinite(numbers) & (np.abs(numbers) < 2**53) & (numbers % 1 == 0), numbers, -1)
    return numbers.astype(np.int64)
