"""Surfaces that run through themselves, mended: closed forms, and winding numbers at random points."""

import numpy as np
import pytest
import trimesh
from manifold3d import Manifold, Mesh64

from defects.messages import BadInput
from scenes.cad.crossings import crossings
from scenes.cad.importer import read_solids
from scenes.cad.mending import edges_of, sentences
from scenes.cad.uncrossing import arrays_of, cut, lids, pieces_of, uncrossed

TURN = 2 * np.pi * np.arange(64) / 64


def tube(x, y, z, radius, sides=12) -> Manifold:
    """Return a tube around a closed path, taken as it is where it runs through itself."""
    path = np.stack([x, y, z], axis=1)
    along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    across = np.cross(along, [0.1, 0.05, 1.0])
    across /= np.linalg.norm(across, axis=1)[:, None]
    up = np.cross(across, along / np.linalg.norm(along, axis=1)[:, None])
    turn = 2 * np.pi * np.arange(sides) / sides
    rings = across[:, None] * np.cos(turn)[None, :, None] + up[:, None] * np.sin(turn)[None, :, None]
    i, j = np.arange(len(path))[:, None], np.arange(sides)[None]
    this, that = i * sides, (i + 1) % len(path) * sides
    a, b, c, d = this + j, this + (j + 1) % sides, that + j, that + (j + 1) % sides
    faces = np.concatenate([np.stack([a, c, b], axis=-1).reshape(-1, 3), np.stack([b, c, d], axis=-1).reshape(-1, 3)])
    vertices = (path[:, None] + radius * rings).reshape(-1, 3)
    return Manifold(Mesh64(vertices, faces.astype(np.uint64)))


def prism(outline, height=3.0) -> Manifold:
    """Return a band around an outline, whose two lids are fans around their first corners."""
    ring, count = np.asarray(outline, float), len(outline)
    vertices = np.vstack([np.c_[ring, np.zeros(count)], np.c_[ring, np.full(count, height)]])
    i = np.arange(count)
    k, fan = (i + 1) % count, np.arange(1, count - 1)
    faces = [np.c_[i, k, i + count], np.c_[k, k + count, i + count], np.c_[0 * fan, fan + 1, fan]]
    faces = np.concatenate([*faces, np.c_[0 * fan, fan, fan + 1] + count])
    return Manifold(Mesh64(vertices, faces.astype(np.uint64)))


def winding(solid: Manifold, points: np.ndarray) -> np.ndarray:
    """Return the winding number of a surface around points, by solid angles (Van Oosterom and Strackee, 1983)."""
    vertices, faces = arrays_of(solid)
    total = np.zeros(len(points))
    for n, point in enumerate(points):
        a, b, c = np.moveaxis(vertices[faces] - point, 1, 0)
        la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
        above = np.einsum("ij,ij->i", a, np.cross(b, c))
        below = la * lb * lc + (a * b).sum(axis=1) * lc + (b * c).sum(axis=1) * la + (c * a).sum(axis=1) * lb
        total[n] = np.arctan2(above, below).sum() / (2 * np.pi)
    return np.rint(total)


def mended(solid: Manifold) -> tuple[Manifold, tuple[str, ...]]:
    notes = []
    within = 1e-6 * float(np.linalg.norm(np.ptp(arrays_of(solid)[0], axis=0)))
    result = uncrossed(solid, within, notes=notes)
    assert len(crossings(*arrays_of(result), within).pairs) == 0
    return result, sentences(notes)


TUBES = {
    "eight": tube(20 * np.cos(TURN), 10 * np.sin(2 * TURN), np.cos(TURN + 0.3), 2.5),
    "three crossings": tube(
        10 * (np.sin(TURN) + 2 * np.sin(2 * TURN)), 10 * (np.cos(TURN) - 2 * np.cos(2 * TURN)), -np.sin(3 * TURN), 3
    ),
    "two turns side by side": tube(
        (20 + 2 * np.cos(TURN)) * np.cos(2 * TURN), (20 + 2 * np.cos(TURN)) * np.sin(2 * TURN), 2 * np.sin(TURN), 3
    ),
}


@pytest.mark.parametrize("name", TUBES)
def test_a_tube_through_itself_becomes_where_its_winding_number_is_above_0(name):
    solid = TUBES[name]
    result, said = mended(solid)
    low, high = np.array(solid.bounding_box()).reshape(2, 3)
    points = np.random.default_rng(0).uniform(low, high, (800, 3))
    before, after = winding(solid, points), winding(result, points)
    assert before.max() == 2
    assert np.array_equal(after, (before > 0).astype(float))
    assert result.volume() < solid.volume()
    assert len(said) == 1
    assert said[0].startswith("cut ")


def test_a_plain_tube_is_given_back_untouched():
    ring = tube(20 * np.cos(TURN), 20 * np.sin(TURN), 0 * TURN, 2)
    assert uncrossed(ring, 1e-5, notes=[]) is ring


