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
    "fidelities": ["beer-lambert", "hybrid"], "twins": True, "scenes": 5,
    "scan": small.SPEC["scan"] | {"monte_carlo": HYBRID},
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The dataset's folder, and what was told while it was made."""
    folder, told = tmp_path_factory.mktemp("pairs"), []
    spec = read_dataset_spec(small.write(folder, SPEC))
    generate(spec, folder / "out", folder=folder, workers=1, note=told.append)
    return folder / "out", told


@pytest.fixture(scope="module")
def group(made):
    """Of the first four samples: flawed and sound, then the same with scatter."""
    return list(read_samples(made[0]))[:4]


def scene_of(sample: dict) -> dict:
    return sample["scene"]["scene"]


def test_a_group_that_the_number_of_scenes_cuts_is_told(made):
    (told,) = made[1]
    assert told.startswith("5 scenes end within a group: 4 in a row are the same scene (twins and fidelities), and")


def test_a_dataset_of_pairs_has_no_faults(made):
    assert list(faults(made[0])) == []


def test_each_scene_stands_there_twice_with_the_same_labels(group):
    assert [scene_of(s)["scan"]["fidelity"] for s in group] == 2 * ["beer-lambert"] + 2 * ["hybrid"]
    for one, other in (group[::2], group[1::2]):
        assert scene_of(other)["pair_of"] == one["key"]
        for name in ("labels", "instances", "fractions"):
            assert np.array_equal(one[name], other[name])
        assert one["scene"]["geometry_true"] == other["scene"]["geometry_true"]
        assert scene_of(other)["scan"]["monte_carlo"]["photons"] == HYBRID["photons"]
        assert "monte_carlo" not in scene_of(one)["scan"]


def test_all_samples_have_the_same_files(made):
    dataset = read_dataset(made[0])
    assert dataset["scatters"] is True
    for shard in dataset["shards"]:
        for _, files in read_raw(made[0] / shard["file"]):
            assert set(files) == set(members_of(True))


def test_the_ratio_is_zero_in_the_primary_beam_and_above_it_with_scatter(group):
    for sample in group[:2]:
        assert not sample["scatter_to_primary"].any()
        assert not {"scatter_error", "highest_scatter_to_primary"} & sample["scene"]["quality"].keys()
    for sample in group[2:]:
        ratio, quality = sample["scatter_to_primary"], sample["scene"]["quality"]
        assert ratio.shape == (24, 32, 32)
        assert ratio.min() >= 0
        assert quality["highest_scatter_to_primary"] == pytest.approx(float(ratio.max()), rel=1e-3)
        assert 0 < quality["scatter_error"] < 1


def test_a_pair_differs_by_the_ratio_that_stands_beside_it(made, tmp_path):
    """Without noise, attenuation falls by ln(1 + ratio): the closed form of what the ratio means."""
    scan = SPEC["scan"] | {"noise": False, "detector": SPEC["scan"]["detector"] | {"bits": None}}
    spec = read_dataset_spec(small.write(tmp_path, SPEC | {"scan": scan, "twins": False, "scenes": 2}))
    generate(spec, tmp_path / "out", folder=tmp_path, workers=1)
    primary, both = read_samples(tmp_path / "out")
    fallen = primary["projections"].astype(float) - both["projections"]
    np.testing.assert_allclose(fallen, np.log1p(both["scatter_to_primary"].astype(float)), atol=3e-3)


def test_a_pair_has_the_noise_of_its_scene_and_twins_have_their_own(group):
    """From pixel to pixel scatter hardly changes: what is left in the air of a pair's difference is noise."""

    def restless(a: dict, b: dict) -> float:
        air = np.abs(a["projections"]) < 0.03
        difference = np.diff(b["projections"].astype(float) - a["projections"], axis=2)
        return float(np.std(difference[air[:, :, 1:] & air[:, :, :-1]]))

    flawed, sound, hybrid, _ = group
    assert restless(flawed, hybrid) < 0.3 * restless(flawed, sound)


def test_a_sample_is_made_again_with_its_scatter(made):
    out = made[0]
    stored = {key: files for shard in read_dataset(out)["shards"] for key, files in read_raw(out / shard["file"])}
    for key in ("small-000000", "small-000002"):
        _, files = replay(out, key, json.loads(stored[key]["scene.json"]))
        assert files == stored[key]


@pytest.mark.parametrize(("above", "fidelity"), [(1e-6, "hybrid"), (1e6, "beer-lambert")])
def test_the_rule_goes_by_what_is_found(tmp_path, above, fidelity):
    """A cube of aluminium scatters more than a millionth of the primary beam, and less than a million times that."""
    scan = SPEC["scan"] | {"fidelity": {"hybrid_above": above}}
    spec = read_dataset_spec(small.write(tmp_path, small.SPEC | {"scan": scan, "scenes": 1}))
    generate(spec, tmp_path / "out", folder=tmp_path, workers=1)
    (sample,) = read_samples(tmp_path / "out")
    assert scene_of(sample)["scan"]["fidelity"] == fidelity
    assert 1e-3 < scene_of(sample)["scan"]["scatter_to_primary"] < 10
    assert sample["scatter_to_primary"].any() == (fidelity == "hybrid")
    assert list(faults(tmp_path / "out")) == []
