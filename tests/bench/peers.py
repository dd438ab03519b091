"""How fast the peers are on this machine, each in a process of its own: `python -m tests.bench.peers [--json]`.

gVirtualXray renders one aluminium sphere over 49 % of a panel of 102.4 mm, 200 mm from the source with the panel at
400 mm, turned by 1 deg before each image. After one image that is not counted, images are counted for some seconds,
three times over, and the median is told. One configuration a process, so that none leaves anything for the next.

As it comes, gVXR filters its images against artefacts. A closed surface needs no filter, and gVXR is up to five times
as fast without it: both figures are printed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int
from manifold3d import Manifold

from tests.bench.figures import show

PANEL_MM = 102.4
SPHERE_MM = 20.0
"""Radius of the sphere."""

ROOT = Path(__file__).resolve().parents[2]


def gvxr_views_per_s(
    vertices_mm: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    pixels: int,
    energies: int = 1,
    *,
    artefact_filter: bool = True,
    seconds: float = 2.0,
    threads: int | None = None,
) -> tuple[float | None, str]:
    """Return how many views gVXR renders in a second, and on what; or None and the reason.

    Args:
        vertices_mm: Corners of the surface, about the origin [mm].
        faces: Corners of each triangle.
        pixels: On each side of the panel of 102.4 mm.
        energies: Bins of the spectrum; 1 is a beam of 80 keV, more lie evenly from 20 to 160 keV.
        artefact_filter: Whether gVXR filters its images, which it does unless told otherwise.
        seconds: How long images are counted, each of three times.
        threads: Of the software renderer; as many as this process may use where left out.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "mesh.npz", vertices=vertices_mm, faces=faces)
        task = {"folder": folder, "pixels": pixels, "energies": energies, "filter": artefact_filter, "seconds": seconds}
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.peers", "--gvxr", json.dumps(task)],
            cwd=ROOT, capture_output=True, text=True, check=False,
            # large pages: without them gVXR takes three times as long to load
            env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", **os.environ, "LP_NUM_THREADS": str(threads)},
        )  # fmt: skip
        result = Path(folder) / "result.json"
        if not result.exists():
            words = (done.stderr.strip() or "no word").splitlines()[-1]
            return None, f"gVXR ended with {done.returncode}: {words}"
        found = json.loads(result.read_text(encoding="utf-8"))
    return found["views_per_s"], found["renderer"]


def _measure_gvxr(task: dict) -> None:
    """Count gVXR's images and write the result into the task's folder; runs in a process of its own."""
    from gvxrPython3 import gvxr

    _set_up(gvxr, task)
    image = np.zeros((task["pixels"], task["pixels"]), np.float32)

    def turn_and_render() -> None:
        gvxr.rotateNode("ball", 1.0, 0, 0, 1)
        gvxr.computeXRayImage(image)

    turn_and_render()
    rate = statistics.median(_rate(turn_and_render, task["seconds"]) for _ in range(3))
    covered = float(np.mean(image < 0.999 * image.max()))
    if not 0.4 < covered < 0.6:  # an image of nothing is made faster
        raise SystemExit(f"the sphere covers {covered:.0%} of the image where about half was expected")
    values = {"views_per_s": rate, "renderer": gvxr.getOpenGlRenderer()}
    (Path(task["folder"]) / "result.json").write_text(json.dumps(values), encoding="utf-8")


def _set_up(gvxr, task: dict) -> None:
    """Put source, sphere and panel where they belong."""
    folder, n = Path(task["folder"]), task["pixels"]
    mesh = np.load(folder / "mesh.npz")
    gvxr.useLogFile(str(folder / "gvxr.log"))
    gvxr.createWindow(0, 0, "EGL")
    gvxr.setSourcePosition(0, -200, 0, "mm")
    gvxr.usePointSource()
    gvxr.setDetectorPosition(0, 200, 0, "mm")
    gvxr.setDetectorUpVector(0, 0, -1)
    gvxr.setDetectorNumberOfPixels(n, n)
    gvxr.setDetectorPixelSize(PANEL_MM / n, PANEL_MM / n, "mm")
    gvxr.makeTriangularMesh("ball", mesh["vertices"].ravel().tolist(), mesh["faces"].ravel().tolist(), "mm")
    gvxr.setElement("ball", "Al")
    gvxr.addPolygonMeshAsInnerSurface("ball")
    gvxr.resetBeamSpectrum()
    for energy_kev in [80.0] if task["energies"] == 1 else np.linspace(20, 160, task["energies"]):
        gvxr.addEnergyBinToSpectrumPerPixelAtSDD(float(energy_kev), "keV", 1000)
    if not task["filter"]:
        gvxr.disableArtefactFiltering()  # last: the calls above turn it on again


def _rate(render: Callable[[], None], seconds: float) -> float:
    """Return how often a second something can be done."""
    count, start = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - start < seconds:
        render()
        count += 1
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print gVXR's views per second of the three objects that our own are measured on."""
    if sys.argv[1:2] == ["--gvxr"]:
        _measure_gvxr(json.loads(sys.argv[2]))
        return
    figures: dict[str, float] = {}
    for name, ball, pixels, energies in (
        ("20k_512_mono", icosphere(), 512, 1),
        ("20k_1024_30bins", icosphere(), 1024, 30),
        ("1m_1024_mono", fine_sphere(), 1024, 1),
    ):
        for kind, artefact_filter in (("", True), ("_unfiltered", False)):
            rate, words = gvxr_views_per_s(*ball, pixels, energies, artefact_filter=artefact_filter)
            if rate is None:
                raise SystemExit(f"{words}; see `ctsim doctor`")
            figures[f"gvxr_views_per_s_{name}{kind}"] = rate
    show(figures)


def icosphere() -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """Return the sphere of 20 480 triangles: an icosahedron cut five times."""
    ball = trimesh.creation.icosphere(subdivisions=5, radius=SPHERE_MM)
    return np.array(ball.vertices), np.array(ball.faces)


def fine_sphere() -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """Return the sphere of 996 872 triangles."""
    mesh = Manifold.sphere(SPHERE_MM, 1412).to_mesh64()
    return np.array(mesh.vert_properties)[:, :3], np.array(mesh.tri_verts, np.int64)


if __name__ == "__main__":
    main()
