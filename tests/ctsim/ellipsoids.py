"""Ellipsoids and boxes: bodies whose projections and whose voxels are closed forms."""

from dataclasses import dataclass

import numpy as np

from ctsim.geometry import Geometry, Grid


@dataclass(frozen=True, kw_only=True)
class Ellipsoid:
    """A body of one value, its axes along x, y and z; a box where it says so.

    Attributes:
        centre_mm: Its centre (x, y, z).
        radii_mm: Half its extent along x, y and z.
        value: What it adds [1/mm].
        box: Whether it is a box.
    """

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    value: float = 1.0
    box: bool = False


def projections_of(bodies: tuple[Ellipsoid, ...], geometry: Geometry) -> np.ndarray:
    """Return the line integrals to the pixel centres [view row col]."""
    images = np.zeros((geometry.views, geometry.rows, geometry.columns), np.float32)
    columns, rows = (np.arange(n)[:, None] + 0.5 for n in (geometry.columns, geometry.rows))
    for view, image in enumerate(images):
        ray = geometry.corner_ray_mm[view] + columns * geometry.u_mm[view]
        ray = ray + (rows * geometry.v_mm[view])[:, None]
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        for body in bodies:
            image += body.value * _chord(body, geometry.source_mm[view], ray)
    return images


def _chord(body: Ellipsoid, source: np.ndarray, ray: np.ndarray) -> np.ndarray:
    start, along = (source - body.centre_mm) / np.array(body.radii_mm), ray / np.array(body.radii_mm)
    if body.box:
        along = np.where(np.abs(along) < 1e-12, 1e-12, along)
        ends = (-1 - start) / along, (1 - start) / along
        return np.maximum(np.maximum(*ends).min(-1) - np.minimum(*ends).max(-1), 0)
    square, half = np.sum(along**2, -1), np.sum(along * start, -1)
    return 2 * np.sqrt(np.maximum(half**2 - square * (np.sum(start**2) - 1), 0)) / square


def inside(body: Ellipsoid, grid: Grid, share: float = 0.8) -> np.ndarray:
    """Return which voxels have their centre in the body, made smaller by a factor [z y x]."""
    z, y, x = (
        ((grid.centres_mm(axis) - body.centre_mm[2 - axis]) / (share * body.radii_mm[2 - axis])) ** 2
        for axis in range(3)
    )
    distances = x, y[:, None], z[:, None, None]
    if body.box:
        return np.maximum(np.maximum(*distances[:2]), distances[2]) < 1
    return sum(distances) < 1


def truth_of(bodies: tuple[Ellipsoid, ...], grid: Grid, samples: int = 3) -> np.ndarray:
    """Return the mean value of each voxel, from samples along each side [z y x]."""
    fine = Grid(shape=tuple(n * samples for n in grid.shape), voxel_mm=grid.voxel_mm / samples)
    values = sum(body.value * inside(body, fine, 1.0) for body in bodies)
    depth, height, width = grid.shape
    return values.reshape(depth, samples, height, samples, width, samples).mean(axis=(1, 3, 5))
