"""Line integrals through a volume, for any trajectory, and their exact adjoint; for numpy and, differentiable, torch.

The weights are those of `ctsim.operators.beams`. Both directions use the very same, so that <Ax, y> = <x, A'y>
holds to rounding, and their bits do not depend on the number of threads.
"""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry, Grid
from ctsim.operators import sweep
from defects.messages import BadInput

WIDEST = 200
"""Voxels side by side that a pixel may take in: beyond, lengths are most likely given in the wrong unit."""


def project(volume: Float[Any, "*batch z y x"], geometry: Geometry, grid: Grid) -> Float[Any, "*batch view row col"]:
    """Return the mean of the line integrals over each pixel.

    A tensor comes back as a tensor, through which gradients flow (torch runs it on the CPU).

    Args:
        volume: A value per voxel, such as the attenuation coefficient [1/mm]; float32 or float64.
        geometry: Source and detector per view.
        grid: The voxels.

    Raises:
        BadInput: Shapes or type are wrong, or the geometry cannot be.
    """
    there, back = partial(_project, geometry=geometry, grid=grid), partial(_backproject, geometry=geometry, grid=grid)
    return _mapped(volume, grid.shape, "volume [... z y x]", there, back)


def backproject(
    sinogram: Float[Any, "*batch view row col"], geometry: Geometry, grid: Grid
) -> Float[Any, "*batch z y x"]:
    """Return the adjoint of `project`: each voxel's sum over all pixels, weighted with its share in their beams [mm].

    Args:
        sinogram: A value per pixel; float32 or float64, an array or a tensor.
        geometry: Source and detector per view.
        grid: The voxels.

    Raises:
        BadInput: Shapes or type are wrong, or the geometry cannot be.
    """
    there, back = partial(_project, geometry=geometry, grid=grid), partial(_backproject, geometry=geometry, grid=grid)
    shape = (geometry.views, geometry.rows, geometry.columns)
    return _mapped(sinogram, shape, "sinogram [... view row col]", back, there)


def _mapped(values: Any, shape: tuple[int, ...], name: str, there, back) -> Any:
    """Return `there(values)`, by way of torch where they are no numpy array."""
    if tuple(np.shape(values)[-3:]) != shape:
        raise BadInput(f"{name} must end in the shape {shape} that geometry and grid have, got {np.shape(values)}")
    kind = str(getattr(values, "dtype", type(values).__name__))
    if not kind.endswith(("float32", "float64")):
        raise BadInput(f"{name} must be float32 or float64, got {kind}; convert it first")
    if isinstance(values, np.ndarray):
        return there(values)
    try:
        from ctsim.operators.autograd import Linear
    except ModuleNotFoundError as error:
        raise BadInput(f"{name} is no numpy array, and tensors need torch: pip install 'ctsim[train]'") from error
    return Linear.apply(values, there, back)


def _project(volume: np.ndarray, geometry: Geometry, grid: Grid) -> np.ndarray:
    vectors, pad = _vectors(geometry, grid), _padding(geometry, grid)
    image = np.zeros((geometry.views, geometry.columns, geometry.rows), volume.dtype)
    out = np.zeros((*volume.shape[:-3], geometry.views, geometry.rows, geometry.columns), volume.dtype)
    for index in np.ndindex(volume.shape[:-3]):
        sweep.forward(np.pad(volume[index].transpose(1, 2, 0), pad), pad, _upright(vectors, geometry), vectors, image)
        np.multiply(image.transpose(0, 2, 1), grid.voxel_mm, out=out[index], casting="same_kind")
    return out


def _backproject(sinogram: np.ndarray, geometry: Geometry, grid: Grid) -> np.ndarray:
    vectors, pad = _vectors(geometry, grid), _padding(geometry, grid)
    z, y, x = grid.shape
    out = np.zeros((*sinogram.shape[:-3], *grid.shape), sinogram.dtype)
    for index in np.ndindex(sinogram.shape[:-3]):
        volume = np.zeros((y + 2 * pad, x + 2 * pad, z + 2 * pad), sinogram.dtype)
        image = np.ascontiguousarray(sinogram[index].transpose(0, 2, 1))
        sweep.adjoint(volume, pad, _upright(vectors, geometry), vectors, image)
        inner = volume[pad:-pad, pad:-pad, pad:-pad]
        np.multiply(inner.transpose(2, 0, 1), grid.voxel_mm, out=out[index], casting="same_kind")
    return out


def _vectors(geometry: Geometry, grid: Grid) -> Float[np.ndarray, "view 4 3"]:
    """Return source, ray to the detector's corner, u and v of each view, in voxels from the grid's corner."""
    parts = (geometry.source_mm - grid.corner_mm, geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm)
    vectors = np.stack(parts, axis=1) / grid.voxel_mm
    if not np.isfinite(vectors).all():
        raise BadInput("the geometry must hold finite numbers only; one of its vectors is infinite or not a number")
    volumes = np.abs(np.linalg.det(vectors[:, 1:]))
    sides = np.linalg.norm(vectors[:, 1:], axis=2).prod(axis=1)
    if (flat := np.flatnonzero(~(volumes > 1e-9 * sides))).size:
        raise BadInput(
            f"in view {flat[0]} the source must stand clear of the detector's plane and u must not run along v; "
            f"got source {geometry.source_mm[flat[0]]}, centre {geometry.centre_mm[flat[0]]}, "
            f"u {geometry.u_mm[flat[0]]}, v {geometry.v_mm[flat[0]]} mm"
        )
    return vectors


def _upright(vectors: np.ndarray, geometry: Geometry) -> bool:
    """Return whether columns stand along z in all views, rows lie across it, and no ray runs steeper than 45 deg."""
    u, v = vectors[:, 2], vectors[:, 3]
    tiny = 1e-12 * np.abs(vectors[:, 2:]).max()
    if np.abs(u[:, 2]).max() > tiny or np.abs(v[:, :2]).max() > tiny:
        return False
    corner = vectors[:, 1]
    level = np.abs(corner[:, None, :2] + (np.arange(geometry.columns) + 0.5)[:, None] * u[:, None, :2]).max(axis=2)
    steep = np.abs(corner[:, 2, None] + v[:, 2, None] * [0.5, geometry.rows - 0.5]).max(axis=1)
    return bool((steep[:, None] <= level).all())


def _padding(geometry: Geometry, grid: Grid) -> int:
    """Return how many empty voxels must lie around the volume: those that the widest box in it touches, and a block."""
    sides = np.array(grid.shape[::-1]) * grid.voxel_mm
    corners = grid.corner_mm + sides * np.indices((2, 2, 2)).reshape(3, -1).T
    depth = np.einsum("vi,vci->vc", geometry.normal, corners - geometry.source_mm[:, None]).max(axis=1)
    pixel = np.sqrt(2 * (geometry.u_mm**2 + geometry.v_mm**2).sum(axis=1)) / grid.voxel_mm
    share = np.maximum(depth, 0) / geometry.distance_mm
    for _ in range(2):  # a box may touch the volume from beside it, where it is a little wider
        widest = np.sqrt(1 + (share * pixel) ** 2)
        share = (np.maximum(depth, 0) + widest * grid.voxel_mm) / geometry.distance_mm
    if not widest.max() < WIDEST:
        raise BadInput(
            f"a pixel must not take in more than {WIDEST} voxels side by side, got {widest.max():.0f}: voxels of "
            f"{grid.voxel_mm:g} mm are too fine for this detector; take larger ones, or check the units"
        )
    return int(widest.max()) + 2 + sweep.BLOCK_P
