"""Photons followed from the source to the panel: against integrals, against each other, and against closed forms."""

from dataclasses import replace
from functools import cache

import numba
import numpy as np
import pytest
from manifold3d import Manifold
from numpy.testing import assert_allclose, assert_array_equal

from ctsim.backends import mesh
from ctsim.detector.anti_scatter import primary_passes
from ctsim.exposure import Exposure, from_points
from ctsim.geometry import Geometry
from ctsim.materials import mu_per_mm
from ctsim.montecarlo import transport as transport_module
from ctsim.montecarlo.arrivals import COMPTON, FLUORESCENCE, KINDS, MULTIPLE, PRIMARY, RAYLEIGH, Arrivals
from ctsim.montecarlo.matter import Matter, matter_of
from ctsim.montecarlo.transport import coarse
from ctsim.spectrum import Spectrum
from defects.messages import BadInput
from scenes.build import Specimen
from scenes.detector import AntiScatterGridSpec
from scenes.fidelity import ALL_TECHNIQUES
from tests.ctsim.detector.test_anti_scatter import by_hand
from tests.ctsim.montecarlo import references, tg195
from tests.ctsim.montecarlo import single_scatter as single
from tests.ctsim.montecarlo.setups import block, exposure, followed, of_one_energy, part, specimen, still
from tests.ctsim.shapes import letter_f, triangles_of
from tests.shared_data import needs_shared

KEV = 90.0
SCATTERED = (COMPTON, RAYLEIGH, MULTIPLE)
MANY = 3_000_000
"""Photons of the plain run that techniques are held against: 1 % of each kind's sum."""


def named(value: object) -> str:
    """Return the name of a test's parameter."""
    return ("+".join(value) or "plain") if isinstance(value, tuple) else str(value)


@cache
def plain_run() -> Arrivals:
    """Return what photons bring that are followed as nature does it."""
    return followed(part(), exposure(8), KEV, MANY, 11).arrivals


def misfit(found: np.ndarray, wanted: np.ndarray, deviation: np.ndarray | float) -> tuple[float, float, float]:
    """Return the mean difference in its standard deviations, chi-square over its count, and what that spreads by.

    Chance alone leaves 0 +- 1 and 1 +- that spread.

    Args:
        found, wanted: What may differ.
        deviation: Of the difference, as it is told.
    """
    z = ((found - wanted) / deviation).ravel()
    return float(z.mean() * z.size**0.5), float(np.mean(z**2)), (2 / z.size) ** 0.5


def pixel_means(values_at, geometry: Geometry, parts: int = 6) -> np.ndarray:
    """Return a function's means over pixels, weighed by the free beam; it is given (ray, slant) [.. 3] and [..]."""
    fine = geometry.sampled(parts)
    rays = single.pixel_centres(fine) - geometry.source_mm[0]
    slant = np.linalg.norm(rays, axis=1) / geometry.distance_mm[0]
    weight = slant**-3
    cells = (geometry.rows, parts, geometry.columns, parts)
    weighted = (values_at(rays, slant) * weight).reshape(cells).mean((1, 3))
    return weighted / weight.reshape(cells).mean((1, 3))


# ------------------------------------------------------------------------------------------------------ primary


@pytest.mark.parametrize(
    "beam",
    [of_one_energy(70.0), Spectrum(energies_kev=np.array([35.0, 60, 90, 140]), photons=np.array([1.0, 3, 2, 1]))],
    ids=["one energy", "four energies"],
)
@pytest.mark.parametrize("techniques", [(), ("forced_interaction",)], ids=["plain", "forced"])
def test_the_primary_behind_a_slab_is_beer_and_lamberts(beam, techniques):
    seen, thick = exposure(8), 12.0
    slab = matter_of(specimen((block((thick, 90, 90)), "Al")), 15)
    found = followed(slab, seen, beam, 600_000, 3, *techniques).arrivals
    energies = tuple(beam.energies_kev)
    signal = beam.photons * beam.energies_kev
    wanted = pixel_means(
        lambda _, slant: np.exp(-np.outer(thick * slant, mu_per_mm("Al", energies))) @ signal / signal.sum(),
        seen.middle,
    )
    # without voxels' thirds of a millimetre: 12 mm are two whole voxels
    shift, chi, spread = misfit(found.mean[PRIMARY, 0, 0], wanted, found.deviation[PRIMARY, 0, 0])
    assert abs(shift) < 4
    assert 0.5 < chi < 1 + 4 * spread
    assert found.deviation[PRIMARY].max() < 0.02
    second = beam.photons * beam.energies_kev**2
    wanted = pixel_means(
        lambda _, slant: np.exp(-np.outer(thick * slant, mu_per_mm("Al", energies)))
        @ second * beam.photons.sum() / signal.sum() ** 2,
        seen.middle,
    )  # fmt: skip
    assert found.variance[0].mean() == pytest.approx(wanted.mean(), rel=0.01)


