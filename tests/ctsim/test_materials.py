"""Attenuation against published tables."""

import numpy as np
import pytest
import xraylib

from ctsim.materials import HEAVIEST, material, mu_per_mm, names
from defects.messages import BadInput

# NIST XCOM (Standard Reference Database 8), total with coherent scattering [cm2/g]
XCOM = [
    ("Al", 50, 0.3681), ("Al", 80, 0.2018), ("Al", 100, 0.1704), ("Fe", 100, 0.3717), ("Fe", 200, 0.1460),
    ("Ti", 80, 0.4052), ("Cu", 100, 0.4584), ("W", 100, 4.438), ("Pb", 100, 5.549), ("graphite", 100, 0.1514),
    ("water", 100, 0.1707), ("water", 50, 0.2269),
]  # fmt: skip


@pytest.mark.parametrize(("name", "energy_kev", "cm2_per_g"), XCOM)
def test_attenuation_is_that_of_nist(name, energy_kev, cm2_per_g):
    got = mu_per_mm(name, (float(energy_kev),))[0] * 10 / material(name).density_g_cm3
    assert got == pytest.approx(cm2_per_g, rel=0.006)


@pytest.mark.parametrize("name", names())
def test_mass_fractions_of_every_material_add_up(name):
    fractions = [share for _, share in material(name).mass_fractions]
    assert sum(fractions) == pytest.approx(1, abs=1e-9)
    assert min(fractions) > 0
    assert 1e-3 < material(name).density_g_cm3 < 25


def test_an_alloy_is_the_mixture_of_its_elements_by_mass():
    energies = (60.0, 120.0)
    parts = {"Al": 1 - 0.10 - 0.0035 - 0.003, "Si": 0.10, "Mg": 0.0035, "Fe": 0.003}
    mixed = sum(w * mu_per_mm(n, energies) / material(n).density_g_cm3 for n, w in parts.items())
    np.testing.assert_allclose(mu_per_mm("AlSi10Mg", energies), mixed * 2.67, rtol=1e-12)


def test_a_formula_with_its_density_is_a_material():
    np.testing.assert_allclose(mu_per_mm("SiO2@2.32", (80.0,)), mu_per_mm("SiO2", (80.0,)))
    assert mu_per_mm("SiO2@4.64", (80.0,))[0] == pytest.approx(2 * mu_per_mm("SiO2", (80.0,))[0])


def test_a_mixture_is_that_of_its_parts_by_mass():
    energies = (40.0, 120.0)
    parts = 0.4 * mu_per_mm("Al2O3@1", energies) + 0.6 * mu_per_mm("SiO2@1", energies)
    np.testing.assert_allclose(mu_per_mm("Al2O3:0.4+SiO2:0.6@2.53", energies), 2.53 * parts, rtol=1e-12)
    np.testing.assert_allclose(mu_per_mm("Al2O3:2+SiO2:3@2.53", energies), 2.53 * parts, rtol=1e-12)
    # oxygen stands in both and is one element of the whole
    assert [symbol for symbol, _ in material("Al2O3:0.4+SiO2:0.6@2.53").mass_fractions] == ["O", "Al", "Si"]


def test_void_attenuates_nothing():
    assert mu_per_mm("void", (50.0, 100.0)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "says"),
    [("Alu", "did you mean 'Au' or 'Al'"), ("", "unknown material"), ("Xx@3", "Fe2O3@5.24"), ("Al@0", "above 0"),
     ("Al@nan", "above 0"), ("Al@heavy", "Fe2O3@5.24"), ("Al:1+Si:0@2", "above 0"), ("Al:1+Si@2", "could not convert"),
     ("Al:nan@2", "above 0")],
)  # fmt: skip
def test_what_is_no_material_is_said_with_what_would_be(name, says):
    with pytest.raises(BadInput, match=says):
        material(name)


def test_the_heaviest_element_is_the_last_that_has_tables():
    """All of what is attenuated and scattered; of the next one, xraylib knows its name alone."""
    for heaviest, known in ((HEAVIEST, True), (HEAVIEST + 1, False)):
        for table in ("CS_Total", "CS_Photo", "CS_Compt", "CS_Rayl", "FF_Rayl", "SF_Compt"):
            if known:
                assert getattr(xraylib, table)(heaviest, 60.0) >= 0
            else:
                with pytest.raises(ValueError, match="Z out of range"):
                    getattr(xraylib, table)(heaviest, 60.0)
    assert mu_per_mm(f"{xraylib.AtomicNumberToSymbol(HEAVIEST)}@15", (200.0,))[0] > mu_per_mm("Pb", (200.0,))[0]
    for name in ("Fm@9.0", "FmO2@9", "Al:0.5+Fm2O3:0.5@5"):
        with pytest.raises(BadInput, match=r"holds Fm, expected elements up to Cf \(98\)"):
            material(name)


@pytest.mark.parametrize("energy_kev", [0.5, 900.0, float("nan")])
def test_energies_outside_the_tables_are_refused(energy_kev):
    with pytest.raises(BadInput, match="1 to 800 keV"):
        mu_per_mm("Al", (energy_kev,))
