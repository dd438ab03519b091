"""Beer and Lambert, and what the distance takes."""

import numpy as np
import pytest

from ctsim.geometry import circular
from ctsim.materials import mu_per_mm
from ctsim.spectrum import Spectrum, reading, tube_spectrum
from ctsim.transmit import falloff, transmit, transmit_plainly


@pytest.fixture(scope="module")
def beam():
    spectrum = tube_spectrum(140.0, "W", 12.0, (("Al", 1.0),))
    return reading(spectrum, np.ones(len(spectrum.energies_kev)), ("Al", "Fe"), (60.0, 20.0))


def test_the_kernel_is_its_plain_twin(beam):
    lengths = np.random.default_rng(0).uniform(0, 20, (3, 2, 5, 7)).astype(np.float32)
    lengths[:, :, 2] = 0
    for got, wanted in zip(transmit(lengths, beam), transmit_plainly(lengths, beam), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("material", [0, 1])
def test_the_table_for_one_material_alone_is_the_sum_it_stands_for(beam, material):
    """Cubic interpolation is off by less than 1e-6 of the reading anywhere."""
    lengths = np.zeros((1, 2, 1, 5001), np.float32)
    lengths[0, material, 0] = np.linspace(0, 60 if material == 0 else 20, 5001)
    for got, wanted in zip(transmit(lengths, beam), transmit_plainly(lengths, beam), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_slabs_in_series_multiply_for_one_energy(beam):
    line = Spectrum(energies_kev=np.array([70.0]), photons=np.ones(1))
    one = reading(line, np.ones(1), ("Al", "Fe"), (60.0, 20.0))
    lengths = lambda a, b: np.array([a, b], np.float32).reshape(1, 2, 1, 1)  # noqa: E731
    both = transmit(lengths(7, 3), one)[0]
    np.testing.assert_allclose(both, transmit(lengths(7, 0), one)[0] * transmit(lengths(0, 3), one)[0], rtol=1e-6)
    mu = [mu_per_mm(name, (70.0,))[0] for name in ("Al", "Fe")]
    assert both.item() == pytest.approx(np.exp(-7 * mu[0] - 3 * mu[1]))


def test_the_beam_hardens_so_a_second_slab_takes_less_than_the_first(beam):
    lengths = np.zeros((1, 2, 1, 3), np.float32)
    lengths[0, 0, 0] = [0, 20, 40]
    free, once, twice = transmit(lengths, beam)[0].ravel()
    assert free == pytest.approx(1, abs=1e-5)
    assert twice / once > once / free


def test_rays_of_a_pixel_are_averaged_in_intensity_not_in_length(beam):
    lengths = np.zeros((1, 2, 2, 2), np.float32)
    lengths[0, 0, 0, 0] = 40
    mean, variance = transmit(lengths, beam, rays_per_side=2)
    thick = transmit(lengths, beam)[0][0, 0, 0]
    free = beam.mean.sum()
    assert mean.item() == pytest.approx((thick + 3 * free) / 4, rel=1e-12)
    through_mean_length = transmit(np.full((1, 2, 1, 1), 10, np.float32) * np.array([1, 0]).reshape(1, 2, 1, 1), beam)
    assert mean.item() > through_mean_length[0].item() * 1.05
    assert variance.item() > 0


def test_the_free_beam_falls_with_the_cube_of_the_cosine():
    g = circular(
        source_object_mm=100,
        source_detector_mm=300,
        rows=3,
        columns=401,
        pixel_mm=1.0,
        angles_deg=np.array([0.0, 40.0]),
    )
    image = falloff(g)
    u = np.arange(401) + 0.5 - 200.5
    np.testing.assert_allclose(image[1], (300 / np.hypot(300, u)) ** 3, rtol=1e-12)
    # the whole detector's share of the sphere: the sum of A cos / r^2 is its solid angle
    solid_angle = image[1].sum() * 1.0**2 / 300**2
    assert solid_angle == pytest.approx(
        4 * np.arctan(0.5 * 200.5 / (300 * np.sqrt(300**2 + 0.5**2 + 200.5**2))), rel=1e-4
    )