def primary_of(what: Specimen, seen: Exposure, energy: float) -> np.ndarray:
    """Return the primary from the mesh backend, the mean over all poses and 6 x 6 rays a pixel [view row col]."""
    names = sorted({solid.material for solid in what.solids})
    mu = np.array([mu_per_mm(name, (energy,))[0] for name in names])
    triangles = triangles_of(*(solid.surface for solid in what.solids))
    triangles = replace(
        triangles, materials=np.array([names.index(what.solids[i].material) for i in triangles.materials])
    )
    fine = seen.geometry.sampled(6)
    lengths = np.concatenate([np.array(part) for _, part in mesh.path_lengths(triangles, fine, len(names))])
    passed = np.exp(-np.einsum("m,pmrc->prc", mu, lengths))
    views, rows, columns = seen.views, seen.middle.rows, seen.middle.columns
    return passed.reshape(views, seen.poses, rows, 6, columns, 6).mean((1, 3, 5))


@pytest.mark.parametrize("techniques", [(), ("forced_interaction", "stratified")], ids=["plain", "forced"])
def test_a_letter_f_is_seen_the_right_way_round(techniques):
    """In every view as the mesh shows it, and not as its mirror image, or as another view."""
    what, seen = specimen((letter_f(), "Fe")), exposure(16, (20.0, 75.0), side_mm=100.0)
    found = followed(matter_of(what, 80), seen, 100.0, 400_000, 4, *techniques).arrivals.mean[PRIMARY, 0]
    wanted = primary_of(what, seen, 100.0)
    for view in range(2):
        shadow = wanted[view]
        assert np.corrcoef(found[view].ravel(), shadow.ravel())[0, 1] > 0.995
        for other in (shadow[::-1], shadow[:, ::-1], shadow[::-1, ::-1], wanted[1 - view]):
            assert np.corrcoef(found[view].ravel(), other.ravel())[0, 1] < 0.97


@pytest.mark.parametrize("techniques", [(), ("forced_interaction",)], ids=["plain", "forced"])
def test_a_focal_spot_blurs_as_the_mesh_has_it(techniques):
    """Of 30 mm, so that all edges are soft: source points at +-15 mm along u."""
    what, middle = specimen((letter_f(), "Fe")), exposure(12, (30.0,), side_mm=100.0).middle
    spot = Exposure(
        geometry=from_points(middle, np.array([[-15.0, 0], [-5, 0], [5, 0], [15, 0]])), weights=np.full(4, 0.25),
        middle=middle,
    )  # fmt: skip
    found = followed(matter_of(what, 80), spot, 100.0, 400_000, 4, *techniques).arrivals
    blurred, sharp = primary_of(what, spot, 100.0), primary_of(what, still(middle), 100.0)
    assert np.abs(blurred - sharp).max() > 0.1
    off = found.mean[PRIMARY, 0] - blurred
    assert np.abs(off).max() < 0.01 + 4.5 * found.deviation[PRIMARY].max()


@pytest.mark.parametrize("techniques", [(), ("forced_interaction",)], ids=["plain", "forced"])
def test_a_stage_that_turns_through_the_exposure_blurs_as_the_mesh_has_it(techniques):
    """Five instants over 12 deg, in which the panel turns with the source: the mean of five stages that stand still."""
    what, middle = specimen((letter_f(), "Fe")), exposure(12, (30.0,), side_mm=100.0).middle
    turned = exposure(12, tuple(np.linspace(24, 36, 5)), side_mm=100.0).middle
    matter = matter_of(what, 80)
    moving = Exposure(geometry=turned, weights=np.full(5, 0.2), middle=middle)
    found = followed(matter, moving, 100.0, 400_000, 4, *techniques).arrivals
    instants = [
        followed(matter, still(turned.some(slice(k, k + 1))), 100.0, 400_000, 10 + k, *techniques).arrivals
        for k in range(5)
    ]
    wanted = np.mean([one.mean[PRIMARY] for one in instants], axis=0)
    spread = np.hypot(found.deviation[PRIMARY], instants[0].deviation[PRIMARY] / 5**0.5)
    z = (found.mean[PRIMARY] - wanted) / spread
    assert np.abs(instants[4].mean[PRIMARY] - instants[0].mean[PRIMARY]).max() > 0.1  # the stage does turn
    assert np.abs(z).max() < 4.5
    assert 0.7 < (z**2).mean() < 1.3


# --------------------------------------------------------------------------------------------------- techniques


