"""Rays through voxels the long way: exact chords, the weights of `operators.beams` as written, and scanners."""

import numpy as np
from manifold3d import Manifold
from scipy.spatial.transform import Rotation

from ctsim.backends.mesh import path_lengths
from ctsim.geometry import Geometry, Grid, circular
from tests.ctsim.chords import rays_of
from tests.ctsim.shapes import triangles_of


def round_about(views: int = 7, pixels: int = 40, pixel_mm: float = 2.0, rise_mm: float = 0.0) -> Geometry:
    """Return a circle, or a helix that rises by so much from the first view to the last, at magnification 2."""
    # an odd start: no ray runs along a plane of voxels
    g = circular(
        source_object_mm=120.0, source_detector_mm=240.0, rows=pixels, columns=pixels + 6, pixel_mm=pixel_mm,
        angles_deg=3.3 + np.arange(views) * 360 / views,
    )  # fmt: skip
    lift = np.linspace(-0.5, 0.5, views)[:, None] * [0, 0, rise_mm]
    return vectors(g, source_mm=g.source_mm + lift, centre_mm=g.centre_mm + lift)


def vectors(g: Geometry, **changes) -> Geometry:
    """Return a geometry with some of its vectors changed."""
    held = {name: getattr(g, name) for name in ("source_mm", "centre_mm", "u_mm", "v_mm")}
    return Geometry(**{**held, **changes}, rows=g.rows, columns=g.columns)


def turned(g: Geometry, rotation: Rotation) -> Geometry:
    """Return a geometry with everything turned about the origin: laminography is a circle about a tilted axis."""
    return vectors(g, **{name: rotation.apply(getattr(g, name)) for name in ("source_mm", "centre_mm", "u_mm", "v_mm")})


def coarse(g: Geometry, times: int) -> Geometry:
    """Return a geometry with pixels so many times as wide, and the fewer of them."""
    wide = vectors(g, u_mm=times * g.u_mm, v_mm=times * g.v_mm)
    held = {name: getattr(wide, name) for name in ("source_mm", "centre_mm", "u_mm", "v_mm")}
    return Geometry(**held, rows=g.rows // times, columns=g.columns // times)


def anyhow(views: int = 7, seed: int = 0) -> Geometry:
    """Return views from all sides with skewed and shifted detectors."""
    rng, g = np.random.default_rng(seed), round_about(views)
    parts = []
    for view in range(views):
        one = turned(g.some(slice(view, view + 1)), Rotation.random(random_state=rng))
        skew = {name: getattr(one, name) + rng.normal(size=(1, 3)) * 0.15 for name in ("u_mm", "v_mm")}
        shift = {name: getattr(one, name) + rng.normal(size=(1, 3)) * 4 for name in ("source_mm", "centre_mm")}
        parts.append(vectors(one, **skew, **shift))
    names = ("source_mm", "centre_mm", "u_mm", "v_mm")
    return vectors(g, **{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


ORBITS = {
    "circular": round_about(),
    "helical": round_about(rise_mm=30.0),
    "tilted": turned(round_about(), Rotation.from_euler("x", 35, degrees=True)),
    "anyhow": anyhow(),
}
"""Name -> a few views of a volume of some 40 mm."""


SIDE_RAYS = 4
"""Rays along each side of a pixel that stand for their mean."""


def exact(volume: np.ndarray, geometry: Geometry, grid: Grid) -> np.ndarray:
    """Return the line integrals from the chord of every ray in every voxel: R. L. Siddon, Med. Phys. 12, 252, 1985."""
    return np.stack([_exact_view(volume, geometry, grid, view) for view in range(geometry.views)])


def _exact_view(volume: np.ndarray, geometry: Geometry, grid: Grid, view: int) -> np.ndarray:
    rays = rays_of(geometry, view).reshape(-1, 1, 3)
    start, size = geometry.source_mm[view] - grid.corner_mm, grid.shape[::-1]
    at = [(np.arange(size[i] + 1) * grid.voxel_mm - start[i]) / rays[:, :, i] for i in range(3)]
    at = np.sort(np.concatenate(at, axis=1), axis=1)
    middle = start + 0.5 * (at[:, 1:] + at[:, :-1])[:, :, None] * rays
    x, y, z = np.moveaxis(np.floor(middle / grid.voxel_mm).astype(int), 2, 0)
    within = (x >= 0) & (y >= 0) & (z >= 0) & (x < size[0]) & (y < size[1]) & (z < size[2])
    held = volume[np.where(within, z, 0), np.where(within, y, 0), np.where(within, x, 0)] * within
    lengths = np.diff(at, axis=1) * np.linalg.norm(rays, axis=2)
    return (held * lengths).sum(1).reshape(geometry.rows, geometry.columns)


def pixel_means(fine: np.ndarray, rays_per_side: int) -> np.ndarray:
    """Return the mean over each pixel of an image taken with `Geometry.sampled`."""
    n = rays_per_side
    views, rows, columns = fine.shape
    return fine.reshape(views, rows // n, n, columns // n, n).mean(axis=(2, 4))


def rms(values: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def means(solid: Manifold, geometry: Geometry) -> np.ndarray:
    """Return the path lengths that the mesh backend finds, as means over pixels."""
    fine = geometry.sampled(SIDE_RAYS)
    images = [image[:, 0].copy() for _, image in path_lengths(triangles_of(solid), fine, 1)]
    return pixel_means(np.concatenate(images).astype(float), SIDE_RAYS)


def by_the_book(volume: np.ndarray, geometry: Geometry, grid: Grid) -> np.ndarray:
    """Return the sums along beams: the equations of `ctsim.operators.beams`, beam by beam and slab by slab."""
    image = np.zeros((geometry.views, geometry.rows, geometry.columns))
    for view in range(geometry.views):
        start, u, v = (x / grid.voxel_mm for x in (
            geometry.source_mm[view] - grid.corner_mm, geometry.u_mm[view], geometry.v_mm[view]
        ))  # fmt: skip
        rays = rays_of(geometry, view) / grid.voxel_mm
        for row in range(geometry.rows):
            for column in range(geometry.columns):
                image[view, row, column] = _beam(volume.transpose(2, 1, 0), start, rays[row, column], u, v)
    return image * grid.voxel_mm


def _beam(volume: np.ndarray, start, ray, u, v) -> float:
    along = int(np.argmax(np.abs(ray)))
    p, q = (axis for axis in range(3) if axis != along)
    slope, total = ray / ray[along], 0.0
    for slab, voxels in enumerate(np.moveaxis(volume, along, 0)):
        t = slab + 0.5 - start[along]
        if t / ray[along] <= 0:
            continue
        shares = []
        for axis in (p, q):
            sides = [t / ray[along] * (side[axis] - side[along] * slope[axis]) for side in (u, v)]
            width = np.sqrt(slope[axis] ** 2 + sides[0] ** 2 + sides[1] ** 2)
            centre, lower = start[axis] + t * slope[axis], np.arange(volume.shape[axis])
            overlap = np.minimum(centre + width / 2, lower + 1) - np.maximum(centre - width / 2, lower)
            shares.append(np.maximum(overlap, 0) / width)
        total += shares[0] @ voxels @ shares[1]
    return total * float(np.linalg.norm(slope))
