"""Bounds of depths hold for every point of every voxel; local thickness is that of closed forms to a voxel."""

import numpy as np
import pytest
from manifold3d import Manifold

from defects.field import thickest
from defects.host import Host

CUBE = Host(solid=Manifold.cube((20.0, 20.0, 20.0), True))
SLOTTED = Host(solid=Manifold.cube((20.0, 20.0, 20.0), True) - Manifold.cube((8.0, 30.0, 8.0), True))
PLATE = Host(solid=Manifold.cube((60.0, 60.0, 6.0), True))
BOSSED = Host(solid=PLATE.solid + Manifold.cube((16.0, 16.0, 16.0), True))


@pytest.mark.parametrize("host", [CUBE, SLOTTED, BOSSED], ids=["cube", "slotted", "bossed"])
def test_no_point_is_deeper_or_less_deep_than_its_voxel_says(host):
    field, rng = host.field, np.random.default_rng(0)
    low, high = host.box_mm
    points = rng.uniform(low, high, (600, 3))
    index = tuple(np.floor((points - field.corner_mm) / field.voxel_mm).astype(int).T)
    depth = host.wall.nearest(points)[0]
    inside = np.array([host.contains(p) for p in points])
    assert np.all(field.most_mm[index][inside] >= depth[inside])
    assert np.all(field.least_mm[index][inside] <= depth[inside])
    assert np.all(field.least_mm[index][~inside] == -np.inf)


def test_voxels_that_hold_nothing_are_ruled_out():
    """The slot is 16 % of the cube's box, and its middle no voxel of the host."""
    middle = SLOTTED.field.most_mm.shape[0] // 2
    assert SLOTTED.field.most_mm[middle, middle, middle] == -np.inf
    assert CUBE.field.most_mm.max() >= 10
    assert len(CUBE.field.deep(12.0)) == 0


def test_deep_voxels_are_all_that_may_hold_such_a_depth():
    field = CUBE.field
    assert set(field.deep(3.0)) == set(np.flatnonzero(field.most_mm >= 3))
    band = (field.most_mm >= 3) & (field.least_mm <= 4)
    assert set(field.deep(3.0, 4.0)) == set(np.flatnonzero(band))


def test_drawn_points_lie_in_their_voxels_and_all_are_drawn():
    field, voxels = CUBE.field, np.array([0, 7, 5000])
    points = field.drawn_mm(np.random.default_rng(0), voxels, 300)
    index = np.floor((points - field.corner_mm) / field.voxel_mm).astype(int)
    found = np.ravel_multi_index(tuple(index.T), field.most_mm.shape)
    assert set(found) == set(voxels)


def test_a_plate_is_as_thick_as_it_is_and_a_boss_thicker():
    """Away from its rims a plate of 6 mm is 6 mm thick; the middle of a cube of 16 mm is 16 mm thick."""
    thickness, voxel = BOSSED.thickness_mm, BOSSED.field.voxel_mm
    middles = BOSSED.field.middles_mm(np.arange(thickness.size))
    flat = thickness.ravel()
    within = (np.abs(middles[:, :2]).max(1) < 25) & (np.abs(middles[:, 2]) < 3 - voxel / 2)
    plate = within & (np.abs(middles[:, 0]) > 15)
    assert flat[plate] == pytest.approx(6, abs=voxel)
    assert flat[np.linalg.norm(middles, axis=1) < 7] == pytest.approx(16, abs=voxel)
    assert np.all(flat[np.abs(middles).max(1) > 30 + voxel] == 0)
    assert flat[(np.abs(middles[:, 2]) > 4) & (np.abs(middles[:, :2]).max(1) > 9)].max() == 0


def test_a_ball_is_as_thick_as_its_diameter_everywhere():
    host = Host(solid=Manifold.sphere(10.0, 64))
    thickness = host.thickness_mm[host.thickness_mm > 0]
    assert np.mean(thickness > 20 - 2 * host.field.voxel_mm) > 0.95
    assert thickness.max() < 20 + host.field.voxel_mm


def test_the_thickest_share_is_that_share_of_the_matter_and_the_thickest_of_it():
    thickness = np.zeros((10, 10, 10))
    thickness[:5] = np.arange(1, 501).reshape(5, 10, 10)
    found = thickest(thickness, 0.2)
    assert np.array_equal(np.sort(thickness.flat[found]), np.arange(401, 501))
    assert len(thickest(np.where(thickness > 0, 3.0, 0.0), 0.2)) == 500  # all are as thick as the thickest
    assert len(thickest(np.zeros((2, 2, 2)), 0.5)) == 0
