"""A lack of fusion lies flat, is as thick as it says, ends sharp, and has pi / 8 of its box."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.lack_of_fusion import LackOfFusion, sample
from defects.messages import BadInput

FLAT = LackOfFusion(length_mm=2.0, width_mm=1.0, height_mm=0.1)


@given(length=st.floats(0.2, 5), width=st.floats(0.2, 5), height=st.floats(0.01, 0.2), seed=st.integers(0, 99))
def test_the_volume_is_exact_for_any_outline_and_any_roughness(length, width, height, seed):
    flaw = sample(
        np.random.default_rng(seed), length_mm=length, width_mm=width, height_mm=height, irregularity=0.25
    )  # fmt: skip
    solid = flaw.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert flaw.volume_mm3 == pytest.approx(math.pi / 8 * length * width * height)
    assert solid.volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


def test_an_even_gap_is_an_ellipse_with_a_parabola_as_its_thickness():
    solid = FLAT.solid()
    assert np.ptp(np.reshape(solid.bounding_box(), (2, 3)), axis=0) == pytest.approx((2, 1, 0.1), rel=3e-3)
    for x in (0.01, 0.3, 0.6, 0.9):
        low, high = (2 * hit.distance for hit in solid.ray_cast((x, 0.001, -1.0), (x, 0.001, 1.0)))
        assert high - low == pytest.approx(0.1 * (1 - x**2), rel=0.01)


def test_faces_meet_at_the_rim_at_the_angle_of_the_parabola():
    """At the rim the thickness falls by 2 height / (length / 2) a millimetre: a gas pore's would fall endlessly."""
    solid = FLAT.solid()
    low, high = (2 * hit.distance for hit in solid.ray_cast((0.99, 0.001, -1.0), (0.99, 0.001, 1.0)))
    assert (high - low) / 0.01 == pytest.approx(0.2, rel=0.1)


def test_roughness_is_the_root_mean_square_height_of_the_middle_over_the_thickness():
    rng = np.random.default_rng(4)
    heights = []
    for _ in range(3000):
        flaw = sample(rng, length_mm=2.0, width_mm=2.0, height_mm=0.1, roughness=0.5)
        heights.append(sum(a * math.sin(kx * 0.3 - ky * 0.2 + math.radians(p)) for a, kx, ky, p in flaw.waves))
    assert np.mean(heights) == pytest.approx(0, abs=4 * 0.05 / math.sqrt(3000))
    assert np.sqrt(np.mean(np.square(heights))) == pytest.approx(0.05, rel=0.05)


def test_a_gap_is_not_turned_but_lies_in_its_layer():
    flaw = sample(np.random.default_rng(5), length_mm=2.0, width_mm=1.0, height_mm=0.05, irregularity=0, roughness=0)
    assert flaw == LackOfFusion(length_mm=2.0, width_mm=1.0, height_mm=0.05)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"height_mm": 1.5}, r"height_mm must not exceed .* got 1\.5 against 2\.0 and 1\.0; .* kind keyhole_pore"),
        ({"waves": ((0.1, 1.0, math.inf, 0.0),)}, "a wave must be 4 finite numbers"),
        ({"lobes": ((2, 0.99, 0.0),)}, "must add up to less than"),
        ({"length_mm": math.nan}, "length_mm must be a finite number above 0"),
    ],
)
def test_what_is_no_flat_gap_is_refused(change, text):
    with pytest.raises(BadInput, match=text):
        dataclasses.replace(FLAT, **change)