@pytest.mark.parametrize(
    ("techniques", "photons"),
    [
        (("forced_detection",), 150_000),
        (("forced_interaction",), 1_000_000),
        (("survival",), 1_500_000),
        (("stratified",), 1_500_000),
        (ALL_TECHNIQUES, 150_000),
        (("forced_detection", "survival"), 150_000),
    ],
    ids=named,
)
def test_techniques_change_nothing_on_the_mean(techniques, photons):
    """Kind by kind and pixel by pixel, behind aluminium with iron in it; of the sums to 1.5 %."""
    plain = plain_run()
    found = followed(part(), exposure(8), KEV, photons, 100 + len("".join(techniques)), *techniques).arrivals
    for kind in (PRIMARY, *SCATTERED):
        deviation = np.hypot(found.deviation[kind], plain.deviation[kind])
        even = "stratified" in techniques and kind == PRIMARY
        shift, chi, spread = misfit(found.mean[kind], plain.mean[kind], deviation)
        assert abs(shift) < 4
        assert (0.02 if even else 0.4) < chi < 1 + 4 * spread
    # the second moments, which noise is made of, come the same way
    for ours, theirs in zip(found.variance, plain.variance, strict=True):
        assert ours.mean() == pytest.approx(theirs.mean(), rel=0.03)
    assert found.mean[FLUORESCENCE].max() == 0


def test_photons_sent_only_where_matter_is_scatter_the_same():
    small = matter_of(specimen((block((20, 20, 20), (0, 15, -10)), "Al")), 20)
    seen = exposure(6)
    everywhere, aimed = (
        followed(small, seen, KEV, 100_000, 7, *ALL_TECHNIQUES, aimed=only).arrivals for only in (False, True)
    )
    for kind in SCATTERED:
        deviation = np.hypot(aimed.deviation[kind], everywhere.deviation[kind])
        assert np.abs((aimed.mean[kind] - everywhere.mean[kind]) / deviation).max() < 5
        # of 100 000 photons a tenth meet the matter, and a photon's shares to several pixels go together
        assert aimed.mean[kind].mean() == pytest.approx(everywhere.mean[kind].mean(), rel=0.05)
    # the matter's shadow is a tenth of the panel
    assert aimed.scatter_deviation.mean() < 0.4 * everywhere.scatter_deviation.mean()


def test_aiming_and_techniques_change_nothing_behind_a_heel():
    """In the anode's shade half of the beam is left; against photons followed as nature does it."""
    small, seen = matter_of(specimen((block((20, 40, 40)), "Al")), 20), exposure(6)
    heel = np.repeat(np.linspace(0.5, 1.5, 6)[:, None], 6, axis=1)
    plain = followed(small, seen, KEV, 1_500_000, 8, heel=heel).arrivals
    forced = followed(small, seen, KEV, 60_000, 9, *ALL_TECHNIQUES, heel=heel, aimed=True).arrivals
    deviation = np.hypot(forced.scatter_deviation, plain.scatter_deviation)
    shift, chi, spread = misfit(forced.scatter, plain.scatter, deviation)
    assert abs(shift) < 4
    assert 0.3 < chi < 1 + 4 * spread


@pytest.mark.parametrize("techniques", [(), ALL_TECHNIQUES], ids=["plain", "all"])
def test_scatter_is_linear_in_the_heel_and_the_primary_knows_nothing_of_it(techniques):
    """In units of an even beam: twice the even one's is what it is with one half stronger and with the other."""
    seen, lean = exposure(6), np.repeat(np.linspace(-0.5, 0.5, 6)[:, None], 6, axis=1)
    even, one, other = (
        followed(part(), seen, KEV, 30_000, 7, *techniques, heel=h).arrivals for h in (1 + 0 * lean, 1 + lean, 1 - lean)
    )
    total = one.scatter * (1 + lean) + other.scatter * (1 - lean)
    assert_allclose(total, 2 * even.scatter, rtol=1e-4, atol=1e-6)
    if not techniques:
        shift, chi, spread = misfit(one.mean[PRIMARY], plain_primary(seen), one.deviation[PRIMARY])
        assert abs(shift) < 4
        assert 0.3 < chi < 1 + 4 * spread


def plain_primary(seen: Exposure) -> np.ndarray:
    """Return the part's primary, from very many photons of an even beam."""
    return followed(part(), seen, KEV, 1_500_000, 70, "forced_interaction", "stratified").arrivals.mean[PRIMARY]


# ----------------------------------------------------------------------------------------------- single scatter


@pytest.mark.parametrize(("techniques", "photons"), [(ALL_TECHNIQUES, 250_000), ((), 2_500_000)], ids=["all", "plain"])
def test_what_is_scattered_once_is_the_integral(techniques, photons):
    """Of aluminium with iron in it, at two energies; each kind's sum to 0.5 % beside its own deviation, and each pixel.

    The integral is taken at 3 x 3 points of Gauss in each pixel; 2 x 2 leave 0.5 % of Rayleigh scattering out.
    """
    found = followed(part(), exposure(3), TWO_ENERGIES, photons, 8, *techniques).arrivals
    wanted = scattered_once_in_the_part()
    for kind, integral in ((COMPTON, wanted[0]), (RAYLEIGH, wanted[1])):
        mean, deviation = found.mean[kind, 0, 0], found.deviation[kind, 0, 0]
        off = mean.sum() / integral.sum() - 1
        assert abs(off) < 0.005 + 4 * np.sqrt((deviation**2).sum()) / integral.sum()
        assert (np.abs(mean - integral) < 0.01 * integral + 4 * deviation).all()
        assert np.sqrt((deviation**2).sum()) / integral.sum() < (0.004 if techniques else 0.016)


