"""From counts to attenuation: flat field, dark field, logarithm, bad pixels."""

import numpy as np
from jaxtyping import Bool, Float

from ctsim.detector.bad_pixels import filled


def correct(
    counts: Float[np.ndarray, "*band view row col"],
    flat: Float[np.ndarray, "*band row col"],
    dark: Float[np.ndarray, "*band row col"],
    bad: Bool[np.ndarray, "row col"] | None = None,
) -> Float[np.ndarray, "*band view row col"]:
    r"""Return the attenuation that each pixel saw.

    $$ p = -\ln \frac{counts - dark}{flat - dark} $$

    Pixels at or below the dark level are taken as half a count above it, so that nothing becomes infinite.

    Args:
        counts: Radiographs [count].
        flat: The free beam [count].
        dark: The level without a beam [count].
        bad: Pixels that are filled from around them.
    """
    flat, dark = flat[..., None, :, :], dark[..., None, :, :]
    attenuation = -np.log(np.maximum(counts - dark, 0.5) / np.maximum(flat - dark, 0.5))
    return attenuation if bad is None else filled(attenuation, bad)
