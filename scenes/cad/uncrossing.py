"""A closed surface that runs through itself, mended: cut by planes into pieces that do not, which are then united.

    solid = uncrossed(solid, within_mm=1e-4, notes=notes)

A plane cuts the surface into loops. Each loop is closed by a lid on either side of the plane, two lids that cancel, so
that the winding number of the whole is the sum of those of the pieces, wherever lids come to lie. Two sheets that cross
in a place belong to different pieces as soon as the piece is smaller than the way from one to the other along the
surface; and a piece that does not cross itself is a solid in the plain sense.

That holds where sheets cross so that matter overlaps. Where they cross so that a part is turned inside out, as a dent
that comes out on the other side, the lids join them again, and the surface is refused.
"""

import numpy as np
from manifold3d import Manifold, Mesh64, OpType, triangulate

from defects.messages import BadInput
from scenes.cad.crossings import Crossings, crossings
from scenes.cad.mending import Note, edges_of, linked

CUTS = 400  # in one solid
DEPTH = 40  # cuts one after the other in one piece
GROWN, ROOM = 2, 1000  # faces of a piece, to those of the solid; where lids cross each other, cuts make more of them
FOLD = 1e-6  # share of a solid that may be filled where a fold crosses itself, which no cut takes apart
FOLD_AT_ONCE = 0.1  # of what is left of that share, for one fold
FILLED = "filled {count} fold{s} of crossing faces ({total:.2g} mm3)"
CROP = 0.35  # of the size of all crossings; what reaches farther beyond them is cut off before they are halved
SHAKEN = np.linspace(-0.05, 0.05, 11)  # of the same, shifts of a plane to miss the vertices
WRONG_SIDE = 1e-6  # share of a solid that may be bounded from the wrong side without a word
UNITED = "cut {count} pair{s} of crossing faces apart and united what they bound ({total:.4g} mm3 stood twice)"
MEND = "mend it where it was made"


