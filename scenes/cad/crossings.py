"""Faces that cross each other, found.

    found = crossings(vertices, faces, within_mm=1e-4)

manifold3d takes a surface that runs through itself as it is. What such a surface bounds is counted twice where it
overlaps itself, by path lengths and by volumes alike.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit

from defects.messages import BadInput

BESIDE, WITHIN, THROUGH = 0, 1, 2  # where a face lies as seen from the plane of another
ROOM = 10  # rows of three numbers
LEAF = 4  # faces in the smallest box of the tree
MOST_PAIRS = 2_000_000  # that are listed; a surface with more is no part


class Crossings(NamedTuple):
    """Pairs of faces that cross `[pair 2]`, sorted, low before high, and the two ends of what they share
    `[pair 2 xyz]` [mm]."""

    pairs: np.ndarray
    ends_mm: np.ndarray

    @property
    def faces(self) -> int:
        """How many faces cross some other one."""
        return len(np.unique(self.pairs))

    @property
    def place_mm(self) -> np.ndarray:
        """Middle `[xyz]` of the longest crossing, as an example."""
        return self.ends_mm[np.argmax(np.linalg.norm(np.ptp(self.ends_mm, axis=1), axis=1))].mean(axis=0)


def crossings(vertices: np.ndarray, faces: np.ndarray, within_mm: float) -> Crossings:
    """Return all pairs of faces whose insides share a line longer than a distance, or that lie on each other.

    Faces that touch do not cross: at shared vertices and edges, corner or edge on face, and face on face where they
    face each other, as where two bodies touch. Faces on each other that face the same way count: what lies behind them
    stands there twice. A surface without such pairs, closed and wound consistently, bounds a solid. A corner nearer
    than the distance to the other face's plane lies in that plane, and a face that is nowhere wider than the distance
    crosses nothing.

    Boxes around faces in Morton order make a binary tree; each pair of boxes that overlap is tested as in Moeller
    (1997), A Fast Triangle-Triangle Intersection Test, https://doi.org/10.1080/10867651.1997.10487472: on the line of
    both planes, the chords of both faces must overlap.

    Args:
        vertices: `[vertex xyz]` [mm]; a vertex that faces share has one number.
        faces: `[face corner]`.
        within_mm: What is taken as touching.

    Raises:
        BadInput: When there are more than two million pairs.
    """
    if not len(faces):
        return Crossings(np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2, 3)))
    order, boxes = tree_of(vertices[faces])
    sorted_faces = np.ascontiguousarray(faces[order], dtype=np.int64)
    corners = np.ascontiguousarray(vertices[sorted_faces], dtype=np.float64)
    workers = get_num_threads()
    cuts = np.linspace(0, len(faces), 8 * workers + 1).astype(np.int64)

    def part(k: int) -> tuple[np.ndarray, np.ndarray]:
        room = 256
        while True:
            pairs, ends = np.zeros((room, 2), dtype=np.int64), np.zeros((room, 2, 3))
            count = search(cuts[k], cuts[k + 1], corners, sorted_faces, boxes, within_mm, pairs, ends)
            if count > MOST_PAIRS:
                raise BadInput(
                    f"more than {MOST_PAIRS} pairs of faces cross each other; expected a surface that does not run "
                    f"through itself: mend it where it was made"
                )
            if count <= room:
                return pairs[:count], ends[:count]
            room = count

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(part, range(8 * workers)))
    pairs = np.sort(order[np.concatenate([pair for pair, _ in found])], axis=1)
    sequence = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return Crossings(pairs[sequence], np.concatenate([end for _, end in found])[sequence])


def tree_of(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an order of faces `[face]` that keeps neighbours together, and the boxes of a full binary tree over it.

    Boxes are `[node 6]`, low and high corner; node 1 is the root, 2 k and 2 k + 1 lie in k, and the last half are the
    leaves, of four faces each.
    """
    low, high = corners.min(axis=1), corners.max(axis=1)
    middle = low + high
    middle -= middle.min(axis=0)
    cells = (middle * (1023 / max(float(middle.max(initial=0.0)), 1e-300))).astype(np.int64)
    order = np.argsort(sum(spread_bits(cells[:, axis]) << axis for axis in range(3)), kind="stable")
    leaves = 1
    while leaves * LEAF < len(corners):
        leaves *= 2
    boxes = np.zeros((2 * leaves, 6))
    boxes[:, :3], boxes[:, 3:] = np.inf, -np.inf
    padded = np.full((leaves * LEAF, 6), np.inf)
    padded[:, 3:] = -np.inf
    padded[: len(corners), :3], padded[: len(corners), 3:] = low[order], high[order]
    below = padded.reshape(leaves, LEAF, 6)
    start = leaves
    while start:
        boxes[start : 2 * start, :3] = below[:, :, :3].min(axis=1)
        boxes[start : 2 * start, 3:] = below[:, :, 3:].max(axis=1)
        below = boxes[start : 2 * start].reshape(-1, 2, 6) if start > 1 else below
        start //= 2
    return order, boxes