TWO_ENERGIES = Spectrum(energies_kev=np.array([60.0, 120.0]), photons=np.array([1.0, 2.0]))


@cache
def scattered_once_in_the_part() -> np.ndarray:
    """Return what is scattered once to each of 3 x 3 pixels, by Compton's process and by Rayleigh's."""
    seen = exposure(3).middle
    boxes = (
        single.Box(material="Al", low_mm=(-10, -30, -30), high_mm=(10, 30, 30)),
        single.Box(material="Fe", low_mm=(-5, -6, -8), high_mm=(5, 10, 4)),
    )
    corner = seen.source_mm[0] + seen.corner_ray_mm[0]
    row, column = np.mgrid[:3, :3].reshape(2, -1, 1) + 0.5
    total, beams = np.zeros((2, 9)), np.zeros(9)
    for a, weight in zip(*np.polynomial.legendre.leggauss(3), strict=True):
        for b, other in zip(*np.polynomial.legendre.leggauss(3), strict=True):
            points = corner + (column + a / 2) * seen.u_mm[0] + (row + b / 2) * seen.v_mm[0]
            beam = weight * other * np.linalg.norm(points - seen.source_mm[0], axis=1) ** -3
            total += beam * single.scattered_once(boxes, seen, *_pairs(TWO_ENERGIES), points_mm=points, nodes=4)
            beams += beam
    return (total / beams).reshape(2, 3, 3)


def _pairs(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray]:
    return spectrum.energies_kev, spectrum.photons


# ------------------------------------------------------------------------------------------------ told deviation


@pytest.mark.parametrize(
    ("techniques", "photons"),
    [
        ((), 10_000),
        (("forced_interaction",), 10_000),
        (("survival",), 10_000),
        (("stratified",), 10_000),
        (("forced_detection",), 2_000),
        (ALL_TECHNIQUES, 2_000),
    ],
    ids=named,
)
def test_the_told_deviation_is_the_spread_of_other_photons(techniques, photons):
    """Of 40 runs, RMS over 64 pixels, to 15 %; even first draws make the primary's smaller than what is told."""
    seen, matter = exposure(8), part()
    runs = [followed(matter, seen, KEV, photons, 500 + k, *techniques).arrivals for k in range(40)]
    spread = np.std([run.mean for run in runs], axis=0, ddof=1)
    told = np.sqrt(np.mean([run.deviation**2 for run in runs], axis=0))
    for kind in (PRIMARY, *SCATTERED):
        ratio = np.sqrt((spread[kind] ** 2).mean() / (told[kind] ** 2).mean())
        assert ratio < 1.15
        assert ratio > (0.85 if kind != PRIMARY or "stratified" not in techniques else 0)
    scatter = np.std([run.scatter for run in runs], axis=0, ddof=1)
    told = np.sqrt(np.mean([run.scatter_deviation**2 for run in runs], axis=0))
    assert np.sqrt((scatter**2).mean() / (told**2).mean()) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("pixels", [1, 2])
def test_the_told_deviation_holds_on_a_panel_of_few_pixels(pixels):
    """Eight shares of each collision meet in one pixel there, and are no photons of their own.

    Even first draws make the truth smaller than what is told: to less than a half on a panel that sees them all.
    """
    seen, matter = exposure(pixels), part()
    ratios = []
    for techniques in (ALL_TECHNIQUES[:3], ALL_TECHNIQUES):
        runs = [followed(matter, seen, KEV, 2_000, 500 + k, *techniques).arrivals for k in range(60)]
        scatter = np.std([run.scatter for run in runs], axis=0, ddof=1)
        told = np.sqrt(np.mean([run.scatter_deviation**2 for run in runs], axis=0))
        ratios.append(np.sqrt((scatter**2).mean() / (told**2).mean()))
    assert ratios[0] == pytest.approx(1, abs=0.15)
    assert ratios[1] < 0.85


@pytest.mark.parametrize("photons", [20_000, 65_536])
def test_the_told_deviation_holds_where_a_pixel_sees_one_photon_or_none(photons):
    """Of 65536 pixels, in a free beam of 30 and of 150 keV: on the mean that of n photons to each of them.

    So many photons a pixel has a scan of a million of them on a panel of a megapixel.
    """
    beam = Spectrum(energies_kev=np.array([30.0, 150.0]), photons=np.array([0.8, 0.2]))
    grain = matter_of(specimen((block((2, 2, 2)), "PE")), 4)
    found = followed(grain, exposure(256), beam, photons, 1).arrivals
    mean, deviation = found.mean[PRIMARY], found.deviation[PRIMARY]
    assert (deviation[mean > 0] > 0).all()
    wanted = 256 / photons**0.5 * (0.8 * 30**2 + 0.2 * 150**2) ** 0.5 / 54
    assert np.sqrt((deviation**2).mean()) == pytest.approx(wanted, rel=0.03)


