"""Counts to attenuation."""

import numpy as np
import pytest

from ctsim.detector.correct import correct


def test_attenuation_is_the_logarithm_of_what_is_left():
    dark, flat = np.full((2, 3, 4), 100.0), np.full((2, 3, 4), 40100.0)
    counts = 100 + 40000 * np.exp(-np.linspace(0, 3, 120)).reshape(2, 5, 3, 4)
    np.testing.assert_allclose(correct(counts, flat, dark).ravel(), np.linspace(0, 3, 120), atol=1e-12)
    np.testing.assert_allclose(correct(counts[0], flat[0], dark[0]), correct(counts, flat, dark)[0])


def test_pixels_in_full_shadow_stay_finite():
    dark = np.full((1, 1), 500.0)
    assert correct(np.full((1, 1, 1), 480.0), np.full((1, 1), 50500.0), dark).item() == pytest.approx(np.log(1e5))


def test_bad_pixels_are_filled_where_they_are_known():
    dark, flat = np.zeros((8, 9)), np.full((8, 9), 1000.0)
    truth = np.add.outer(0.1 * np.arange(8), 0.05 * np.arange(9))[None]
    counts = 1000 * np.exp(-truth)
    counts[0, 3, 4], counts[0, 0, 0] = 0.0, 65535.0
    bad = np.zeros((8, 9), bool)
    bad[3, 4] = bad[0, 0] = True
    np.testing.assert_allclose(correct(counts, flat, dark, bad), truth, atol=1e-12)
    assert np.abs(correct(counts, flat, dark) - truth).max() > 1


@pytest.mark.parametrize(("step", "free"), [(0.0, 1.0), (0.0, 3e-7), (1 / 64, 100.0)])
def test_what_the_converter_can_tell_is_not_raised(step, free):
    """Counts without steps, or in fractions of one where frames are averaged, may lie well below half a count."""
    truth = np.linspace(0, 4, 12).reshape(1, 3, 4)
    flat, dark = np.full((3, 4), free), np.zeros((3, 4))
    np.testing.assert_allclose(correct(free * np.exp(-truth), flat, dark, step=step), truth, atol=1e-12)


def test_full_shadow_without_steps_is_1e_minus_5_of_the_free_beam():
    dark = np.zeros((1, 2))
    shadow = correct(np.zeros((1, 1, 2)), np.full((1, 2), 7.0), dark, step=0.0)
    np.testing.assert_allclose(shadow, np.log(1e5))
