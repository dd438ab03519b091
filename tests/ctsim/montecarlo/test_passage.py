"""Rays through a grid of matter, against chords that are summed by brute force."""

import math

import numpy as np
import pytest

from ctsim.montecarlo import passage
from ctsim.montecarlo.photon import MU, World
from tests.ctsim.montecarlo.setups import OWN, desk, no_draws

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
            found, where = passage.depth_of(world(air), end, passage.FAR, *start, *way, MU, coefficients())
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
        found, where = passage.depth_of(world(air), 20.0, wanted, *start, *way, MU, coefficients())
        assert found == wanted
        assert depth_by_hand(start, way, where, outside) == pytest.approx(wanted, abs=1e-9)
        found, where = passage.depth_of(world(air), 20.0, whole * 1.01, *start, *way, MU, coefficients())
        assert (found, where) == (pytest.approx(whole, abs=1e-9), 20.0)


def test_one_tilted_ray_through_a_box_of_one_material():
    full = np.full((5, 6, 7, 1), 255, np.uint8)
    mine = desk()
    mine[MU] = 0.3
    way = np.array([7, 6, 5]) / math.sqrt(110)
    found, _ = passage.depth_of(world(-1, full), 1e3, passage.FAR, -7.0, -6.0, -5.0, *way, MU, mine)
    assert found == pytest.approx(0.3 * math.sqrt(110), rel=1e-9)  # from corner to corner


def test_the_material_that_is_met_is_drawn_by_its_share_of_the_coefficient():
    shares = np.full((1, 1, 1, 2), 0, np.uint8)
    shares[..., 0], shares[..., 1] = 100, 155
    mine, counts = coefficients(), no_draws()
    mine[:3] = 0.5
    met = np.array([passage.material_at(world(-1, shares), OWN, mine, counts) for _ in range(10_000)])
    wanted = 155 * 0.05 / (100 * 0.2 + 155 * 0.05)
    assert met.mean() == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / 10_000))