def arrays_of(solid: Manifold) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices `[vertex xyz]` [mm] and faces `[face corner]` of a solid."""
    mesh = solid.to_mesh64()
    return np.array(mesh.vert_properties)[:, :3], np.array(mesh.tri_verts).astype(np.int64)


def uncrossed(solid: Manifold, within_mm: float, *, notes: list[Note]) -> Manifold:
    """Return what a closed surface bounds, as a solid whose faces do not cross: where its winding number is above 0.

    (Pieces bounded from the wrong side, with a winding number of -1, are taken off the union of the others; that is
    right wherever no more than one of the others lies.)

    Args:
        solid: Of one shell, with a positive volume.
        within_mm: What is taken as touching.
        notes: Where changes are told.

    Raises:
        BadInput: When no cut takes two sheets apart, or when a part of the surface faces the wrong way.
    """
    vertices, faces = arrays_of(solid)
    found = crossings(vertices, faces, within_mm)
    if not len(found.pairs):
        return solid
    pieces = apart(vertices, faces, found, within_mm, FOLD * solid.volume(), notes)
    whole = Manifold.batch_boolean([piece for piece in pieces if piece.volume() > 0], OpType.Add)
    wrong = [turned(piece) for piece in pieces if piece.volume() < 0]
    if wrong:
        holes = Manifold.batch_boolean(wrong, OpType.Add)
        outside = (holes - whole).volume()
        if outside > WRONG_SIDE * solid.volume():
            raise BadInput(
                f"{told(found)}, and {outside:.4g} mm3 are bounded from the wrong side; expected a surface that does "
                f"not run through itself: {MEND}"
            )
        whole = whole - holes
    if len((left := crossings(*arrays_of(whole), within_mm)).pairs):
        raise BadInput(f"{told(left)}, still after a repair; expected sheets that can be cut apart: {MEND}")
    notes.append(Note(UNITED, len(found.pairs), max(sum(piece.volume() for piece in pieces) - whole.volume(), 0.0)))
    return whole


def told(found: Crossings) -> str:
    """Return how many faces cross, and where, in words."""
    x, y, z = found.place_mm
    pairs = f"{len(found.pairs)} pair{'' if len(found.pairs) == 1 else 's'}"
    return f"{found.faces} faces cross each other ({pairs}, one at {x:.4g}, {y:.4g}, {z:.4g} mm)"


def turned(solid: Manifold) -> Manifold:
    """Return a solid whose faces are wound the other way."""
    vertices, faces = arrays_of(solid)
    return Manifold(Mesh64(vertices, np.ascontiguousarray(faces[:, ::-1]).astype(np.uint64)))


def apart(
    vertices: np.ndarray, faces: np.ndarray, found: Crossings, within_mm: float, spare_mm3: float, notes: list[Note]
) -> list[Manifold]:
    """Return solids that do not cross themselves, whose winding numbers sum up to that of a closed surface.

    A fold that crosses itself is cut smaller and smaller; when its hull fits into what may be spared, it is filled.

    Args:
        vertices: `[vertex xyz]` [mm].
        faces: `[face corner]`.
        found: Its crossings.
        within_mm: What is taken as touching.
        spare_mm3: The volume that all filled folds may have together.
        notes: Where changes are told.

    Raises:
        BadInput: When that takes too many cuts.
    """
    done, open_ = [], [(vertices, faces, found, 0)]
    most = GROWN * len(faces) + ROOM
    for _ in range(CUTS):
        if not open_:
            return done
        vertices, faces, crossed, depth = open_.pop()
        if depth == DEPTH or len(faces) > most:
            break
        for points, corners in pieces_of(*cut(vertices, faces, *plane_through(vertices, crossed))):
            inside = crossings(points, corners, within_mm)
            if not len(inside.pairs):
                done.append(Manifold(Mesh64(points, corners.astype(np.uint64))))
            elif (hull := Manifold.hull_points(points)).volume() <= FOLD_AT_ONCE * spare_mm3:
                spare_mm3 -= hull.volume()
                notes.append(Note(FILLED, 1, hull.volume()))
                done.append(hull)
            else:
                open_.append((points, corners, inside, depth + 1))
    raise BadInput(
        f"{told(found)} and no cut takes them apart; expected a surface that neither folds nor turns inside out where "
        f"it crosses itself: {MEND}"
    )


def plane_through(vertices: np.ndarray, found: Crossings) -> tuple[int, float]:
    """Return the axis and the place on it [mm] of the plane to cut a piece at next.

    What reaches far beyond all crossings is cut off; where nothing does, they are halved.
    """
    low, high = found.ends_mm.min(axis=(0, 1)), found.ends_mm.max(axis=(0, 1))
    size = np.linalg.norm(high - low)
    below, above = low - vertices.min(axis=0), vertices.max(axis=0) - high
    axis, side = divmod(int(np.argmax(np.stack([below, above], axis=1))), 2)
    if max(below.max(), above.max()) > 2 * CROP * size:
        wanted = high[axis] + CROP * size if side else low[axis] - CROP * size
    else:
        axis = int(np.argmax(high - low))
        wanted = (low[axis] + high[axis]) / 2
    places = wanted + SHAKEN * size
    ordered = np.sort(vertices[:, axis])
    right = np.clip(np.searchsorted(ordered, places), 1, len(ordered) - 1)
    room = np.minimum(np.abs(places - ordered[right - 1]), np.abs(ordered[right] - places))
    best = np.flatnonzero(room > 0.5 * room.max())  # roomy, and of these the one nearest to the wanted
    return axis, float(places[best[np.argmin(np.abs(best - len(SHAKEN) // 2))]])


def cut(vertices: np.ndarray, faces: np.ndarray, axis: int, place_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices and faces of a closed surface cut at a plane, with lids on both sides.

    Both sides have vertices of their own. No vertex may lie in the plane.
    """
    height = vertices[:, axis] - place_mm
    above = height[faces] > 0
    count = above.sum(axis=1)
    split = np.flatnonzero((count == 1) | (count == 2))
    lone = np.argmax(above[split] == (count[split] == 1)[:, None], axis=1)
    a, b, c = np.stack([faces[split, (lone + k) % 3] for k in range(3)])  # a lies on one side, b and c on the other
    ends = np.sort(np.concatenate([np.stack([a, b], axis=1), np.stack([a, c], axis=1)]), axis=1)
    key, number = np.unique(ends[:, 0] * len(vertices) + ends[:, 1], return_inverse=True)
    low, high = key // len(vertices), key % len(vertices)
    share = (height[low] / (height[low] - height[high]))[:, None]
    points = vertices[low] + share * (vertices[high] - vertices[low])
    points[:, axis] = place_mm
    ab, ac = number[: len(split)], number[len(split) :]
    size, new = len(vertices), len(points)
    up = (count[split] == 1)[:, None]  # whether a lies above
    near, far = np.where(up[:, 0], size, size + new), np.where(up[:, 0], size + new, size)
    tips = np.stack([a, near + ab, near + ac], axis=1)
    bases = np.concatenate([np.stack([far + ab, b, c], axis=1), np.stack([far + ab, c, far + ac], axis=1)])
    ahead = np.zeros(new, dtype=np.int64)  # the edge of a lid above starts where that of the faces above ends
    ahead[np.where(up[:, 0], ac, ab)] = np.where(up[:, 0], ab, ac)
    lid = lids(np.delete(points, axis, axis=1) * (1, -1 if axis == 1 else 1), ahead)
    kept = faces[(count == 0) | (count == 3)]
    all_faces = np.concatenate([kept, tips, bases, size + lid, size + new + lid[:, ::-1]])
    return np.concatenate([vertices, points, points]), all_faces


