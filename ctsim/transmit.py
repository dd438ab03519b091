"""From path lengths to what arrives: Beer and Lambert, summed over the energies inside the kernel."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numba import prange

from ctsim.arrays import Array, is_on_card, module_of
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry
from ctsim.kernel import kernel
from ctsim.spectrum import Reading


class Beams(NamedTuple):
    """The readings of all bands, one behind the other as a kernel reads them; see `ctsim.spectrum.Reading`."""

    mu_per_mm: Float[np.ndarray, "material node"]
    mean: Float[np.ndarray, "band node"]
    variance: Float[np.ndarray, "band node"]
    step_mm: Float[np.ndarray, "band material"]
    intervals: Int[np.ndarray, " band"]
    tables: Float[np.ndarray, "band material interval 8"]


def stacked(beams: tuple[Reading, ...]) -> Beams:
    """Return the bands' short sums over all their nodes, and their tables filled up to the longest."""
    nodes = np.cumsum([0, *[len(b.mean) for b in beams]])
    mean, variance = np.zeros((2, len(beams), nodes[-1]))
    longest = max(b.tables.shape[1] for b in beams)
    tables = np.zeros((len(beams), len(beams[0].mu_per_mm), longest, 8))
    for i, beam in enumerate(beams):
        mean[i, nodes[i] : nodes[i + 1]], variance[i, nodes[i] : nodes[i + 1]] = beam.mean, beam.variance
        tables[i, :, : beam.tables.shape[1]] = beam.tables
    return Beams(
        mu_per_mm=np.concatenate([b.mu_per_mm for b in beams], axis=1),
        mean=mean,
        variance=variance,
        step_mm=np.stack([b.step_mm for b in beams]),
        intervals=np.array([b.tables.shape[1] for b in beams]),
        tables=tables,
    )


