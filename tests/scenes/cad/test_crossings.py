"""Crossing faces: every pair against plain numpy over all pairs, closed forms, and what is no crossing."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from defects.messages import BadInput
from scenes.cad import crossings as module
from scenes.cad.crossings import crossings, tree_of
from scenes.cad.mending import drop_collapsed, join_equal, surface_of
from tests.shared_data import SHARED, needs_shared

WITHIN = 1e-6


def pairs_of(*shapes: trimesh.Trimesh, within_mm: float = WITHIN) -> np.ndarray:
    shape = trimesh.util.concatenate(shapes)
    return crossings(np.array(shape.vertices), np.array(shape.faces), within_mm).pairs


def box(size, at) -> trimesh.Trimesh:
    return trimesh.creation.box(size).apply_translation(at)


def crossing_pairs_in_plain_numpy(vertices, faces) -> np.ndarray:
    """Return the pairs of faces of which an edge of one passes through the other, `[pair 2]`; none may share a vertex.

    For faces in general position that is the same as to have a line in common.
    """
    corners = vertices[faces]

    def side(a, b, c, p):
        return np.sign(np.einsum("...i,...i->...", np.cross(b - a, c - a), p - a))

    through = np.zeros((len(faces), len(faces)), dtype=bool)
    for k in range(3):
        p, q = corners[:, None, k], corners[:, None, (k + 1) % 3]
        a, b, c = (corners[None, :, m] for m in range(3))
        around = side(p, q, a, b), side(p, q, b, c), side(p, q, c, a)
        inside = (around[0] == around[1]) & (around[1] == around[2]) & (around[0] != 0)
        through |= inside & (side(a, b, c, p) * side(a, b, c, q) < 0)
    return np.argwhere(np.triu(through | through.T, 1))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 200])
def test_loose_triangles_cross_as_plain_numpy_says(count):
    rng = np.random.default_rng(count)
    size = 10 ** rng.uniform(-1, 1, (count, 1, 1))  # large ones among small ones
    vertices = (rng.uniform(0, 10, (count, 1, 3)) + size * rng.normal(size=(count, 3, 3))).reshape(-1, 3)
    faces = np.arange(3 * count).reshape(-1, 3)
    wanted = crossing_pairs_in_plain_numpy(vertices, faces)
    found = crossings(vertices, faces, 1e-12)
    assert np.array_equal(found.pairs, wanted)
    assert (len(wanted) > 100) == (count == 200)


def test_the_ends_lie_in_both_faces_and_are_as_far_apart_as_they_can_be():
    """Two long right triangles in the planes z = 0 and y = 1 share the line from x = 2 to x = 3."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [2, 1, -1], [8, 1, -1], [2, 1, 5]], float)
    found = crossings(vertices, np.arange(6).reshape(2, 3), WITHIN)
    assert found.pairs.tolist() == [[0, 1]]
    ends = sorted(found.ends_mm[0].tolist())
    assert np.allclose(ends, [[2, 1, 0], [3, 1, 0]])
    assert found.place_mm == pytest.approx((2.5, 1, 0))
    assert found.faces == 2


def test_faces_with_a_common_vertex_cross_only_if_they_share_a_line():
    """From the origin, one face lies in z = 0, the other in x = y around the line through (1, 1, 0), or turned away."""
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, 1], [1, 1, -1], [-1, -1, 1], [-1, -1, -1]], float)
    found = crossings(vertices, np.array([[0, 1, 2], [0, 3, 4], [0, 5, 6]]), WITHIN)
    assert found.pairs.tolist() == [[0, 1]]
    assert np.allclose(sorted(found.ends_mm[0].tolist()), [[0, 0, 0], [1, 1, 0]])


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_and_another_order_of_the_faces_change_nothing(seed):
    rng = np.random.default_rng(seed)
    one, other = trimesh.creation.icosphere(subdivisions=3, radius=5), trimesh.creation.icosphere(subdivisions=2)
    shape = trimesh.util.concatenate([one, other.apply_translation([4.8, 0.3, 0.2])])
    faces = np.array(shape.faces)
    wanted = {tuple(pair) for pair in crossings(np.array(shape.vertices), faces, WITHIN).pairs.tolist()}
    assert len(wanted) > 20
    order = rng.permutation(len(faces))
    moved = Rotation.random(rng=rng).apply(shape.vertices) + rng.normal(size=3)
    pairs = order[crossings(moved, faces[order], WITHIN).pairs]
    assert {tuple(sorted(pair)) for pair in pairs.tolist()} == wanted