def test_the_arms_of_a_bent_bar_that_cross_are_counted_once():
    """A bar of width 2 around three corners runs through itself at a right angle: 2 x 2 x 3 stands twice.

    Its path goes (0, 0), (20, 0), (20, 10), (10, 10), (10, -10); its area is (21 + 10 + 10 + 19) x 2.
    """
    path = [(0, -1), (21, -1), (21, 11), (9, 11), (9, -10), (11, -10), (11, 9), (19, 9), (19, 1), (0, 1)]
    corners = [(0, 1, 8, 9), (1, 2, 7, 8), (2, 3, 6, 7), (3, 4, 5, 6)]  # the four quads of the bar
    flat = np.array([t for a, b, c, d in corners for t in ((a, b, c), (a, c, d))])
    ring, count = np.array(path, float), len(path)
    i = np.arange(count)
    k = (i + 1) % count
    vertices = np.vstack([np.c_[ring, np.zeros(count)], np.c_[ring, np.full(count, 3.0)]])
    faces = np.concatenate([np.c_[i, k, i + count], np.c_[k, k + count, i + count], flat[:, ::-1], flat + count])
    solid = Manifold(Mesh64(vertices, faces.astype(np.uint64)))
    twice = 2 * 2 * 3.0
    result, said = mended(solid)
    assert solid.volume() - result.volume() == pytest.approx(twice, rel=1e-9)
    assert said[0].endswith("apart and united what they bound (12 mm3 stood twice)")


def test_a_dent_that_comes_out_on_the_other_side_is_refused():
    """A round block, 24-sided, with a dent from above that comes out 5 mm below: there the winding number is -1."""
    turn = 2 * np.pi * np.arange(24) / 24
    rings = [
        np.c_[r * np.cos(turn), r * np.sin(turn), np.full(24, z)] for r, z in ((10, 0), (10, 10), (4, 10), (4, -5))
    ]
    vertices = np.vstack([*rings, [[0, 0, 0], [0, 0, -5]]])
    i = np.arange(24)
    k = (i + 1) % 24
    walls = [t for n in (0, 24, 48) for t in (np.c_[n + i, n + k, n + 24 + k], np.c_[n + i, n + 24 + k, n + 24 + i])]
    faces = np.concatenate([*walls, np.c_[0 * i + 96, k, i], np.c_[0 * i + 97, 72 + i, 72 + k]])
    solid = Manifold(Mesh64(vertices, faces.astype(np.uint64)))
    area = 12 * np.sin(2 * np.pi / 24)  # of the cross-section with radius 1
    assert solid.volume() == pytest.approx(area * (100 * 10 - 16 * 15))
    with pytest.raises(BadInput, match="neither folds nor turns inside out"):
        mended(solid)


def test_a_star_that_winds_twice_around_its_middle_is_refused_with_a_place():
    turn = 4 * np.pi * np.arange(5) / 5
    with pytest.raises(
        BadInput, match=r"faces cross each other \(\d+ pairs, one at .* mm\).*mend it where it was made"
    ):
        uncrossed(prism(10 * np.stack([np.cos(turn), np.sin(turn)], axis=1)), 1e-5, notes=[])


# --- the steps ---


def test_a_cut_leaves_closed_pieces_that_sum_up():
    ball = trimesh.creation.icosphere(subdivisions=3, radius=5)
    for axis in range(3):
        vertices, faces = cut(np.array(ball.vertices), np.array(ball.faces), axis, 1.234)
        assert (edges_of(faces).net == 0).all()
        pieces = [Manifold(Mesh64(v, f.astype(np.uint64))) for v, f in pieces_of(vertices, faces)]
        assert len(pieces) == 2
        assert sum(piece.volume() for piece in pieces) == pytest.approx(ball.volume, rel=1e-12)
        cap = np.pi * (5 - 1.234) ** 2 * (3 * 5 - (5 - 1.234)) / 3
        assert min(piece.volume() for piece in pieces) == pytest.approx(cap, rel=0.02)


def test_a_cut_through_a_ring_has_lids_with_and_without_a_hole():
    ring = trimesh.creation.annulus(2, 3, 5)
    for axis, parts in ((2, 2), (0, 2)):
        pieces = pieces_of(*cut(np.array(ring.vertices), np.array(ring.faces), axis, 0.0123))
        volumes = [Manifold(Mesh64(v, f.astype(np.uint64))).volume() for v, f in pieces]
        assert len(volumes) == parts
        assert sum(volumes) == pytest.approx(ring.volume, rel=1e-12)
        assert max(volumes) == pytest.approx(ring.volume / 2, rel=0.02)


@pytest.mark.parametrize("way", [1, -1])
def test_a_lid_keeps_its_hole_and_its_direction(way):
    outer, hole = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (3, 6), (6, 6), (6, 3)]
    points = np.array(outer + hole, float)
    ahead = np.array([1, 2, 3, 0, 5, 6, 7, 4])
    faces = lids(points, ahead if way > 0 else np.argsort(ahead))
    a, b, c = np.moveaxis(points[faces], 1, 0)
    areas = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (way * areas > 0).all()
    assert way * areas.sum() == pytest.approx(81 - 9)


# --- files ---


def test_a_file_is_mended_and_told(tmp_path):
    vertices, faces = arrays_of(TUBES["eight"])
    trimesh.Trimesh(vertices, faces, process=False).export(tmp_path / "eight.ply")
    solids, report = read_solids(tmp_path / "eight.ply", unit="mm")
    assert report.volume_mm3 == pytest.approx(mended(TUBES["eight"])[0].volume(), rel=1e-5)
    assert (len(solids), report.faces_read) == (1, len(faces))
    assert any("crossing faces apart" in repair for repair in report.repairs)


def test_two_overlapping_balls_hold_the_volume_of_their_union(tmp_path):
    """Radius 5, 6 apart: the lens has two caps of height 2."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=5)
    both = trimesh.util.concatenate([ball, ball.copy().apply_translation([6, 0, 0])])
    both.export(tmp_path / "balls.stl")
    lens = 2 * np.pi * 2**2 * (3 * 5 - 2) / 3
    assert read_solids(tmp_path / "balls.stl", unit="mm")[1].volume_mm3 == pytest.approx(
        2 * 4 / 3 * np.pi * 5**3 - lens, rel=0.005
    )
