"""All samples of a dataset that scatters have the same files; the ratio is as it was, 0 where nothing scatters."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

from ctsim.dataset.check_sample import sample_faults
from ctsim.dataset.encode import encode
from ctsim.dataset.plan import class_records, classes_of, load_sources
from ctsim.dataset.versions import made_by
from ctsim.pipeline import make_sample
from ctsim.shards import decode, members_of
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.spec import read_dataset_spec
from tests.ctsim import small

RATIO = np.linspace(0, 3, 24 * 32 * 32, dtype=np.float32).reshape(24, 32, 32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One sample of the primary beam."""
    folder = tmp_path_factory.mktemp("made")
    spec = read_dataset_spec(small.write(folder))
    scene = sample(spec, 0, functools.partial(load_part, folder=folder))
    classes = classes_of(spec, load_sources(spec, folder))
    return make_sample(scene, load_parts(scene, folder), classes), classes


def scattered(made, **changes):
    """Return the sample as a hybrid one with a ratio."""
    scene = made.scene.model_copy(update={"scan": made.scene.scan.model_copy(update={"fidelity": "hybrid"})})
    return replace(made, scene=scene, scatter_to_primary=RATIO, **changes)


def faults_of(one, classes, **changes) -> list[str]:
    """Return the faults of a sample in a dataset that scatters."""
    dataset = {
        "scatters": True, "splits": {"cube": "train"}, "kind_splits": {"gas_pore": ["train"]},
        "classes": class_records(classes), "made_by": made_by(("mesh",)), "identity": {"spec": {"seed": 0}},
        "parts": [{"file": "cube.stl"}],
    }  # fmt: skip
    found = decode(one.scene.key, encode(one, True)) | changes
    return list(sample_faults(found, {"split": "train"}, dataset))


def test_a_dataset_that_never_scatters_has_no_such_file(made):
    assert set(encode(made[0])) == set(members_of(False))
    assert "scatter_to_primary" not in json.loads(encode(made[0])["scene.json"])["storage"]


def test_the_ratio_is_kept_in_half_precision(made):
    files = encode(scattered(made[0]), True)
    assert set(files) == set(members_of(True))
    found = decode("small-000000", files)
    assert found["scatter_to_primary"].dtype == np.float16
    assert found["scatter_to_primary"].shape == found["projections"].shape
    np.testing.assert_allclose(found["scatter_to_primary"], RATIO, rtol=5e-4, atol=1e-7)
    storage = found["scene"]["storage"]["scatter_to_primary"]
    assert storage == {"dtype": "float16", "axes": "view row col", "scale": 1.0, "codec": "none"}


def test_where_nothing_scatters_beside_scenes_that_do_the_ratio_is_zero(made):
    found = decode("small-000000", encode(made[0], True))["scatter_to_primary"]
    assert found.shape == (24, 32, 32)
    assert not found.any()


def test_where_no_primary_is_left_the_ratio_is_the_largest_that_half_precision_holds(made):
    dark = RATIO.copy()
    dark[0, 0, 0] = np.inf
    found = decode("small-000000", encode(replace(scattered(made[0]), scatter_to_primary=dark), True))
    assert found["scatter_to_primary"][0, 0, 0] == np.finfo(np.float16).max


def test_a_sound_sample_has_no_faults_in_either_fidelity(made):
    one, classes = made
    assert faults_of(one, classes) == []
    assert faults_of(scattered(one), classes) == []


def test_scatter_that_is_missing_or_should_not_be_is_a_fault(made):
    one, classes = made
    zero, some = np.zeros((24, 32, 32), np.float16), RATIO.astype(np.float16)
    (told,) = faults_of(scattered(one), classes, scatter_to_primary=zero)
    assert told == "scatter_to_primary is 0 everywhere in fidelity hybrid"
    (told,) = faults_of(one, classes, scatter_to_primary=some)
    assert told == "scatter_to_primary is not 0 everywhere in fidelity beer-lambert"
    (told,) = faults_of(scattered(one), classes, scatter_to_primary=some - np.float16(1))
    assert told == "scatter_to_primary: some ratios lie below 0"
    (told,) = faults_of(scattered(one), classes, scatter_to_primary=some[1:])
    assert told == "scatter_to_primary: expected float16 [24, 32, 32] [view row col], got float16 [23, 32, 32]"
