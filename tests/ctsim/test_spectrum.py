"""Tube spectra, and the short sums that stand for them."""

import numpy as np
import pytest

from ctsim.materials import mu_per_mm
from ctsim.spectrum import Spectrum, reading, tube_spectrum
from defects.messages import BadInput


def full_sum(spectrum, absorbed, materials, lengths_mm, power):
    mus = np.stack([mu_per_mm(m, tuple(spectrum.energies_kev)) for m in materials])
    weights = spectrum.photons * absorbed * spectrum.energies_kev**power
    return np.exp(-lengths_mm @ mus) @ weights


@pytest.mark.parametrize(
    ("materials", "longest_mm"),
    [(("Al",), (100.0,)), (("Fe",), (60.0,)), (("PA66", "Cu"), (60.0, 10.0)), (("Al", "Fe", "PE"), (60.0, 10.0, 30.0)),
     (("W",), (20.0,)), (("Al",), (0.5,)), (("AlSi10Mg", "W", "Al2O3", "Fe"), (150.0, 150.0, 150.0, 150.0))],
)  # fmt: skip
def test_the_short_sum_is_the_full_one_to_1e_4(materials, longest_mm):
    spectrum = tube_spectrum(160.0, "W", 12.0, (("Al", 0.5),))
    absorbed = 1 - np.exp(-mu_per_mm("CsI", tuple(spectrum.energies_kev)) * 0.5)
    energies = spectrum.energies_kev
    short = reading(spectrum, absorbed * energies, absorbed * energies**2, materials, longest_mm)
    lengths = np.random.default_rng(0).uniform(0, 1, (3000, len(materials))) ** 2 * longest_mm
    true = full_sum(spectrum, absorbed, materials, lengths, 1)
    true /= full_sum(spectrum, absorbed, materials, np.zeros((1, len(materials))), 1)
    got = np.exp(-lengths @ short.mu_per_mm) @ short.mean
    seen = true > 1e-6
    assert np.abs(got / true - 1)[seen].max() < 1e-4
    assert len(short.mean) < len(spectrum.energies_kev) / 4
    # the variance of a compound Poisson process is its second moment; the noise needs no more than 1 %
    second = full_sum(spectrum, absorbed, materials, lengths, 2) * spectrum.photons.sum()
    second /= full_sum(spectrum, absorbed, materials, np.zeros((1, len(materials))), 1) ** 2
    variance = np.exp(-lengths @ short.mu_per_mm) @ short.variance
    assert np.abs(variance / second - 1)[seen].max() < 0.01


def test_one_energy_needs_one_node_and_its_noise_is_that_of_counting():
    line = Spectrum(energies_kev=np.array([80.0]), photons=np.array([5.0]))
    short = reading(line, np.array([20.0]), np.array([1600.0]), ("Al",), (50.0,))
    assert short.mean == pytest.approx([1.0])
    # a quarter of the photons leaves its 80 keV: relative variance 1 / (N / 4)
    assert short.variance == pytest.approx([4.0])


def test_the_half_value_layer_halves_the_beam():
    spectrum = Spectrum(energies_kev=np.array([60.0]), photons=np.array([1.0]))
    short = reading(spectrum, np.ones(1), np.ones(1), ("Al",), (50.0,))
    half_mm = np.log(2) / mu_per_mm("Al", (60.0,))[0]
    assert np.exp(-short.mu_per_mm[0] * half_mm) @ short.mean == pytest.approx(0.5)


def test_filters_are_matter_in_the_beam():
    bare, filtered = tube_spectrum(120.0, "W", 12.0, ()), tube_spectrum(120.0, "W", 12.0, (("Cu", 0.3),))
    common = np.isin(bare.energies_kev, filtered.energies_kev)
    passed = np.exp(-0.3 * mu_per_mm("Cu", tuple(filtered.energies_kev)))
    np.testing.assert_allclose(filtered.photons, bare.photons[common] * passed, rtol=1e-12)
    mean = lambda s: (s.photons * s.energies_kev).sum() / s.photons.sum()  # noqa: E731
    assert mean(filtered) > mean(bare) + 10  # it hardens


def test_no_photon_has_more_energy_than_the_tube_gives():
    spectrum = tube_spectrum(90.0, "W", 12.0, (("Al", 1.0),))
    assert spectrum.energies_kev.max() <= 90
    assert spectrum.photons.min() > 0
    # W K lines stand above the background at 59.3 keV, and only above the K edge's 69.5 kV
    around = lambda s, e: s.photons[np.abs(s.energies_kev - e).argmin()]  # noqa: E731
    assert around(spectrum, 59.3) > 1.5 * around(spectrum, 55)
    soft = tube_spectrum(65.0, "W", 12.0, (("Al", 1.0),))
    assert around(soft, 59.3) < around(soft, 55)


@pytest.mark.parametrize(("tube_kv", "target"), [(5, "W"), (600, "W"), (60, "Mo"), (100, "Fe"), (float("nan"), "W")])
def test_tubes_that_do_not_exist_are_refused(tube_kv, target):
    with pytest.raises(BadInput, match="W 10 to 500 kV"):
        tube_spectrum(tube_kv, target, 12.0, ())
