"""CAD and mesh files made solids: closed, outward, in mm, with a report of everything that was done to get there.

    solids, report = read_solids(Path("bracket.stl"), unit="mm")

The file's unit is taken to mm; each piece is welded, tidied, oriented, cut apart where it runs through itself, and
nested; what is not closed is refused, or closed if `repair` asks for it. STL, OBJ, PLY and OFF state no unit, so it
must be given. 3MF and STEP state theirs, and a different one is refused: where a header lies, `scale` sets it right
(200 mm labelled as inches: `scale: 0.03937`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from manifold3d import Manifold

from defects.messages import BadInput, require_positive, unknown
from scenes.cad.closing import LID
from scenes.cad.files import KINDS, Contents, read_bytes, read_contents
from scenes.cad.mending import Note, Surface, compact, sentences, surface_of
from scenes.cad.mesh_files import UNITLESS
from scenes.cad.solidify import assembly_solids, mesh_solids
from scenes.cad.step_files import STEPS

MM = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3, "inch": 25.4, "ft": 304.8}
LIKELY_MM = (1.0, 3000.0)  # longest side of what goes into a scanner
LIKELY_LIDS = 0.01  # share of the surface; more is a wall that was missing
POSSIBLE_MM = (1e-6, 1e9)  # beyond, squares and products of coordinates lose their meaning
HALF_RADIAN_DEG = 28.65  # 0.5 rad, the turn OpenCASCADE meshes with unless told otherwise


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What was read and what was done to it.

    Attributes:
        file: The file's name, without folders.
        sha256: Of its bytes.
        unit: As used: "um", "mm", "cm", "m", "inch" or "ft".
        scale: Factor on top of the unit.
        size_mm: Of the box around all bodies (x, y, z).
        volume_mm3: Of all bodies.
        bodies: How many solids.
        faces_read: Triangles in the file.
        faces: Triangles in the solids.
        open_edges: Left after mending; 0, for anything else is refused.
        repairs: Every change to the geometry, a sentence each.
        warnings: What a user should look at.
    """

    file: str
    sha256: str
    unit: str
    scale: float
    size_mm: tuple[float, float, float]
    volume_mm3: float
    bodies: int
    faces_read: int
    faces: int
    open_edges: int
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]


def read_solids(
    path: Path,
    *,
    unit: str | None,
    scale: float = 1.0,
    tolerance_mm: float = 0.1,
    tolerance_deg: float = HALF_RADIAN_DEG,
    repair: bool = False,
) -> tuple[tuple[Manifold, ...], ImportReport]:
    """Return the bodies of a CAD or mesh file [mm], and the report of how they were made.

    Bodies of a mesh file that overlap or touch are united; bodies of a STEP file stay apart, and what two of them
    claim stays with the first. A shell that runs through itself becomes what its winding number is above 0 in; that is
    told, and refused where it cannot be had.

    Args:
        path: An STL, OBJ, PLY, OFF, 3MF or STEP file.
        unit: Of its coordinates: "um", "mm", "cm", "m", "inch" or "ft"; None where the file states its own.
        scale: A further factor on all lengths.
        tolerance_mm: Largest distance of the triangles from a STEP file's surfaces, after scaling.
        tolerance_deg: Largest turn from one of those triangles to the next.
        repair: Whether to close an open surface, and to take a doubtful inner shell as a void.

    Raises:
        BadInput: When the file is damaged, or no closed solid, or its unit is unknown.
    """
    require_positive(scale=scale, tolerance_mm=tolerance_mm, tolerance_deg=tolerance_deg)
    path = Path(path)
    data = read_bytes(path)
    contents = read_contents(path, data, tolerance=tolerance_mm / scale, tolerance_deg=tolerance_deg)
    used = unit_of(path, contents, unit)
    notes = [Note("left out {count} object{s} without faces", contents.left_out)]
    try:
        pieces = in_mm(contents, MM[used] * scale)
        if (kind := path.suffix.lower()) in STEPS:
            bodies, cavities = assembly_solids(pieces, repair=repair, notes=notes)
        else:
            bodies, cavities = mesh_solids(pieces, apart=kind not in UNITLESS, repair=repair, notes=notes)
    except BadInput as error:
        raise BadInput(f"{path.name}: {error}") from None
    report = ImportReport(
        file=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        unit=used,
        scale=float(scale),
        size_mm=size_of(bodies),
        volume_mm3=float(sum(body.volume() for body in bodies)),
        bodies=len(bodies),
        faces_read=sum(len(piece.faces) for piece in contents.pieces),
        faces=sum(body.num_tri() for body in bodies),
        open_edges=0,
        repairs=sentences(notes),
        warnings=warnings_about(bodies, cavities, notes),
    )
    return bodies, report


