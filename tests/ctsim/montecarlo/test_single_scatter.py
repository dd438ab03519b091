"""The integral of single scatter against closed forms, laws, and photons followed one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ctsim.geometry import Geometry, circular
from ctsim.materials import mu_per_mm
from tests.ctsim.montecarlo import references
from tests.ctsim.montecarlo.single_scatter import Box, chords, pixel_centres, scattered_once

ONE = np.ones(1)


def panel(rows=3, columns=3, pixel_mm=30.0, angle_deg=0.0) -> Geometry:
    """Return a panel at 450 mm from the source, which stands 300 mm from the axis."""
    return circular(
        source_object_mm=300, source_detector_mm=450, rows=rows, columns=columns, pixel_mm=pixel_mm,
        angles_deg=np.array([angle_deg]),
    )  # fmt: skip


def box(material="Al", low=(-10, -25, -15), high=(10, 15, 15)) -> Box:
    """Return a box that is its own mirror image in z alone."""
    return Box(material=material, low_mm=low, high_mm=high)


def cosine_and_distance(point: np.ndarray) -> tuple[float, float]:
    """Return by what angle a photon turns at the origin towards a point, and how far that is [mm]."""
    return point[0] / np.linalg.norm(point), float(np.linalg.norm(point))


# ------------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("energy", [30.0, 100.0, 400.0])
def test_a_grain_sends_out_its_differential_cross_section(energy):
    r"""$V \, d\Sigma/d\Omega \, \cos\beta \, E' / (r_1^2 r_2^2)$ over $\cos\alpha \, E / R^2$: next to no matter."""
    half, point = 0.01, np.array([150.0, 40.0, -30.0])
    grain = box("Al", (-half,) * 3, (half,) * 3)
    found = scattered_once((grain,), panel(), np.array([energy]), ONE, points_mm=point[None])[:, 0]
    cosine, away = cosine_and_distance(point)
    straight = point - panel().source_mm[0]
    free = 450 / np.linalg.norm(straight) ** 3
    share = (2 * half) ** 3 / 300**2 * cosine / away**2 / free
    for i, differential in enumerate((references.compton_per_mm_sr, references.rayleigh_per_mm_sr)):
        total = references.per_mm("Al", np.array([energy]))[1 + i, 0]
        shape = differential("Al", energy, np.array([cosine]))[0]
        scale = total / references.whole_per_mm(("compton", "rayleigh")[i], "Al", energy)
        after = references.scattered_kev(energy, cosine) if i == 0 else energy
        assert found[i] == pytest.approx(share * shape * scale * after / energy, rel=0.01)  # 0.01 mm of aluminium


def test_a_pencil_scattered_forwards_loses_what_the_slab_takes_wherever_it_turns():
    r"""$A \, \Sigma(0) \, e^{-\mu T} (1/(D - x_2) - 1/(D - x_1))$ of a panel of the area A, at its middle.

    The beam widens as x squared, its photons thin out as much, and all ways through the slab are as long. In steel's
    iron at 60 keV, 5 mm let 2.4 % pass: the attenuation is well in it. Its Compton scattering vanishes forwards.
    """
    tiny, energy = panel(1, 1, 0.02), 60.0
    slab = box("Fe", (-2.5, -50, -50), (2.5, 50, 50))
    found = scattered_once((slab,), tiny, np.array([energy]), ONE)[:, 0]
    shape = references.rayleigh_per_mm_sr("Fe", energy, ONE)[0]
    scale = references.per_mm("Fe", np.array([energy]))[2, 0] / references.whole_per_mm("rayleigh", "Fe", energy)
    passed = np.exp(-mu_per_mm("Fe", (energy,))[0] * 5)
    assert found[1] == pytest.approx(0.02**2 * shape * scale * passed * (1 / 147.5 - 1 / 152.5), rel=1e-4)
    assert found[0] < 1e-6 * found[1]


