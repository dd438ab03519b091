"""A crack opens by its opening at its centre, waves and kinks without changing its gap, and branches where it says."""

import dataclasses
import math

import numpy as np
import pytest
from manifold3d import Error
from scipy import stats
from scipy.spatial import cKDTree

from defects.crack import Crack, sample
from defects.messages import BadInput
from defects.shapes import rotation
from tests.defects.measure import centroid, vertices

FLAT = Crack(length_mm=10.0, width_mm=6.0, opening_mm=0.4)
WAVY = dataclasses.replace(FLAT, waves=((0.7, 1.0, 0.3, 20.0), (0.3, -0.4, 1.5, 110.0)))


def height(crack: Crack, x: float, y: float) -> float:
    """Return how far the waves lift the sheet above its middle."""
    phases = [math.radians(deg) for _, _, _, deg in crack.waves]
    waves = zip(crack.waves, phases, strict=True)
    return sum(a * (math.sin(kx * x + ky * y + p) - math.sin(p)) for (a, kx, ky, _), p in waves)


def column(crack: Crack, x: float, y: float) -> tuple[float, float]:
    """Return where a line along z enters and leaves."""
    hits = crack.solid().ray_cast((x, y, -9.0), (x, y, 9.0))
    assert len(hits) == 2
    return tuple(-9 + 18 * hit.distance for hit in hits)


def test_a_crack_is_as_long_wide_and_open_as_it_says():
    size = np.ptp(np.reshape(FLAT.solid().bounding_box(), (2, 3)), axis=0)
    assert size == pytest.approx((10, 6, 0.4), rel=5e-3)  # opened by 0.3 % to the true volume


@pytest.mark.parametrize(("x", "y"), [(0.01, 0.02), (2.5, 0.0), (0.0, -1.5), (3.0, 1.2)])
def test_a_crack_gapes_by_the_ellipse_of_sneddon(x, y):
    below, above = column(FLAT, x, y)
    # corners of facets gape by 0.3 % more than the ellipse, and between them they gape less
    assert above - below == pytest.approx(0.4 * math.sqrt(1 - (x / 5) ** 2 - (y / 3) ** 2), rel=1e-2)


@pytest.mark.parametrize(("x", "y"), [(0.01, 0.02), (2.5, 0.0), (0.0, -1.5), (3.0, 1.2)])
def test_waves_lift_both_faces_alike(x, y):
    flat, wavy = column(FLAT, x, y), column(WAVY, x, y)
    assert wavy[1] - wavy[0] == pytest.approx(flat[1] - flat[0], rel=1e-6)
    assert sum(wavy) / 2 == pytest.approx(height(WAVY, x, y), abs=0.02)  # flat facets over a sine


def test_waves_move_corners_along_z_alone_by_the_sum_of_sines():
    flat, wavy = vertices(FLAT.solid()), vertices(WAVY.solid())
    lowered = wavy - [(0, 0, height(WAVY, x, y)) for x, y, _ in wavy]
    assert len(wavy) == len(flat)
    assert cKDTree(flat).query(lowered)[0].max() < 1e-12
    assert cKDTree(lowered).query(flat)[0].max() < 1e-12
    assert centroid(WAVY.solid())[:2] == pytest.approx((0, 0), abs=1e-9)


def test_waviness_is_the_root_mean_square_height_over_the_length():
    rng = np.random.default_rng(2)
    drawn = [sample(rng, length_mm=10.0, opening_mm=0.1, waviness=0.05).waves for _ in range(4000)]
    at = [sum(a * math.sin(kx - 2 * ky + math.radians(deg)) for a, kx, ky, deg in waves) for waves in drawn]
    assert np.mean(at) == pytest.approx(0, abs=4 * 0.5 / math.sqrt(4000))
    assert np.sqrt(np.mean(np.square(at))) == pytest.approx(0.5, rel=0.04)


