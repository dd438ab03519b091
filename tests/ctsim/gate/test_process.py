"""GATE's set-up beside closed forms: what is attenuated, what is scattered once, and what atoms send out."""

import sys

import numpy as np
import pytest
import xraylib

from ctsim import doctor
from ctsim.materials import material, mu_per_mm
from ctsim.montecarlo.arrivals import COMPTON, FLUORESCENCE, MULTIPLE, PRIMARY, RAYLEIGH
from ctsim.scanner import scanner_of
from tests.ctsim.chords import rays_of
from tests.ctsim.gate.setups import PARAMETRISATION, of, plate, seen, settings


@pytest.mark.slow
def test_a_plate_lets_through_what_beer_and_lambert_say_and_what_was_measured_before(real):
    photons, scan = 300_000, settings()
    got = seen(of(plate(20.0)), scan, photons=photons)
    mean, deviation = got.mean[PRIMARY].item(), got.deviation[PRIMARY].item()
    geometry = scanner_of(scan).true
    slant = np.linalg.norm(rays_of(geometry), axis=-1) / 600.0
    wanted = np.average(np.exp(-mu_per_mm("Al", (80.0,))[0] * 20 * slant), weights=slant**-3)
    assert mean == pytest.approx(wanted, abs=PARAMETRISATION * wanted + 4 * deviation)
    # 0.3346 +- 0.0003 straight through; slant rays have 0.3 % less
    assert mean == pytest.approx(0.3346 * wanted / np.exp(-mu_per_mm("Al", (80.0,))[0] * 20), abs=4 * deviation + 0.001)
    # each photon leaves the same: their number is binomial, and a signal's second moment is its mean
    assert deviation == pytest.approx(np.sqrt(mean * (1 - mean) / photons), rel=0.01)
    assert got.variance[0].item() == pytest.approx(mean)
    assert got.mean[FLUORESCENCE].max() == 0
    assert got.photons == photons


def arriving(thick_mm: float, gap_mm: float, per_sr) -> float:
    """Return the share of the free beam that a thin plate before the panel of `settings` sends on into it.

    Summed over all pairs of a point of the plate and a pixel; a plate that takes little of what passes it.

    Args:
        thick_mm: Thickness of the plate.
        gap_mm: From its middle to the panel.
        per_sr: Angle [rad] -> what a mm of it sends into a steradian there [1/mm].
    """
    y, z = (grid.ravel() * 2 for grid in np.meshgrid(np.arange(-24, 24) + 0.5, np.arange(-16, 16) + 0.5))
    rays = np.stack([np.full(y.size, 600.0), y, z], axis=1)
    unit = rays / np.linalg.norm(rays, axis=1)[:, None]
    onward = rays[None] - rays[:, None] * (600 - gap_mm) / 600
    far = np.linalg.norm(onward, axis=2)
    angle = np.arccos(np.clip(np.einsum("hi,hpi->hp", unit, onward) / far, -1, 1))
    solid_angle = 4.0 * gap_mm / far**3  # of a pixel, seen aslant
    from_each = thick_mm / unit[:, 0] * (per_sr(angle) * solid_angle).sum(1)
    return float(np.average(from_each, weights=np.linalg.norm(rays, axis=1) ** -3))


@pytest.mark.slow
def test_once_scattered_photons_arrive_as_their_cross_sections_say(real):
    """By incoherent scattering functions and form factors; what is scattered once is hardly scattered again."""
    thick, gap = 0.5, 60.0
    got = seen(of(plate(thick, 300.0 - gap)), settings(), photons=400_000)
    angles, density = np.linspace(0.03, np.pi / 2, 400), material("Al").density_g_cm3 / 10
    curves = {
        COMPTON: [xraylib.DCS_Compt(13, 80.0, t) * xraylib.ComptonEnergy(80.0, t) / 80.0 for t in angles],
        RAYLEIGH: [xraylib.DCS_Rayl(13, 80.0, t) for t in angles],
    }
    left = np.exp(-mu_per_mm("Al", (80.0,))[0] * thick)
    for kind, curve in curves.items():
        wanted = left * arriving(thick, gap, lambda angle, c=curve: density * np.interp(angle, angles, c))
        deviation = got.deviation[kind].item()
        assert deviation < 0.05 * wanted
        assert got.mean[kind].item() == pytest.approx(wanted, abs=0.02 * wanted + 3 * deviation), kind
    assert got.mean[MULTIPLE].item() < 0.05 * got.mean[COMPTON].item()


def k_share(z: int, kev: float) -> float:
    """Return the share of the photons taken up that the K shell takes, as Geant4's data have it.

    That of the reduced data is half of what xraylib has.
    """
    folder = sorted(doctor.geant4_data().glob("G4EMLOW*"))[-1] / "epics2017" / "phot"
    total, shells = (np.array((folder / f"pe-{n}-{z}.dat").read_text().split(), float) for n in ("cs", "ss-cs"))
    tables = total[4:].reshape(-1, 2), shells[4 : 4 + 2 * int(shells[2])].reshape(-1, 2)
    whole, k = (np.exp(np.interp(np.log(kev / 1000), *np.log(table.T))) for table in tables)
    return k / whole


def test_what_atoms_send_out_lies_in_the_band_of_its_lines_and_is_as_much_as_they_yield(real):
    """Copper's K lines, 8.0 and 8.9 keV, under 20 keV; 6 keV give that band a free beam, and send out nothing in it."""
    panel = {"rows": 32, "columns": 48, "pixel_mm": 2.0, "scintillator": None, "thresholds_kev": (5.0, 12.0)}
    scan, thick, gap = settings(spectrum=((6.0, 1e5), (20.0, 9e5)), detector=panel), 0.01, 60.0
    got = seen(of(plate(thick, 300.0 - gap), name="Cu"), scan, fluorescence=True, photons=250_000)
    low, high = got.mean[:, :, 0, 0, 0].T
    density, (into, out) = material("Cu").density_g_cm3 / 10, mu_per_mm("Cu", (20.0, 8.1))
    lines = [xraylib.CS_FluorLine(29, line, 20.0) for line in (xraylib.KA_LINE, xraylib.KB_LINE)]
    lines = np.array(lines) * k_share(29, 20.0) / (xraylib.CS_Photo_Partial(29, 0, 20.0) / xraylib.CS_Photo(29, 20.0))

    def per_sr(angle):
        """Evenly to all sides; half the plate takes its share on the way in, and aslant on the way out."""
        return density * lines.sum() / (4 * np.pi) * np.exp(-(into + out / np.cos(angle)) * thick / 2)

    wanted = arriving(thick, gap, per_sr) * 9  # of nine photons of 20 keV for each of 6
    deviation = got.deviation[FLUORESCENCE, 0].item()
    assert deviation < 0.05 * wanted
    assert low[FLUORESCENCE] == pytest.approx(wanted, abs=0.04 * wanted + 3 * deviation)
    assert high[FLUORESCENCE] == 0
    assert high[PRIMARY] == pytest.approx(np.exp(-into * thick), abs=0.01)
    assert low[COMPTON : MULTIPLE + 1].max() < 0.01


def test_opengate_is_never_loaded_into_this_process(real):
    assert "opengate" not in sys.modules
    assert "opengate_core" not in sys.modules
