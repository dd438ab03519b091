"""A slot takes two half discs and a rectangle, times its height, and has plane walls at its width."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.incomplete_penetration import IncompletePenetration, sample
from defects.messages import BadInput
from tests.defects.mouths import below


@given(length=st.floats(0.5, 50), height=st.floats(0.1, 5), share=st.floats(0.01, 1))
def test_the_volume_below_the_surface_and_the_whole_are_exact(length, height, share):
    slot = IncompletePenetration(length_mm=length, height_mm=height, width_mm=share * length)
    solid = slot.solid()
    width = share * length
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert slot.cut_mm3 == pytest.approx(((length - width) * width + math.pi * (width / 2) ** 2) * height)
    assert below(solid).volume() == pytest.approx(slot.cut_mm3, rel=1e-9)
    assert solid.volume() == pytest.approx(slot.volume_mm3, rel=1e-9)


def test_a_slot_is_as_long_wide_and_deep_as_it_says_and_opens_the_surface():
    box = sample(np.random.default_rng(0), length_mm=12.0, height_mm=2.0, width_mm=0.4).solid().bounding_box()
    assert box == pytest.approx((-6, -0.2, -2, 6, 0.2, 0.2), abs=6e-3)


def test_a_slot_as_wide_as_long_is_a_round_hole():
    hole = IncompletePenetration(length_mm=3.0, height_mm=1.0, width_mm=3.0)
    assert hole.cut_mm3 == pytest.approx(math.pi / 4 * 9)


def test_a_slot_wider_than_long_is_refused():
    with pytest.raises(BadInput, match=r"width_mm must not exceed its length_mm, got 3\.0 against 2\.0"):
        IncompletePenetration(length_mm=2.0, height_mm=1.0, width_mm=3.0)
