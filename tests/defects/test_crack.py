"""A crack opens by its opening at its centre, waves without changing its gap, and waves as much as it is asked to."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import cKDTree

from defects.crack import Crack, sample
from defects.messages import BadInput
from defects.shapes import rotation
from tests.defects.measure import centroid, vertices

FLAT = Crack(length_mm=10.0, width_mm=6.0, opening_mm=0.4)
WAVY = dataclasses.replace(FLAT, waves=((0.7, 1.0, 0.3, 20.0), (0.3, -0.4, 1.5, 110.0)))


def height(crack: Crack, x: float, y: float) -> float:
    return sum(a * math.sin(kx * x + ky * y + math.radians(deg)) for a, kx, ky, deg in crack.waves)


def column(crack: Crack, x: float, y: float) -> tuple[float, float]:
    """Return where a line along z enters and leaves."""
    hits = crack.solid().ray_cast((x, y, -9.0), (x, y, 9.0))
    assert len(hits) == 2
    return tuple(-9 + 18 * hit.distance for hit in hits)


def test_a_crack_is_as_long_wide_and_open_as_it_says():
    size = np.ptp(np.reshape(FLAT.solid().bounding_box(), (2, 3)), axis=0)
    assert size == pytest.approx((10, 6, 0.4), rel=2.5e-3)  # 64 segments, blown up by 0.2 % to the true volume


@pytest.mark.parametrize(("x", "y"), [(0.01, 0.02), (2.5, 0.0), (0.0, -1.5), (3.0, 1.2)])
def test_a_crack_gapes_by_the_ellipse_of_sneddon(x, y):
    below, above = column(FLAT, x, y)
    # facets lie 0.2 % of the radii outside at their corners and as much inside between them
    assert above - below == pytest.approx(0.4 * math.sqrt(1 - (x / 5) ** 2 - (y / 3) ** 2), rel=1e-2)


@pytest.mark.parametrize(("x", "y"), [(0.01, 0.02), (2.5, 0.0), (0.0, -1.5), (3.0, 1.2)])
def test_waves_lift_both_faces_alike(x, y):
    flat, wavy = column(FLAT, x, y), column(WAVY, x, y)
    assert wavy[1] - wavy[0] == pytest.approx(flat[1] - flat[0], rel=1e-6)
    assert sum(wavy) / 2 == pytest.approx(height(WAVY, x, y), abs=0.02)  # flat facets over a sine


def test_waves_move_corners_along_z_alone_by_the_sum_of_sines():
    flat, wavy = vertices(FLAT.solid()), vertices(WAVY.solid())
    lowered = wavy - [(0, 0, height(WAVY, x, y)) for x, y, _ in wavy]
    assert len(wavy) == len(flat)
    assert cKDTree(flat).query(lowered)[0].max() < 1e-12
    assert cKDTree(lowered).query(flat)[0].max() < 1e-12
    assert centroid(WAVY.solid())[:2] == pytest.approx((0, 0), abs=1e-9)


def test_waviness_is_the_root_mean_square_height_over_the_length():
    rng = np.random.default_rng(2)
    at = [height(sample(rng, length_mm=10.0, opening_mm=0.1, waviness=0.05), 1.0, -2.0) for _ in range(4000)]
    assert np.mean(at) == pytest.approx(0, abs=4 * 0.5 / math.sqrt(4000))
    assert np.sqrt(np.mean(np.square(at))) == pytest.approx(0.5, rel=0.04)


def test_waves_run_in_any_direction_and_are_a_third_to_twice_the_length_long():
    rng = np.random.default_rng(3)
    waves = np.array([w for _ in range(500) for w in sample(rng, length_mm=10.0, opening_mm=0.1).waves])
    numbers = np.hypot(waves[:, 1], waves[:, 2]) * 10 / (2 * np.pi)
    assert stats.kstest(numbers, stats.uniform(0.5, 2.5).cdf).pvalue > 0.01
    assert stats.kstest(np.arctan2(waves[:, 2], waves[:, 1]), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    assert stats.kstest(waves[:, 3], stats.uniform(0, 360).cdf).pvalue > 0.01


def test_sheets_face_anywhere_with_equal_chance():
    rng = np.random.default_rng(4)
    normals = np.array([rotation(sample(rng, length_mm=5.0, opening_mm=0.1).quaternion)[:, 2] for _ in range(2000)])
    for axis in range(3):
        assert stats.kstest(normals[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_aspect_is_width_over_length_and_no_waviness_is_no_wave():
    crack = sample(np.random.default_rng(5), length_mm=8.0, opening_mm=0.2, aspect=0.25, waviness=0.0)
    assert (crack.length_mm, crack.width_mm, crack.opening_mm, crack.waves) == (8.0, 2.0, 0.2, ())


@pytest.mark.parametrize("sizes", [(1.0, 2.0, 1.1), (2.0, 1.0, 1.1)])
def test_a_gap_wider_than_its_sheet_is_no_crack(sizes):
    with pytest.raises(BadInput, match=r"opening_mm must not exceed .* got 1\.1 against .* use kind gas_pore"):
        Crack(length_mm=sizes[0], width_mm=sizes[1], opening_mm=sizes[2])


@pytest.mark.parametrize("wave", [(math.nan, 1.0, 0.0, 0.0), (0.1, math.inf, 0.0, 0.0)])
def test_a_wave_that_is_no_number_is_refused(wave):
    with pytest.raises(BadInput, match="a wave must be 4 finite numbers"):
        dataclasses.replace(FLAT, waves=(wave,))
