"""Where a flaw may sit: clear of the wall and of its neighbours, and as its placement says."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, OpType
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from defects.field import thickest
from defects.host import Host
from defects.placement import Placement
from defects.wall import feet_on

DRAWS = 40_000
"""Centres drawn for one flaw: where one in a thousand will do, 40 are still found."""

TRIES = 200
"""Places looked at closely for one flaw, of those that bounds let pass."""

SHELL = 0.05
"""A centre at a depth is drawn in a layer this much deeper, of the depth, and moved straight out."""

LEAST_GAP_MM = 1e-6
"""Nearer than this is touching, which is always too near."""

LEAST_HOLLOW = 1e-9
"""Share of the hull below which hollows are none, but what rounding leaves between a convex host and its hull."""

ENCLOSED = 17
"""Of 26 directions, to the corners, edges and faces of a cube, those in which matter stands before the outside of the
part where powder may lie: in a bore up to its very mouth, and not beside the part."""

MOUTH_COSINE = 0.5
"""A flaw on the surface opens to faces that look within 60 deg of its own z; others are walls to it."""

Points = Float[np.ndarray, "point 3"]
Turns = Float[np.ndarray, "point 3 3"]


class Placer:
    """A host that flaws are placed in one after the other, each clear of those before."""

    def __init__(self, host: Host, taken: Sequence[Manifold] = (), beside: Sequence[Manifold] = ()) -> None:
        """Begin with a host.

        Args:
            host: The solid that flaws sit in [mm].
            taken: Solids in it that flaws must keep their gap to as well [mm].
            beside: Other bodies of its part, whose place is no hollow [mm].
        """
        self.host, self._beside = host, tuple(beside)
        self._hollow, self._hollows = False, None
        self._walls: Manifold | None = None
        self._crowd = _Crowd()
        for solid in taken:
            middle = np.array(solid.bounding_box()).reshape(2, 3).mean(0)
            self._crowd.add(_Shape.of(solid.translate(tuple(-middle))), middle, lambda solid=solid: solid)

    def clouds(self, placement: Placement, rng: np.random.Generator) -> Placement:
        """Return the placement with the centres of its clouds drawn, uniform in the host; others as they are."""
        found: list[tuple[float, ...]] = []
        voxels = self.host.field.deep(0.0) if placement.clusters else np.zeros(0, int)
        while len(found) < placement.clusters:
            point = self.host.field.drawn_mm(rng, voxels, 1)[0]
            if self.host.contains(point):
                found.append(tuple(map(float, point)))
        return replace(placement, centres_mm=tuple(found))

    def place(self, flaw: Any, rng: np.random.Generator, placement: Placement) -> Any | None:
        """Return the flaw moved to a random place, or None if none was found; later ones keep their gap to it.

        Places are drawn as the placement says and rejected as a whole, so that the centre is uniform over all that
        keep their distances: no direction and no part of the host is preferred. What is added to a part, as powder is,
        has its centre in the hollows of the host's convex hull instead, with walls on most sides (ENCLOSED);
        it may touch them.

        Args:
            flaw: A record of any kind, with its centre anywhere.
            rng: Where the places come from.
            placement: Where it may go; with the centres of its clouds.
        """
        if getattr(flaw, "added", False) and not self._hollow:
            hollows = self._in_hollows()
            return hollows and hollows.place(flaw, rng, replace(placement, breaks_surface=True))
        shape = _Shape.of(replace(flaw, centre_mm=(0.0, 0.0, 0.0)).solid())
        tried = 0
        for points, turns in self._drawn(shape, rng, placement):
            points, turns, most_mm = self._possible(shape, points, turns, placement)
            for point, turn, most in zip(points, turns, most_mm, strict=True):
                if not placement.on_surface and not self.host.contains(point):
                    continue
                if self._walls is not None and not _is_enclosed(point, self._walls):
                    continue
                if (tried := tried + 1) > TRIES:
                    return None
                if self._clear(shape, point, turn, float(most), placement):
                    placed = _moved(flaw, point, turn)
                    self._crowd.add(shape, point, placed.solid)
                    return placed
        return None

    def _in_hollows(self) -> "Placer | None":
        """Return what places in the hollows; the crowd is the same. None where there are none."""
        if self._hollows is None:
            hull = self.host.solid.hull()
            free = Manifold.batch_boolean([hull, self.host.solid, *self._beside], OpType.Subtract)
            if free.volume() <= LEAST_HOLLOW * hull.volume():
                return None
            self._hollows = Placer(Host(solid=free))
            self._hollows._hollow, self._hollows._crowd = True, self._crowd
            self._hollows._walls = Manifold.batch_boolean([self.host.solid, *self._beside], OpType.Add)
        return self._hollows

    def _drawn(self, shape: "_Shape", rng: np.random.Generator, placement: Placement) -> Iterator[tuple[Points, Turns]]:
        """Yield places, ever more at a time."""
        draw = self._way(shape, placement)
        count, drawn = 8, 0
        while draw and drawn < DRAWS:
            yield draw(rng, count)
            drawn += count
            count = min(2 * count, 1024)

    def _possible(
        self, shape: "_Shape", points: Points, turns: Turns, placement: Placement
    ) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, " possible"]]:
        """Return the places that bounds alone do not rule out, and how far the wall is at most from each."""
        if placement.on_surface or placement.breaks_surface or len(points) == 0:
            return points, turns, np.full(len(points), np.inf)
        most_mm = self.host.wall.most_mm(points)
        possible = most_mm >= shape.core_mm + placement.wall_mm
        return points[possible], turns[possible], most_mm[possible]

    def _clear(
        self, shape: "_Shape", point: Float[np.ndarray, "3"], turn: Float[np.ndarray, "3 3"], most_mm: float,
        placement: Placement,
    ) -> bool:  # fmt: skip
        """Return whether a flaw there keeps its distances to walls and neighbours."""
        if self._crowd.surely_near(shape, point, placement.gap_mm):
            return False
        if not placement.breaks_surface:
            clear = self._mouth_alone_is_open if placement.on_surface else self._inside
            if not clear(shape, point, turn, most_mm, max(placement.wall_mm, LEAST_GAP_MM)):
                return False
        return not self._crowd.near(shape, point, turn, placement.gap_mm)

    def _inside(self, shape: "_Shape", point: np.ndarray, turn: np.ndarray, most_mm: float, wall_mm: float) -> bool:
        wall = self.host.wall
        if most_mm - wall.cover_mm >= shape.radius_mm + wall_mm:
            return True
        distance = wall.nearest(point[None], np.array([most_mm]))[0][0]
        if distance >= shape.radius_mm + wall_mm:
            return True
        tips = point + shape.tips_mm @ turn.T
        if distance < shape.core_mm + wall_mm or np.any(wall.most_mm(tips) < wall_mm * (1 - 1e-9)):
            return False
        if not all(self.host.contains(tip) for tip in tips):
            return False
        faces = wall.near(point, shape.radius_mm + wall_mm)
        return wall.piece(faces).min_gap(shape.at(point, turn), wall_mm) >= wall_mm * (1 - 1e-9)

    def _mouth_alone_is_open(
        self, shape: "_Shape", point: np.ndarray, turn: np.ndarray, _most_mm: float, wall_mm: float
    ) -> bool:
        wall = self.host.wall
        faces = wall.near(point, shape.radius_mm + wall_mm)
        faces = faces[wall.normals[faces] @ turn[:, 2] <= MOUTH_COSINE]
        feet = feet_on(wall.corners_mm[faces], np.broadcast_to(point, (len(faces), 3)))
        faces = faces[np.linalg.norm(feet - point, axis=1) < shape.radius_mm + wall_mm]
        if len(faces) == 0:
            return True
        return wall.piece(faces).min_gap(shape.at(point, turn), wall_mm) >= wall_mm * (1 - 1e-9)

    # --- ways to draw places ---

    def _way(
        self, shape: "_Shape", placement: Placement
    ) -> Callable[[np.random.Generator, int], tuple[Points, Turns]] | None:
        """Return what draws so many places and turns; None where there can be none."""
        field = self.host.field
        if placement.along_mm:
            return lambda rng, count: self._along(rng, count, placement)
        if placement.on_surface:
            return self._on_surface
        if placement.layer_mm is not None:
            return lambda rng, count: self._on_layers(rng, count, placement)
        if placement.clusters:
            return lambda rng, count: _still(_in_clouds(rng, count, placement))
        voxels = field.deep(0.0 if placement.breaks_surface else shape.core_mm + placement.wall_mm)
        if placement.wall_depth_mm is not None:
            depth_mm = placement.wall_depth_mm
            band = np.intersect1d(voxels, field.deep(depth_mm, depth_mm * (1 + SHELL)))
            return (lambda rng, count: _still(self._at_depth(rng, count, band, depth_mm))) if len(band) else None
        if placement.thickest is not None:
            voxels = np.intersect1d(voxels, thickest(self.host.thickness_mm, placement.thickest))
        return (lambda rng, count: _still(field.drawn_mm(rng, voxels, count))) if len(voxels) else None

    def _at_depth(self, rng: np.random.Generator, count: int, voxels: np.ndarray, depth_mm: float) -> Points:
        """Return points at that depth: of a thin shell, each moved towards the foot it already has on the wall.

        The shell has the same volume over each patch of the surface at that depth, but for bends of it.
        """
        wall, points = self.host.wall, self.host.field.drawn_mm(rng, voxels, count)
        most_mm = wall.most_mm(points)
        may = (most_mm >= depth_mm) & (most_mm - wall.cover_mm <= depth_mm * (1 + SHELL))
        points = points[may]
        distance, feet, _ = wall.nearest(points, most_mm[may])
        at = (distance >= depth_mm) & (distance < depth_mm * (1 + SHELL))
        return feet[at] + (points[at] - feet[at]) * (depth_mm / distance[at])[:, None]

    def _on_surface(self, rng: np.random.Generator, count: int) -> tuple[Points, Turns]:
        wall = self.host.wall
        sums = np.cumsum(wall.areas_mm2)
        face = np.minimum(np.searchsorted(sums, rng.uniform(0, sums[-1], count), side="right"), len(sums) - 1)
        # the square root makes it uniform in the triangle
        near, side = np.sqrt(rng.random(count))[:, None], rng.random(count)[:, None]
        a, b, c = np.moveaxis(wall.corners_mm[face], 1, 0)
        points = (1 - near) * a + near * (1 - side) * b + near * side * c
        return points, _spun(rng, wall.normals[face])

    def _on_layers(self, rng: np.random.Generator, count: int, placement: Placement) -> tuple[Points, Turns]:
        low, high = self.host.box_mm
        normal = np.array(placement.normal, float) / np.linalg.norm(placement.normal)
        across = _frames(normal[None], np.zeros(1))[0]
        corners = np.stack(np.meshgrid(*np.column_stack([low, high])), axis=-1).reshape(-1, 3) @ across
        first, last = corners.min(0), corners.max(0)
        layers = np.ceil(first[2] / placement.layer_mm), np.floor(last[2] / placement.layer_mm)
        if layers[0] > layers[1]:
            return _still(np.zeros((0, 3)))
        points = rng.uniform(first, last, (count, 3))
        points[:, 2] = rng.integers(int(layers[0]), int(layers[1]), count, endpoint=True) * placement.layer_mm
        points = points @ across.T
        within = np.all((points >= low) & (points <= high), axis=1)
        return points[within], _spun(rng, np.broadcast_to(normal, (count, 3)))[within]

    def _along(self, rng: np.random.Generator, count: int, placement: Placement) -> tuple[Points, Turns]:
        """Return points beside a line; the own z of a flaw points away from it, or along the nearest wall's normal."""
        line = np.array(placement.along_mm, float)
        lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
        way = rng.uniform(0, lengths.sum(), count)
        piece = np.minimum(np.searchsorted(np.cumsum(lengths), way, side="right"), len(lengths) - 1)
        ahead = (np.diff(line, axis=0) / lengths[:, None])[piece]
        points = line[piece] + (way - (np.cumsum(lengths) - lengths)[piece])[:, None] * ahead
        up = _frames(ahead, rng.uniform(0, 2 * np.pi, count))[:, :, 0]
        points = points + placement.off_mm * up
        if placement.on_surface:
            _, points, face = self.host.wall.nearest(points)
            up = self.host.wall.normals[face]
            ahead = ahead - np.einsum("pi,pi->p", ahead, up)[:, None] * up
            flat = np.linalg.norm(ahead, axis=1) > 1e-6  # a line that meets the wall head on has no direction on it
            points, up, ahead = points[flat], up[flat], ahead[flat]
            ahead /= np.linalg.norm(ahead, axis=1)[:, None]
        return points, np.stack([ahead, np.cross(up, ahead), up], axis=2)


