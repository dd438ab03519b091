"""Scatter that is smoothed and interpolated: against fields that are known, and against every photon followed."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from manifold3d import Manifold
from numpy.testing import assert_allclose, assert_array_equal

from ctsim.backends.mesh import path_lengths
from ctsim.fidelity import moved, signals
from ctsim.montecarlo.arrivals import COMPTON, KINDS, Arrivals, joined
from ctsim.montecarlo.scatter import Scatter, chosen, fitted, scatter_of
from ctsim.radiograph import Radiographs, scan, triangles_of
from ctsim.scanner import scanner_of
from ctsim.transmit import readings
from scenes.build import Specimen
from scenes.detector import DetectorSpec
from scenes.fidelity import ALL_TECHNIQUES, MonteCarloSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream
from tests.ctsim.montecarlo.setups import block, specimen

# ------------------------------------------------------------------------------------------------ known fields


def arrived(scatter: np.ndarray, deviation: float = 0.0, rng: np.random.Generator | None = None) -> Arrivals:
    """Return a known scatter [band view row col] as it would arrive, with normal noise of a known deviation."""
    noise = 0 if rng is None else rng.normal(scale=deviation, size=scatter.shape)
    mean, sigma = np.zeros((2, len(KINDS), *scatter.shape))
    mean[COMPTON], sigma[COMPTON] = scatter + noise, deviation
    return Arrivals(
        mean=mean, deviation=sigma, scatter_deviation=sigma[COMPTON],
        variance=np.stack([0 * scatter, 2 * mean[COMPTON]]), photons=1000,
    )  # fmt: skip


def field(views: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return a smooth field of places from 0 to 1: a hill that moves from view to view, over a plain."""
    v, r, c = np.meshgrid(views, rows, columns, indexing="ij")
    hill = np.exp(-(((r - 0.5) / 0.35) ** 2) - ((c - 0.5 - 0.15 * np.sin(2 * np.pi * v)) / 0.3) ** 2)
    return 0.05 * (1 + 0.3 * np.cos(2 * np.pi * v)) * (0.3 + hill)


def middles(count: int) -> np.ndarray:
    """Return the middles of so many cells of the range from 0 to 1."""
    return (np.arange(count) + 0.5) / count


def hill_fitted(noise: float, seed: int = 0, views: int = 24, side: int = 16) -> tuple[Scatter, np.ndarray]:
    """Return the fit of the field in some of 120 views on a coarse panel, and the field on the fine one."""
    some, rng = chosen(120, views), np.random.default_rng(seed)
    seen = field(np.array(some) / 119, middles(side), middles(side))[None]
    whole = field(np.arange(120) / 119, middles(40), middles(48))[None]
    return fitted(arrived(seen, noise, rng), some, (120, 40, 48)), whole


def rms(values: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt((values**2).mean()))


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.03])
def test_a_smooth_field_is_recovered_far_below_its_noise(noise):
    """From noise as large as the field itself, too; and the error that is told is the one that is made, to 40 %.

    Both over eight fields of noise; of one alone what is told may be half of what is made where noise is all there is.
    """
    told, made = [], []
    for seed in range(8):
        found, whole = hill_fitted(noise, seed)
        made.append(rms(found.of_views(slice(0, 120)) - whole))
        told.append(found.error * rms(whole))
    assert max(made) < 0.35 * noise
    assert rms(np.array(told)) == pytest.approx(rms(np.array(made)), rel=0.4)


def test_more_noise_is_smoothed_more():
    errors = [hill_fitted(noise)[0].error for noise in (0.001, 0.004, 0.016)]
    assert errors[0] < errors[1] < errors[2]
    # and less than in proportion
    assert errors[2] < 16 * errors[0]


def test_without_noise_what_is_straight_is_exact():
    """Linear in view, row and column, and their products: at every place, beyond the outermost middles too."""

    def straight(v, r, c):
        return 0.2 + 0.05 * v[:, None, None] + 0.03 * r[:, None] * c + 0.02 * v[:, None, None] * c

    some = chosen(30, 7)
    seen = straight(np.array(some) / 29, middles(5), middles(6))[None]
    found = fitted(arrived(seen), some, (30, 20, 24))
    wanted = straight(np.arange(30) / 29, middles(20), middles(24))
    assert_allclose(found.of_views(slice(0, 30))[0], wanted, rtol=1e-5)
    assert found.error < 1e-6


