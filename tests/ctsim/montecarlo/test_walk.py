"""The steps of a photon's walk, each called on its own, against laws and distributions."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from ctsim.montecarlo import walk
from ctsim.montecarlo.tables import COMPTON, TOTAL, grid_kev, tables_of
from ctsim.montecarlo.walk import MU, World
from tests.ctsim.montecarlo import references

DRAWS = 40_000
"""A distribution that is off by 1 % of all draws differs by 0.01, twice what so many leave to chance (1 in 1000)."""

OWN = np.uint64(0x1234_5678_9ABC_DEF0)


def no_draws() -> np.ndarray:
    """Return the counts of a photon that has drawn nothing."""
    return np.zeros(16, np.int64)


def desk() -> np.ndarray:
    """Return an empty desk."""
    return np.zeros(64 + 2 * walk.MOST_MATERIALS)


# ------------------------------------------------------------------------------------------------- what is read


def test_a_draw_is_even_and_unlike_the_one_before():
    counts = no_draws()
    found = np.array([walk.draw(OWN, counts) for _ in range(10_000)])
    assert counts[walk.DRAWN] == 10_000
    assert stats.kstest(found, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.04


def test_coefficients_are_read_with_straight_lines_over_the_logarithm():
    tables, energies = tables_of(("Fe", "Al")), np.geomspace(1, 800, 37)
    places = np.array([walk.place_of(e, 2048) for e in energies])
    assert_allclose(places, np.interp(np.log(energies), np.log(grid_kev()), np.arange(2048)), atol=1e-5)
    for material in (0, 1):
        wanted = np.interp(np.log(energies), np.log(grid_kev()), tables.per_mm[:, material, COMPTON])
        assert_allclose([walk.at(tables.per_mm, p, material, COMPTON) for p in places], wanted, rtol=1e-5)
    mine = desk()
    walk.look_up(tables.per_mm, 60.0, 20, mine)
    assert_allclose(mine[20:22], [references.per_mm(n, np.array([60.0])).sum() for n in ("Fe", "Al")], rtol=1e-4)


# ------------------------------------------------------------------------------------------------------- angles


@pytest.mark.parametrize("name", ["graphite", "W", "Gd2O2S"])
@pytest.mark.parametrize("energy", [8.0, 60.0, 400.0])
@pytest.mark.parametrize("process", ["compton", "rayleigh"])
def test_cosines_are_distributed_as_the_references_say(process, name, energy):
    tables, counts = tables_of((name,)), no_draws()
    turn = walk.compton_cosine if process == "compton" else walk.rayleigh_cosine
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
    place = walk.place_of(energy, 2048)
    cosines, wanted, _ = references.turns("compton", name, energy, 2001)
    found = np.array([walk.compton_pdf(tables, 0, place, energy, c) for c in cosines])
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
            turned = np.array(walk.turned_by(*way, cosine, rng.random()))
            assert np.linalg.norm(turned) == pytest.approx(1, abs=1e-9)
            assert turned @ way == pytest.approx(cosine, abs=2e-8)
    for way in (ways[0], ways[302], ways[-1]):
        around = np.array([walk.turned_by(*way, 0.2, (i + 0.5) / 16) for i in range(16)])
        assert_allclose(around.mean(0), 0.2 * way, atol=1e-8)
        assert_allclose(np.linalg.norm(np.diff(around, axis=0), axis=1), 2 * math.sqrt(0.96) * math.sin(math.pi / 16))


def test_lines_are_drawn_as_often_as_they_are_made():
    """Of steel and tin: chi-square of four lines, and those alone."""
    name = "Fe:0.7+Sn:0.3@7.6"
    tables, counts, energy = tables_of((name,), fluorescence=True), no_draws(), 60.0
    i = int(walk.place_of(energy, 2048))
    found = np.array([walk.line_of(tables, 0, float(i), OWN, counts) for _ in range(DRAWS)])
    wanted = np.diff(tables.line_share[i, 0], prepend=0) * DRAWS
    seen = np.array([(found == kev).sum() for kev in tables.line_kev[0]])
    assert seen.sum() == DRAWS
    assert len(seen) == 4
    assert stats.chisquare(seen, wanted * DRAWS / wanted.sum()).pvalue > 0.001
    # tin takes up more of them and is more ready to send out
    assert seen[2:].sum() > 2 * seen[:2].sum()


# ------------------------------------------------------------------------------------------------------- depths

SHARES = np.random.default_rng(1).integers(0, 128, (5, 6, 7, 2)).astype(np.uint8)
PER_VOXEL = np.array([0.2, 0.05])


def world(air: int = -1, shares: np.ndarray = SHARES) -> World:
    """Return a grid of 7 x 6 x 5 voxels of random matter in a box of twice its size."""
    high = np.array(shares.shape[2::-1], float)
    return World(
        shares=shares, air=air, grid_low=np.zeros(3), grid_high=high, low=-high / 2, high=1.5 * high,
        largest=np.full(2048, 0.2, np.float32),
    )  # fmt: skip


def coefficients() -> np.ndarray:
    """Return a desk with the coefficients."""
    mine = desk()
    mine[MU : MU + 2] = PER_VOXEL
    return mine


def depth_by_hand(start: np.ndarray, way: np.ndarray, end: float, outside: float = 0.0) -> float:
    """Return the optical depth by the middles between all crossings of a voxel's face, or of the grid's."""
    size = np.array(SHARES.shape[2::-1])
    faces = np.concatenate([(np.arange(n + 1) - s) / d for n, s, d in zip(size, start, way, strict=True) if d != 0])
    cuts = np.unique(np.concatenate([[0, end], faces[(faces > 0) & (faces < end)]]))
    voxels = np.floor(start + np.outer((cuts[1:] + cuts[:-1]) / 2, way)).astype(int)
    inside = ((voxels >= 0) & (voxels < size)).all(1)
    x, y, z = np.where(inside[:, None], voxels, 0).T
    mu = np.where(inside, SHARES[z, y, x] @ PER_VOXEL / 255, outside)
    return float(mu @ np.diff(cuts))


def rays(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return where rays begin, in and about the grid, and where they go: to all sides, and along the axes."""
    rng = np.random.default_rng(2)
    starts, ways = rng.uniform(-6, 12, (count, 3)), rng.normal(size=(count, 3))
    ways[::5] = np.concatenate([np.eye(3), -np.eye(3)])[rng.integers(0, 6, len(ways[::5]))]
    starts[::5] = rng.uniform(0.1, 4.9, (len(starts[::5]), 3))
    return list(zip(starts, ways / np.linalg.norm(ways, axis=1, keepdims=True), strict=True))


