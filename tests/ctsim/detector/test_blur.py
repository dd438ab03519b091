"""Sharpness: what is asked for is what an image shows."""

import numba
import numpy as np
import pytest

from ctsim.detector.blur import blurred, noise_left, transfer_of
from scenes.detector import SIGMA_OVER_RESOLUTION, DetectorSpec, sharpest_mm

PIXEL_MM = 0.05


def panel(**more) -> DetectorSpec:
    return DetectorSpec(**{"rows": 96, "columns": 256, "pixel_mm": PIXEL_MM} | more)


def pictured(curve, spec: DetectorSpec, rays: int, tilt: float = 0.0):
    """Return the blurred image of a curve of u [mm], and u of each pixel, for lines tilted against the columns."""
    fine_u = (np.arange(spec.columns * rays) + 0.5) * spec.pixel_mm / rays
    fine_v = (np.arange(spec.rows * rays) + 0.5) * spec.pixel_mm / rays
    u = fine_u[None, :] - tilt * fine_v[:, None]
    pixels = (spec.rows, rays, spec.columns, rays)
    image = curve(u).reshape(pixels).mean((1, 3))
    return blurred(image, transfer_of(spec, rays)), u.reshape(pixels).mean((1, 3))


def wires(spacing_mm: float, centre_mm: float):
    """Return the shadow of a pair of thin wires: a diameter apart, each as deep as its chord."""

    def shadow(u):
        chords = [np.maximum((spacing_mm / 2) ** 2 - (u - centre_mm - s * spacing_mm) ** 2, 0) ** 0.5 for s in (-1, 1)]
        return 1 - 0.02 * sum(chords) / spacing_mm

    return shadow


def dip_of(spec: DetectorSpec, spacing_mm: float, rays: int) -> float:
    """Return how deep the dip between the two wires is, as ASTM E2002 measures it across slightly tilted wires."""
    centre_mm = spec.columns * spec.pixel_mm / 2
    image, u = pictured(wires(spacing_mm, centre_mm), spec, rays, tilt=np.tan(np.deg2rad(3)))
    inner = slice(20, -20)
    away, depth = np.abs(u[inner] - centre_mm).ravel(), (1 - image[inner]).ravel()
    step = spec.pixel_mm / 20
    profile = [depth[np.abs(away - x) < step].mean() for x in np.arange(0, 2 * spacing_mm, step)]
    return 1 - profile[0] / max(profile)


# one ray a pixel cannot see wires of one and a half pixels, but as moire
@pytest.mark.parametrize(("resolution_mm", "rays"), [(0.075, 4), (0.15, 1), (0.15, 4)])
def test_a_duplex_wire_shows_the_basic_spatial_resolution(resolution_mm, rays):
    """At the spacing that is called the basic spatial resolution the dip is 20 %; it is found to 2 %."""
    spec = panel(spatial_resolution_mm=resolution_mm)
    narrow, wide = (dip_of(spec, resolution_mm * factor, rays) for factor in (0.98, 1.02))
    assert narrow < 0.2 < wide


@pytest.mark.parametrize("rays", [1, 2, 5])
@pytest.mark.parametrize("resolution_mm", [0.075, 0.15, 0.3])
def test_the_contrast_of_a_grating_is_that_of_a_gaussian_and_the_pixel(resolution_mm, rays):
    """MTF20 within 2 %: at the frequency where the closed form gives 20 % an image shows it, aliasing left out."""
    sigma = np.sqrt((SIGMA_OVER_RESOLUTION * resolution_mm) ** 2 - PIXEL_MM**2 / 12)
    closed = lambda f: np.exp(-2 * (np.pi * sigma * f) ** 2) * np.sinc(f * PIXEL_MM)  # noqa: E731
    grid = np.linspace(0.01, 9.9, 10_000)
    mtf20 = grid[np.argmin(np.abs(closed(grid) - 0.2))]
    spec = panel(spatial_resolution_mm=resolution_mm, columns=512)
    for frequency in (0.37, 1.1, mtf20):
        image, u = pictured(lambda u, f=frequency: np.cos(2 * np.pi * f * u), spec, rays)
        inner = slice(100, -100)
        waves = np.column_stack([np.cos(2 * np.pi * frequency * u[0]), np.sin(2 * np.pi * frequency * u[0])])[inner]
        contrast = np.hypot(*np.linalg.lstsq(waves, image[48][inner], rcond=None)[0])
        assert contrast == pytest.approx(closed(frequency), rel=5e-3)
    # that contrast falls by 2 % of the frequency's change twice as fast or faster: the frequency is right to 1 %
    assert abs(closed(mtf20 * 1.01) - closed(mtf20)) > 0.005 * 0.2


