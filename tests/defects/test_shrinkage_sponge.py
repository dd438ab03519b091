"""A sponge has the voids it should inside its envelope, as one network, as fine as it should be."""

import numpy as np
import pytest

from defects.messages import BadInput
from defects.shrinkage_sponge import CRUMB, ShrinkageSponge, sample
from tests.defects.measure import vertices


def sponge(seed: int = 0, **changes) -> ShrinkageSponge:
    return ShrinkageSponge(**{"diameter_mm": 4.0, "void_share": 0.3, "cell_mm": 1.0, "seed": seed, **changes})


@pytest.mark.parametrize("void_share", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("elongation", [1.0, 2.0])
def test_the_voids_are_their_share_of_an_envelope_that_none_leaves(void_share, elongation):
    flaw = sponge(1, void_share=void_share, elongation=elongation)
    assert flaw.solid().volume() == pytest.approx(void_share * np.pi / 6 * 64, rel=1e-9)
    short = 2 / elongation ** (1 / 3)
    radii = np.linalg.norm(vertices(flaw.solid()) / (short, short, short * elongation), axis=1)
    assert radii.max() < 1.02  # scaled by the cube root of a hundredth, and facets stand out
    assert radii.max() > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_three_tenths_of_voids_are_one_network_with_many_loops(seed):
    pieces = sponge(seed, diameter_mm=5.0).solid().decompose()
    network = max(pieces, key=lambda piece: piece.volume())
    assert network.volume() > 0.95 * sum(piece.volume() for piece in pieces)
    assert network.genus() > 10


def test_no_piece_of_a_fine_sponge_is_a_crumb_nor_turned_inside_out():
    """Where a mesh is thinned, bits of no volume come off its narrow necks."""
    for seed in range(8):
        flaw = sponge(seed, diameter_mm=4.0, cell_mm=0.5, void_share=0.45, elongation=8.5)
        assert min(piece.volume() for piece in flaw.solid().decompose()) > 0.98 * CRUMB * flaw.cell_mm**3


def test_a_void_lies_at_the_origin():
    for seed in range(6):
        assert len(sponge(seed).solid().ray_cast((0.0, 0.0, 0.0), (50.0, 3.0, 7.0))) % 2 == 1


def test_surface_goes_with_one_over_the_cell():
    """Level sets of a Gaussian field have 2 k / (sqrt(3) pi) exp(-u^2 / 2) of surface a volume, u the level (Rice).

    At half of voids u is 0. The envelope's own surface, half of which is void, comes on top.
    """
    for cell in (1.0, 0.6):
        rim = 0.5 * np.pi * 16
        wanted = 2 * (2 * np.pi / cell) / (np.sqrt(3) * np.pi) * np.pi / 6 * 64 + rim
        found = np.mean([sponge(s, void_share=0.5, cell_mm=cell).solid().surface_area() for s in range(4)])
        assert found == pytest.approx(wanted, rel=0.12)


def test_the_sampler_keeps_to_cells_that_can_be_shown():
    rng = np.random.default_rng(0)
    drawn = [sample(rng, diameter_mm=4.0, cell_mm=cell) for cell in (0.1, 1.0, 9.0)]
    assert [flaw.cell_mm for flaw in drawn] == [0.5, 1.0, 2.0]
    assert len({flaw.seed for flaw in drawn}) == 3


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"void_share": 0.01}, r"void_share of a shrinkage sponge must be 0\.05 to 0\.7, got 0\.01"),
        ({"void_share": 0.8}, r"void_share of a shrinkage sponge must be 0\.05 to 0\.7, got 0\.8"),
        ({"cell_mm": 0.4}, r"must be 2 to 8 cells across, got a diameter_mm of 4\.0 and a cell_mm of 0\.4"),
        ({"cell_mm": 2.5}, r"must be 2 to 8 cells across"),
    ],
)
def test_what_cannot_be_is_refused(changes, text):
    with pytest.raises(BadInput, match=text):
        sponge(**changes)
