"""How far it is from a point to the surface of a solid: bounds for many points at once, and the distance itself."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, Mesh64
from scipy.spatial import cKDTree

SAMPLES = 30_000
"""About so many points stand for a surface, and some for each of its faces."""

Points = Float[np.ndarray, "point 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Wall:
    """The faces of a solid, and points among them that lie so close together that none of it is far from one.

    Attributes:
        corners_mm: Of each face.
        normals: Of each face, unit vectors that point away from the matter.
        samples: A tree of the points.
        owner: The face that each point lies in.
        cover_mm: No point of a face is farther from one of its own samples.
    """

    corners_mm: Float[np.ndarray, "face 3 3"]
    normals: Float[np.ndarray, "face 3"]
    samples: cKDTree
    owner: Int[np.ndarray, " sample"]
    cover_mm: float

    @classmethod
    def of(cls, solid: Manifold, edge_mm: float) -> "Wall":
        """Return the wall of a solid, with a sample to each piece of a face of at most `edge_mm`, or of more."""
        mesh = solid.to_mesh64()
        corners = np.asarray(mesh.vert_properties)[:, :3][np.asarray(mesh.tri_verts)]
        crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        doubled = np.linalg.norm(crosses, axis=1)
        corners, crosses, doubled = corners[doubled > 0], crosses[doubled > 0], doubled[doubled > 0]
        longest = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(1)
        most = 3 * len(corners) + SAMPLES
        # slivers are cut along their length alone
        while 1.5 * longest[longest > edge_mm].sum() / edge_mm + 2 * doubled.sum() / edge_mm**2 > most:
            edge_mm *= 1.2
        pieces, owner = bisected(corners, edge_mm)
        middles = pieces.mean(1)
        return cls(
            corners_mm=corners,
            normals=crosses / doubled[:, None],
            samples=cKDTree(middles, balanced_tree=False),
            owner=owner,
            cover_mm=float(np.linalg.norm(pieces - middles[:, None], axis=2).max()),
        )

    @cached_property
    def areas_mm2(self) -> Float[np.ndarray, " face"]:
        """The area of each face."""
        a, b, c = np.moveaxis(self.corners_mm, 1, 0)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    def most_mm(self, points_mm: Points) -> Float[np.ndarray, " point"]:
        """Return a distance that the wall is at most away, and at least after `cover_mm` is taken off."""
        return self.samples.query(points_mm)[0]

    def nearest(
        self, points_mm: Points, most_mm: Float[np.ndarray, " point"] | None = None
    ) -> tuple[Float[np.ndarray, " point"], Points, Int[np.ndarray, " point"]]:
        """Return for each point the exact distance to the wall, the nearest point of it, and the face that one is in.

        Args:
            points_mm: From where.
            most_mm: What `most_mm` told of them, where it is known.
        """
        if len(points_mm) == 0:
            return np.zeros(0), np.zeros((0, 3)), np.zeros(0, int)
        reach = (self.most_mm(points_mm) if most_mm is None else most_mm) * (1 + 1e-12) + self.cover_mm
        found = self.samples.query_ball_point(points_mm, reach)
        counts = np.array([len(near) for near in found])
        point = np.repeat(np.arange(len(points_mm)), counts)
        pairs = np.unique(point * len(self.corners_mm) + self.owner[np.concatenate(found).astype(int)])
        point, face = np.divmod(pairs, len(self.corners_mm))
        feet = feet_on(self.corners_mm[face], points_mm[point])
        distances = np.linalg.norm(feet - points_mm[point], axis=1)
        best = np.lexsort((distances, point))[np.searchsorted(point, np.arange(len(points_mm)))]
        return distances[best], feet[best], face[best]

    def near(self, point_mm: Float[np.ndarray, "3"], radius_mm: float) -> Int[np.ndarray, "near"]:
        """Return all faces within a radius of a point, and some a little beyond."""
        return np.unique(self.owner[self.samples.query_ball_point(point_mm, radius_mm + self.cover_mm)])

    def piece(self, faces: Int[np.ndarray, "near"]) -> Manifold:
        """Return some faces as a solid: each is the base of a very flat tetrahedron that lies outside the matter.

        The gap to it from inside the matter is that to the faces, and it costs no more than they are many.
        """
        count, corners = len(faces), self.corners_mm[faces]
        height_mm = 1e-6 * float(self.samples.maxes.max() - self.samples.mins.min())
        tips = corners.mean(1) + height_mm * self.normals[faces]
        a, b, c, tip = 3 * np.arange(count), 3 * np.arange(count) + 1, 3 * np.arange(count) + 2, np.arange(count)
        tip = tip + 3 * count
        sides = [np.column_stack(side) for side in ((a, c, b), (a, b, tip), (b, c, tip), (c, a, tip))]
        return Manifold(
            Mesh64(
                vert_properties=np.concatenate([corners.reshape(-1, 3), tips]),
                tri_verts=np.concatenate(sides).astype(np.uint64),
            )
        )


def bisected(
    corners_mm: Float[np.ndarray, "face 3 3"], edge_mm: float
) -> tuple[Float[np.ndarray, "piece 3 3"], Int[np.ndarray, " piece"]]:
    """Return triangles halved across their longest edge until none is longer, and which one each is a piece of."""
    owner, pieces, owners = np.arange(len(corners_mm)), [], []
    while len(corners_mm):
        edges = np.linalg.norm(np.roll(corners_mm, -1, axis=1) - corners_mm, axis=2)
        longest, long = np.argmax(edges, axis=1), edges.max(1) > edge_mm
        pieces.append(corners_mm[~long])
        owners.append(owner[~long])
        order = (longest[long, None] + np.arange(3)) % 3
        a, b, c = np.moveaxis(np.take_along_axis(corners_mm[long], order[:, :, None], axis=1), 1, 0)
        middle = (a + b) / 2
        corners_mm = np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
        owner = np.concatenate([owner[long], owner[long]])
    return np.concatenate(pieces), np.concatenate(owners)


def feet_on(corners_mm: Float[np.ndarray, "pair 3 3"], points_mm: Float[np.ndarray, "pair 3"]) -> Points:
    """Return the point of each triangle that is nearest to a point: under it, or else on the nearest edge."""
    edges = np.roll(corners_mm, -1, axis=1) - corners_mm
    normal = np.cross(edges[:, 0], edges[:, 1])
    away = points_mm[:, None] - corners_mm
    inside = np.all(np.einsum("pei,pei->pe", np.cross(normal[:, None], edges), away) >= 0, axis=1)
    height = np.einsum("pi,pi->p", away[:, 0], normal) / np.einsum("pi,pi->p", normal, normal)
    share = np.clip(np.einsum("pei,pei->pe", away, edges) / np.einsum("pei,pei->pe", edges, edges), 0, 1)
    on_edges = corners_mm + share[:, :, None] * edges
    best = np.argmin(np.linalg.norm(points_mm[:, None] - on_edges, axis=2), axis=1)
    on_edge = on_edges[np.arange(len(best)), best]
    return np.where(inside[:, None], points_mm - height[:, None] * normal, on_edge)
