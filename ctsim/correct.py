"""From counts to attenuation: flat field, dark field, logarithm."""

import numpy as np
from jaxtyping import Float


def correct(
    counts: Float[np.ndarray, "view row col"],
    flat: Float[np.ndarray, "row col"],
    dark: Float[np.ndarray, "row col"],
) -> Float[np.ndarray, "view row col"]:
    r"""Return the attenuation that each pixel saw.

    $$ p = -\ln \frac{counts - dark}{flat - dark} $$

    Pixels at or below the dark level are taken as half a count above it, so that nothing becomes infinite.

    Args:
        counts: Radiographs [count].
        flat: The free beam [count].
        dark: The level without a beam [count].
    """
    beam = np.maximum(flat - dark, 0.5)
    return -np.log(np.maximum(counts - dark, 0.5) / beam)
