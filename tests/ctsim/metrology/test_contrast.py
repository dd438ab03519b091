"""What is expected of radiographs and of FDK's noise, against scans with and without the flaw over many seeds."""

import numpy as np
import pytest
from manifold3d import Manifold
from scipy.ndimage import uniform_filter

from ctsim.detector.correct import correct
from ctsim.geometry import Grid
from ctsim.materials import mu_per_mm
from ctsim.metrology.contrast import cropped, expected, spread_views, window_of
from ctsim.radiograph import scan
from ctsim.reconstruct.fdk import fdk
from ctsim.scanner import Scanner, scanner_of
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream

SEEDS = 6
GRID = Grid(shape=(12, 40, 40), voxel_mm=0.5)
BLOCK = Manifold.cylinder(20, 9, 9, 96, True)
PORE = Manifold.sphere(1.5, 32).translate((3, 2, 1))


def specimen(pore: Manifold = PORE, fill: str = "void", instead_of: str = "Al") -> Specimen:
    solids = (
        Solid(surface=BLOCK - pore, material="Al", label="Al"),
        Solid(surface=pore, material=fill, label="flaw", number=1, instead_of=instead_of),
    )
    return Specimen(solids=solids)


SOUND = Specimen(solids=(Solid(surface=BLOCK, material="Al", label="Al"),))


def scanner(detector: dict | None = None, **changes) -> Scanner:
    values = {
        "tube_kv": 120.0, "filters": {"Al": 2.0}, "exposure_mas": 0.05, "source_detector_mm": 600.0,
        "source_object_mm": 300.0, "views": 48,
        "detector": DetectorSpec(**{"rows": 44, "columns": 48, "pixel_mm": 1.0} | (detector or {})),
    }  # fmt: skip
    return scanner_of(ScanSpec(**values | changes))


def pictures(what: Specimen, how: Scanner, name: str) -> np.ndarray:
    """Return the attenuation that some scans see [seed view row col]."""
    found = []
    for seed in range(SEEDS):
        r = scan(what, how, rng=stream(seed, 0, name))
        found.append(correct(r.counts.sum(0), r.flat.sum(0), r.dark.sum(0)))
    return np.array(found)


WAYS = {
    "quantum noise": ({}, {}),
    "few photons and a flat field of one frame": ({}, {"exposure_mas": 0.002, "flat_frames": 1}),
    "read-out noise": ({"electronic_noise_counts": 400.0, "frames": 2}, {}),
    "blurred": ({"spatial_resolution_mm": 2.5}, {"exposure_mas": 0.005}),
    "two bands": ({"thresholds_kev": (20.0, 60.0)}, {}),
    "several rays a pixel": ({}, {"rays_per_pixel": 2}),
}


@pytest.mark.parametrize("way", WAYS)
def test_expected_contrast_and_noise_are_those_of_scans_with_and_without_the_flaw(way):
    detector, changes = WAYS[way]
    how, flawed = scanner(detector, **changes), specimen()
    (seen,) = expected(flawed, flawed.solids[1:], how, (GRID, "ram-lak"))
    with_it, without = pictures(flawed, how, "with"), pictures(SOUND, how, "without")
    drop = without.mean(0) - with_it.mean(0)
    # the block looks alike from all sides: so does its noise
    spread = np.sqrt(uniform_filter(without.var(0, ddof=1).mean(0), (3, 1)))
    # a maximum of noisy pixels is too high: where the chord is long the expected one is met on average
    noise = (1 / SEEDS * 2) ** 0.5
    best = (drop / spread).max((1, 2))
    assert np.median(best) == pytest.approx(seen.median, rel=0.08, abs=1.5 * noise)
    assert best.max() == pytest.approx(seen.best, rel=0.15, abs=3 * noise)
    volumes = np.array([fdk(p.astype(np.float32), how.nominal, GRID, "ram-lak") for p in without])
    # nor does it depend on where about the axis a voxel lies
    radius = np.hypot(GRID.centres_mm(1)[:, None], GRID.centres_mm(2))
    ring = volumes[:, :, np.abs(radius - np.hypot(3, 2)) < 1.5]
    assert np.sqrt(ring.var(0, ddof=1).mean()) == pytest.approx(seen.noise_per_mm, rel=0.1)


