"""What stands on the stage, as GATE takes it: meshes, or voxels in their stead, each of a material.

Solids that touch are let stand side by side: Geant4 forbids overlaps, and a shared face is none. Vertices are handed
over in double precision, because STL's single precision would move shared faces by up to 4e-6 mm against each other.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from ctsim.gate.sight import Sight
from ctsim.geometry import Grid
from ctsim.materials import material
from ctsim.truth import occupancy
from defects.messages import BadInput
from scenes.build import Solid
from scenes.fidelity import GateSpec

MARGIN_MM = 1.0
"""Between the world's end and what lies in it."""


class Bodies(NamedTuple):
    """What stands on the stage, in its frame: meshes, or voxels in their stead."""

    meshes: list[tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"], str]]
    voxels: tuple[Path, Grid, Float[np.ndarray, "3"]] | None


def bodies_of(matter: Sequence[Solid], names: Sequence[str], spec: GateSpec, folder: Path) -> Bodies:
    """Return what stands on the stage; voxels are written into the folder."""
    if spec.solids == "meshes":
        return Bodies([(*solid.mesh(), _alias(names, solid.material)) for solid in matter], None)
    grid, middle, voxels = voxels_of(matter, names, spec.voxels)
    np.save(folder / "voxels.npy", voxels)
    return Bodies([], (folder / "voxels.npy", grid, middle))


def _alias(names: Sequence[str], name: str) -> str:
    """Return what a material is called in GATE, which has an Al and a water of its own."""
    return f"m{names.index(name)}"


def voxels_of(
    matter: Sequence[Solid], names: Sequence[str], count: int
) -> tuple[Grid, Float[np.ndarray, "3"], UInt8[np.ndarray, "z y x"]]:
    """Return voxels about some solids, where their middle lies [mm], and the material with the largest share in each.

    Args:
        matter: Solids that do not overlap.
        names: Their materials; voxels number them from 1, and 0 is none.
        count: Voxels along the longest side.
    """
    corners = np.concatenate([solid.mesh()[0] for solid in matter])
    low, high = corners.min(0), corners.max(0)
    voxel_mm, middle = float((high - low).max()) / count, (low + high) / 2
    sides = np.maximum(np.ceil((high - low) / voxel_mm - 1e-9).astype(int), 1)
    grid = Grid(shape=(int(sides[2]), int(sides[1]), int(sides[0])), voxel_mm=voxel_mm)
    shares = np.zeros((len(names), *grid.shape))
    for solid in matter:
        box, share = occupancy(replace(solid, surface=solid.surface.translate(tuple(-middle))), grid)
        shares[names.index(solid.material)][box] += share
    fullest = shares.argmax(0)
    voxels = np.where(shares.max(0) > 1 - shares.sum(0), fullest + 1, 0).astype(np.uint8)
    return grid, middle, voxels


def placed(bodies: Bodies, sight: Sight, folder: Path) -> dict[str, Any]:
    """Return the specimen as a view sees it; meshes are written into the folder.

    Raises:
        BadInput: It reaches into the panel.
    """
    meshes = [(sight.of(points), faces, name) for points, faces, name in bodies.meshes]
    voxels, reach = None, [points for points, _, _ in meshes]
    if bodies.voxels is not None:
        file, grid, middle = bodies.voxels
        half = np.array(grid.shape[::-1]) * grid.voxel_mm / 2
        signs = np.array(list(itertools.product((-1, 1), repeat=3)))
        reach, centre = [sight.of(middle + signs * half)], sight.of(middle[None])[0]
        voxels = (str(file), grid.voxel_mm, sight.axes.tolist(), centre.tolist())
    furthest = max(float(points[:, 0].max()) for points in reach)
    if not furthest < sight.distance_mm:
        raise BadInput(
            f"fidelity gate: the part must lie before the panel, {sight.distance_mm:g} mm from the source, but "
            f"{'its voxels reach' if voxels else 'it reaches'} {furthest:g} mm; raise source_detector_mm"
        )
    for i, (points, faces, _) in enumerate(meshes):
        _write_ply(folder / f"{i}.ply", points, faces)
    far = max(float(np.abs(points).max()) for points in [*reach, sight.ends_mm, np.array([sight.distance_mm])])
    return {
        "solids": [(str(folder / f"{i}.ply"), name) for i, (_, _, name) in enumerate(meshes)],
        "voxels": voxels,
        "world_mm": far + MARGIN_MM,
    }


def _write_ply(path: Path, points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> None:
    """Write a mesh, vertices in double precision."""
    rows = np.zeros(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    lines = [
        "ply", "format binary_little_endian 1.0",
        f"element vertex {len(points)}", *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", "",
    ]  # fmt: skip
    path.write_bytes("\n".join(lines).encode() + points.astype("<f8").tobytes() + rows.tobytes())


def composition(names: Sequence[str], name: str) -> tuple[str, float, list[str], list[float]]:
    """Return a material as GATE takes it."""
    what = material(name)
    symbols, fractions = zip(*what.mass_fractions, strict=True)
    return _alias(names, name), what.density_g_cm3, list(symbols), list(fractions)
