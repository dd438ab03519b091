r"""Filtered backprojection for circular cone beams: Feldkamp, Davis and Kress (J. Opt. Soc. Am. A 1, 612, 1984).

$$ f(x) = \frac{\Delta\beta}{2} \sum_\beta \frac{D^2}{U^2} \, \big(p \cos\gamma * h\big)(u(x), v(x)) $$

with D the distance from the source to the axis, U that to the voxel along the central ray, and the ramp h scaled to
the axis. It sees the nominal geometry only.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float
from numba import njit, prange
from scipy import fft

from ctsim.geometry import Geometry, Grid


def fdk(
    attenuation: Float[np.ndarray, "view row col"],
    geometry: Geometry,
    grid: Grid,
    window: Literal["ram-lak", "hann"] = "ram-lak",
) -> Float[np.ndarray, "z y x"]:
    """Return the linear attenuation coefficient in each voxel [1/mm].

    Args:
        attenuation: Line integrals.
        geometry: A full turn of a circular trajectory about z, views evenly spread.
        grid: The voxels.
        window: `ram-lak`, or `hann` for less noise and less sharpness.
    """
    axis_mm = np.linalg.norm(geometry.source_mm[:, :2], axis=1)
    filtered = _filter(_weighted(attenuation, geometry), geometry, axis_mm, window)
    volume = np.zeros(grid.shape, np.float32)
    # P sends a voxel to its pixel; w is U / SDD there, so D^2 / U^2 is (D / SDD)^2 / w^2
    scale = (np.pi / geometry.views) * (axis_mm / geometry.distance_mm) ** 2
    matrices = geometry.projection
    if np.allclose(matrices[:, [0, 2], 2], 0, atol=1e-12 * np.abs(matrices).max()):
        turned = np.ascontiguousarray(filtered.transpose(0, 2, 1))
        _backproject_upright(turned, matrices, scale, grid.corner_mm, grid.voxel_mm, volume)
    else:
        _backproject(filtered, matrices, scale, grid.corner_mm, grid.voxel_mm, volume)
    return volume


def _weighted(attenuation, geometry: Geometry) -> Float[np.ndarray, "view row col"]:
    """Return the projections times the cosine of each ray to the detector's normal."""
    columns = (np.arange(geometry.columns) + 0.5)[None, :, None]
    rows = (np.arange(geometry.rows) + 0.5)[:, None, None]
    weighted = np.zeros(attenuation.shape, np.float32)
    for view in range(geometry.views):
        ray = geometry.corner_ray_mm[view] + columns * geometry.u_mm[view] + rows * geometry.v_mm[view]
        weighted[view] = attenuation[view] * (geometry.distance_mm[view] / np.linalg.norm(ray, axis=-1))
    return weighted


def _filter(weighted, geometry: Geometry, axis_mm, window: str) -> Float[np.ndarray, "view row col"]:
    """Return the projections convolved with the ramp along each row.

    The ramp is sampled in space, not in frequency, which keeps the mean right (Kak and Slaney, eq. 3.61).
    """
    pitch_mm = np.linalg.norm(geometry.u_mm, axis=1) * axis_mm / geometry.distance_mm
    size = fft.next_fast_len(2 * geometry.columns, real=True)
    n = fft.fftfreq(size, 1 / size)
    odd = n % 2 == 1
    ramp = np.zeros(size)
    ramp[0] = 0.25
    ramp[odd] = -1 / (np.pi * n[odd]) ** 2
    response = fft.rfft(ramp).real
    if window == "hann":
        response *= 0.5 + 0.5 * np.cos(np.pi * np.arange(len(response)) / (len(response) - 1))
    filtered = np.zeros(weighted.shape, np.float32)
    for view in range(geometry.views):
        spectrum = fft.rfft(weighted[view], size, axis=1) * (response / pitch_mm[view]).astype(np.float32)
        filtered[view] = fft.irfft(spectrum, size, axis=1)[:, : geometry.columns]
    return filtered