def test_waves_run_in_any_direction_and_are_a_third_to_twice_the_length_long():
    rng = np.random.default_rng(3)
    waves = np.array([w for _ in range(500) for w in sample(rng, length_mm=10.0, opening_mm=0.1).waves])
    numbers = np.hypot(waves[:, 1], waves[:, 2]) * 10 / (2 * np.pi)
    assert stats.kstest(numbers, stats.uniform(0.5, 2.5).cdf).pvalue > 0.01
    assert stats.kstest(np.arctan2(waves[:, 2], waves[:, 1]), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01
    assert stats.kstest(waves[:, 3], stats.uniform(0, 360).cdf).pvalue > 0.01


def test_sheets_face_anywhere_with_equal_chance():
    rng = np.random.default_rng(4)
    normals = np.array([rotation(sample(rng, length_mm=5.0, opening_mm=0.1).quaternion)[:, 2] for _ in range(2000)])
    for axis in range(3):
        assert stats.kstest(normals[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_aspect_is_width_over_length_and_no_waviness_is_no_wave():
    crack = sample(np.random.default_rng(5), length_mm=8.0, opening_mm=0.2, aspect=0.25, waviness=0.0)
    assert (crack.length_mm, crack.width_mm, crack.opening_mm, crack.waves) == (8.0, 2.0, 0.2, ())


@pytest.mark.parametrize("sizes", [(1.0, 2.0, 1.1), (2.0, 1.0, 1.1)])
def test_a_gap_wider_than_its_sheet_is_no_crack(sizes):
    with pytest.raises(BadInput, match=r"opening_mm must not exceed .* got 1\.1 against .* use kind gas_pore"):
        Crack(length_mm=sizes[0], width_mm=sizes[1], opening_mm=sizes[2])


@pytest.mark.parametrize("wave", [(math.nan, 1.0, 0.0, 0.0), (0.1, math.inf, 0.0, 0.0)])
def test_a_wave_that_is_no_number_is_refused(wave):
    with pytest.raises(BadInput, match="a wave must be 4 finite numbers"):
        dataclasses.replace(FLAT, waves=(wave,))


# --- kinks ---

KINKED = dataclasses.replace(FLAT, kinks=((1.5, 20.0), (3.5, -45.0), (-2.0, 30.0)))


@pytest.mark.parametrize(
    ("x", "wanted"),
    [
        (0.5, 0.0),
        (-1.9, 0.0),
        (3.0, 1.5 * math.tan(math.radians(20))),
        (4.5, 2.0 * math.tan(math.radians(20)) - 1.0 * math.tan(math.radians(25))),
        (-3.0, 1.0 * math.tan(math.radians(30))),
    ],
)
def test_pieces_between_kinks_are_flat_and_lean_by_the_sum_of_their_turns(x, wanted):
    for y in (-0.7, 0.01, 0.8):
        assert np.mean(column(KINKED, x, y)) == pytest.approx(wanted, abs=1e-9)


def test_kinks_keep_the_volume_and_the_opening():
    assert KINKED.solid().volume() == pytest.approx(np.pi / 6 * 10 * 6 * 0.4, rel=1e-9)
    low, high = column(KINKED, 3.0, 0.5)
    assert high - low == pytest.approx(0.4 * math.sqrt(1 - 0.36 - 1 / 36), rel=1e-2)


def test_every_piece_leans_uniformly_and_kinks_lie_anywhere_over_nine_tenths():
    rng = np.random.default_rng(6)
    cracks = [sample(rng, length_mm=10.0, opening_mm=0.1, kinks=3, kink_deg=30.0, waviness=0.0) for _ in range(700)]
    places = [x for crack in cracks for x, _ in crack.kinks]
    assert len(places) == 2100
    assert stats.kstest(places, stats.uniform(-4.5, 9.0).cdf).pvalue > 0.01
    leans = []
    for crack in cracks:
        for side in (1, -1):
            turns = [turn for x, turn in sorted(crack.kinks, key=lambda k: abs(k[0])) if x * side > 0]
            leans += list(np.cumsum(turns))
    assert stats.kstest(leans, stats.uniform(-30, 60).cdf).pvalue > 0.01


# --- branches ---


def union_mm3(crack: Crack, columns: int = 2001) -> float:
    """Return the volume of a flat crack with one branch, from the intervals that a line along z has in both."""
    (at, reach, lift), a, b = crack.branches_mm[0], crack.length_mm / 2, crack.width_mm / 2
    local = math.sqrt(1 - (at / a) ** 2)
    x, y = np.meshgrid(np.linspace(-a - 4, a + 4, columns), np.linspace(-b, b, columns), indexing="ij")
    main = crack.opening_mm / 2 * np.sqrt(np.clip(1 - (x / a) ** 2 - (y / b) ** 2, 0, None))
    u = (x - at) / reach
    inside = np.clip(1 - u**2 - (y / (0.75 * local * b)) ** 2, 0, None)
    fork = np.where(u >= 0, 0.5 * local * crack.opening_mm / 2 * np.sqrt(inside), 0)
    middle = lift * u
    shared = np.clip(np.minimum(main, middle + fork) - np.maximum(-main, middle - fork), 0, None)
    shared = np.where((main > 0) & (fork > 0), shared, 0)
    cell = (2 * a + 8) / (columns - 1) * 2 * b / (columns - 1)
    return float((2 * main + 2 * fork - shared).sum() * cell)


@pytest.mark.parametrize("opening_mm", [0.01, 0.4])
@pytest.mark.parametrize("fork", [(2.0, 4.0, 2.0), (-3.0, -3.0, -4.0), (1.0, -5.0, 1.0)])
def test_a_crack_with_a_branch_has_the_volume_of_their_union(opening_mm, fork):
    crack = Crack(length_mm=20.0, width_mm=12.0, opening_mm=opening_mm, branches_mm=(fork,))
    solid = crack.solid()
    assert len(solid.decompose()) == 1
    assert solid.volume() == pytest.approx(union_mm3(crack), rel=0.01)
    assert solid.volume() > 1.02 * np.pi / 6 * 20 * 12 * opening_mm


@pytest.mark.parametrize("seed", range(6))
def test_a_crack_of_a_hundredth_of_a_millimetre_is_a_closed_solid_of_the_right_volume(seed):
    """Kinked, wavy and branching: the volume is that of the main sheet and at most that of all sheets."""
    rng = np.random.default_rng(seed)
    crack = sample(rng, length_mm=20.0, opening_mm=0.01, kinks=4, branches=seed)
    solid = crack.solid()
    main = np.pi / 6 * 20 * 12 * 0.01
    assert solid.status() == Error.NoError
    assert dataclasses.replace(crack, branches_mm=()).solid().volume() == pytest.approx(main, rel=1e-9)
    halves = 0.0
    for at, reach, _ in crack.branches_mm:
        local = 1 - (at / 10) ** 2
        halves += np.pi / 12 * 2 * abs(reach) * 0.75 * 12 * 0.5 * 0.01 * local
    assert main + 0.9 * halves <= solid.volume() * (1 + 1e-9)
    assert solid.volume() <= (main + halves) * (1 + 1e-9)
    assert solid.volume() == pytest.approx(main + halves, rel=0.02)


def test_the_tip_of_a_branch_lies_where_it_says():
    crack = dataclasses.replace(FLAT, branches_mm=((3.0, 3.5, 2.5),))
    corners = vertices(crack.solid())
    assert corners[np.argmax(corners[:, 2])] == pytest.approx((6.5, 0.0, 2.5), abs=1e-9)


def test_branches_run_outwards_one_in_each_stretch_at_their_angle_up_as_often_as_down():
    rng = np.random.default_rng(7)
    cracks = [sample(rng, length_mm=10.0, opening_mm=0.1, branches=4, branch_deg=30.0) for _ in range(400)]
    forks = np.array([crack.branches_mm for crack in cracks])
    at, reach, lift = np.moveaxis(forks, 2, 0)
    assert np.all(at * reach > 0)
    assert np.degrees(np.arctan2(np.abs(lift), np.abs(reach))) == pytest.approx(np.full(at.shape, 30.0))
    assert stats.kstest(np.hypot(reach, lift).ravel(), stats.uniform(1.5, 2.0).cdf).pvalue > 0.01
    assert stats.binomtest(int((lift > 0).sum()), lift.size).pvalue > 0.01
    for i in range(4):
        stretch = stats.uniform(-4 + 2 * i + 0.5, 1.0)
        assert stats.kstest(at[:, i], stretch.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kinks": ((5.0, 10.0),)}, "a kink must be"),
        ({"kinks": ((1.0, math.nan),)}, "a kink must be"),
        ({"kinks": ((1.0, 40.0), (2.0, 30.0))}, "kinks must not lean the sheet by more than 60 deg in all"),
        ({"branches_mm": ((4.6, 1.0, 1.0),)}, "a branch must be"),
        ({"branches_mm": ((1.0, 0.0, 1.0),)}, "a branch must be"),
        ({"branches_mm": ((1.0, math.inf, 1.0),)}, "a branch must be"),
        ({"branches_mm": ((1.0, 1.0, 1.0),) * 9}, "at most 8 branches"),
    ],
)
def test_kinks_and_branches_that_cannot_be_are_refused(change, text):
    with pytest.raises(BadInput, match=text):
        dataclasses.replace(FLAT, **change)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"kinks": 2, "kink_deg": 61.0}, r"kink_deg must be at most 60, got 61\.0"),
        ({"branches": 2, "branch_deg": 80.0}, r"branch_deg must be at most 75, got 80\.0"),
    ],
)
def test_too_steep_angles_are_refused(asked, text):
    with pytest.raises(BadInput, match=text):
        sample(np.random.default_rng(0), length_mm=9.0, opening_mm=0.1, **asked)
