"""Closed forms of path lengths, and the scanner that they are looked at with."""

import numpy as np
from manifold3d import Manifold

from ctsim.geometry import Geometry, circular


def scanner(views=1, rows=64, columns=80, pixel_mm=1.0, start_deg=0.0) -> Geometry:
    """Return a circular scan at magnification 2, views evenly over a full turn."""
    angles = start_deg + np.arange(views) * 360 / views
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=rows, columns=columns, pixel_mm=pixel_mm,
        angles_deg=angles,
    )  # fmt: skip


def rays_of(geometry: Geometry, view: int = 0) -> np.ndarray:
    """Return the way from the source to the centre of every pixel [row col 3]."""
    rows, columns = np.mgrid[: geometry.rows, : geometry.columns] + 0.5
    corner, u, v = geometry.corner_ray_mm[view], geometry.u_mm[view], geometry.v_mm[view]
    return corner + columns[..., None] * u + rows[..., None] * v


def chord_of_ball(centre_mm, radius_mm: float, geometry: Geometry, view: int = 0) -> np.ndarray:
    """Return the exact chord of a ball: by Pythagoras from the distance at which the ray passes its centre."""
    rays = rays_of(geometry, view)
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    to_centre = np.asarray(centre_mm) - geometry.source_mm[view]
    passing2 = to_centre @ to_centre - (unit @ to_centre) ** 2
    return 2 * np.sqrt(np.clip(radius_mm**2 - passing2, 0, None))


def chord_of_convex(solid: Manifold, geometry: Geometry, view: int = 0) -> np.ndarray:
    """Return the exact chord of a convex solid: over all face planes, from the largest entry to the smallest exit."""
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
