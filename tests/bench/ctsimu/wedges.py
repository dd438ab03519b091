"""The scenes of the spherical step wedges, 2D-SW-1 to 2D-SW-3: only step heights and regions of them are published."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float
from manifold3d import Manifold

from tests.bench.ctsimu import shapes

PIXELS, PIXEL_MM, DETECTOR_MM, WEDGE_MM = 1000, 0.2, 1000.0, 500.0
"""The picture's side and pitch, source to detector, source to wedge. Only the first is given."""

TUBE_AL_MM = {120: 3.75, 200: 3.0}
"""Aluminium before a tungsten tube of 12 deg, by kV. The tube of the Monte Carlo tables is not published; so filtered,
ours reads what they have for the ideal detector, to 0.7 % at 120 kV and 0.9 % at 200 kV."""

MATERIALS = {
    "Vacuum": ("", 0.0), "Al": ("Al", 2.6989), "Fe": ("Fe", 7.874), "Ti": ("Ti", 4.506), "Cu": ("Cu", 8.92),
    "W": ("W", 19.25), "CsI": ("CsI", 4.51), "Gd2O2S": ("Gd2O2S", 7.32),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WedgeScene:
    """One picture of a wedge.

    Attributes:
        pieces: Material and STL file of each; a later one takes what an earlier one overlaps with.
        kv: Of the tube, or keV of the one energy.
        mono: Whether there is but one.
        copper_mm: Filter.
        scintillator: Material and thickness in mm; None for the ideal detector.
        window: Material and thickness in mm of the tube's window; None for aluminium that makes the tables' beam.
        pixels: Of the picture, along a side.
        pixel_mm: Their pitch.
        scatters: Settings of a scan that takes scatter too; None for the primary beam alone.
    """

    pieces: tuple[tuple[str, str], ...]
    kv: int
    mono: bool = False
    copper_mm: float = 0.0
    scintillator: tuple[str, float] | None = None
    window: tuple[str, float] | None = None
    pixels: int = PIXELS
    pixel_mm: float = PIXEL_MM
    scatters: dict[str, Any] | None = None


def write_whole(folder: Path) -> None:
    """Write the wedges of aluminium and iron, from the first eleventh of the picture to the last."""
    ends = np.full(len(shapes.wedge_rows(9, PIXELS)), PIXELS / 11)
    for name, steps in (("Al", shapes.AL_MM), ("Fe", shapes.FE_MM)):
        write_body(_wedge(steps, ends, 10 * ends), folder / f"wedge_{name}.stl")


def write_halves(folder: Path) -> None:
    """Write the two pieces of 2D-SW-3."""
    rows = shapes.wedge_rows(len(shapes.AL_MM), PIXELS)
    first, middle, last = (np.full(len(rows), PIXELS * part / 11) for part in (1, 5.5, 10))
    write_body(_wedge(shapes.AL_MM, first, middle), folder / "left.stl")
    write_body(_wedge(shapes.AL_MM, bevel(rows), last), folder / "right.stl")


def bevel(rows: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """Return the column at which the right piece of 2D-SW-3 begins [pixel].

    5 pixels right of the left piece's end at the upper end of step 9, at it from step 6 to step 4, 10 pixels left of
    it at the lower end of step 1.
    """
    step = PIXELS / 11
    return PIXELS / 2 + np.maximum(5 * (4 - rows / step) / 3, 0) - np.maximum(10 * (rows / step - 7) / 3, 0)


def _wedge(steps: tuple[float, ...], left: Float[np.ndarray, " row"], right: Float[np.ndarray, " row"]) -> Manifold:
    return shapes.wedge(
        steps, inner_mm=WEDGE_MM, detector_mm=DETECTOR_MM, pixels=PIXELS, pixel_mm=PIXEL_MM, sides=(left, right)
    )


def write_body(body: Manifold, path: Path) -> None:
    """Write a body as STL."""
    mesh = body.to_mesh64()
    corners, faces = np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts).astype(np.int64)
    trimesh.Trimesh(corners, faces, process=False).export(path)


def write_scene(path: Path, scene: WedgeScene) -> Path:
    """Write the scenario file of a wedge, beside its meshes, and return its path."""
    values = {
        "file": {"file_type": "CTSimU Scenario", "name": path.stem, "file_format_version": {"major": 1, "minor": 2}},
        "environment": {"material_id": "Vacuum"},
        "geometry": {
            "detector": _placed(DETECTOR_MM, (0, -1, 0), (1, 0, 0)),
            "source": {"type": "cone", **_placed(0.0, (0, -1, 0), (1, 0, 0))},
            "stage": _placed(WEDGE_MM, (1, 0, 0), (0, 0, 1)),
        },
        "detector": _detector(scene),
        "source": _source(scene),
        "samples": [_sample(path.parent, material, file) for material, file in scene.pieces],
        "acquisition": {
            "start_angle": _value(0, "deg"), "stop_angle": _value(0, "deg"), "number_of_projections": 1,
            "flat_field": {"number": 1, "frame_average": 1, "ideal": True, "correction": False},
            "scattering": scene.scatters is not None,
        },
        "materials": [
            {
                "id": name, "name": name, "density": _value(density, "g/cm^3"),
                "composition": [{"formula": _value(formula), "mass_fraction": _value(1)}],
            }
            for name, (formula, density) in MATERIALS.items()
        ],
        "simulation": {"ctsim": {"rays_per_pixel": 1, **(scene.scatters or {})}},
    }  # fmt: skip
    path.write_text(json.dumps(values, indent=1))
    return path


def _detector(scene: WedgeScene) -> dict[str, Any]:
    material, thick_mm = scene.scintillator or (None, 0.0)
    return {
        "type": "real" if material else "ideal",
        "columns": _value(scene.pixels, "px"), "rows": _value(scene.pixels, "px"), "bit_depth": _value(16),
        "integration_time": _value(1, "s"), "dead_time": _value(0, "s"),
        "pixel_pitch": {"u": _value(scene.pixel_mm, "mm"), "v": _value(scene.pixel_mm, "mm")},
        "gray_value": {"imin": _value(0), "imax": _value(60000)},
        "scintillator": {"material_id": material, "thickness": _value(thick_mm, "mm")},
    }  # fmt: skip


def _source(scene: WedgeScene) -> dict[str, Any]:
    layers = {"Cu": scene.copper_mm} if scene.copper_mm else {}
    window = {} if scene.mono else dict([scene.window or ("Al", TUBE_AL_MM[scene.kv])])
    return {
        "voltage": _value(scene.kv, "kV"), "current": _value(100, "uA"),
        "target": {"material_id": "W", "type": "reflection", "angle": {"emission": _value(12, "deg")}},
        "spectrum": {"monochromatic": scene.mono},
        "window": [{"material_id": name, "thickness": _value(thick, "mm")} for name, thick in window.items()],
        "filters": [{"material_id": name, "thickness": _value(thick, "mm")} for name, thick in layers.items()],
    }  # fmt: skip


def _sample(folder: Path, material: str, file: str) -> dict[str, Any]:
    """Return the sample of a mesh that is to stay where its file has it; the format places bounding boxes."""
    middle = trimesh.load_mesh(folder / file).bounds.mean(0) - (WEDGE_MM, 0, 0)
    return {
        "name": file, "file": _value(file), "unit": "mm", "material_id": material,
        "position": {
            "center": {axis: _value(float(at), "mm") for axis, at in zip("uvw", middle, strict=True)},
            "vector_r": _vector("uvw", (1, 0, 0)), "vector_t": _vector("uvw", (0, 0, 1)),
        },
    }  # fmt: skip


def _placed(x_mm: float, first: tuple[int, int, int], normal: tuple[int, int, int]) -> dict[str, Any]:
    centre = {axis: _value(at, "mm") for axis, at in zip("xyz", (x_mm, 0.0, 0.0), strict=True)}
    return {"center": centre, "vector_u": _vector("xyz", first), "vector_w": _vector("xyz", normal)}


def _vector(axes: str, along: tuple[int, int, int]) -> dict[str, Any]:
    return {axis: _value(part) for axis, part in zip(axes, along, strict=True)}


def _value(number: Any, unit: str | None = None) -> dict[str, Any]:
    return {"value": number} if unit is None else {"value": number, "unit": unit}
