"""Noise by its law."""

import numpy as np
import pytest
from scipy import stats

from ctsim.correct import correct
from ctsim.detect import Detector, absorbed_share, as_stored, dark_frame, detect

KEY = np.uint64(7)
PANEL = Detector(free_beam_counts=50000.0, dark_counts=500.0, electronic_noise_counts=5.0, bits=16, photons=2e4)


def noisy(mean, variance, panel=PANEL, frames=1, n=200):
    shape = (1, n, n)
    return detect(np.full(shape, mean), np.full(shape, variance), np.ones((n, n)), panel, frames=frames, key=KEY)[0]


@pytest.mark.parametrize(("mean", "second"), [(1.0, 1.0), (1.0, 1.4), (0.1, 0.15), (0.003, 0.005)])
def test_mean_and_variance_are_those_of_the_compound_process(mean, second):
    """Var = gain^2 (second moment / N) + read-out noise^2 + rounding^2 / 12."""
    got = noisy(mean, second)
    wanted = 50000.0**2 * second / 2e4 + 25 + 1 / 12
    n = got.size
    assert got.mean() == pytest.approx(500 + 50000 * mean, abs=5 * np.sqrt(wanted / n))
    assert got.var() == pytest.approx(wanted, rel=5 * np.sqrt(2 / n) + 0.01)


def test_few_quanta_are_poisson_not_gauss():
    quiet = Detector(free_beam_counts=10000.0, dark_counts=0.0, electronic_noise_counts=0.0, bits=16, photons=1000.0)
    got = noisy(0.004, 0.004, quiet)  # four quanta expected, each worth ten counts
    quanta = np.round(got / 10).astype(int).ravel()
    expected = stats.poisson(4).pmf(np.arange(12)) * quanta.size
    seen = np.bincount(quanta, minlength=12)[:12]
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3


def test_averaging_frames_divides_the_variance():
    one, many = noisy(1.0, 1.0).var(), noisy(1.0, 1.0, frames=16).var()
    assert one / many == pytest.approx(16, rel=0.06)


def test_more_photons_mean_more_signal_to_noise_by_the_square_root():
    bright = Detector(**{**PANEL.__dict__, "photons": 8e4})
    snr = lambda image: (image.mean() - 500) / image.std()  # noqa: E731
    assert snr(noisy(1.0, 1.0, bright)) / snr(noisy(1.0, 1.0)) == pytest.approx(2, rel=0.04)


def test_counts_end_at_the_converter():
    assert noisy(2.0, 1.0).max() == 2**16 - 1
    assert as_stored(noisy(2.0, 1.0)).max() == 65535


def test_without_noise_there_is_none():
    exact = detect(np.full((1, 2, 2), 0.5), np.ones((1, 2, 2)), np.ones((2, 2)), PANEL, key=None)
    np.testing.assert_array_equal(exact, 25500)
    np.testing.assert_array_equal(dark_frame((2, 2), PANEL, frames=3, key=None), 500)


def test_where_nothing_arrives_only_the_dark_level_is_left():
    got = detect(np.zeros((1, 50, 50)), np.zeros((1, 50, 50)), np.ones((50, 50)), PANEL, key=KEY)
    assert got.mean() == pytest.approx(500, abs=1)


def test_the_draws_do_not_depend_on_how_many_views_come_at_once():
    mean, free = np.full((6, 8, 8), 0.5), np.ones((8, 8))
    together = detect(mean, mean, free, PANEL, key=KEY)
    apart = [detect(mean[i : i + 2], mean[i : i + 2], free, PANEL, key=KEY, first_view=i) for i in (0, 2, 4)]
    np.testing.assert_array_equal(together, np.concatenate(apart))
    assert len(np.unique(together, axis=0)) == 6  # no two views share their noise


def test_the_noise_is_that_of_the_photons_that_the_distance_left():
    n = 200
    dim = detect(np.ones((1, n, n)), np.ones((1, n, n)), np.full((n, n), 0.25), PANEL, key=KEY)[0]
    assert dim.mean() == pytest.approx(500 + 12500, abs=2)
    assert dim.var() == pytest.approx(50000.0**2 * 0.25 / 2e4 + 25, rel=0.03)


def test_a_scintillator_absorbs_by_its_thickness():
    energies = np.array([30.0, 100.0])
    once, twice = absorbed_share(energies, "CsI", 0.3), absorbed_share(energies, "CsI", 0.6)
    np.testing.assert_allclose(1 - twice, (1 - once) ** 2)
    np.testing.assert_array_equal(absorbed_share(energies, None, 0.5), 1)


def test_correcting_undoes_detecting():
    mean = np.exp(-np.linspace(0, 4, 50)).reshape(1, 5, 10)
    free = np.linspace(0.7, 1, 10)[None, None, :] * np.ones((1, 5, 10))
    fine = Detector(free_beam_counts=6e4, dark_counts=100.0, electronic_noise_counts=0.0, bits=16, photons=1.0)
    counts = detect(mean, mean, free[0], fine, key=None)
    flat = detect(np.ones((1, 5, 10)), mean, free[0], fine, key=None)[0]
    # half a count of rounding in 60000 x 0.018 x 0.7
    np.testing.assert_allclose(correct(counts, flat, np.full((5, 10), 100.0)), -np.log(mean), atol=1e-3)


def test_pixels_in_full_shadow_stay_finite():
    dark = np.full((1, 1), 500.0)
    assert correct(np.full((1, 1, 1), 480.0), np.full((1, 1), 50500.0), dark).item() == pytest.approx(np.log(1e5))
