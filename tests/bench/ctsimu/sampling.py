"""Where a pixel is looked at, for 2D-WE-2: finer than any square of rays could.

An edge that leans by 3 deg crosses all rows of a square of rays at almost the same place, so n x n rays tell its
coverage to 1 / n and no better: 64 rays miss 12 % of the partly covered pixels and are 1250 grey values off.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ctsim.exposure import Exposure

FIBONACCI = (987, 1597)
"""Two neighbours: 1597 points leave 24 grey values RMS of the 60 allowed; 610, the next below that does, 52."""


def pixel_points() -> tuple[Float[np.ndarray, "point 2"], Float[np.ndarray, " point"]]:
    """Return points of the unit pixel and their weights: a Fibonacci lattice whose corner point becomes all four.

    What is covered of a pixel by a straight edge is either nothing, or holds one of its corners: none is missed.

    Reference: Niederreiter and Sloan, Integration of nonperiodic functions of two variables by Fibonacci lattice
    rules, J. Comput. Appl. Math. 51 (1994): vertex-modified lattices.
    """
    step, count = FIBONACCI
    i = np.arange(1, count)
    inside = np.stack([i / count, i * step % count / count], axis=1)
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
    weights = np.concatenate([np.full(count - 1, 1 / count), np.full(4, 0.25 / count)])
    return np.concatenate([inside, corners]), weights


def dithered(exposure: Exposure) -> Exposure:
    """Return an exposure whose every pose is taken at all points of the pixels, the detector moved by them."""
    points, weights = pixel_points()
    off, count, geometry = points - 0.5, len(points), exposure.geometry
    parts = {
        name: np.repeat(getattr(geometry, name), count, axis=0) for name in ("source_mm", "centre_mm", "u_mm", "v_mm")
    }
    across, down = np.tile(off, (geometry.views, 1)).T[:, :, None]
    parts["centre_mm"] = parts["centre_mm"] + across * parts["u_mm"] + down * parts["v_mm"]
    return replace(exposure, geometry=replace(geometry, **parts), weights=np.outer(exposure.weights, weights).ravel())