def test_without_noise_what_bends_is_followed():
    """To a thousandth, from 24 views and 16 x 16 places."""
    found, whole = hill_fitted(0.0)
    assert rms(found.of_views(slice(0, 120)) - whole) < 2e-3 * rms(whole)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 16, 16), (2, 16, 16), (3, 1, 1), (2, 2, 2), (5, 1, 16), (1, 2, 1)])
def test_few_views_and_few_places_are_enough(shape):
    """A constant comes back as it is, from however little is known."""
    some = chosen(shape[0] * 3, shape[0])
    found = fitted(arrived(np.full((1, *shape), 0.07)), some, (shape[0] * 3, 9, 11))
    assert_allclose(found.of_views(slice(0, shape[0] * 3)), 0.07, rtol=1e-5)


def test_one_view_of_a_scan_of_one_view_is_itself():
    seen = field(np.zeros(1), middles(16), middles(16))[None]
    found = fitted(arrived(seen), [0], (1, 16, 16))
    assert_allclose(found.of_views(slice(0, 1)), seen, rtol=2e-3)


def test_two_views_are_joined_by_straight_lines():
    seen = np.stack([np.full((4, 4), 0.1), np.full((4, 4), 0.3)])[None]
    found = fitted(arrived(seen), [0, 10], (11, 4, 4))
    assert_allclose(found.of_views(slice(0, 11))[0, :, 2, 1], np.linspace(0.1, 0.3, 11), rtol=1e-5)


def test_some_views_are_part_of_the_whole():
    found, _ = hill_fitted(0.01)
    whole = found.of_views(slice(0, 120))
    for some in (slice(0, 1), slice(17, 40), slice(119, 120)):
        assert_allclose(found.of_views(some), whole[:, some], rtol=1e-5)


def test_scatter_is_never_below_nothing():
    rng = np.random.default_rng(0)
    found = fitted(arrived(np.full((1, 6, 8, 8), 0.001), 0.01, rng), chosen(30, 6), (30, 24, 24))
    assert found.of_views(slice(0, 30)).min() >= 0


def test_bands_are_fitted_each_for_itself():
    one, other = (field(np.arange(9) / 8, middles(8), middles(8)) * scale for scale in (1, 3))
    both = fitted(arrived(np.stack([one, other])), range(9), (9, 16, 16)).of_views(slice(0, 9))
    alone = [fitted(arrived(band[None]), range(9), (9, 16, 16)).of_views(slice(0, 9))[0] for band in (one, other)]
    assert_allclose(both, np.stack(alone), rtol=1e-5)


def test_the_second_moment_is_that_of_the_whole_scan():
    found = fitted(arrived(np.stack([np.full((3, 4, 4), 0.1), np.full((3, 4, 4), 0.2)])), range(3), (3, 8, 8))
    assert_allclose(found.second, [2.0, 2.0])
    assert found.photons == 3000


@pytest.mark.parametrize(
    ("views", "wanted", "some"), [(100, 5, [0, 25, 50, 74, 99]), (3, 24, [0, 1, 2]), (1, 24, [0]), (50, 1, [0])]
)
def test_views_are_chosen_evenly_from_first_to_last(views, wanted, some):
    assert chosen(views, wanted) == some


# ------------------------------------------------------------------------------------------------------- scans

PART = specimen(
    (block((30, 40, 24)) - Manifold.cylinder(24, 6, circular_segments=24, center=True), "Al"),
    (Manifold.cylinder(24, 6, circular_segments=24, center=True), "Ti"),
)
"""A block with a core."""


def settings(fidelity: str = "hybrid", *, detector: dict | None = None, **changes) -> ScanSpec:
    """Return a scan of 10 views of 16 x 12 pixels of 5 mm."""
    monte_carlo = {"photons": 4_000, "views": 6, "panel": (8, 6), "voxels": 20}
    if fidelity == "monte-carlo":
        monte_carlo = {"photons": 40_000, "voxels": 20, "techniques": ALL_TECHNIQUES}
    values = {
        "tube_kv": 150.0, "filters": {"Al": 2.0}, "exposure_mas": 1.0, "source_detector_mm": 400.0,
        "source_object_mm": 300.0, "views": 10, "noise": False, "fidelity": fidelity,
        "detector": DetectorSpec(
            **{"rows": 12, "columns": 16, "pixel_mm": 5.0, "dark_counts": 100.0, "bits": None} | (detector or {})
        ),
    }  # fmt: skip
    followed = MonteCarloSpec(**monte_carlo | changes.pop("monte_carlo", {}))
    if fidelity != "beer-lambert":
        values["monte_carlo"] = followed
    return ScanSpec(**values | changes)


