"""Coefficients as they are read, and directions and energies after a collision, against numpy's references."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from ctsim.montecarlo import scattering
from ctsim.montecarlo.tables import COMPTON, TOTAL, grid_kev, tables_of
from tests.ctsim.montecarlo import references
from tests.ctsim.montecarlo.setups import DRAWS, OWN, desk, no_draws


def test_coefficients_are_read_with_straight_lines_over_the_logarithm():
    tables, energies = tables_of(("Fe", "Al")), np.geomspace(1, 800, 37)
    places = np.array([scattering.place_of(e, 2048) for e in energies])
    assert_allclose(places, np.interp(np.log(energies), np.log(grid_kev()), np.arange(2048)), atol=1e-5)
    for material in (0, 1):
        wanted = np.interp(np.log(energies), np.log(grid_kev()), tables.per_mm[:, material, COMPTON])
        assert_allclose([scattering.at(tables.per_mm, p, material, COMPTON) for p in places], wanted, rtol=1e-5)
    mine = desk()
    scattering.look_up(tables.per_mm, 60.0, 20, mine)
    assert_allclose(mine[20:22], [references.per_mm(n, np.array([60.0])).sum() for n in ("Fe", "Al")], rtol=1e-4)


def test_total_is_the_last_column():
    tables = tables_of(("Al",))
    assert_allclose(tables.per_mm[..., :TOTAL].sum(2), tables.per_mm[..., TOTAL], rtol=1e-6)


@pytest.mark.parametrize("name", ["graphite", "W", "Gd2O2S"])
@pytest.mark.parametrize("energy", [8.0, 60.0, 400.0])
@pytest.mark.parametrize("process", ["compton", "rayleigh"])
def test_cosines_are_distributed_as_the_references_say(process, name, energy):
    tables, counts = tables_of((name,)), no_draws()
    turn = scattering.compton_cosine if process == "compton" else scattering.rayleigh_cosine
    found = np.array([turn(tables, 0, energy, OWN, counts) for _ in range(DRAWS)])
    cosines, _, below = references.turns(process, name, energy)
    assert stats.kstest(found, lambda c: np.interp(c, cosines, below)).statistic < 0.01
    # and what the mean angle shows, which narrow cones hide: to 1 % and four of its standard deviations
    half = np.sqrt((1 - found) / 2)
    wanted = np.sum(np.diff(below) * np.sqrt((1 - (cosines[1:] + cosines[:-1]) / 2) / 2))
    assert abs(half.mean() - wanted) < 0.005 * wanted + 4 * half.std() / math.sqrt(DRAWS)


@pytest.mark.parametrize("name", ["graphite", "W"])
@pytest.mark.parametrize("energy", [8.0, 60.0, 400.0])
def test_the_density_of_compton_scattering_is_the_references(name, energy):
    tables = tables_of((name,))
    place = scattering.place_of(energy, 2048)
    cosines, wanted, _ = references.turns("compton", name, energy, 2001)
    found = np.array([scattering.compton_pdf(tables, 0, place, energy, c) for c in cosines])
    density = 2 * np.pi * found[:, 0]
    assert np.trapezoid(density, cosines) == pytest.approx(1, abs=2e-3)
    assert_allclose(density, wanted, rtol=0.01, atol=0.002 * wanted.max())
    assert_allclose(found[:, 1], references.scattered_kev(energy, cosines), rtol=1e-6)


def test_turning_keeps_length_and_angle():
    """About any direction, along the axes too; turns lie evenly about it."""
    rng = np.random.default_rng(0)
    ways = np.concatenate([rng.normal(size=(300, 3)), np.eye(3), -np.eye(3), [[1e-9, 0, 1]]])
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    for way in ways:
        for cosine in (-1.0, -0.3, 0.0, 0.999999, 1.0):
            turned = np.array(scattering.turned_by(*way, cosine, rng.random()))
            assert np.linalg.norm(turned) == pytest.approx(1, abs=1e-9)
            assert turned @ way == pytest.approx(cosine, abs=2e-8)
    for way in (ways[0], ways[302], ways[-1]):
        around = np.array([scattering.turned_by(*way, 0.2, (i + 0.5) / 16) for i in range(16)])
        assert_allclose(around.mean(0), 0.2 * way, atol=1e-8)
        assert_allclose(np.linalg.norm(np.diff(around, axis=0), axis=1), 2 * math.sqrt(0.96) * math.sin(math.pi / 16))


def test_lines_are_drawn_as_often_as_they_are_made():
    """Of steel and tin: chi-square of four lines, and those alone."""
    name = "Fe:0.7+Sn:0.3@7.6"
    tables, counts, energy = tables_of((name,), fluorescence=True), no_draws(), 60.0
    i = int(scattering.place_of(energy, 2048))
    found = np.array([scattering.line_of(tables, 0, float(i), OWN, counts) for _ in range(DRAWS)])
    wanted = np.diff(tables.line_share[i, 0], prepend=0) * DRAWS
    seen = np.array([(found == kev).sum() for kev in tables.line_kev[0]])
    assert seen.sum() == DRAWS
    assert len(seen) == 4
    assert stats.chisquare(seen, wanted * DRAWS / wanted.sum()).pvalue > 0.001
    # tin takes up more of them and is more ready to send out
    assert seen[2:].sum() > 2 * seen[:2].sum()
