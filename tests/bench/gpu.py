"""How fast a card is, and how far from its limits: `python -m tests.bench.gpu [--json]`, or `make bench-gpu`.

An aluminium ball of 100 352 triangles over half of 1024 x 1024 pixels, a 160 kV tube, a scintillator, noise; and FDK of
720 such projections into 512^3 voxels. `views_per_s` leaves the counts on the card, view after view, where a detector's
blur or a reconstruction would find them; `views_per_s_fetched` is a whole `scan`, with all counts in the processor's
memory at its end. Limits are measured in the same run: copying within the card's memory, and adding to words of it.

The figures are also written to tests/bench/results, under the card's name.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from manifold3d import Manifold
from numba import cuda

from ctsim.arrays import SIMULATED, Array, card, missing, to_card, to_host
from ctsim.detector.detect import detect
from ctsim.geometry import Geometry, Grid, circular
from ctsim.radiograph import backend_of, scan, triangles_of
from ctsim.reconstruct.fdk import fdk
from ctsim.scanner import Scanner, scanner_of
from ctsim.transmit import falloff, readings
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream
from tests.bench.figures import machine, median_seconds, show

RESULTS = Path(__file__).parent / "results"

# the simulator is there to try this program out
SEGMENTS, PIXELS, VIEWS, VOXELS, PROJECTIONS = (8, 8, 2, 4, 6) if SIMULATED else (448, 1024, 640, 512, 720)

WORDS = 16 if SIMULATED else 2**27
"""Of the arrays that limits are measured on: 1 GB."""


def main() -> None:
    """Print and write the figures."""
    if reason := missing():
        sys.exit(f"no figures of a card: {reason}")
    figures = of_radiographs() | of_reconstruction()
    limits = {"copy_gb_per_s": copied_gb_per_s(), "atomic_adds_per_s": adds_per_s()}
    figures |= limits
    figures["share_of_copy_radiographs"] = figures["gb_per_s_radiographs"] / limits["copy_gb_per_s"]
    figures["share_of_copy_fdk"] = figures["gb_per_s_fdk"] / limits["copy_gb_per_s"]
    figures["share_of_atomic_adds"] = figures["adds_per_s_lengths"] / limits["atomic_adds_per_s"]
    show(figures)
    print(f"on {name_of_card()}", file=sys.stderr)
    if not SIMULATED:
        RESULTS.mkdir(exist_ok=True)
        told = {"machine": {**machine(), "card": name_of_card()}, "figures": figures}
        path = RESULTS / f"{name_of_card().lower().replace(' ', '-')}.json"
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def of_radiographs() -> dict[str, float]:
    """Return views per second in all and stage by stage, and what they move and add."""
    scanner, ball = scanner_of(settings()), Manifold.sphere(36.0, SEGMENTS)
    specimen = Specimen(solids=(Solid(surface=ball, material="Al", label="Al"),))
    covered = sum(float((lengths > 0).sum()) for lengths in lengths_of(scanner, specimen))
    seconds = {
        "lengths": timed(lambda: lengths_of(scanner, specimen)),
        "readings": timed(lambda: readings_of(scanner, specimen)),
        "counts": timed(lambda: counts_of(scanner, specimen)),
    }
    fetched = median_seconds(lambda: scan(specimen, scanner, rng=stream(0, 0, "photons")), runs=3)
    return {
        "triangles": ball.num_tri(),
        "views_per_s": VIEWS / seconds["counts"],
        "views_per_s_fetched": VIEWS / fetched,
        "ms_per_view_lengths": 1e3 * seconds["lengths"] / VIEWS,
        "ms_per_view_transmission": 1e3 * (seconds["readings"] - seconds["lengths"]) / VIEWS,
        "ms_per_view_noise": 1e3 * (seconds["counts"] - seconds["readings"]) / VIEWS,
        "gb_per_s_radiographs": VIEWS * least_bytes(ball.num_tri()) / seconds["counts"] / 1e9,
        "adds_per_s_lengths": 2 * covered / seconds["lengths"],  # one where a ray enters, one where it leaves
    }


def least_bytes(triangles: int) -> float:
    """Return what a view moves through the card's memory at least, as the kernels stand.

    Words are added to (read and written), read and cleaned; lengths, mean and variance written and read; the free beam
    read and the counts written in double precision. A face brings its corners, its plane and its material; of its half
    a vertex there are three coordinates, and a place on the lattice, written and read.
    """
    words, single, double = 4 * 8, 3 * 2 * 4, 2 * 8
    return PIXELS**2 * (words + single + double) + triangles * (12 + 32 + 4 + 0.5 * (24 + 2 * 8))


def of_reconstruction() -> dict[str, float]:
    """Return billions of voxels that one view is added to per second, and what they move."""
    geometry = orbit(PROJECTIONS)
    lines = to_card(np.random.default_rng(0).random((PROJECTIONS, PIXELS, PIXELS), np.float32))
    grid = Grid(shape=(VOXELS,) * 3, voxel_mm=100.0 / VOXELS)
    seconds = timed(lambda: iter([fdk(lines, geometry, grid)]))
    updates = PROJECTIONS * float(VOXELS) ** 3
    batches = -(-PROJECTIONS // 32)
    # projections in and filtered ones out and in, the spectrum between them, and the volume once a batch
    moved = 4 * PROJECTIONS * PIXELS**2 * (1 + 2 + 4 * 2 + 2) + 2 * 4 * batches * VOXELS**3
    return {"gups_fdk": updates / seconds / 1e9, "gb_per_s_fdk": moved / seconds / 1e9}


def settings() -> ScanSpec:
    """Return the scan that is measured."""
    return ScanSpec(
        tube_kv=160, filters={"Cu": 0.5}, exposure_mas=1, source_detector_mm=400, source_object_mm=200, views=VIEWS,
        backend="mesh-gpu", detector=DetectorSpec(rows=PIXELS, columns=PIXELS, pixel_mm=204.8 / PIXELS),
    )  # fmt: skip


def orbit(views: int) -> Geometry:
    """Return a circular scan."""
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=PIXELS, columns=PIXELS, pixel_mm=204.8 / PIXELS,
        angles_deg=np.arange(views) * 360 / views,
    )  # fmt: skip


def lengths_of(scanner: Scanner, specimen: Specimen) -> Iterator[Array]:
    """Yield the path lengths."""
    triangles, materials = triangles_of(specimen)
    for _, lengths in backend_of("mesh-gpu")(triangles, scanner.exposure.geometry, len(materials)):
        yield lengths


def readings_of(scanner: Scanner, specimen: Specimen) -> Iterator[tuple[slice, Array, Array]]:
    """Yield mean and variance."""
    triangles, materials = triangles_of(specimen)
    beams = scanner.readings(materials, 80.0)
    yield from readings(backend_of("mesh-gpu"), triangles, scanner.exposure, beams)


def counts_of(scanner: Scanner, specimen: Specimen) -> Iterator[Array]:
    """Yield counts, on the card."""
    free, panel = to_card(falloff(scanner.true)), to_card(scanner.detector)
    for views, mean, variance in readings_of(scanner, specimen):
        yield detect(mean, variance, free, panel, key=np.uint64(1), first_view=views.start)


def timed(run: Callable[[], Iterator]) -> float:
    """Return the median time of going through what `run` yields, until the card has done all of it [s]."""

    def through() -> None:
        for _ in run():
            pass
        cuda.synchronize()

    return median_seconds(through, runs=1 if SIMULATED else 5)


def copied_gb_per_s() -> float:
    """Return how fast the card copies within its memory, bytes read and written."""
    here, there = card().ones(WORDS), card().zeros(WORDS)

    def copy() -> Iterator:
        there[:] = here
        yield there

    return 2 * here.nbytes / timed(copy) / 1e9


def adds_per_s() -> float:
    """Return how many atomic adds of 64 bits the card does at best, where neighbours add to neighbouring words."""
    words = card().zeros(WORDS, np.int64)

    def run() -> Iterator:
        _add[-(-WORDS // 128), 128](words)
        yield words

    found = WORDS / timed(run)
    if int(to_host(words)[-1]) < 1:
        sys.exit("the card has not added what it was given")
    return found


@cuda.jit
def _add(words):
    i = cuda.grid(1)
    if i < len(words):
        cuda.atomic.add(words, i, 1)


def name_of_card() -> str:
    """Return the card's name."""
    if SIMULATED:
        return "numba's simulator"
    return card().cuda.runtime.getDeviceProperties(0)["name"].decode()


if __name__ == "__main__":
    main()
