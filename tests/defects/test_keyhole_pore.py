"""A keyhole pore has the volume of its teardrop, is widest low down, and narrows to its top."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import Error
from scipy.integrate import quad

from defects.keyhole_pore import KeyholePore, sample
from defects.messages import BadInput
from defects.shapes import rotation
from tests.defects.measure import centroid, vertices


@given(depth=st.floats(0.05, 5), width=st.floats(0.02, 5), taper=st.floats(0, 8))
def test_the_volume_is_exact(depth, width, taper):
    pore = KeyholePore(depth_mm=depth, width_mm=width, taper=taper)
    solid = pore.solid()
    assert (solid.status(), solid.genus(), len(solid.decompose())) == (Error.NoError, 0, 1)
    assert solid.volume() == pytest.approx(pore.volume_mm3, rel=1e-9)
    size = np.ptp(np.reshape(solid.bounding_box(), (2, 3)), axis=0)
    assert size == pytest.approx((width, width, depth), rel=1e-2)


@pytest.mark.parametrize("taper", [0.0, 0.5, 1.0, 2.5])
def test_the_closed_form_is_the_integral_over_the_profile(taper):
    pore = KeyholePore(depth_mm=2.0, width_mm=0.6, taper=taper)

    def radius(t: float) -> float:
        return math.sin(t) * math.sin(t / 2) ** taper

    widest = max(radius(t) for t in np.linspace(0, math.pi, 200_001))
    whole, _ = quad(lambda t: math.pi * (0.3 * radius(t) / widest) ** 2 * math.sin(t), 0, math.pi)
    assert pore.volume_mm3 == pytest.approx(whole, rel=1e-8)


def test_no_taper_is_an_ellipsoid():
    assert KeyholePore(depth_mm=3.0, width_mm=2.0, taper=0.0).volume_mm3 == pytest.approx(math.pi / 6 * 2 * 2 * 3)


@pytest.mark.parametrize("taper", [0.5, 1.0, 3.0])
def test_a_drop_is_widest_where_calculus_says_and_pointed_above(taper):
    pore = KeyholePore(depth_mm=2.0, width_mm=1.0, taper=taper)
    points = vertices(pore.solid())
    reach = np.hypot(points[:, 0], points[:, 1])
    # r is greatest at sin^2(t/2) = (m + 1) / (m + 2), that is at z = depth / 2 (1 - 2 (m + 1) / (m + 2))
    assert points[np.argmax(reach), 2] == pytest.approx(-taper / (taper + 2), abs=0.13)
    assert reach[points[:, 2] > 0.9].max() < reach[points[:, 2] < -0.9].max()
    assert centroid(pore.solid())[2] < 0


def test_a_sampled_drop_stands_upright():
    rng = np.random.default_rng(6)
    for _ in range(20):
        pore = sample(rng, depth_mm=1.0, width_mm=0.3)
        assert rotation(pore.quaternion)[:, 2] == pytest.approx((0, 0, 1), abs=1e-12)
        assert centroid(pore.solid())[:2] == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("taper", [-0.1, 8.5, math.nan])
def test_a_taper_that_makes_no_drop_is_refused(taper):
    with pytest.raises(BadInput, match="taper must lie from 0"):
        KeyholePore(depth_mm=1.0, width_mm=0.5, taper=taper)
