"""What is our own kernel's alone: the same bits in any order, and no leak. What holds for all is in test_backends."""

import numba
import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.backends.mesh import Triangles, path_lengths
from ctsim.geometry import Geometry
from tests.ctsim.chords import chord_of_convex, scanner
from tests.ctsim.shapes import letter_f, triangles_of


def lengths_of(triangles: Triangles, geometry: Geometry, materials: int = 1) -> np.ndarray:
    return np.concatenate([image.copy() for _, image in path_lengths(triangles, geometry, materials)])


def test_the_bits_do_not_depend_on_threads_or_on_the_order_of_triangles():
    solid = letter_f().rotate((10, 20, 30))
    g = scanner(views=5)
    triangles = triangles_of(solid)
    first = lengths_of(triangles, g)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(lengths_of(triangles, g), first)
    finally:
        numba.set_num_threads(threads)
    order = np.random.default_rng(0).permutation(len(triangles.faces))
    shuffled = Triangles(
        vertices_mm=triangles.vertices_mm, faces=triangles.faces[order], materials=triangles.materials[order]
    )
    np.testing.assert_array_equal(lengths_of(shuffled, g), first)


def test_an_open_surface_is_found_whatever_is_missing():
    triangles = triangles_of(Manifold.cube((20, 20, 20), True))
    for missing in range(len(triangles.faces)):
        kept = np.arange(len(triangles.faces)) != missing
        some = Triangles(
            vertices_mm=triangles.vertices_mm, faces=triangles.faces[kept], materials=triangles.materials[kept]
        )
        with pytest.raises(ArithmeticError, match="rays met an open surface"):
            lengths_of(some, scanner(views=4, start_deg=20))


def test_random_closed_meshes_do_not_leak():
    rng = np.random.default_rng(1)
    for _ in range(20):
        points = rng.normal(size=(60, 3)) * [15, 10, 20]
        holes = Manifold.hull_points(rng.normal(size=(30, 3)) * 4)
        solid = Manifold.hull_points(points) - holes
        lengths_of(triangles_of(solid), scanner(views=4, start_deg=rng.uniform(0, 90)))  # raises where it leaks
        chord = chord_of_convex(Manifold.hull_points(points), scanner())
        filled = lengths_of(triangles_of(solid, holes ^ Manifold.hull_points(points)), scanner(), 2).sum(1)[0]
        assert np.abs(filled - chord)[chord > 1e-6].max() < 1e-4


@pytest.mark.parametrize("segments", [16, 64, 256, 512])
def test_what_the_picture_cuts_off_is_cut_from_a_larger_picture(segments):
    """Faces of all sizes, from many columns to less than a pixel, that lie across all four edges."""
    ball = triangles_of(Manifold.sphere(30.0, segments).rotate((10, 20, 30)))
    whole, part = (scanner(views=3, rows=r, columns=c, start_deg=5) for r, c in ((160, 160), (60, 46)))
    np.testing.assert_allclose(
        lengths_of(ball, part), lengths_of(ball, whole)[:, :, 50:110, 57:103], atol=2e-3
    )  # the lattice is coarser for the larger picture
