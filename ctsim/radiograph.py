"""A specimen in a scanner: its radiographs, with the flat and the dark field to correct them by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float16

from ctsim.arrays import Array, card, fetch, to_card
from ctsim.backends import gvxr, mesh, reference
from ctsim.backends.mesh import OpenSurface
from ctsim.detector.detect import detect
from ctsim.detector.lag import LagState
from ctsim.detector.readout import starved_pixels
from ctsim.fidelity import Signal, moved, signals
from ctsim.geometry import Geometry
from ctsim.montecarlo.ratio import ratios
from ctsim.scanner import Scanner
from ctsim.spectrum import Reading
from ctsim.transmit import falloff, is_steady, readings
from defects.messages import BadInput, unknown
from scenes.body import VOID
from scenes.build import Specimen


def _mesh_gpu(triangles: mesh.Triangles, geometry: Geometry, materials: int) -> Iterator[tuple[slice, Array]]:
    """Yield the lengths that a card computes; what drives one is loaded only here."""
    from ctsim.backends.mesh_gpu import path_lengths

    return path_lengths(triangles, geometry, materials)


BACKENDS = {
    "mesh": mesh.path_lengths,
    "mesh-gpu": _mesh_gpu,
    "gvxr": gvxr.path_lengths,
    "reference": reference.path_lengths,
}
"""Name -> what computes the path lengths; that of mesh-gpu leaves them on the card."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Radiographs:
    """What the detector wrote.

    Attributes:
        counts: One image a view, of each band.
        flat: The free beam, before the scan.
        dark: No beam.
        lowest_transmission: Of all pixels, noise left out.
        starved_share: Share of all pixels that expect fewer than ten quanta.
        scatter_to_primary: Ratio of the scattered to the primary signal, all bands together; None where matter
            scatters nothing.
        scatter_error: Expected relative error of the scatter, RMS, where it is smoothed.
    """

    counts: Float[np.ndarray, "band view row col"]
    flat: Float[np.ndarray, "band row col"]
    dark: Float[np.ndarray, "band row col"]
    lowest_transmission: float
    starved_share: float
    scatter_to_primary: Float16[np.ndarray, "view row col"] | None = None
    scatter_error: float | None = None


def scan(
    specimen: Specimen,
    scanner: Scanner,
    *,
    rng: np.random.Generator,
    moves: Float[np.ndarray, "view solid 3 4"] | None = None,
    watch: Callable[[Signal], None] | None = None,
) -> Radiographs:
    """Return the radiographs of a specimen.

    Args:
        specimen: What stands on the stage.
        scanner: What looks at it.
        rng: Where the noise comes from.
        moves: Where each of the specimen's solids stands in each view, in the stage's frame; None where none moves.
        watch: Told what arrives in some views, before the detector reads it; the arrays are used again.

    Raises:
        BadInput: There is nothing to scan, or a surface is open.
    """
    # the photons that are followed are the same with and without noise, and noise the same with and without them
    *keys, photons_key = rng.integers(2**64, size=4, dtype=np.uint64)
    keys = keys if scanner.noise else (None, None, None)
    triangles, materials = triangles_of(specimen)
    size = triangles.vertices_mm.max(0) - triangles.vertices_mm.min(0)
    beams = scanner.readings(materials, float(np.linalg.norm(size)))
    middle, panel, state = scanner.true, _beside(scanner, scanner.detector), LagState()
    free = _beside(scanner, _free_beam(scanner, slice(0, 1)))
    dark = no_beam(scanner, key=keys[0], frames=scanner.flat_frames)
    flat = open_beam(scanner, key=keys[1], frames=scanner.flat_frames)[:, 0]
    counts = np.zeros((len(beams), middle.views, middle.rows, middle.columns), np.float32)
    lowest, starved, steady = 1.0, 0, is_steady(middle) and scanner.strength is None
    ratio = None
    try:
        primary = _readings(specimen, moves, scanner, materials, beams)
        found = signals(primary, _standing(specimen, moves), moves is not None, scanner, photons_key)
        for signal in found.of_views:
            views, mean, variance = signal.views, signal.mean, signal.variance
            if not steady:
                free = _beside(scanner, _free_beam(scanner, views))
            written = detect(mean, variance, free, panel, key=keys[2], first_view=views.start, state=state)
            fetch(written, counts[:, views])
            if signal.scatter is None:
                lowest = min(lowest, float(mean.min()))
            else:
                ratio = np.zeros(counts.shape[1:], np.float16) if ratio is None else ratio
                bands = scanner.detector.free_beam_counts
                lowest = min(lowest, ratios(mean, signal.scatter, bands, ratio[views]))
            if watch is not None:
                watch(signal)
            starved += starved_pixels(mean, variance, free, panel.photons * panel.frames)
    except OpenSurface as error:
        raise BadInput(
            f"{error}: the surfaces of all solids must be closed; close them, or give repair: true"
        ) from error
    return Radiographs(
        counts=counts,
        flat=flat,
        dark=dark,
        lowest_transmission=lowest,
        starved_share=starved / counts.size,
        scatter_to_primary=ratio,
        scatter_error=found.scatter_error,
    )


