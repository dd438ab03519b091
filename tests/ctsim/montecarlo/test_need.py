"""How much a scene scatters, at a quick look, against the scan itself."""

import numpy as np
import pytest

from ctsim.montecarlo.need import highest_ratio
from ctsim.radiograph import scan
from ctsim.scanner import scanner_of
from scenes.body import Body
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.fidelity import MonteCarloSpec
from scenes.scene import ScanSpec
from scenes.seeds import stream
from tests.ctsim.montecarlo.setups import block


def settings(**changes) -> ScanSpec:
    """Return a scan of 12 views of 24 x 32 pixels of 5 mm."""
    values = {
        "tube_kv": 200.0, "filters": {"Cu": 1.0}, "exposure_mas": 1.0, "source_detector_mm": 500.0,
        "source_object_mm": 400.0, "views": 12, "noise": False,
        "detector": DetectorSpec(rows=24, columns=32, pixel_mm=5.0, bits=None),
    }  # fmt: skip
    return ScanSpec(**values | changes)


def body(thick_mm: float, material: str = "Al") -> Body:
    """Return a block that is as thick from one side, and 80 mm from the other."""
    return Body(name="block", solid=block((thick_mm, 80, 60)), material=material)


def test_the_highest_ratio_is_that_of_a_scan():
    """Of a thick block, to 20 %; fixtures and sound bodies stand for the specimen."""
    thick = body(60.0)
    specimen = Specimen(solids=(Solid(surface=thick.solid, material="Al", label="Al"),))
    careful = MonteCarloSpec(photons=20_000, views=12)
    pictures = scan(specimen, scanner_of(settings(fidelity="hybrid", monte_carlo=careful)), rng=stream(0, 0, "photons"))
    wanted = float(pictures.scatter_to_primary.max())
    assert wanted > 0.5
    assert highest_ratio([thick], settings()) == pytest.approx(wanted, rel=0.2)


def test_thicker_and_nearer_scatters_more():
    ratios = [highest_ratio([body(thick)], settings()) for thick in (10.0, 30.0, 60.0)]
    assert ratios == sorted(ratios)
    assert ratios[2] > 1.3 * ratios[0]
    far = settings(source_detector_mm=1000.0)
    assert highest_ratio([body(60.0)], far) < 0.8 * ratios[2]


def test_next_to_nothing_scatters_next_to_nothing():
    thin = Body(name="film", solid=block((0.2, 80, 0.2)), material="PE")
    assert highest_ratio([thin], settings()) < 0.01


def test_the_same_scene_is_always_judged_alike():
    """Whatever fidelity it asks for, in three digits."""
    first, second = (highest_ratio([body(20.0)], settings(fidelity=f)) for f in ("beer-lambert", "hybrid"))
    assert first == second == float(f"{first:.3g}")
    assert np.isfinite(first)