def unit_of(path: Path, contents: Contents, unit: str | None) -> str:
    """Return the unit of a file's numbers: the one given where it states none, the one stated where it does."""
    if unit is not None and unit not in MM:
        raise unknown("unit", unit, MM)
    kind = KINDS[path.suffix.lower()]
    if contents.unit is None and unit is None:
        points = np.concatenate([piece.vertices[np.unique(piece.faces)] for piece in contents.pieces])
        with np.errstate(over="ignore"):
            size = np.ptp(points, axis=0)
        sizes = [f"{spelled(size * factor)} mm if {name}" for name, factor in (("mm", 1), ("inch", 25.4), ("m", 1e3))]
        raise BadInput(
            f"{path.name}: {kind} files carry no unit; this one is {spelled(size)} in its own numbers, that is "
            f"{', '.join(sizes)}; give `unit: mm` (or {', '.join(name for name in MM if name != 'mm')})"
        )
    if contents.unit is not None and contents.unit not in MM:
        raise BadInput(f"{path.name}: its header states the unit {contents.unit!r}; expected {', '.join(MM)}")
    if contents.unit is not None and unit not in (None, contents.unit):
        says = "is converted to mm by the unit in its header" if kind == "STEP" else f"states {contents.unit!r} itself"
        raise BadInput(
            f"{path.name}: a unit of {unit!r} was given, but this {kind} file {says}; leave the unit out, and if the "
            f"header is wrong set it right with `scale` ({MM[unit] / MM[contents.unit]:.6g} would do it)"
        )
    return contents.unit or str(unit)


def spelled(size: np.ndarray) -> str:
    """Return a size as "20 x 20 x 5"."""
    return " x ".join(f"{side:.4g}" for side in size)


def in_mm(contents: Contents, factor: float) -> list[tuple[str, Surface]]:
    """Return the pieces by name, scaled.

    Raises:
        BadInput: When they have no extent, or one that cannot be computed with.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        pieces = [(piece.name, surface_of(piece.vertices * factor, piece.faces)) for piece in contents.pieces]
        points = np.concatenate([compact(surface)[0] for _, surface in pieces])
        longest = float(np.ptp(points, axis=0).max())
    if longest == 0:
        raise BadInput("all vertices lie in one point; expected a solid: export it again")
    if not POSSIBLE_MM[0] <= longest <= POSSIBLE_MM[1]:
        raise BadInput(
            f"the longest side is {longest:.4g} mm; expected {POSSIBLE_MM[0]:g} to {POSSIBLE_MM[1]:g} mm: "
            f"check the unit and the scale"
        )
    return pieces


def size_of(bodies: tuple[Manifold, ...]) -> tuple[float, float, float]:
    """Return the sides of the box around bodies [mm]."""
    boxes = np.array([body.bounding_box() for body in bodies])
    x, y, z = boxes[:, 3:].max(axis=0) - boxes[:, :3].min(axis=0)
    return float(x), float(y), float(z)


def warnings_about(bodies: tuple[Manifold, ...], cavities: int, notes: list[Note]) -> tuple[str, ...]:
    """Return what a user should look at."""
    longest = max(size_of(bodies))
    told = []
    if not LIKELY_MM[0] <= longest <= LIKELY_MM[1]:
        told.append(f"longest side {longest:.4g} mm is outside 1 mm to 3 m: is the unit right?")
    lids = sum(note.amount for note in notes if note.text == LID) / sum(body.surface_area() for body in bodies)
    if lids > LIKELY_LIDS:
        told.append(f"lids over holes are {lids:.0%} of the surface: is this the part that was meant?")
    if cavities:
        told.append(f"{cavities} closed cavit{'y' if cavities == 1 else 'ies'}: meant to be hollow?")
    return tuple(told)
