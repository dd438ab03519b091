"""STL, OBJ, PLY, OFF and 3MF files read: the triangles of each object in the file's unit, through trimesh."""

import contextlib
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import trimesh

from defects.messages import BadInput

UNITLESS = {".stl": "STL", ".obj": "OBJ", ".ply": "PLY", ".off": "OFF"}
MESHES = UNITLESS | {".3mf": "3MF"}
UNITS_3MF = {"micron": "um", "millimeter": "mm", "centimeter": "cm", "inch": "inch", "foot": "ft", "meter": "m"}
MOST_UNPACKED = 2**31  # bytes that a 3MF may unpack to


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


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep trimesh's log and the warnings under it from the screen: what it could not read is checked afterwards."""
    log = logging.getLogger("trimesh")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)  # its children, one a module, take the level over, but not `disabled`
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def read_mesh(name: str, ending: str, data: bytes) -> Contents:
    """Return what trimesh finds in a mesh file, unwelded and with the transforms of a 3MF applied."""
    if ending == ".stl":
        check_stl(name, data)
    if ending == ".3mf":
        check_3mf(name, data)
    try:
        with hushed():
            scene = trimesh.load_scene(
                io.BytesIO(readable(ending, data)),
                file_type=ending[1:],
                process=False,
                skip_materials=True,
                resolver=None,
            )
            order = {geometry: i for i, geometry in enumerate(scene.geometry)}
            nodes = [(*scene.graph[node], node) for node in scene.graph.nodes_geometry]
            nodes.sort(key=lambda node: (order[node[1]], str(node[2])))
            pieces = [piece for matrix, key, _ in nodes if (piece := placed(key, scene.geometry[key], matrix))]
            unit = scene.units if ending == ".3mf" else None
    except Exception as error:  # any parser's complaint about a foreign file, from KeyError to lxml's
        said = str(error).strip().splitlines()
        why = said[0][:160] if said else type(error).__name__
        raise BadInput(f"{name} is not a readable {MESHES[ending]} file ({why}); export or copy it again") from None
    check_counts(name, ending, data, sum(len(piece.faces) for piece in pieces))
    stated = UNITS_3MF.get(str(unit).removesuffix("s"), str(unit)) if ending == ".3mf" else None
    return Contents(pieces=tuple(pieces), unit=stated, left_out=len(nodes) - len(pieces))


def readable(ending: str, data: bytes) -> bytes:
    """Return the data with a text format's foreign letters, as in a name, made UTF-8: trimesh reads no other."""
    if ending in (".obj", ".off") or (ending == ".stl" and not is_binary_stl(data)):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1").encode("utf-8")
    if ending == ".ply":
        head, end, body = data.partition(b"end_header")
        return head.decode("ascii", errors="replace").replace("\ufffd", "?").encode() + end + body
    return data


def is_binary_stl(data: bytes) -> bool:
    """Return whether the length is what the header states: 84 bytes and 50 a triangle."""
    return len(data) >= 84 and len(data) == 84 + 50 * int.from_bytes(data[80:84], "little")


def placed(name: str, shape: object, matrix: np.ndarray) -> Piece | None:
    """Return a mesh where its transform puts it; None for curves and points."""
    if not isinstance(shape, trimesh.Trimesh) or not len(shape.faces):
        return None
    vertices, faces = np.array(shape.vertices, dtype=np.float64), np.array(shape.faces, dtype=np.int64)
    if not np.array_equal(matrix, np.eye(4)):
        vertices = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        faces = faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces  # a mirror turns the faces
    return Piece(name=str(name), vertices=vertices, faces=faces)


def check_counts(name: str, ending: str, data: bytes, faces: int) -> None:
    """Raise BadInput when fewer triangles were read than the file states: text parsers stop in silence."""
    if ending == ".stl" and not is_binary_stl(data):
        stated = len(re.findall(rb"(?im)^\s*vertex\s", data)) // 3
    elif ending == ".ply":
        stated = int((re.findall(rb"(?m)^element face (\d+)", data[:65536]) or [b"0"])[0])
    elif ending == ".off":
        stated = int((re.findall(rb"\A\s*OFF\s*(?:#[^\n]*\s*)*\d+\s+(\d+)", data[:65536]) or [b"0"])[0])
    else:
        stated = 0
    if faces < stated:
        raise BadInput(
            f"{name} states {stated} faces, but {faces} could be read; it is truncated or damaged: "
            f"export or copy it again"
        )


def check_stl(name: str, data: bytes) -> None:
    """Raise BadInput unless an STL is a binary one of the stated length, or a text one with its end."""
    if is_binary_stl(data):
        return
    if data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:4096].lower():
        if b"endsolid" not in data[-4096:].lower():
            raise BadInput(f"{name}: the text STL stops without 'endsolid'; it is truncated: export or copy it again")
        return
    if len(data) < 84:
        raise BadInput(f"{name}: {len(data)} bytes are no STL; expected text from 'solid' on or at least 84 bytes")
    stated = int.from_bytes(data[80:84], "little")
    raise BadInput(
        f"{name}: the STL header states {stated} triangles, which take {84 + 50 * stated} bytes, but the file has "
        f"{len(data)}; it is truncated or no STL: export or copy it again"
    )


def check_3mf(name: str, data: bytes) -> None:
    """Raise BadInput unless a 3MF is a whole zip archive of bearable size."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:
        raise BadInput(f"{name} is no whole 3MF (a zip archive): {error}; export or copy it again") from None
    if size > MOST_UNPACKED:
        raise BadInput(f"{name} unpacks to {size} bytes; expected at most {MOST_UNPACKED}: export it with fewer faces")
