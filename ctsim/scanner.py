"""ScanSpec -> Scanner: the geometry, the beam and the panel that a scene is scanned with."""

from dataclasses import dataclass

import numpy as np

from ctsim.detect import Detector, absorbed_share
from ctsim.geometry import Geometry, Grid, circular
from ctsim.spectrum import Reading, Spectrum, reading, tube_spectrum
from scenes.scene import ScanSpec, VolumeSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Scanner:
    """A scanner, set up for one scan.

    Attributes:
        true: Where source and detector really are.
        nominal: Where reconstruction believes them to be.
        spectrum: What leaves the tube.
        detector: The panel.
        scan: The numbers it was made from.
    """

    true: Geometry
    nominal: Geometry
    spectrum: Spectrum
    detector: Detector
    scan: ScanSpec

    def reading(self, materials: tuple[str, ...], longest_mm: float) -> Reading:
        """Return what a pixel reads behind these materials, none of them thicker than `longest_mm`."""
        panel = self.scan.detector
        absorbed = absorbed_share(self.spectrum.energies_kev, panel.scintillator, panel.scintillator_mm)
        return reading(self.spectrum, absorbed, materials, (longest_mm,) * len(materials))


def scanner_of(scan: ScanSpec) -> Scanner:
    """Return the scanner of a scan."""
    panel = scan.detector
    geometry = circular(
        source_object_mm=scan.source_object_mm,
        source_detector_mm=scan.source_detector_mm,
        rows=panel.rows,
        columns=panel.columns,
        pixel_mm=panel.pixel_mm,
        angles_deg=np.arange(scan.views) * 360 / scan.views,
    )
    spectrum = tube_spectrum(scan.tube_kv, scan.tube_target, scan.anode_deg, tuple(sorted(scan.filters.items())))
    # the tube's fluence is given at 1 m
    per_mm2 = spectrum.photons.sum() * scan.exposure_mas * (1000 / scan.source_detector_mm) ** 2
    detector = Detector(
        free_beam_counts=panel.free_beam_counts,
        dark_counts=panel.dark_counts,
        electronic_noise_counts=panel.electronic_noise_counts,
        bits=panel.bits,
        photons=float(per_mm2 * panel.pixel_mm**2),
    )
    return Scanner(true=geometry, nominal=geometry, spectrum=spectrum, detector=detector, scan=scan)


def grid_of(volume: VolumeSpec) -> Grid:
    """Return the voxels of the reconstruction."""
    return Grid(shape=volume.shape, voxel_mm=volume.voxel_mm)