def test_a_table_is_met_along_the_row_with_the_pixels_own_width_in_it():
    table = tuple((f, float(np.exp(-0.4 * f) * np.sinc(f * PIXEL_MM))) for f in np.linspace(0, 10, 400))
    spec = panel(mtf=table, columns=512)
    for frequency in (0.5, 2.0, 4.0):
        image, u = pictured(lambda u, f=frequency: np.cos(2 * np.pi * f * u), spec, 4)
        inner = slice(100, -100)
        waves = np.column_stack([np.cos(2 * np.pi * frequency * u[0]), np.sin(2 * np.pi * frequency * u[0])])[inner]
        contrast = np.hypot(*np.linalg.lstsq(waves, image[48][inner], rcond=None)[0])
        assert contrast == pytest.approx(np.exp(-0.4 * frequency) * np.sinc(frequency * PIXEL_MM), rel=5e-3)


def test_flat_images_and_sums_stay():
    transfer = transfer_of(panel(spatial_resolution_mm=0.2), 1)
    np.testing.assert_allclose(blurred(np.full((96, 256), 7.0), transfer), 7, rtol=1e-12)
    image = np.random.default_rng(0).random((3, 96, 256))
    np.testing.assert_allclose(blurred(image, transfer).sum((1, 2)), image.sum((1, 2)), rtol=1e-12)


def test_a_point_becomes_a_round_spot_of_the_right_width():
    resolution = 0.3
    spec = panel(spatial_resolution_mm=resolution, rows=256)
    point = np.zeros((256, 256))
    point[128, 128] = 1
    spot = blurred(point, transfer_of(spec, 64))
    x = np.arange(256) - 128
    variance = SIGMA_OVER_RESOLUTION**2 * resolution**2 - PIXEL_MM**2 / 12
    for axis in (0, 1):
        assert (spot.sum(axis) * x**2).sum() * PIXEL_MM**2 == pytest.approx(variance, rel=1e-3)
    assert spot[131, 132] == pytest.approx(spot[128, 133], rel=1e-3)  # both 5 pixels away


def test_noise_is_left_as_its_kernel_says():
    spec = panel(spatial_resolution_mm=0.15, rows=256)
    transfer = transfer_of(spec, 64)
    sigma = np.sqrt((SIGMA_OVER_RESOLUTION * 0.15) ** 2 - PIXEL_MM**2 / 12) / PIXEL_MM
    # white noise through a Gaussian: 1 / (4 pi sigma^2), sigma in pixels
    assert noise_left(transfer) == pytest.approx(1 / (4 * np.pi * sigma**2), rel=1e-3)
    noise = np.random.default_rng(0).standard_normal((16, 256, 256))
    assert blurred(noise, transfer)[:, 9:-9, 9:-9].var() == pytest.approx(noise_left(transfer), rel=0.02)


def test_a_sharp_panel_has_no_transfer_function_and_one_as_sharp_as_its_pixels_leaves_them_alone():
    assert transfer_of(panel(), 1) is None
    np.testing.assert_allclose(transfer_of(panel(spatial_resolution_mm=sharpest_mm(PIXEL_MM)), 8), 1, atol=0.02)


def test_the_bits_do_not_depend_on_threads_or_company():
    image = np.random.default_rng(0).random((5, 96, 256))
    transfer = transfer_of(panel(spatial_resolution_mm=0.2), 1)
    together = blurred(image, transfer)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = np.stack([blurred(one, transfer) for one in image])
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(together, alone)
