"""Figures of the CAD import: a binary STL of a million triangles made a solid.

python -m tests.bench.cad
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import trimesh

from scenes.cad.crossings import crossings
from scenes.cad.importer import read_solids
from tests.bench.figures import peak_mb, show

STEPS = 708  # around and from pole to pole: 1.0e6 triangles


def bumpy_ball() -> trimesh.Trimesh:
    """Return a ball of 50 mm radius with waves of 2 and 0.5 mm on it."""
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, STEPS + 1)[1:-1], 2 * np.pi * np.arange(STEPS) / STEPS, indexing="ij"
    )
    radius = 50 + 2 * np.sin(9 * theta) * np.cos(7 * phi) + 0.5 * np.sin(31 * theta) * np.cos(23 * phi)
    x, y, z = radius * (np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta))
    vertices = np.vstack([np.stack([x, y, z], axis=-1).reshape(-1, 3), [[0, 0, 50], [0, 0, -50]]])
    i, j = np.arange(STEPS - 2)[:, None] * STEPS, np.arange(STEPS)[None]
    k, last = (j + 1) % STEPS, (STEPS - 2) * STEPS
    north, south = np.full(STEPS, len(vertices) - 2), np.full(STEPS, len(vertices) - 1)
    quads = [
        np.stack(q, axis=-1).reshape(-1, 3)
        for q in ((i + j, i + STEPS + j, i + STEPS + k), (i + j, i + STEPS + k, i + k))
    ]
    caps = [np.stack([north, j[0], k[0]], axis=1), np.stack([south, last + k[0], last + j[0]], axis=1)]
    return trimesh.Trimesh(vertices, np.concatenate([*quads, *caps]), process=False)


def main() -> None:
    """Print the figures."""
    small = trimesh.creation.icosphere(subdivisions=1)
    crossings(np.array(small.vertices), np.array(small.faces), 1e-6)  # compiles
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ball.stl")
        ball = bumpy_ball()
        ball.export(path)
        volume, vertices, faces = ball.volume, np.array(ball.vertices), np.array(ball.faces)
        before = peak_mb()
        start = time.perf_counter()
        _, report = read_solids(path, unit="mm")
        seconds = time.perf_counter() - start
        peak = peak_mb()
        start = time.perf_counter()
        found = crossings(vertices, faces, 1e-4)
        show(
            {
                "faces": report.faces,
                "seconds_import_1m": seconds,
                "peak_mb_import_1m": peak,
                "peak_mb_before_import": before,
                "seconds_crossings_1m": time.perf_counter() - start,
                "crossings": len(found.pairs),
                "volume_error_relative": abs(report.volume_mm3 / volume - 1),
            }
        )


if __name__ == "__main__":
    main()
