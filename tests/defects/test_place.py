"""A placed flaw keeps clear of walls and neighbours, anywhere it fits with equal chance, and never elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from manifold3d import Manifold
from scipy import stats

from defects.crack import sample as sample_crack
from defects.gas_pore import GasPore
from defects.gas_pore import sample as sample_pore
from defects.host import Host
from defects.place import place

BOX_MM = np.array([20.0, 12.0, 30.0])
BOX = Host(solid=Manifold.cube(tuple(BOX_MM)).translate((5.0, -3.0, 1.0)))
BLOCK = Manifold.cube((24.0, 24.0, 24.0), True)
HOLLOW = Host(solid=BLOCK - Manifold.sphere(7.0, 48) - Manifold.cylinder(30.0, 3.0, 3.0, 32, True))


def filled(host: Host, count: int, seed: int, wall_mm: float, gap_mm: float) -> list:
    """Return flaws placed one after the other."""
    rng, flaws = np.random.default_rng(seed), []
    for i in range(count):
        shape = sample_pore(rng, diameter_mm=2.5, elongation=1.4)
        shape = sample_crack(rng, length_mm=4.0, opening_mm=0.3) if i % 3 == 0 else shape
        solids = [f.solid() for f in flaws]
        if (flaw := place(shape, rng, host, solids, wall_mm=wall_mm, gap_mm=gap_mm)) is not None:
            flaws.append(flaw)
    return flaws


@pytest.fixture(scope="module")
def crowd() -> list:
    return filled(HOLLOW, 40, seed=1, wall_mm=0.6, gap_mm=0.4)


def test_a_crowd_finds_room(crowd):
    assert len(crowd) >= 30


def test_every_flaw_keeps_its_distance_to_outer_and_inner_walls(crowd):
    assert min(HOLLOW.wall_mm(flaw.solid()) for flaw in crowd) >= 0.6 * (1 - 1e-9)


def test_every_flaw_lies_inside_to_its_last_part(crowd):
    for flaw in crowd:
        assert (flaw.solid() ^ HOLLOW.solid).volume() == pytest.approx(flaw.volume_mm3, rel=1e-9)


def test_every_two_flaws_keep_their_gap(crowd):
    solids = [flaw.solid() for flaw in crowd]
    gaps = [a.min_gap(b, 0.5) for i, a in enumerate(solids) for b in solids[:i]]
    assert min(gaps) >= 0.4 * (1 - 1e-9)
    assert min(gaps) < 0.5  # and it is a crowd


def test_placing_changes_nothing_but_the_centre():
    rng = np.random.default_rng(4)
    flaw = sample_crack(rng, length_mm=4.0, opening_mm=0.3)
    placed = place(flaw, rng, BOX, [], wall_mm=0.5, gap_mm=0.1)
    assert placed != flaw
    assert replace(placed, centre_mm=flaw.centre_mm) == flaw


@pytest.fixture(scope="module")
def centres() -> np.ndarray:
    rng, pore = np.random.default_rng(17), GasPore(diameter_mm=4.0)
    placed = [place(pore, rng, BOX, [], wall_mm=1.0, gap_mm=0.0) for _ in range(800)]
    return np.array([flaw.centre_mm for flaw in placed])


def allowed() -> tuple[np.ndarray, np.ndarray]:
    """Return the box that the centre of a pore of 4 mm may lie in, 1 mm from the walls."""
    radius = GasPore(diameter_mm=4.0).solid().bounding_box()[3]
    return BOX.box_mm[0] + radius + 1, BOX.box_mm[1] - radius - 1


def test_centres_in_a_box_are_uniform_along_each_axis_over_all_places_that_are_allowed(centres):
    low, high = allowed()
    assert np.all(centres >= low - 1e-9)
    assert np.all(centres <= high + 1e-9)
    for axis in range(3):
        uniform = stats.uniform(low[axis], high[axis] - low[axis])
        assert stats.kstest(centres[:, axis], uniform.cdf).pvalue > 0.01


def test_centres_in_a_box_fall_into_its_octants_alike(centres):
    low, high = allowed()
    octant = (centres > (low + high) / 2) @ [1, 2, 4]
    assert stats.chisquare(np.bincount(octant, minlength=8)).pvalue > 0.01


def test_centres_in_a_ball_are_uniform_in_its_volume():
    """The cube of the distance to the middle is uniform, up to facets: corners reach 0.76 % past the radius."""
    rng, host, pore = np.random.default_rng(5), Host(solid=Manifold.sphere(10.0, 128)), GasPore(diameter_mm=2.0)
    radii = [np.linalg.norm(place(pore, rng, host, [], wall_mm=0.0, gap_mm=0.0).centre_mm) for _ in range(500)]
    assert max(radii) < 9.01
    assert stats.kstest(np.power(radii, 3), stats.uniform(0, 9**3).cdf).pvalue > 0.01


@pytest.mark.parametrize("diameter_mm", [9.99, 12.0, 50.0])
def test_a_flaw_too_large_for_its_host_finds_no_place(diameter_mm):
    pore = GasPore(diameter_mm=diameter_mm)  # 12 mm less 1 mm on either side leave 10; corners stand out by 0.76 %
    assert place(pore, np.random.default_rng(0), BOX, [], wall_mm=1.0, gap_mm=0.0) is None


def test_a_host_that_is_full_has_no_place_left():
    full = BLOCK.scale((0.99, 0.99, 0.99))
    pore = GasPore(diameter_mm=1.0)
    assert place(pore, np.random.default_rng(0), Host(solid=BLOCK), [full], wall_mm=0.0, gap_mm=0.0) is None


def test_the_same_generator_finds_the_same_place():
    assert filled(HOLLOW, 3, 9, 0.1, 0.1) == filled(HOLLOW, 3, 9, 0.1, 0.1)
    assert filled(HOLLOW, 3, 9, 0.1, 0.1) != filled(HOLLOW, 3, 10, 0.1, 0.1)


def test_a_flaw_of_one_thousandth_of_the_host_is_placed_in_a_part_that_fills_a_twentieth_of_its_box():
    thin = BLOCK - Manifold.cube((23.2, 23.2, 30.0), True)  # four walls of 0.4 mm: 6.5 % of the box
    placed = [
        place(GasPore(diameter_mm=0.2), np.random.default_rng(i), Host(solid=thin), [], wall_mm=0.02, gap_mm=0.0)
        for i in range(40)
    ]
    assert None not in placed