def lids(points: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Return triangles `[face corner]` that close loops in a plane.

    A loop that runs the other way round than the one around it is a hole in the lid of that one.

    Args:
        points: `[point xy]`.
        ahead: The next point of each point's loop `[point]`.
    """
    loop = linked(np.stack([np.arange(len(points)), ahead], axis=1), len(points))
    after = points[ahead]
    areas = np.bincount(loop, weights=points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]) / 2
    chains = []
    for first in np.unique(loop, return_index=True)[1]:
        chain = [int(first)]
        while (step := int(ahead[chain[-1]])) != chain[0]:
            chain.append(step)
        chains.append(np.array(chain))
    sign = 1 if areas.sum() >= 0 else -1
    holders = sorted((i for i in range(len(chains)) if sign * areas[i] > 0), key=lambda i: abs(areas[i]))
    groups: dict[int, list[int]] = {i: [i] for i in holders}
    for i in (i for i in range(len(chains)) if sign * areas[i] <= 0):
        around = next((j for j in holders if encloses(points[chains[j]], points[chains[i][0]])), i)
        groups.setdefault(around, []).append(i)
    faces = []
    for first, members in groups.items():
        way = 1 if areas[first] >= 0 else -1  # manifold3d fills what runs counter-clockwise
        numbers = np.concatenate([chains[i][::way] for i in members])
        flat = triangulate([points[chains[i][::way]] for i in members], allow_convex=False)
        faces.append(numbers[np.asarray(flat).reshape(-1, 3)][:, ::way])
    return np.concatenate(faces).astype(np.int64)


def encloses(loop: np.ndarray, point: np.ndarray) -> bool:
    """Return whether a loop `[point xy]` runs around a point, by the crossings of a ray from there."""
    x, y = (loop - point).T
    x_next, y_next = np.roll(x, -1), np.roll(y, -1)
    spans = (y > 0) != (y_next > 0)
    at = x[spans] - y[spans] * (x_next[spans] - x[spans]) / (y_next[spans] - y[spans])
    return bool((at > 0).sum() % 2)


def pieces_of(vertices: np.ndarray, faces: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the connected pieces of a surface, each with the vertices that it uses."""
    edges = edges_of(faces)
    group = linked(edges.ends, len(vertices))[faces[:, 0]]
    pieces = []
    for one in np.unique(group):
        used, numbers = np.unique(faces[group == one], return_inverse=True)
        pieces.append((vertices[used], numbers.reshape(-1, 3)))
    return pieces