def spread_bits(numbers: np.ndarray) -> np.ndarray:
    """Return ten-bit numbers with two empty bits behind each bit, as a Morton code wants them."""
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        numbers = (numbers | (numbers << shift)) & mask
    return numbers


@njit(nogil=True, cache=True)
def search(first, last, corners, faces, boxes, within, pairs, ends):
    """Return how many pairs (i, j), first <= i < last and i < j, cross; as many as there is room for are written."""
    leaves = len(boxes) // 2
    stack = np.zeros(128, dtype=np.int64)
    room = np.zeros((ROOM, 3))  # for all that is computed of two faces
    low, high = np.zeros(3), np.zeros(3)
    count = 0
    for i in range(first, last):
        if count > MOST_PAIRS:
            return count
        for axis in range(3):
            low[axis] = min(corners[i, 0, axis], corners[i, 1, axis], corners[i, 2, axis])
            high[axis] = max(corners[i, 0, axis], corners[i, 1, axis], corners[i, 2, axis])
        node, depth = leaves + i // LEAF, 1
        stack[0] = node
        while node > 1:  # all leaves behind that of face i lie below the right neighbours of the nodes above it
            if node % 2 == 0:
                stack[depth] = node + 1
                depth += 1
            node //= 2
        while depth:
            depth -= 1
            node = stack[depth]
            if not overlap(boxes[node], low, high):
                continue
            if node >= leaves:
                count = search_leaf(i, (node - leaves) * LEAF, corners, faces, within, pairs, ends, count, room)
            else:
                stack[depth], stack[depth + 1] = 2 * node, 2 * node + 1
                depth += 2
    return count


@njit(nogil=True, cache=True)
def search_leaf(i, start, corners, faces, within, pairs, ends, count, room):
    """Return the count of pairs, more by those of face i with the later faces of a leaf, which are written."""
    for j in range(max(start, i + 1), min(start + LEAF, len(faces))):
        if clear_of(corners[i], corners[j]):
            continue
        if cross(corners[i], corners[j], faces[i], faces[j], within, room):
            if count < len(pairs):
                pairs[count, 0], pairs[count, 1] = i, j
                ends[count] = room[:2]
            count += 1
    return count


@njit(nogil=True, cache=True)
def overlap(box, low, high):
    """Return whether two boxes have a point in common."""
    return (
        box[0] <= high[0]
        and box[1] <= high[1]
        and box[2] <= high[2]
        and box[3] >= low[0]
        and box[4] >= low[1]
        and box[5] >= low[2]
    )