@pytest.mark.parametrize("air", [-1, 1])
def test_a_rays_depth_is_the_sum_over_its_chords(air):
    """Of shares times coefficients times lengths, with air about the grid or without."""
    outside, met = PER_VOXEL[1] if air == 1 else 0.0, 0
    for start, way in rays(400):
        for end in (3.0, 25.0):
            wanted = depth_by_hand(start, way, end, outside)
            found, where = walk.depth_of(world(air), end, walk.FAR, *start, *way, MU, coefficients())
            assert found == pytest.approx(wanted, abs=1e-9)
            assert where == end
            met += wanted > outside * end + 1e-9 or wanted < outside * end - 1e-9
    assert met > 200


@pytest.mark.parametrize("air", [-1, 1])
def test_a_wanted_depth_is_reached_where_it_is(air):
    """And not at all where there is less: then all there is comes back, and the end."""
    outside, rng = PER_VOXEL[1] if air == 1 else 0.0, np.random.default_rng(3)
    for start, way in rays(400):
        whole = depth_by_hand(start, way, 20.0, outside)
        if whole < 1e-6:
            continue
        wanted = whole * rng.uniform(0.01, 0.99)
        found, where = walk.depth_of(world(air), 20.0, wanted, *start, *way, MU, coefficients())
        assert found == wanted
        assert depth_by_hand(start, way, where, outside) == pytest.approx(wanted, abs=1e-9)
        found, where = walk.depth_of(world(air), 20.0, whole * 1.01, *start, *way, MU, coefficients())
        assert (found, where) == (pytest.approx(whole, abs=1e-9), 20.0)


