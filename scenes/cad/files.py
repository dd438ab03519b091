"""A CAD or mesh file read, whatever its kind: its triangles, checked, and the unit that it states."""

import os
from pathlib import Path

import numpy as np

from defects.messages import BadInput
from scenes import plain_file
from scenes.cad.contents import MOST_PIECES, Contents, Piece
from scenes.cad.mesh_files import MESHES, read_mesh
from scenes.cad.step_files import STEPS, read_step

KINDS = MESHES | STEPS


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadInput: When it is missing, a folder, unreadable, empty or of an unknown kind.
    """
    if os.path.isdir(path):
        raise BadInput(f"{path} is a folder; expected a CAD or mesh file ({', '.join(KINDS)})")
    if path.suffix.lower() not in KINDS:
        raise BadInput(f"{path.name}: unknown kind of file {path.suffix!r}; expected one of {', '.join(KINDS)}")
    try:
        data = plain_file.read_bytes(path)
    except FileNotFoundError:
        raise BadInput(f"no such file: {path}; expected a CAD or mesh file, so check the path") from None
    except OSError as error:
        raise BadInput(
            f"{path.name:.200} cannot be read: {error.strerror}; check the path and its permissions"
        ) from None
    if not data:
        raise BadInput(f"{path.name} is empty (0 bytes); expected a CAD or mesh file: export or copy it again")
    return data


def read_contents(path: Path, data: bytes, *, tolerance: float, tolerance_deg: float) -> Contents:
    """Return what a file holds.

    Args:
        path: Its kind is told by its ending.
        data: Its bytes.
        tolerance: Largest distance of a STEP face's triangles from it [mm of the file].
        tolerance_deg: Largest turn between neighbouring triangles of a STEP face.

    Raises:
        BadInput: When it is damaged, or holds no triangles, or numbers that are not finite.
    """
    if (ending := path.suffix.lower()) in STEPS:
        contents = read_step(path, data, tolerance, tolerance_deg)
    else:
        contents = read_mesh(path.name, ending, data)
    if not contents.pieces:
        raise BadInput(f"{path.name} holds no triangles; expected a solid: export it as a closed surface")
    if len(contents.pieces) > MOST_PIECES:
        raise BadInput(
            f"{path.name} holds {len(contents.pieces)} objects; expected {MOST_PIECES} at most: export fewer of them"
        )
    for piece in contents.pieces:
        check_numbers(path.name, piece)
    return contents


def check_numbers(name: str, piece: Piece) -> None:
    """Raise BadInput unless all vertices are finite."""
    if bad := int((~np.isfinite(piece.vertices)).any(axis=1).sum()):
        raise BadInput(
            f"{name}: NaN or infinite coordinates in {bad} of {len(piece.vertices)} vertices; expected finite ones: "
            f"export it again"
        )