@pytest.mark.parametrize("window", ["shepp-logan", "hann"])
def test_a_window_tames_the_noise_as_expected_and_a_short_scan_has_more(window):
    for path in ({}, {"range_deg": "short"}):
        how = scanner(trajectory=path)
        (seen,) = expected(specimen(), specimen().solids[1:], how, (GRID, window))
        volumes = np.array([fdk(p.astype(np.float32), how.nominal, GRID, window) for p in pictures(SOUND, how, "s")])
        around = volumes[:, 5:11, 20:28, 22:30]
        assert np.sqrt(around.var(0, ddof=1).mean()) == pytest.approx(seen.noise_per_mm, rel=0.1)


def test_the_drop_by_mm_of_chord_is_the_attenuation_of_one_energy():
    """With one energy nothing hardens: a void takes away mu, a filling the difference to what should be there.

    That may be what is nowhere else, as of a missing pin, or nothing, as where powder lies.
    """
    how = scanner(spectrum=((60.0, 1e6),), tube_kv=None, filters={})
    mu = {"void": 0.0} | {name: float(mu_per_mm(name, (60.0,))[0]) for name in ("Al", "Fe", "Ti")}
    for fill, right in (("void", "Al"), ("Fe", "Al"), ("void", "Ti"), ("Fe", "Ti"), ("Ti", "void")):
        what, wanted = specimen(fill=fill, instead_of=right), abs(mu[fill] - mu[right])
        (seen,) = expected(what, what.solids[1:], how)
        assert seen.contrast_per_mm == pytest.approx(wanted, rel=1e-3)
        assert seen.noise_per_mm is None


def test_four_times_the_photons_double_every_ratio():
    one, four = (
        expected(specimen(), specimen().solids[1:], how, (GRID, "hann"))[0]
        for how in (scanner({"bits": None, "electronic_noise_counts": 0.0}, exposure_mas=mas) for mas in (0.1, 0.4))
    )
    assert four.best == pytest.approx(2 * one.best, rel=1e-6)
    assert four.median == pytest.approx(2 * one.median, rel=1e-6)
    assert one.noise_per_mm == pytest.approx(2 * four.noise_per_mm, rel=1e-6)
    assert four.contrast_per_mm == pytest.approx(one.contrast_per_mm, rel=1e-6)


def test_a_flaw_beside_the_detector_is_not_seen_and_without_noise_none_is_expected():
    tall = Manifold.cylinder(90, 9, 9, 96, True)
    high = PORE.translate((0, 0, 35))
    solids = (
        Solid(surface=tall - high, material="Al", label="Al"),
        Solid(surface=high, material="void", label="flaw", number=1, instead_of="Al"),
    )
    (seen,) = expected(Specimen(solids=solids), solids[1:], scanner())
    assert (seen.best, seen.median) == (0, 0)
    assert expected(specimen(), specimen().solids[1:], scanner(noise=False)) == [None]


def test_windows_hold_the_shadow_and_their_rays_are_those_of_the_detector():
    true = scanner().true
    points = np.array([[3.0, 2, 1], [4, 3, 2]])
    corners, rows, columns = window_of(points, true, 1)
    part = cropped(true, corners, rows, columns)
    for view in range(0, true.views, 7):
        whole = true.projection[view] @ np.append(points[0], 1)
        here = part.projection[view] @ np.append(points[0], 1)
        np.testing.assert_allclose(here[:2] / here[2] + corners[view, ::-1], whole[:2] / whole[2], atol=1e-9)
        assert np.all(here[:2] / here[2] > 1)
        assert here[0] / here[2] < columns - 1
        assert here[1] / here[2] < rows - 1


def test_views_are_spread_evenly_over_the_scan():
    assert spread_views(5, 24).tolist() == [0, 1, 2, 3, 4]
    assert spread_views(240, 24).tolist() == list(range(5, 240, 10))
