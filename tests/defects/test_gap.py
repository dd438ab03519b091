"""A gap is closed and holds exactly the volume of its columns, however thin it is and however bent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Error

from defects.gap import columns_mm3, gap, lattice, spread


def bent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) + 2 * np.cos(4 * y - x)


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1), (x2, y2) = (points[triangles[:, i]].T for i in range(3))
    return ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / 2


def test_columns_run_from_end_to_end_and_crowd_at_the_rim_alone():
    assert spread(4) == pytest.approx([-1, -np.sqrt(0.5), 0, np.sqrt(0.5), 1])
    half = spread(6, 0.0)
    assert half[[0, 2, 6]] == pytest.approx([0, 0.5, 1])


def test_a_lattice_fills_the_disc_with_triangles_that_face_up():
    points, height, triangles = lattice(spread(80), 60)
    assert areas(points, triangles).min() > 0
    assert areas(points, triangles).sum() == pytest.approx(np.pi, rel=2e-3)
    assert height == pytest.approx(np.sqrt(np.clip(1 - (points**2).sum(axis=1), 0, None)), abs=1e-7)


def test_the_height_is_nothing_on_the_rim_to_the_bit_and_something_everywhere_else():
    points, height, _ = lattice(spread(20), 16)
    on_rim = np.abs(np.hypot(*points.T) - 1) < 1e-9
    assert np.array_equal(height == 0, on_rim)


def test_half_a_lattice_is_half_the_disc():
    points, _, triangles = lattice(spread(40, 0.0), 60)
    assert areas(points, triangles).sum() == pytest.approx(np.pi / 2, rel=2e-3)
    assert points[:, 0].min() == 0


@given(opening=st.floats(1e-6, 1.0), low=st.sampled_from([-1.0, -0.3, 0.0, 0.5]))
@settings(max_examples=20)
def test_a_bent_gap_is_closed_and_has_the_volume_of_its_columns(opening, low):
    points, height, triangles = lattice(spread(24, low), 16)
    solid = gap(points, triangles, bent(*points.T), opening * height)
    assert solid.status() == Error.NoError
    assert solid.genus() == 0
    assert solid.volume() == pytest.approx(columns_mm3(points, triangles, opening * height), rel=1e-8)


def test_the_faces_of_a_whole_gap_are_an_ellipsoid():
    """The half ball above the unit disc, and below: 4/3 pi times a half for an opening of 1."""
    points, height, triangles = lattice(spread(100), 80)
    assert columns_mm3(points, triangles, height) == pytest.approx(2 / 3 * np.pi, rel=2e-3)
