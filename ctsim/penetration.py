"""What the darkest ray through a part leaves of the beam, before the scan itself is fixed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ctsim.backends.mesh import path_lengths
from ctsim.detector.response import response_of
from ctsim.geometry import Geometry
from ctsim.materials import mu_per_mm
from ctsim.radiograph import triangles_of
from ctsim.scanner import spectrum_of
from ctsim.trajectory import nominal_geometry
from scenes.body import Body
from scenes.build import Solid, Specimen
from scenes.penetration import Rays
from scenes.scene import ScanSpec

SIDE, VIEWS = 64, 24
"""Rays along each side of the panel, and views that are looked at."""

ENERGIES_KEV = (20.0, 40.0, 60.0, 100.0, 160.0, 300.0)
"""At each of them, the rays with the greatest depth may be the darkest of a spectrum."""

DARK = 16
"""Rays that are kept for each of these energies."""


def rays_through(bodies: Sequence[Body], scan: ScanSpec) -> Rays:
    """Return what tells of a scan how much its darkest ray leaves; all but the beam is as in `scan`.

    Of 64 x 64 rays in 24 views, through sound matter: with a single material the longest is the darkest whatever the
    beam; with several, one of those that are darkest at some energy is.

    Args:
        bodies: What stands on the stage, in its frame.
        scan: Geometry and detector; of the beam nothing counts.
    """
    solids = tuple(Solid(surface=body.solid, material=body.material, label=body.material) for body in bodies)
    triangles, materials = triangles_of(Specimen(solids=solids))
    dark = [np.zeros((1, len(materials)))]
    for _, lengths in path_lengths(triangles, _coarse(nominal_geometry(scan)), len(materials)):
        dark.append(darkest(np.moveaxis(lengths, 1, -1).reshape(-1, len(materials)).astype(float), materials))
    kept = darkest(np.concatenate(dark), materials)
    return lambda whole: left(whole, kept, materials)


def darkest(
    lengths_mm: Float[np.ndarray, "ray material"], materials: tuple[str, ...]
) -> Float[np.ndarray, "dark material"]:
    """Return the rays that may be the darkest."""
    mu = np.stack([mu_per_mm(name, ENERGIES_KEV) for name in materials])
    depth = lengths_mm @ mu
    last = np.argsort(depth, axis=0)[-DARK:]
    return lengths_mm[np.unique(last)]


def left(
    scan: ScanSpec, lengths_mm: Float[np.ndarray, "ray material"], materials: tuple[str, ...]
) -> tuple[float, float]:
    r"""Return what the darkest of some rays leaves: its share of the free beam's signal, and its quanta.

    $$ T = \frac{\sum_E \Phi m_1 e^{-\mu L}}{\sum_E \Phi m_1}, \qquad
       N = A t \frac{(\sum_E \Phi m_1 e^{-\mu L})^2}{\sum_E \Phi m_2 e^{-\mu L}} $$

    with the photons $\Phi$ per area and charge, the detector's response $m_1$, $m_2$ (all bands together), the pixel's
    area A and the charge t of all frames: N is the square of the signal over its noise.
    """
    spectrum = spectrum_of(scan)
    response = response_of(scan.detector, spectrum.energies_kev)
    energies = tuple(spectrum.energies_kev.tolist())
    through = np.exp(-lengths_mm @ np.stack([mu_per_mm(name, energies) for name in materials]))
    first, second = (spectrum.photons * moments.sum(0) for moments in (response.first, response.second))
    signal = through @ first
    ray = int(np.argmin(signal))
    width_mm, height_mm = scan.detector.pitch_mm
    distance_mm = float(nominal_geometry(scan).distance_mm[0])
    photons = scan.exposure_mas * scan.detector.frames * width_mm * height_mm * (1000 / distance_mm) ** 2
    return float(signal[ray] / first.sum()), float(photons * signal[ray] ** 2 / (through[ray] @ second))


def _coarse(geometry: Geometry) -> Geometry:
    """Return some of the views, on a panel of as many rays as are looked at."""
    views = np.unique(np.linspace(0, geometry.views - 1, VIEWS).round().astype(int))
    return geometry.some(views).with_panel(SIDE, SIDE)