def test_a_pencil_scattered_aside_is_attenuated_at_its_new_energy():
    r"""$\int_0^T e^{-\mu x - \mu' (T - x) / \cos\beta} dx$ in closed form, for a point so far that the angle is one."""
    energy, thick, away = 200.0, 20.0, 1e6
    far = Geometry(
        source_mm=np.array([[-away, 0, 0]]), centre_mm=np.array([[away, 0, 0]]), u_mm=np.array([[0, -1.0, 0]]),
        v_mm=np.array([[0, 0, -1.0]]), rows=1, columns=1,
    )  # fmt: skip
    slab = box("Al", (-thick / 2, -500, -500), (thick / 2, 500, 500))
    point = np.array([[away, away, 0.0]])
    cosine = 0.5**0.5
    lower = references.scattered_kev(energy, np.array([cosine]))[0]
    before, after = mu_per_mm("Al", (energy,))[0], mu_per_mm("Al", (lower,))[0] / cosine
    way = (np.exp(-before * thick) - np.exp(-after * thick)) / (after - before)
    scale = references.per_mm("Al", np.array([energy]))[1, 0] / references.whole_per_mm("compton", "Al", energy)
    rate = scale * references.compton_per_mm_sr("Al", energy, np.array([cosine]))[0]
    straight = np.hypot(2 * away, away)
    free = 2 * away / straight**3
    # the beam's section at the slab is 0.5 x 0.5 mm, a quarter of the pixel's, 1 / away^2 of a photon on each mm2
    wanted = 0.25 * rate * way * (cosine / (2 * away**2)) / away**2 * (lower / energy) / free
    found = scattered_once((slab,), far, np.array([energy]), ONE, points_mm=point)
    assert found[0, 0] == pytest.approx(wanted, rel=1e-3)


# --------------------------------------------------------------------------------------------------------- laws


def test_chords_of_a_box():
    starts = np.array([[-20.0, 0, 0], [0, 0, 0], [-20, 0, 0], [-20, 20, 0], [-20, -25, -15], [0, 0, 0]])
    ends = np.array([[20.0, 0, 0], [20, 0, 0], [-12, 0, 0], [20, 20, 0], [20, 15, 15], [0, 30, 0]])
    diagonal = 20 * np.sqrt(40**2 + 40**2 + 30**2) / 40  # through all of x alone
    assert_allclose(chords(box(), starts, ends), [20, 10, 0, 0, diagonal, 15], atol=1e-12)


def test_two_halves_are_the_whole_and_a_part_of_the_same_material_is_none():
    energy = np.array([100.0])
    whole = scattered_once((box(),), panel(), energy, ONE)
    halves = box(high=(0, 15, 15)), box(low=(0, -25, -15))
    inner = box(), box(low=(-4, -10, -5), high=(4, 2, 9))
    assert_allclose(scattered_once(halves, panel(), energy, ONE), whole, rtol=1e-3)
    assert_allclose(scattered_once(inner, panel(), energy, ONE), whole, rtol=1e-3)


@pytest.mark.parametrize("boxes", [(box(),), (box(), box("Fe", (-4, -10, -5), (4, 2, 9)))])
def test_twice_the_nodes_change_less_than_a_thousandth(boxes):
    nodes = 6 if len(boxes) == 1 else 10
    points = pixel_centres(panel())[[5]]
    few, many = (scattered_once(boxes, panel(), np.array([100.0]), ONE, points_mm=points, nodes=n * nodes)
                 for n in (1, 2))  # fmt: skip
    assert_allclose(few, many, rtol=1e-3)


def test_turning_the_stage_is_turning_the_box_back():
    """At 90 deg, counter-clockwise seen from above, what lay at +x lies at +y."""
    energy = np.array([80.0])
    outer, inner = box(low=(-12, -25, -15), high=(4, 15, 15)), box("Fe", (-6, -10, -5), (0, 2, 9))
    turned = [
        Box(material=b.material, low_mm=(-b.high_mm[1], b.low_mm[0], b.low_mm[2]),
            high_mm=(-b.low_mm[1], b.high_mm[0], b.high_mm[2]))
        for b in (outer, inner)
    ]  # fmt: skip
    wanted = scattered_once(tuple(turned), panel(), energy, ONE, nodes=3)
    found = scattered_once((outer, inner), panel(angle_deg=90.0), energy, ONE, nodes=3)
    assert_allclose(found, wanted, rtol=1e-9)
    assert np.abs(wanted.reshape(2, 3, 3) / wanted.reshape(2, 3, 3)[:, :, ::-1] - 1).max() > 0.1


def test_a_beam_of_two_energies_is_weighed_by_what_they_leave():
    both = scattered_once((box(),), panel(), np.array([60.0, 120.0]), np.array([3.0, 1.0]))
    low, high = (scattered_once((box(),), panel(), np.array([e]), ONE) for e in (60.0, 120.0))
    assert_allclose(both, (3 * 60 * low + 120 * high) / 300, rtol=1e-12)


