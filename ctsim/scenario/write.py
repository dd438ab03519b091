"""A scan and a specimen written as a CTSimU scenario (format 1.2), with an STL file per solid and tables beside it.

What the format cannot hold stands under `simulation.ctsim`, in the words of a scene.json, and is read from there again.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ctsim.files import write_file
from ctsim.materials import material
from ctsim.scanner import scanner_of
from ctsim.scenario.path import acquisition_json, geometry_json
from ctsim.scenario.read import FILE_TYPE
from ctsim.scenario.stands import brightest
from ctsim.scenario.units import PER_KEV
from ctsim.shards import json_bytes
from ctsim.spectrum import tube_spectrum
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.fidelity import PRIMARY_ONLY
from scenes.orbit import true_rows
from scenes.scene import ScanSpec

STERADIAN_MM2 = 1e6
"""Of a steradian at 1 m."""

ONLY_OURS = (
    "escape", "thresholds_kev", "energy_fwhm_kev", "dead_time_ns", "saturation_counts", "electronic_noise_counts",
    "snr_free_beam", "lag", "pattern_seed", "gain_spread", "offset_spread_counts", "dead_pixels", "hot_pixels",
    "drifting_pixels", "drift_spread", "bad_pixels", "interpolate_bad_pixels", "anti_scatter_grid",
)  # fmt: skip
"""Fields of a panel that the format has no word for, or not the same one."""


def write_scenario(out: Path, name: str, scan: ScanSpec, specimen: Specimen, *, seed: int = 0) -> list[Path]:
    """Write NAME.json and all that it names into a folder, and return the files' paths.

    Args:
        out: Where to.
        name: Of the scenario; every file's name begins with it.
        scan: How it is scanned.
        specimen: What stands on the stage.
        seed: Of the noise.

    Raises:
        BadInput: The format cannot say it: bands of a counting panel, a slanted detector, vectors in motion.
    """
    if scan.detector.thresholds_kev:
        raise BadInput("a panel that counts photons in bands is no scenario: the format has one picture a view")
    matter = specimen.matter
    used = {solid.material for solid in matter} | set(scan.filters)
    panel = scan.detector
    used |= {*panel.filters, *panel.window, *([panel.scintillator] if panel.scintillator else [])}
    files: dict[str, bytes] = {}
    samples = []
    for number, solid in enumerate(matter, start=1):
        file = f"{name}_{number}.stl"
        files[file], centre_mm = stl_of(solid)
        samples.append(_sample(f"{solid.label} {number}", file, solid.material, centre_mm))
    values = {
        "file": {
            "name": name, "description": "", "contact": "", "version": {"major": 1, "minor": 0},
            "file_type": FILE_TYPE, "file_format_version": {"major": 1, "minor": 2},
        },
        "environment": {"material_id": None, "temperature": None},
        "geometry": geometry_json(scan),
        "detector": _detector(scan, name, files),
        "source": _source(scan, name, files),
        "samples": samples,
        "acquisition": acquisition_json(scan),
        "materials": [_material(key) for key in sorted(used)],
        "simulation": {"ctsim": _only_ours(scan, seed)},
    }  # fmt: skip
    files[f"{name}.json"] = json_bytes(values)
    out.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        write_file(out / file, content)
    return [out / file for file in files]


def stl_of(solid: Solid) -> tuple[bytes, tuple[float, float, float]]:
    """Return a solid as a binary STL in mm, and the centre of its bounding box as the file has it [mm]."""
    vertices, faces = solid.mesh()
    corners = vertices.astype(np.float32)[faces]  # face corner xyz
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    record = np.zeros(len(faces), [("vectors", "<f4", (4, 3)), ("attribute", "<u2")])
    record["vectors"][:, 0] = np.divide(normals, size, out=np.zeros_like(normals), where=size > 0)
    record["vectors"][:, 1:] = corners
    low, high = corners.min((0, 1)).astype(float), corners.max((0, 1)).astype(float)
    x, y, z = (low + high) / 2
    return bytes(80) + len(faces).to_bytes(4, "little") + record.tobytes(), (float(x), float(y), float(z))


def value(number: float | str | None, unit: str | None = None) -> dict[str, Any]:
    """Return a value as the format has it."""
    return {"value": number, "unit": unit} if unit else {"value": number}


def _sample(name: str, file: str, material_id: str, centre_mm: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "name": name,
        "file": value(file),
        "unit": "mm",
        "scaling_factor": {axis: value(1.0) for axis in "rst"},
        "material_id": material_id,
        "position": {
            "center": {axis: value(c, "mm") for axis, c in zip("uvw", centre_mm, strict=True)},
            "vector_r": {axis: value(c) for axis, c in zip("uvw", (1, 0, 0), strict=True)},
            "vector_t": {axis: value(c) for axis, c in zip("uvw", (0, 0, 1), strict=True)},
            "deviations": [],
        },
    }


def _material(name: str) -> dict[str, Any]:
    what = material(name)
    parts = [
        {"formula": value(symbol), "mass_fraction": value(share)} for symbol, share in what.mass_fractions
    ]  # fmt: skip
    return {"id": name, "name": name, "density": value(what.density_g_cm3, "g/cm^3"), "composition": parts}


def _layers(layers: dict[str, float]) -> list[dict[str, Any]]:
    return [{"material_id": name, "thickness": value(mm, "mm")} for name, mm in layers.items()]


def _source(scan: ScanSpec, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    """Return the source; its spectrum goes to a table, so that every program has the same."""
    mono = scan.spectrum is not None and len(scan.spectrum) == 1
    voltage_kv = scan.tube_kv or max(energy for energy, _ in scan.spectrum or ((0.0, 0.0),))
    if scan.spectrum is None:
        tube = tube_spectrum(scan.tube_kv, scan.tube_target, scan.anode_deg, ())
        pairs = list(zip(tube.energies_kev.tolist(), tube.photons.tolist(), strict=True))
    else:
        pairs = list(scan.spectrum)
    if not mono:
        rows = [(energy, photons * STERADIAN_MM2) for energy, photons in pairs]
        files[f"{name}_spectrum.tsv"] = _table(rows)
    return {
        "model": "",
        "manufacturer": "",
        "voltage": value(voltage_kv, "kV"),
        "current": _current(scan),
        "target": None,
        "spot": _spot(scan),
        "spectrum": {"monochromatic": mono, "file": None if mono else value(f"{name}_spectrum.tsv")},
        "window": [],
        "filters": _layers(scan.filters),
    }


def _current(scan: ScanSpec) -> dict[str, Any]:
    """Return the tube's current, which carries what the beam drifts."""
    first_ma, drift = scan.exposure_mas / scan.detector.integration_s, scan.beam_drift or (1.0,)
    offsets = [first_ma * (strength / drift[0] - 1) for strength in drift]
    return value(first_ma, "mA") | ({"drifts": [{"value": offsets, "unit": "mA"}]} if any(offsets) else {})


