"""Noise by its law, and what the electronics make of a signal."""

import dataclasses

import numba
import numpy as np
import pytest
from scipy import stats

from ctsim.detector.blur import noise_left, transfer_of
from ctsim.detector.correct import correct
from ctsim.detector.detect import as_stored, detect
from ctsim.detector.lag import LagState
from ctsim.detector.model import Detector
from ctsim.detector.panel import panel_of
from ctsim.detector.readout import starved_pixels
from scenes.detector import DetectorSpec

KEY = np.uint64(7)
PANEL = Detector(
    free_beam_counts=(50000.0,), dark_counts=500.0, electronic_noise_counts=5.0, most_counts=65535.0, photons=2e4
)


def like(base=PANEL, /, **changes) -> Detector:
    return dataclasses.replace(base, **changes)


def noisy(mean, variance, panel=PANEL, frames=1, n=200):
    shape = (1, 1, n, n)
    free = np.ones((1, n, n))
    return detect(np.full(shape, mean), np.full(shape, variance), free, panel, frames=frames, key=KEY)[0, 0]


@pytest.mark.parametrize(("mean", "second"), [(1.0, 1.0), (1.0, 1.4), (0.1, 0.15), (0.003, 0.005)])
@pytest.mark.parametrize("transfer", [None, np.ones((200, 200))])
def test_mean_and_variance_are_those_of_the_compound_process(mean, second, transfer):
    """Var = gain^2 (second moment / N) + read-out noise^2 + rounding^2 / 12, read at once or step by step."""
    got = noisy(mean, second, like(transfer=transfer))
    wanted = 50000.0**2 * second / 2e4 + 25 + 1 / 12
    n = got.size
    assert got.mean() == pytest.approx(500 + 50000 * mean, abs=5 * np.sqrt(wanted / n))
    assert got.var() == pytest.approx(wanted, rel=5 * np.sqrt(2 / n) + 0.01)


def test_few_quanta_are_poisson_not_gauss():
    quiet = Detector(free_beam_counts=(10000.0,), photons=1000.0)
    got = noisy(0.004, 0.004, quiet)  # four quanta expected, each worth ten counts
    quanta = np.round(got / 10).astype(int).ravel()
    expected = stats.poisson(4).pmf(np.arange(12)) * quanta.size
    seen = np.bincount(quanta, minlength=12)[:12]
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("number", [0.5, 30.0, 100.0, 3000.0])
def test_a_counting_panel_writes_poisson_numbers(number):
    counting = Detector(free_beam_counts=(number,), photons=number)
    got = noisy(1.0, 1.0, counting, n=300).ravel()
    assert np.all(got == np.round(got))
    law = stats.poisson(number)
    edges = np.unique(law.ppf(np.linspace(0.01, 0.99, 21)))
    share = np.diff(law.cdf(np.concatenate([[-1], edges, [np.inf]])))
    seen = np.histogram(got, np.concatenate([[-1], edges + 0.5, [np.inf]]))[0]
    assert stats.chisquare(seen, share * got.size).pvalue > 1e-3


def test_averaging_frames_divides_the_variance():
    one, many = noisy(1.0, 1.0).var(), noisy(1.0, 1.0, frames=16).var()
    assert one / many == pytest.approx(16, rel=0.06)
    np.testing.assert_array_equal(noisy(1.0, 1.0, like(frames=16), frames=None), noisy(1.0, 1.0, frames=16))


def test_more_photons_mean_more_signal_to_noise_by_the_square_root():
    snr = lambda image: (image.mean() - 500) / image.std()  # noqa: E731
    assert snr(noisy(1.0, 1.0, like(photons=8e4))) / snr(noisy(1.0, 1.0)) == pytest.approx(2, rel=0.04)


def test_counts_end_at_the_converter_or_where_the_pixel_is_full():
    assert noisy(2.0, 1.0).max() == 2**16 - 1
    assert as_stored(noisy(2.0, 1.0)).max() == 65535
    assert noisy(1.0, 1.0, like(most_counts=40000.0)).max() == 40000
    assert noisy(0.0, 0.0, like(dark_counts=0.0)).min() == 0


def test_without_a_converter_numbers_are_as_they_are():
    free = like(bits=None, most_counts=np.inf, dark_counts=0.0)
    got = noisy(0.0, 0.0, free)
    assert got.min() < 0
    assert np.mean(got == np.round(got)) < 0.01
    assert got.std() == pytest.approx(5, rel=0.03)
    assert as_stored(got, None).dtype == np.float32


def test_without_noise_there_is_none():
    exact = detect(np.full((1, 1, 2, 2), 0.5), np.ones((1, 1, 2, 2)), np.ones((1, 2, 2)), PANEL, key=None)
    np.testing.assert_array_equal(exact, 25500)


def test_where_nothing_arrives_only_the_dark_level_is_left():
    got = noisy(0.0, 0.0)
    assert got.mean() == pytest.approx(500, abs=1)
    assert got.std() == pytest.approx(5, rel=0.03)