def scanned(spec: ScanSpec, seed: int = 0, what: Specimen = PART, **more) -> Radiographs:
    """Return a scan's radiographs."""
    return scan(what, scanner_of(spec), rng=stream(seed, 0, "photons"), **more)


def test_hybrid_is_the_primary_with_scatter_added():
    """Counts less scatter are Beer and Lambert's, and their ratio is told; to what float16 leaves of it."""
    plain, found = scanned(settings("beer-lambert")), scanned(settings())
    free = plain.flat[0] - plain.dark[0]
    primary, total = (pictures.counts[0] - 100 for pictures in (plain, found))
    assert plain.scatter_to_primary is None
    assert plain.scatter_error is None
    assert_allclose(total / primary - 1, found.scatter_to_primary, rtol=2e-3, atol=2e-5)
    assert found.scatter_to_primary.max() > 0.05
    assert_array_equal(found.flat, plain.flat)
    assert found.lowest_transmission == pytest.approx(plain.lowest_transmission, rel=1e-5)
    scanner = scanner_of(settings())
    # the scan's own key: the first three that are drawn are of the noise
    key = stream(0, 0, "photons").integers(2**64, size=4, dtype=np.uint64)[3]
    scatter = scatter_of(lambda _: PART, False, scanner, key).of_views(slice(0, 10))[0]
    assert_allclose(total - primary, scatter * free, rtol=1e-3, atol=1e-5 * free.max())


def test_hybrid_adds_to_what_beer_and_lambert_have_bit_by_bit():
    """The mean and its variance are sums of two numbers of single precision, and the primary is the mesh's own."""
    scanner = scanner_of(settings())
    triangles, materials = triangles_of(PART)
    beams = scanner.readings(materials, 60.0)

    def primary():
        return readings(path_lengths, triangles, scanner.exposure, beams)

    plain = [(views, mean.copy(), variance.copy()) for views, mean, variance in primary()]
    found = signals(primary(), lambda _: PART, False, scanner, np.uint64(7))
    scatter = scatter_of(lambda _: PART, False, scanner, np.uint64(7))
    for signal, (views, mean, variance) in zip(found.of_views, plain, strict=True):
        added = scatter.of_views(views)
        assert signal.views == views
        assert_array_equal(signal.scatter, added)
        assert_array_equal(signal.mean, mean + added)
        assert_array_equal(signal.variance, variance + np.float32(scatter.second[0]) * added)
    assert found.scatter_error == scatter.error


def test_a_scan_says_how_far_its_scatter_is_right():
    """Against eight scans of other photons, in all views: the error that is told is the one that is made, to 40 %."""
    spec = settings(monte_carlo={"photons": 1_000, "views": 10})
    runs = [scanned(spec, seed) for seed in range(8)]
    plain = scanned(settings("beer-lambert")).counts[0]
    scatter = np.stack([run.counts[0] - plain for run in runs])
    made = rms(scatter - scatter.mean(0)) / rms(scatter.mean(0)) * np.sqrt(8 / 7)
    told = np.mean([run.scatter_error for run in runs])
    # a part of what is told is smoothing, which all runs have alike
    assert made < 1.4 * told
    assert told < 2.5 * made
    assert 0.005 < told < 0.2


def test_hybrid_scatters_as_every_photon_followed_does():
    """The same scene with fidelity monte-carlo: view by view within 5 %, pixel by pixel within what both tell.

    Hybrid looks at all views here, so that none is interpolated.
    """
    hybrid = scanned(settings(monte_carlo={"photons": 20_000, "views": 10}))
    seen = []
    followed = scanned(settings("monte-carlo"), watch=lambda signal: seen.append(signal.arrivals))
    plain = scanned(settings("beer-lambert"))
    free = plain.flat[0] - plain.dark[0]
    smooth = (hybrid.counts[0] - plain.counts[0]) / free
    arrivals = joined(seen)
    scatter, deviation = arrivals.scatter[0], arrivals.scatter_deviation[0]
    assert_allclose(smooth.mean((1, 2)), scatter.mean((1, 2)), rtol=0.05)
    assert smooth.mean() == pytest.approx(scatter.mean(), rel=0.01)
    z = (smooth - scatter) / np.hypot(deviation, hybrid.scatter_error * rms(smooth))
    assert abs(z.mean()) < 0.3
    assert 0.5 < (z**2).mean() < 1.5
    # what is read is what arrives
    assert_allclose((followed.counts[0] - 100) / free, arrivals.mean.sum(0)[0], rtol=1e-4, atol=1e-5)
    assert followed.scatter_error is None
    # and its primary is the mesh's, but for voxels and photons
    primary = (scanned(settings("beer-lambert", rays_per_pixel=6)).counts[0] - 100) / free
    assert arrivals.mean[0, 0].mean() == pytest.approx(primary.mean(), rel=0.005)


