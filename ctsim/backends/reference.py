r"""Path lengths by plain ray casting with exact decisions: slow, and the truth that the other backends are held to.

Nothing of the fast kernel is used here: no raster, no lattice, no plane equations, no compiler. A ray $r$ from the
source $S$ passes the edge from $a$ to $b$ on the side

$$ s_{ab} = r \cdot (a' \times b'), \qquad a' = a - S, \quad b' = b - S $$

and goes through a triangle where the three sides agree. There it has come the share

$$ \lambda = \frac{s_{bc} w_a + s_{ca} w_b + s_{ab} w_c}{s_{bc} + s_{ca} + s_{ab}} $$

of its way to the detector, with $w$ the share at which a corner lies: an average with weights of one sign, so it never
leaves the triangle's own range, however edge-on the face is seen (Plücker coordinates: Shoemake, Ray Tracing News
11(1), 1998; signed volumes: Möller and Trumbore, J. Graphics Tools 2, 1997).

A sign that rounding could have turned is decided again in unbounded integers. A ray that meets an edge or a corner
exactly is thought of as moved by $(\varepsilon, \varepsilon^2, \varepsilon^3)$ (Edelsbrunner and Mücke, ACM Trans.
Graphics 9, 1990). So every ray meets as many entries as exits of a closed surface.

Choose it with `scan: backend: reference` to check a small scan: at 100 x 100 pixels and 5000 triangles a view takes
some seconds.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from ctsim.backends.mesh import OpenSurface, Triangles
from ctsim.geometry import Geometry

CROSSINGS_AT_ONCE = 2_000_000
"""Rays times edges that are held in memory at once: 16 MB an array."""

ROUNDING = 16 * np.finfo(float).eps
"""Of a side, in units of |r| |a'| |b'|: its products and sums round less than ten times, each by half of eps."""


def path_lengths(
    triangles: Triangles, geometry: Geometry, materials: int
) -> Iterator[tuple[slice, Float[np.ndarray, "view material row col"]]]:
    """Yield the path of every ray in every material [mm], one view at a time.

    Args:
        triangles: The specimen; every surface closed and its faces counter-clockwise seen from outside.
        geometry: Source and detector per view; the whole specimen lies in front of the source.
        materials: How many materials there are.

    Raises:
        OpenSurface: A ray met more entries than exits or the other way round.
    """
    for view in range(geometry.views):
        rays = rays_of(geometry, view).reshape(-1, 3)
        depths = np.zeros((materials, len(rays)))
        for material in range(materials):
            faces = triangles.faces[triangles.materials == material]
            share, leaks = _shares(triangles.vertices_mm, faces, rays, geometry, view)
            if leaks:
                raise OpenSurface(leaks, slice(view, view + 1))
            depths[material] = share * np.linalg.norm(rays, axis=1)
        yield slice(view, view + 1), depths.reshape(1, materials, geometry.rows, geometry.columns).astype(np.float32)


def rays_of(geometry: Geometry, view: int) -> Float[np.ndarray, "row col 3"]:
    """Return the way from the source to the centre of every pixel [mm]."""
    columns = np.arange(geometry.columns)[None, :, None] + 0.5
    rows = np.arange(geometry.rows)[:, None, None] + 0.5
    return geometry.corner_ray_mm[view] + columns * geometry.u_mm[view] + rows * geometry.v_mm[view]


def _shares(
    vertices_mm: Float[np.ndarray, "vertex 3"],
    faces: Int[np.ndarray, "face 3"],
    rays: Float[np.ndarray, "ray 3"],
    geometry: Geometry,
    view: int,
) -> tuple[Float[np.ndarray, " ray"], int]:
    """Return which share of its way each ray runs inside the surface, and how many rays found it open."""
    source = geometry.source_mm[view]
    corners = vertices_mm - source
    weight = corners @ geometry.normal[view] / geometry.distance_mm[view]
    edges, of_face, turned = _edges(faces)
    total, windings = np.zeros(len(rays)), np.zeros(len(rays), np.int64)
    step = max(1, CROSSINGS_AT_ONCE // max(len(edges), 1))
    for first in range(0, len(rays), step):
        some = slice(first, first + step)
        sides, signs = _sides(vertices_mm, source, edges, rays[some])
        ab, bc, ca = (signs[of_face[:, i]] * turned[:, i, None] for i in range(3))
        face, ray = np.nonzero((ab == bc) & (bc == ca) & (ab != 0))
        # the edge opposite to a corner is the next but one: of edges ab, bc, ca those of a, b, c are bc, ca, ab
        opposite = np.abs(sides[of_face[face][:, [1, 2, 0]], ray[:, None]]) + np.finfo(float).tiny
        depth = np.sum(opposite * weight[faces[face]], axis=1) / opposite.sum(1)
        out = ab[face, ray]  # a face seen from inside is where the ray leaves
        np.add.at(total[some], ray, out * depth)
        np.add.at(windings[some], ray, out)
    return total, int(np.count_nonzero(windings))


def _edges(
    faces: Int[np.ndarray, "face 3"],
) -> tuple[Int[np.ndarray, "edge 2"], Int[np.ndarray, "face 3"], Int[np.ndarray, "face 3"]]:
    """Return every edge once, lower corner first; the edges ab, bc, ca of each face; and 1 or -1 where it is turned."""
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2)
    turned = np.where(ends[..., 0] < ends[..., 1], 1, -1).astype(np.int8)
    edges, of_face = np.unique(np.sort(ends, axis=2).reshape(-1, 2), axis=0, return_inverse=True)
    return edges, of_face.reshape(faces.shape), turned


def _sides(
    vertices_mm: Float[np.ndarray, "vertex 3"],
    source: Float[np.ndarray, "3"],
    edges: Int[np.ndarray, "edge 2"],
    rays: Float[np.ndarray, "ray 3"],
) -> tuple[Float[np.ndarray, "edge ray"], Int[np.ndarray, "edge ray"]]:
    """Return on which side of each edge each ray passes: the signed volume, and its sign (exact)."""
    a, b = (vertices_mm[edges[:, i]] - source for i in range(2))
    sides = np.cross(a, b) @ rays.T
    signs = np.sign(sides).astype(np.int8)
    size = np.multiply.outer(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), np.linalg.norm(rays, axis=1))
    edge, ray = np.nonzero(np.abs(sides) <= ROUNDING * size)
    signs[edge, ray] = _exact_signs(source, *vertices_mm[edges[edge]].transpose(1, 0, 2), rays[ray])
    return sides, signs


def _exact_signs(
    source: Float[np.ndarray, "3"],
    starts: Float[np.ndarray, "case 3"],
    ends: Float[np.ndarray, "case 3"],
    rays: Float[np.ndarray, "case 3"],
) -> Int[np.ndarray, " case"]:
    """Return the signs of r . ((a - S) x (b - S)) in unbounded integers, r moved by (e, e^2, e^3) where it is zero.

    It is 0 where the source lies on the edge's line: there no moved ray can meet it.
    """
    s, a, b, r = (_whole(vectors) for vectors in (source, starts, ends, rays))
    (px, py, pz), (qx, qy, qz) = (a - s).T, (b - s).T
    normal = np.stack([py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx], axis=1)
    signs = np.zeros(len(rays), np.int8)
    for value in (np.sum(r * normal, axis=1), *normal.T):
        signs = np.where(signs == 0, (value > 0).astype(np.int8) - (value < 0).astype(np.int8), signs)
    return signs


def _whole(vectors_mm: Float[np.ndarray, "..."]) -> np.ndarray:
    """Return lengths in Python's integers, in steps of 2^-60 mm: finer than any double above a hundredth of a mm."""
    return np.frompyfunc(int, 1, 1)(vectors_mm * 2.0**60)
