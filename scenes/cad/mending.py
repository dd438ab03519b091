"""A triangle surface made tidy: vertices joined, useless faces dropped, winding made consistent, faults counted.

Every function is a pure step from `Surface` to `Surface`; what it changed is told in a `Note`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from defects.messages import BadInput

WELD_OF_DIAGONAL = 1e-6  # closes the float32 STL files met so far; an exact weld leaves up to 576 edges open
CROWD = 50  # neighbours per vertex above which a weld would melt the part, and its list of pairs fill the memory


class Note(NamedTuple):
    """One change to a surface: a sentence with {count}, {s} (plural), {total} and {most} to be filled in."""

    text: str
    count: int
    amount: float = 0.0


def sentences(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return one sentence a kind of change: counts and amounts are summed over all pieces of the file."""
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        if note.count:
            kinds.setdefault(note.text, []).append(note)
    told = []
    for text, same in kinds.items():
        count, amounts = sum(n.count for n in same), [n.amount for n in same]
        told.append(text.format(count=count, s="" if count == 1 else "s", total=sum(amounts), most=max(amounts)))
    return tuple(told)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Triangles in space.

    Attributes:
        vertices: Float64 `[vertex xyz]` [mm].
        faces: Int64 `[face corner]`, counter-clockwise seen from outside.
        turned: Bool `[face]`: whether the face is wound the other way than in its file.
    """

    vertices: np.ndarray
    faces: np.ndarray
    turned: np.ndarray

    @property
    def diagonal_mm(self) -> float:
        """Diagonal of the box around all used vertices."""
        return float(np.linalg.norm(np.ptp(compact(self)[0], axis=0))) if len(self.faces) else 0.0

    @property
    def areas_mm2(self) -> np.ndarray:
        """Area of each face, `[face]`."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    @property
    def volume_mm3(self) -> float:
        """Signed volume, summed over tetrahedra; taken about the middle, where it cancels least."""
        a, b, c = np.moveaxis(self.vertices[self.faces] - self.vertices[self.faces].mean(axis=(0, 1)), 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def take(self, which: np.ndarray) -> "Surface":
        """Return the surface of some faces, chosen by mask or index."""
        return Surface(vertices=self.vertices, faces=self.faces[which], turned=self.turned[which])


def compact(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Return the used vertices `[vertex xyz]` [mm], in order, and the faces on them `[face corner]`.

    (`np.unique` of the faces says the same, twenty times as slowly.)
    """
    used = np.zeros(len(surface.vertices), dtype=bool)
    used[surface.faces] = True
    return surface.vertices[used], (np.cumsum(used) - 1)[surface.faces]


def surface_of(vertices: np.ndarray, faces: np.ndarray) -> Surface:
    """Return faces as read from a file."""
    return Surface(
        vertices=np.ascontiguousarray(vertices, dtype=np.float64),
        faces=np.ascontiguousarray(faces, dtype=np.int64),
        turned=np.zeros(len(faces), dtype=bool),
    )


class Edges(NamedTuple):
    """Every edge once: its ends `[edge 2]` (low, high), how many faces share it, how many more of them run low to
    high than high to low, and the edge of each half-edge `[3 * face + corner]`."""

    ends: np.ndarray
    count: np.ndarray
    net: np.ndarray
    of_half: np.ndarray


def edges_of(faces: np.ndarray) -> Edges:
    """Return the edges of faces; corner k of a face starts the half-edge to corner k + 1."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = int(faces.max(initial=0)) + 1
    key, of_half = np.unique(np.minimum(start, end) * size + np.maximum(start, end), return_inverse=True)
    count = np.bincount(of_half, minlength=len(key))
    net = np.rint(np.bincount(of_half, weights=np.where(start < end, 1.0, -1.0), minlength=len(key))).astype(np.int64)
    return Edges(np.stack([key // size, key % size], axis=1), count, net, of_half)


class Faults(NamedTuple):
    """Why a surface bounds no solid: edges of one face; of more than two that do not cancel; of two that clash."""

    open: int
    crossing: int
    twisted: int


def faults_of(faces: np.ndarray) -> Faults:
    """Return the edge counts that keep faces from bounding a solid; all zero for a closed, consistent surface."""
    _, count, net, _ = edges_of(faces)
    wrong = net != 0
    return Faults(int((count == 1).sum()), int((wrong & (count > 2)).sum()), int((wrong & (count == 2)).sum()))


def open_edges(faces: np.ndarray) -> int:
    """Return the number of edges that only one face has."""
    return int((edges_of(faces).count == 1).sum())


def linked(pairs: np.ndarray, size: int) -> np.ndarray:
    """Return the group of each of `size` things, numbered by first member, when pairs `[pair 2]` belong together."""
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.zeros_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def alike(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of the distinct rows of `[row 3]` the first place `[kind]`, the kind of each row, and how many of a kind.

    (`np.unique(axis=0)` sorts records, four times as slow.)
    """
    order = np.lexsort(rows.T[::-1])
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    kind = np.zeros(len(rows), dtype=np.int64)
    kind[order] = np.cumsum(fresh) - 1
    return order[fresh], kind, np.bincount(kind)


def join_equal(surface: Surface) -> Surface:
    """Return the surface with vertices of identical coordinates made one: nothing moves, so it is no repair."""
    vertices, faces = compact(surface)
    first, same, _ = alike(vertices)
    return Surface(vertices=vertices[first], faces=same[faces], turned=surface.turned)


def join_near(surface: Surface, within_mm: float, among: np.ndarray | None = None) -> Surface:
    """Return the surface with vertices (all, or those listed) closer than `within_mm` moved to the first of them.

    Raises:
        BadInput: When crowds of vertices are that close: details far smaller than the whole file.
    """
    which = np.arange(len(surface.vertices)) if among is None else among
    tree = cKDTree(surface.vertices[which])
    if tree.count_neighbors(tree, within_mm) > CROWD * len(which):
        raise BadInput(
            f"the file is too wide for its details: more than {CROWD} vertices a place lie within {within_mm:.2g} mm, "
            f"a millionth or so of its size; expected one part, so remove the stray faces far away from it"
        )
    pairs = which[tree.query_pairs(within_mm, output_type="ndarray")].reshape(-1, 2)
    group = linked(pairs, len(surface.vertices))
    first = np.unique(group, return_index=True)[1]
    return Surface(vertices=surface.vertices[first], faces=group[surface.faces], turned=surface.turned)


def weld(surface: Surface, notes: list[Note]) -> Surface:
    """Return the surface welded: exactly, and where that leaves open edges within 1e-6 of the diagonal."""
    exact = join_equal(surface)
    gaps = open_edges(drop_collapsed(exact)[0].faces)
    if not gaps:
        return exact
    within = WELD_OF_DIAGONAL * surface.diagonal_mm
    near = join_near(exact, within)
    closed = gaps - open_edges(drop_collapsed(near)[0].faces)
    if closed > 0:
        notes.append(Note("welded {count} open edge{s} within {most:.2g} mm", closed, within))
    else:
        merged = len(exact.vertices) - len(near.vertices)
        notes.append(Note("joined {count} pair{s} of close vertices within {most:.2g} mm", merged, within))
    return near


def drop_collapsed(surface: Surface) -> tuple[Surface, int]:
    """Return the surface without faces that have a corner twice, and how many there were."""
    keep = (surface.faces != np.roll(surface.faces, -1, axis=1)).all(axis=1)
    return surface.take(keep), int((~keep).sum())


def drop_repeated(surface: Surface) -> tuple[Surface, int]:
    """Return the surface with faces on the same three vertices made one or none, and how many were dropped.

    One stays where the faces around it leave its place open; none where they close without it, as when two bodies
    share a wall or a sheet is drawn from both sides.
    """
    first, same, copies = alike(np.sort(surface.faces, axis=1))
    single = copies[same] == 1
    if single.all():
        return surface, 0
    of_half = edges_of(surface.faces).of_half.reshape(-1, 3)
    lone = np.bincount(of_half[single].ravel(), minlength=of_half.max() + 1)
    candidates = first[copies > 1]
    needed = (lone[of_half[candidates]] % 2 == 1).sum(axis=1) >= 2
    keep = np.sort(np.concatenate([np.flatnonzero(single), candidates[needed]]))
    return surface.take(keep), len(surface.faces) - len(keep)


def tidy(surface: Surface, notes: list[Note]) -> Surface:
    """Return the surface without degenerate and repeated faces."""
    surface, collapsed = drop_collapsed(surface)
    surface, repeated = drop_repeated(surface)
    notes.append(Note("dropped {count} degenerate face{s}", collapsed))
    notes.append(Note("dropped {count} duplicate face{s}", repeated))
    return surface


def turn(surface: Surface, which: np.ndarray) -> Surface:
    """Return the surface with the masked faces wound the other way."""
    faces = np.where(which[:, None], surface.faces[:, ::-1], surface.faces)
    return Surface(vertices=surface.vertices, faces=faces, turned=surface.turned ^ which)


def orient(surface: Surface) -> tuple[Surface, np.ndarray]:
    """Return the surface wound consistently, and the shell of each face `[face]`, numbered by first face.

    Each face stands twice in a graph, as it is and turned; an edge with two faces links the states that agree. Of the
    two ways to wind a shell, the one that turns fewer faces is taken. Which way is out is not decided here.
    """
    count = len(surface.faces)
    edges = edges_of(surface.faces)
    order = np.argsort(edges.of_half, kind="stable")
    start = np.cumsum(edges.count) - edges.count
    two = edges.count == 2
    left, right = order[start[two]] // 3, order[start[two] + 1] // 3
    clash = np.where(edges.net[two] != 0, count, 0)
    links = np.concatenate(
        [np.stack([left, right + clash], axis=1), np.stack([left + count, right + count - clash], axis=1)]
    )
    state = linked(links, 2 * count)
    shell = linked(np.stack([state[:count], state[count:]], axis=1), 2 * count)[state[:count]]
    votes = np.bincount(state[:count], minlength=2 * count)
    now, then = state[:count], state[count:]
    oriented = turn(surface, (votes[then] > votes[now]) | ((votes[then] == votes[now]) & (then < now)))
    return oriented, shells_joined(oriented.faces, np.unique(shell, return_inverse=True)[1])


def shells_joined(faces: np.ndarray, shell: np.ndarray) -> np.ndarray:
    """Return shell numbers `[face]` where shells that only close together, along an edge of four faces, are one."""
    edges = edges_of(faces)
    crowded = np.flatnonzero(edges.count[edges.of_half] > 2)
    if not len(crowded):
        return shell
    edge, of = edges.of_half[crowded], shell[crowded // 3]
    sign = np.where(faces.ravel()[crowded] < np.roll(faces, -1, axis=1).ravel()[crowded], 1.0, -1.0)
    key, inverse = np.unique(edge * (shell.max() + 1) + of, return_inverse=True)
    loose = key[np.bincount(inverse, weights=sign) != 0]
    edge, of = loose // (shell.max() + 1), loose % (shell.max() + 1)
    neighbours = edge[1:] == edge[:-1]
    return linked(np.stack([of[1:][neighbours], of[:-1][neighbours]], axis=1), int(shell.max()) + 1)[shell]
