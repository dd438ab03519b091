"""Parts beside and upon each other: contacts at known places, and never an overlap."""

import itertools

import numpy as np
import pytest
from manifold3d import Manifold

from scenes.arrange import TOUCHING_MM, advanced, centred, cup, foam, in_a_ring, lined_up
from scenes.library.catalog import make_part

DOWN = np.array([0.0, 0.0, -1.0])


def ball(radius: float, at=(0.0, 0.0, 0.0)) -> Manifold:
    return Manifold.sphere(radius, 96).translate(at)


def overlap_mm3(solids) -> float:
    return sum((a ^ b).volume() for a, b in itertools.combinations(solids, 2))


def middle(solid: Manifold) -> np.ndarray:
    box = np.array(solid.bounding_box())
    return (box[:3] + box[3:]) / 2


def test_a_ball_that_falls_beside_another_s_middle_rests_where_their_radii_meet():
    """Centres 3 apart across, radii 5 and 4: sqrt(9^2 - 3^2) apart in height."""
    rested = advanced(ball(4.0, (3.0, 0.0, 20.0)), ball(5.0), DOWN)
    assert middle(rested)[2] == pytest.approx(np.sqrt(72), abs=0.02)
    assert 0 < rested.min_gap(ball(5.0), 1.0) <= 2 * TOUCHING_MM


def test_what_falls_past_meets_nothing():
    passed = advanced(ball(1.0, (10.0, 0.0, 20.0)), ball(5.0), DOWN)
    assert (passed ^ ball(5.0)).is_empty()


def test_boxes_stand_on_each_other_and_the_stack_is_centred():
    boxes = [Manifold.cube((10.0, 10.0, h), True).translate((0, 0, 7.0 * h)) for h in (4.0, 6.0, 2.0)]
    placed = lined_up(boxes, None)
    heights = np.array([p.bounding_box() for p in placed])[:, [2, 5]]
    np.testing.assert_allclose(heights, [[-6, -2], [-2, 4], [4, 6]], atol=4 * TOUCHING_MM)
    assert overlap_mm3(placed) == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_gap_is_kept_between_the_boxes(axis):
    placed = lined_up([ball(3.0), ball(2.0)], 1.5, axis)
    apart = np.zeros(3)
    apart[axis] = 3 + 1.5 + 2
    np.testing.assert_allclose(middle(placed[1]) - middle(placed[0]), apart, atol=1e-6)


def test_balls_in_a_row_touch_where_their_middles_are_level():
    placed = lined_up([ball(3.0), ball(2.0, (0, 4.0, 0))], None, axis=0)
    assert middle(placed[1])[0] - middle(placed[0])[0] == pytest.approx(np.sqrt(25 - 16), abs=0.02)


@pytest.mark.parametrize("names", [("flange", "bracket", "gear"), ("connecting_rod", "turbine_blade")])
def test_real_parts_rest_on_each_other_and_do_not_overlap(names):
    parts = [make_part(name, {})[0].solid for name in names]
    placed = lined_up(parts, None)
    assert overlap_mm3(placed) == 0
    for below, above in itertools.pairwise(placed):
        assert above.min_gap(below, 5.0) <= 2.5 * TOUCHING_MM


@pytest.mark.parametrize(
    "radii", [(2, 3), (2, 2, 2), (1, 2, 3, 4), (8, 1, 1, 1), (5, 0.1, 5, 0.1), (4, 1, 1, 4, 1, 3)], ids=str
)
def test_a_ring_keeps_its_gap_and_is_closed_as_tightly_as_it_can(radii):
    cubes = [Manifold.cube((2 * r / 3**0.5,) * 3, True) for r in radii]  # each in a ball of that radius
    placed = in_a_ring(cubes, 0.5)
    centres = np.array([middle(p) for p in placed])
    gaps = [
        np.linalg.norm(a - b) - p - q for (a, p), (b, q) in itertools.combinations(zip(centres, radii, strict=True), 2)
    ]
    assert min(gaps) >= 0.5 - 1e-9
    assert min(gaps) == pytest.approx(0.5)
    np.testing.assert_allclose(np.hypot(centres[:, 0], centres[:, 1]), np.hypot(*centres[0, :2]))


def test_centred_keeps_how_things_stand_to_each_other():
    a, b = centred([ball(1.0, (5, 5, 5)), ball(2.0, (9, 5, 5))])
    np.testing.assert_allclose(middle(b) - middle(a), [4, 0, 0], atol=1e-9)
    boxes = np.array([a.bounding_box(), b.bounding_box()])
    np.testing.assert_allclose(boxes[:, :3].min(0) + boxes[:, 3:].max(0), 0, atol=1e-9)


def test_a_cup_has_its_volume_and_holds_things_without_touching_them():
    inside = [ball(4.0, (3.0, 0.0, 0.0)), ball(2.0, (-4.0, 0.0, 0.0))]
    vessel = cup(inside, wall_mm=2.0, clearance_mm=1.0)
    height, inner = 4 + 4 + 1 + 2, 7 + 1  # floor, clearance and the balls' height
    wanted = np.pi * ((inner + 2) ** 2 * height - inner**2 * (height - 2))
    assert vessel.volume() == pytest.approx(wanted, rel=3e-3)
    for solid in inside:
        assert (vessel ^ solid).is_empty()
        assert vessel.min_gap(solid, 3.0) == pytest.approx(1.0, abs=0.02) or solid is inside[1]


def test_foam_about_a_ball_is_a_cylinder_less_half_the_ball():
    """Half sunk: the pocket is the lower half of the ball."""
    block = foam([ball(10.0)], depth=0.5, wall_mm=5.0, clearance_mm=0.0)
    wanted = np.pi * 15**2 * (10 + 5) - 2 / 3 * np.pi * 10**3
    assert block.volume() == pytest.approx(wanted, rel=2e-3)


def test_foam_leaves_room_for_what_lies_in_it():
    parts = lined_up([make_part("bracket", {})[0].solid], None)
    block = foam(parts, depth=0.6, wall_mm=8.0, clearance_mm=0.1)
    assert (block ^ parts[0]).is_empty()
    assert block.min_gap(parts[0], 5.0) == pytest.approx(0.1, abs=0.02)
