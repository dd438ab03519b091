"""A dataset survives what happens to it: lost and torn files, runs side by side, scenes that cannot be made."""

import json
import re
import shutil

import pytest

from ctsim.dataset.check import faults
from ctsim.dataset.generate import generate, replay
from ctsim.dataset.plan import hash_of
from ctsim.files import locked
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim.small import SPEC, changed, contents, ctsim, start, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The undisturbed dataset, and the folder of its spec."""
    folder = tmp_path_factory.mktemp("whole")
    spec = read_dataset_spec(write(folder))
    generate(spec, folder / "out", folder=folder, workers=1)
    return folder


def half_done(whole, tmp_path):
    """Make the first of two slices in a folder of its own and return it."""
    out = tmp_path / "out"
    outcome = generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1, slice_of=(1, 2))
    assert not outcome.finished
    return out


@pytest.mark.parametrize(
    "harm",
    [
        lambda out: (out / "train-000000.tar").unlink(),
        lambda out: (out / "train-000000.tar").write_bytes((out / "train-000000.tar").read_bytes()[:5000]),
        lambda out: (out / "train-000000.tar").write_bytes(bytes(len((out / "train-000000.tar").read_bytes()))),
        lambda out: (out / "progress" / "train-000000.tar.json").write_bytes(b""),
    ],
    ids=["tar lost", "tar torn", "tar overwritten", "record empty"],
)
def test_going_on_makes_again_what_was_lost_on_the_way(whole, tmp_path, harm):
    out = half_done(whole, tmp_path)
    harm(out)
    assert generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1).finished
    assert contents(out) == contents(whole / "out")


@pytest.mark.parametrize("file", ["train-000001.tar", "parts/cube.npz"])
def test_a_finished_dataset_that_lost_a_shard_or_a_part_is_not_called_done(whole, tmp_path, file):
    out = tmp_path / "out"
    shutil.copytree(whole / "out", out)
    content = (out / file).read_bytes()
    for harm, says in ((lambda: (out / file).write_bytes(content[:99]), "cut short"), ((out / file).unlink, "missing")):
        harm()
        with pytest.raises(BadInput, match=rf"{re.escape(file)} is {says}: put it back"):
            generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1)


def test_an_index_that_a_finished_dataset_lost_is_made_again_from_its_tar(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole / "out", out)
    (out / "train-000001.tar.index.json").unlink()
    assert generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1).finished
    assert contents(out) == contents(whole / "out")


def test_a_spec_that_lacks_a_key_differs_from_one_that_says_null_there(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole / "out", out)
    record = json.loads((out / "dataset.json").read_text())
    assert record["identity"]["spec"]["scan"].pop("spectrum", "left out") is None
    (out / "dataset.json").write_text(json.dumps(record | {"identity_sha256": hash_of(record["identity"])}))
    with pytest.raises(BadInput, match=r"holds another dataset \(its scan\.spectrum is left out, not None\)"):
        generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1)


def test_a_run_killed_as_it_finished_leaves_nothing_that_a_repeat_does_not_clear(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole / "out", out)
    (out / "progress").mkdir()
    (out / "progress" / "train-000000.tar.json").write_text("{}")
    assert generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1).finished
    assert contents(out) == contents(whole / "out")


def test_slices_side_by_side_are_the_whole(whole, tmp_path):
    out = tmp_path / "out"
    runs = [start("generate", "small.yaml", "--out", out, "--slice", f"{k}/2", folder=whole) for k in (1, 2)]
    for run in runs:
        assert run.wait(timeout=120) == 0, run.stderr.read()
        run.stdout.close()
        run.stderr.close()
    assert contents(out) == contents(whole / "out")


def test_two_runs_do_not_write_the_same_shard(whole, tmp_path):
    out = half_done(whole, tmp_path)
    with (
        locked(out / "progress" / "train-000001.tar.lock"),
        pytest.raises(BadInput, match=r"another run is writing train-000001\.tar"),
    ):
        generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, workers=1)
    assert not list(out.glob("*.part"))


def test_a_scene_that_cannot_be_made_is_dropped_with_its_reason(tmp_path):
    """A crack may not be wider open than it is long; half of these draws are."""
    crack = [{"kind": "crack", "count": 1, "length_mm": [4, 6], "opening_mm": {"choice": [0.5, 5.0]}, "waviness": 0}]
    spec = read_dataset_spec(write(tmp_path, changed(("defects",), crack)))
    told = []
    outcome = generate(spec, tmp_path / "out", folder=tmp_path, workers=1, note=told.append)
    dropped = json.loads((tmp_path / "out" / "dataset.json").read_text())["dropped"]
    assert 0 < outcome.dropped < 4
    assert outcome.scenes + outcome.dropped == 4
    assert all("must not exceed" in scene["reason"] for scene in dropped)
    assert len([text for text in told if "is dropped" in text]) == outcome.dropped
    assert list(faults(tmp_path / "out")) == []


def test_a_dataset_without_a_scan_is_a_fault(tmp_path, monkeypatch, capsys):
    write(tmp_path, changed(("volume", "voxel_mm"), 500.0))
    monkeypatch.chdir(tmp_path)
    code, out, err = ctsim(monkeypatch, capsys, "generate", "small.yaml", "--out", "out", "--workers", 1)
    assert (code, out) == (1, "")
    assert "every scene is dropped" in err
    code, _, err = ctsim(monkeypatch, capsys, "preview", "small.yaml", "--count", 2)
    assert code == 2
    assert "all of the first 2 scenes of small.yaml are dropped" in err
    code, _, err = ctsim(monkeypatch, capsys, "preview", "out")
    assert code == 2
    assert "out holds no scan to show" in err
    assert not (tmp_path / "sheet.png").exists()


def test_what_replay_wrote_can_be_rendered_where_it_lies(whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ctsim(monkeypatch, capsys, "replay", whole / "out", "small-000001", "--out", "again")[0] == 0
    code, _, err = ctsim(monkeypatch, capsys, "render", "again/small-000001.scene.json", "--out", "tif")
    assert (code, err) == (0, "")
    assert len(list((tmp_path / "tif" / "projections").glob("*.tif"))) == SPEC["scan"]["views"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s["items"][0]["part"].update(materials={"cuhe": "Al"}), "did you mean 'part'|unknown body 'cuhe'"),
        (lambda s: s["items"][0]["part"].update(materials={}), "no material for the body 'part'"),
        (lambda s: s["scan"].update(source_object_mm=1), "source_object_mm must lie from"),
        (lambda s: s["scan"].update(exposure_mas=1e-12), "photons to a pixel"),
        (lambda s: s["scan"].update(views=10_000_000), "views: must be less than or equal to 100000"),
        (
            lambda s: s["items"][0].update(
                defects=[{"kind": "gas_pore", "diameter_mm": 500.0, "centre_mm": [0, 0, 0]}]
            ),
            "nothing to scan",
        ),
    ],
)
def test_scenes_that_cannot_be_rendered_are_told_why(whole, tmp_path, monkeypatch, capsys, change, says):
    monkeypatch.chdir(tmp_path)
    assert ctsim(monkeypatch, capsys, "replay", whole / "out", "small-000001", "--out", "again")[0] == 0
    path = tmp_path / "again" / "small-000001.scene.json"
    record = json.loads(path.read_text())
    change(record["scene"])
    path.write_text(json.dumps(record))
    code, _, err = ctsim(monkeypatch, capsys, "render", path, "--out", "tif")
    assert code == 2
    assert any(words in err for words in says.split("|")), err
    assert not (tmp_path / "tif").exists()


@pytest.mark.parametrize("record", [{}, {"key": "small-000000"}, [], None])
def test_a_replay_of_no_scene_is_told(tmp_path, record):
    with pytest.raises(BadInput, match=r"small-000000\.scene\.json holds no scene"):
        replay(tmp_path, "small-000000", record)