def test_four_times_the_photons_halve_the_deviation():
    few, many = (followed(part(), exposure(4), KEV, n, 5, *ALL_TECHNIQUES).arrivals for n in (10_000, 40_000))
    assert few.scatter_deviation.mean() / many.scatter_deviation.mean() == pytest.approx(2, rel=0.05)
    assert (few.photons, many.photons) == (10_000, 40_000)


# ------------------------------------------------------------------------------------------------------ the same


def test_fewer_threads_work_where_their_tallies_do_not_fit(monkeypatch):
    """And bring the same bits."""
    many = followed(part(), exposure(8), KEV, 20_000, 1).arrivals
    monkeypatch.setattr(transport_module, "MOST_BYTES", 1)
    one = followed(part(), exposure(8), KEV, 20_000, 1).arrivals
    assert_array_equal(one.mean, many.mean)
    assert_array_equal(one.deviation, many.deviation)
    assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS


@pytest.mark.parametrize("techniques", [(), ALL_TECHNIQUES], ids=["plain", "all"])
def test_any_number_of_threads_brings_the_same_bits(techniques):
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        try:
            found.append(followed(part(), exposure(8), KEV, 20_000, 1, *techniques, deposits=True))
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert_array_equal(found[0].kev, found[1].kev)
    for name in ("mean", "deviation", "variance"):
        assert_array_equal(getattr(found[0].arrivals, name), getattr(found[1].arrivals, name))


def test_a_views_photons_do_not_depend_on_what_other_views_are_asked_for():
    seen, matter = exposure(6, (0.0, 40.0, 90.0)), part()
    all_, last = (
        followed(matter, seen, KEV, 5_000, 1, *ALL_TECHNIQUES, views=views).arrivals for views in ((0, 1, 2), (2,))
    )
    assert_array_equal(all_.mean[:, :, 2:], last.mean)
    assert_array_equal(all_.deviation[:, :, 2:], last.deviation)
    twice = followed(matter, seen, KEV, 5_000, 1, *ALL_TECHNIQUES, views=(2, 0)).arrivals
    assert_array_equal(twice.mean[:, :, 0], last.mean[:, :, 0])
    # views of their own photons: the same part from the same side twice is not the same twice
    same = followed(matter, exposure(6, (0.0, 0.0)), KEV, 5_000, 1).arrivals
    assert (same.mean[PRIMARY, 0, 0] != same.mean[PRIMARY, 0, 1]).any()


def test_other_keys_are_other_photons():
    one, other = (followed(part(), exposure(6), KEV, 5_000, key).arrivals for key in (1, 2))
    assert (one.mean[PRIMARY] != other.mean[PRIMARY]).mean() > 0.9


def test_a_coarser_panel_covers_the_same_place():
    """Eight pixels become one and read their mean; to 0.3 %, since the free beam of a pixel is that at its middle."""
    fine = exposure(8)
    rough = coarse(fine, (4, 2))
    assert_allclose(rough.middle.corner_ray_mm, fine.middle.corner_ray_mm)
    assert (rough.middle.rows, rough.middle.columns) == (4, 2)
    a, b = (followed(part(), seen, KEV, 200_000, 3).arrivals for seen in (fine, rough))
    cells = a.mean[:, 0, 0].reshape(len(KINDS), 4, 2, 2, 4).mean((2, 4))
    assert_allclose(b.mean[:, 0, 0].sum(0), cells.sum(0), rtol=3e-3)
    assert b.mean[COMPTON].mean() == pytest.approx(a.mean[COMPTON].mean(), rel=0.01)


# ---------------------------------------------------------------------------------------------------------- air


def test_air_takes_its_share_of_the_free_beam():
    """800 mm of it, 12 % at 15 keV, as of a flat field that is taken in it: what is left is that of the slant.

    A grain of foam stands in the middle.
    """
    grain = matter_of(specimen((block((4, 4, 4)), "EPS_foam")), 4, air=True)
    seen = exposure(8)
    found = followed(grain, seen, 15.0, 1_000_000, 2).arrivals
    mu = mu_per_mm("air", (15.0,))[0]
    wanted = pixel_means(lambda _, slant: np.exp(-mu * 800 * (slant - 1)), seen.middle)
    beside = np.ones((8, 8), bool)
    beside[3:5, 3:5] = False
    mean, deviation = found.mean[PRIMARY, 0, 0], found.deviation[PRIMARY, 0, 0]
    shift, chi, spread = misfit(mean[beside], wanted[beside], deviation[beside])
    assert abs(shift) < 4
    assert 0.4 < chi < 1 + 4 * spread
    assert 0.85 < np.exp(-mu * 800) < 0.9


