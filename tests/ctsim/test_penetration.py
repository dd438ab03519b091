"""What the darkest ray leaves, against the ray through a ball's middle; and the tube that is set by it."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.detector.response import response_of
from ctsim.materials import mu_per_mm
from ctsim.penetration import rays_through
from ctsim.radiograph import scan as radiographs_of
from ctsim.scanner import scanner_of
from ctsim.spectrum import tube_spectrum
from defects.messages import BadInput
from scenes.body import Body
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.penetration import PenetrationSpec, set_for
from scenes.scene import ScanSpec
from scenes.seeds import stream

PANEL = DetectorSpec(rows=128, columns=128, pixel_mm=1.0)
BALL_MM = 30.0


def scan_at(kv: float) -> ScanSpec:
    return ScanSpec(
        tube_kv=kv, filters={"Cu": 0.5}, exposure_mas=0.2, detector=PANEL, source_detector_mm=800, source_object_mm=400,
        views=12,
    )  # fmt: skip


def ball(material: str) -> tuple[Body, ...]:
    return (Body(name="ball", solid=Manifold.sphere(BALL_MM / 2, 128), material=material),)


def expected(material: str, kv: float) -> tuple[float, float]:
    """Return transmission and quanta behind the ball's diameter, the whole spectrum summed."""
    beam = tube_spectrum(kv, "W", 12.0, (("Cu", 0.5),))
    response = response_of(PANEL, beam.energies_kev)
    through = np.exp(-mu_per_mm(material, tuple(beam.energies_kev)) * BALL_MM)
    signal = (beam.photons * response.first[0] * through).sum()
    photons = 0.2 * 1.0 * (1000 / 800) ** 2
    quanta = photons * signal**2 / (beam.photons * response.second[0] * through).sum()
    return signal / (beam.photons * response.first[0]).sum(), quanta


@pytest.mark.parametrize("material", ["Al", "Fe"])
def test_the_darkest_ray_of_a_ball_goes_through_its_middle(material):
    found = rays_through(ball(material), scan_at(150))(scan_at(150))
    assert found == pytest.approx(expected(material, 150), rel=0.01)


def test_of_two_materials_the_darker_counts_and_behind_both_it_is_darker_still():
    beside = Body(name="plug", solid=Manifold.sphere(3.0, 64).translate((0, 0, 25)), material="W")
    both = (*ball("Al"), beside)
    thin, thick = (rays_through(bodies, scan_at(150))(scan_at(150))[0] for bodies in (ball("Al"), both))
    alone = rays_through((beside,), scan_at(150))(scan_at(150))[0]
    assert thick == pytest.approx(alone, rel=1e-6)
    assert thick < thin / 3


def test_the_quanta_are_the_squared_signal_to_noise_of_the_darkest_pixel():
    """Over many views of a still scan, against a simulation."""
    scan = scan_at(150).model_copy(update={"views": 400, "exposure_mas": 0.01})
    still = scan.model_copy(update={"trajectory": scan.trajectory.model_copy(update={"range_deg": 0.0})})
    quiet = still.model_copy(update={"detector": PANEL.model_copy(update={"electronic_noise_counts": 0.0})})
    solid = ball("Al")[0].solid
    specimen = Specimen(solids=(Solid(surface=solid, material="Al", label="Al"),))
    found = radiographs_of(specimen, scanner_of(quiet), rng=stream(1, 0, "photons"))
    middle = found.counts[0, :, 62:66, 62:66] - quiet.detector.dark_counts
    wanted = rays_through(ball("Al"), quiet)(quiet)[1]
    assert middle.mean() ** 2 / middle.var(axis=0).mean() == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("transmission", [0.05, 0.135, 0.18])
def test_the_lowest_voltage_that_lets_enough_through_is_taken(transmission):
    spec, rays = PenetrationSpec(tube_kv=(62, 300)), rays_through(ball("Al"), scan_at(100))
    found = set_for(spec, transmission, None, scan_at, rays, "ball")
    kv = found.tube_kv
    assert expected("Al", kv)[0] >= 0.99 * transmission
    if kv > 62:
        below = max(v for v in spec.voltages_kv if v < kv)
        assert expected("Al", below)[0] < 1.01 * transmission


def test_the_exposure_brings_the_quanta_that_are_wanted():
    rays = rays_through(ball("Al"), scan_at(100))
    found = set_for(PenetrationSpec(tube_kv=(60, 300)), 0.1, 500.0, scan_at, rays, "ball")
    assert rays(found)[1] == pytest.approx(500, rel=1e-5)
    assert expected("Al", found.tube_kv)[1] * found.exposure_mas / 0.2 == pytest.approx(500, rel=0.02)


def test_what_no_voltage_gets_through_is_told_with_how_much_does():
    rays = rays_through(ball("W"), scan_at(100))
    with pytest.raises(BadInput, match=r"ball lets .* of the beam through at 200 kV, wanted 0.1: give"):
        set_for(PenetrationSpec(tube_kv=(60, 200)), 0.1, None, scan_at, rays, "ball")


def test_voltages_are_whole_steps_between_the_ends():
    assert PenetrationSpec(tube_kv=(62, 80)).voltages_kv == [62, 65, 70, 75, 80]
    assert PenetrationSpec(tube_kv=(90, 90)).voltages_kv == [90]