def _is_enclosed(point_mm: Float[np.ndarray, "3"], walls: Manifold) -> bool:
    """Return whether walls stand about a point on most sides."""
    box = np.array(walls.bounding_box())
    far = float(np.linalg.norm(box[3:] - box[:3]))
    ways = np.array([way for way in itertools.product((-1.0, 0.0, 1.0), repeat=3) if any(way)])
    ends = point_mm + far * ways / np.linalg.norm(ways, axis=1)[:, None]
    return sum(bool(walls.ray_cast(tuple(point_mm), tuple(end))) for end in ends) >= ENCLOSED


@dataclass(frozen=True, kw_only=True, eq=False)
class _Shape:
    """A flaw about its own origin.

    Attributes:
        solid: Its surface [mm].
        radius_mm: Of the ball about the origin that holds it.
        core_mm: Of a ball about the origin that it holds; 0 where the origin is outside.
    """

    solid: Manifold
    radius_mm: float
    core_mm: float

    @classmethod
    def of(cls, solid: Manifold) -> "_Shape":
        points, faces = _mesh(solid)
        a, b, c = (points[faces[:, i]] for i in range(3))
        normals = np.cross(b - a, c - a)
        lengths = np.sqrt((normals * normals).sum(1))
        flat = lengths > 0
        heights = np.abs((normals * a).sum(1))[flat] / lengths[flat]  # no face is nearer than its plane
        within = heights.min() > 0 and Host(solid=solid).contains(np.zeros(3))
        radius = float(np.sqrt((points * points).sum(1).max()))
        return cls(solid=solid, radius_mm=radius, core_mm=float(heights.min()) if within else 0.0)

    @cached_property
    def tips_mm(self) -> Points:
        """Some of its corners, with one at least of each piece of it."""
        points, faces = _mesh(self.solid)
        edges = np.concatenate([faces[:, :2], faces[:, 1:]])
        graph = coo_array((np.ones(len(edges), bool), tuple(edges.T)), shape=(len(points),) * 2)
        pieces = np.unique(connected_components(graph, directed=False)[1], return_index=True)[1]
        return points[np.union1d(pieces, np.argmax(points @ _DIRECTIONS.T, axis=0))]

    def at(self, point: np.ndarray, turn: np.ndarray) -> Manifold:
        """Return the solid turned, then moved to a point."""
        return self.solid.transform(np.column_stack([turn, point]))


