"""The path of a scan as a scenario has it: placements, deviations and drifts (the way back of `placing`)."""

from typing import Any

import numpy as np
from jaxtyping import Float

from defects.messages import BadInput
from scenes.fidelity import PRIMARY_ONLY
from scenes.orbit import nominal_rows, range_deg, stage_axes, step_deg, true_rows
from scenes.scene import ScanSpec
from scenes.trajectory import Deviation

SAME = 1e-12
"""Below which a drift is none."""

UNIT = {"shift_mm": "mm", "turn_deg": "deg"}


def geometry_json(scan: ScanSpec) -> dict[str, Any]:
    """Return the geometry; the source stands at the origin of the world, or for vectors the stage does."""
    if scan.trajectory.vectors is not None:
        return _of_vectors(scan)
    path, sod_mm = scan.trajectory, scan.source_object_mm
    climb_mm = -np.linspace(-0.5, 0.5, 2) * (scan.views - 1) * step_deg(scan) * path.pitch_mm / 360
    axes = stage_axes(path.tilt_deg, np.zeros(1))[0]
    stage_mm = np.array([sod_mm, 0.0, 0.0]) + climb_mm[:, None] * axes[2]
    shift_u_mm, shift_v_mm = path.detector_shift_mm
    detector_mm = np.array([[scan.source_detector_mm, -shift_u_mm, -shift_v_mm]])
    facing = {"vector_u": _vector([[0.0, -1.0, 0.0]]), "vector_w": _vector([[1.0, 0.0, 0.0]])}
    stage = {"vector_u": _vector(axes[:1]), "vector_w": _vector(axes[2:])}
    things = {
        "detector": {"center": _vector(detector_mm, unit="mm"), **facing},
        "source": {"type": "cone", "beam_divergence": None, "center": _vector(np.zeros((1, 3)), unit="mm"), **facing},
        "stage": {"center": _vector(stage_mm, unit="mm"), **stage},
    }
    return {
        name: {**thing, "deviations": [_deviation(d) for d in path.deviations if d.of == name]}
        for name, thing in things.items()
    }


def acquisition_json(scan: ScanSpec) -> dict[str, Any]:
    """Return the course of the scan; with vectors the stage stands still, and source and detector go about it."""
    path = scan.trajectory
    if path.vectors is not None:
        start = stop = 0.0
    else:
        start = -path.start_deg if path.clockwise else path.start_deg
        stop = start + range_deg(path, scan.detector.columns * scan.detector.pixel_mm, scan.source_detector_mm)
    return {
        "start_angle": {"value": start, "unit": "deg"},
        "stop_angle": {"value": stop, "unit": "deg"},
        "direction": "CW" if path.clockwise else "CCW",
        "scan_mode": "continuous" if path.motion == "continuous" else "stop+go",
        "scan_speed": None,
        "number_of_projections": scan.views,
        "include_final_angle": path.include_final_angle,
        "frame_average": scan.detector.frames,
        "dark_field": _field(scan),
        "flat_field": _field(scan),
        "pixel_binning": {"u": 1, "v": 1},
        "scattering": scan.fidelity != PRIMARY_ONLY,
    }


def _field(scan: ScanSpec) -> dict[str, Any]:
    return {"number": 1, "frame_average": scan.flat_frames, "ideal": not scan.noise, "correction": False}


def _deviation(deviation: Deviation) -> dict[str, Any]:
    kind = "turn_deg" if deviation.shift_mm is None else "shift_mm"
    amounts = np.atleast_1d(np.asarray(getattr(deviation, kind), float))
    return {
        "type": "rotation" if kind == "turn_deg" else "translation",
        "axis": deviation.axis,
        "amount": _number(amounts, None, UNIT[kind]),
        "known_to_reconstruction": deviation.known,
    }


def _of_vectors(scan: ScanSpec) -> dict[str, Any]:
    """Return source and detector that drift about a stage that stands still at the origin of the world."""
    if scan.trajectory.motion == "continuous":
        raise BadInput("a path of vectors in continuous motion is no scenario; give motion: stop_and_go")
    rows = nominal_rows(scan), true_rows(scan, np.arange(scan.views, dtype=float))
    told, true = (_parts(row) for row in rows)
    facing = {key: _vector(told[key], true[key]) for key in ("vector_u", "vector_w")}
    upright = {"vector_u": _vector([[1.0, 0.0, 0.0]]), "vector_w": _vector([[0.0, 0.0, 1.0]])}
    return {
        "detector": {"center": _vector(told["detector"], true["detector"], "mm"), **facing, "deviations": []},
        "source": {
            "type": "cone", "beam_divergence": None, "center": _vector(told["source"], true["source"], "mm"),
            **facing, "deviations": [],
        },
        "stage": {"center": _vector(np.zeros((1, 3)), unit="mm"), **upright, "deviations": []},
    }  # fmt: skip


def _parts(rows: Float[np.ndarray, "view 12"]) -> dict[str, Float[np.ndarray, "view 3"]]:
    source, centre, u, v = np.split(rows, 4, axis=1)
    u, v = u / np.linalg.norm(u, axis=1, keepdims=True), v / np.linalg.norm(v, axis=1, keepdims=True)
    if np.abs(np.sum(u * v, axis=1)).max() > 1e-6:
        raise BadInput("a detector whose u and v are not at right angles is no scenario; straighten trajectory.vectors")
    return {"source": source, "detector": centre, "vector_u": u, "vector_w": np.cross(u, v)}


def _vector(told: Any, true: Any = None, unit: str | None = None) -> dict[str, Any]:
    """Return a vector with a drift that reconstruction knows, and one that leads from there to what is true."""
    told = np.atleast_2d(np.asarray(told, float))
    unknown = None if true is None else true - told
    return {axis: _number(told[:, i], None if unknown is None else unknown[:, i], unit) for i, axis in enumerate("xyz")}


def _number(
    told: Float[np.ndarray, " frame"], unknown: Float[np.ndarray, " frame"] | None, unit: str | None
) -> dict[str, Any]:
    drifts = [
        {"value": offsets.tolist(), **({"unit": unit} if unit else {}), "known_to_reconstruction": known}
        for offsets, known in ((told - told[0], True), (unknown, False))
        if offsets is not None and np.abs(offsets).max() > SAME
    ]
    return {
        "value": float(told[0]),
        **({"unit": unit} if unit else {}),
        **({"drifts": drifts} if drifts else {}),
    }