@pytest.mark.parametrize("techniques", [("forced_detection",), ALL_TECHNIQUES], ids=named)
def test_forced_detection_changes_nothing_in_air(techniques):
    """Where photons collide right before the panel too, and beside the part."""
    matter, seen = _in_air(), exposure(5)
    plain = _plain_in_air()
    found = followed(matter, seen, 25.0, 150_000, 12, *techniques).arrivals
    for kind in SCATTERED:
        # of few photons a pixel tells its own deviation badly: that of all pixels
        deviation = np.sqrt((found.deviation[kind] ** 2 + plain.deviation[kind] ** 2).mean())
        shift, chi, spread = misfit(found.mean[kind], plain.mean[kind], deviation)
        assert abs(shift) < 4
        assert 0.3 < chi < 1 + 4 * spread
    assert found.mean[PRIMARY].mean() == pytest.approx(plain.mean[PRIMARY].mean(), rel=0.01)


def _in_air() -> Matter:
    return matter_of(specimen((Manifold.sphere(15, 24), "PMMA")), 20, air=True)


@cache
def _plain_in_air() -> Arrivals:
    return followed(_in_air(), exposure(5), 25.0, 2_000_000, 13).arrivals


# -------------------------------------------------------------------------------------------------------- energy


@pytest.mark.parametrize(
    "techniques", [(), ("survival",), ("forced_interaction",)], ids=["plain", "survival", "forced"]
)
@pytest.mark.parametrize("fluorescence", [False, True])
def test_all_that_is_sent_stays_where_nothing_leaves(techniques, fluorescence):
    """The source stands inside a cube of tin and water whose every side is twenty mean free ways off and more.

    Plain photons leave all they have, each of them; roulette leaves it on the mean.
    """
    stuff = matter_of(specimen((block((1560,) * 3, (-400, 0, 0)), "Sn:0.1+H2O:0.9@1.1")), 13)
    beam = Spectrum(energies_kev=np.array([20.0, 60.0]), photons=np.array([1.0, 3.0]))
    found = followed(stuff, exposure(4), beam, 20_000, 3, *techniques, fluorescence=fluorescence, deposits=True)
    # photons are sent evenly over the panel, each with the free beam's weight; energies differ by chance
    assert found.kev.sum() == pytest.approx(50.0, abs=4 * 17.4 / 20_000**0.5 + (0.3 if techniques else 0))
    assert (found.kev >= 0).all()
    one = followed(stuff, exposure(1, side_mm=1.0), 60.0, 2_000, 3, *techniques, deposits=True).kev.sum()
    assert one == pytest.approx(60.0, rel=0.01 if techniques else 1e-5)


@pytest.mark.parametrize("techniques", [("survival",), ("forced_interaction",), ALL_TECHNIQUES], ids=named)
def test_techniques_leave_the_same_energy(techniques):
    seen, slab = exposure(6), matter_of(specimen((block((20, 30, 30)), "Al")), 10)
    plain, found = (followed(slab, seen, 60.0, 200_000, 6 + len(t), *t, deposits=True).kev for t in ((), techniques))
    assert found.sum() == pytest.approx(plain.sum(), rel=0.015)
    # layers along the beam, x
    assert_allclose(found.sum((0, 1)), plain.sum((0, 1)), rtol=0.06)


def test_aimed_photons_leave_the_same_energy():
    seen, slab = exposure(6), matter_of(specimen((block((20, 30, 30)), "Al")), 10)
    plain, aimed = (followed(slab, seen, 60.0, 100_000, 6, aimed=only, deposits=True).kev for only in (False, True))
    assert aimed.sum() == pytest.approx(plain.sum(), rel=0.03)


def test_a_thin_slabs_first_collisions_leave_what_the_tables_say():
    """What is taken up, and what Compton scattering takes: of a slab that lets 98 % through; scatter meets it again
    with a chance of a few per cent."""
    energy, thick = 60.0, 0.8
    slab = matter_of(specimen((block((thick, 90, 90)), "PMMA")), 90)
    seen = exposure(4)
    found = followed(slab, seen, energy, 300_000, 4, "forced_interaction", deposits=True).kev.sum()
    rates = references.per_mm("PMMA", np.array([energy]))[:, 0]
    cosines, _, below = references.turns("compton", "PMMA", energy)
    middles = (cosines[1:] + cosines[:-1]) / 2
    lost = np.sum(np.diff(below) * (energy - references.scattered_kev(energy, middles)))
    slant = pixel_means(lambda _, s: s, seen.middle).mean()
    wanted = thick * slant * (rates[0] * energy + rates[1] * lost)
    assert found == pytest.approx(wanted, rel=0.04)