def test_the_told_error_knows_what_few_views_leave_out():
    """A plate scatters least along its plane, which six views of 60 do not see: 25 % are made, and 4 % told."""
    plate = specimen((block((8, 60, 50)), "Al"))
    few, all_ = (
        scatter_of(lambda _: plate, False, scanner_of(settings(views=60, monte_carlo={"views": n})), np.uint64(3))
        for n in (6, 60)
    )
    found, wanted = (scatter.of_views(slice(0, 60)) for scatter in (few, all_))
    assert rms(found - wanted) / rms(wanted) < 2 * few.error


def test_scatter_does_not_depend_on_what_primary_it_is_added_to():
    """Neither on the backend, nor on how many rays a pixel has."""
    mesh, reference, many = (
        scanned(settings(**changes)).counts - scanned(settings("beer-lambert", **changes)).counts
        for changes in ({}, {"backend": "reference"}, {"rays_per_pixel": 3})
    )
    assert_allclose(reference, mesh, rtol=1e-3, atol=0.05)
    assert_allclose(many, mesh, rtol=1e-3, atol=0.05)


def test_noise_leaves_the_scatter_of_the_scan_as_it_is():
    """The photons' key is drawn after the noise's: the same scan without noise has other photons, and as many."""
    quiet, noisy = scanned(settings()), scanned(settings(noise=True))
    ratios = [pictures.scatter_to_primary.astype(float) for pictures in (quiet, noisy)]
    assert ratios[1].mean() == pytest.approx(ratios[0].mean(), rel=0.05)
    assert noisy.scatter_error == pytest.approx(quiet.scatter_error, rel=0.5)


@pytest.mark.parametrize("fidelity", ["hybrid", "monte-carlo"])
def test_any_number_of_threads_writes_the_same_bytes(fidelity):
    spec, found = settings(fidelity, views=3, noise=True, monte_carlo={"photons": 3_000}), []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        try:
            found.append(scanned(spec))
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert_array_equal(found[0].counts, found[1].counts)
    assert_array_equal(found[0].scatter_to_primary, found[1].scatter_to_primary)


@pytest.mark.slow
@pytest.mark.parametrize("thresholds_kev", [(20.0, 60.0), ()])
def test_noise_is_that_of_all_photons_that_arrive(thresholds_kev):
    """A counting panel's variance is its mean; one that adds up energies has that of primary and scatter together.

    Of one energy, of which scattered photons have lost some: they bring less variance for what they leave.
    """
    detector = {
        "thresholds_kev": thresholds_kev, "scintillator": "CsI", "scintillator_mm": 1.0, "escape": False,
        "electronic_noise_counts": 0.0, "energy_fwhm_kev": 2.0 if thresholds_kev else 0.0,
    }  # fmt: skip
    beam = ((50.0, 1e6), (100.0, 1e6)) if thresholds_kev else ((100.0, 1e6),)
    spec = settings(detector=detector, views=60, exposure_mas=1e-5, noise=True, spectrum=beam, tube_kv=None)
    scanner = scanner_of(spec)
    quiet = scan(PART, scanner_of(spec.model_copy(update={"noise": False})), rng=stream(5, 0, "photons"))
    noisy = scan(PART, scanner, rng=stream(5, 0, "photons"))
    off = noisy.counts - quiet.counts
    for band, free in enumerate(quiet.flat - 100):
        arrived = (quiet.counts[band] - 100) / free.mean()
        scatter = arrived * quiet.scatter_to_primary / (1 + quiet.scatter_to_primary)
        per_count = free.mean() / scanner.detector.photons
        free_variance = scanner.detector.free_variance[band]
        least = per_count * free.mean() * (free_variance * (arrived - scatter)).mean()
        most = per_count * free.mean() * (free_variance * arrived).mean()
        if thresholds_kev:  # counts: the same variance whatever the energy
            assert off[band].var() == pytest.approx(most, rel=0.05)
        else:
            assert 0.97 * least < off[band].var() < 1.03 * most


