"""A tear gapes by its opening at most, widest near its middle, over flat facets as large as grains, and branches."""

import dataclasses

import numpy as np
import pytest
from manifold3d import Error
from scipy import stats

from defects.hot_tear import HotTear, sample
from defects.messages import BadInput
from defects.shapes import rotation
from tests.defects.measure import vertices


def tear(seed: int = 0, **changes) -> HotTear:
    sizes = {"length_mm": 10.0, "width_mm": 6.0, "opening_mm": 0.3, "grain_mm": 1.0}
    return HotTear(**{**sizes, "seed": seed, **changes})


def columns(flaw: HotTear) -> np.ndarray:
    """Return (x, y, middle, opening) at every inner corner of a tear without branches: its faces lie straight above."""
    corners = vertices(flaw.solid())
    order = np.lexsort((corners[:, 2], np.round(corners[:, 1], 9), np.round(corners[:, 0], 9)))
    low, high = corners[order][:-1], corners[order][1:]
    pair = np.all(np.abs(high[:, :2] - low[:, :2]) < 1e-9, axis=1)
    low, high = low[pair], high[pair]
    return np.column_stack([low[:, :2], (low[:, 2] + high[:, 2]) / 2, high[:, 2] - low[:, 2]])


@pytest.mark.parametrize("opening_mm", [0.01, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_a_tear_is_closed_and_as_open_as_it_says(seed, opening_mm):
    flaw = tear(seed, opening_mm=opening_mm)
    assert flaw.solid().status() == Error.NoError
    assert flaw.solid().genus() == 0
    assert columns(flaw)[:, 3].max() == pytest.approx(opening_mm, rel=1e-9)
    assert flaw.volume_mm3 == pytest.approx(flaw.solid().volume(), rel=1e-12)


def test_raggedness_keeps_the_volume_and_bends_the_middle_alone():
    flat, ragged = tear(raggedness=0.0), tear(raggedness=0.6)
    assert ragged.volume_mm3 == pytest.approx(flat.volume_mm3, rel=1e-9)
    assert np.ptp(columns(flat)[:, 2]) < 1e-9
    assert np.ptp(columns(ragged)[:, 2]) > 1.0


@pytest.mark.parametrize("aspect", [0.1, 3.0, 8.0])
def test_a_tear_wider_than_long_is_made_of_grains_to_its_rim(aspect):
    """Its rim lies at 1.4 of half its width at the most; a middle that ends before it would leave no solid."""
    flaw = sample(np.random.default_rng(0), length_mm=4.0, opening_mm=0.1, aspect=aspect, grains=8, branches=2)
    box = dataclasses.replace(flaw, quaternion=(1.0, 0.0, 0.0, 0.0)).solid().bounding_box()
    assert 0.7 * aspect * 4.0 < box[4] - box[1] < 1.4 * aspect * 4.0
    assert flaw.volume_mm3 > 0


def test_on_average_it_is_wider_in_the_middle_and_follows_its_ellipse():
    near, far = [], []
    for seed in range(15):
        found = columns(tear(seed))
        line = found[np.abs(found[:, 1]) < 1e-9]  # along the length, where the ragged rim is far on both sides
        radius = np.abs(line[:, 0]) / 5
        near.append(line[radius < 0.3, 3].mean())
        far.append(line[(radius > 0.7) & (radius < 0.8), 3].mean())
    assert np.mean(far) / np.mean(near) == pytest.approx(np.sqrt((1 - 0.75**2) / (1 - 0.15**2)), rel=0.1)


def test_its_middle_is_made_of_flat_facets_as_large_as_grains():
    """Most neighbouring facets of the mesh lie in one plane, and the share grows with the grain."""
    shares = {}
    for grain_mm in (1.0, 4.0):
        found = columns(tear(3, grain_mm=grain_mm, raggedness=0.5))
        line = found[np.abs(found[:, 1]) < 1e-9]
        line = line[np.argsort(line[:, 0])]
        slopes = np.diff(line[:, 2]) / np.diff(line[:, 0])
        shares[grain_mm] = np.mean(np.abs(np.diff(slopes)) < 1e-6)
    # a line of 10 mm crosses about 3 edges a grain, each of which costs two of 70 pairs
    assert shares[4.0] > 0.75
    assert 0.2 < shares[1.0] < shares[4.0]


def test_corners_of_facets_have_the_raggedness_as_their_rms_height():
    """Between corners facets lie lower; the middle at the origin, which is taken off, varies on its own."""
    heights = [columns(tear(seed, raggedness=0.5))[::50, 2] for seed in range(25)]
    rms = np.sqrt(np.mean([np.var(h) for h in heights]))
    # a point uniform in a triangle of three independent corners has half of their variance
    assert rms == pytest.approx(0.5 * np.sqrt(0.5), rel=0.1)


def test_branches_add_volume_and_stay_with_the_tear():
    alone = tear(2)
    forked = dataclasses.replace(alone, branches_mm=((2.0, 2.0, 1.8), (-2.5, -1.5, -1.5)))
    pieces = forked.solid().decompose()
    assert max(p.volume() for p in pieces) > 0.999 * forked.volume_mm3
    local = [1 - (2 * x / 10) ** 2 for x in (2.0, -2.5)]
    # half ellipsoids; of the tear's width 0.75 (1 - 0.4), of its opening 0.5 (1 - 0.4)
    halves = sum(np.pi / 12 * 2 * r * 0.45 * 6 * 0.3 * 0.3 * share for r, share in zip((2.0, 1.5), local, strict=True))
    assert forked.volume_mm3 - alone.volume_mm3 == pytest.approx(halves, rel=0.15)


@pytest.mark.parametrize("branches", [0, 8])
@pytest.mark.parametrize("grains", [1, 24])
def test_the_extremes_of_its_parameters_are_solids_of_fair_size(branches, grains):
    rng = np.random.default_rng(0)
    flaw = sample(rng, length_mm=6.0, opening_mm=0.02, branches=branches, grains=grains, raggedness=1.0)
    assert len(flaw.branches_mm) == branches
    assert flaw.solid().status() == Error.NoError
    assert flaw.solid().num_tri() <= 20_000


def test_tears_face_anywhere_with_equal_chance():
    rng = np.random.default_rng(4)
    normals = np.array([rotation(sample(rng, length_mm=5.0, opening_mm=0.1).quaternion)[:, 2] for _ in range(1000)])
    for axis in range(3):
        assert stats.kstest(normals[:, axis], stats.uniform(-1, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"raggedness": 1.2}, r"raggedness of a hot tear must be 0 to 1, got 1\.2"),
        ({"opening_mm": 7.0}, "opening_mm must not exceed its length_mm and width_mm"),
        ({"grain_mm": 0.3}, "no longer than 24 grains"),
        ({"branches_mm": ((4.6, 1.0, 1.0),)}, "a branch must be"),
    ],
)
def test_what_cannot_be_is_refused(changes, text):
    with pytest.raises(BadInput, match=text):
        tear(**changes)
