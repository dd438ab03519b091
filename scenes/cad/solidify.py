"""Triangles made solids: the pieces of a file welded, oriented, closed if asked for, nested, and made disjoint."""

import numpy as np
from manifold3d import Manifold

from defects.messages import BadInput
from scenes.cad.closing import close
from scenes.cad.mending import Faults, Note, Surface, faults_of, open_edges, orient, tidy, weld
from scenes.cad.nesting import bodies_of, disjoint, united

SHEET = 1e-6  # volume over (area * diagonal) below which an open surface is a sheet, not a solid with a hole
SHEETS = "left out {count} surface{s} without volume"


def assembly_solids(
    pieces: list[tuple[str, Surface]], *, repair: bool, notes: list[Note]
) -> tuple[tuple[Manifold, ...], int]:
    """Return the bodies of a STEP file, mended one by one and made disjoint, and how many cavities they have."""
    bodies, cavities = [], 0
    for name, piece in pieces:
        surface = tidy(weld(piece, notes), notes)
        if volumeless(name, surface, notes):
            continue
        found, hollow = solids_of(surface, repair=repair, notes=notes)
        bodies += united(found, notes)
        cavities += hollow
    return some(disjoint(bodies, notes)), cavities


def mesh_solids(
    pieces: list[tuple[str, Surface]], *, apart: bool, repair: bool, notes: list[Note]
) -> tuple[tuple[Manifold, ...], int]:
    """Return the bodies of a mesh file, of one material, and how many cavities they have.

    All pieces are welded together, for OBJ cuts one solid by colour; but each by itself where only that closes, as
    with touching bodies, or where the format keeps its objects apart, as 3MF does.
    """
    surface, told = welded(pieces if apart else [("", joined([piece for _, piece in pieces]))])
    if not apart and len(pieces) > 1 and broken(surface):
        alone, said = welded(pieces)
        whole = all(note.count == 0 for note in said if note.text == SHEETS)  # else a wall would be missing
        surface, told = (alone, said) if whole and not broken(alone) else (surface, told)
    notes += told
    if not len(surface.faces):
        return some([]), 0
    bodies, cavities = solids_of(surface, repair=repair, notes=notes)
    return some(united(bodies, notes)), cavities


def welded(pieces: list[tuple[str, Surface]]) -> tuple[Surface, list[Note]]:
    """Return pieces welded and tidied each by itself, those without volume left out, and what was done."""
    notes: list[Note] = []
    tidied = [(name, tidy(weld(piece, notes), notes)) for name, piece in pieces]
    kept = [piece for name, piece in tidied if not volumeless(name, piece, notes)]
    return joined(kept or [tidied[0][1].take(np.zeros(0, dtype=np.int64))]), notes


def solids_of(surface: Surface, *, repair: bool, notes: list[Note]) -> tuple[list[Manifold], int]:
    """Return the bodies of a welded surface, and how many cavities they have.

    Raises:
        BadInput: When it is not closed, and not closed by the repair that was asked for.
    """
    surface, shell = orient(surface)
    before = faults_of(surface.faces)
    if any(before) and repair:
        surface, shell = close(surface, notes)
    if any(left := faults_of(surface.faces)):
        raise BadInput(not_closed(surface, before, left, repair=repair))
    return bodies_of(surface, shell, void=repair, notes=notes)


def some(bodies: list[Manifold]) -> tuple[Manifold, ...]:
    """Return the bodies.

    Raises:
        BadInput: When there are none.
    """
    if not bodies:
        raise BadInput(
            "it holds surfaces without volume only; expected a closed solid: give the surfaces a wall thickness where "
            "they were made"
        )
    return tuple(bodies)


def joined(surfaces: list[Surface]) -> Surface:
    """Return several surfaces as one, their vertices apart."""
    offsets = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])[:-1]
    return Surface(
        vertices=np.concatenate([surface.vertices for surface in surfaces]),
        faces=np.concatenate([surface.faces + offset for surface, offset in zip(surfaces, offsets, strict=True)]),
        turned=np.concatenate([surface.turned for surface in surfaces]),
    )


def broken(surface: Surface) -> bool:
    """Return whether a surface has faults that a consistent winding does not mend."""
    return any(faults_of(orient(surface)[0].faces))


def volumeless(name: str, surface: Surface, notes: list[Note]) -> bool:
    """Return whether a piece bounds nothing, and note that it is left out."""
    empty = not len(surface.faces) or is_sheet(name, surface)
    notes.append(Note(SHEETS, int(empty)))
    return empty


def is_sheet(name: str, surface: Surface) -> bool:
    """Return whether a piece is an open surface by its shape, or by the name that OpenCASCADE gives to one."""
    if not open_edges(surface.faces):
        return False
    if name.endswith(("/SHELL", "/FACE")):
        return True
    return bool(abs(surface.volume_mm3) <= SHEET * surface.areas_mm2.sum() * surface.diagonal_mm)


def not_closed(surface: Surface, before: Faults, left: Faults, *, repair: bool) -> str:
    """Return why a surface is refused, with its counts."""
    loose = "; its triangles hang together nowhere (a polygon soup)" if before.open == 3 * len(surface.faces) else ""
    counts = f"{spelled_faults(before)} in {len(surface.faces)} faces{loose}"
    if repair:
        return (
            f"could not be closed: {counts}, after the repair {spelled_faults(left)}; expected a watertight "
            f"surface: mend it where it was made"
        )
    return (
        f"not a closed solid: {counts}; expected a watertight surface: mend it where it was made, or give "
        f"`repair: true` to have gaps joined and holes filled"
    )


def spelled_faults(faults: Faults) -> str:
    """Return the counts of faults in words."""
    words = [f"{faults.open} open edge{'' if faults.open == 1 else 's'}"]
    words += [f"{faults.crossing} non-manifold (shared by more than two faces)"] if faults.crossing else []
    words += [f"{faults.twisted} where the surface is one-sided"] if faults.twisted else []
    return ", ".join(words)