def test_a_counting_panels_bands_share_the_scatter_by_its_energy():
    """Scattered photons have lost energy: the low band has more of them against its primary."""
    spec = settings(detector={"thresholds_kev": (20.0, 80.0)}, spectrum=((100.0, 1e6),), tube_kv=None)
    plain, found = scanned(spec.model_copy(update={"fidelity": "beer-lambert"})), scanned(spec)
    free = plain.flat - plain.dark
    low, high = ((found.counts - plain.counts) / free.mean((1, 2))[:, None, None, None]).mean((1, 2, 3))
    assert low > 1.5 * high > 0


def test_an_anti_scatter_grid_takes_scatter_and_leaves_the_primary():
    grid = {"height_mm": 2.0, "strip_mm": 0.05, "gap_mm": 0.25}
    ratios = [
        scanned(settings(detector=detector)).scatter_to_primary.astype(float).mean()
        for detector in ({}, {"anti_scatter_grid": grid}, {"anti_scatter_grid": grid | {"height_mm": 4.0}})
    ]
    assert ratios[0] > 1.1 * ratios[1] > 1.1 * 1.1 * ratios[2]


def test_air_scatters_and_takes():
    spec = settings(spectrum=((25.0, 1e6),), tube_kv=None)
    bare, air = (scanned(spec.model_copy(update={"monte_carlo": spec.monte_carlo.model_copy(update={"air": a})}))
                 for a in (False, True))  # fmt: skip
    assert air.scatter_to_primary.astype(float).mean() > bare.scatter_to_primary.astype(float).mean()


# ------------------------------------------------------------------------------------------------------- moves


def test_moved_solids_stand_where_they_are_told():
    places = np.tile(np.eye(3, 4), (2, 1, 1))
    places[1, :, 3] = (1.0, -2.0, 3.0)
    places[0, :, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    found = moved(PART, places)
    assert [solid.material for solid in found.solids] == ["Al", "Ti"]
    assert_allclose(found.solids[0].surface.bounding_box(), (-20, -15, -12, 20, 15, 12), atol=1e-9)
    assert_allclose(found.solids[1].surface.bounding_box(), (-5, -8, -9, 7, 4, 15), atol=1e-9)


@pytest.mark.parametrize("fidelity", ["hybrid", "monte-carlo"])
def test_parts_that_move_scatter_from_where_they_are(fidelity):
    """Still solids that are said to move are as still ones; a cube that leaves the beam takes its scatter with it."""
    cube = specimen((block((20, 20, 20)), "Al"))
    spec = settings(fidelity, views=6, monte_carlo={"photons": 10_000})
    stands = np.tile(np.eye(3, 4), (6, 1, 1, 1))
    still, said = scanned(spec, what=cube), scanned(spec, what=cube, moves=stands)
    assert_allclose(said.counts, still.counts, rtol=1e-5)
    leaves = stands.copy()
    leaves[:, 0, 2, 3] = np.linspace(0, 40, 6)  # upwards, out of a panel that reaches 22.5 mm above the axis
    gone = scanned(spec, what=cube, moves=leaves)
    by_view = gone.scatter_to_primary.astype(float).mean((1, 2))
    assert by_view[0] == pytest.approx(still.scatter_to_primary[0].astype(float).mean(), rel=0.1)
    assert by_view[-1] < 0.05 * by_view[0]
    # its shadow moves up, to the first rows
    dark = (100 + 0.9 * (gone.flat[0] - 100)) > gone.counts[0, 2]
    assert dark[:6].sum() > dark[6:].sum()


@pytest.mark.slow
def test_the_libraries_of_another_processor_give_the_same_bytes():
    """OpenBLAS takes other kernels for other processors, whose sums differ in their last bits."""
    program = (
        "import hashlib; from tests.ctsim.montecarlo.test_scatter import scanned, settings; "
        "found = scanned(settings(views=10, noise=True, monte_carlo={'photons': 3000})); "
        "print(hashlib.sha256(found.counts.tobytes() + found.scatter_to_primary.tobytes()).hexdigest())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True,
            env={**os.environ, "OPENBLAS_CORETYPE": core},
        ).stdout
        for core in ("Prescott", "Haswell")
    ]  # fmt: skip
    assert len(said[0]) == 65
    assert said[0] == said[1]
