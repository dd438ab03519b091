"""What strips let through against photons that cross them one by one, and against what is known of the limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ctsim.detector.anti_scatter import coefficients, primary_passes, strips_pass
from ctsim.detector.response import response_of
from ctsim.materials import mu_per_mm
from scenes.detector import AntiScatterGridSpec, DetectorSpec


def by_hand(strip, gap, height, strip_per_mm, gap_per_mm, slope, lengthening, places=4000) -> float:
    """Return the mean of exp(-mu path) over places where photons begin, each path the strips' share of its way.

    A photon that begins at a place p of the period has p + slope z against the strips at the height z. Its way through
    strips to the place q, counted from the first, is q // period whole strips and what of the next it has crossed.
    """
    period = strip + gap
    begin = (np.arange(places) + 0.5) / places * period
    side = abs(slope) * height

    def crossed(q: np.ndarray) -> np.ndarray:
        return np.floor(q / period) * strip + np.minimum(q % period, strip)

    straight = (begin < strip).astype(float)
    share = straight if side < 1e-9 else (crossed(begin + side) - crossed(begin)) / side
    way = height * lengthening
    return float(np.exp(-way * (strip_per_mm * share + gap_per_mm * (1 - share))).mean())


@given(
    strip=st.floats(0.02, 0.4), gap=st.floats(0.05, 0.5), height=st.floats(0.5, 5), strip_per_mm=st.floats(0.1, 30),
    gap_per_mm=st.floats(0, 0.09), slope=st.floats(-3, 3), lengthening=st.floats(1, 3),
)  # fmt: skip
def test_strips_pass_what_photons_one_by_one_do(strip, gap, height, strip_per_mm, gap_per_mm, slope, lengthening):
    """To 2e-3, as 4000 places of the period leave it."""
    grid = strip, gap, height, strip_per_mm, gap_per_mm, slope, lengthening
    assert strips_pass(*grid) == pytest.approx(by_hand(*grid), abs=1e-3, rel=2e-3)


def test_along_the_strips_the_gaps_pass_and_the_strips_by_beer():
    found = strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, 0.0, 1.0)
    assert found == pytest.approx((0.05 * np.exp(-6) + 0.3 * np.exp(-0.3)) / 0.35, rel=1e-6)
    # and the slightest slope changes it the slightest
    assert strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, 1e-7, 1.0) == pytest.approx(found, rel=1e-5)


def test_strips_that_nothing_passes_leave_the_way_between_them():
    """A shift s of a gap g leaves (g - s) of the period p; from s = g on nothing."""
    for slope in (0.0, 0.02, 0.05, 0.09, 0.11, 0.5):
        found = strips_pass(0.05, 0.3, 3.0, 1e6, 0.0, slope, 1.0)
        assert found == pytest.approx(max(0.3 - 3 * slope, 0) / 0.35, abs=2e-4)


def test_far_to_the_side_strips_and_gaps_are_one_stuff():
    """Over many periods every photon has its share of both: Beer's law with the mean coefficient."""
    found = strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, 70.0, 70.01)
    assert np.log(found) == pytest.approx(-3 * 70.01 * (0.05 * 2 + 0.3 * 0.1) / 0.35, rel=1e-3)


@given(slope=st.floats(0, 3), other=st.floats(0, 3))
def test_either_side_is_as_good(slope, other):
    assert strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, slope, 1.0) == strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, -slope, 1.0)


def test_strips_of_the_gaps_stuff_are_none():
    for slope in (0.0, 0.3, 2.0):
        assert strips_pass(0.05, 0.3, 3.0, 0.2, 0.2, slope, 1.1) == pytest.approx(np.exp(-0.66), rel=1e-3)


def test_strips_may_be_lighter_than_what_lies_between():
    """Then they are the gaps: the mean does not ask which of the two is called a strip."""
    found = strips_pass(0.3, 0.05, 3.0, 0.1, 2.0, 0.02, 1.0)
    assert found == pytest.approx(strips_pass(0.05, 0.3, 3.0, 2.0, 0.1, 0.02, 1.0), rel=1e-6)


# ---------------------------------------------------------------------------------------------------- the primary


def test_the_primary_passes_the_gaps_and_what_strips_leave():
    grid, energies = AntiScatterGridSpec(interspace="Al"), (30.0, 60.0, 200.0, 400.0)
    lead, aluminium = (np.exp(-mu_per_mm(name, energies) * 3.0) for name in ("Pb", "Al"))
    assert_allclose(primary_passes(grid, energies), (0.05 * lead + 0.3 * aluminium) / 0.35)
    open_ = primary_passes(AntiScatterGridSpec(), energies)
    assert_allclose(open_, (0.05 * lead + 0.3) / 0.35)
    assert open_[0] == pytest.approx(0.3 / 0.35, rel=1e-6)


def test_the_primary_is_what_goes_along_the_strips():
    grid, energies = AntiScatterGridSpec(interspace="PE"), (20.0, 80.0)
    strips, gaps = coefficients(grid, energies)
    along = [strips_pass(0.05, 0.3, 3.0, s, g, 0.0, 1.0) for s, g in zip(strips, gaps, strict=True)]
    assert_allclose(along, primary_passes(grid, energies), rtol=1e-6)


def test_a_panels_response_is_less_by_what_the_strips_take():
    energies = np.array([30.0, 70.0, 100.0, 300.0])
    bare, grid = DetectorSpec(rows=8, columns=8), AntiScatterGridSpec(interspace="Al")
    behind = response_of(bare.model_copy(update={"anti_scatter_grid": grid}), energies)
    open_ = response_of(bare, energies)
    passed = primary_passes(grid, tuple(energies.tolist()))
    assert_allclose(behind.first, passed * open_.first)
    assert_allclose(behind.second, passed * open_.second)
