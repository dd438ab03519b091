"""A beam that grows weaker through the scan, and a flat field that does not know."""

import numpy as np
import pytest

from ctsim.pipeline import render
from ctsim.scanner import scanner_of, strength_of
from defects.messages import BadInput
from scenes.build import build
from scenes.parts import load_part, load_parts
from scenes.records import validated
from scenes.sample import sample
from scenes.spec import DatasetSpec
from tests.ctsim import small


def scene_of(tmp_path, **scan):
    """Return the first scene of the small dataset with other settings of its scan, and its specimen."""
    spec = validated(DatasetSpec, {**small.SPEC, "scan": {**small.SPEC["scan"], "noise": False, **scan}}, "spec")
    small.write(tmp_path, small.SPEC)  # and the cube beside it
    scene = sample(spec, 0, lambda choice: load_part(choice, tmp_path))
    return scene, build(scene, load_parts(scene, tmp_path))


def test_the_open_beam_follows_its_drift_and_the_flat_field_is_that_of_the_first_view(tmp_path):
    steady, drifting = (render(*scene_of(tmp_path, **scan))[1] for scan in ({}, {"beam_drift": [2, 1, 2]}))
    views = len(steady.counts[0])
    wanted = np.interp(np.arange(views), [0, (views - 1) / 2, views - 1], [1, 0.5, 1])
    dark = float(steady.dark.mean())
    corner = (drifting.counts[0, :, 0, 0] - dark) / (steady.counts[0, :, 0, 0] - dark)
    np.testing.assert_allclose(corner, wanted, atol=1e-4)  # of 50000 counts, rounded
    assert np.array_equal(drifting.flat, steady.flat)


def test_a_beam_that_is_always_as_strong_does_not_drift(tmp_path):
    scene, _ = scene_of(tmp_path, beam_drift=[0.7, 0.7])
    assert strength_of(scene.scan) is None
    assert scanner_of(scene.scan).strength is None


@pytest.mark.parametrize("value", [[], [1, 0], [1, -1], [1, "2"], 0.5, [1, float("nan")]])
def test_a_beam_is_always_there(tmp_path, value):
    with pytest.raises(BadInput, match="beam_drift: must be a list of at least one number above 0"):
        scene_of(tmp_path, beam_drift=value)