@pytest.mark.parametrize("transfer", [None, np.ones((8, 8))])
def test_the_draws_do_not_depend_on_batches_or_threads(transfer):
    mean, free = np.full((2, 6, 8, 8), 0.5), np.ones((1, 8, 8))
    panel = like(free_beam_counts=(50000.0, 20000.0), free_variance=(1.0, 1.0), transfer=transfer, views=6)
    together = detect(mean, mean, free, panel, key=KEY)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        apart = [detect(mean[:, i : i + 2], mean[:, i : i + 2], free, panel, key=KEY, first_view=i) for i in (0, 2, 4)]
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))
    assert len(np.unique(together.reshape(12, -1), axis=0)) == 12  # no two views or bands share their noise


def test_bands_do_not_share_their_noise():
    panel = like(free_beam_counts=(50000.0, 50000.0), free_variance=(1.0, 1.0))
    one, two = detect(np.ones((2, 1, 200, 200)), np.ones((2, 1, 200, 200)), np.ones((1, 200, 200)), panel, key=KEY)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 4 / 200


def test_the_noise_is_that_of_the_photons_that_the_distance_left():
    n = 200
    ones = np.ones((1, 2, n, n))
    free = np.stack([np.full((n, n), 0.25), np.full((n, n), 0.5)])  # of each view its own
    for image, share in zip(detect(ones, ones, free, PANEL, key=KEY)[0], (0.25, 0.5), strict=True):
        assert image.mean() == pytest.approx(500 + 50000 * share, abs=6)
        assert image.var() == pytest.approx(50000.0**2 * share / 2e4 + 25, rel=0.03)


def test_starved_pixels_are_those_that_expect_less_than_ten_quanta():
    mean = np.array([1e-4, 4e-4, 6e-4, 0.5]).reshape(1, 1, 2, 2)
    assert starved_pixels(mean, mean, np.ones((1, 2, 2)), 2e4) == 2  # 2, 8, 12 and 10 000 quanta
    assert starved_pixels(mean, mean, np.full((1, 2, 2), 0.5), 2e4) == 3


def test_quantum_noise_is_blurred_with_the_signal_and_read_out_noise_is_not():
    n = 400
    transfer = transfer_of(DetectorSpec(rows=n, columns=n, pixel_mm=0.1, spatial_resolution_mm=0.2), 8)
    inner = (slice(10, -10), slice(10, -10))
    left = noise_left(transfer)
    quanta = noisy(1.0, 1.0, like(transfer=transfer, electronic_noise_counts=0.0), n=n)[inner]
    assert quanta.var() == pytest.approx(50000.0**2 / 2e4 * left, rel=0.03)
    neighbours = lambda image: np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1]  # noqa: E731
    sigma = np.sqrt(0.5 * 0.2**2 - 0.1**2 / 12) / 0.1
    assert neighbours(quanta) == pytest.approx(np.exp(-1 / (4 * sigma**2)), abs=0.02)
    read_out = noisy(1.0, 1.0, like(transfer=transfer, electronic_noise_counts=50.0, photons=1e12), n=n)[inner]
    assert read_out.std() == pytest.approx(50, rel=0.02)
    assert abs(neighbours(read_out)) < 0.02


def test_gain_offset_drift_and_fixed_pixels_are_where_the_panel_has_them():
    spec = DetectorSpec(
        rows=16, columns=16, gain_spread=0.05, offset_spread_counts=20.0, dead_pixels=0.05, hot_pixels=0.05,
        drifting_pixels=0.3, drift_spread=0.1,
    )  # fmt: skip
    panel = panel_of(spec)
    detector = like(panel=panel, views=5, bits=None)
    mean, free = np.full((1, 5, 16, 16), 0.5), np.full((1, 16, 16), 0.8)
    got = detect(mean, mean, free, detector, key=None)[0]
    views = np.arange(5)[:, None, None]
    wanted = 500 + panel.offset_counts + 50000 * 0.4 * panel.gain * (1 + panel.drift * views / 4)
    wanted = np.where(np.isfinite(panel.fixed_counts), panel.fixed_counts, wanted)
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    # the way through blur ends in the same place, and so does a view alone
    stepwise = like(detector, transfer=np.ones((16, 16)))
    np.testing.assert_allclose(detect(mean, mean, free, stepwise, key=None)[0], wanted, rtol=1e-12)
    last = detect(mean[:, 4:], mean[:, 4:], free, detector, key=None, first_view=4)
    np.testing.assert_allclose(last[0, 0], wanted[4], rtol=1e-12)


def test_a_curve_gives_the_counts_and_its_slope_the_noise():
    curve = np.array([[0.0, 0.5, 2.0], [100.0, 30100.0, 60100.0]])
    bent = like(curve=curve, electronic_noise_counts=0.0, dark_counts=0.0)
    for level, counts, slope in ((0.25, 15100, 60000), (1.0, 40100, 20000)):
        got = noisy(level, level, bent)
        assert got.mean() == pytest.approx(counts, abs=10)
        assert got.var() == pytest.approx(slope**2 * level / 2e4 + 1 / 12, rel=0.05)


