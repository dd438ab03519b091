"""How fast and how exact volumes are, against RTK: `python -m tests.bench.reconstruct [--json]`.

The same projections of ellipsoids (closed forms, float32), the same voxels and the same number of threads; from numpy
to numpy, filtering and all. RTK has a process of its own, and the two take turns.
"""

import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ctsim.geometry import Geometry, Grid, circular
from ctsim.reconstruct.backproject import add_views, voxel_matrices
from ctsim.reconstruct.fdk import BATCH, fdk, fill, plan_of
from ctsim.reconstruct.lanes import REACH
from ctsim.reconstruct.ramp import padded_length, response
from tests.bench import rtk
from tests.bench.figures import median_seconds, show
from tests.ctsim.ellipsoids import Ellipsoid, inside, projections_of

GRID = Grid(shape=(192, 192, 192), voxel_mm=0.4)
VIEWS = 180
RUNS = 5

BODIES = (
    Ellipsoid(centre_mm=(10, -7, 5), radii_mm=(20, 14, 25), value=0.05),
    Ellipsoid(centre_mm=(14, -3, -2), radii_mm=(4, 6, 5), value=-0.02),
    Ellipsoid(centre_mm=(-18, 12, -10), radii_mm=(8, 10, 12), value=0.03),
)


def main() -> None:
    """Print our figures, and those against RTK where it is installed."""
    geometry = scanner()
    projections = projections_of(BODIES, geometry)
    fdk(projections, geometry, GRID)  # compiles
    figures = against_rtk(projections, geometry) if rtk.installed() else {}
    if not figures:
        print(rtk.MISSING, file=sys.stderr)
        figures["gups"] = updates() / median_seconds(lambda: fdk(projections, geometry, GRID))
    show(figures | parts(projections, geometry) | {"peak_mb": peak_mb()})


def scanner() -> Geometry:
    """Return a scanner with a panel of 204.8 mm."""
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=256, columns=256, pixel_mm=0.8,
        angles_deg=np.arange(VIEWS) * 360 / VIEWS,
    )  # fmt: skip


def updates() -> float:
    """Return the voxel updates of one reconstruction, in billions."""
    return np.prod(GRID.shape) * VIEWS / 1e9


def against_rtk(projections: np.ndarray, geometry: Geometry) -> dict[str, float]:
    """Return how fast both are, turn and turn about, and how far apart inside the bodies."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name, rtk.Peer() as peer:
        folder = Path(name)
        rtk.hand_over(folder, projections, geometry, GRID)
        peer.seconds(folder)
        for _ in range(RUNS):
            theirs.append(peer.seconds(folder))
            start = time.perf_counter()
            volume = fdk(projections, geometry, GRID)
            ours.append(time.perf_counter() - start)
        difference = (volume - np.load(folder / "volume.npy"))[inside(BODIES[0], GRID)]
    return {
        "ratio_rtk": statistics.median(theirs) / statistics.median(ours),
        "rms_difference_rtk": float(np.sqrt(np.mean(difference**2))) / BODIES[0].value,
        "gups": updates() / statistics.median(ours),
        "gups_rtk": updates() / statistics.median(theirs),
        "seconds": statistics.median(ours),
        "seconds_rtk": statistics.median(theirs),
    }


def parts(projections: np.ndarray, geometry: Geometry) -> dict[str, float]:
    """Return the speed of the parts: filtering, and the two ways to sum a voxel over the views."""
    plan, columns = plan_of(geometry, GRID), geometry.columns
    factors, some = response(padded_length(columns), "ram-lak"), slice(0, BATCH)
    pictures = np.zeros((BATCH, columns + 2, geometry.rows + 2 * REACH), np.float32)
    matrices, weights = voxel_matrices(geometry.projection, GRID, 0)[some], np.ones((1, BATCH))
    volume, share = np.zeros(GRID.shape, np.float32), BATCH / VIEWS
    lines = median_seconds(lambda: add_views(pictures, matrices, weights, True, volume))
    voxels = median_seconds(lambda: add_views(pictures, matrices, weights, False, volume), runs=3)
    return {
        "seconds_filter": median_seconds(lambda: fill(pictures, projections, plan, factors, some)) / share,
        "gups_backproject_upright": updates() * share / lines,
        "gups_backproject_any": updates() * share / voxels,
    }


def peak_mb() -> float:
    """Return the peak memory of a process that reconstructs; 75 MB of it are its projections and its volume [MB]."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_mb)


def _peak_mb() -> float:
    geometry = scanner()
    fdk(np.ones((VIEWS, geometry.rows, geometry.columns), np.float32), geometry, GRID)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
