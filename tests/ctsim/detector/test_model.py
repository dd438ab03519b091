"""From spec to a panel in its beam: the gain, the number of photons, and what is refused."""

import dataclasses

import numpy as np
import pytest

from ctsim.detector.detect import detect
from ctsim.detector.lag import LagState
from ctsim.detector.model import detector_of
from ctsim.detector.response import response_of
from ctsim.spectrum import Spectrum
from defects.messages import BadInput
from scenes.detector import DetectorSpec

BEAM = Spectrum(energies_kev=np.array([40.0, 60.0, 90.0]), photons=np.array([2.0, 5.0, 1.0]))
KEY = np.uint64(11)


def spec(**more) -> DetectorSpec:
    return DetectorSpec(**{"rows": 400, "columns": 400} | more)


def free_beam(settings: DetectorSpec, photons: float = 1e4, views: int = 1, **more) -> np.ndarray:
    """Return the free beam as the detector writes it, and lag in it where there is any."""
    detector = detector_of(settings, BEAM, photons, views=views, **more)
    ones = np.ones((settings.bands, views, settings.rows, settings.columns))
    variance = ones * np.array(detector.free_variance)[:, None, None, None]
    return detect(ones, variance, ones[0, :1], detector, key=KEY, state=LagState())


@pytest.mark.parametrize("snr", [20.0, 100.0, 250.0])
@pytest.mark.parametrize(
    "settings",
    [
        {"dark_counts": 0.0, "electronic_noise_counts": 0.0},
        {"dark_counts": 300.0, "electronic_noise_counts": 80.0},
        {"spatial_resolution_mm": 1.6, "electronic_noise_counts": 60.0},
        {"mtf": ((0.0, 1.0), (0.3, 0.6), (1.0, 0.1)), "scintillator": None},
        {"bits": 8, "free_beam_counts": 200.0, "dark_counts": 10.0, "electronic_noise_counts": 0.1},
        {"grey_values": ((0.0, 100.0), (2e5, 30000.0), (8e5, 60000.0))},
    ],
)
def test_a_pixel_of_the_free_beam_shows_the_signal_to_noise_asked_for(settings, snr):
    """Whatever the photons of the exposure, the read-out noise, the blur and the rounding: to 1 %."""
    got = free_beam(spec(snr_free_beam=snr, **settings), rays_per_pixel=4)[0, 0, 12:-12, 12:-12]
    dark = 100.0 if "grey_values" in settings else settings.get("dark_counts", 500.0)
    assert (got.mean() - dark) / got.std() == pytest.approx(snr, rel=0.01)


def test_lag_is_counted_in_the_signal_to_noise():
    settings = spec(rows=64, columns=64, snr_free_beam=100.0, lag=((0.1, 1.5), (0.05, 4.0)))
    got = free_beam(settings, views=60)[0, 20:]
    assert (got.mean() - 500) / np.sqrt(got.var((1, 2)).mean()) == pytest.approx(100, rel=0.01)


def test_frames_of_a_view_raise_the_signal_to_noise_by_their_root():
    got = free_beam(spec(snr_free_beam=100.0, frames=9))
    assert (got.mean() - 500) / got.std() == pytest.approx(300, rel=0.01)


def test_the_noise_is_that_of_the_energy_that_the_photons_leave():
    """The compound Poisson law: SNR^2 = N m1^2 / m2, with the moments of the response."""
    settings = spec(electronic_noise_counts=0.0)
    got = free_beam(settings, photons=5000.0)
    response, share = response_of(settings, BEAM.energies_kev), BEAM.photons / BEAM.photons.sum()
    wanted = np.sqrt(5000 * (response.first[0] @ share) ** 2 / (response.second[0] @ share))
    assert (got.mean() - 500) / got.std() == pytest.approx(wanted, rel=0.01)
    assert detector_of(settings, BEAM, 5000.0).quanta[0] == pytest.approx(wanted**2)


def test_counts_per_kev_follow_the_energy_that_is_left():
    settings = spec(counts_per_kev=0.02, scintillator=None, filters={"Al": 3.0})
    mean_kev = response_of(settings, BEAM.energies_kev).first[0] @ BEAM.photons / BEAM.photons.sum()
    for photons in (1e4, 3e4):
        assert free_beam(settings, photons).mean() == pytest.approx(500 + 0.02 * photons * mean_kev, rel=1e-3)


def test_grey_values_are_read_off_the_curve():
    """An ideal panel takes 58.75 keV a photon on the mean."""
    settings = spec(scintillator=None, grey_values=((0.0, 180.0), (4e5, 40180.0), (1e6, 65535.0)))
    for photons, wanted in ((4000.0, 180 + 0.1 * 58.75 * 4000), (8000.0, 40180 + 25355 * (58.75 * 8000 - 4e5) / 6e5)):
        assert free_beam(settings, photons).mean() == pytest.approx(wanted, rel=1e-3)


def test_a_counting_panel_counts_the_photons_of_its_bands():
    settings = spec(scintillator=None, thresholds_kev=(50.0, 75.0), dark_counts=0.0, electronic_noise_counts=0.0)
    low, high = free_beam(settings, photons=800.0)[:, 0]
    assert low.mean() == pytest.approx(500, abs=5 * np.sqrt(500) / 400)
    assert high.mean() == pytest.approx(100, abs=5 * np.sqrt(100) / 400)
    assert low.var() == pytest.approx(500, rel=0.02)


def test_all_that_a_spec_says_reaches_the_detector():
    settings = spec(
        rows=16, columns=16, saturation_counts=60000.0, frames=3, lag=((0.02, 2.0),), spatial_resolution_mm=2.0,
        noise_table=((0.0, 10.0), (60000.0, 200.0)), dead_pixels=0.05, electronic_noise_counts=7.0,
    )  # fmt: skip
    detector = detector_of(settings, BEAM, 1e4, views=7)
    assert (detector.most_counts, detector.frames, detector.views, detector.lag) == (60000, 3, 7, ((0.02, 2.0),))
    assert detector.transfer.shape == (16, 16)
    assert detector.noise_table.tolist() == [[0, 60000], [10, 200]]
    assert detector.bad.sum() == detector.panel.bad.sum() > 0
    unknown = detector_of(settings.model_copy(update={"interpolate_bad_pixels": False}), BEAM, 1e4)
    assert unknown.bad is None
    piled = spec(scintillator=None, thresholds_kev=(30.0,), dead_time_ns=100.0, integration_s=0.5)
    assert detector_of(piled, BEAM, 1e4).dead_share == pytest.approx(2e-7)


@pytest.mark.parametrize(
    ("settings", "photons", "message"),
    [
        ({"counts_per_kev": 1.0}, 1e6, "counts to a pixel, expected at most 65535"),
        (
            {"thresholds_kev": (30.0,), "scintillator": None, "bits": 16},
            1e6,
            "counts to a pixel, expected at most 65535",
        ),
        ({"thresholds_kev": (30.0, 95.0), "scintillator": None}, 1e3, "nothing above 95 keV"),
        ({"filters": {"Pb": 500.0}}, 1e4, "no photon of the beam leaves a signal"),
        ({"snr_free_beam": 20000.0}, 1e4, "snr_free_beam must lie below 9983"),
    ],
)
def test_what_cannot_be_is_refused(settings, photons, message):
    with pytest.raises(BadInput, match=message):
        detector_of(spec(**settings), BEAM, photons)


def test_a_detector_is_a_frozen_record():
    with pytest.raises(dataclasses.FrozenInstanceError):
        detector_of(spec(), BEAM, 1e4).photons = 3.0
