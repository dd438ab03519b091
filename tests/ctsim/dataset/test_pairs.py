"""A dataset in two fidelities: each scene twice, all samples with the same files, the same again on replay."""

import json

import numpy as np
import pytest

from ctsim.dataset.check import faults
from ctsim.dataset.generate import generate, replay
from ctsim.shards import members_of, read_dataset, read_raw, read_samples
from scenes.spec import read_dataset_spec
from tests.ctsim import small

HYBRID = {"photons": 2000, "views": 4, "panel": [4, 4], "voxels": 16}
SPEC = small.SPEC | {
    "fidelities": ["beer-lambert", "hybrid"], "scenes": 3, "scan": small.SPEC["scan"] | {"monte_carlo": HYBRID},
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The dataset's folder, and what was told while it was made."""
    folder, told = tmp_path_factory.mktemp("pairs"), []
    spec = read_dataset_spec(small.write(folder, SPEC))
    generate(spec, folder / "out", folder=folder, workers=1, note=told.append)
    return folder / "out", told


def test_a_group_that_the_number_of_scenes_cuts_is_told(made):
    (told,) = made[1]
    assert told.startswith("3 scenes end within a group: 2 in a row are the same scene (fidelities)")


def test_each_scene_stands_there_twice_with_the_same_labels(made):
    first, second, third = read_samples(made[0])
    found = [sample["scene"]["scene"]["scan"]["fidelity"] for sample in (first, second, third)]
    assert found == [*SPEC["fidelities"], "beer-lambert"]
    assert second["scene"]["scene"]["pair_of"] == first["key"]
    for name in ("labels", "instances", "fractions"):
        assert np.array_equal(first[name], second[name])
    assert first["scene"]["geometry_true"] == second["scene"]["geometry_true"]
    assert second["scene"]["scene"]["scan"]["monte_carlo"]["photons"] == HYBRID["photons"]
    assert "monte_carlo" not in first["scene"]["scene"]["scan"]


def test_all_samples_have_the_same_files(made):
    dataset = read_dataset(made[0])
    assert dataset["scatters"] is True
    for shard in dataset["shards"]:
        for _, files in read_raw(made[0] / shard["file"]):
            assert set(files) == set(members_of(True))
    for sample in read_samples(made[0]):
        assert sample["scatter_to_primary"].shape == (24, 32, 32)
        if sample["scene"]["scene"]["scan"]["fidelity"] == "beer-lambert":
            assert not sample["scatter_to_primary"].any()
            assert "scatter_error" not in sample["scene"]["quality"]


def test_a_sample_is_made_again_with_its_scatter(made):
    out = made[0]
    stored = {key: files for shard in read_dataset(out)["shards"] for key, files in read_raw(out / shard["file"])}
    for key in ("small-000000", "small-000001"):
        _, files = replay(out, key, json.loads(stored[key]["scene.json"]))
        assert files == stored[key]


def test_a_pair_has_the_noise_of_its_scene_and_differs_in_scatter_alone(made):
    """Where few photons are scattered into a pixel against the primary, the same pixel has nearly the same noise."""
    pytest.importorskip("ctsim.montecarlo.scatter")
    first, second, third = read_samples(made[0])
    pair = second["projections"].astype(float) - first["projections"]
    other = third["projections"].astype(float) - first["projections"]
    air = first["labels"].size and np.abs(first["projections"]) < 0.05
    assert pair[air].std() < 0.3 * other[air].std()
    assert second["scatter_to_primary"].min() >= 0
    assert second["scatter_to_primary"].any()
    assert second["scene"]["quality"]["highest_scatter_to_primary"] == pytest.approx(
        float(second["scatter_to_primary"].max()), rel=1e-3
    )
    assert list(faults(made[0])) == []
