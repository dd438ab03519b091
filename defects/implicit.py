"""Solids from fields: all that lies where a field is above 0, as a closed surface.

Surfaces by marching cubes with the topology of Lewiner et al., J. Graphics Tools 8 (2003), as scikit-image has it.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from manifold3d import Error, Manifold, Mesh64, OpType
from skimage.measure import marching_cubes

FACETS = 20_000
"""Triangles of one flaw at most."""

Field = Callable[[Float[np.ndarray, "*shape 3"]], Float[np.ndarray, "*shape"]]


def grid(half_mm: tuple[float, float, float], step_mm: float) -> Float[np.ndarray, "x y z 3"]:
    """Return the points [mm] of a cubic grid about the origin that covers a box of those half lengths."""
    counts = [int(np.ceil(half / step_mm)) for half in half_mm]
    axes = [step_mm * np.arange(-n, n + 1) for n in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def solid_above(field: Float[np.ndarray, "x y z"], low_mm: Float[np.ndarray, "3"], step_mm: float) -> Manifold:
    """Return the closed solid [mm] in which the field is above 0; empty where it is nowhere so.

    The field counts as negative one step outside its grid, so the surface closes there.

    Args:
        field: At the grid's points.
        low_mm: Where its first point lies.
        step_mm: From point to point, along all three axes.
    """
    size = float(np.max(np.abs(field)))
    if not np.any(field > 0):
        return Manifold()
    padded = np.pad(np.asarray(field, float), 1, constant_values=-size)
    # a corner exactly on the surface would make triangles of no area, which are no manifold
    padded[np.abs(padded) < 1e-6 * size] = 1e-6 * size
    corners, triangles, _, _ = marching_cubes(padded, 0.0, gradient_direction="ascent")
    solid = Manifold(Mesh64(low_mm + step_mm * (corners.astype(float) - 1), triangles.astype(np.uint64)))
    if solid.status() != Error.NoError:
        raise AssertionError(f"marching cubes gave a surface that is not closed: {solid.status()}")
    return solid


def without_crumbs(solid: Manifold, least_mm3: float = 0.0) -> Manifold:
    """Return the solid without pieces smaller than that, and without hollows: matter that floats in a void is none."""
    kept = [piece for piece in solid.decompose() if piece.volume() > least_mm3]
    return Manifold.batch_boolean(kept, OpType.Add)


def largest(solid: Manifold) -> Manifold:
    """Return its largest piece, without hollows."""
    return max(solid.decompose(), key=lambda piece: piece.volume())


def thinned(solid: Manifold, step_mm: float, most: int = FACETS) -> Manifold:
    """Return the solid with no more than `most` triangles, its surface moved by as little as that takes."""
    tolerance = step_mm / 50
    while solid.num_tri() > most:
        solid = solid.simplify(tolerance)
        tolerance *= 1.5
    return solid


def scaled_to(solid: Manifold, volume_mm3: float) -> Manifold:
    """Return the solid scaled about the origin to that volume."""
    grow = (volume_mm3 / solid.volume()) ** (1 / 3)
    return solid.scale((grow, grow, grow))


def noise(rng: np.random.Generator, wave_mm: float, *, waves: int = 48) -> Field:
    """Return a random field of mean 0 and variance 1 whose waves are 0.8 to 1.25 times `wave_mm` long.

    Plane waves in directions uniform on the sphere and of any phase; many of them are a Gaussian field (Cahn, J. Chem.
    Phys. 42, 93, 1965).
    """
    ways = rng.normal(size=(waves, 3))
    ways *= 2 * np.pi / wave_mm * rng.uniform(0.8, 1.25, waves)[:, None] / np.linalg.norm(ways, axis=1)[:, None]
    phases = rng.uniform(0, 2 * np.pi, waves)

    def at(points_mm: np.ndarray) -> np.ndarray:
        total = np.zeros(points_mm.shape[:-1])
        for way, phase in zip(ways, phases, strict=True):
            total += np.cos(points_mm @ way + phase)
        return total * np.sqrt(2 / waves)

    return at
