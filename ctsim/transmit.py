"""From path lengths to what arrives: Beer and Lambert, summed over the energies inside the kernel."""

import math

import numpy as np
from jaxtyping import Float
from numba import njit, prange

from ctsim.geometry import Geometry
from ctsim.spectrum import Reading


def transmit(
    lengths_mm: Float[np.ndarray, "view material ray_row ray_col"], reading: Reading, rays_per_side: int = 1
) -> tuple[Float[np.ndarray, "view row col"], Float[np.ndarray, "view row col"]]:
    r"""Return the mean and the variance of each pixel's reading.

    $$ mean = \frac{1}{n^2} \sum_{rays} \sum_k a_k e^{-\sum_m \mu_{mk} L_m} $$

    and the same with b for the variance; intensities are averaged over a pixel's rays, never lengths.

    Args:
        lengths_mm: Path of every ray in every material [mm].
        reading: The short sum over energies.
        rays_per_side: n; a pixel holds n x n rays.

    Returns:
        mean: In units of the free beam.
        variance: For one photon arriving in the free beam, in units of the free beam squared.
    """
    views, _, ray_rows, ray_columns = lengths_mm.shape
    shape = (views, ray_rows // rays_per_side, ray_columns // rays_per_side)
    mean, variance = np.zeros(shape), np.zeros(shape)
    _sum_energies(lengths_mm, reading.mu_per_mm, reading.mean, reading.variance, rays_per_side, mean, variance)
    return mean, variance


def transmit_plainly(
    lengths_mm: Float[np.ndarray, "view material row col"], reading: Reading
) -> tuple[Float[np.ndarray, "view row col"], Float[np.ndarray, "view row col"]]:
    """Return what `transmit` returns for one ray a pixel: the equation as it is written, to check the kernel by."""
    passed = np.exp(-np.einsum("mk,vmrc->vrck", reading.mu_per_mm, np.asarray(lengths_mm, float)))
    return passed @ reading.mean, passed @ reading.variance


def falloff(geometry: Geometry) -> Float[np.ndarray, "view row col"]:
    r"""Return how the free beam thins out over the detector, 1 at the foot of the source's normal.

    $$ \left(\frac{SDD}{r}\right)^2 \cos\theta = \left(\frac{SDD}{r}\right)^3 $$

    the inverse square of the distance and the incidence angle. Views whose detector stands alike share one image.
    """
    columns = (np.arange(geometry.columns) + 0.5)[None, None, :, None]
    rows = (np.arange(geometry.rows) + 0.5)[None, :, None, None]
    stacked = np.concatenate([geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm], axis=1)
    images = {}
    views = []
    for view in range(geometry.views):
        # the same detector turned with the source sees the same fall-off: only lengths and angles among vectors matter
        corner, u, v = stacked[view].reshape(3, 3)
        key = tuple(np.round([corner @ corner, corner @ u, corner @ v, u @ u, v @ v, u @ v], 9))
        if key not in images:
            ray = corner + columns * u + rows * v
            images[key] = (geometry.distance_mm[view] / np.linalg.norm(ray, axis=-1)[0]) ** 3
        views.append(images[key])
    return np.broadcast_to(views[0], (geometry.views, *views[0].shape)) if len(images) == 1 else np.stack(views)


@njit(parallel=True, cache=True)
def _sum_energies(lengths, mu, weight_mean, weight_variance, n, mean, variance):
    views, materials, _, _ = lengths.shape
    _, rows, columns = mean.shape
    free_mean, free_variance = weight_mean.sum(), weight_variance.sum()
    share = 1.0 / (n * n)
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        for column in range(columns):
            total_mean, total_variance = 0.0, 0.0
            for ray in range(n * n):
                y, x = row * n + ray // n, column * n + ray % n
                empty = True
                for m in range(materials):
                    empty = empty and lengths[view, m, y, x] == 0
                if empty:
                    total_mean += free_mean
                    total_variance += free_variance
                    continue
                for k in range(len(weight_mean)):
                    depth = 0.0
                    for m in range(materials):
                        depth += mu[m, k] * lengths[view, m, y, x]
                    passed = math.exp(-depth)
                    total_mean += weight_mean[k] * passed
                    total_variance += weight_variance[k] * passed
            mean[view, row, column] = total_mean * share
            variance[view, row, column] = total_variance * share
