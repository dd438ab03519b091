"""From counts to attenuation: flat field, dark field, logarithm, bad pixels."""

import numpy as np
from jaxtyping import Bool, Float

from ctsim.detector.bad_pixels import filled


def correct(
    counts: Float[np.ndarray, "*band view row col"],
    flat: Float[np.ndarray, "*band row col"],
    dark: Float[np.ndarray, "*band row col"],
    bad: Bool[np.ndarray, "row col"] | None = None,
    *,
    step: float = 1.0,
) -> Float[np.ndarray, "*band view row col"]:
    r"""Return the attenuation that each pixel saw.

    $$ p = -\ln \frac{counts - dark}{flat - dark} $$

    Pixels at or below the dark level are taken as half a step above it, so that nothing becomes infinite.

    Args:
        counts: Radiographs [count].
        flat: The free beam [count].
        dark: The level without a beam [count].
        bad: Pixels that are filled from around them.
        step: From one count that the converter knows to the next; 0 where it has none: 1e-5 of the free beam then
            stands for half of it.
    """
    flat, dark = flat[..., None, :, :], dark[..., None, :, :]
    light = flat - dark
    least = step / 2 or max(1e-5 * float(light.max()), np.finfo(np.float32).tiny)
    attenuation = -np.log(np.maximum(counts - dark, least) / np.maximum(light, least))
    return attenuation if bad is None else filled(attenuation, bad)
