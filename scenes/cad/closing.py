"""Open surfaces closed, when the user asks for it: gaps joined, edges split at vertices on them, holes filled."""

from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from defects.messages import BadInput
from scenes.cad.mending import Note, Surface, edges_of, faults_of, join_near, open_edges, orient, tidy

LID = "added {count} face{s} ({total:.4g} mm2)"
REACHES_OF_DIAGONAL = (1e-5, 1e-4)  # 0.01 mm on a 100 mm part is the most that a rim is moved
MOST_RIM = 20_000  # edges: a hole file, not a part with holes, and beyond the loops over rims below
MOST_OPEN = 1.0  # open edges a face: loose triangles have three, and no neighbours to be joined to
MOST_CORNERS = 400  # of one hole; the table of its triangulations grows with the square
MOST_OF_SHELL = 0.5  # a lid larger than half of what is there (a hemisphere's) invents a part
MOST_LOOSE = 0.01  # share of the area that may be loose patches


def close(surface: Surface, notes: list[Note]) -> tuple[Surface, np.ndarray]:
    """Return the surface as closed as can be, with its shells `[face]`; what was done goes into `notes`."""
    surface, shell = orient(surface)
    if open_edges(surface.faces) > MOST_OPEN * len(surface.faces):
        return surface, shell
    for share in REACHES_OF_DIAGONAL:
        if not any(faults_of(surface.faces)):
            return surface, shell
        surface, shell = join_rims(surface, share * surface.diagonal_mm, notes)
    return orient(tidy(fill_holes(surface, shell, notes), notes)) if any(faults_of(surface.faces)) else (surface, shell)


def rim_of(faces: np.ndarray) -> np.ndarray:
    """Return the half-edges `[rim]`, as 3 * face + corner, whose edge has this one face."""
    edges = edges_of(faces)
    return np.flatnonzero(edges.count[edges.of_half] == 1)


def join_rims(surface: Surface, reach_mm: float, notes: list[Note]) -> tuple[Surface, np.ndarray]:
    """Return the surface with rim vertices joined, and rim edges split at rim vertices on them, within a reach."""
    rim = rim_of(surface.faces)
    if len(rim) > MOST_RIM:
        return orient(surface)
    before = len(surface.vertices)
    surface = join_near(surface, reach_mm, np.unique(np.concatenate([surface.faces.flat[rim], after(surface, rim)])))
    notes.append(
        Note("joined {count} pair{s} of rim vertices within {most:.2g} mm", before - len(surface.vertices), reach_mm)
    )
    surface = tidy(surface, notes)
    for _ in range(20):  # a face may have all three edges split, and a new edge may meet a vertex again
        surface, splits = split_rims(surface, reach_mm)
        notes.append(Note("split {count} open edge{s} at vertices within {most:.2g} mm", splits, reach_mm))
        if not splits:
            break
    return orient(tidy(surface, notes))


