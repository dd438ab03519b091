"""A delamination has a third of area times opening, opens as a clamped plate, and lies on its bent laminate."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error

from defects.delamination import Delamination, sample
from defects.messages import BadInput
from tests.defects.measure import vertices

FLAT = Delamination(diameter_mm=20.0, opening_mm=0.1)


@given(
    diameter=st.floats(1, 50), share=st.floats(1e-4, 0.1), aspect=st.floats(0.3, 3), bend=st.floats(-0.4, 0.4),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_the_volume_is_exact_however_thin_irregular_and_bent(diameter, share, aspect, bend, seed):
    flaw = sample(
        np.random.default_rng(seed), diameter_mm=diameter, opening_mm=share * diameter, aspect=aspect,
        curvature_per_m=1000 * bend / diameter, irregularity=0.15,
    )  # fmt: skip
    solid = flaw.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert flaw.volume_mm3 == pytest.approx(math.pi / 4 * diameter**2 * share * diameter / 3)
    assert solid.volume() == pytest.approx(flaw.volume_mm3, rel=1e-8)


@pytest.mark.parametrize("x", [0.01, 2.0, 5.0, 8.0])
def test_a_gap_opens_as_a_clamped_plate_bends(x):
    low, high = (2 * hit.distance for hit in FLAT.solid().ray_cast((x, 0.01, -1.0), (x, 0.01, 1.0)))
    assert high - low == pytest.approx(0.1 * (1 - (x / 10) ** 2) ** 2, rel=0.02, abs=2e-4)


def test_a_thin_gap_in_a_bent_laminate_lies_on_its_cylinder():
    bent = dataclasses.replace(FLAT, opening_mm=1e-3, curvature_per_m=1000 / 25)
    x, _, z = vertices(bent.solid()).T
    assert np.hypot(x, z - 25) == pytest.approx(np.full(len(x), 25.0), abs=1e-3)
    other = dataclasses.replace(bent, curvature_per_m=-1000 / 25)
    x, _, z = vertices(other.solid()).T
    assert np.hypot(x, z + 25) == pytest.approx(np.full(len(x), 25.0), abs=1e-3)


def test_aspect_is_its_axis_along_y_over_that_along_x_and_keeps_the_area():
    size = np.ptp(np.reshape(dataclasses.replace(FLAT, aspect=0.25).solid().bounding_box(), (2, 3)), axis=0)
    assert size[:2] == pytest.approx((40, 10), rel=2e-3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"opening_mm": 11.0}, "opening_mm must not exceed half"),
        ({"curvature_per_m": 100.0}, "too long for a radius of 10 mm"),
        ({"curvature_per_m": math.nan}, "curvature_per_m must be a finite number"),
        ({"aspect": 0.0}, "aspect must be a finite number above 0"),
    ],
)
def test_what_is_no_gap_between_plies_is_refused(change, text):
    with pytest.raises(BadInput, match=text):
        dataclasses.replace(FLAT, **change)
