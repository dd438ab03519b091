r"""Volumes by iteration, from any trajectory: they fit what was measured, and need neither a full turn nor a filter.

`cgls` minimises $|Ax - b|^2$ by conjugate gradients (Hestenes and Stiefel, J. Res. NBS 49, 409, 1952, eq. 10.2).
`sirt` minimises $(Ax - b)^T R (Ax - b)$, R and C the inverse row and column sums of A, by steps of $C A^T R (b - Ax)$
(Gregor and Benson, IEEE TMI 27, 918, 2008), with the momentum of Beck and Teboulle (SIAM J. Imaging Sci. 2, 183, 2009),
and may hold the volume above zero.

An iteration projects and backprojects once. The volume must take in all that stands in the beam.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry, Grid
from ctsim.operators.projector import backproject, project

Volume = Float[np.ndarray, "z y x"]
Sinogram = Float[np.ndarray, "view row col"]


def cgls(attenuation: Sinogram, geometry: Geometry, grid: Grid, iterations: int) -> Volume:
    """Return the attenuation coefficient of each voxel after so many iterations from zero [1/mm].

    Few iterations leave it blurred, many fit the noise: 20 do for a full turn.

    Args:
        attenuation: Line integrals; float32 or float64, as is the volume.
        geometry: Any trajectory.
        grid: The voxels.
        iterations: How many.
    """
    volume = np.zeros(grid.shape, attenuation.dtype)
    for volume, _ in cgls_steps(attenuation, geometry, grid, iterations):  # noqa: B007
        pass
    return volume


def cgls_steps(
    attenuation: Sinogram, geometry: Geometry, grid: Grid, iterations: int
) -> Iterator[tuple[Volume, float]]:
    """Yield the volume after each iteration, which the next one changes, and |Ax - b| / |b|; see `cgls`."""
    volume, residual = np.zeros(grid.shape, attenuation.dtype), attenuation.copy()
    gradient = backproject(residual, geometry, grid)
    direction, steepness, whole = gradient.copy(), _square(gradient), _square(attenuation)
    for _ in range(iterations):
        if steepness == 0:  # nothing left to fit
            return
        step = project(direction, geometry, grid)
        length = steepness / _square(step)
        _add(volume, length, direction)
        _add(residual, -length, step)
        gradient = backproject(residual, geometry, grid)
        before, steepness = steepness, _square(gradient)
        direction *= attenuation.dtype.type(steepness / before)
        direction += gradient
        yield volume, float(np.sqrt(_square(residual) / whole))


def sirt(
    attenuation: Sinogram, geometry: Geometry, grid: Grid, iterations: int, *, non_negative: bool = True
) -> Volume:
    """Return the attenuation coefficient of each voxel after so many iterations from zero [1/mm].

    Args:
        attenuation: Line integrals; float32 or float64, as is the volume.
        geometry: Any trajectory.
        grid: The voxels.
        iterations: How many.
        non_negative: Whether no voxel may fall below zero, which tells most where views are missing.
    """
    per_ray = _inverse(project(np.ones(grid.shape, attenuation.dtype), geometry, grid))
    per_voxel = _inverse(backproject(np.ones(attenuation.shape, attenuation.dtype), geometry, grid))
    volume = ahead = np.zeros(grid.shape, attenuation.dtype)
    pace = 1.0
    for _ in range(iterations):
        residual = per_ray * (attenuation - project(ahead, geometry, grid))
        after = ahead + per_voxel * backproject(residual, geometry, grid)
        if non_negative:
            np.maximum(after, 0, out=after)
        before, pace = pace, (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead = after + attenuation.dtype.type((before - 1) / pace) * (after - volume)
        volume = after
    return volume


def _square(values: np.ndarray) -> float:
    """Return the sum of squares; not by BLAS, whose order of adding depends on its threads."""
    return float(np.sum(np.square(values), dtype=np.float64))


def _add(values: np.ndarray, factor: float, others: np.ndarray) -> None:
    values += values.dtype.type(factor) * others


def _inverse(sums: np.ndarray) -> np.ndarray:
    """Return one over each sum, and 0 where no beam meets the volume or hardly one does."""
    return np.divide(1, sums, out=np.zeros_like(sums), where=sums > 1e-6 * sums.max())
