"""A specimen in a scanner: its radiographs, with the flat and the dark field to correct them by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ctsim.backends import mesh
from ctsim.detect import dark_frame, detect, starved_pixels
from ctsim.scanner import Scanner
from ctsim.transmit import falloff, transmit
from defects.messages import BadInput, unknown
from scenes.body import VOID
from scenes.build import Specimen

BACKENDS = {"mesh": mesh.path_lengths}
"""Name -> what computes the path lengths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Radiographs:
    """What the detector wrote.

    Attributes:
        counts: One image a view.
        flat: The free beam.
        dark: No beam.
        lowest_transmission: Of all pixels, noise left out.
        starved_share: Share of all pixels that expect fewer than ten quanta.
    """

    counts: Float[np.ndarray, "view row col"]
    flat: Float[np.ndarray, "row col"]
    dark: Float[np.ndarray, "row col"]
    lowest_transmission: float
    starved_share: float


def scan(specimen: Specimen, scanner: Scanner, *, rng: np.random.Generator) -> Radiographs:
    """Return the radiographs of a specimen.

    Args:
        specimen: What stands on the stage.
        scanner: What looks at it.
        rng: Where the noise comes from.
    """
    settings, geometry = scanner.scan, scanner.true
    keys = rng.integers(2**64, size=3, dtype=np.uint64) if settings.noise else (None, None, None)
    triangles, materials = triangles_of(specimen)
    size = triangles.vertices_mm.max(0) - triangles.vertices_mm.min(0)
    beam = scanner.reading(materials, float(np.linalg.norm(size)))
    free = falloff(geometry)
    one = np.ones((1, geometry.rows, geometry.columns))
    dark = dark_frame(one.shape[1:], scanner.detector, key=keys[0], frames=settings.flat_frames)
    flat = detect(
        one, beam.variance.sum() * one, free, scanner.detector, key=keys[1], frames=settings.flat_frames
    )[0]  # fmt: skip
    counts = np.zeros((geometry.views, geometry.rows, geometry.columns), np.float32)
    lowest, starved = 1.0, 0
    side = settings.rays_per_pixel
    for views, lengths in backend_of(settings.backend)(triangles, geometry.sampled(side), len(materials)):
        mean, variance = transmit(lengths, beam, side)
        counts[views] = detect(mean, variance, free, scanner.detector, key=keys[2], first_view=views.start)
        lowest = min(lowest, float(mean.min()))
        starved += starved_pixels(mean, variance, free, scanner.detector.photons)
    return Radiographs(
        counts=counts, flat=flat, dark=dark, lowest_transmission=lowest, starved_share=starved / counts.size
    )


def triangles_of(specimen: Specimen) -> tuple[mesh.Triangles, tuple[str, ...]]:
    """Return all surfaces of a specimen's matter, and the materials in the order of the path lengths."""
    matter = [solid for solid in specimen.solids if solid.material != VOID]
    materials = tuple(sorted({solid.material for solid in matter}))
    vertices, faces, rows, count = [], [], [], 0
    for solid in matter:
        points, corners = solid.mesh()
        vertices.append(points)
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
    return BACKENDS[name]
