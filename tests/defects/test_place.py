"""A placed flaw keeps clear of walls and neighbours, anywhere it fits with equal chance, and never elsewhere."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from manifold3d import Manifold
from scipy import stats

from defects.crack import Crack
from defects.crack import sample as sample_crack
from defects.gas_pore import GasPore
from defects.gas_pore import sample as sample_pore
from defects.host import Host
from defects.place import Placer, _frames
from defects.placement import Placement
from defects.shapes import rotation

BOX_MM = np.array([20.0, 12.0, 30.0])
BOX = Host(solid=Manifold.cube(tuple(BOX_MM)).translate((5.0, -3.0, 1.0)))
BLOCK = Manifold.cube((24.0, 24.0, 24.0), True)
HOLLOW = Host(solid=BLOCK - Manifold.sphere(7.0, 48) - Manifold.cylinder(30.0, 3.0, 3.0, 32, True))


def filled(host: Host, count: int, seed: int, wall_mm: float, gap_mm: float) -> list:
    """Return flaws placed one after the other."""
    rng, flaws, placer = np.random.default_rng(seed), [], Placer(host)
    placement = Placement(wall_mm=wall_mm, gap_mm=gap_mm)
    for i in range(count):
        shape = sample_pore(rng, diameter_mm=2.5, elongation=1.4)
        shape = sample_crack(rng, length_mm=4.0, opening_mm=0.3) if i % 3 == 0 else shape
        if (flaw := placer.place(shape, rng, placement)) is not None:
            flaws.append(flaw)
    return flaws


def place(flaw, rng, host: Host, taken=(), **placement):
    """Return the flaw placed in a host of its own."""
    return Placer(host, taken).place(flaw, rng, Placement(**placement))


def many(count: int, flaw, host: Host, seed: int = 3, **placement) -> list:
    """Return so many flaws, each placed with no regard to the others."""
    rng = np.random.default_rng(seed)
    return [place(flaw, rng, host, **placement) for _ in range(count)]


def uniform_p(found, low: float, high: float) -> float:
    """Return how likely such numbers are where all between two are."""
    return stats.kstest(found, stats.uniform(low, high - low).cdf).pvalue


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
    placed = place(flaw, rng, BOX, wall_mm=0.5, gap_mm=0.1)
    assert placed != flaw
    assert replace(placed, centre_mm=flaw.centre_mm) == flaw


@pytest.fixture(scope="module")
def centres() -> np.ndarray:
    rng, pore = np.random.default_rng(17), GasPore(diameter_mm=4.0)
    placed = [place(pore, rng, BOX, wall_mm=1.0, gap_mm=0.0) for _ in range(800)]
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
    radii = [np.linalg.norm(place(pore, rng, host, wall_mm=0.0, gap_mm=0.0).centre_mm) for _ in range(500)]
    assert max(radii) < 9.01
    assert stats.kstest(np.power(radii, 3), stats.uniform(0, 9**3).cdf).pvalue > 0.01


@pytest.mark.parametrize("diameter_mm", [10.0, 12.0, 50.0])
def test_a_flaw_too_large_for_its_host_finds_no_place(diameter_mm):
    pore = GasPore(diameter_mm=diameter_mm)  # 12 mm less 1 mm on either side leave 10; corners stand out by 4 um
    assert place(pore, np.random.default_rng(0), BOX, wall_mm=1.0, gap_mm=0.0) is None


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
        place(GasPore(diameter_mm=0.2), np.random.default_rng(i), Host(solid=thin), wall_mm=0.02, gap_mm=0.0)
        for i in range(40)
    ]
    assert None not in placed


# --- depths, hot spots, clouds ---

CUBE = Host(solid=Manifold.cube((20.0, 20.0, 20.0), True))
SPECK = GasPore(diameter_mm=0.2)


def test_a_depth_is_kept_exactly_and_all_of_the_surface_at_it_is_as_likely():
    """At 2 mm under the faces of a cube of 20 mm lies one of 16 mm: its faces alike, and each evenly."""
    found = np.array([f.centre_mm for f in many(240, SPECK, CUBE, wall_mm=0.2, wall_depth_mm=2.0)])
    axis = np.argmax(np.abs(found), axis=1)
    assert np.max(np.abs(found), axis=1) == pytest.approx(8, abs=1e-9)
    side = 2 * axis + (found[np.arange(len(found)), axis] > 0)
    assert stats.chisquare(np.bincount(side, minlength=6)).pvalue > 0.01
    across = [x for point, a in zip(found, axis, strict=True) for i, x in enumerate(point) if i != a]
    assert uniform_p(across, -8, 8) > 0.01


def test_a_depth_in_a_ball_is_a_ball_of_that_radius_less():
    host = Host(solid=Manifold.sphere(10.0, 128))
    found = np.array([f.centre_mm for f in many(80, SPECK, host, wall_mm=0.2, wall_depth_mm=4.0)])
    assert np.linalg.norm(found, axis=1) == pytest.approx(6, abs=0.01)
    assert uniform_p(found[:, 2], -6, 6) > 0.01  # Archimedes: a ball's area is even along any axis


def test_a_depth_that_the_host_does_not_have_is_no_place():
    assert place(SPECK, np.random.default_rng(0), CUBE, wall_depth_mm=10.5) is None


def test_hot_spots_lie_in_the_boss_of_a_plate_and_evenly_in_it():
    """A plate of 4 mm with a boss of 12 x 12 x 12 mm: all but its rims is thicker than the plate."""
    plate = Manifold.cube((40.0, 40.0, 4.0), True)
    host = Host(solid=plate + Manifold.cube((12.0, 12.0, 12.0), True))
    share = 0.8 * 12**3 / host.solid.volume()
    found = np.array([f.centre_mm for f in many(200, SPECK, host, wall_mm=0.1, thickest=share)])
    assert np.all(np.abs(found) < 6.5)
    octant = (found > 0) @ [1, 2, 4]
    assert stats.chisquare(np.bincount(octant, minlength=8)).pvalue > 0.01


def test_clouds_are_gauss_about_their_centres():
    placement = {"clusters": 2, "spread_mm": 0.7, "centres_mm": ((-5.0, 0.0, 0.0), (5.0, 1.0, 2.0))}
    found = np.array([f.centre_mm for f in many(240, SPECK, CUBE, wall_mm=0.1, **placement)])
    first = found[:, 0] < 0
    assert stats.binomtest(int(first.sum()), 240).pvalue > 0.01
    for cloud, centre in ((found[first], (-5, 0, 0)), (found[~first], (5, 1, 2))):
        for axis in range(3):
            assert stats.kstest(cloud[:, axis], stats.norm(centre[axis], 0.7).cdf).pvalue > 0.005


def test_centres_of_clouds_are_uniform_in_the_host():
    rng, placer = np.random.default_rng(1), Placer(CUBE)
    placement = placer.clouds(Placement(clusters=300, spread_mm=1.0), rng)
    for axis in np.array(placement.centres_mm).T:
        assert uniform_p(axis, -10, 10) > 0.01
    plain = Placement(wall_mm=1.0)
    assert placer.clouds(plain, rng) == plain


# --- surface, layers, lines ---

DISC = Crack(length_mm=1.0, width_mm=1.0, opening_mm=0.4)
"""Its own z is its short axis."""


def own(flaw) -> np.ndarray:
    """Return the own axes of a flaw, as columns."""
    return rotation(flaw.quaternion)


def test_flaws_on_a_box_lie_on_its_faces_by_their_areas_and_stand_on_them():
    found = many(240, SPECK, BOX, on_surface=True, wall_mm=0.0)
    points = (np.array([f.centre_mm for f in found]) - BOX.box_mm[0]) / BOX_MM
    away = np.minimum(points, 1 - points) * BOX_MM
    assert away.min(1) == pytest.approx(0, abs=1e-9)
    axis = np.argmin(away, axis=1)
    area = np.prod(BOX_MM) / BOX_MM
    assert stats.chisquare(np.bincount(axis, minlength=3), 240 * area / area.sum()).pvalue > 0.01
    assert uniform_p(points[axis == 0, 2], 0, 1) > 0.01
    for flaw, a, point in zip(found, axis, points, strict=True):
        assert own(flaw)[:, 2] == pytest.approx(np.eye(3)[a] * (1 if point[a] > 0.5 else -1), abs=1e-9)


def test_flaws_on_a_ball_are_uniform_by_area():
    host = Host(solid=Manifold.sphere(10.0, 64))
    found = np.array([f.centre_mm for f in many(240, SPECK, host, on_surface=True, wall_mm=0.0)])
    assert np.linalg.norm(found, axis=1) == pytest.approx(10, abs=0.05)
    assert uniform_p(found[:, 2] / np.linalg.norm(found, axis=1), -1, 1) > 0.01
    assert uniform_p(np.arctan2(found[:, 1], found[:, 0]), -np.pi, np.pi) > 0.01


def test_a_flaw_on_the_surface_turns_to_any_side():
    found = many(200, DISC, CUBE, on_surface=True, wall_mm=0.0)
    top = [own(f)[:, 0] for f in found if own(f)[2, 2] > 0.99]
    assert uniform_p(np.arctan2([x[1] for x in top], [x[0] for x in top]), -np.pi, np.pi) > 0.01


def test_a_flaw_on_the_surface_leaves_wall_behind_and_beside_it():
    """A pore of 3 mm reaches 1.5 mm into a plate: with 1 mm behind it, the plate has 2.5 mm or more."""
    pore = GasPore(diameter_mm=3.0)
    for thick, fits in ((2.6, True), (2.4, False)):
        plate = Host(solid=Manifold.cube((30.0, 30.0, thick), True))
        found = many(12, pore, plate, on_surface=True, wall_mm=1.0)
        assert all((f is not None) == fits for f in found)
        for flaw in found if fits else []:
            assert np.abs(flaw.centre_mm[2]) == pytest.approx(thick / 2)
            assert np.max(np.abs(flaw.centre_mm[:2])) <= 15 - 1.5 - 1
            assert 0.4 < (flaw.solid() ^ plate.solid).volume() / flaw.volume_mm3 < 0.6


def test_a_flaw_that_may_break_the_surface_may_go_through_a_wall():
    plate = Host(solid=Manifold.cube((30.0, 30.0, 2.0), True))
    pore = GasPore(diameter_mm=3.0)
    assert place(pore, np.random.default_rng(0), plate, on_surface=True, breaks_surface=True) is not None
    assert place(pore, np.random.default_rng(0), plate, wall_mm=0.0) is None
    found = np.array([f.centre_mm for f in many(300, pore, plate, breaks_surface=True)])
    for axis, half in enumerate((15, 15, 1)):
        assert uniform_p(found[:, axis], -half, half) > 0.01


def test_layers_are_planes_of_the_part_and_all_as_likely_by_area():
    normal = np.array([1.0, 0.0, 1.0]) / np.sqrt(2)
    found = many(300, DISC, CUBE, layer_mm=0.25, normal=(2.0, 0.0, 2.0), wall_mm=0.0)
    heights = np.array([f.centre_mm for f in found]) @ normal
    assert heights / 0.25 == pytest.approx(np.round(heights / 0.25), abs=1e-6)
    for flaw in found:
        assert own(flaw)[:, 2] == pytest.approx(normal, abs=1e-9)
    assert uniform_p([f.centre_mm[1] for f in found], -9.5, 9.5) > 0.01
    straight = many(300, SPECK, CUBE, layer_mm=2.0, wall_mm=0.0)
    layers = np.round([f.centre_mm[2] / 2 for f in straight]).astype(int)
    assert stats.chisquare(np.bincount(layers + 4, minlength=9)).pvalue > 0.01  # -8 to 8 mm; at 10 it would be cut


def test_flaws_along_a_line_are_uniform_by_length_and_lie_along_it():
    line = ((-8.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 4.0, 0.0))
    found = many(300, DISC, CUBE, along_mm=line, off_mm=0.5, wall_mm=0.1)
    way = []
    for flaw in found:
        x, y, z = flaw.centre_mm
        first = abs(own(flaw)[0, 0]) > 0.99
        assert own(flaw)[:, 0] == pytest.approx((1, 0, 0) if first else (0, 1, 0), abs=1e-9)
        assert np.hypot(y if first else x, z) == pytest.approx(0.5)
        way.append(8 + x if first else 8 + y)
    assert uniform_p(way, 0, 12) > 0.01


def test_a_flaw_of_the_surface_along_a_line_opens_where_the_line_is_nearest_to_it():
    line = ((-8.0, 1.0, 9.9), (8.0, 1.0, 9.9))
    found = many(50, DISC, CUBE, along_mm=line, on_surface=True, wall_mm=0.1)
    for flaw in found:
        assert flaw.centre_mm[1:] == pytest.approx((1, 10))
        assert own(flaw) == pytest.approx(np.eye(3), abs=1e-9)


@dataclass(frozen=True, kw_only=True)
class Grain(GasPore):
    """Matter that is added to a part."""

    added: ClassVar[bool] = True


def test_what_is_added_lies_in_the_hollows():
    tube = Manifold.cylinder(20.0, 8.0, 8.0, 64, True) - Manifold.cylinder(30.0, 5.0, 5.0, 64, True)
    found = np.array([f.centre_mm for f in many(200, Grain(diameter_mm=1.0), Host(solid=tube), wall_mm=0.5)])
    assert np.hypot(*found.T[:2]).max() < 5
    assert stats.kstest(np.hypot(*found.T[:2]) ** 2, stats.uniform(0, 25).cdf).pvalue > 0.01
    assert uniform_p(found[:, 2], -10, 10) > 0.01


def test_what_is_added_lies_within_the_part_and_not_beside_it():
    """A tube on a plate: grains lie in the bore, a few against the tube, none in the open that the hull holds."""
    tube = Manifold.cylinder(20.0, 8.0, 8.0, 64) - Manifold.cylinder(30.0, 5.0, 5.0, 64)
    host = Host(solid=Manifold.cube((60, 60, 4), True).translate((0, 0, -2)) + tube)
    found = np.array([flaw.centre_mm for flaw in many(60, Grain(diameter_mm=0.5), host, wall_mm=0.5)])
    radii = np.hypot(*found.T[:2])
    assert np.mean(radii < 5) > 0.9
    assert radii.max() < 8.5


@pytest.mark.parametrize("way", [{}, {"on_surface": True}, {"thickest": 0.2}, {"clusters": 1, "spread_mm": 1.0}])
def test_where_there_is_no_hollow_nothing_is_added(way):
    rng, placer = np.random.default_rng(0), Placer(Host(solid=BLOCK))
    assert placer.place(Grain(diameter_mm=0.5), rng, placer.clouds(Placement(**way), rng)) is None


def test_a_flaw_of_two_pieces_has_neither_outside():
    """Two balls 10 mm apart in a plate with a slot between them and the rest: the second may not lie in the slot."""

    @dataclass(frozen=True, kw_only=True)
    class Pair(GasPore):
        def solid(self) -> Manifold:
            one = GasPore(diameter_mm=1.0).solid()
            return (one + one.translate((5.0, 0.0, 0.0))).translate(self.centre_mm)

    host = Host(solid=Manifold.cube((16.0, 8.0, 8.0), True) - Manifold.cube((3.0, 6.0, 6.0), True))
    for flaw in many(12, Pair(diameter_mm=1.0), host, wall_mm=0.1):
        assert (flaw.solid() ^ host.solid).volume() == pytest.approx(flaw.solid().volume(), rel=1e-9)


def test_where_another_body_lies_is_no_hollow():
    """A pin leaves a gap of 2 mm in the bore of a plate: grains are in the gap, uniform by area, none in the pin."""
    bore, pin = (Manifold.cylinder(10.0, radius, radius, 64, True) for radius in (6.0, 4.0))
    plate = Host(solid=Manifold.cube((20, 20, 10), True) - bore)
    placer, rng = Placer(plate, beside=[pin]), np.random.default_rng(5)
    placed = [placer.place(Grain(diameter_mm=0.1), rng, Placement(breaks_surface=True)) for _ in range(200)]
    radii = np.hypot(*np.array([flaw.centre_mm for flaw in placed]).T[:2])
    assert stats.kstest(radii**2, stats.uniform(16, 20).cdf).pvalue > 0.01


def test_a_flaw_does_not_swallow_a_hollow_of_its_host():
    hollow = Host(solid=Manifold.sphere(6.0, 64) - Manifold.sphere(0.3, 16).translate((1.0, 0.0, 0.0)))
    pore = GasPore(diameter_mm=6.0)
    for flaw in many(8, pore, hollow, wall_mm=0.05):
        assert flaw is None or (flaw.solid() - hollow.solid).volume() == pytest.approx(0, abs=1e-12)


def test_solids_that_are_there_before_keep_their_gap():
    plug = Manifold.cube((20.0, 20.0, 10.0), True).translate((0.0, 0.0, 5.0))
    rng, placer = np.random.default_rng(0), Placer(CUBE, [plug])
    found = [placer.place(SPECK, rng, Placement(wall_mm=0.1, gap_mm=1.0)) for _ in range(50)]
    assert max(f.centre_mm[2] for f in found) < -1.1 + 1e-3


def test_frames_are_right_handed_rotations_onto_the_normals():
    rng = np.random.default_rng(2)
    normals = rng.normal(size=(50, 3))
    normals = np.concatenate([normals / np.linalg.norm(normals, axis=1)[:, None], np.eye(3), -np.eye(3)])
    turns = _frames(normals, rng.uniform(0, 6, len(normals)))
    assert turns.transpose(0, 2, 1) @ turns == pytest.approx(np.broadcast_to(np.eye(3), turns.shape), abs=1e-12)
    assert np.linalg.det(turns) == pytest.approx(1)
    assert turns[:, :, 2] == pytest.approx(normals)
