"""ScanSpec -> Scanner: the geometry, the beam and the panel that a scene is scanned with."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ctsim.detector.model import Detector, detector_of
from ctsim.detector.response import Response, response_of
from ctsim.exposure import Exposure, exposure_of
from ctsim.geometry import Geometry, Grid
from ctsim.heel import heel_map
from ctsim.materials import HIGHEST_KEV, LOWEST_KEV, mu_per_mm
from ctsim.spectrum import Reading, Spectrum, reading, tube_spectrum
from ctsim.trajectory import nominal_geometry
from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.fidelity import GateSpec, MonteCarloSpec
from scenes.orbit import amount_at
from scenes.scene import ScanSpec, VolumeSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Scanner:
    """A scanner, set up for one scan.

    Attributes:
        exposure: Where source and detector really are, and what each view is averaged over.
        nominal: Where reconstruction believes them to be.
        spectrum: What leaves the tube and its filters.
        detector: The panel.
        response: What a photon of each energy leaves in the panel.
        rays_per_pixel: Along each side of a pixel.
        flat_frames: Averaged for the flat and for the dark field.
        noise: Whether there is any.
        backend: What computes the path lengths.
        panel: The detector as it was asked for: what it reads of any energy.
        fidelity: How closely the scan is simulated; see `scenes.fidelity`.
        monte_carlo: Settings of hybrid and monte-carlo.
        gate: Settings of gate.
        heel: Intensity over the detector against that at the foot of the source's normal; None where it is even.
        strength: Of the beam in each view against the first; None where it does not drift.
    """

    exposure: Exposure
    nominal: Geometry
    spectrum: Spectrum
    detector: Detector
    response: Response
    rays_per_pixel: int
    flat_frames: int
    noise: bool
    backend: str
    panel: DetectorSpec
    fidelity: str
    monte_carlo: MonteCarloSpec
    gate: GateSpec
    heel: Float[np.ndarray, "row col"] | None = None
    strength: Float[np.ndarray, " view"] | None = None

    @property
    def true(self) -> Geometry:
        """Where source and detector really are in the middle of each view."""
        return self.exposure.middle

    def readings(self, materials: tuple[str, ...], longest_mm: float) -> tuple[Reading, ...]:
        """Return what a pixel reads behind these materials, none thicker than `longest_mm`; one entry a band."""
        bands, longest = zip(self.response.first, self.response.second, strict=True), (longest_mm,) * len(materials)
        return tuple(reading(self.spectrum, first, second, materials, longest) for first, second in bands)


def scanner_of(scan: ScanSpec) -> Scanner:
    """Return the scanner of a scan."""
    panel, spectrum, exposure = scan.detector, spectrum_of(scan), exposure_of(scan)
    # fluence is given at 1 m; what the free beam brings is set in the first view, as it truly is
    per_mm2 = spectrum.photons.sum() * scan.exposure_mas * (1000 / exposure.middle.distance_mm[0]) ** 2
    width_mm, height_mm = panel.pitch_mm
    detector = detector_of(
        panel, spectrum, float(per_mm2 * width_mm * height_mm), views=scan.views, rays_per_pixel=scan.rays_per_pixel
    )
    return Scanner(
        exposure=exposure,
        nominal=nominal_geometry(scan),
        spectrum=spectrum,
        detector=detector,
        response=response_of(panel, spectrum.energies_kev),
        rays_per_pixel=scan.rays_per_pixel,
        flat_frames=scan.flat_frames,
        noise=scan.noise,
        backend=scan.backend,
        panel=panel,
        fidelity=scan.fidelity,
        monte_carlo=scan.monte_carlo,
        gate=scan.gate,
        heel=heel_map(scan, exposure.middle) if scan.heel else None,
        strength=strength_of(scan),
    )


def strength_of(scan: ScanSpec) -> Float[np.ndarray, " view"] | None:
    """Return how strong the beam is in each view against the first; None where it does not drift."""
    if scan.beam_drift is None or len(set(scan.beam_drift)) == 1:
        return None
    return amount_at(scan.beam_drift, np.arange(scan.views, dtype=float), scan.views) / scan.beam_drift[0]


def spectrum_of(scan: ScanSpec) -> Spectrum:
    """Return what leaves the tube and its filters: the spectrum that the scan lists, or else the tube's own."""
    filters = tuple(sorted(scan.filters.items()))
    if scan.spectrum is None:
        return tube_spectrum(scan.tube_kv, scan.tube_target, scan.anode_deg, filters)
    energies, photons = np.array(scan.spectrum).T
    if bad := [e for e in energies if not LOWEST_KEV <= e <= HIGHEST_KEV]:
        raise BadInput(f"spectrum: energies must lie within {LOWEST_KEV:g} to {HIGHEST_KEV:g} keV, got {bad[0]:g}")
    for name, thickness_mm in filters:
        photons = photons * np.exp(-mu_per_mm(name, tuple(energies)) * thickness_mm)
    return Spectrum(energies_kev=energies, photons=photons)


def grid_of(volume: VolumeSpec) -> Grid:
    """Return the voxels of the reconstruction."""
    return Grid(shape=volume.shape, voxel_mm=volume.voxel_mm)
