"""How sharp a detector is: light that spreads before it is read, as a factor on every spatial frequency.

An image that is continued by its mirror image at every edge is a sum of cosines, and blurring it multiplies each by the
transfer function at its own frequency. So the transfer function is met exactly, a flat image stays as it is, and light
that leaves over an edge comes back: the sum of all pixels stays too.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float
from numba import get_num_threads
from scipy.fft import dctn, idctn

from ctsim.arrays import Array, fft_of, is_on_card
from scenes.detector import SIGMA_OVER_RESOLUTION, DetectorSpec


def transfer_of(spec: DetectorSpec, rays_per_pixel: int = 1) -> Float[np.ndarray, "row col"] | None:
    r"""Return what is left of each spatial frequency of an image, or None where all of it is.

    The specification is that of the whole detector, the pixel's own width p included. What stands here is the rest,
    for the mean over n rays a pixel brings some of that width along:

    $$ T(f) = T_{light}(f) \, \frac{sinc(f p)}{comb_n(f p)} = T_{light}(f) \, sinc(f p / n), \qquad
       comb_n(x) = \frac{\sin \pi x}{n \sin(\pi x / n)} $$

    the sinc once for each axis. Light spreads alike in all directions: for a basic spatial resolution SRb as a Gaussian
    of sigma^2 = (0.7070 SRb)^2 - p^2 / 12 (variances of line spreads add), or else by MTF(f) / sinc(f p).

    Args:
        spec: The detector.
        rays_per_pixel: n, along each side.
    """
    if not spec.mtf and not spec.spatial_resolution_mm:
        return None
    pitches = spec.pitch_mm
    # the frequencies of the cosines: half a period a step over the whole image
    across, down = (np.arange(n) / (2 * n * p) for n, p in zip((spec.columns, spec.rows), pitches, strict=True))
    width = np.outer(*(np.sinc(f * p / rays_per_pixel) for f, p in ((down, pitches[1]), (across, pitches[0]))))
    return width * _light(spec, np.hypot(down[:, None], across[None, :]))


def blurred(
    images: Float[Array, "*batch row col"], transfer: Float[Array, "row col"]
) -> Float[Array, "*batch row col"]:
    """Return images with a factor on each of their cosines; each is worked on by itself, so that none minds another."""
    if is_on_card(images):
        there, sides = fft_of(images), (-2, -1)
        return there.idctn(there.dctn(images, norm="ortho", axes=sides) * transfer, norm="ortho", axes=sides)
    flat = images.reshape(-1, *transfer.shape)
    out = np.zeros(flat.shape)

    def one(i: int) -> None:
        out[i] = idctn(dctn(flat[i], norm="ortho") * transfer, norm="ortho")

    with ThreadPoolExecutor(min(get_num_threads(), len(flat))) as pool:
        list(pool.map(one, range(len(flat))))
    return out.reshape(images.shape)


def noise_left(transfer: Float[np.ndarray, "row col"] | None) -> float:
    """Return the share of the variance of white noise that is left in a pixel away from the edges.

    The integral of the squared transfer function over all frequencies; mirrored light adds to it at the edges.
    """
    if transfer is None:
        return 1.0
    # trapezes from frequency 0 to half a period a pixel, where it is as at the last cosine
    down, across = (np.concatenate([[0.5], np.ones(n - 2), [1.5]]) / n for n in transfer.shape)
    return float(down @ transfer**2 @ across)


def _light(spec: DetectorSpec, per_mm: Float[np.ndarray, "row col"]) -> Float[np.ndarray, "row col"]:
    """Return the transfer function of the light's spread."""
    width_mm = spec.pixel_mm
    if not spec.mtf:
        variance = (SIGMA_OVER_RESOLUTION * spec.spatial_resolution_mm) ** 2 - width_mm**2 / 12
        return np.exp(-2 * np.pi**2 * max(variance, 0.0) * per_mm**2)
    frequencies, contrast = np.array(spec.mtf).T
    whole = np.interp(per_mm, frequencies, contrast / contrast[0])
    # a table sharper than the pixel is wide is met as nearly as can be; the sinc's first zero is never reached
    return np.minimum(whole / np.maximum(np.sinc(per_mm * width_mm), 0.1), 1.0)
