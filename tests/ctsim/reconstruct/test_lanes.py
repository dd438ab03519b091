"""Many voxels at a time are the voxels one by one."""

import numpy as np
import pytest
from numba import njit

from ctsim.reconstruct.lanes import FASTEST, LANES, REACH, add_seen


@njit
def add(line, at, weights, z, pixels, columns, shares, start, step):
    add_seen(line, at, weights, z, pixels, columns[0], columns[1], shares[0], shares[1], start, step)


@pytest.mark.parametrize("step", [-FASTEST, -1.3, -0.2, 0.0, 0.7, 1.0, 1.9, FASTEST])
def test_a_line_of_voxels_reads_straight_between_its_pixels(step):
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=5 * REACH).astype(np.float32)
    line = rng.normal(size=3 * LANES).astype(np.float32)
    weights = rng.uniform(size=LANES + 9).astype(np.float32)
    before, columns, shares = line.copy(), (REACH + 3, 3 * REACH + 1), (np.float32(0.3), np.float32(0.6))
    start = np.float32(0.4 - (LANES - 1) * min(step, 0.0))
    add(line, 5, weights, 9, pixels, columns, shares, start, np.float32(step))
    blend = 0.3 * pixels[columns[0] :][:REACH] + 0.6 * pixels[columns[1] :][:REACH]
    seen = np.interp(start + np.float32(step) * np.arange(LANES), np.arange(REACH), blend)
    np.testing.assert_allclose(line[5 : 5 + LANES] - before[5 : 5 + LANES], weights[9:] * seen, atol=2e-5)
    np.testing.assert_array_equal(line[:5], before[:5])
    np.testing.assert_array_equal(line[5 + LANES :], before[5 + LANES :])
