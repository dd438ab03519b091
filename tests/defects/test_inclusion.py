"""An inclusion keeps its volume whatever its proportions, and is made of something."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defects.inclusion import Inclusion, sample
from defects.messages import BadInput
from defects.shapes import rotation


@given(diameter_mm=st.floats(1e-3, 1e3), elongation=st.floats(1, 5), flatness=st.floats(1, 5))
def test_proportions_are_as_asked_for_at_the_same_volume(diameter_mm, elongation, flatness):
    piece = Inclusion(diameter_mm=diameter_mm, elongation=elongation, flatness=flatness, material="W")
    shortest, middle, longest = np.ptp(np.reshape(piece.solid().bounding_box(), (2, 3)), axis=0)
    assert longest / middle == pytest.approx(elongation)
    assert middle / shortest == pytest.approx(flatness)
    assert piece.solid().volume() == pytest.approx(np.pi / 6 * diameter_mm**3, rel=1e-9)
    assert piece.volume_mm3 == pytest.approx(np.pi / 6 * diameter_mm**3)


def test_pieces_are_turned_anyhow_with_equal_chance():
    rng = np.random.default_rng(21)
    turns = [rotation(sample(rng, diameter_mm=1.0, material="Fe").quaternion) for _ in range(2000)]
    for row, column in np.ndindex(3, 3):
        # nine dependent tests: each at a tenth of the usual level
        assert stats.kstest([t[row, column] for t in turns], stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_an_inclusion_of_nothing_is_refused():
    with pytest.raises(BadInput, match="an inclusion needs a material, such as material: W, got ''"):
        Inclusion(diameter_mm=1.0, material="")