@njit(nogil=True, cache=True)
def cross(a, b, names_a, names_b, within, room):
    """Return whether two faces cross, and write the ends of what they share to the first two rows of the room."""
    shared = 0
    shared_a, shared_b = -1, -1
    for k in range(9):
        if names_a[k // 3] == names_b[k % 3]:
            shared_a, shared_b = k // 3, k % 3
            shared += 1
    if shared > 1:
        return False  # at a shared edge they touch
    place, sides_a, sides_b, normal_a, normal_b = room[:2], room[2], room[3], room[4], room[5]
    where_a = sides(b, a, shared_a, within, normal_b, sides_a)
    if where_a == BESIDE:
        return False
    where_b = sides(a, b, shared_b, within, normal_a, sides_b)
    if where_a == WITHIN and where_b == WITHIN:
        return lie_on(a, b, normal_a, normal_b, within, room[6], place)
    if where_a != THROUGH or where_b != THROUGH:
        return False
    one, other = room[6:8], room[8:10]
    chord(a, sides_a, one)
    chord(b, sides_b, other)
    return common(one, other, normal_a, normal_b, within, place)


@njit(nogil=True, cache=True)
def clear_of(a, b):
    """Return whether the boxes around two faces have no point in common."""
    for axis in range(3):
        if max(a[0, axis], a[1, axis], a[2, axis]) < min(b[0, axis], b[1, axis], b[2, axis]):
            return True
        if max(b[0, axis], b[1, axis], b[2, axis]) < min(a[0, axis], a[1, axis], a[2, axis]):
            return True
    return False


@njit(nogil=True, cache=True)
def common(one, other, normal_a, normal_b, within, place):
    """Return whether two chords on the line of two planes share more than a distance, and write the ends of that."""
    along = (
        normal_a[1] * normal_b[2] - normal_a[2] * normal_b[1],
        normal_a[2] * normal_b[0] - normal_a[0] * normal_b[2],
        normal_a[0] * normal_b[1] - normal_a[1] * normal_b[0],
    )
    length = np.sqrt(along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
    if length == 0:
        return False
    end, start_b, end_b = 0.0, 0.0, 0.0
    for axis in range(3):
        unit = along[axis] / length
        end += unit * (one[1, axis] - one[0, axis])
        start_b += unit * (other[0, axis] - one[0, axis])
        end_b += unit * (other[1, axis] - one[0, axis])
    low = max(min(0.0, end), min(start_b, end_b))
    high = min(max(0.0, end), max(start_b, end_b))
    if high - low <= within:
        return False
    for axis in range(3):
        place[0, axis] = one[0, axis] + along[axis] / length * low
        place[1, axis] = one[0, axis] + along[axis] / length * high
    return True


@njit(nogil=True, cache=True)
def sides(face, points, shared, within, normal, out):
    """Return whether three points lie on both sides of a face's plane, beside or within it; write normal and distances.

    A point that is a corner of the face, and one nearer than `within`, has the distance 0. All lies beside a face that
    is nowhere wider than `within`.
    """
    longest = 0.0
    for k in range(3):
        m, p, q = (k + 1) % 3, (k + 1) % 3, (k + 2) % 3
        normal[k] = (face[1, p] - face[0, p]) * (face[2, q] - face[0, q]) - (face[1, q] - face[0, q]) * (
            face[2, p] - face[0, p]
        )
        edge = (face[m, 0] - face[k, 0]) ** 2 + (face[m, 1] - face[k, 1]) ** 2 + (face[m, 2] - face[k, 2]) ** 2
        longest = max(longest, edge)
    size = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    if size <= within * np.sqrt(longest):
        return BESIDE
    above, below = False, False
    for axis in range(3):
        normal[axis] /= size
    for k in range(3):
        out[k] = 0.0
        if k != shared:
            for axis in range(3):
                out[k] += normal[axis] * (points[k, axis] - face[0, axis])
            if abs(out[k]) <= within:
                out[k] = 0.0
        above |= out[k] > 0
        below |= out[k] < 0
    if above and below:
        return THROUGH
    return BESIDE if above or below else WITHIN


@njit(nogil=True, cache=True)
def lie_on(a, b, normal_a, normal_b, within, across, place):
    """Return whether two faces in one plane lie on each other and face the same way, and write a box around that."""
    if normal_a[0] * normal_b[0] + normal_a[1] * normal_b[1] + normal_a[2] * normal_b[2] <= 0:
        return False
    for turn in range(6):  # across each edge the faces must overlap: the axes that could part two triangles
        face = a if turn < 3 else b
        k = turn % 3
        m = (k + 1) % 3
        size = 0.0
        for axis in range(3):
            p, q = (axis + 1) % 3, (axis + 2) % 3
            across[axis] = (face[m, p] - face[k, p]) * normal_a[q] - (face[m, q] - face[k, q]) * normal_a[p]
            size += across[axis] ** 2
        size = np.sqrt(size)
        low_a, high_a, low_b, high_b = np.inf, -np.inf, np.inf, -np.inf
        for j in range(3):
            at_a, at_b = 0.0, 0.0
            for axis in range(3):
                at_a += across[axis] * (a[j, axis] - a[0, axis])
                at_b += across[axis] * (b[j, axis] - a[0, axis])
            low_a, high_a = min(low_a, at_a), max(high_a, at_a)
            low_b, high_b = min(low_b, at_b), max(high_b, at_b)
        if min(high_a, high_b) - max(low_a, low_b) <= within * size:
            return False
    for axis in range(3):
        lows = min(a[0, axis], a[1, axis], a[2, axis]), min(b[0, axis], b[1, axis], b[2, axis])
        highs = max(a[0, axis], a[1, axis], a[2, axis]), max(b[0, axis], b[1, axis], b[2, axis])
        place[0, axis], place[1, axis] = max(lows), min(highs)
    return True


@njit(nogil=True, cache=True)
def chord(face, sides, out):
    """Write the two points where a face's edges meet the plane that its corners lie on both sides of."""
    count = 0
    for k in range(3):
        m = (k + 1) % 3
        if sides[k] == 0:
            out[count] = face[k]
            count += 1
        elif sides[k] * sides[m] < 0:
            share = sides[k] / (sides[k] - sides[m])
            for axis in range(3):
                out[count, axis] = face[k, axis] + share * (face[m, axis] - face[k, axis])
            count += 1
