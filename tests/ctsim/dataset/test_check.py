"""A dataset is faulty only where it is: what is too thin for its voxels is no fault, what they have lost is."""

import numpy as np
import pytest

from ctsim.dataset.check import faults
from ctsim.dataset.check_sample import sample_faults
from ctsim.dataset.generate import generate
from ctsim.shards import read_dataset, read_samples
from scenes.spec import read_dataset_spec
from tests.ctsim.small import changed, write


def made(folder, opening_mm: float):
    """Return the dataset of one scene with a flat crack of 13 mm."""
    crack = [{"kind": "crack", "length_mm": 13, "aspect": 1, "opening_mm": opening_mm, "waviness": 0}]
    spec = read_dataset_spec(write(folder, changed(("defects",), crack) | {"scenes": 1}))
    generate(spec, folder / "out", folder=folder, workers=1)
    return folder / "out"


@pytest.mark.parametrize("opening_mm", [0.0022, 0.1])
def test_a_hairline_that_no_voxel_shows_is_no_fault(tmp_path, opening_mm):
    out = made(tmp_path, opening_mm)
    (sample,) = read_samples(out)
    assert sample["fractions"].any() == (opening_mm > 0.01)
    assert list(faults(out)) == []


def test_a_crack_that_the_fractions_have_lost_is_a_fault(tmp_path):
    out = made(tmp_path, 0.1)
    (sample,), dataset = read_samples(out), read_dataset(out)
    sample["fractions"] = np.where(sample["instances"] > 0, sample["fractions"] // 2 + 1, 0).astype(np.uint8)
    (fault,) = sample_faults(sample, dataset["shards"][0], dataset)
    assert fault.startswith("fractions hold")
