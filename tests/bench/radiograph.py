"""How fast and how exact radiographs are, beside gVirtualXray in the same run.

    python -m tests.bench.radiograph [--json]

A ball over half of the panel, in aluminium, turned from view to view; gVXR renders the same triangles on as many
threads, in a process of its own (see `tests.bench.peers`). `ratio_gvxr_...` is against gVXR as it comes,
`ratio_gvxr_unfiltered_...` against gVXR without its filter against artefacts, which a closed surface does not need.
Figures of gVXR are left out where it is not installed.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from manifold3d import Manifold

from ctsim.backends.mesh import OpenSurface, Triangles, path_lengths
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry, circular
from ctsim.radiograph import scan
from ctsim.scanner import scanner_of
from ctsim.spectrum import Reading, Spectrum, reading
from ctsim.transmit import readings
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.library.catalog import PARTS
from scenes.parts import load_part
from scenes.scene import PartChoice, ScanSpec
from scenes.seeds import stream
from tests.bench.figures import median_seconds, show
from tests.bench.peers import PANEL_MM, SPHERE_MM, gvxr_views_per_s
from tests.ctsim.chords import chord_of_convex
from tests.ctsim.shapes import triangles_of
from tests.shared_data import SHARED

RAYS = 10**8
"""Cast at the parts before they are called free of leaks."""

SCENES = {
    "20k_512_mono": (204, 512, 1, 360),
    "20k_1024_30bins": (204, 1024, 30, 120),
    "1m_1024_mono": (1416, 1024, 1, 48),
}
"""Name -> segments around the ball (20 808 and 1 002 528 triangles), pixels, energies, views."""


def main() -> None:
    """Print the figures."""
    figures: dict[str, float] = {}
    for name, (segments, pixels, energies, views) in SCENES.items():
        ball = sphere(segments)
        ours = views_per_s(ball, pixels, energies, views)
        figures[f"views_per_s_{name}"] = ours
        for kind, filtered in (("gvxr", True), ("gvxr_unfiltered", False)):
            theirs, words = gvxr_views_per_s(ball.vertices_mm, ball.faces, pixels, energies, artefact_filter=filtered)
            if theirs is None:
                print(f"{kind}: {words}", file=sys.stderr)
                continue
            figures[f"{kind}_views_per_s_{name}"] = theirs
            figures[f"ratio_{kind}_{name}"] = ours / theirs
    figures["cost_100_bins_over_1"] = cost_of_bins()
    figures["views_per_s_20k_512_spectrum_and_noise"] = whole_scan_views_per_s()
    box = Manifold.cube((30, 20, 40), True).rotate((31, 17, 58))  # of 12 triangles
    figures["box_error_relative"] = chord_error(box, scanner(256, 4, 204.8))
    figures["ball_error_relative"] = chord_error(Manifold.sphere(SPHERE_MM, 52), scanner(128, 2))
    figures["leaks"], figures["leak_rays"] = leaks()
    figures["peak_mb_1m_1024"] = peak_of_a_million_mb()
    show(figures)


def views_per_s(triangles: Triangles, pixels: int, energies: int, views: int) -> float:
    """Return how many views of the mean and the variance of every pixel's reading are made in a second."""
    beam = beam_of(energies)
    geometry = scanner(pixels, views)
    exposure = Exposure(geometry=geometry, weights=np.ones(1), middle=geometry)

    def render() -> None:
        for _ in readings(path_lengths, triangles, exposure, (beam,)):
            pass

    return views / median_seconds(render)


def cost_of_bins() -> float:
    """Return how many times as long 100 energies take as one, on 512 x 512 pixels, the two measured by turns."""
    triangles, geometry = sphere(204), scanner(512, 60)
    exposure = Exposure(geometry=geometry, weights=np.ones(1), middle=geometry)
    beams, seconds = (beam_of(1), beam_of(100)), ([], [])

    def render(beam: Reading) -> None:
        for _ in readings(path_lengths, triangles, exposure, (beam,)):
            pass

    for _ in range(5):
        for beam, times in zip(beams, seconds, strict=True):
            times.append(median_seconds(lambda beam=beam: render(beam), runs=1))
    return float(np.median(seconds[1]) / np.median(seconds[0]))


def whole_scan_views_per_s() -> float:
    """Return how many views of counts, with a tube's spectrum, a scintillator and noise, are made in a second."""
    views, ball = 120, Manifold.sphere(36.0, 204)
    settings = ScanSpec(
        tube_kv=160, filters={"Cu": 0.5}, exposure_mas=1, source_detector_mm=400, source_object_mm=200, views=views,
        detector=DetectorSpec(rows=512, columns=512, pixel_mm=0.4),
    )  # fmt: skip
    specimen = Specimen(solids=(Solid(surface=ball, material="Al", label="Al"),))
    return views / median_seconds(lambda: scan(specimen, scanner_of(settings), rng=stream(0, 0, "photons")), runs=3)