def after(surface: Surface, half: np.ndarray) -> np.ndarray:
    """Return the end vertices of half-edges."""
    return surface.faces[half // 3, (half + 1) % 3]


def split_rims(surface: Surface, reach_mm: float) -> tuple[Surface, int]:
    """Return the surface with one rim edge a face split at the rim vertices that lie on it, and how many were split."""
    rims = rim_of(surface.faces)
    points = np.unique(np.concatenate([surface.faces.flat[rims], after(surface, rims)]))
    if not len(points):
        return surface, 0
    tree = cKDTree(surface.vertices[points])
    gone, added, parents = [], [], []
    done: set[int] = set()
    for half in rims:
        face, corner = divmod(int(half), 3)
        chain = [] if face in done else on_edge(surface, face, corner, points, tree, reach_mm)
        if chain:
            done.add(face)
            gone.append(face)
            a, b, c = np.roll(surface.faces[face], -corner)
            steps = [a, *chain, b]
            added += [(p, q, c) for p, q in pairwise(steps)]
            parents += [face] * (len(steps) - 1)
    if not gone:
        return surface, 0
    keep = np.ones(len(surface.faces), dtype=bool)
    keep[gone] = False
    return (
        Surface(
            vertices=surface.vertices,
            faces=np.concatenate([surface.faces[keep], np.array(added, dtype=np.int64)]),
            turned=np.concatenate([surface.turned[keep], surface.turned[parents]]),
        ),
        len(gone),
    )


def on_edge(
    surface: Surface, face: int, corner: int, points: np.ndarray, tree: cKDTree, reach_mm: float
) -> list[np.int64]:
    """Return the listed vertices inside the edge that starts at a corner of a face, in order along it."""
    start, end = surface.vertices[surface.faces[face, [corner, (corner + 1) % 3]]]
    along = end - start
    length = float(np.linalg.norm(along))
    if length <= 2 * reach_mm:
        return []
    near = points[tree.query_ball_point((start + end) / 2, length / 2 + reach_mm)]
    near = near[~np.isin(near, surface.faces[face])]
    offset = surface.vertices[near] - start
    at = offset @ along / length
    aside = np.linalg.norm(offset - at[:, None] * along / length, axis=1)
    inside = (aside < reach_mm) & (at > reach_mm) & (at < length - reach_mm)
    return list(near[inside][np.lexsort((near[inside], at[inside]))])


def fill_holes(surface: Surface, shell: np.ndarray, notes: list[Note]) -> Surface:
    """Return the surface with the holes of each shell filled, and small patches that no lid can close left out."""
    edges = edges_of(surface.faces)
    half = np.flatnonzero(edges.count[edges.of_half] != 2)
    if len(half) > MOST_RIM:
        return surface
    loose = np.zeros(len(surface.faces), dtype=bool)
    lids: list[np.ndarray] = []
    for one in np.unique(shell[half // 3]):
        mine = shell == one
        filled = [cover(surface.vertices, loop) for loop in loops_of(surface.faces[mine])]
        lid = np.concatenate(filled) if filled else np.zeros((0, 3), dtype=np.int64)
        if area(surface.vertices, lid) > MOST_OF_SHELL * area(surface.vertices, surface.faces[mine]):
            loose |= mine
            continue
        lids += filled
    return covered(surface, lids, loose, notes)


def covered(surface: Surface, lids: list[np.ndarray], loose: np.ndarray, notes: list[Note]) -> Surface:
    """Return the surface with lids added, and loose patches dropped if they are small beside the whole."""
    patches = surface.areas_mm2[loose].sum()
    if loose.any() and patches <= MOST_LOOSE * surface.areas_mm2.sum():
        notes.append(Note("dropped {count} face{s} of loose patches ({total:.4g} mm2)", int(loose.sum()), patches))
        surface = surface.take(~loose)
    if lids:
        added = np.concatenate(lids)
        total = area(surface.vertices, added)
        notes.append(Note("filled {count} hole{s}", len(lids)))
        notes.append(Note(LID, len(added), total))
        surface = Surface(
            vertices=surface.vertices,
            faces=np.concatenate([surface.faces, added]),
            turned=np.concatenate([surface.turned, np.zeros(len(added), dtype=bool)]),
        )
    return surface


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Return the summed area of faces [mm2]."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def loops_of(faces: np.ndarray) -> list[list[int]]:
    """Return the holes of faces, each as the vertices around its lid; where holes meet, the smaller loops."""
    edges = edges_of(faces)
    ways: dict[int, list[int]] = {}
    for (low, high), net in zip(edges.ends[edges.net != 0], edges.net[edges.net != 0], strict=True):
        start, end = (high, low) if net > 0 else (low, high)  # the lid runs against the faces it meets
        ways.setdefault(int(start), []).extend([int(end)] * abs(int(net)))
    loops = []
    for first in sorted(ways):
        path, place = [first], {first: 0}
        while ways.get(path[-1]):
            step = ways[path[-1]].pop()
            if step in place:
                loops.append(path[place[step] :])
                for gone in path[place[step] + 1 :]:
                    del place[gone]
                path = path[: place[step] + 1]
            else:
                place[step] = len(path)
                path.append(step)
    return [loop for loop in loops if len(loop) >= 3]


def cover(vertices: np.ndarray, loop: list[int]) -> np.ndarray:
    """Return the faces `[face corner]` of least area that close a loop, wound as the loop.

    The table of Barequet and Sharir (1995), https://doi.org/10.1016/0167-8396(94)00011-G: the best lid of every stretch
    of the loop from the best lids of shorter ones. trimesh fills triangles, quads and fans; fans fold over themselves
    in a hole that is not convex.

    Raises:
        BadInput: When the loop has more than 400 corners.
    """
    if (size := len(loop)) > MOST_CORNERS:
        raise BadInput(
            f"a hole has {size} edges, and holes are closed up to {MOST_CORNERS}; expected a nearly closed surface: "
            f"mend the file where it was made"
        )
    points = vertices[loop]
    cost, split = np.zeros((size, size)), np.zeros((size, size), dtype=np.int64)
    for gap in range(2, size):
        for i in range(size - gap):
            k = i + gap
            middle = points[i + 1 : k]
            lid = np.linalg.norm(np.cross(middle - points[i], points[k] - points[i]), axis=1) / 2
            total = cost[i, i + 1 : k] + cost[i + 1 : k, k] + lid
            best = int(np.argmin(total))
            cost[i, k], split[i, k] = total[best], i + 1 + best
    faces, stack = [], [(0, size - 1)]
    while stack:
        i, k = stack.pop()
        if k - i >= 2:
            j = int(split[i, k])
            faces.append((loop[i], loop[j], loop[k]))
            stack += [(i, j), (j, k)]
    return np.array(faces, dtype=np.int64)
