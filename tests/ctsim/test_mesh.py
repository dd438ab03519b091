"""Path lengths against closed forms, and the laws that hold for every backend."""

import numba
import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.backends.mesh import Triangles, path_lengths
from ctsim.geometry import Geometry, circular
from tests.ctsim.shapes import letter_f, triangles_of


def scanner(views=1, rows=64, columns=80, pixel_mm=1.0, start_deg=0.0) -> Geometry:
    angles = start_deg + np.arange(views) * 360 / views
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=rows, columns=columns, pixel_mm=pixel_mm,
        angles_deg=angles,
    )  # fmt: skip


def lengths_of(triangles: Triangles, geometry: Geometry, materials: int = 1) -> np.ndarray:
    return np.concatenate([image.copy() for _, image in path_lengths(triangles, geometry, materials)])


def rays_of(geometry: Geometry, view: int = 0) -> np.ndarray:
    rows, columns = np.mgrid[: geometry.rows, : geometry.columns] + 0.5
    corner, u, v = geometry.corner_ray_mm[view], geometry.u_mm[view], geometry.v_mm[view]
    return corner + columns[..., None] * u + rows[..., None] * v


def chord_of_convex(solid: Manifold, geometry: Geometry, view: int = 0) -> np.ndarray:
    """The exact chord of a convex solid: over all face planes, from the largest entry to the smallest exit."""
    mesh = solid.to_mesh64()
    vertices, faces = np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts).astype(int)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    source, rays = geometry.source_mm[view], rays_of(geometry, view)
    speed = rays @ normals.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.einsum("fi,fi->f", normals, a - source) / speed
    enter = np.where(speed < 0, at, -np.inf).max(-1)
    leave = np.where(speed > 0, at, np.inf).min(-1)
    return np.clip(leave - enter, 0, None) * np.linalg.norm(rays, axis=-1)


def test_a_ball_casts_its_chord_and_the_error_falls_with_the_square_of_the_facets():
    g, centre, radius = scanner(), np.array([5.0, -8.0, 6.0]), 12.0
    rays = rays_of(g)
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    to_centre = centre - g.source_mm[0]
    miss2 = to_centre @ to_centre - (unit @ to_centre) ** 2
    chord = 2 * np.sqrt(np.clip(radius**2 - miss2, 0, None))
    errors = []
    for segments in (64, 128, 256):
        ball = Manifold.sphere(radius, segments).translate(tuple(centre))
        errors.append(np.sqrt(np.mean((lengths_of(triangles_of(ball), g)[0, 0] - chord)[chord > radius] ** 2)))
    assert errors[2] < 1e-3 * radius
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("turn", [(0, 0, 0), (31, 17, 58), (0, 0, 45), (90, 0, 0), (1e-3, 0, 0)])
def test_a_box_of_twelve_triangles_casts_its_exact_chord(turn):
    """Peers that interpolate depths across big triangles are 18 % wrong here."""
    box = Manifold.cube((30, 20, 40), True).rotate(turn)
    g = scanner(views=3, start_deg=10)
    got = lengths_of(triangles_of(box), g)[:, 0]
    for view in range(3):
        wanted = chord_of_convex(box, g, view)
        thick = wanted > 0.05 * wanted.max()
        assert np.abs(got[view] / np.where(thick, wanted, 1) - 1)[thick].max() < 1e-6
        assert np.abs(got[view] - wanted).max() < 1e-4


def test_an_axis_aligned_box_whose_edges_and_corners_fall_on_pixel_centres_neither_leaks_nor_doubles():
    # magnification 2 and even sizes put silhouettes, diagonals and corners exactly on rays
    box = Manifold.cube((20, 20, 20), True)
    for pixel_mm in (1.0, 0.5, 0.25):
        g = scanner(rows=64, columns=64, pixel_mm=pixel_mm)
        got = lengths_of(triangles_of(box), g)[0, 0]
        inside = chord_of_convex(box, g) > 1e-9
        assert np.abs(got - chord_of_convex(box, g))[inside].max() < 1e-4


def test_letter_f_is_not_mirrored():
    """The absolute truth beside the laws: at 90 deg the source stands at +y, so the F is seen mirrored."""
    g = scanner(views=4)
    image = lengths_of(triangles_of(letter_f()), g)[:, 0]
    # at 270 deg the source stands at -y and looks along +y: u then runs along +x, v along -z, and it reads as an F
    np.testing.assert_allclose(g.u_mm[3] / g.u_mm[3, 0], [1, 0, 0], atol=1e-12)
    front, back = image[3], image[1]
    columns = np.flatnonzero(front.sum(0) > 0)
    stem = front[:, columns[0] + 3]
    assert (stem > 0).sum() > 70 * 0.8  # the stem is the leftmost column, 40 mm at magnification 2
    rows = np.flatnonzero(stem > 0)
    upper, lower = front[: rows.mean().astype(int)], front[rows.mean().astype(int) + 8 :]
    assert (upper.sum(0) > 0).sum() > 2 * (lower.sum(0) > 0).sum()  # arms in the upper half
    # from behind the stem is on the right
    columns = np.flatnonzero(back.sum(0) > 0)
    assert (back[:, columns[-1] - 3] > 0).sum() > 70 * 0.8


def test_turning_the_part_is_unturning_the_scanner():
    solid, angle = letter_f(), 27.0
    turned = lengths_of(triangles_of(solid.rotate((0, 0, angle))), scanner())
    scanned = lengths_of(triangles_of(solid), scanner(start_deg=angle))
    np.testing.assert_allclose(turned, scanned, atol=2e-3)
    assert np.abs(turned - lengths_of(triangles_of(solid), scanner(start_deg=-angle))).max() > 5


def test_lengths_of_nested_and_touching_solids_add_up_to_the_whole():
    block = Manifold.cube((30, 30, 30), True)
    core = Manifold.sphere(8, 64)
    left = (block - core).trim_by_plane((1, 0, 0), 0)
    right = (block - core) - left
    g = scanner(views=2, start_deg=33)
    parts = lengths_of(triangles_of(left, right, core), g, 3)
    whole = lengths_of(triangles_of(block), g)[:, 0]
    np.testing.assert_allclose(parts.sum(1), whole, atol=2e-4)
    assert parts[:, 2].max() == pytest.approx(16, rel=5e-3)


def test_an_empty_view_of_the_world_is_zero():
    far = Manifold.cube((1, 1, 1), True).translate((0, 150, 0))
    assert lengths_of(triangles_of(far), scanner()).max() == 0


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
