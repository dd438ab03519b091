"""The references themselves: xraylib's own differential cross-sections, textbook limits, and how well both agree."""

import numpy as np
import pytest
import xraylib
from numpy.testing import assert_allclose
from scipy.integrate import quad

from ctsim.materials import material, mu_per_mm
from tests.ctsim.montecarlo import references

COSINES = np.array([-1.0, -0.6, 0.0, 0.5, 0.9, 0.999, 0.99999])


@pytest.mark.parametrize("name", ["graphite", "Al", "Fe", "W", "water"])
@pytest.mark.parametrize("energy", [10.0, 80.0, 450.0])
def test_differential_cross_sections_are_xraylibs(name, energy):
    """Ours are written out from S and F; xraylib has its own sums of the same."""
    what = material(name)
    angles = np.arccos(COSINES)
    for ours, theirs in (
        (references.compton_per_mm_sr, xraylib.DCS_Compt),
        (references.rayleigh_per_mm_sr, xraylib.DCS_Rayl),
    ):
        per_g = [
            sum(share * theirs(xraylib.SymbolToAtomicNumber(s), energy, angle) for s, share in what.mass_fractions)
            for angle in angles
        ]
        assert_allclose(ours(name, energy, COSINES), what.density_g_cm3 / 10 * np.array(per_g), rtol=1e-9)


def test_processes_add_up_to_the_attenuation():
    energies = np.array([10.0, 33.0, 100.0, 450.0])
    for name in ("Al", "Fe", "W", "water"):
        assert_allclose(references.per_mm(name, energies).sum(0), mu_per_mm(name, tuple(energies)), rtol=1e-9)


def test_nothing_is_held_back_from_an_electron_that_is_hit_hard():
    r"""At 450 keV straight back, S is the number of electrons: $r_e^2 / 2 \, p^2 (p + 1 / p)$, times Z."""
    p = 1 / (1 + 2 * 450 / 510.998928)
    wanted = 6 * 0.602214129 * 1.7 / 12.0107 / 10 * 0.079407877 / 2 * p**2 * (p + 1 / p)
    found = references.compton_per_mm_sr("graphite", 450.0, np.array([-1.0]))
    assert found == pytest.approx(wanted, rel=1e-3)


def test_the_atom_scatters_forwards_as_a_whole():
    """Z electrons in step: Z squared times Thomson's cross-section, and no Compton scattering at all."""
    wanted = 26**2 * 0.602214129 * 7.874 / 55.845 / 10 * 0.079407877
    assert references.rayleigh_per_mm_sr("Fe", 60.0, np.ones(1)) == pytest.approx(wanted, rel=1e-3)
    assert references.compton_per_mm_sr("Fe", 60.0, np.ones(1)) == 0


@pytest.mark.parametrize("process", ["compton", "rayleigh"])
@pytest.mark.parametrize(("name", "energy"), [("graphite", 10.0), ("Fe", 100.0), ("W", 450.0)])
def test_densities_integrate_to_one(process, name, energy):
    cosines, density, below = references.turns(process, name, energy)
    assert np.all(np.diff(cosines) > 0)
    assert np.all(np.diff(below) >= 0)
    assert [cosines[0], cosines[-1], below[0], below[-1]] == [-1, 1, 0, 1]
    differential = {"compton": references.compton_per_mm_sr, "rayleigh": references.rayleigh_per_mm_sr}[process]
    whole = references.whole_per_mm(process, name, energy)
    assert density[7000] == pytest.approx(2 * np.pi * differential(name, energy, cosines[7000:7001])[0] / whole)
    # adaptive quadrature over the angle, to 60 deg, is the peer of the fixed steps
    part, _ = quad(
        lambda t: 2 * np.pi * np.sin(t) * differential(name, energy, np.array([np.cos(t)]))[0], 0, np.pi / 3,
        limit=200, points=[0.01, 0.1],
    )  # fmt: skip
    assert part / whole == pytest.approx(1 - np.interp(0.5, cosines, below), rel=1e-5)
    assert references.whole_per_mm(process, name, energy, 5001) == pytest.approx(whole, rel=1e-7)


@pytest.mark.parametrize(
    ("name", "compton", "rayleigh"),
    [("graphite", 0.004, 0.005), ("Al", 0.007, 0.003), ("Fe", 0.008, 0.011), ("W", 0.013, 0.09)],
)
def test_integrals_meet_xraylibs_totals_as_closely_as_its_tables_allow(name, compton, rayleigh):
    """The totals come from other tables than S and F: most of all Rayleigh scattering by heavy atoms, -9 % for W."""
    for energy in (10.0, 30.0, 80.0, 150.0, 450.0):
        totals = references.per_mm(name, np.array([energy]))[:, 0]
        assert references.whole_per_mm("compton", name, energy) == pytest.approx(totals[1], rel=compton)
        assert references.whole_per_mm("rayleigh", name, energy) == pytest.approx(totals[2], rel=rayleigh)


def test_k_lines_follow_the_jump_and_the_yield():
    """As often as the K shell was hit, (J - 1) / J, times the yield; the same above the edge, never below it."""
    energies, chances = references.k_lines("Fe", 20.0)
    wanted = (1 - 1 / xraylib.JumpFactor(26, xraylib.K_SHELL)) * xraylib.FluorYield(26, xraylib.K_SHELL)
    assert chances.sum() == pytest.approx(wanted, rel=1e-3)
    assert energies[np.argmax(chances)] == pytest.approx(6.404, abs=1e-3)
    assert_allclose(references.k_lines("Fe", 200.0), [energies, chances], rtol=1e-9)
    assert references.k_lines("Fe", 7.0)[1].sum() == 0
    assert references.k_lines("H", 20.0).shape == (2, 0)
