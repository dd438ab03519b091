"""Solids drawn along a path: lofts, tubes, and paths with rounded bends."""

import math
from collections.abc import Sequence

import numpy as np
from manifold3d import Manifold, Mesh64, triangulate

from scenes.library._shapes import segments


def loft(rings: np.ndarray, outline: np.ndarray) -> Manifold:
    """Return the solid through rings of equally many points, closed by flat ends.

    Args:
        rings: Points [mm], `ring point 3`, counter-clockwise when looked at against the direction of the loft.
        outline: One ring laid flat, `point 2`, by which both ends are cut into triangles.
    """
    count, size, _ = rings.shape
    start = (np.arange(count - 1)[:, None] * size + np.arange(size)).ravel()
    beside = (np.arange(count - 1)[:, None] * size + np.roll(np.arange(size), -1)).ravel()
    sides = np.vstack([np.c_[start, beside, beside + size], np.c_[start, beside + size, start + size]])
    cap = np.asarray(triangulate([outline]))
    faces = np.vstack([sides, cap[:, ::-1], cap + (count - 1) * size])
    return Manifold(Mesh64(rings.reshape(-1, 3), faces.astype(np.uint64)))


def frames(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two normals for each point of a path, carried along without spin."""
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    first = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    normals = []
    for tangent in tangents:
        across = first - (first @ tangent) * tangent
        first = across / np.linalg.norm(across)
        normals.append(first)
    return np.array(normals), np.cross(tangents, normals)


def sweep(outline: np.ndarray, path: np.ndarray, scale: np.ndarray | float = 1.0) -> Manifold:
    """Return an outline [mm] (`point 2`, counter-clockwise) drawn along a path (`ring 3`), scaled ring by ring."""
    u, v = frames(path)
    flat = np.broadcast_to(scale, len(path))[:, None, None] * outline
    rings = path[:, None] + flat[..., :1] * u[:, None] + flat[..., 1:] * v[:, None]
    return loft(rings, outline)


def tube(path: Sequence[Sequence[float] | np.ndarray] | np.ndarray, radius_mm: np.ndarray | float) -> Manifold:
    """Return a round bar along a path; `radius_mm` is one number, or one for each point."""
    angle = 2 * math.pi * np.arange(n := segments(float(np.max(radius_mm)))) / n
    return sweep(np.c_[np.cos(angle), np.sin(angle)], np.asarray(path, dtype=float), radius_mm)


def rounded_path(points: Sequence[Sequence[float] | np.ndarray], bend_mm: float) -> np.ndarray:
    """Return a polyline whose inner corners are arcs of radius `bend_mm`, `ring 3`."""
    corners = np.asarray(points, dtype=float)
    path = [corners[:1]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        back = (before - corner) / np.linalg.norm(before - corner)
        ahead = (after - corner) / np.linalg.norm(after - corner)
        half = math.acos(float(np.clip(back @ ahead, -1, 1))) / 2
        centre = corner + (back + ahead) / np.linalg.norm(back + ahead) * bend_mm / math.sin(half)
        turn = math.pi - 2 * half
        # A fat tube's outer side has about twice the bend's radius; twice the angle's share of facets covers it.
        angle = np.linspace(-turn / 2, turn / 2, 2 + math.ceil(segments(2 * bend_mm) * turn / (2 * math.pi)))
        inward = (corner - centre) / np.linalg.norm(corner - centre)
        along = (ahead - back) / np.linalg.norm(ahead - back)
        path.append(centre + bend_mm * (np.cos(angle)[:, None] * inward + np.sin(angle)[:, None] * along))
    return np.vstack([*path, corners[-1:]])
