"""Widths and smallest balls of convex bodies against closed forms, and against a search over all directions."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.metrology.hull import ball_of, widths_mm
from ctsim.metrology.size import mesh_of


def widths_of(solid: Manifold) -> tuple[float, float]:
    return widths_mm(*mesh_of(solid.hull()))


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 20, 30), (45, 0, 45)])
def test_a_box_is_as_wide_as_its_shortest_side_and_as_its_diagonal(angles):
    least, greatest = widths_of(Manifold.cube((1, 2, 2), True).rotate(angles))
    assert least == pytest.approx(1, rel=1e-9)
    assert greatest == pytest.approx(3, rel=1e-9)


def test_a_regular_tetrahedron_is_narrowest_between_two_edges_not_between_a_face_and_a_corner():
    solid = Manifold.tetrahedron().rotate((13, 57, 29))
    edge = np.sqrt(8)
    least, greatest = widths_of(solid)
    assert least == pytest.approx(edge / np.sqrt(2), rel=1e-9)
    assert edge / np.sqrt(2) < edge * np.sqrt(2 / 3)  # its height
    assert greatest == pytest.approx(edge, rel=1e-9)


def test_a_cylinder_is_as_wide_as_its_length_and_diameter_say():
    solid = Manifold.cylinder(6, 1, 1, 180, True).rotate((20, 50, 0))
    least, greatest = widths_of(solid)
    assert least == pytest.approx(2 * np.cos(np.pi / 180), rel=1e-6)  # an even number of sides: across the flats
    assert greatest == pytest.approx(np.hypot(6, 2), rel=1e-6)


def test_an_ellipsoid_is_as_wide_as_its_axes():
    least, greatest = widths_of(Manifold.sphere(1, 96).scale((1, 1.5, 3)).rotate((30, 40, 50)))
    assert least == pytest.approx(2, rel=2e-3)
    assert greatest == pytest.approx(6, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_direction_is_narrower_or_wider_and_one_comes_near(seed):
    rng = np.random.default_rng(seed)
    solid = Manifold.hull_points(rng.normal(size=(30, 3)) * (1, 2, 3))
    points, _ = mesh_of(solid)
    least, greatest = widths_of(solid)
    ways = rng.normal(size=(200_000, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    extents = np.ptp(ways @ points.T, axis=1)
    assert least <= extents.min() < 1.02 * least
    assert 0.999 * greatest < extents.max() <= greatest


def test_the_smallest_ball_of_a_box_a_tetrahedron_and_a_needle():
    box = Manifold.cube((1, 2, 2), True).rotate((10, 20, 30)).translate((5, 6, 7))
    centre, radius = ball_of(mesh_of(box)[0])
    np.testing.assert_allclose(centre, (5, 6, 7), atol=1e-9)
    assert radius == pytest.approx(1.5, rel=1e-9)
    assert ball_of(mesh_of(Manifold.tetrahedron())[0])[1] == pytest.approx(np.sqrt(3), rel=1e-9)
    assert ball_of(np.array([[0.0, 0, 0], [10, 0, 0], [5, 1, 0], [5, 0, -1]]))[1] == pytest.approx(5, rel=1e-9)
    # an obtuse triangle lies in the ball about its longest side, an acute one on that about its circumcircle
    assert ball_of(np.array([[0.0, 0, 0], [4, 0, 0], [2, 2 * np.sqrt(3), 0]]))[1] == pytest.approx(4 / np.sqrt(3))


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_ball_holds_all_points_and_rests_on_those_about_its_centre(seed):
    """A ball is the smallest where its centre lies in the hull of the points on it."""
    points = np.random.default_rng(seed).normal(size=(200, 3)) * (1, 1, 2)
    centre, radius = ball_of(points)
    off = np.linalg.norm(points - centre, axis=1)
    assert off.max() <= radius * (1 + 1e-8)
    support = points[off > radius * (1 - 1e-7)]
    assert 2 <= len(support) <= 4
    weights, *_ = np.linalg.lstsq(np.vstack([support.T, np.ones(len(support))]), np.append(centre, 1), rcond=None)
    np.testing.assert_allclose(weights @ support, centre, atol=1e-6)
    assert weights.min() > -1e-6