class _Crowd:
    """Flaws that have their place, to be asked which of them are near."""

    def __init__(self) -> None:
        self._solids: list[Callable[[], Manifold]] = []  # made again where they are asked for: thousands are large
        self._balls = np.zeros((64, 5))  # x, y, z, radius_mm, core_mm

    def add(self, shape: _Shape, point: np.ndarray, solid: Callable[[], Manifold]) -> None:
        count = len(self._solids)
        if count == len(self._balls):
            self._balls = np.concatenate([self._balls, np.zeros_like(self._balls)])
        self._balls[count] = (*point, shape.radius_mm, shape.core_mm)
        self._solids.append(solid)

    def surely_near(self, shape: _Shape, point: np.ndarray, gap_mm: float) -> bool:
        """Return whether some ball inside a flaw is already nearer than the gap; no is no answer."""
        balls = self._balls[: len(self._solids)]
        both = (balls[:, 4] > 0) & (shape.core_mm > 0)
        return bool(np.any(both & (_away(balls, point) < balls[:, 4] + shape.core_mm + gap_mm)))

    def near(self, shape: _Shape, point: np.ndarray, turn: np.ndarray, gap_mm: float) -> bool:
        """Return whether the gap to some flaw is below the least one."""
        balls, gap_mm = self._balls[: len(self._solids)], max(gap_mm, LEAST_GAP_MM)
        close = np.flatnonzero(_away(balls, point) < balls[:, 3] + shape.radius_mm + gap_mm)
        if len(close) == 0:
            return False
        solid = shape.at(point, turn)
        return any(_too_near(self._solids[i](), solid, gap_mm) for i in close)


