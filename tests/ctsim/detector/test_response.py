"""What a photon leaves in each kind of detector."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from ctsim.detector.escape import deposits
from ctsim.detector.response import FWHM_OVER_SIGMA, response_of
from ctsim.materials import mu_per_mm
from scenes.detector import DetectorSpec

ENERGIES = np.array([20.0, 45.0, 80.0, 150.0])


def test_an_ideal_panel_takes_all_of_every_photon():
    response = response_of(DetectorSpec(scintillator=None), ENERGIES)
    np.testing.assert_array_equal(response.first, [ENERGIES])
    np.testing.assert_array_equal(response.second, [ENERGIES**2])


def test_without_escape_what_is_stopped_is_taken_whole():
    response = response_of(DetectorSpec(scintillator="Gd2O2S", scintillator_mm=0.3, escape=False), ENERGIES)
    stopped = 1 - np.exp(-mu_per_mm("Gd2O2S", tuple(ENERGIES)) * 0.3)
    np.testing.assert_allclose(response.first[0], stopped * ENERGIES)
    np.testing.assert_allclose(response.second[0], stopped * ENERGIES**2)


def test_escape_takes_from_the_signal_and_makes_it_noisier():
    """Swank's factor m1^2 / (m0 m2) is 1 where all leave the same, and less above the K edge."""
    found = deposits("CsI", 0.5, (30.0, 45.0))
    response = response_of(DetectorSpec(), np.array([30.0, 45.0]))
    swank = response.first[0] ** 2 / found.probability.sum(1) / response.second[0]
    assert swank[0] > 0.98
    # a quarter of the photons lose two thirds of their energy
    assert 0.8 < swank[1] < 0.93


def test_window_and_filters_stand_before_the_scintillator():
    bare = response_of(DetectorSpec(), ENERGIES)
    behind = response_of(DetectorSpec(window={"graphite": 1.0}, filters={"Cu": 0.1}), ENERGIES)
    passed = np.exp(-mu_per_mm("graphite", tuple(ENERGIES)) - 0.1 * mu_per_mm("Cu", tuple(ENERGIES)))
    np.testing.assert_allclose(behind.first, bare.first * passed)
    np.testing.assert_allclose(behind.second, bare.second * passed)


def test_an_efficiency_stands_for_scintillator_and_window_but_not_for_filters():
    spec = DetectorSpec(efficiency=((10.0, 0.0), (60.0, 0.5), (160.0, 0.1)), window={"Pb": 1.0}, filters={"Al": 2.0})
    passed = np.exp(-2 * mu_per_mm("Al", tuple(ENERGIES)))
    share = np.array([0.1, 0.35, 0.42, 0.14])  # straight lines between the rows
    np.testing.assert_allclose(response_of(spec, ENERGIES).first[0], share * passed * ENERGIES)


def test_bands_share_out_the_pulses():
    """Pulses of E scatter about it as a Gaussian of the given width; each falls between two thresholds or below all."""
    spec = DetectorSpec(scintillator=None, thresholds_kev=(20.0, 50.0, 90.0), energy_fwhm_kev=10.0)
    response = response_of(spec, ENERGIES)
    law = [stats.norm(e, 10 / FWHM_OVER_SIGMA) for e in ENERGIES]
    edges = [20.0, 50.0, 90.0, np.inf]
    wanted = [[one.cdf(high) - one.cdf(low) for one in law] for low, high in pairwise(edges)]
    np.testing.assert_allclose(response.first, wanted, atol=1e-12)
    np.testing.assert_array_equal(response.first, response.second)  # a photon counts once or not at all


def test_without_width_a_photon_falls_into_one_band():
    spec = DetectorSpec(scintillator=None, thresholds_kev=(30.0, 60.0))
    np.testing.assert_allclose(response_of(spec, ENERGIES).first, [[0, 1, 0, 0], [0, 0, 1, 1]])


def test_pulses_that_lose_a_k_line_fall_into_a_lower_band():
    """CdTe at 60 keV: its K lines carry 23 to 32 keV out, so those pulses lie at 28 to 37 keV."""
    spec = DetectorSpec(scintillator="CdTe@5.85", scintillator_mm=0.75, thresholds_kev=(27.0, 38.0))
    low, high = response_of(spec, np.array([60.0])).first[:, 0]
    found = deposits("CdTe@5.85", 0.75, (60.0,))
    assert 0.02 < low < 0.2
    assert low + high == pytest.approx(found.probability[found.kev > 27].sum())
    assert high > 0.7
