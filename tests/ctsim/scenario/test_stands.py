"""Where the beam is brightest, against all pixels of the panel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsim.geometry import Geometry
from ctsim.scenario.stands import brightest
from ctsim.transmit import falloff

LENGTHS = st.floats(-80, 80)


@given(st.tuples(LENGTHS, LENGTHS), st.floats(20, 300), st.sampled_from([(7, 9), (8, 6), (1, 12)]))
def test_the_brightest_pixel_is_the_nearest_to_the_foot(beside_mm, distance_mm, shape):
    row = np.array([-distance_mm, 0, 0, 10, *beside_mm, 0, 4, 0, 0, 0, -3.0])
    panel = Geometry.from_astra(row[None], rows=shape[0], columns=shape[1])
    assert brightest(row, *shape) == pytest.approx(falloff(panel).max(), rel=1e-12)
