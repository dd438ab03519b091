"""Integers that cannot leak."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsim.backends.raster import (
    DEPTH_SCALE,
    WINDING_BITS,
    below,
    depth_of,
    edge,
    first_centre,
    last_centre,
    lattice_bits,
    nearest_integer,
    tie,
    winding_of,
)

lattice = st.integers(-(2**28), 2**28)


@given(ax=lattice, ay=lattice, bx=lattice, by=lattice, px=lattice, py=lattice)
def test_an_edge_seen_from_the_other_side_is_exactly_its_negative(ax, ay, bx, by, px, py):
    numbers = [np.int64(v) for v in (ax, ay, bx, by, px, py)]
    ax, ay, bx, by, px, py = numbers
    assert edge(ax, ay, bx, by, px, py) == -edge(bx, by, ax, ay, px, py)
    # the exact value, in Python's unbounded integers: nothing overflowed
    assert int(edge(*numbers)) == (int(bx) - int(ax)) * (int(py) - int(ay)) - (int(by) - int(ay)) * (int(px) - int(ax))


@given(ax=lattice, ay=lattice, bx=lattice, by=lattice)
def test_a_pixel_on_a_shared_edge_belongs_to_one_of_its_two_triangles(ax, ay, bx, by):
    if (ax, ay) != (bx, by):
        assert tie(ax, ay, bx, by) + tie(bx, by, ax, ay) == 1


@given(depths=st.lists(st.floats(-1, 1), min_size=1, max_size=200), data=st.data())
def test_words_add_up_in_any_order(depths, data):
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(depths), max_size=len(depths)))
    words = [
        (int(nearest_integer(s * d * DEPTH_SCALE)) << WINDING_BITS) + s for s, d in zip(signs, depths, strict=True)
    ]
    total = sum(words)
    assert sum(sorted(words)) == total
    assert winding_of(total) == sum(signs)
    expected = sum(s * d for s, d in zip(signs, depths, strict=True))
    assert depth_of(total) == pytest.approx(expected, abs=len(depths) * 2.0**-40)


@given(x=st.floats(-(2.0**51) + 1, 2.0**51 - 1))
def test_the_nearest_integer_is_pythons_own(x):
    assert int(nearest_integer(x)) == round(x)  # ties to even, both


@given(e=st.integers(-(2**61), 2**61), a=st.integers(2, 2**46))
def test_the_quotient_is_exact_where_floats_are_not(e, a):
    if abs(e) < a * 2**45:
        assert int(below(np.int64(e), np.int64(a), 1.0 / a)) == e // a


def test_the_lattice_holds_every_coordinate_with_room_for_products():
    for pixels in (10, 512, 4096, 2**20):
        assert pixels * 2 ** lattice_bits(pixels) <= 2**29
    assert lattice_bits(512) >= 16  # finer than a ten-thousandth of a pixel


@given(a=st.integers(-(2**20), 2**20), b=st.integers(-(2**20), 2**20), bits=st.integers(1, 10))
def test_first_and_last_centre_are_those_between(a, b, bits):
    low, high = min(a, b), max(a, b)
    step = 2**bits
    between = [
        i for i in range(max(low // step - 1, 0), min(high // step + 2, 50)) if low <= i * step + step // 2 <= high
    ]
    found = range(first_centre(np.int64(low), bits), last_centre(np.int64(high), bits, 50) + 1)
    assert list(found) == between
