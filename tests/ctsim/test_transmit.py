"""Beer and Lambert, and what the distance takes."""

import numpy as np
import pytest

from ctsim.geometry import Geometry, circular
from ctsim.materials import mu_per_mm
from ctsim.spectrum import Spectrum, reading, tube_spectrum
from ctsim.transmit import exp_minus, falloff, transmit, transmit_plainly


@pytest.fixture(scope="module")
def beam():
    spectrum = tube_spectrum(140.0, "W", 12.0, (("Al", 1.0),))
    energies = spectrum.energies_kev
    return reading(spectrum, energies, energies**2, ("Al", "Fe"), (60.0, 20.0))


def test_the_kernel_is_its_plain_twin(beam):
    lengths = np.random.default_rng(0).uniform(0, 20, (3, 2, 5, 7)).astype(np.float32)
    lengths[:, :, 2] = 0
    for got, wanted in zip(transmit(lengths, (beam,)), transmit_plainly(lengths, beam), strict=True):
        np.testing.assert_allclose(got[0], wanted, rtol=1e-6)  # a table stands for one material, and 24 bits are kept


def test_the_exponential_is_the_librarys():
    for x in np.concatenate([[0.0, 1e-300, 1e-9, 707.9], np.random.default_rng(0).uniform(0, 50, 2000)]):
        assert exp_minus(x) == pytest.approx(np.exp(-x), rel=1e-13)
    assert exp_minus(708.0) == exp_minus(np.inf) == 0


def test_bands_are_read_side_by_side(beam):
    """Of two bands with tables of their own length each is what it is alone."""
    line = Spectrum(energies_kev=np.array([70.0]), photons=np.ones(1))
    other = reading(line, np.ones(1), np.ones(1), ("Al", "Fe"), (30.0, 50.0))
    lengths = np.random.default_rng(1).uniform(0, 20, (2, 2, 5, 7)).astype(np.float32)
    lengths[:, 1, :3] = 0
    both = transmit(lengths, (beam, other))
    for band, alone in enumerate((beam, other)):
        for got, wanted in zip(both, transmit(lengths, (alone,)), strict=True):
            np.testing.assert_array_equal(got[band], wanted[0])


@pytest.mark.parametrize("material", [0, 1])
def test_the_table_for_one_material_alone_is_the_sum_it_stands_for(beam, material):
    """Cubic interpolation is off by less than 1e-6 of the reading anywhere."""
    lengths = np.zeros((1, 2, 1, 5001), np.float32)
    lengths[0, material, 0] = np.linspace(0, 60 if material == 0 else 20, 5001)
    for got, wanted in zip(transmit(lengths, (beam,)), transmit_plainly(lengths, beam), strict=True):
        np.testing.assert_allclose(got[0], wanted, rtol=1e-6)


def test_slabs_in_series_multiply_for_one_energy(beam):
    line = Spectrum(energies_kev=np.array([70.0]), photons=np.ones(1))
    one = reading(line, np.ones(1), np.ones(1), ("Al", "Fe"), (60.0, 20.0))
    lengths = lambda a, b: np.array([a, b], np.float32).reshape(1, 2, 1, 1)  # noqa: E731
    both = transmit(lengths(7, 3), (one,))[0]
    np.testing.assert_allclose(both, transmit(lengths(7, 0), (one,))[0] * transmit(lengths(0, 3), (one,))[0], rtol=1e-6)
    mu = [mu_per_mm(name, (70.0,))[0] for name in ("Al", "Fe")]
    assert both.item() == pytest.approx(np.exp(-7 * mu[0] - 3 * mu[1]))


def test_the_beam_hardens_so_a_second_slab_takes_less_than_the_first(beam):
    lengths = np.zeros((1, 2, 1, 3), np.float32)
    lengths[0, 0, 0] = [0, 20, 40]
    free, once, twice = transmit(lengths, (beam,))[0].ravel()
    assert free == pytest.approx(1, abs=1e-5)
    assert twice / once > once / free


def test_rays_of_a_pixel_are_averaged_in_intensity_not_in_length(beam):
    lengths = np.zeros((1, 2, 2, 2), np.float32)
    lengths[0, 0, 0, 0] = 40
    mean, variance = transmit(lengths, (beam,), rays_per_side=2)
    thick = transmit(lengths, (beam,))[0][0, 0, 0, 0]
    free = beam.mean.sum()
    assert mean.item() == pytest.approx((thick + 3 * free) / 4, rel=1e-6)
    through_mean_length = transmit(np.array([10, 0], np.float32).reshape(1, 2, 1, 1), (beam,))
    assert mean.item() > through_mean_length[0].item() * 1.05
    assert variance.item() > 0


def test_the_free_beam_falls_with_the_cube_of_the_cosine():
    """In small pixels; and the whole detector's sum of A cos / r^2 is its solid angle, in pixels of any size."""
    line = {"source_object_mm": 10.0, "source_detector_mm": 30.0, "angles_deg": np.array([0.0, 40.0])}
    fine = falloff(circular(rows=3, columns=40001, pixel_mm=0.001, **line))
    assert len(fine) == 1  # it serves both views
    u = (np.arange(40001) + 0.5 - 20000.5) * 0.001
    np.testing.assert_allclose(fine[0, 1], (30 / np.hypot(30, u)) ** 3, rtol=1e-8)
    for pixels, pixel_mm in ((4, 10.0), (400, 0.1), (40_000, 0.001)):
        image = falloff(circular(rows=4, columns=pixels, pixel_mm=pixel_mm, **line))
        a, b = 20.0, 2 * pixel_mm
        solid_angle = 4 * np.arctan(a * b / (30 * np.sqrt(30**2 + a**2 + b**2)))
        assert image.sum() * pixel_mm**2 / 30**2 == pytest.approx(solid_angle, rel=1e-8)


def test_a_detector_that_steps_back_gets_less_in_that_view():
    near = circular(
        source_object_mm=100, source_detector_mm=300, rows=3, columns=5, pixel_mm=1.0, angles_deg=np.zeros(2)
    )
    far = near.centre_mm + np.array([[0.0, 0, 0], [300.0, 0, 0]])
    moving = Geometry(source_mm=near.source_mm, centre_mm=far, u_mm=near.u_mm, v_mm=near.v_mm, rows=3, columns=5)
    image = falloff(moving)
    assert image[:, 1, 2] == pytest.approx([1, 0.25], rel=1e-5)  # a pixel of 1 mm is a little wider than its middle
    assert falloff(moving, reference_mm=600)[:, 1, 2] == pytest.approx([4, 1], rel=1e-5)
