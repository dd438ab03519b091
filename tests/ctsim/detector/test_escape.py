"""What photons leave in a layer, against a random walk, closed forms and what is known of K fluorescence."""

import numpy as np
import pytest
import xraylib

from ctsim.detector.escape import deposits
from ctsim.materials import material
from tests.ctsim.photons import walk

PHOTONS = 100_000


@pytest.mark.parametrize(
    ("name", "thickness_mm", "energy_kev"),
    [("CsI", 0.2, 30.0), ("CsI", 0.2, 40.0), ("CsI", 0.5, 60.0), ("CsI", 0.5, 150.0), ("Gd2O2S", 0.5, 45.0),
     ("Gd2O2S", 0.5, 60.0), ("Gd2O2S", 0.1, 100.0), ("CdTe@5.85", 1.0, 80.0)],
)  # fmt: skip
def test_the_mean_and_the_mean_square_are_those_of_a_random_walk(name, thickness_mm, energy_kev):
    found = deposits(name, thickness_mm, (energy_kev,))
    left = walk(name, thickness_mm, energy_kev, PHOTONS)
    for power, systematic in ((1, 0.015), (2, 0.035)):
        wanted, error = (left**power).mean(), (left**power).std() / np.sqrt(PHOTONS)
        got = float((found.kev**power * found.probability).sum())
        assert got == pytest.approx(wanted, rel=systematic, abs=4 * error), power
    met = float(found.probability.sum())
    assert met == pytest.approx((left > 0).mean(), abs=4 * np.sqrt(met * (1 - met) / PHOTONS) + 1e-4)


def test_csi_at_40_kev_loses_photons_of_its_k_lines():
    """The K lines of iodine are 28.3 to 28.6 and 32.2 to 33.0 keV, those of caesium 30.6 to 31.0 and 34.9 to 35.8 keV
    (Thompson et al., X-ray Data Booklet, table 1-2)."""
    found = deposits("CsI", 0.2, (40.0,))
    lost = 40 - found.kev[0][:-32]  # the last are those of scattering
    escaped = np.sort(lost[lost > 10])
    assert escaped == pytest.approx([28.5, 30.9, 32.4, 35.1], abs=0.2)
    # below both K edges (33.2 and 36.0 keV) nearly all stays, above them a quarter goes
    found = deposits("CsI", 0.2, (33.0, 37.0))
    stays = (found.kev * found.probability).sum(1) / found.probability.sum(1) / [33.0, 37.0]
    assert stays[0] > 0.98
    assert 0.68 < stays[1] < 0.78


@pytest.mark.parametrize("energy_kev", [36.0, 60.0])
def test_a_layer_without_end_lets_out_what_axel_says(energy_kev):
    """Axel, Rev. Sci. Instrum. 25, 391 (1954): (1 - (m_l / m) ln(1 + m / m_l)) / 2 of all K photons leave."""
    found = deposits("I@4.93", 50.0, (energy_kev,))
    density = material("I@4.93").density_g_cm3 / 10
    per_mm = lambda e: density * (xraylib.CS_Photo(53, e) + xraylib.CS_Compt(53, e))  # noqa: E731
    wanted = 0.0
    for line in (xraylib.KL2_LINE, xraylib.KL3_LINE, xraylib.KM2_LINE, xraylib.KM3_LINE, xraylib.KN2_LINE,
                 xraylib.KN3_LINE):  # fmt: skip
        made = density * xraylib.CS_FluorLine(53, line, energy_kev) / per_mm(energy_kev)
        ratio = per_mm(xraylib.LineEnergy(53, line)) / per_mm(energy_kev)
        wanted += made * (1 - ratio * np.log(1 + 1 / ratio)) / 2
    escaped = (found.kev[0][:-32] < energy_kev - 20) & (found.kev[0][:-32] > 0)
    assert found.probability[0][:-32][escaped].sum() == pytest.approx(wanted, rel=5e-3)


def test_a_thick_layer_below_every_edge_keeps_nearly_all():
    found = deposits("CsI", 5.0, (25.0,))
    assert found.probability.sum() == pytest.approx(1, abs=1e-9)
    assert (found.kev * found.probability).sum() == pytest.approx(25, rel=0.02)


def test_no_more_energy_stays_than_came():
    energies = tuple(np.arange(10.0, 300.0, 7.0))
    for name in ("CsI", "Gd2O2S", "Si"):
        found = deposits(name, 0.3, energies)
        assert np.all(found.probability >= 0)
        assert np.all(found.kev <= np.array(energies)[:, None] + 1e-9)
        per_mm = [sum(material(name).density_g_cm3 * w / 10 * (xraylib.CS_Photo(z, e) + xraylib.CS_Compt(z, e))
                      for z, w in [(xraylib.SymbolToAtomicNumber(s), w) for s, w in material(name).mass_fractions])
                  for e in energies]  # fmt: skip
        np.testing.assert_allclose(found.probability.sum(1), 1 - np.exp(-0.3 * np.array(per_mm)), rtol=1e-9)
