"""STL, OBJ, PLY, OFF and 3MF files read: the triangles of each object in the file's unit.

Each kind has a reader of its own, in which no number of a header is believed before the bytes bear it out: a file may
come from anywhere, and readers made for convenience follow it wherever it points.
"""

from defects.messages import BadInput
from scenes.cad.contents import Contents
from scenes.cad.obj_files import read_obj
from scenes.cad.off_files import read_off
from scenes.cad.ply_files import read_ply
from scenes.cad.stl_files import read_stl
from scenes.cad.threemf_files import read_3mf

UNITLESS = {".stl": "STL", ".obj": "OBJ", ".ply": "PLY", ".off": "OFF"}
MESHES = UNITLESS | {".3mf": "3MF"}
READERS = {".stl": read_stl, ".obj": read_obj, ".ply": read_ply, ".off": read_off}


def read_mesh(name: str, ending: str, data: bytes) -> Contents:
    """Return what a mesh file holds, unwelded and with the transforms of a 3MF applied.

    Raises:
        BadInput: It is damaged.
    """
    try:
        if ending == ".3mf":
            return read_3mf(data)
        pieces = READERS[ending](data)
    except Exception as error:  # whatever else a foreign file may do, it is damaged
        why = " ".join(f"{error}".split())[:200] or type(error).__name__
        raise BadInput(f"{name} is not a readable {MESHES[ending]} file ({why}); export or copy it again") from error
    kept = tuple(piece for piece in pieces if len(piece.faces))
    return Contents(pieces=kept, unit=None, left_out=len(pieces) - len(kept))
