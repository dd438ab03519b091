"""Small scanners and parts that photons are followed through."""

from collections.abc import Sequence

import numpy as np
from manifold3d import Manifold

from ctsim.detector.response import Response
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry, circular
from ctsim.montecarlo import photon
from ctsim.montecarlo.matter import Matter, matter_of
from ctsim.montecarlo.transport import Transport, transport
from ctsim.spectrum import Spectrum
from scenes.build import Solid, Specimen

SOURCE_OBJECT_MM, SOURCE_DETECTOR_MM = 400.0, 800.0


def block(size_mm: Sequence[float], at_mm: Sequence[float] = (0, 0, 0)) -> Manifold:
    """Return a box about a point."""
    return Manifold.cube(tuple(size_mm), True).translate(tuple(at_mm))


def specimen(*pieces: tuple[Manifold, str]) -> Specimen:
    """Return solids, each with its material, that must not meet each other."""
    return Specimen(solids=tuple(Solid(surface=solid, material=name, label=name) for solid, name in pieces))


def part(voxels: int = 30) -> Matter:
    """Return 20 x 60 x 60 mm of aluminium with a piece of iron in it, in voxels of 2 mm that its faces lie between."""
    inner = block((10, 16, 12), (0, 2, -2))
    return matter_of(specimen((block((20, 60, 60)) - inner, "Al"), (inner, "Fe")), voxels)


def still(geometry: Geometry) -> Exposure:
    """Return an exposure from a point, of a stage that stands still."""
    return Exposure(geometry=geometry, weights=np.ones(1), middle=geometry)


def exposure(pixels: int = 8, angles_deg: Sequence[float] = (0.0,), side_mm: float = 160.0) -> Exposure:
    """Return a square panel 800 mm from the source, which stands 400 mm from the axis."""
    return still(
        circular(
            source_object_mm=SOURCE_OBJECT_MM, source_detector_mm=SOURCE_DETECTOR_MM, rows=pixels, columns=pixels,
            pixel_mm=side_mm / pixels, angles_deg=np.array(angles_deg),
        )
    )  # fmt: skip


def of_one_energy(energy_kev: float) -> Spectrum:
    """Return photons that are all alike."""
    return Spectrum(energies_kev=np.array([energy_kev]), photons=np.ones(1))


def all_energy(energies_kev: np.ndarray) -> Response:
    """Return the response of a panel that takes all the energy of every photon."""
    energies = np.asarray(energies_kev, float)[None]
    return Response(first=energies, second=energies**2)


def followed(
    matter: Matter, seen: Exposure, spectrum: Spectrum | float, photons: int, key: int, *techniques: str, **more
) -> Transport:
    """Return what becomes of photons; a number as spectrum is their energy, and all views are looked at."""
    source = spectrum if isinstance(spectrum, Spectrum) else of_one_energy(spectrum)
    views = more.pop("views", range(seen.views))
    response = more.pop("response", all_energy)
    return transport(
        matter, seen, list(views), source, response, photons=photons, key=np.uint64(key), techniques=techniques, **more
    )  # fmt: skip


DRAWS = 40_000
"""A distribution that is off by 1 % of all draws differs by 0.01, twice what so many leave to chance (1 in 1000)."""

OWN = np.uint64(0x1234_5678_9ABC_DEF0)
"""Of one photon."""


def no_draws() -> np.ndarray:
    """Return the counts of a photon that has drawn nothing."""
    return np.zeros(photon.COUNTS, np.int64)


def desk() -> np.ndarray:
    """Return an empty desk."""
    return np.zeros(photon.DESK)