@njit(parallel=True, cache=True, fastmath={"contract", "reassoc", "arcp"})
def _backproject(filtered, projections, scale, corner_mm, voxel_mm, volume):
    views, rows, columns = filtered.shape
    depth, height, width = volume.shape
    for z in prange(depth):
        pz = corner_mm[2] + (z + 0.5) * voxel_mm
        for view in range(views):
            p = projections[view]
            weight = scale[view]
            for y in range(height):
                py = corner_mm[1] + (y + 0.5) * voxel_mm
                px = corner_mm[0] + 0.5 * voxel_mm
                a0 = p[0, 0] * px + p[0, 1] * py + p[0, 2] * pz + p[0, 3]
                b0 = p[1, 0] * px + p[1, 1] * py + p[1, 2] * pz + p[1, 3]
                w0 = p[2, 0] * px + p[2, 1] * py + p[2, 2] * pz + p[2, 3]
                for x in range(width):
                    step = x * voxel_mm
                    w = 1 / (w0 + p[2, 0] * step)
                    u = (a0 + p[0, 0] * step) * w - 0.5
                    v = (b0 + p[1, 0] * step) * w - 0.5
                    if u < 0 or v < 0 or u >= columns - 1 or v >= rows - 1:
                        continue
                    iu, iv = int(u), int(v)
                    fu, fv = np.float32(u - iu), np.float32(v - iv)
                    top = filtered[view, iv, iu] + fu * (filtered[view, iv, iu + 1] - filtered[view, iv, iu])
                    low = filtered[view, iv + 1, iu] + fu * (
                        filtered[view, iv + 1, iu + 1] - filtered[view, iv + 1, iu]
                    )
                    volume[z, y, x] += np.float32(weight * w * w) * (top + fv * (low - top))


@njit(parallel=True, cache=True, fastmath={"contract", "reassoc", "arcp"}, error_model="numpy")
def _backproject_upright(turned, projections, scale, corner_mm, voxel_mm, volume):
    """Do the same where the detector's columns stand upright: a line of voxels along z is then seen in one column.

    Its two neighbouring columns are blended once, and each voxel of the line needs two of the blend's pixels instead of
    four. Columns come first in `turned` [view col row], so that a blend reads straight through the memory.
    """
    views, columns, rows = turned.shape
    depth, height, width = volume.shape
    for y in prange(height):
        line, blend = np.zeros(depth, np.float32), np.zeros(rows + 1, np.float32)
        py = corner_mm[1] + (y + 0.5) * voxel_mm
        pz = corner_mm[2] + 0.5 * voxel_mm
        for x in range(width):
            px = corner_mm[0] + (x + 0.5) * voxel_mm
            line[:] = 0
            for view in range(views):
                p = projections[view]
                w = 1 / (p[2, 0] * px + p[2, 1] * py + p[2, 3])
                u = (p[0, 0] * px + p[0, 1] * py + p[0, 3]) * w - 0.5
                if u < 0 or u >= columns - 1:
                    continue
                iu = int(u)
                weight = scale[view] * w * w
                right, left = np.float32(weight * (u - iu)), np.float32(weight * (1 - (u - iu)))
                v0 = (p[1, 0] * px + p[1, 1] * py + p[1, 2] * pz + p[1, 3]) * w - 0.5
                dv = p[1, 2] * voxel_mm * w
                # voxels whose row falls between the first and the last pixel centre
                low, high = (0 - v0) / dv, (rows - 1 - v0) / dv
                first = max(math.ceil(min(low, high)), 0)
                last = min(math.floor(max(low, high)), depth - 1)
                if first > last:
                    continue
                ends = v0 + dv * first, v0 + dv * last
                for row in range(max(int(min(ends)), 0), min(int(max(ends)) + 2, rows)):
                    blend[row] = left * turned[view, iu, row] + right * turned[view, iu + 1, row]
                start, step = np.float32(v0), np.float32(dv)
                for z in range(first, last + 1):
                    v = start + step * np.float32(z)
                    iv = np.int64(v)  # never below 0: -1e-4 is cut to 0 as well
                    fv = v - np.float32(iv)
                    line[z] += (np.float32(1) - fv) * blend[np.uint64(iv)] + fv * blend[np.uint64(iv + 1)]
            for z in range(depth):
                volume[z, y, x] = line[z]