def test_the_line_where_two_balls_meet_is_their_circle():
    """Balls of radius 5 with centres 6 apart meet in a circle of radius 4; facets make it 1 % shorter at most."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=5)
    shape = trimesh.util.concatenate([ball, ball.copy().apply_translation([6, 0, 0])])
    found = crossings(np.array(shape.vertices), np.array(shape.faces), WITHIN)
    length = np.linalg.norm(np.diff(found.ends_mm, axis=1), axis=2).sum()
    assert length == pytest.approx(2 * np.pi * 4, rel=0.01)
    assert np.allclose(np.hypot(found.ends_mm[..., 1], found.ends_mm[..., 2]), 4, rtol=0.01)


# --- no crossings ---


def test_closed_surfaces_in_the_plain_sense_have_none():
    for shape in (trimesh.creation.icosphere(subdivisions=3), trimesh.creation.torus(3, 1), box((1, 2, 3), (0, 0, 0))):
        assert len(pairs_of(shape)) == 0


@pytest.mark.parametrize(
    "at",
    [(2, 0, 0), (2, 1, 0), (2, 2, 0), (2, 2, 2), (2, 0.5, 0.3)],
    ids=["a face", "half a face", "an edge", "a corner", "a part of a face"],
)
def test_boxes_that_touch_do_not_cross(at):
    assert len(pairs_of(box((2, 2, 2), (0, 0, 0)), box((2, 2, 2), at))) == 0


def test_an_edge_that_stands_on_a_face_does_not_cross_it():
    wedge = trimesh.creation.box((1, 1, 1)).apply_transform(
        trimesh.transformations.rotation_matrix(np.pi / 4, [1, 0, 0])
    )
    on = wedge.copy().apply_translation([0, 0, 1 + np.sqrt(0.5)])
    into = wedge.copy().apply_translation([0, 0, 0.99 + np.sqrt(0.5)])
    assert len(pairs_of(box((4, 4, 2), (0, 0, 0)), on)) == 0
    assert len(pairs_of(box((4, 4, 2), (0, 0, 0)), into)) > 0


def test_what_is_shallower_than_the_distance_touches():
    def pair(depth):
        return box((2, 2, 2), (0, 0, 0)), box((1, 1, 1), (0.1, 0.2, 1.5 - depth))

    assert len(pairs_of(*pair(1e-3), within_mm=1e-2)) == 0
    assert len(pairs_of(*pair(1e-3), within_mm=1e-4)) > 0


def test_faces_on_each_other_count_if_they_face_the_same_way():
    """A box within another, flush with its top: the matter below stands there twice."""
    outer, inner = box((4, 4, 4), (0, 0, 0)), box((1, 1, 1), (0.2, 0.1, 1.5))
    flush = pairs_of(outer, inner)
    assert len(flush) > 0
    normals = trimesh.util.concatenate([outer, inner]).face_normals
    assert np.allclose(normals[flush], [0, 0, 1])
    inner.invert()  # a pocket, drawn as an inner shell: its lid lies on the top and faces it
    assert len(pairs_of(outer, inner)) == 0


def test_needles_and_no_faces_cross_nothing():
    needle = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, -1], [1, 1, 1], [1, 1, 2]], float)
    assert len(crossings(needle, np.arange(6).reshape(2, 3), WITHIN).pairs) == 0
    none = crossings(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64), WITHIN)
    assert (none.pairs.shape, none.ends_mm.shape) == ((0, 2), (0, 2, 3))


def test_a_tangle_is_refused_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 10)
    ball = trimesh.creation.icosphere(subdivisions=3)
    with pytest.raises(BadInput, match="more than 10 pairs of faces cross"):
        pairs_of(ball, ball.copy().apply_translation([0.5, 0.1, 0.2]))


@pytest.mark.parametrize("count", [1, 4, 5, 33])
def test_each_box_of_the_tree_holds_those_below_it(count):
    corners = np.random.default_rng(count).normal(size=(count, 3, 3))
    order, boxes = tree_of(corners)
    assert np.array_equal(np.sort(order), np.arange(count))
    half = len(boxes) // 2
    for place, face in enumerate(order):
        node = half + place // 4
        while node:
            assert (boxes[node, :3] <= corners[face].min(axis=0)).all()
            assert (boxes[node, 3:] >= corners[face].max(axis=0)).all()
            node //= 2


# --- real files ---


@needs_shared
@pytest.mark.parametrize(
    ("name", "through", "on_each_other"),
    [("ur5_forearm.stl", 77, 0), ("box.STL", 653, 396), ("bearing_binary.stl", 26, 0)],
)
def test_the_crossing_faces_of_real_files_are_as_their_table_says(name, through, on_each_other):
    """The table has 77, 653 and 26; it leaves out faces that lie on each other and face the same way."""
    path = SHARED / "cad" / name
    if not path.exists():
        pytest.skip(f"{name} is not among the test data")
    shape = trimesh.load(path, process=False, force="mesh")
    surface = drop_collapsed(join_equal(surface_of(np.array(shape.vertices), np.array(shape.faces))))[0]
    a, b, c = np.moveaxis(surface.vertices[surface.faces], 1, 0)
    normals = np.cross(b - a, c - a) / (2 * surface.areas_mm2[:, None])
    found = crossings(surface.vertices, surface.faces, 1e-9 * surface.diagonal_mm)
    flat = np.einsum("ij,ij->i", *np.moveaxis(normals[found.pairs], 1, 0)) > 1 - 1e-9
    assert len(np.unique(found.pairs[~flat])) == through
    assert found.faces == through + on_each_other
