"""Pixels that are known to show nothing, filled from around them."""

import numpy as np
from jaxtyping import Bool, Float, Int

WIDEST = 16
"""Half the side of the largest window that is searched for good pixels."""


def filled(
    images: Float[np.ndarray, "*batch row col"], bad: Bool[np.ndarray, "row col"]
) -> Float[np.ndarray, "*batch row col"]:
    """Return images with each bad pixel on the plane that fits the good ones around it.

    Least squares with the inverse square of the distance as weight, over the smallest window that holds enough of them;
    an image that rises evenly is restored exactly.
    """
    out = images.copy()
    for row, column in np.argwhere(bad):
        around = _around(bad, int(row), int(column))
        if around is not None:
            places, weights = around
            out[..., row, column] = images[..., places[:, 0], places[:, 1]] @ weights
    return out


def _around(
    bad: Bool[np.ndarray, "row col"], row: int, column: int
) -> tuple[Int[np.ndarray, "good 2"], Float[np.ndarray, " good"]] | None:
    """Return good pixels about a bad one and their weights, or None where there are none for a plane."""
    for reach in range(1, WIDEST + 1):
        top, left = max(row - reach, 0), max(column - reach, 0)
        window = bad[top : row + reach + 1, left : column + reach + 1]
        places = np.argwhere(~window) + np.array([top, left])
        if len(places) < 4:
            continue
        offset = places - np.array([row, column])
        plane = np.column_stack([np.ones(len(offset)), offset])
        root = 1 / np.hypot(*offset.T)  # of the weight
        if np.linalg.matrix_rank(plane) == 3:
            return places, np.linalg.pinv(plane * root[:, None])[0] * root
    return None
