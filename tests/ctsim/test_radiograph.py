"""A specimen in a scanner, from spec to counts, against Beer and Lambert by hand."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.detector.correct import correct
from ctsim.materials import mu_per_mm
from ctsim.radiograph import backend_of, scan, triangles_of
from ctsim.scanner import scanner_of
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream


def settings(**changes) -> ScanSpec:
    values = {
        "tube_kv": 120.0, "filters": {"Al": 2.0}, "exposure_mas": 1.0, "source_detector_mm": 600.0,
        "source_object_mm": 300.0, "views": 4, "noise": False,
        "detector": DetectorSpec(rows=32, columns=48, pixel_mm=1.0, dark_counts=100.0, escape=False),
    }  # fmt: skip
    return ScanSpec(**values | changes)


def specimen(*pieces: tuple[Manifold, str]) -> Specimen:
    solids = tuple(Solid(surface=solid, material=name, label=name) for solid, name in pieces)
    return Specimen(solids=solids)


def test_a_slab_attenuates_as_the_integral_over_the_spectrum_says():
    scanner = scanner_of(settings())
    slab = Manifold.cube((12, 60, 60), True)
    pictures = scan(specimen((slab, "Al")), scanner, rng=stream(0, 0, "photons"))
    p = correct(pictures.counts[0, :1], pictures.flat[0], pictures.dark[0])[0]
    s = scanner.spectrum
    energies = tuple(s.energies_kev)
    absorbed = 1 - np.exp(-mu_per_mm("CsI", energies) * 0.5)
    weights = s.photons * absorbed * s.energies_kev
    rows, columns = np.mgrid[:32, :48] + 0.5
    slant = np.sqrt(1 + ((columns - 24) ** 2 + (rows - 16) ** 2) / 600**2)
    wanted = -np.log(np.exp(-np.multiply.outer(12 * slant, mu_per_mm("Al", energies))) @ weights / weights.sum())
    np.testing.assert_allclose(p, wanted, atol=2e-4)  # a count of rounding in 20000


def test_counts_grow_with_the_exposure_only_in_their_noise():
    """Free-beam counts are fixed by the gain; four times the photons halve the noise."""
    spread = []
    for exposure in (0.01, 0.04):
        thin = specimen((Manifold.cube((0.1, 1, 1), True), "PE"))
        pictures = scan(thin, scanner_of(settings(exposure_mas=exposure, noise=True)), rng=stream(1, 0, "photons"))
        free = pictures.counts[0, :, :8]
        spread.append((free / pictures.flat[0, :8]).std())
    assert spread[0] / spread[1] == pytest.approx(2, rel=0.1)


def test_the_number_of_photons_follows_the_inverse_square():
    near, far = scanner_of(settings()), scanner_of(settings(source_detector_mm=1200.0))
    assert near.detector.photons / far.detector.photons == pytest.approx(4)
    wide = scanner_of(settings(detector=DetectorSpec(rows=32, columns=48, pixel_mm=2.0)))
    assert wide.detector.photons / near.detector.photons == pytest.approx(4)


def test_void_is_not_rendered_and_materials_are_kept_apart():
    block = Manifold.cube((10, 10, 10), True)
    hole, plug = Manifold.sphere(2, 32), Manifold.sphere(1, 32).translate((3, 3, 3))
    whole = Specimen(
        solids=(
            Solid(surface=block - hole - plug, material="Al", label="Al"),
            Solid(surface=hole, material="void", label="gas_pore", number=1),
            Solid(surface=plug, material="W", label="inclusion_dense", number=2),
        ),
    )
    triangles, materials = triangles_of(whole)
    assert materials == ("Al", "W")
    assert np.count_nonzero(triangles.materials == 1) == plug.num_tri()
    assert len(triangles.faces) == (block - hole - plug).num_tri() + plug.num_tri()


def test_an_inclusion_of_its_hosts_own_material_cannot_be_seen():
    block, plug = Manifold.cube((10, 10, 10), True), Manifold.sphere(2, 32)
    alone = scan(specimen((block, "Al")), scanner_of(settings()), rng=stream(0, 0, "photons"))
    plugged = scan(specimen((block - plug, "Al"), (plug, "Al")), scanner_of(settings()), rng=stream(0, 0, "photons"))
    np.testing.assert_allclose(plugged.counts, alone.counts, atol=1)


def test_starved_pixels_are_told():
    lead = specimen((Manifold.cube((20, 20, 20), True), "Pb"))
    pictures = scan(lead, scanner_of(settings()), rng=stream(0, 0, "photons"))
    assert pictures.lowest_transmission < 1e-6
    assert 0.3 < pictures.starved_share < 0.9


def test_an_unknown_backend_is_said_with_the_known():
    with pytest.raises(BadInput, match="unknown backend 'mash'; did you mean 'mesh'"):
        backend_of("mash")