def chord_error(solid: Manifold, geometry: Geometry) -> float:
    """Return the largest relative error of a convex solid's chords, of those above 5 % of the longest."""
    worst = 0.0
    for views, images in path_lengths(triangles_of(solid), geometry, 1):
        for view, image in zip(range(geometry.views)[views], images, strict=True):
            chord = chord_of_convex(solid, geometry, view)
            thick = chord > 0.05 * chord.max()
            worst = max(worst, float(np.abs(image[0][thick] / chord[thick] - 1).max()))
    return worst


def leaks() -> tuple[int, int]:
    """Return how many rays met more entries than exits, of how many: library parts, CAD files and random meshes."""
    found, rays = 0, 0
    solids = list(subjects())
    share = -(-RAYS // (len(solids) * 512**2))
    for number, triangles in enumerate(solids):
        reach = float(np.linalg.norm(triangles.vertices_mm, axis=1).max())
        geometry = circular(
            source_object_mm=3 * reach, source_detector_mm=6 * reach, rows=512, columns=512,
            # every other one is larger than the picture
            pixel_mm=(4.4, 2.0)[number % 2] * reach / 512, angles_deg=np.arange(share) * 137.50776 + number,
        )  # fmt: skip
        views = path_lengths(triangles, geometry, int(triangles.materials.max()) + 1)
        try:
            for _ in views:
                pass
        except OpenSurface as error:
            found += error.pixels
        rays += share * 512**2
    return found, rays


def subjects() -> Iterator[Triangles]:
    """Yield what is looked at for leaks."""
    for name in PARTS:
        part = load_part(PartChoice(name=name, library=name, materials={}, host=""), Path())
        yield triangles_of(*[body.solid for body in part.bodies])
    for path in sorted((SHARED / "cad").glob("*")) if SHARED else []:
        if path.suffix.lower() in {".stl", ".step", ".stp", ".obj", ".ply", ".off", ".3mf"}:
            yield from _of_file(path)
    rng = np.random.default_rng(0)
    for _ in range(20):
        outer = Manifold.hull_points(rng.normal(size=(200, 3)) * rng.uniform(5, 30, 3))
        inner = Manifold.hull_points(rng.normal(size=(50, 3)) * 5)
        yield triangles_of((outer - inner).rotate(rng.uniform(0, 360, 3)))


def _of_file(path: Path) -> Iterator[Triangles]:
    try:
        part = load_part(
            PartChoice(name="part", file=path.name, unit="mm", repair=True, materials={}, host=""), path.parent
        )
    except BadInput:
        return  # refused at the door, as the tests of the importer say
    yield triangles_of(*[body.solid for body in part.bodies])


def sphere(segments: int) -> Triangles:
    """Return the ball that covers half of the panel."""
    return triangles_of(Manifold.sphere(SPHERE_MM, segments))


def beam_of(energies: int) -> Reading:
    """Return the reading of an ideal detector behind aluminium: 80 keV, or a flat spectrum from 20 to 160 keV."""
    kev = np.array([80.0]) if energies == 1 else np.linspace(20, 160, energies)
    spectrum = Spectrum(energies_kev=kev, photons=np.full(energies, 1000.0))
    return reading(spectrum, kev, kev**2, ("Al",), (3 * SPHERE_MM,))


def scanner(pixels: int, views: int, panel_mm: float = PANEL_MM) -> Geometry:
    """Return a scanner of magnification 2."""
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=pixels, columns=pixels, pixel_mm=panel_mm / pixels,
        angles_deg=np.arange(views) * 1.0,
    )  # fmt: skip


def peak_of_a_million_mb() -> float:
    """Return the peak memory of a process that renders a million triangles on 1024 x 1024 pixels [MB]."""
    segments, pixels, _, _ = SCENES["1m_1024_mono"]
    ball = sphere(segments)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "ball.npz", vertices=ball.vertices_mm, faces=ball.faces)
        code = (
            "import numpy as np; from ctsim.backends.mesh import Triangles;"
            "from tests.bench.figures import peak_mb; from tests.bench.radiograph import views_per_s;"
            f"mesh = np.load({str(Path(folder) / 'ball.npz')!r}); faces = mesh['faces'];"
            "ball = Triangles(vertices_mm=mesh['vertices'], faces=faces, materials=np.zeros(len(faces), np.int64));"
            f"views_per_s(ball, {pixels}, 1, 4); print(peak_mb())"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