_DIRECTIONS = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3), axis=-1).reshape(-1, 3)


def _mesh(solid: Manifold) -> tuple[Points, Int[np.ndarray, "face 3"]]:
    mesh = solid.to_mesh64()
    return np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts).astype(np.int64)


def _away(balls: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.sqrt(((balls[:, :3] - point) ** 2).sum(1))


def _too_near(other: Manifold, solid: Manifold, least_mm: float) -> bool:
    a, b = np.array(other.bounding_box()), np.array(solid.bounding_box())
    if np.any(a[:3] - b[3:] > least_mm) or np.any(b[:3] - a[3:] > least_mm):
        return False
    return other.min_gap(solid, least_mm) < least_mm * (1 - 1e-9)


def _in_clouds(rng: np.random.Generator, count: int, placement: Placement) -> Points:
    centres = np.array(placement.centres_mm, float)
    return centres[rng.integers(len(centres), size=count)] + placement.spread_mm * rng.normal(size=(count, 3))


def _still(points: Points) -> tuple[Points, Turns]:
    return points, np.broadcast_to(np.eye(3), (len(points), 3, 3))


def _spun(rng: np.random.Generator, normals: Points) -> Turns:
    """Return turns that take z to the normals and x to any side."""
    return _frames(normals, rng.uniform(0, 2 * np.pi, len(normals)))


def _frames(normals: Points, angles: Float[np.ndarray, " point"]) -> Turns:
    """Return right-handed frames whose z are the normals; their x is turned about it by an angle [rad]."""
    least = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    x = np.cross(normals, least)
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.cross(normals, x)
    x = np.cos(angles)[:, None] * x + np.sin(angles)[:, None] * y
    return np.stack([x, np.cross(normals, x), normals], axis=2)


def _moved(flaw: Any, point: np.ndarray, turn: np.ndarray) -> Any:
    """Return the record there, turned before it is moved."""
    centre = tuple(map(float, point))
    if np.array_equal(turn, np.eye(3)):
        return replace(flaw, centre_mm=centre)
    turned = Rotation.from_matrix(turn) * Rotation.from_quat(flaw.quaternion, scalar_first=True)
    return replace(flaw, centre_mm=centre, quaternion=tuple(map(float, turned.as_quat(True, scalar_first=True))))
