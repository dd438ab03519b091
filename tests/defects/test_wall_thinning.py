"""A thinned wall lacks a spherical cap."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.messages import BadInput
from defects.wall_thinning import WallThinning, sample
from tests.defects.measure import vertices
from tests.defects.mouths import below

LENS = WallThinning(diameter_mm=20.0, depth_mm=2.0)


@given(diameter=st.floats(0.5, 50), share=st.floats(1e-3, 0.5))
def test_the_volume_below_the_surface_and_the_whole_are_exact(diameter, share):
    lens = WallThinning(diameter_mm=diameter, depth_mm=share * diameter)
    solid = lens.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert below(solid).volume() == pytest.approx(lens.cut_mm3, rel=1e-8)
    assert solid.volume() == pytest.approx(lens.volume_mm3, rel=1e-9)


def test_half_a_ball_is_the_deepest_cap():
    assert WallThinning(diameter_mm=6.0, depth_mm=3.0).cut_mm3 == pytest.approx(2 / 3 * math.pi * 27)
    with pytest.raises(BadInput, match=r"depth_mm must not exceed half of diameter_mm, got 3\.1 .* missing_material"):
        WallThinning(diameter_mm=6.0, depth_mm=3.1)


def test_a_shallow_cap_has_half_of_its_cylinder():
    lens = WallThinning(diameter_mm=20.0, depth_mm=0.02)
    assert lens.cut_mm3 == pytest.approx(math.pi * 100 * 0.02 / 2, rel=1e-5)


def test_its_ground_is_a_ball_through_rim_and_deepest_point():
    radius = (10**2 + 2**2) / (2 * 2)
    points = vertices(LENS.solid())
    ground = points[points[:, 2] < -1e-6]
    assert np.linalg.norm(ground - (0, 0, radius - 2), axis=1) == pytest.approx(np.full(len(ground), radius), rel=1e-3)
    assert points[:, 2].min() == pytest.approx(-2, rel=2e-3)
    assert points[:, 2].max() == pytest.approx(0.2)


def test_a_wall_loses_its_depth_in_the_middle_wherever_the_lens_is_turned():
    turned = dataclasses.replace(LENS, quaternion=(math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0))  # z to x
    box = turned.solid().bounding_box()
    assert (box[0], box[3]) == pytest.approx((-2, 0.2), abs=5e-3)


def test_a_sample_is_what_was_asked_for():
    assert sample(np.random.default_rng(1), diameter_mm=20.0, depth_mm=2.0) == LENS