def _standing(specimen: Specimen, moves: Float[np.ndarray, "view solid 3 4"] | None) -> Callable[[int], Specimen]:
    """Return what stands on the stage in a view."""
    return lambda view: specimen if moves is None else moved(specimen, moves[view])


def _beside(scanner: Scanner, thing: Any) -> Any:
    """Return an array, or a record with its arrays, where the backend leaves its own."""
    return to_card(thing) if scanner.backend == "mesh-gpu" else thing


def open_beam(
    scanner: Scanner, *, key: np.uint64 | None, frames: int | None = None, views: slice = slice(0, 1)
) -> Float[np.ndarray, "band view row col"]:
    """Return pictures of the free beam, from where source and detector stand in some views."""
    variance = np.array(scanner.detector.free_variance, np.float32)[:, None, None, None]
    one = np.ones((len(variance), views.stop - views.start, scanner.true.rows, scanner.true.columns), np.float32)
    free = _free_beam(scanner, views)
    return detect(one, variance * one, free, scanner.detector, key=key, frames=frames, first_view=views.start)


def no_beam(scanner: Scanner, *, key: np.uint64 | None, frames: int) -> Float[np.ndarray, "band row col"]:
    """Return a picture of no beam."""
    nothing = np.zeros((len(scanner.response.first), 1, scanner.true.rows, scanner.true.columns), np.float32)
    return detect(nothing, nothing, nothing[0], scanner.detector, key=key, frames=frames)[:, 0]


def _free_beam(scanner: Scanner, views: slice) -> Float[np.ndarray, "view row col"]:
    """Return the free beam of some views, 1 at the foot of the source's normal in the first view."""
    free = falloff(scanner.true.some(views), scanner.true.distance_mm[0]) * (
        1 if scanner.heel is None else scanner.heel
    )
    return free if scanner.strength is None else free * scanner.strength[views, None, None]


def _readings(
    specimen: Specimen,
    moves: Float[np.ndarray, "view solid 3 4"] | None,
    scanner: Scanner,
    materials: tuple[str, ...],
    beams: tuple[Reading, ...],
) -> Iterator[tuple[slice, Float[Array, "band view row col"], Float[Array, "band view row col"]]]:
    """Yield the readings of all views; where solids move, view by view with each in its place."""
    exposure, path_lengths, side = scanner.exposure, backend_of(scanner.backend), scanner.rays_per_pixel
    if moves is None:
        yield from readings(path_lengths, triangles_of(specimen)[0], exposure, beams, side)
        return
    for view in range(exposure.views):
        triangles = triangles_of(specimen, moves[view])[0]
        for _, mean, variance in readings(path_lengths, triangles, exposure.of_view(view), beams, side):
            yield slice(view, view + 1), mean, variance


def triangles_of(
    specimen: Specimen, places: Float[np.ndarray, "solid 3 4"] | None = None
) -> tuple[mesh.Triangles, tuple[str, ...]]:
    """Return all surfaces of a specimen's matter, and the materials in the order of the path lengths.

    Args:
        specimen: Its solids.
        places: Where each solid stands, if it has moved: a rotation and a shift [mm].
    """
    if places is None:
        places = np.tile(np.eye(3, 4), (len(specimen.solids), 1, 1))
    matter = [(solid, place) for solid, place in zip(specimen.solids, places, strict=True) if solid.material != VOID]
    materials = tuple(sorted({solid.material for solid, _ in matter}))
    vertices, faces, rows, count = [], [], [], 0
    for solid, place in matter:
        points, corners = solid.mesh()
        vertices.append(points @ place[:, :3].T + place[:, 3])
        faces.append(corners + count)
        rows.append(np.full(len(corners), materials.index(solid.material)))
        count += len(points)
    if not matter:
        raise BadInput("there is nothing to scan: the defects have taken all of the part")
    triangles = mesh.Triangles(
        vertices_mm=np.concatenate(vertices), faces=np.concatenate(faces), materials=np.concatenate(rows)
    )
    return triangles, materials


def backend_of(name: str):
    """Return what computes the path lengths."""
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    if name == "gvxr":
        gvxr.require()
    if name == "mesh-gpu":
        card()
    return BACKENDS[name]
