"""Gaps between surfaces against closed forms and against manifold3d, which looks at all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifold3d import Manifold

from ctsim.metrology.gaps import gap_mm, neighbours, tree_of
from defects.crack import Crack
from defects.gas_pore import GasPore


def gap_of(a: Manifold, b: Manifold) -> float:
    return gap_mm(tree_of(a), tree_of(b))


@pytest.mark.parametrize("angles", [(0, 0, 0), (17, 31, 5)])
def test_face_to_face_edge_to_edge_and_corner_to_corner(angles):
    cube = Manifold.cube((2, 2, 2), True)
    for shift, wanted in [((3, 0.1, 0.2), 1), ((3, 3, 0.3), math.sqrt(2)), ((3, 3, 3), math.sqrt(3))]:
        pair = cube.rotate(angles), cube.translate(shift).rotate(angles)
        assert gap_of(*pair) == pytest.approx(wanted, rel=1e-9)


def test_crossing_edges_are_nearest_between_their_ends():
    """Two roofs, one above the other and at right angles: ridge to ridge."""
    roof = Manifold.hull_points([[-5, -1, -1], [5, -1, -1], [-5, 1, -1], [5, 1, -1], [-5, 0, 0], [5, 0, 0]])
    other = roof.rotate((180, 0, 0)).rotate((0, 0, 90)).translate((0.3, 0.4, 0.7))
    assert gap_of(roof, other) == pytest.approx(0.7, rel=1e-9)


def test_what_touches_or_crosses_has_no_gap():
    cube = Manifold.cube((2, 2, 2), True)
    assert gap_of(cube, cube.translate((2, 0.5, 0.5))) == 0
    assert gap_of(cube, cube.translate((1, 0.3, 0.2)).rotate((0, 20, 0))) == 0
    thorn = Manifold.cylinder(4, 0.05, 0.05, 8).rotate((1, 2, 0))  # goes through a face, far from its edges
    assert gap_of(cube, thorn) == 0


def test_a_pore_inside_is_as_far_from_the_wall_as_its_place_says():
    box = Manifold.cube((20, 30, 40), True)
    pore = Manifold.cube((1, 1, 1), True).translate((8, 0, 3))
    for host in (tree_of(box), tree_of(box, 1 / 40)):
        assert gap_mm(tree_of(pore), host) == pytest.approx(1.5, rel=1e-9)
    assert gap_mm(tree_of(pore), tree_of(box), 0.5) == 0.5


@settings(max_examples=25)
@given(st.tuples(*[st.floats(-2, 2)] * 3), st.tuples(*[st.floats(0, 360)] * 3), st.floats(0.2, 3))
def test_it_is_the_gap_over_all_pairs_of_facets(shift, angles, ratio):
    ball = Manifold.sphere(1, 20).scale((1, ratio, 1)).rotate(angles)
    bar = Manifold.cube((4, 0.5, 0.5), True).rotate(angles[::-1]).translate((shift[0], shift[1], shift[2] + 4))
    wanted = ball.min_gap(bar, 20.0)
    assert gap_of(ball, bar) == pytest.approx(wanted, rel=1e-9, abs=1e-7)
    assert gap_of(bar, ball) == pytest.approx(wanted, rel=1e-9, abs=1e-7)


def test_the_gap_between_unlike_flaws_is_exact_and_the_same_from_both_sides():
    """A small pore above the middle of a long crack: far from its corners, near to its face."""
    crack = Crack(length_mm=15.0, width_mm=9.0, opening_mm=0.2).solid()
    for height in (0.4, 0.6, 1.5):
        pore = GasPore(centre_mm=(0.3, 0.2, height), diameter_mm=0.5).solid()
        assert gap_of(pore, crack) == pytest.approx(crack.min_gap(pore, 3.0), rel=1e-9)
        assert gap_of(crack, pore) == pytest.approx(gap_of(pore, crack), rel=1e-12)


def test_gaps_grow_with_the_scale_and_do_not_mind_a_turn():
    a, b = Manifold.sphere(1, 24), Manifold.cube((1, 2, 3)).rotate((20, 30, 40)).translate((2, 2, 1))
    gap = gap_of(a, b)
    assert gap_of(a.scale((3, 3, 3)), b.scale((3, 3, 3))) == pytest.approx(3 * gap, rel=1e-9)
    assert gap_of(a.rotate((7, 8, 9)), b.rotate((7, 8, 9))) == pytest.approx(gap, rel=1e-9)


def test_of_many_unlike_neighbours_the_nearest_is_found():
    rng = np.random.default_rng(3)
    solids = [Crack(length_mm=15.0, width_mm=9.0, opening_mm=0.2, centre_mm=(0.0, 0.0, -8.0)).solid()]
    solids += [Manifold.sphere(rng.uniform(0.1, 0.6), 12).translate(tuple(rng.uniform(-6, 6, 3))) for _ in range(40)]
    found = neighbours([tree_of(solid) for solid in solids])
    for i, (gap, which) in enumerate(found):
        gaps = [gap_of(solids[i], other) if j != i else math.inf for j, other in enumerate(solids)]
        assert gap == pytest.approx(min(gaps), rel=1e-9)
        assert gaps[which] == min(gaps)


def test_one_alone_has_no_neighbour():
    assert neighbours([tree_of(Manifold.cube())]) == [(None, None)]
    assert neighbours([]) == []