def test_a_noise_table_gives_every_level_its_signal_to_noise():
    table = np.array([[0.0, 1000.0, 60000.0], [20.0, 100.0, 200.0]])
    tabled = like(noise_table=table, dark_counts=0.0)
    for level, snr in ((0.02, 100.0), (0.5, np.interp(25000.0, *table)), (1.2, 200.0)):
        got = noisy(level, 1.0, tabled)
        assert got.mean() / got.std() == pytest.approx(snr, rel=0.02)
    averaged = noisy(0.02, 1.0, tabled, frames=4)
    assert averaged.mean() / averaged.std() == pytest.approx(200, rel=0.02)


def test_a_noise_table_holds_for_the_blurred_image():
    n = 300
    transfer = transfer_of(DetectorSpec(rows=n, columns=n, spatial_resolution_mm=2.0), 8)
    tabled = like(noise_table=np.array([[0.0, 60000.0], [100.0, 100.0]]), transfer=transfer)
    got = noisy(1.0, 1.0, tabled, n=n)[10:-10, 10:-10]
    assert got.mean() / got.std() == pytest.approx(100, rel=0.02)


def test_lag_carries_a_bright_view_into_the_next_ones_and_batches_leave_no_mark():
    lagging = like(lag=((0.1, 2.0),), bits=None)
    mean = np.zeros((1, 6, 4, 4))
    mean[0, :2] = 1.0
    free = np.ones((1, 4, 4))
    got = detect(mean, mean, free, lagging, key=None, state=LagState())[0, :, 0, 0] - 500
    np.testing.assert_allclose(got[2:], 5000 * np.exp(-np.arange(4) / 2), rtol=1e-12)
    np.testing.assert_allclose(got[:2], 50000, rtol=1e-12)
    together = detect(mean, mean, free, lagging, key=KEY, state=LagState())
    state = LagState()
    apart = [
        detect(mean[:, i : i + 2], mean[:, i : i + 2], free, lagging, key=KEY, first_view=i, state=state)
        for i in (0, 2, 4)
    ]
    np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))


def test_dead_time_takes_counts_and_noise_as_theory_says():
    """N' = N / (1 + N t), with the variance N / (1 + N t)^3; two bands lose the same share."""
    counting = Detector(
        free_beam_counts=(3000.0, 1000.0), free_variance=(4 / 3, 4.0), photons=4000.0, dead_share=1e-4, bits=None
    )
    n = 300
    variance = np.ones((2, 1, n, n)) * np.array([4 / 3, 4.0])[:, None, None, None]
    got = detect(np.ones((2, 1, n, n)), variance, np.ones((1, n, n)), counting, key=KEY)
    for image, number in zip(got[:, 0], (3000.0, 1000.0), strict=True):
        assert image.mean() == pytest.approx(number / 1.4, rel=1e-3)
        assert image.var() == pytest.approx(number / 1.4**3, rel=0.03)


def test_a_drifting_pixel_leaves_what_its_gain_has_changed_by_in_the_corrected_views():
    """A ring in the volume: -ln(1 + d v / (views - 1)) in the pixel's attenuation, the same way in all views."""
    panel = panel_of(DetectorSpec(rows=8, columns=8, drifting_pixels=0.4, drift_spread=0.1, gain_spread=0.05))
    drifting = Detector(free_beam_counts=(5e4,), photons=1.0, bits=None, panel=panel, views=11)
    mean, free = np.full((1, 11, 8, 8), 0.3), np.ones((1, 8, 8))
    flat = detect(np.ones((1, 1, 8, 8)), mean[:, :1], free, drifting, key=None)[:, 0]
    got = correct(detect(mean, mean, free, drifting, key=None), flat, 0 * flat)[0]
    wanted = -np.log(0.3) - np.log(1 + panel.drift * np.arange(11)[:, None, None] / 10)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_correcting_undoes_detecting():
    mean = np.exp(-np.linspace(0, 4, 50)).reshape(1, 1, 5, 10)
    free = np.linspace(0.7, 1, 10)[None, None, :] * np.ones((1, 5, 10))
    panel = panel_of(DetectorSpec(rows=8, columns=10, gain_spread=0.05, offset_spread_counts=30.0))
    cut = dataclasses.replace(panel, **{f.name: getattr(panel, f.name)[:5] for f in dataclasses.fields(panel)})
    fine = Detector(free_beam_counts=(5e4,), dark_counts=200.0, most_counts=65535.0, photons=1.0, panel=cut)
    counts = detect(mean, mean, free, fine, key=None)
    flat = detect(np.ones(mean.shape), mean, free, fine, key=None)[:, 0]
    dark = detect(0 * mean, mean, free, fine, key=None)[:, 0]
    # two halves of a count of rounding in 50000 x 0.018 x 0.7
    np.testing.assert_allclose(correct(counts, flat, dark), -np.log(mean), atol=2e-3)
