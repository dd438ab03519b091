"""The heel effect, against the tube's own spectra in a direction and against what is known of it."""

import numpy as np
import pytest
import spekpy

from ctsim.heel import heel_map
from ctsim.trajectory import nominal_geometry
from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.scene import ScanSpec


def settings(**more) -> ScanSpec:
    values = {
        "tube_kv": 160.0, "exposure_mas": 1.0, "source_detector_mm": 1000.0, "source_object_mm": 500.0, "views": 3,
        "anode_deg": 20.0, "heel": True,
        "detector": DetectorSpec(rows=64, columns=40, pixel_mm=8.0, scintillator=None),
    }  # fmt: skip
    return ScanSpec(**values | more)


@pytest.fixture(scope="module")
def heel():
    return heel_map(settings(), nominal_geometry(settings()))


def test_the_beam_is_weaker_towards_the_anode_at_the_top_and_even_along_a_row(heel):
    assert np.all(np.diff(heel[:, 0]) > 0)
    np.testing.assert_allclose(heel, np.repeat(heel[:, :1], 40, axis=1), rtol=1e-9)
    assert heel[31:33].mean() == pytest.approx(1, abs=1e-3)  # the foot of the source's normal


@pytest.mark.parametrize("row", [0, 17, 50, 63])
def test_it_is_what_the_tube_gives_in_that_direction(heel, row):
    """spekpy's fluence at the pixel, times the square of its distance, weighted with the energy; finer bins."""
    x_cm = (row + 0.5 - 32) * 0.8

    def signal(x):
        energies, photons = spekpy.Spek(kvp=160, targ="W", th=20, dk=2, x=x, z=100).get_spectrum(diff=False)
        return energies @ photons * (1 + (x / 100) ** 2)

    assert heel[row, 20] == pytest.approx(signal(x_cm) / signal(0.0), rel=0.01)


def test_a_detector_in_the_anodes_shade_is_refused():
    steep = settings(anode_deg=12.0)
    with pytest.raises(BadInput, match=r"reaches 14\.\d deg towards the anode, expected at most 10\.8"):
        heel_map(steep, nominal_geometry(steep))


def test_a_listed_spectrum_has_no_heel():
    listed = settings(tube_kv=None, spectrum=((80.0, 1e6),))
    with pytest.raises(BadInput, match="heel: true needs a tube"):
        heel_map(listed, nominal_geometry(listed))