@needs_shared
def test_tg195_case_2():
    """Energy left in a slab of tissue and in its cubes, to the 1 % and 3 % that codes may differ by; in air."""
    slab = matter_of(specimen((block(tg195.SLAB_MM), tg195.TISSUE)), 78, air=True)
    found = followed(slab, still(tg195.geometry(0)), 56.4, 400_000, 4, deposits=True)
    got, wanted = tg195.in_regions(found.kev * 1000), tg195.absorbed_ev("56p4keV", 0)
    assert got.pop("slab_total") == pytest.approx(wanted["slab_total"], rel=tg195.LIMIT["slab_total"])
    for name, value in got.items():
        # a cube takes part of 20 keV of some of the photons
        chance = 4 * np.sqrt(20_000 * wanted[name] / 400_000)
        assert value == pytest.approx(wanted[name], abs=tg195.LIMIT["voi"] * wanted[name] + chance)


# ----------------------------------------------------------------------------------------------- anti-scatter grid


def test_strips_leave_the_primary_and_cut_scatter_as_an_integral_says():
    """Compton scattering once, to the middle of the panel, each direction weighed by photons that cross the strips.

    In units of what the strips let through of the primary, which therefore stays as it was.
    """
    grid = AntiScatterGridSpec(strip_mm=0.05, gap_mm=0.3, height_mm=2.0, interspace="PE")
    seen, energy = exposure(3, side_mm=60.0), 60.0
    slab = specimen((block((20, 50, 50)), "Al"))
    matter = matter_of(slab, 25)
    bare, behind = (
        followed(matter, seen, energy, 150_000, 3, *ALL_TECHNIQUES, anti_scatter=g).arrivals for g in (None, grid)
    )
    assert_allclose(behind.mean[PRIMARY], bare.mean[PRIMARY], rtol=1e-6)
    factor = behind.mean[COMPTON, 0, 0, 1, 1] / bare.mean[COMPTON, 0, 0, 1, 1]
    assert factor == pytest.approx(_grid_factor(grid, seen.middle, energy), rel=0.02)
    assert factor < 0.9
    # strips across the other axis are as good to a square panel before a square part
    turned = grid.model_copy(update={"across": "v"})
    other = followed(matter, seen, energy, 150_000, 3, *ALL_TECHNIQUES, anti_scatter=turned).arrivals
    ratio = other.mean[COMPTON, 0, 0] / behind.mean[COMPTON, 0, 0].T
    assert_allclose(ratio, 1, atol=0.03)


def _grid_factor(grid: AntiScatterGridSpec, seen: Geometry, energy: float) -> float:
    boxes = (single.Box(material="Al", low_mm=(-10, -25, -25), high_mm=(10, 25, 25)),)
    points = seen.sampled(3)
    picks = single.pixel_centres(points).reshape(9, 9, 3)[3:6, 3:6].reshape(-1, 3)
    sums = np.zeros(2)
    for point in picks:
        cloud = single.box_cloud(boxes, seen, point, 2)
        way = point - cloud.points_mm
        straight = point - seen.source_mm[0]
        u, n = seen.u_mm[0] / np.linalg.norm(seen.u_mm[0]), seen.normal[0]
        slopes = (way @ u) / (way @ n) - (straight @ u) / (straight @ n)
        longer = np.linalg.norm(way, axis=1) / (way @ n)

        def passed(energies: np.ndarray, slopes=slopes, longer=longer) -> np.ndarray:
            if len(energies) == 1:  # the beam itself, and Rayleigh scattering, which is not looked at
                return energies
            mus = [np.interp(energies, KNOTS, mu_per_mm(name, tuple(KNOTS))) for name in ("Pb", "PE")]
            shares = [
                by_hand(grid.strip_mm, grid.gap_mm, grid.height_mm, s, g, slope, size, places=60)
                for s, g, slope, size in zip(*mus, slopes, longer, strict=True)
            ]
            first = np.interp(energies, KNOTS, primary_passes(grid, tuple(KNOTS)))
            return energies * np.array(shares) / first

        for i, signal in enumerate((lambda e: e, passed)):
            sums[i] += single.integral(
                cloud, lambda a, b: single.box_lengths(boxes, a, b), ("Al",), source_mm=seen.source_mm[0],
                normal=seen.normal[0], point_mm=point, energies_kev=np.array([energy]), photons=np.ones(1),
                signal=signal,
            )[0]  # fmt: skip
    return float(sums[1] / sums[0])


KNOTS = np.linspace(20.0, 61.0, 200)


def test_a_grid_changes_photons_that_arrive_as_it_does_shares_that_are_sent():
    grid = AntiScatterGridSpec(height_mm=3.0)
    plain = followed(part(), exposure(4), KEV, 2_000_000, 21, anti_scatter=grid).arrivals
    forced = followed(part(), exposure(4), KEV, 100_000, 22, *ALL_TECHNIQUES, anti_scatter=grid).arrivals
    for kind in SCATTERED:
        deviation = np.hypot(forced.deviation[kind], plain.deviation[kind])
        shift, chi, spread = misfit(forced.mean[kind], plain.mean[kind], deviation)
        assert abs(shift) < 4
        assert 0.3 < chi < 1 + 4 * spread


