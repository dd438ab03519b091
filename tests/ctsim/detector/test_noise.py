"""Random numbers by their laws."""

import numpy as np
import pytest
from numba import njit, prange
from scipy import special, stats

from ctsim.detector.noise import normal, normals, poisson, uniform

KEY = np.uint64(0x1234567890ABCDEF)


@njit
def uniforms(key, count):
    return np.array([uniform(key, i) for i in range(count)])


@njit
def poissons(mean, key, count):
    return np.array([poisson(mean, uniform(key, i)) for i in range(count)])


@njit(parallel=True)
def uniforms_in_threads(key, count):
    out = np.zeros(count)
    for i in prange(count):
        out[i] = uniform(key, i)
    return out


def test_uniforms_are_uniform_and_do_not_depend_on_each_other():
    u = uniforms(KEY, 200_000)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert u.min() > 0
    assert u.max() < 1
    for lag in (1, 2, 128, 512):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4 / np.sqrt(len(u))
    other = uniforms(KEY + np.uint64(1), 200_000)
    assert abs(np.corrcoef(u, other)[0, 1]) < 4 / np.sqrt(len(u))
    pairs = np.histogram2d(u[::2], u[1::2], bins=20)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-3


def test_a_draw_belongs_to_its_counter_whoever_makes_it():
    np.testing.assert_array_equal(uniforms_in_threads(KEY, 1000), uniforms(KEY, 1000))


def test_splitmix64_gives_its_published_numbers():
    """The first outputs for seed 1234567, as the generator's reference program prints them."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for counter, number in enumerate(published):
        assert uniform(np.uint64(1234567), counter) == ((number >> 11) + 0.5) * 2.0**-53


@pytest.mark.parametrize("u", [1e-16, 1e-9, 0.01, 0.074, 0.076, 0.3, 0.5, 0.9, 0.99, 1 - 1e-9])
def test_normal_is_the_quantile_function(u):
    assert normal(u) == pytest.approx(special.ndtri(u), rel=1e-11, abs=1e-15)


def test_a_row_of_normals_is_the_normals_of_its_counters():
    row = np.zeros(200_000)
    normals(KEY, 6, row)
    alone = [normal(uniform(KEY, 6 + 2 * i)) for i in range(len(row))]
    np.testing.assert_allclose(row, alone, atol=2e-6)
    far = np.abs(alone) > 2.5  # beyond the table, where they are done one by one
    np.testing.assert_allclose(row[far], np.array(alone)[far], rtol=1e-12)
    assert stats.kstest(row, "norm").pvalue > 1e-3


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 40.0, 63.9, 64.0, 100.0, 1000.0])
def test_poisson_numbers_follow_their_law(mean):
    n = 300_000
    drawn = poissons(mean, KEY, n).astype(int)
    law = stats.poisson(mean)
    low, high = int(law.ppf(1e-4)), int(law.ppf(1 - 1e-4))
    edges = np.unique(np.linspace(low, high + 1, 40).astype(int))
    seen = np.concatenate([[np.sum(drawn < edges[0])], np.histogram(drawn, edges)[0], [np.sum(drawn >= edges[-1])]])
    share = np.diff(law.cdf(np.concatenate([[-1], edges - 1, [10**9]])))
    kept = share * n > 5
    assert stats.chisquare(seen[kept], share[kept] * seen[kept].sum() / share[kept].sum()).pvalue > 1e-3
    error = 5 * np.sqrt(mean / n)
    assert drawn.mean() == pytest.approx(mean, abs=error + 2e-4 * np.sqrt(mean))


@pytest.mark.parametrize("mean", [64.0, 200.0, 3000.0])
def test_the_expansion_is_the_quantile_to_one_quantum(mean):
    for u in np.linspace(1e-5, 1 - 1e-5, 501):
        assert abs(poisson(mean, u) - stats.poisson(mean).ppf(u)) <= 1
