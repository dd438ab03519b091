"""The tables of a photon's walk against xraylib itself, and against closed forms where there are any."""

from itertools import pairwise

import numpy as np
import pytest
import xraylib
import xraylib_np
from numpy.testing import assert_allclose

from ctsim.materials import material
from ctsim.montecarlo.tables import (
    COMPTON,
    ENERGIES,
    HC_KEV_ANGSTROM,
    LINES,
    PHOTO,
    RAYLEIGH,
    TOTAL,
    grid_kev,
    tables_of,
    transfers,
)
from defects.messages import BadInput
from tests.ctsim.montecarlo import references

MATERIALS = ("graphite", "Al", "Fe", "W", "AlSi9Cu3", "Gd2O2S")
"""Elements from light to heavy, an alloy and a compound."""

SHELLS = [getattr(xraylib, f"{name}_SHELL") for name in ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")]


def numbers(name: str) -> list[int]:
    """Return the atomic numbers of a material's elements."""
    return [xraylib.SymbolToAtomicNumber(symbol) for symbol, _ in material(name).mass_fractions]


def edges_kev(name: str) -> np.ndarray:
    """Return the absorption edges of a material's elements [keV]."""
    found = []
    for number in numbers(name):
        for shell in SHELLS:
            try:
                found.append(xraylib.EdgeEnergy(number, shell))
            except ValueError:
                break
    return np.array(found)


def read(tables, column: int, energies: np.ndarray) -> np.ndarray:
    """Return a column of the only material, with straight lines over the logarithm of the energy."""
    return np.interp(np.log(energies), np.log(grid_kev()), tables.per_mm[:, 0, column])


def test_energies_and_transfers_reach_from_end_to_end():
    energies, x = grid_kev(), transfers()
    assert_allclose([energies[0], energies[-1]], [1, 800])
    assert_allclose(np.diff(np.log(energies)), np.log(800) / (ENERGIES - 1))
    # straight backwards, sin(theta / 2) is 1
    assert_allclose([x[0], x[-1]], [0, 800 / HC_KEV_ANGSTROM], atol=1e-12)
    assert pytest.approx(xraylib.KEV2ANGST) == HC_KEV_ANGSTROM


@pytest.mark.parametrize("name", MATERIALS)
def test_coefficients_are_xraylibs_on_the_grid(name):
    found, wanted = tables_of((name,)).per_mm[:, 0], references.per_mm(name, np.clip(grid_kev(), 1, 800))
    for column, row in ((PHOTO, 0), (COMPTON, 1), (RAYLEIGH, 2)):
        assert_allclose(found[:, column], wanted[row], rtol=1e-6)
    assert_allclose(found[:, TOTAL], wanted.sum(0), rtol=1e-6)


@pytest.mark.parametrize("name", MATERIALS)
def test_coefficients_between_two_energies_are_right_to_a_ten_thousandth(name):
    """But within 1 % of an edge, where xraylib's splines and a step of 0.33 % may lie on its other side.

    Below 3 keV, among M edges, xraylib's splines swing: 1 %. All that is off is 1.5 % of the axis at most.
    """
    rng, tables = np.random.default_rng(0), tables_of((name,))
    energies, edges = np.exp(rng.uniform(0, np.log(800), 10_000)), edges_kev(name)
    near = (np.abs(energies[:, None] / edges - 1) < 0.01).any(1)
    wanted, off = references.per_mm(name, energies), np.zeros(len(energies), bool)
    for column, row in ((PHOTO, 0), (COMPTON, 1), (RAYLEIGH, 2)):
        error = np.abs(read(tables, column, energies) / wanted[row] - 1)
        assert error[~near & (energies > 3)].max() < 1e-4
        assert error[~near].max() < 0.01
        off |= error > 1e-4
    assert off.mean() < 0.015


def test_materials_stand_in_the_order_they_are_asked_for():
    both = tables_of(("W", "Al"))
    for place, name in enumerate(("W", "Al")):
        alone = tables_of((name,))
        assert_allclose(both.per_mm[:, place], alone.per_mm[:, 0])
        assert_allclose(both.incoherent[place], alone.incoherent[0])
        assert_allclose(both.coherent[place], alone.coherent[0])
        assert_allclose(both.compton_norm[:, place], alone.compton_norm[:, 0])


@pytest.mark.parametrize("name", MATERIALS)
def test_incoherent_curves_are_the_mean_over_the_atoms(name):
    """In units of the largest: they begin at none and end at all electrons."""
    found, x = tables_of((name,)).incoherent[0], transfers()
    rows, atoms = references._atoms(name)
    wanted = np.array([atoms @ [xraylib.SF_Compt(int(z), v) for z in rows] for v in x[2:]])
    assert x[2] > references.LEAST_Q
    assert found[0] == 0
    assert_allclose(found[2:], wanted / (atoms @ rows), rtol=2e-3)  # S ends within 2e-3 of the electrons' number
    assert_allclose(found[2:] / found[-1], wanted / wanted[-1], rtol=1e-6)


@pytest.mark.parametrize("name", MATERIALS)
def test_coherent_curves_are_integrals_of_the_squared_form_factor(name):
    """Over x^2, here by a trapezoid of 200 steps in each of the tables', of 1e-4 of what lies below."""
    found, x = tables_of((name,)).coherent[0], transfers()
    rows, atoms = references._atoms(name)
    places = (1, 2, 10, 100, 300, 600, 900, 1023)
    fine = np.unique(np.concatenate([np.linspace(a, b, 201) for a, b in pairwise(x)]))
    squares = atoms @ xraylib_np.FF_Rayl(rows, fine) ** 2
    running = np.concatenate([[0.0], np.cumsum(np.diff(fine**2) * (squares[1:] + squares[:-1]) / 2)])
    wanted = np.interp(x[list(places)], fine, running)
    assert_allclose(found[list(places)] / found[-1], wanted / wanted[-1], rtol=2e-4)
    # in the tables' unit, moles a gram: from atoms per barn and mm
    assert_allclose(found[-1], wanted[-1] * 10 / (xraylib.AVOGNUM * material(name).density_g_cm3), rtol=1e-4)


@pytest.mark.parametrize("name", MATERIALS)
def test_comptons_norm_is_the_references_integral(name):
    """Up to the unit: r_e^2 / 2, the electrons in a volume, and S in units of its largest value."""
    tables = tables_of((name,))
    rows, atoms = references._atoms(name)
    most = max(atoms @ [xraylib.SF_Compt(int(z), v) for z in rows] for v in transfers()[-3:])
    for i in (0, 500, 1000, 1200, 1500, 1800, 2047):
        energy = float(np.clip(grid_kev()[i], 1, 800))
        wanted = references.whole_per_mm("compton", name, energy)
        found = tables.compton_norm[i, 0] * references.RADIUS2_BARN / 2 * most
        assert found == pytest.approx(wanted, rel=1e-3 if energy > 3 else 1e-2)


def test_free_electrons_leave_klein_and_nishinas_cross_section():
    """At 800 keV carbon's electrons are as good as free: to 0.5 %."""
    a = 800 / references.ELECTRON_KEV
    log = np.log(1 + 2 * a)
    whole = 2 * np.pi * (
        (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - log / a) + log / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2
    )  # fmt: skip
    assert tables_of(("graphite",)).compton_norm[-1, 0] == pytest.approx(2 * whole, rel=5e-3)


# -------------------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize("name", MATERIALS)
def test_without_fluorescence_nothing_is_sent_out(name):
    tables = tables_of((name,))
    assert (tables.per_mm[:, 0, LINES] == 0).all()
    assert (tables.line_kev == 0).all()


@pytest.mark.parametrize("name", MATERIALS)
def test_lines_take_nothing_from_the_sum(name):
    without, found = tables_of((name,)).per_mm, tables_of((name,), fluorescence=True).per_mm
    assert_allclose(found[..., PHOTO] + found[..., LINES], without[..., PHOTO], rtol=1e-6)
    assert_allclose(found[..., [COMPTON, RAYLEIGH, TOTAL]], without[..., [COMPTON, RAYLEIGH, TOTAL]], rtol=1e-7)
    assert (found[..., PHOTO] >= 0).all()
    assert (found[..., LINES] >= 0).all()


@pytest.mark.parametrize(("symbol", "edge_kev"), [("Fe", 7.112), ("Cu", 8.979), ("Sn", 29.2), ("W", 69.525)])
def test_an_element_sends_out_its_k_lines_above_its_edge_alone(symbol, edge_kev):
    """As many as xraylib has, less those weak ones that alpha and beta leave out (up to 1 %)."""
    tables = tables_of((symbol,), fluorescence=True)
    grid, made = grid_kev(), tables.per_mm[:, 0, LINES]
    assert (made[grid < 0.995 * edge_kev] == 0).all()
    for i in np.searchsorted(grid, [1.01 * edge_kev, 2 * edge_kev, 5 * edge_kev]):
        wanted_kev, each = references.k_lines(symbol, grid[i])
        taken = tables.per_mm[i, 0, PHOTO] + made[i]
        assert 0.99 * each.sum() < made[i] / taken <= 1.0001 * each.sum()
        shares = np.diff(tables.line_share[i, 0], prepend=0)
        assert shares.sum() == pytest.approx(1)
        assert shares @ tables.line_kev[0] == pytest.approx(wanted_kev @ each / each.sum(), rel=1e-3)
        # alpha lies below the gap of a tenth to beta
        alpha = wanted_kev < 1.05 * wanted_kev[np.argmax(each)]
        assert shares[np.argmin(tables.line_kev[0])] == pytest.approx(each[alpha].sum() / each.sum(), abs=5e-3)


def test_lines_of_an_alloy_are_those_of_its_elements():
    """Of AlSi9Cu3 those of copper, iron and zinc: aluminium's lie below 5 keV and stay."""
    found = sorted(tables_of(("AlSi9Cu3",), fluorescence=True).line_kev[0])
    alphas = [6.40, 8.04, 8.63]
    betas = [7.06, 8.91, 9.57]
    assert_allclose(found, sorted(alphas + betas), atol=0.02)


def test_an_element_without_tables_is_refused():
    with pytest.raises(BadInput, match=r"'Es@8\.8'.*xraylib"):
        tables_of(("Al", "Es@8.8"))
