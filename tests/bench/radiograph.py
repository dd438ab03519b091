"""How fast and how exact radiographs are: `python -m tests.bench.radiograph [--json]`."""

import numpy as np
from manifold3d import Manifold

from ctsim.backends.mesh import path_lengths
from ctsim.geometry import Geometry, circular
from ctsim.radiograph import scan
from ctsim.scanner import scanner_of
from scenes.build import Solid, Specimen
from scenes.scene import DetectorSpec, ScanSpec
from scenes.seeds import stream
from tests.bench.figures import median_seconds, show
from tests.ctsim.shapes import triangles_of
from tests.ctsim.test_mesh import chord_of_convex

VIEWS = 120


def main() -> None:
    """Print views per second for a ball of 20k triangles over half of 512 x 512 pixels, and the error of a box."""
    ball = Manifold.sphere(36.0, 204)
    geometry = scanner(512, VIEWS)
    triangles = triangles_of(ball)

    def lengths_only() -> None:
        for _ in path_lengths(triangles, geometry, 1):
            pass

    settings = ScanSpec(
        tube_kv=160, filters={"Cu": 0.5}, exposure_mas=1, source_detector_mm=400, source_object_mm=200, views=VIEWS,
        detector=DetectorSpec(rows=512, columns=512, pixel_mm=0.4),
    )  # fmt: skip
    specimen = Specimen(solids=(Solid(surface=ball, material="Al", label="Al"),), host=ball)
    show(
        {
            "triangles_20k_512": ball.num_tri(),
            "views_per_s_20k_512_lengths": VIEWS / median_seconds(lengths_only),
            "views_per_s_20k_512_spectrum_and_noise": VIEWS
            / median_seconds(lambda: scan(specimen, scanner_of(settings), rng=stream(0, 0, "photons")), runs=3),
            "box_error_relative": box_error(),
        }
    )


def box_error() -> float:
    """Return the largest relative error of a tilted box of twelve triangles, over chords above 5 % of the longest."""
    box, geometry = Manifold.cube((30, 20, 40), True).rotate((31, 17, 58)), scanner(256, 4)
    worst = 0.0
    for views, images in path_lengths(triangles_of(box), geometry, 1):
        for view, image in zip(range(geometry.views)[views], images, strict=True):
            chord = chord_of_convex(box, geometry, view)
            thick = chord > 0.05 * chord.max()
            worst = max(worst, float(np.abs(image[0][thick] / chord[thick] - 1).max()))
    return worst


def scanner(pixels: int, views: int) -> Geometry:
    """Return a scanner with a panel of 204.8 mm."""
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=pixels, columns=pixels, pixel_mm=204.8 / pixels,
        angles_deg=np.arange(views) * 360 / views,
    )  # fmt: skip


if __name__ == "__main__":
    main()