def _spot(scan: ScanSpec) -> dict[str, Any] | None:
    spot = scan.focal_spot
    if spot is None:
        return None
    whole = _sides(spot.size_u_mm, spot.size_v_mm)
    if spot.shape != "gaussian":
        return {"size": whole, "sigma": None, "intensity_map": None}
    cut = None if spot.cut_u_mm is None and spot.cut_v_mm is None else _sides(spot.cut_u_mm, spot.cut_v_mm)
    return {"size": cut, "sigma": whole, "intensity_map": None}


def _sides(u_mm: float | None, v_mm: float | None) -> dict[str, Any]:
    return {axis: value(side or 0.0, "mm") for axis, side in (("u", u_mm), ("v", v_mm), ("w", 0.0))}


def _detector(scan: ScanSpec, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    panel = scan.detector
    tables = {
        "gray_values": [(kev * PER_KEV["1/J"], grey) for kev, grey in panel.grey_values],
        "efficiency": panel.efficiency,
        "noise": panel.noise_table if scan.noise else (),
        "mtf": panel.mtf,
    }
    files |= {f"{name}_{kind}.tsv": _table(rows) for kind, rows in tables.items() if rows}
    named = {kind: value(f"{name}_{kind}.tsv" if rows else None) for kind, rows in tables.items()}
    pitch_u_mm, pitch_v_mm = panel.pitch_mm
    sheet = {"material_id": panel.scintillator, "thickness": value(panel.scintillator_mm, "mm")}
    return {
        "model": "",
        "manufacturer": "",
        "type": "real" if panel.scintillator or panel.efficiency else "ideal",
        "columns": value(panel.columns, "px"),
        "rows": value(panel.rows, "px"),
        "pixel_pitch": {"u": value(pitch_u_mm, "mm"), "v": value(pitch_v_mm, "mm")},
        "bit_depth": value(panel.bits or 32),
        "integration_time": value(panel.integration_s, "s"),
        "dead_time": value(_dead_time_s(scan), "s"),
        "image_lag": value(sum(share for share, _ in panel.lag)) if panel.lag else None,
        "gray_value": {
            **_grey_values(scan),
            "intensity_characteristics_file": named["gray_values"],
            "efficiency_characteristics_file": named["efficiency"],
        },
        "noise": {
            "snr_at_imax": value(_snr(scan)),
            "noise_characteristics_file": named["noise"],
        },
        "gain": None,
        "unsharpness": {
            "basic_spatial_resolution": value(panel.spatial_resolution_mm or None, "mm"), "mtf": named["mtf"],
        },
        "bad_pixel_map": None,
        "scintillator": sheet if panel.scintillator else None,
        "window": {"front": _layers(panel.window), "rear": []},
        "filters": {"front": _layers(panel.filters), "rear": []},
    }  # fmt: skip


def _snr(scan: ScanSpec) -> float | None:
    """Return the ratio of signal to noise of the free beam in one frame, at the foot of the source's normal."""
    if not scan.noise or scan.detector.noise_table:
        return None
    panel = scanner_of(scan).detector
    read_out = panel.electronic_noise_counts / panel.free_beam_counts[0]
    return float((1 / panel.quanta[0] + read_out**2) ** -0.5)


def _grey_values(scan: ScanSpec) -> dict[str, Any]:
    panel, row = scan.detector, true_rows(scan, np.zeros(1))[0]
    most = panel.dark_counts + panel.free_beam_counts * brightest(row, panel.rows, panel.columns)
    factor = None if panel.counts_per_kev is None else panel.counts_per_kev / PER_KEV["1/J"]
    return {
        "imax": value(most),
        "imin": value(panel.dark_counts),
        "factor": value(factor, "1/J"),
        "offset": value(None if factor is None else panel.dark_counts),
    }


def _dead_time_s(scan: ScanSpec) -> float:
    """Return the pause after a view that leaves its share of a step for the exposure."""
    path, panel = scan.trajectory, scan.detector
    return panel.integration_s * panel.frames * (1 / path.exposure_share - 1) if path.motion == "continuous" else 0.0


def _only_ours(scan: ScanSpec, seed: int) -> dict[str, Any]:
    """Return what the format has no word for."""
    panel, standard = scan.detector.model_dump(mode="json"), DetectorSpec.model_fields
    ours = {name: panel[name] for name in ONLY_OURS if panel[name] != _plain(standard[name].default)}
    if scan.noise and not scan.detector.noise_table:  # the ratio that is written holds for the free beam alone
        ours |= {name: panel[name] for name in ("snr_free_beam", "electronic_noise_counts")}
    path = {"instants": scan.trajectory.instants} if scan.trajectory.motion == "continuous" else {}
    spot = {} if scan.focal_spot is None else {"focal_spot": scan.focal_spot.model_dump(mode="json")}
    plain = scan.model_dump(mode="json", include={"fidelity", "monte_carlo", "gate"})
    scatter = {} if scan.fidelity == PRIMARY_ONLY else plain
    tube = {name: getattr(scan, name) for name in ("heel", "tube_kv", "tube_target", "anode_deg", "spectrum")}
    return {
        "seed": seed,
        "rays_per_pixel": scan.rays_per_pixel,
        "noise": scan.noise,
        "backend": scan.backend,
        **scatter,
        **spot,
        **(tube if scan.heel else {}),
        **({"trajectory": path} if path else {}),
        **({"detector": ours} if ours else {}),
    }


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _table(rows: Any) -> bytes:
    return "".join("\t".join(repr(float(number)) for number in row) + "\n" for row in rows).encode()
