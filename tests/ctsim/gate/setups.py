"""Plates and boxes before a small panel, and what GATE says of them."""

from functools import partial

from manifold3d import Manifold

from ctsim.detector.response import response_of
from ctsim.gate.arrivals import arrivals
from ctsim.montecarlo.arrivals import Arrivals
from ctsim.scanner import scanner_of
from scenes.build import Solid, Specimen
from scenes.fidelity import GateSpec
from scenes.scene import ScanSpec

LIST = "G4EmStandardPhysics_option3"
"""A physics list that the reduced data can serve."""

PARAMETRISATION = 0.01
"""That Geant4's own Compton cross-section is off by."""

BOX = Manifold.cube((20, 20, 20), True)

TUBE = {"spectrum": None, "tube_kv": 120.0, "filters": {"Al": 1.0}}


def settings(**changes) -> ScanSpec:
    """Return a scan with 80 keV alone and a panel that takes all of every photon."""
    values = {
        "spectrum": ((80.0, 1e6),), "exposure_mas": 1.0, "source_detector_mm": 600.0, "source_object_mm": 300.0,
        "views": 4, "noise": False, "detector": {"rows": 32, "columns": 48, "pixel_mm": 2.0, "scintillator": None},
    }  # fmt: skip
    return ScanSpec(**values | changes)


def of(*solids: Manifold, name: str = "Al") -> Specimen:
    """Return solids of one material."""
    return Specimen(solids=tuple(Solid(surface=solid, material=name, label=name) for solid in solids))


def seen(specimen: Specimen, scan: ScanSpec, views=(0,), *, shape=(1, 1), look=None, **changes) -> Arrivals:
    """Return what GATE says; the settings are those of a short run with the reduced data."""
    spec = GateSpec(**{"photons": 200_000, "physics_list": LIST, "timeout_s": 300.0} | changes)
    look = look or scanner_of(scan)
    response = partial(response_of, scan.detector)
    return arrivals(specimen, look, spec, views, response=response, seed=3, shape=shape)


def plate(thickness_mm: float, x_mm: float = 0.0) -> Manifold:
    """Return a plate that all of the beam passes."""
    return Manifold.cube((thickness_mm, 250, 250), True).translate((x_mm, 0, 0))
