"""Voxels that stand for solids, and bodies that reach where they cannot stand."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.gate.bodies import voxels_of
from defects.messages import BadInput
from scenes.build import Solid
from tests.ctsim.gate.setups import BOX, of, seen, settings


def test_voxels_hold_the_material_with_the_largest_share():
    halves = BOX.split_by_plane((1, 0, 0), 0.2)
    solids = [
        Solid(surface=s.translate((30, 2, 0)), material=m, label=m) for s, m in zip(halves, ("Fe", "Al"), strict=True)
    ]
    grid, middle, voxels = voxels_of(solids, ("Al", "Fe"), 10)
    np.testing.assert_allclose(middle, [30, 2, 0])
    assert grid.shape == (10, 10, 10)
    assert grid.voxel_mm == 2.0
    np.testing.assert_array_equal(voxels, np.tile([1] * 5 + [2] * 5, (10, 10, 1)))  # Fe from x = 0.2 on
    ball = [Solid(surface=Manifold.sphere(10, 64), material="Al", label="Al")]
    _, _, voxels = voxels_of(ball, ("Al",), 40)
    assert voxels.sum() * 0.5**3 == pytest.approx(ball[0].surface.volume(), rel=0.01)
    assert voxels[0, 0, 0] == 0


def test_a_part_that_reaches_into_the_panel_is_refused(stand_in):
    stand_in("sys.exit(1)")
    far = of(BOX.translate((295, 0, 0)))
    with pytest.raises(BadInput, match=r"must lie before the panel, 600 mm from the source, but it reaches 605 mm"):
        seen(far, settings())
    with pytest.raises(BadInput, match=r"but its voxels reach 605 mm"):
        seen(far, settings(), solids="voxels", voxels=8)
