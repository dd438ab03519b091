"""A dataset small enough to be made in a second: a cube of aluminium, 24 views of 32 x 32, 24^3 voxels."""

import copy
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ctsim import cli

SPEC: dict[str, Any] = {
    "name": "small",
    "scenes": 4,
    "scenes_per_shard": 2,
    "parts": [{"name": "cube", "file": "cube.stl", "unit": "mm", "material": "Al"}],
    "defects": [{"kind": "gas_pore", "count": [1, 2], "diameter_mm": [3.0, 5.0], "gap_mm": 3.0}],
    "scan": {
        "tube_kv": 120,
        "exposure_mas": 0.5,
        "views": 24,
        "detector": {"rows": 32, "columns": 32, "pixel_mm": 4.0},
    },
    "volume": {"voxels": 24},
}

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


def stl(side_mm: float = 20.0, *, faces: np.ndarray = FACES, nan: bool = False) -> bytes:
    """Return a cube as a binary STL; fewer faces leave it open, turned ones turn it inside out."""
    corners = side_mm * CORNERS
    if nan:
        corners[0, 0] = np.nan
    triangles = b"".join(struct.pack("<12fH", 0, 0, 0, *corners[face].ravel(), 0) for face in faces)
    return bytes(80) + struct.pack("<I", len(faces)) + triangles


def changed(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return SPEC with one value set; `KeyError` takes its key away."""
    values = copy.deepcopy(SPEC)
    inner: Any = values
    for step in place[:-1]:
        inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
    if value is KeyError:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return values


def write(folder: Path, values: Any = SPEC) -> Path:
    """Write the cube and a spec into a folder and return the spec's path."""
    (folder / "cube.stl").write_bytes(stl())
    path = folder / "small.yaml"
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return path


def ctsim(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Run the command in this process and return (exit code, standard output, standard error)."""
    monkeypatch.setattr(sys, "argv", ["ctsim", *map(str, arguments)])
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def start(*arguments: object, folder: Path) -> subprocess.Popen:
    """Start the command as a process of its own, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ctsim.cli", *map(str, arguments)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        # a shell's background jobs, and what they start, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder, by its path in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
