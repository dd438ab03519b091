"""A branch runs from its fork to its tip, begins inside the sheet that it leaves, and is one solid with it."""

import math

import numpy as np
import pytest
from manifold3d import Error, Manifold, OpType
from scipy import stats

from defects.branches import branch, draw_forks, require_forks, with_branches
from defects.gap import gap, lattice, spread
from defects.messages import BadInput
from tests.defects.measure import vertices


def flat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.zeros(len(x))


def bent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) + 2 * np.cos(4 * y - x)


@pytest.mark.parametrize("reach", [2.0, -2.0])
def test_a_branch_runs_from_its_fork_to_its_tip(reach):
    solid = branch((0.5, reach, 1.2), width_mm=3.0, opening_mm=0.1, middle=flat, columns=40)
    corners = vertices(solid)
    tip = corners[np.argmax(np.abs(corners[:, 0] - 0.5))]
    assert tip == pytest.approx((0.5 + reach, 0, 1.2))
    root = corners[np.abs(corners[:, 0] - 0.5) < 1e-12]
    assert np.ptp(root, axis=0) == pytest.approx((0, 3, 0.1))
    assert solid.volume() == pytest.approx(np.pi / 12 * 4.0 * 3.0 * 0.1, rel=0.03)  # half an ellipsoid; 12 rows


def test_a_branch_begins_inside_the_gap_it_leaves():
    points, height, triangles = lattice(spread(64), 32)
    points = points * (5, 3)
    main = gap(points, triangles, bent(*points.T), 0.05 * height)
    local = np.sqrt(1 - 0.2**2)
    fork = branch((1.0, 2.0, 1.5), width_mm=4.0 * local, opening_mm=0.025 * local, middle=bent)
    whole = Manifold.batch_boolean([main, fork], OpType.Add)
    assert max(whole.decompose(), key=lambda p: p.volume()).volume() == pytest.approx(whole.volume(), rel=1e-4)
    assert 0 < (main ^ fork).volume() < 0.1 * fork.volume()


def test_a_sheet_with_branches_is_one_solid_of_their_volume():
    """A branch is half an ellipsoid: three quarters as wide as the sheet where it leaves it, and half as open."""
    points, height, triangles = lattice(spread(64), 32)
    sheet = gap(points * (5, 3), triangles, flat(*points.T), 0.01 * height)
    forks = ((2.0, 2.0, 2.0), (-3.0, -1.5, 1.5))
    whole = with_branches(sheet, forks, length_mm=10.0, width_mm=6.0, opening_mm=0.01, middle=flat)
    halves = sum(math.pi / 12 * 2 * abs(reach) * 0.75 * 6 * 0.5 * 0.01 * (1 - (at / 5) ** 2) for at, reach, _ in forks)
    assert (whole.status(), len(whole.decompose())) == (Error.NoError, 1)
    assert whole.volume() == pytest.approx(sheet.volume() + halves, rel=0.02)
    assert with_branches(sheet, (), length_mm=10.0, width_mm=6.0, opening_mm=0.01, middle=flat) is sheet


def test_forks_lie_in_the_inner_half_of_their_stretches_and_tips_at_their_angle():
    rng = np.random.default_rng(3)
    forks = np.array([draw_forks(rng, 2, 10.0, 30.0) for _ in range(600)])
    at, reach, lift = np.moveaxis(forks, 2, 0)
    for column, low in zip(at.T, (-3.0, 1.0), strict=True):
        assert stats.kstest(column, stats.uniform(low, 2.0).cdf).pvalue > 0.01
    assert np.abs(lift / reach) == pytest.approx(math.tan(math.radians(30)))
    assert np.array_equal(np.sign(reach), np.sign(at))
    assert stats.kstest(np.hypot(reach, lift).ravel(), stats.uniform(1.5, 2.0).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("forks", "text"),
    [
        (((4.6, 1.0, 1.0),), "its fork within 0.45 of the length"),
        (((1.0, 0.0, 1.0),), "its reach along x not 0"),
        (((1.0, math.nan, 1.0),), "a branch must be 3 finite numbers"),
        (((1.0, 1.0),), "a branch must be 3 finite numbers"),
        (((1.0, 1.0, 1.0),) * 9, "at most 8 branches can fork off one sheet, got 9"),
    ],
)
def test_forks_that_cannot_be_are_refused(forks, text):
    with pytest.raises(BadInput, match=text):
        require_forks(forks, 10.0)


def test_too_steep_a_branch_is_refused():
    with pytest.raises(BadInput, match=r"branch_deg must be at most 75, got 76"):
        draw_forks(np.random.default_rng(0), 1, 10.0, 76.0)