def test_one_tilted_ray_through_a_box_of_one_material():
    full = np.full((5, 6, 7, 1), 255, np.uint8)
    mine = desk()
    mine[MU] = 0.3
    way = np.array([7, 6, 5]) / math.sqrt(110)
    found, _ = walk.depth_of(world(-1, full), 1e3, walk.FAR, -7.0, -6.0, -5.0, *way, MU, mine)
    assert found == pytest.approx(0.3 * math.sqrt(110), rel=1e-9)  # from corner to corner


def test_the_material_that_is_met_is_drawn_by_its_share_of_the_coefficient():
    shares = np.full((1, 1, 1, 2), 0, np.uint8)
    shares[..., 0], shares[..., 1] = 100, 155
    mine, counts = coefficients(), no_draws()
    mine[:3] = 0.5
    met = np.array([walk.material_at(world(-1, shares), OWN, mine, counts) for _ in range(10_000)])
    wanted = 155 * 0.05 / (100 * 0.2 + 155 * 0.05)
    assert met.mean() == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / 10_000))


def test_roulette_keeps_the_weight_on_the_mean():
    mine, counts, sums = desk(), no_draws(), []
    for _ in range(20_000):
        mine[walk.WEIGHT], mine[walk.FIRST_WEIGHT] = 0.05, 1.0
        sums.append(mine[walk.WEIGHT] if walk.survives(OWN, mine, counts) else 0.0)
    assert set(np.round(sums, 9)) == {0.0, walk.LIGHT}
    assert np.mean(sums) == pytest.approx(0.05, abs=4 * np.std(sums) / math.sqrt(len(sums)))
    mine[walk.WEIGHT] = 0.21
    assert walk.survives(OWN, mine, counts)
    assert mine[walk.WEIGHT] == 0.21


# -------------------------------------------------------------------------------------------------- first draws


@pytest.mark.parametrize("key", [3, 2**63 + 5])
def test_stratified_draws_lie_evenly(key):
    """Of 1024 draws each bin of 64 holds 16 to within 3, where chance would miss by up to 12.

    Pairs, over 16 x 16 cells of 4 each: chance leaves a variance of 4 between them, places on the panel must not have
    a half of that.
    """
    draws = np.array(
        [[walk.first_draw(walk.STRATIFIED, n, np.uint64(key), OWN, w) for w in range(5)] for n in range(1024)]
    )
    assert (draws > 0).all()
    assert (draws < 1).all()
    for which in range(5):
        counts = np.bincount((draws[:, which] * 64).astype(int), minlength=64)
        assert np.abs(counts - 16).max() <= 3
    cells = (draws[:, 0] * 16).astype(int) * 16 + (draws[:, 1] * 16).astype(int)
    assert np.bincount(cells, minlength=256).var() < 2
    # another view begins elsewhere
    assert walk.first_draw(walk.STRATIFIED, 0, np.uint64(key + 1), OWN, 0) != draws[0, 0]


def test_stratified_draws_lie_evenly_in_pairs():
    """Of 4096, cells of 32 x 32 that chance fills with 4 +- 2: no pair of draws may do worse than that."""
    draws = np.array(
        [[walk.first_draw(walk.STRATIFIED, n, np.uint64(3), OWN, w) for w in range(5)] for n in range(4096)]
    )
    for one in range(5):
        for other in range(one):
            cells = (draws[:, one] * 32).astype(int) * 32 + (draws[:, other] * 32).astype(int)
            assert np.bincount(cells, minlength=1024).var() < 4


def test_plain_first_draws_are_the_photons_own():
    found = np.array([[walk.first_draw(0, n, OWN, np.uint64(n * 977), w) for w in range(5)] for n in range(2000)])
    assert stats.kstest(found.ravel(), "uniform").pvalue > 0.001
    assert len(np.unique(found)) == found.size


def test_total_is_the_last_column():
    tables = tables_of(("Al",))
    assert_allclose(tables.per_mm[..., :TOTAL].sum(2), tables.per_mm[..., TOTAL], rtol=1e-6)
