"""A field's solid is closed, lies where the field is above 0, and has the volume that is there."""

import numpy as np
import pytest
from manifold3d import Error, Manifold
from scipy import stats
from scipy.ndimage import gaussian_filter

from defects.implicit import grid, largest, noise, scaled_to, solid_above, thinned, without_crumbs


def ball(step: float, radius: float = 1.0) -> Manifold:
    points = grid((1.2, 1.2, 1.2), step)
    return solid_above(radius - np.linalg.norm(points, axis=-1), points[0, 0, 0], step)


def test_a_grid_lies_about_the_origin_and_covers_its_box():
    points = grid((1.0, 2.0, 0.5), 0.3)
    assert points[0, 0, 0] == pytest.approx(-points[-1, -1, -1])
    assert np.all(points[-1, -1, -1] >= (1, 2, 0.5))
    assert points[1, 1, 1] - points[0, 0, 0] == pytest.approx([0.3] * 3)


def test_a_balls_volume_converges_with_the_square_of_the_step():
    off = [abs(ball(step).volume() / (4 / 3 * np.pi) - 1) for step in (0.2, 0.1, 0.05)]
    assert off[2] < 3e-3
    assert off[0] / off[1] == pytest.approx(4, rel=0.3)
    assert off[1] / off[2] == pytest.approx(4, rel=0.3)


def test_a_ball_lies_where_it_should():
    assert ball(0.1).bounding_box() == pytest.approx((-1, -1, -1, 1, 1, 1), abs=5e-3)


def test_axes_keep_their_order():
    points = grid((1.0, 2.0, 3.0), 0.1)
    brick = np.min(np.array([0.5, 1.5, 2.5]) - np.abs(points), axis=-1)
    box = solid_above(brick, points[0, 0, 0], 0.1).bounding_box()
    assert box == pytest.approx((-0.5, -1.5, -2.5, 0.5, 1.5, 2.5), abs=0.02)


@pytest.mark.parametrize("seed", range(20))
def test_any_field_gives_a_closed_solid_even_where_it_runs_out_of_its_grid(seed):
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(14, 15, 16)), rng.uniform(0, 1.2))
    solid = solid_above(field - field.std() * rng.uniform(-1, 1), np.zeros(3), 1.0)
    assert solid.status() == Error.NoError
    assert solid.volume() > 0
    assert solid.bounding_box()[0] >= -1


def test_a_field_of_whole_numbers_with_zeros_on_its_grid_is_closed_too():
    field = np.random.default_rng(0).integers(-1, 2, (12, 12, 12)).astype(float)
    assert solid_above(field, np.zeros(3), 1.0).status() == Error.NoError


def test_a_field_that_is_nowhere_above_nothing_is_no_solid():
    assert solid_above(-np.ones((3, 3, 3)), np.zeros(3), 1.0).is_empty()


def test_hollows_are_filled_and_crumbs_left_out():
    hollow = Manifold.cube((4.0, 4.0, 4.0), True) - Manifold.cube((1.0, 1.0, 1.0), True)
    three = hollow + Manifold.cube((1.0, 1.0, 1.0)).translate((9, 0, 0))
    three += Manifold.cube((2.0, 1.0, 1.0)).translate((19, 0, 0))
    assert three.volume() == pytest.approx(66)
    assert without_crumbs(three).volume() == pytest.approx(67)
    assert without_crumbs(three, 1.5).volume() == pytest.approx(66)
    assert largest(three).volume() == pytest.approx(64)


def test_thinning_keeps_to_the_number_and_nearly_to_the_volume():
    fine = ball(0.04)
    thin = thinned(fine, 0.04, most=2000)
    assert fine.num_tri() > 2000 >= thin.num_tri()
    assert thin.status() == Error.NoError
    assert thin.volume() == pytest.approx(fine.volume(), rel=0.01)
    assert thinned(fine, 0.04, most=10**6).num_tri() == fine.num_tri()


def test_scaling_meets_the_volume():
    assert scaled_to(ball(0.2), 7.0).volume() == pytest.approx(7, rel=1e-12)


def test_noise_is_gaussian_of_mean_nothing_and_variance_one():
    """One value of each of many fields: independent draws."""
    values = [float(noise(np.random.default_rng(seed), 1.0)(np.ones((1, 3)))[0]) for seed in range(800)]
    assert stats.kstest(values, stats.norm.cdf).pvalue > 0.01


def test_noise_has_waves_as_long_as_it_says():
    """A field of plane waves of one wave number k in all directions correlates as sin(kr) / (kr)."""
    ends = np.array([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0], [0.0, 0.5, 0.0]])
    values = np.array([noise(np.random.default_rng(seed), 1.0)(ends) for seed in range(1200)])
    numbers = 2 * np.pi * np.linspace(0.8, 1.25, 1001)
    for i, r in ((1, 0.25), (2, 0.5)):
        wanted = np.mean(np.sinc(numbers * r / np.pi))
        assert np.mean(values[:, 0] * values[:, i]) == pytest.approx(wanted, abs=4 / np.sqrt(1200))
