"""A lap opens the surface along its line, goes as deep as it says, and gapes evenly with a round edge."""

import numpy as np
import pytest
from manifold3d import Manifold
from scipy import stats

from defects.cold_shut import ColdShut, sample
from defects.messages import BadInput

STRAIGHT = ColdShut(length_mm=10.0, depth_mm=3.0, opening_mm=0.2)


def span(solid: Manifold) -> np.ndarray:
    return np.reshape(solid.bounding_box(), (2, 3))


def gape(shut: ColdShut, x: float, z: float) -> tuple[float, float]:
    """Return where a line along y enters and leaves."""
    hits = shut.solid().ray_cast((x, -9.0, z), (x, 9.0, z))
    assert len(hits) == 2
    return tuple(-9 + 18 * hit.distance for hit in hits)


def test_a_lap_is_as_long_deep_and_open_as_it_says_and_a_tenth_of_its_depth_stands_above():
    assert span(STRAIGHT.solid()) == pytest.approx(np.array([[-5, -0.1, -3], [5, 0.1, 0.3]]), abs=1e-9)


def test_pi_squared_over_sixteen_of_its_box_lie_under_the_surface():
    """Half an ellipse's area times the mean of (1 - r^4)^(1/2) over a disc, pi / 4."""
    below = STRAIGHT.solid().trim_by_plane((0.0, 0.0, -1.0), 0.0)
    assert below.volume() == pytest.approx(np.pi**2 / 16 * 10 * 3 * 0.2, rel=5e-3)


@pytest.mark.parametrize(("x", "z"), [(0.01, -0.01), (0.01, -1.5), (3.0, -0.6), (0.01, -2.6)])
def test_its_faces_lie_even_until_near_the_round_edge(x, z):
    low, high = gape(STRAIGHT, x, z)
    assert high - low == pytest.approx(0.2 * np.sqrt(1 - ((x / 5) ** 2 + (z / 3) ** 2) ** 2), rel=0.015)
    assert high + low == pytest.approx(0, abs=1e-9)


def test_it_leans_and_bows_with_depth():
    shut = ColdShut(length_mm=10.0, depth_mm=3.0, opening_mm=0.2, lean_deg=30.0, bow=0.5)
    for z in (-0.5, -1.5, -2.5):
        wanted = -z * np.tan(np.deg2rad(30)) + 0.5 * z * z / 3
        assert np.mean(gape(shut, 0.01, z)) == pytest.approx(wanted, abs=0.01)


def test_its_line_waves_along_the_surface():
    shut = ColdShut(length_mm=10.0, depth_mm=3.0, opening_mm=0.2, waviness=0.05, phase_deg=40.0)
    for x in (-3.0, -1.0, 0.01, 2.0):
        phase = np.deg2rad(40)
        wanted = 0.5 * (np.sin(3 * np.pi * x / 10 + phase) - np.sin(phase))
        assert np.mean(gape(shut, x, -0.01)) == pytest.approx(wanted, abs=0.02)


def test_bending_keeps_the_volume():
    bent = ColdShut(length_mm=10.0, depth_mm=3.0, opening_mm=0.2, lean_deg=-40.0, bow=0.4, waviness=0.1, phase_deg=9.0)
    assert bent.volume_mm3 == pytest.approx(STRAIGHT.volume_mm3, rel=1e-9)


def test_cut_out_of_a_block_it_opens_the_block_and_takes_what_lies_under_the_surface():
    block = Manifold.cube((30.0, 30.0, 10.0), True).translate((0.0, 0.0, -5.0))
    cut = block - STRAIGHT.solid()
    below = STRAIGHT.solid().trim_by_plane((0.0, 0.0, -1.0), 0.0).volume()
    assert block.volume() - cut.volume() == pytest.approx(below, rel=1e-6)
    assert len(cut.decompose()) == 1  # no hollow within: the void is open to the outside
    assert cut.genus() == 0


def test_leans_are_uniform_bows_gaussian_and_phases_uniform():
    rng = np.random.default_rng(8)
    asked = {"length_mm": 8.0, "depth_mm": 2.0, "opening_mm": 0.1, "lean_deg": 25.0, "bow": 0.3}
    drawn = [sample(rng, **asked) for _ in range(2000)]
    assert stats.kstest([s.lean_deg for s in drawn], stats.uniform(-25, 50).cdf).pvalue > 0.01
    assert stats.kstest([s.bow for s in drawn], stats.norm(0, 0.3).cdf).pvalue > 0.01
    assert stats.kstest([s.phase_deg for s in drawn], stats.uniform(0, 360).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"opening_mm": 3.5}, r"opening_mm must not exceed its length_mm and depth_mm, got 3\.5"),
        ({"lean_deg": 70.0}, r"lean_deg must be -60 to 60, got 70\.0"),
        ({"lean_deg": float("nan")}, "lean_deg must be -60 to 60, got nan"),
        ({"bow": float("inf")}, "must be finite"),
    ],
)
def test_what_cannot_be_is_refused(changes, text):
    with pytest.raises(BadInput, match=text):
        ColdShut(**{"length_mm": 10.0, "depth_mm": 3.0, "opening_mm": 0.2, **changes})


def test_too_steep_a_range_is_refused():
    with pytest.raises(BadInput, match="lean_deg must be at most 60, got 61"):
        sample(np.random.default_rng(0), length_mm=9.0, depth_mm=2.0, opening_mm=0.1, lean_deg=61.0)
