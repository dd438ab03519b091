"""The truth that the other backends are held to, where rays are least convenient."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Manifold

from ctsim.backends import reference
from tests.ctsim.chords import chord_of_convex, scanner
from tests.ctsim.shapes import triangles_of

# few values, so that a ray along an edge or a source on its line is common; and finer ones, all exact in steps of 2^-60
number = st.one_of(st.integers(-2, 2).map(float), st.integers(-(2**40), 2**40).map(lambda n: n / 2**33))
vector = st.tuples(number, number, number)


def lengths_of(solid: Manifold, geometry) -> np.ndarray:
    return np.concatenate([image for _, image in reference.path_lengths(triangles_of(solid), geometry, 1)])[:, 0]


def test_a_ray_into_a_corner_is_cast_as_the_rays_beside_it():
    """The octahedron's corners and four of its edges lie on the middle row and column of an odd detector."""
    octahedron = Manifold.hull_points(
        20 * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    )
    g = scanner(views=4, rows=33, columns=33, pixel_mm=2.0)
    got = lengths_of(octahedron, g)
    for view in range(4):
        np.testing.assert_allclose(got[view], chord_of_convex(octahedron, g, view), atol=4e-6)
        assert got[view, 16, 16] == pytest.approx(40)


def test_a_ball_seen_along_its_seams_is_closed():
    # 16 meridians and a pole on the planes of symmetry of the views at 0, 45, 90 ... deg; raises where a ray slips
    ball, g = Manifold.sphere(12, 32), scanner(views=8, rows=33, columns=41, pixel_mm=2.0)
    got = lengths_of(ball, g)
    for view in range(8):
        np.testing.assert_allclose(got[view], chord_of_convex(ball, g, view), atol=4e-6)


@given(source=vector, start=vector, end=vector, ray=vector)
def test_signs_are_those_of_the_true_volume_and_turn_with_the_edge(source, start, end, ray):
    s, a, b, r = (np.array(v)[None] for v in (source, start, end, ray))
    sign = int(reference._exact_signs(s[0], a, b, r)[0])
    assert sign == -int(reference._exact_signs(s[0], b, a, r)[0])
    p, q = ([Fraction(x) - Fraction(y) for x, y in zip(point, source, strict=True)] for point in (start, end))
    normal = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]]
    volume = sum(Fraction(x) * n for x, n in zip(ray, normal, strict=True))
    decisive = next((value for value in (volume, *normal) if value), 0)
    assert sign == (decisive > 0) - (decisive < 0)
