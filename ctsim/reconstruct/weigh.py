r"""Projections made ready for the ramp filter: each pixel times its weight, in rows that follow the turn.

Feldkamp, Davis and Kress take each row of the detector and the source for a fan beam in a plane of its own (J. Opt.
Soc. Am. A 1, 612, 1984). With the ray r to the pixel, the row's direction u (of length 1), the pixel's width \Delta and
the source going by dS in that view, the fan beam's own formula reads in vectors, for a detector at any angle,

$$ f(x) = \sum_{views} \frac{1}{w(x)^2} (p \, g * h), \quad
   g = \frac{1}{2 \Delta} \frac{(dS \times r) \cdot (u \times r)}{|u \times r|^2 \, |r|} $$

with h the ramp for samples 1 apart and w the depth (0 in the source, 1 in the detector). For an upright detector square
to the beam, g is FDK's cosine: dS \cos\gamma / 2 \Delta D.
"""

import math

import numpy as np
from jaxtyping import Float
from numba import prange

from ctsim.arrays import Array, is_on_card
from ctsim.geometry import Geometry
from ctsim.kernel import kernel
from ctsim.reconstruct.backproject import FAST
from ctsim.reconstruct.course import ELSE
from defects.messages import BadInput

STEEPEST = 0.2
"""Rows that a levelled line may climb per column: a detector turned by 11 deg about the beam."""

LEAST_COSINE = 0.8
"""Between the rows and the way the source goes: a detector turned by 37 deg about its columns."""


def levelled(geometry: Geometry) -> tuple[Geometry, Float[np.ndarray, " view"]]:
    """Return the detector with rows along the turn, and how many rows up each one climbs from column to column.

    The columns stay where they are; each is shifted along itself, and rows are added so that none of it is lost. Less
    than half a pixel at the detector's edge is left as it is.
    """
    source, u, v = geometry.source_mm, geometry.u_mm, geometry.v_mm
    turn = np.cross([0.0, 0.0, 1.0], source)
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    # the line in the detector's plane that lies in one plane with the turn and the central ray
    level = np.cross(geometry.normal, np.cross(turn, geometry.centre_mm - source))
    basis = np.stack([u, v, geometry.normal], axis=2)
    along = np.linalg.solve(basis, level[:, :, None])[:, :, 0]
    cosine = np.abs(np.sum(turn * level, axis=1)) / np.linalg.norm(level, axis=1)
    slope = np.divide(-along[:, 1], along[:, 0], out=np.full(len(u), np.inf), where=along[:, 0] != 0)
    if not np.abs(slope).max() <= STEEPEST or not cosine.min() >= LEAST_COSINE:
        worst = max(np.degrees(np.arctan(np.abs(slope).max())), np.degrees(np.arccos(cosine.min())))
        raise BadInput(
            f"FDK filters along the detector's rows, which must run along the turn of the source; they are "
            f"{worst:.3g} deg off it. Turn the detector, {ELSE}"
        )
    reach = np.abs(slope).max() * geometry.columns / 2
    if reach < 0.5:
        return geometry, np.zeros(len(slope))
    shifted = Geometry(
        source_mm=source,
        centre_mm=geometry.centre_mm,
        u_mm=u - slope[:, None] * v,
        v_mm=v,
        rows=geometry.rows + 2 * math.ceil(reach),
        columns=geometry.columns,
    )
    return shifted, slope


def weigh(
    attenuation: Float[Array, "view row col"],
    geometry: Geometry,
    slope: Float[np.ndarray, " view"],
    going_mm: Float[np.ndarray, "view 3"],
    weights: Float[np.ndarray, "view 2 col"],
    out: Float[Array, "view col level"],
) -> None:
    """Fill `out` with the weighted projections, columns first.

    Args:
        attenuation: Line integrals.
        geometry: Of the levelled rows; see `levelled`.
        slope: From `levelled`.
        going_mm: How far the source goes in the time of each view [mm].
        weights: For lines that are seen more than once: of each column at the upper and the lower end of the rows.
        out: What is filled, one value a levelled row.
    """
    rows_mm = np.linalg.norm(geometry.u_mm, axis=1, keepdims=True)
    direction = geometry.u_mm / rows_mm
    way = np.sign(np.sum(going_mm * direction, axis=1, keepdims=True))
    factors = weights * (way / (2 * rows_mm))[:, None]
    vectors = np.stack([geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm, direction, going_mm], axis=1)
    if is_on_card(out):
        from ctsim.gpu.backproject import weigh as weigh_there

        weigh_there(attenuation, vectors, slope, factors, out)
    else:
        _weigh(np.ascontiguousarray(attenuation, np.float32), vectors, slope, factors, out)


@kernel(parallel=True, **FAST)
def _weigh(attenuation, vectors, slope, factors, out):
    views, columns, levels = out.shape
    for line in prange(views * columns):
        view, column = line // columns, line % columns
        corner, u, v, along, going = vectors[view]
        x, y, z = corner + (column + 0.5) * u
        rise = slope[view] * (columns / 2 - (column + 0.5)) - (levels - attenuation.shape[1]) / 2
        first, change = factors[view, 0, column], (factors[view, 1, column] - factors[view, 0, column]) / levels
        ax, ay, az = along
        gx, gy, gz = going
        for level in range(levels):
            rx, ry, rz = x + (level + 0.5) * v[0], y + (level + 0.5) * v[1], z + (level + 0.5) * v[2]
            weight = fan_weight(rx, ry, rz, ax, ay, az, gx, gy, gz)
            if slope[view] == 0 and levels == attenuation.shape[1]:
                value = attenuation[view, level, column]
            else:
                value = between(attenuation[view], level + rise, column)
            out[view, column, level] = (first + (level + 0.5) * change) * weight * value


@kernel(inline="always", **FAST)
def fan_weight(rx, ry, rz, ux, uy, uz, gx, gy, gz):
    """Return (dS x r) . (u x r) / |u x r|^2 |r|, for a ray r, a row's direction u and the source's way dS."""
    square = rx * rx + ry * ry + rz * rz
    beside = rx * ux + ry * uy + rz * uz
    both, gone = gx * ux + gy * uy + gz * uz, rx * gx + ry * gy + rz * gz
    return (both * square - gone * beside) / ((square - beside * beside) * math.sqrt(square))


@kernel(**FAST)
def between(image, row, column):
    """Return an image between its rows, by the cubic through four of them (Keys, IEEE TASSP 29, 1153, 1981)."""
    last = len(image) - 1
    whole = int(math.floor(row))  # noqa: RUF046  (a card's floor is no integer)
    t = row - whole
    a = image[min(max(whole - 1, 0), last), column]
    b = image[min(max(whole, 0), last), column]
    c = image[min(max(whole + 1, 0), last), column]
    d = image[min(max(whole + 2, 0), last), column]
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