def test_what_is_asked_must_be_what_it_can_do():
    with pytest.raises(ValueError, match="square to an axis"):
        scattered_once((box(),), panel(angle_deg=45.0), np.array([80.0]), ONE)
    with pytest.raises(ValueError, match="box 1 must lie within box 0"):
        scattered_once((box(), box("Fe", (0, 0, 0), (20, 5, 5))), panel(), np.array([80.0]), ONE)


# ------------------------------------------------------------------------------------------- one photon at a time


@pytest.mark.parametrize("process", ["compton", "rayleigh"])
def test_photons_followed_one_by_one_arrive_as_the_integral_says(process):
    """Drawn directions, depths and turns, binned where they cross the panel: other variables, and none of the weights.

    60 mm of water; the free beam of the panel is what it would catch of the same photons. Four of the standard
    deviations of each ninth of the panel.
    """
    rng, energy, photons = np.random.default_rng(0), 80.0, 1_000_000
    geometry = panel(3, 3, 40.0)
    water = box("water", (-30, -70, -70), (30, 70, 70))
    place = rng.uniform(-60, 60, (photons, 2))
    way = np.column_stack([np.full(photons, 450.0), place])
    distance = np.linalg.norm(way, axis=1)
    weight = 450 / distance**3  # of the solid angle, for places drawn evenly on the panel
    way /= distance[:, None]
    source = np.array([-300.0, 0, 0])
    inside = chords(water, np.broadcast_to(source, way.shape), source + 1e3 * way)
    enter = 270 / way[:, 0]
    mu, rates = mu_per_mm("water", (energy,))[0], references.per_mm("water", np.array([energy]))[:, 0]
    depth = -np.log(rng.random(photons)) / mu
    cosine, _, below = references.turns(process, "water", energy)
    turn = np.interp(rng.random(photons), below, cosine)
    goes = _turned(way, turn, 2 * np.pi * rng.random(photons))
    weight = weight * (depth < inside) * rates[1 if process == "compton" else 2] / mu * (goes[:, 0] > 1e-6)
    here = source + (enter + depth)[:, None] * way
    steps = (150 - here[:, 0]) / np.maximum(goes[:, 0], 1e-6)
    there = here + np.minimum(steps, 1e6)[:, None] * goes
    after = references.scattered_kev(energy, turn) if process == "compton" else np.full(photons, energy)
    away = np.exp(-_mu("water", after) * chords(water, here, there))
    gain = weight * away * after / energy
    column, row = np.floor((60 - there[:, 1]) / 40).astype(int), np.floor((60 - there[:, 2]) / 40).astype(int)
    fell = (column >= 0) & (column < 3) & (row >= 0) & (row < 3)
    pixel = np.where(fell, 3 * row + column, 9)
    total, square = (np.bincount(pixel, values, minlength=10)[:9] for values in (gain, gain**2))
    free = np.bincount(
        (3 * np.floor((60 - place[:, 1]) / 40) + np.floor((60 - place[:, 0]) / 40)).astype(int), 450 / distance**3
    )
    # the integral's mean over each pixel, by points of Gauss and Legendre, each weighed by its free beam; a quarter
    # of the panel stands for all of it
    wanted, beam = np.zeros(4), np.zeros(4)
    for y in (-20 / 3**0.5, 20 / 3**0.5):
        for z in (-20 / 3**0.5, 20 / 3**0.5):
            points = pixel_centres(geometry)[[0, 1, 3, 4]] + np.array([0, y, z])
            falls = 450 / np.linalg.norm(points - source, axis=1) ** 3
            signal = scattered_once((water,), geometry, np.array([energy]), ONE, points_mm=points, nodes=4)
            wanted += falls * signal[0 if process == "compton" else 1]
            beam += falls
    wanted = (wanted / beam)[[0, 1, 0, 2, 3, 2, 0, 1, 0]]
    off = (total / free - wanted) / (np.sqrt(square) / free)
    assert np.abs(off).max() < 4
    assert np.sqrt(square.sum()) / total.sum() < 0.01


def _turned(way: np.ndarray, cosine: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    """Return directions turned by an angle, to any side."""
    one = np.cross(way, [0.0, 0, 1])
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other = np.cross(way, one)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    return cosine[:, None] * way + (sine * np.cos(azimuth))[:, None] * one + (sine * np.sin(azimuth))[:, None] * other


def _mu(name: str, energies: np.ndarray) -> np.ndarray:
    grid = np.linspace(energies.min(), energies.max() + 1e-6, 500)
    return np.interp(energies, grid, mu_per_mm(name, tuple(grid)))
