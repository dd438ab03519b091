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
    mean, variance = np.zeros((2, views, ray_rows, ray_columns))
    r, n = reading, rays_per_side
    _sum_energies(lengths_mm, r.mu_per_mm, r.mean, r.variance, r.step_mm, r.tables, mean, variance)
    if n == 1:
        return mean, variance
    pixels = (views, ray_rows // n, n, ray_columns // n, n)
    return mean.reshape(pixels).mean((2, 4)), variance.reshape(pixels).mean((2, 4))


def transmit_plainly(
    lengths_mm: Float[np.ndarray, "view material row col"], reading: Reading
) -> tuple[Float[np.ndarray, "view row col"], Float[np.ndarray, "view row col"]]:
    """Return what `transmit` returns for one ray a pixel: the equation as it is written, to check the kernel by."""
    passed = np.exp(-np.einsum("mk,vmrc->vrck", reading.mu_per_mm, np.asarray(lengths_mm, float)))
    return passed @ reading.mean, passed @ reading.variance


def falloff(geometry: Geometry) -> Float[np.ndarray, "row col"]:
    r"""Return how the free beam thins out over the detector, 1 at the foot of the source's normal.

    $$ \left(\frac{SDD}{r}\right)^2 \cos\theta = \left(\frac{SDD}{r}\right)^3 $$

    the inverse square of the distance and the incidence angle.

    Raises:
        ValueError: The detector does not stand alike before the source in all views, so that no one image serves all.
    """
    rays = [geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm]
    products = np.stack([np.sum(a * b, axis=1) for i, a in enumerate(rays) for b in rays[i:]])
    if not np.allclose(products, products[:, :1], rtol=1e-9, atol=1e-9):
        raise ValueError("the detector moves against the source from view to view: one flat field cannot serve all")
    columns = (np.arange(geometry.columns) + 0.5)[None, :, None]
    rows = (np.arange(geometry.rows) + 0.5)[:, None, None]
    ray = geometry.corner_ray_mm[0] + columns * geometry.u_mm[0] + rows * geometry.v_mm[0]
    return (geometry.distance_mm[0] / np.linalg.norm(ray, axis=-1)) ** 3


@njit(parallel=True, cache=True, error_model="numpy")
def _sum_energies(lengths, mu, weight_mean, weight_variance, step_mm, tables, mean, variance):
    """Fill mean and variance, ray by ray. All stands in one body: a call with its arrays costs more than the work."""
    views, materials, rows, columns = lengths.shape
    knots = tables.shape[1]
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        for column in range(columns):
            met, m = 0, 0
            for i in range(materials):
                if lengths[view, i, row, column] != 0:
                    met, m = met + 1, i
            level, spread = 0.0, 0.0
            if met <= 1:  # one material at most: the cubic with the values and slopes of two knots of its table
                position = min(lengths[view, m, row, column] / step_mm[m], knots - 1.0)
                knot = min(int(position), knots - 2)
                t = position - knot
                s = 1 - t
                low, high, low_slope, high_slope = s * s * (1 + 2 * t), t * t * (3 - 2 * t), s * s * t, -t * t * s
                level += low * tables[m, knot, 0] + high * tables[m, knot + 1, 0]
                level += low_slope * tables[m, knot, 1] + high_slope * tables[m, knot + 1, 1]
                spread += low * tables[m, knot, 2] + high * tables[m, knot + 1, 2]
                spread += low_slope * tables[m, knot, 3] + high_slope * tables[m, knot + 1, 3]
            else:
                for k in range(len(weight_mean)):
                    depth = 0.0
                    for i in range(materials):
                        depth += mu[i, k] * lengths[view, i, row, column]
                    passed = math.exp(-depth)
                    level += weight_mean[k] * passed
                    spread += weight_variance[k] * passed
            mean[view, row, column] = level
            variance[view, row, column] = spread
