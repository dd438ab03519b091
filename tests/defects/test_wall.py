"""Distances to a wall are those of closed forms, and bounds hold; a piece of it stands for its faces."""

import numpy as np
import pytest
from manifold3d import Error, Manifold

from defects.wall import Wall, bisected, feet_on

CUBE = Wall.of(Manifold.cube((20.0, 20.0, 20.0), True), 1.0)
BALL = Manifold.sphere(10.0, 128)
FACET_MM = 10 * 3 * (1 - np.cos(np.pi / 128))
"""How far the ball's faces lie under its corners, at most: the largest are twice as wide as the smallest."""


def points(count: int, half_mm: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-half_mm, half_mm, (count, 3))


def to_cube(at: np.ndarray) -> np.ndarray:
    """Return the distance to the surface of a cube of 20 mm, from inside or outside."""
    out = np.linalg.norm(np.maximum(np.abs(at) - 10, 0), axis=1)
    return np.where(out > 0, out, 10 - np.abs(at).max(1))


def test_the_distance_to_a_cube_is_exact_inside_and_outside():
    at = points(400, 14)
    distance, feet, face = CUBE.nearest(at)
    assert distance == pytest.approx(to_cube(at), abs=1e-12)
    assert np.linalg.norm(feet - at, axis=1) == pytest.approx(distance, abs=1e-12)
    assert np.abs(feet).max(1) == pytest.approx(10, abs=1e-12)
    assert np.einsum("pi,pi->p", CUBE.normals[face], feet) == pytest.approx(10, abs=1e-12)


def test_the_distance_to_a_ball_is_that_to_its_radius_less_its_facets():
    at = points(200, 5.5)
    distance = Wall.of(BALL, 0.5).nearest(at)[0]
    exact = 10 - np.linalg.norm(at, axis=1)
    assert np.all(distance <= exact + 1e-12)
    assert np.all(distance >= exact - FACET_MM - 1e-12)


@pytest.mark.parametrize("edge_mm", [0.5, 3.0, 100.0])
def test_bounds_hold_for_samples_near_and_far_apart(edge_mm):
    wall, at = Wall.of(Manifold.cube((20.0, 20.0, 20.0), True), edge_mm), points(300, 14, seed=1)
    most_mm = wall.most_mm(at)
    assert np.all(most_mm >= to_cube(at) - 1e-12)
    assert np.all(most_mm - wall.cover_mm <= to_cube(at) + 1e-12)
    assert wall.nearest(at, most_mm)[0] == pytest.approx(to_cube(at), abs=1e-12)


def test_a_sliver_is_sampled_along_all_of_its_length():
    wall = Wall.of(Manifold.cube((100.0, 0.01, 0.01)), 1.0)
    assert wall.cover_mm < 1.0
    assert wall.nearest(np.array([[50.0, 3.0, 0.0]]))[0] == pytest.approx(2.99)


def test_no_points_have_no_distances():
    distance, feet, face = CUBE.nearest(np.zeros((0, 3)))
    assert (len(distance), feet.shape, len(face)) == (0, (0, 3), 0)


def test_areas_are_those_of_the_faces_and_normals_point_outwards():
    assert CUBE.areas_mm2.sum() == pytest.approx(2400)
    middles = CUBE.corners_mm.mean(1)
    assert np.all(np.einsum("fi,fi->f", CUBE.normals, middles) > 0)
    assert np.linalg.norm(CUBE.normals, axis=1) == pytest.approx(1)


def test_pieces_of_triangles_have_their_area_and_no_long_edge():
    triangles = np.random.default_rng(3).normal(size=(20, 3, 3)) * 10
    pieces, owner = bisected(triangles, 2.0)
    assert np.linalg.norm(np.roll(pieces, -1, axis=1) - pieces, axis=2).max() <= 2.0

    def areas(corners: np.ndarray) -> np.ndarray:
        sides = corners[:, 1:] - corners[:, :1]
        return np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2

    assert np.bincount(owner, areas(pieces)) == pytest.approx(areas(triangles))


def test_feet_lie_under_the_point_on_the_nearest_edge_or_in_the_nearest_corner():
    triangle = np.array([[[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]])
    cases = {
        (1, 1, 5): (1, 1, 0),
        (1, -2, 1): (1, 0, 0),
        (-1, -3, 0): (0, 0, 0),
        (9, -1, 2): (4, 0, 0),
        (3, 3, 1): (2, 2, 0),
    }
    for at, foot in cases.items():
        assert feet_on(triangle, np.array([at], float))[0] == pytest.approx(foot, abs=1e-12)


def test_near_are_all_faces_that_come_so_near():
    at, radius = np.array([8.0, 0.0, 0.0]), 4.0
    reached = np.linalg.norm(feet_on(CUBE.corners_mm, np.broadcast_to(at, (12, 3))) - at, axis=1) <= radius
    assert set(np.flatnonzero(reached)) <= set(CUBE.near(at, radius))


def test_a_piece_of_the_wall_is_as_far_as_its_faces():
    piece = CUBE.piece(np.arange(12))
    assert piece.status() == Error.NoError
    small = Manifold.cube((2.0, 2.0, 2.0), True)
    assert piece.min_gap(small.translate((5.0, 1.0, 0.0)), 20.0) == pytest.approx(4.0, abs=1e-9)
    assert piece.min_gap(small.translate((9.5, 0.0, 0.0)), 20.0) == 0