# ------------------------------------------------------------------------------------------------- fluorescence


@pytest.mark.parametrize(("name", "energy", "below"), [("W@0.002", 100.0, 65.0), ("Sn@0.002", 50.0, 28.0)])
def test_a_grain_sends_out_its_lines_to_all_sides_above_its_edge_alone(name, energy, below):
    r"""$V \mu_{lines} E_l \cos\beta / (4 \pi r_1^2 r_2^2)$ over $E \cos\alpha / R^2$: as many wherever it is seen from.

    A cube of 4 mm, so thin that less than 1 % of the photons interact, and of the lines.
    """
    seen = exposure(4, side_mm=800.0)  # up to 55 deg to the side
    grain = matter_of(specimen((block((4, 4, 4)), name)), 4)
    found = followed(grain, seen, energy, 200_000, 5, *ALL_TECHNIQUES, aimed=True, fluorescence=True).arrivals
    lines_kev, each = references.k_lines(name.split("@")[0], energy)
    rate = references.per_mm(name, np.array([energy]))[0, 0]
    sent = 4**3 * rate * (each @ lines_kev) / (4 * np.pi * 400**2 * energy)
    grain_to = pixel_means(lambda rays, slant: _facing(rays) / (slant**-3 / 800**2), seen.middle)
    mean, deviation = found.mean[FLUORESCENCE, 0, 0], found.deviation[FLUORESCENCE, 0, 0]
    assert mean.sum() == pytest.approx(sent * grain_to.sum(), rel=0.02)  # lines left out, and self-absorption
    assert_allclose(mean, sent * grain_to, rtol=0.03, atol=4 * deviation.max())
    none = followed(grain, seen, below, 20_000, 5, *ALL_TECHNIQUES, aimed=True, fluorescence=True).arrivals
    assert none.mean[FLUORESCENCE].max() == 0
    off = followed(grain, seen, energy, 20_000, 5, *ALL_TECHNIQUES, aimed=True).arrivals
    assert off.mean[FLUORESCENCE].max() == 0


def _facing(rays: np.ndarray) -> np.ndarray:
    """Return the solid angle of a mm2 of the panel as seen from the axis, 400 mm before it."""
    away = rays - np.array([400.0, 0, 0])
    return 400 / np.linalg.norm(away, axis=1) ** 3


def test_lines_arrive_as_often_where_photons_are_followed_as_nature_does_it():
    grain, seen = matter_of(specimen((block((4, 4, 4)), "Sn@0.5")), 4), exposure(2, side_mm=800.0)
    forced = followed(grain, seen, 50.0, 60_000, 5, *ALL_TECHNIQUES, aimed=True, fluorescence=True).arrivals
    plain = followed(grain, seen, 50.0, 1_000_000, 6, "forced_interaction", aimed=True, fluorescence=True).arrivals
    assert plain.mean[FLUORESCENCE].sum() == pytest.approx(forced.mean[FLUORESCENCE].sum(), rel=0.04)


# ---------------------------------------------------------------------------------------------------- bad input


def test_no_photons_are_refused():
    with pytest.raises(BadInput, match=r"monte_carlo\.photons must be at least 1, got 0"):
        followed(part(4), exposure(2), KEV, 0, 1)


@pytest.mark.parametrize("energy", [0.5, 801.0])
def test_energies_outside_the_tables_are_refused(energy):
    with pytest.raises(BadInput, match="photon energies must lie within 1 to 800 keV, got"):
        followed(part(4), exposure(2), energy, 10, 1)


@pytest.mark.parametrize(("x_mm", "where"), [(460.0, "behind the panel"), (-460.0, "behind the source")])
def test_a_specimen_where_no_photon_goes_is_refused(x_mm, where):
    aside = matter_of(specimen((block((20, 20, 20), (x_mm, 0, 0)), "Al")), 4)
    with pytest.raises(BadInput, match=f"in view 0 the specimen lies {where}: put it between the two"):
        followed(aside, exposure(2), KEV, 10, 1)
    with pytest.raises(BadInput, match="in view 1 "):
        # at 90 deg it stands beside the beam, between the two
        followed(aside, exposure(2, (90.0, 0.0)), KEV, 10, 1)


def test_too_many_materials_are_refused():
    cubes = [(block((2, 2, 2), (3 * i, 0, 0)), f"Al@{1 + i / 100}") for i in range(25)]
    with pytest.raises(BadInput, match="through 24 materials in a scene, got 25"):
        followed(matter_of(specimen(*cubes), 50), exposure(2), KEV, 10, 1)
