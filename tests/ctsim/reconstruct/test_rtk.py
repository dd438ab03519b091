"""Our filtered backprojection and RTK's, from the same projections."""

import numpy as np
import pytest

from ctsim.geometry import Geometry, Grid
from ctsim.reconstruct.fdk import fdk
from tests.bench import rtk
from tests.ctsim.ellipsoids import Ellipsoid, inside, projections_of
from tests.ctsim.reconstruct.test_fdk_paths import BODIES, geometry_of, known

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not rtk.installed(), reason=rtk.MISSING)]

GRID = Grid(shape=(40, 44, 48), voxel_mm=0.85)


@pytest.fixture(scope="module")
def peer():
    with rtk.Peer() as process:
        yield process


def theirs(peer: rtk.Peer, folder, projections: np.ndarray, geometry: Geometry, redundancy: str = "") -> np.ndarray:
    rtk.hand_over(folder, projections, geometry, GRID, redundancy)
    peer.seconds(folder)
    return np.load(folder / "volume.npy")


def difference(peer: rtk.Peer, folder, geometry: Geometry, redundancy: str = "") -> float:
    """Return the RMS difference inside the large body, against its value of 1."""
    projections = projections_of(BODIES, geometry)
    apart = fdk(projections, geometry, GRID) - theirs(peer, folder, projections, geometry, redundancy)
    return float(np.sqrt(np.mean(apart[inside(BODIES[0], GRID, 1.2)] ** 2)))


@pytest.mark.parametrize(
    "path",
    [{}, {"clockwise": True, "start_deg": 40.0}, {"detector_shift_mm": (2.0, 5.0)}],
    ids=["turn", "clockwise", "shifted"],
)
def test_a_full_turn_is_rtks_to_rounding(peer, tmp_path, path):
    assert difference(peer, tmp_path, geometry_of(**path)) < 1e-5


def test_uneven_steps_are_rtks(peer, tmp_path):
    drifting = geometry_of(deviations=known({"of": "stage", "axis": "w", "turn_deg": (0, 20, 5, 0)}))
    assert difference(peer, tmp_path, drifting) < 1e-4


@pytest.mark.parametrize("range_deg", [205.0, 270.0])
def test_short_scans_are_rtks(peer, tmp_path, range_deg):
    assert difference(peer, tmp_path, geometry_of(range_deg=range_deg), "parker") < 2e-3


def test_an_offset_detector_is_rtks(peer, tmp_path):
    geometry = geometry_of(columns=44, detector_shift_mm=(16.0, 0.0))
    assert difference(peer, tmp_path, geometry, "displaced") < 2e-3


def test_the_difference_would_be_seen(peer, tmp_path):
    """A tenth of a voxel is told from nothing."""
    geometry = geometry_of()
    here, there = (Ellipsoid(centre_mm=(x_mm, 0, 0), radii_mm=(10, 8, 9)) for x_mm in (0.0, 0.085))
    ours = fdk(projections_of((here,), geometry), geometry, GRID)
    apart = ours - theirs(peer, tmp_path, projections_of((there,), geometry), geometry)
    assert np.sqrt(np.mean(apart[inside(here, GRID, 1.2)] ** 2)) > 0.01
