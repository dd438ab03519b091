"""Small scenarios for tests: an F of two materials, between a source and a small panel."""

import json
from pathlib import Path
from typing import Any

import trimesh


def xyz(x: float, y: float, z: float, unit: str | None = "mm", letters: str = "xyz") -> dict[str, Any]:
    """Return a vector as the format has it."""
    box = {"unit": unit} if unit else {}
    return {letter: {"value": float(c), **box} for letter, c in zip(letters, (x, y, z), strict=True)}


def placed(centre, u, w) -> dict[str, Any]:
    """Return a thing of the geometry section."""
    return {"center": xyz(*centre), "vector_u": xyz(*u, None), "vector_w": xyz(*w, None), "deviations": []}


def sample(file: str, material: str, centre, *, fixed: bool = False) -> dict[str, Any]:
    """Return a sample on the stage, or fixed in the world, its own axes along theirs."""
    letters = "xyz" if fixed else "uvw"
    return {
        "name": file,
        "file": {"value": file, "drifts": None},
        "unit": "mm",
        "scaling_factor": {axis: {"value": 1.0} for axis in "rst"},
        "material_id": material,
        "position": {
            "center": xyz(*centre, "mm", letters),
            "vector_r": xyz(1, 0, 0, None, letters),
            "vector_t": xyz(0, 0, 1, None, letters),
            "deviations": [],
        },
    }


def element(symbol: str, density: float) -> dict[str, Any]:
    """Return a material of one element."""
    return {
        "id": symbol,
        "name": symbol,
        "density": {"value": density, "unit": "g/cm^3"},
        "composition": [{"formula": {"value": symbol}, "mass_fraction": {"value": 1}}],
    }


def scenario(**changes: Any) -> dict[str, Any]:
    """Return a scenario of one aluminium block, 100 keV, without noise; `changes` replace whole sections."""
    return {
        "file": {"name": "test", "file_type": "CTSimU Scenario", "file_format_version": {"major": 1, "minor": 2}},
        "environment": {"material_id": None, "temperature": None},
        "geometry": {
            "detector": placed((400, 0, 0), (0, -1, 0), (1, 0, 0)),
            "source": {"type": "cone", **placed((0, 0, 0), (0, -1, 0), (1, 0, 0))},
            "stage": placed((300, 0, 0), (1, 0, 0), (0, 0, 1)),
        },
        "detector": {
            "type": "ideal",
            "columns": {"value": 40, "unit": "px"},
            "rows": {"value": 30, "unit": "px"},
            "pixel_pitch": {"u": {"value": 2.0, "unit": "mm"}, "v": {"value": 2.0, "unit": "mm"}},
            "bit_depth": {"value": 16},
            "integration_time": {"value": 0.5, "unit": "s"},
            "gray_value": {"imax": {"value": 60000}, "imin": {"value": 100}},
        },
        "source": {
            "voltage": {"value": 100, "unit": "kV"},
            "current": {"value": 100, "unit": "uA"},
            "spectrum": {"monochromatic": True, "file": None},
            "window": [],
            "filters": [],
        },
        "samples": [sample("block.stl", "Al", (0, 5, 0))],
        "acquisition": {
            "start_angle": {"value": 0, "unit": "deg"},
            "stop_angle": {"value": 360, "unit": "deg"},
            "direction": "CCW",
            "scan_mode": "stop+go",
            "number_of_projections": 4,
            "include_final_angle": False,
            "scattering": False,
        },
        "materials": [element("Al", 2.699), element("Fe", 7.874)],
        **changes,
    }


def write(folder: Path, values: dict[str, Any], name: str = "test.json") -> Path:
    """Write a scenario with its meshes: block.stl of 20 x 10 x 16 mm off its own origin, small.stl of 4 mm."""
    block = trimesh.creation.box((20, 10, 16))
    block.apply_translation((3, 4, 5))
    block.export(folder / "block.stl")
    trimesh.creation.box((4, 4, 4)).export(folder / "small.stl")
    (folder / name).write_text(json.dumps(values))
    return folder / name