def transmit(
    lengths_mm: Float[Array, "view material ray_row ray_col"],
    beams: tuple[Reading, ...],
    rays_per_side: int = 1,
    out: Float[Array, "2 band view row col"] | None = None,
) -> tuple[Float[Array, "band view row col"], Float[Array, "band view row col"]]:
    r"""Return the mean and the variance of each pixel's reading.

    $$ mean = \frac{1}{n^2} \sum_{rays} \sum_k a_k e^{-\sum_m \mu_{mk} L_m} $$

    and the same with b for the variance; intensities are averaged over a pixel's rays, never lengths.

    Args:
        lengths_mm: Path of every ray in every material [mm]; where they lie, on a card or not, results are left.
        beams: The short sum over energies, of each band.
        rays_per_side: n; a pixel holds n x n rays.
        out: Where the result goes, if it is there already.

    Returns:
        mean: In units of the free beam.
        variance: For one photon arriving in the free beam, in units of the free beam squared.
    """
    views, _, ray_rows, ray_columns = lengths_mm.shape
    n = rays_per_side
    if out is None:
        shape = (2, len(beams), views, ray_rows // n, ray_columns // n)
        out = module_of(lengths_mm).zeros(shape, np.float32)
    if is_on_card(lengths_mm):
        from ctsim.gpu.transmit import read

        read(lengths_mm, beams, n, out[0], out[1])
    else:
        _read(lengths_mm, n, *stacked(beams), out[0], out[1])
    return out[0], out[1]


def readings(
    path_lengths: Callable[..., Iterator[tuple[slice, Array]]],
    triangles: object,
    exposure: Exposure,
    beams: tuple[Reading, ...],
    rays_per_side: int = 1,
) -> Iterator[tuple[slice, Float[Array, "band view row col"], Float[Array, "band view row col"]]]:
    """Yield the mean and the variance of each pixel's reading, a few views at a time; the arrays are used again.

    Args:
        path_lengths: Of a backend, such as `ctsim.backends.mesh.path_lengths`.
        triangles: The specimen.
        exposure: The poses that each view is averaged over, in intensity.
        beams: What a pixel reads, one entry a band.
        rays_per_side: A pixel is averaged over this many squared.
    """
    poses, middle, fresh = exposure.poses, exposure.middle, None
    rays = exposure.geometry.sampled(rays_per_side)
    for entries, lengths in path_lengths(triangles, rays, len(beams[0].mu_per_mm)):
        if fresh is None:
            total = module_of(lengths).zeros((2, len(beams), 1, middle.rows, middle.columns))
        if fresh is None or fresh.shape[2] != len(lengths):
            shape = (2, len(beams), len(lengths), middle.rows, middle.columns)
            fresh = module_of(lengths).zeros(shape, np.float32)
        mean, variance = transmit(lengths, beams, rays_per_side, fresh)
        if poses == 1:
            yield entries, mean, variance
            continue
        for i, entry in enumerate(range(entries.start, entries.stop)):
            view, pose = divmod(entry, poses)
            total[:] = float(exposure.weights[pose]) * fresh[:, :, i : i + 1] + (total if pose else 0)
            if pose == poses - 1:
                mean, variance = total.astype(np.float32)
                yield slice(view, view + 1), mean, variance


def transmit_plainly(
    lengths_mm: Float[np.ndarray, "view material row col"], reading: Reading
) -> tuple[Float[np.ndarray, "view row col"], Float[np.ndarray, "view row col"]]:
    """Return what `transmit` returns for one ray a pixel: the equation as it is written, to check the kernel by."""
    passed = np.exp(-np.einsum("mk,vmrc->vrck", reading.mu_per_mm, np.asarray(lengths_mm, float)))
    return passed @ reading.mean, passed @ reading.variance


FINE = 1e-4
"""Pixels this small against the distance are looked at in their middle: it is right to 1e-9, and corners cancel."""


def falloff(geometry: Geometry, reference_mm: float | None = None) -> Float[np.ndarray, "view row col"]:
    r"""Return how the free beam thins out over the detector, 1 at the foot of the source's normal.

    $$ \left(\frac{SDD}{r}\right)^2 \cos\theta = \left(\frac{SDD}{r}\right)^3 $$

    the inverse square of the distance and the incidence angle, averaged over each pixel: its solid angle, which for a
    rectangle is the sum over its corners (a, b), with the signs of a difference, of

    $$ \arctan \frac{a b}{d \sqrt{a^2 + b^2 + d^2}} $$

    One image serves all views, and has a view axis of length 1, where the detector stands alike before the source in
    all of them.

    Args:
        geometry: Source and detector.
        reference_mm: The distance at which a pixel under the source reads 1; the first view's if left out.
    """
    some = geometry.some(slice(0, 1)) if is_steady(geometry) else geometry
    image = np.zeros((some.views, geometry.rows, geometry.columns))
    for view in range(some.views):
        corner, u, v = some.corner_ray_mm[view], some.u_mm[view], some.v_mm[view]
        width, height, distance = np.linalg.norm(u), np.linalg.norm(v), some.distance_mm[view]
        if abs(u @ v) > 1e-12 * width * height or max(width, height) < FINE * distance:
            middle = corner + (u + v) / 2 + np.arange(geometry.columns)[:, None] * u
            rays = middle + np.arange(geometry.rows)[:, None, None] * v
            image[view] = distance / np.linalg.norm(rays, axis=-1) ** 3
            continue
        a = corner @ u / width + width * np.arange(geometry.columns + 1)
        b = corner @ v / height + height * np.arange(geometry.rows + 1)[:, None]
        angles = np.arctan2(a * b, distance * np.sqrt(a**2 + b**2 + distance**2))
        image[view] = np.diff(np.diff(angles, axis=0), axis=1) / (width * height)
    return image * (reference_mm or geometry.distance_mm[0]) ** 2


def is_steady(geometry: Geometry) -> bool:
    """Return whether the detector stands alike before the source in all views."""
    rays = [geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm]
    products = np.stack([np.sum(a * b, axis=1) for i, a in enumerate(rays) for b in rays[i:]])
    return np.allclose(products, products[:, :1], rtol=1e-9, atol=1e-9)


@kernel(parallel=True, error_model="numpy", fastmath={"contract"})
def _read(lengths, side, mu, weight_mean, weight_variance, step_mm, intervals, tables, mean, variance):
    """Average the readings of all rays of each pixel."""
    bands, views, rows, columns = mean.shape
    rays, share = lengths.shape[3], 1 / side**2
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        level, spread, met, desk = np.zeros(rays), np.zeros(rays), np.zeros(rays, np.int32), np.zeros((3, rays))
        for band in range(bands):
            mean[band, view, row, :] = 0
            variance[band, view, row, :] = 0
            for j in range(row * side, row * side + side):
                paths = lengths[view, :, j]
                _through_one(paths, step_mm[band], intervals[band], tables[band], met, desk[0], level, spread)
                if len(paths) > 1:
                    _through_several(paths, mu, weight_mean[band], weight_variance[band], met, desk, level, spread)
                for sub in range(side):
                    for column in range(columns):
                        mean[band, view, row, column] += share * level[column * side + sub]
                        variance[band, view, row, column] += share * spread[column * side + sub]


@kernel(error_model="numpy", fastmath={"contract"})
def _through_one(paths, step_mm, intervals, tables, met, position, level, spread):
    """Read the rays of a row through one material at most, as most are, each by a cubic of its table.

    `met` gets how many materials a ray goes through; `position` is a place to work in. What a loop needs stands outside
    it, and indices have no sign, or the loop takes three times as long.
    """
    rays, width, last = paths.shape[1], np.int32(8 * tables.shape[1]), intervals - 1e-9
    cubics, table = tables.reshape(-1), np.zeros(rays, np.int32)
    position[:], met[:] = 0, 0
    for m in range(len(paths)):
        scale = 1 / step_mm[m]
        for i in range(rays):
            crossed = paths[m, i] != 0
            met[i] += crossed
            table[i] = m * width if crossed else table[i]
            position[i] = paths[m, i] * scale if crossed else position[i]
    for i in range(rays):
        steps = min(position[i], last)
        interval = np.int32(steps)
        t = steps - interval
        first = np.uint64(table[i] + 8 * interval)
        level[i] = cubic(cubics, first, t)
        spread[i] = cubic(cubics, first + np.uint64(4), t)


@kernel(error_model="numpy", fastmath={"contract"})
def _through_several(paths, mu, weight_mean, weight_variance, met, desk, level, spread):
    """Read the rays of a row through several materials, node by node; `desk` is a place to work in."""
    low, high = len(met), 0
    for i in range(len(met)):
        low, high = min(low, i if met[i] > 1 else low), i + 1 if met[i] > 1 else high
    if low >= high:
        return
    depth, mixed_level, mixed_spread = desk[0, low:high], desk[1, low:high], desk[2, low:high]
    mixed_level[:], mixed_spread[:] = 0, 0
    for k in range(mu.shape[1]):
        depth[:] = 0
        for m in range(len(paths)):
            attenuation, path = mu[m, k], paths[m, low:high]
            for i in range(len(path)):
                depth[i] += attenuation * path[i]
        one, two = weight_mean[k], weight_variance[k]
        for i in range(len(depth)):
            passed = exp_minus(depth[i])
            mixed_level[i] += one * passed
            mixed_spread[i] += two * passed
    for i in range(high - low):
        if met[low + i] > 1:
            level[low + i], spread[low + i] = mixed_level[i], mixed_spread[i]


@kernel(inline="always")
def cubic(coefficients, first, t):
    """Return the cubic in t with the four coefficients from `first` on."""
    high = coefficients[first + np.uint64(3)] * t + coefficients[first + np.uint64(2)]
    return (high * t + coefficients[first + np.uint64(1)]) * t + coefficients[first]


@kernel(inline="always")
def exp_minus(x):
    """Return exp(-x) for x >= 0 to 1e-13, 0 from 708 on; unlike the library's, it is computed for a register at once.

    The power of two is put in by its bits; the rest, at most ln(2) / 2, by its series.
    """
    n = min(x, 708.0) * 1.4426950408889634
    whole = np.int32(n + 0.5)
    r = (n - whole) * -0.6931471805599453
    power = ((((r / 6227020800 + 1 / 479001600) * r + 1 / 39916800) * r + 1 / 3628800) * r + 1 / 362880) * r + 1 / 40320
    power = ((((power * r + 1 / 5040) * r + 1 / 720) * r + 1 / 120) * r + 1 / 24) * r + 1 / 6
    power = ((power * r + 0.5) * r + 1) * r + 1
    return power * np.int64((1023 - np.int64(whole)) << 52).view(np.float64) if x < 708.0 else 0.0
