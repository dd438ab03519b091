"""How much matter scatters against what goes straight on, from a quick look: what a choice of fidelity rests on."""

from collections.abc import Sequence

import numpy as np

from ctsim.backends.mesh import path_lengths
from ctsim.montecarlo.scatter import chosen, scatter_of
from ctsim.montecarlo.transport import coarse
from ctsim.radiograph import triangles_of
from ctsim.scanner import scanner_of
from ctsim.transmit import readings
from scenes.body import Body
from scenes.build import Solid, Specimen
from scenes.fidelity import MonteCarloSpec
from scenes.scene import ScanSpec

VIEWS, SIDE, PHOTONS = 6, 64, 4_000
"""Views that are looked at, pixels along each side of the panel, and photons in a view.

Right to 3 % for 60 mm of aluminium, 10 % for 20 mm of iron; where nearly nothing goes straight on, to a third."""

KEY = np.uint64(0)
"""Of the photons: the same scene is always judged alike."""


def highest_ratio(bodies: Sequence[Body], scan: ScanSpec) -> float:
    """Return the highest ratio of scattered to primary signal, of 64 x 64 pixels in six views, through sound matter.

    Args:
        bodies: What stands on the stage, in its frame.
        scan: How it is scanned.
    """
    asked = scan.monte_carlo
    look = MonteCarloSpec(photons=PHOTONS, views=VIEWS, air=asked.air, fluorescence=asked.fluorescence)
    scanner = scanner_of(scan.model_copy(update={"fidelity": "hybrid", "monte_carlo": look}))
    solids = tuple(Solid(surface=body.solid, material=body.material, label=body.material) for body in bodies)
    specimen = Specimen(solids=solids)
    triangles, materials = triangles_of(specimen)
    size = triangles.vertices_mm.max(0) - triangles.vertices_mm.min(0)
    scatter = scatter_of(lambda _: specimen, False, scanner, KEY)
    shape = (min(SIDE, scanner.true.rows), min(SIDE, scanner.true.columns))
    seen = coarse(scanner.exposure, shape)
    beams = scanner.readings(materials, float(np.linalg.norm(size)))
    counts = np.array(scanner.detector.free_beam_counts)
    highest = 0.0
    for view in chosen(scan.views, VIEWS):
        scattered = np.tensordot(counts, scatter.of_views(slice(view, view + 1)), 1)[0]
        for _, mean, _ in readings(path_lengths, triangles, seen.of_view(view), beams):
            primary = np.tensordot(counts, mean, 1)[0]
            rows, columns = (
                (2 * np.arange(n) + 1) * full // (2 * n) for n, full in zip(shape, scattered.shape, strict=True)
            )
            highest = max(highest, float((scattered[np.ix_(rows, columns)] / np.maximum(primary, 1e-12)).max()))
    return float(f"{highest:.3g}")
