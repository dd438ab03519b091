"""A host knows its inside, its walls and its reach as the closed forms do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Manifold

from defects.gas_pore import GasPore
from defects.host import Host
from defects.shapes import ellipsoid

CUBE = Host(solid=Manifold.cube((20.0, 20.0, 20.0), True))
SEGMENTS = 128
SAGITTA = 1 - np.cos(np.pi / SEGMENTS) ** 2
"""How far a ball's facets lie under its corners, over its radius: half a facet along both directions."""


def ball(radius_mm: float) -> Manifold:
    return Manifold.sphere(radius_mm, SEGMENTS)


@pytest.mark.parametrize("hollow_mm", [0.0, 6.0])
def test_inside_is_between_the_radii_of_a_hollow_ball(hollow_mm):
    host = Host(solid=ball(10.0) - ball(hollow_mm) if hollow_mm else ball(10.0))
    points = np.random.default_rng(8).uniform(-11, 11, (3000, 3))
    radii = np.linalg.norm(points, axis=1)
    sure = (np.abs(radii - 10) > 10 * 2 * SAGITTA) & (np.abs(radii - hollow_mm) > hollow_mm * 2 * SAGITTA)
    inside = np.array([host.contains(p) for p in points[sure]])
    assert sure.mean() > 0.98
    assert np.array_equal(inside, (radii[sure] < 10) & (radii[sure] > hollow_mm))


@pytest.mark.parametrize("point", [(0, 0, 0), (5, 5, -5), (9.9, -9.9, 0), (0, 0, 9.9)])
def test_a_ray_through_an_edge_or_a_corner_counts_once(point):
    """Rays from these points meet the diagonal of the cube's top, or the ball's pole, where triangles share an edge."""
    assert CUBE.contains(np.array(point, float))
    assert Host(solid=ellipsoid((20.0, 20.0, 20.0))).contains(np.array(point, float))


@given(point=st.tuples(*[st.floats(-15, 15)] * 3))
def test_inside_a_cube_is_within_its_sides(point):
    distance = np.max(np.abs(point)) - 10
    if abs(distance) > 1e-6:
        assert CUBE.contains(np.array(point)) == (distance < 0)


@pytest.mark.parametrize("at", [(0.0, 0.0, 0.0), (5.0, 0.0, 0.0), (0.0, -6.0, 3.0), (1.0, 2.0, 7.5)])
def test_the_wall_of_a_cube_is_as_far_from_a_ball_as_its_outermost_corner(at):
    pore = GasPore(diameter_mm=4.0, centre_mm=at).solid()
    exact = 10 - np.abs(np.reshape(pore.bounding_box(), (2, 3))).max()
    assert CUBE.wall_mm(pore) == pytest.approx(exact, abs=1e-9)
    assert CUBE.wall_mm(pore) == pytest.approx(10 - np.max(np.abs(at)) - 2, abs=0.016)  # corners: 0.76 % of 2 mm


def test_the_wall_of_a_hollow_is_a_wall():
    host = Host(solid=Manifold.cube((20.0, 20.0, 20.0), True) - Manifold.cube((4.0, 4.0, 4.0), True))
    small = Manifold.cube((1.0, 1.0, 1.0), True)
    assert host.wall_mm(small.translate((4.0, 0.0, 0.0))) == pytest.approx(1.5)
    assert host.wall_mm(small.translate((8.0, 0.0, 0.0))) == pytest.approx(1.5)
    assert host.wall_mm(small.translate((4.0, 4.0, 0.0))) == pytest.approx(1.5 * np.sqrt(2))


@pytest.mark.parametrize("x", [9.0, 10.0, 10.9])
def test_a_solid_that_cuts_the_wall_has_none_of_it(x):
    assert CUBE.wall_mm(Manifold.sphere(2.0, 32).translate((x, 0.0, 0.0))) == 0


@given(at=st.tuples(*[st.floats(-8.9, 8.9)] * 3))
def test_the_gap_between_two_cubes_is_their_nearest_faces(at):
    small = Manifold.cube((2.0, 2.0, 2.0), True).translate(at)
    assert CUBE.wall_mm(small) == pytest.approx(9 - np.max(np.abs(at)), abs=1e-9)


def test_the_box_is_the_lowest_and_the_highest_corner():
    low, high = Host(solid=Manifold.cube((1.0, 2.0, 3.0)).translate((5.0, 6.0, 7.0))).box_mm
    assert low.tolist() == [5, 6, 7]
    assert high.tolist() == [6, 8, 10]
