"""An inclusion keeps its volume whatever its proportions, and is made of something."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defects import kinds
from defects.inclusion import InclusionDense, InclusionLight
from defects.messages import BadInput
from defects.shapes import rotation

each_record = pytest.mark.parametrize("record", [InclusionDense, InclusionLight])
SAMPLERS = [kinds.kind_of(name).sample for name in ("inclusion_dense", "inclusion_light")]
each_sampler = pytest.mark.parametrize("sample", SAMPLERS)


@given(
    record=st.sampled_from([InclusionDense, InclusionLight]),
    diameter_mm=st.floats(1e-3, 1e3),
    elongation=st.floats(1, 5),
    flatness=st.floats(1, 5),
)
def test_proportions_are_as_asked_for_at_the_same_volume(record, diameter_mm, elongation, flatness):
    piece = record(diameter_mm=diameter_mm, elongation=elongation, flatness=flatness)
    shortest, middle, longest = np.ptp(np.reshape(piece.solid().bounding_box(), (2, 3)), axis=0)
    assert longest / middle == pytest.approx(elongation)
    assert middle / shortest == pytest.approx(flatness)
    assert piece.solid().volume() == pytest.approx(np.pi / 6 * diameter_mm**3, rel=1e-9)
    assert piece.volume_mm3 == pytest.approx(np.pi / 6 * diameter_mm**3)


@each_sampler
def test_pieces_are_turned_anyhow_with_equal_chance(sample):
    rng = np.random.default_rng(21)
    turns = [rotation(sample(rng, diameter_mm=1.0, material="Fe").quaternion) for _ in range(2000)]
    for row, column in np.ndindex(3, 3):
        # nine dependent tests: each at a tenth of the usual level
        assert stats.kstest([t[row, column] for t in turns], stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_unless_told_a_dense_piece_is_tungsten_and_a_light_one_graphite():
    rng = np.random.default_rng(0)
    dense, light = (sample(rng, diameter_mm=1.0) for sample in SAMPLERS)
    assert (type(dense), dense.material) == (InclusionDense, "W")
    assert (type(light), light.material) == (InclusionLight, "graphite")


@each_sampler
def test_either_takes_any_material(sample):
    assert sample(np.random.default_rng(0), diameter_mm=1.0, material="Al2O3").material == "Al2O3"


def test_a_dense_piece_is_no_light_one():
    assert InclusionDense(diameter_mm=1.0, material="W") != InclusionLight(diameter_mm=1.0, material="W")


@each_record
def test_an_inclusion_of_nothing_is_refused(record):
    with pytest.raises(BadInput, match="an inclusion needs a material, such as material: W, got ''"):
        record(diameter_mm=1.0, material="")
