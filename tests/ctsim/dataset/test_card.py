"""The card tells what these scans lack, and no more; its schema is that of a real sample."""

import functools

import pytest

from ctsim.dataset.card import ARRAY_WORDS, DEFECT_FIELDS, SCENE_FIELDS, card, schema
from ctsim.dataset.encode import encode
from ctsim.dataset.plan import classes_of, load_sources
from ctsim.pipeline import make_sample
from ctsim.shards import decode, file_of, members_of
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.scan_draws import ScanDraws
from scenes.spec import read_dataset_spec
from tests.ctsim import small


def card_of(**scan) -> str:
    return card(
        {
            "name": "toy", "description": "", "made_by": {"ctsim": "0.1.0"}, "shards": [],
            "splits": {}, "kind_splits": {}, "dropped": [], "classes": [],
            "identity": {
                "spec": {"seed": 0, "scan": ScanDraws(**scan).model_dump(mode="json"), "volume": {"voxels": 40}}
            },
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One real sample, and its files by name."""
    folder = tmp_path_factory.mktemp("made")
    spec = read_dataset_spec(small.write(folder))
    scene = sample(spec, 0, functools.partial(load_part, folder=folder))
    classes = classes_of(spec, load_sources(spec, folder))
    files = encode(make_sample(scene, load_parts(scene, folder), classes))
    return spec, files, decode(scene.key, files)


def test_the_schema_names_every_file_of_a_sample(made):
    _, files, _ = made
    assert set(files) == set(members_of(False))
    assert all(f"| `{name}` |" in card_of() for name in files)
    assert {file_of(name) for name in ARRAY_WORDS} | {"scene.json", "defects.json"} == set(members_of(True))
    assert "scatter_to_primary" not in card_of()
    assert all(f"| `{name}` |" in card_of(fidelity="hybrid") for name in members_of(True))


def test_the_schema_names_every_field_of_a_record_and_of_a_scene(made):
    _, _, found = made
    assert found["defects"]
    assert all(list(record) == list(DEFECT_FIELDS) for record in found["defects"])
    assert list(found["scene"]) == list(SCENE_FIELDS)
    assert all(f"| `{name}` | {words} |" in card_of() for name, words in (DEFECT_FIELDS | SCENE_FIELDS).items())


def test_the_schema_tells_shapes_and_types_as_they_are(made):
    spec, _, found = made
    told = card_of(**{name: getattr(spec.scan, name) for name in ("views", "detector")})
    for name in ("projections", "volume"):
        shape = found[name].shape if name == "projections" else (40, 40, 40)  # the toy's voxels
        assert f"| `{name}.npy` | {found[name].dtype} | `[" in told
        assert f"]` | {' x '.join(map(str, shape))} |" in told


def test_a_panel_that_varies_has_no_shape():
    varied = card_of(detector={"rows": {"choice": [64, 128]}, "columns": 64})
    assert "`[view row col]` | by scene |" in varied
    assert "`[view row col]` | 180 x 128 x 64 |" in card_of(detector={"rows": 128, "columns": 64})


@pytest.mark.parametrize(
    ("words", "scan"),
    [
        ("a point as focal spot", {"focal_spot": {"shape": "disc", "size_u_mm": 0.1, "size_v_mm": 0.1}}),
        ("no blur in the detector", {"detector": {"spatial_resolution_mm": 2.5}}),
        ("no blur in the detector", {"detector": {"mtf": ((0.0, 1.0), (1.0, 0.2))}}),
    ],
)
def test_what_a_scan_has_is_no_limit_of_it(words, scan):
    assert words in card_of()
    assert words not in card_of(**scan)


def test_no_scatter_is_a_limit_only_where_it_holds():
    """Of scenes that may be either, those of the primary beam alone still lack it."""
    assert "Limits: Beer-Lambert primary radiation only, no scatter, " in card_of()
    assert "no scatter" not in card_of(fidelity="gate")
    for either in ({"choice": ["beer-lambert", "hybrid"]}, {"hybrid_above": 1.0}):
        assert "Limits: no scatter in scenes of fidelity beer-lambert, " in card_of(fidelity=either)
    assert "scatter of fidelity hybrid is smoothed" in card_of(fidelity="hybrid")
    assert "scatter of fidelity hybrid is smoothed" not in card_of(fidelity="monte-carlo")


def test_the_ratio_has_the_shape_of_a_band_and_a_scene_tells_its_highest():
    panel = {"rows": 12, "columns": 14, "thresholds_kev": (20.0, 60.0), "scintillator": "CdTe", "scintillator_mm": 1.0}
    told = card_of(fidelity="hybrid", detector=panel, views=30)
    assert "| `scatter_to_primary.npy` | float16 | `[view row col]` | 30 x 12 x 14 |" in told
    assert "`highest_scatter_to_primary`" in told
    assert "`highest_scatter_to_primary`" not in card_of()


def test_the_schema_of_pairs_is_that_of_what_scatters():
    spec = {"scan": {}, "volume": {"voxels": 8}, "fidelities": ["beer-lambert", "hybrid"]}
    assert any("scatter_to_primary.npy" in line for line in schema(spec, [], {}, {}))
    assert not any("scatter_to_primary.npy" in line for line in schema(spec | {"fidelities": []}, [], {}, {}))


def test_a_scan_without_noise_says_so():
    assert "no noise" in card_of(noise=False)
    assert "no noise" not in card_of()


def test_the_card_tells_which_splits_hold_a_kind():
    both = ["train", "validation", "test"]
    spec = {"scan": {}, "volume": {"voxels": 8}}
    assert "All splits hold all kinds of defect." in schema(spec, [], {}, {"crack": both})
    told = "Kinds of defect, and the splits that hold them: gas_pore (train and validation and test), crack (test)."
    assert told in schema(spec, [], {}, {"gas_pore": both, "crack": ["test"]})


def test_bands_are_an_axis():
    assert "`[view row col]`" in card_of()
    panel = {"thresholds_kev": (20.0, 60.0), "scintillator": "CdTe", "scintillator_mm": 1.0}
    assert "`[band view row col]`" in card_of(detector=panel)
