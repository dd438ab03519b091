"""What the README shows is run."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml

import ctsim.cli
from ctsim.dataset.generate import first_samples
from ctsim.dataset.plan import check_at_the_door
from scenes.library.catalog import make_part
from scenes.parts import load_part
from scenes.sample import sample
from scenes.spec import read_dataset_spec
from scenes.splits import kind_splits
from scenes.trajectory import TrajectorySpec
from scenes.yaml_text import read_yaml

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.S)


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with the files that the README speaks of."""
    (tmp_path / "brackets.yaml").write_text(blocks("yaml")[0])
    mesh = make_part("bracket", {})[0].solid.to_mesh64()
    trimesh.Trimesh(mesh.vert_properties[:, :3], mesh.tri_verts).export(tmp_path / "bracket.stl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_spec_is_a_spec(desk):
    spec = read_dataset_spec(desk / "brackets.yaml")
    assert spec.scenes == 4
    assert read_yaml(blocks("yaml")[0])["name"] == "brackets"


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 2, 3])
def test_defects_and_chance_are_drawn_as_the_text_says(desk, block):
    """Put into the dataset above, a scene comes through; all flaws of the list are placed."""
    spec, keys = read_yaml(blocks("yaml")[0]), read_yaml(blocks("yaml")[block])
    if "scan" in keys:
        del spec["scan"]["tube_kv"]
        keys["scan"]["detector"] |= spec["scan"]["detector"]
        del spec["parts"][1]  # of steel, too thick for the tube
    if "stage" in keys:
        spec["scan"]["detector"]["pixel_mm"] = 8.0  # a panel that shows four parts
    spec |= keys | {"scan": spec["scan"] | keys.get("scan", {}) | {"views": 24}, "volume": {"voxels": 32}}
    (desk / "brackets.yaml").write_text(yaml.safe_dump(spec))
    _, samples = first_samples(read_dataset_spec(desk / "brackets.yaml"), desk, 1, print)
    scene = samples[0]["scene"]["scene"]
    if block == 1:
        kinds = [flaw["kind"] for flaw in scene["items"][0]["defects"]]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "gas_pore": 22, "lack_of_fusion": 3, "undercut": 2, "warp": 1,
        }  # fmt: skip
    elif block == 3:
        assert 2 <= len(scene["items"]) <= 4
        splits = kind_splits(read_dataset_spec(desk / "brackets.yaml"))
        kinds = {flaw["kind"] for item in scene["items"] for flaw in item["defects"]}
        assert kinds == {kind for kind in ("gas_pore", "crack") if scene["split"] in splits[kind]}
    else:
        assert samples[0]["scene"]["quality"]["lowest_transmission"] == pytest.approx(0.01, rel=0.2)


@pytest.mark.slow
def test_the_scanner_is_one_that_scans(desk):
    """All its keys at once, put into the dataset above: one scene comes through, and holds what was asked for."""
    keys = read_yaml(blocks("yaml")[4])
    spec = read_yaml(blocks("yaml")[0])
    spec["scan"] |= keys | {"views": 60}
    (desk / "brackets.yaml").write_text(yaml.safe_dump(spec))
    _, samples = first_samples(read_dataset_spec(desk / "brackets.yaml"), desk, 1, print)
    scan = samples[0]["scene"]["scene"]["scan"]
    assert scan["trajectory"]["deviations"][1]["shift_mm"] == [0, 0.05, 0.12]
    assert samples[0]["projections"].shape == (60, 128, 160)
    assert np.isfinite(samples[0]["volume"]).all()


def test_a_scan_scatters_as_the_text_says(desk):
    """With its own panel and fewer views: the scan holds what stands there, and its sample tells its scatter."""
    keys, spec = read_yaml(blocks("yaml")[5])["scan"], read_yaml(blocks("yaml")[0])
    spec["scan"] |= keys | {"detector": spec["scan"]["detector"] | keys["detector"], "views": 40}
    spec["scan"]["monte_carlo"] = keys["monte_carlo"] | {"photons": 500}
    (desk / "brackets.yaml").write_text(yaml.safe_dump(spec))
    _, samples = first_samples(read_dataset_spec(desk / "brackets.yaml"), desk, 1, print)
    scan = samples[0]["scene"]["scene"]["scan"]
    assert scan["fidelity"] == "hybrid"
    assert scan["monte_carlo"]["panel"] == [24, 24]
    assert scan["detector"]["anti_scatter_grid"]["height_mm"] == 3
    assert samples[0]["scatter_to_primary"].max() > 0.01


@pytest.mark.parametrize(("block", "pairs"), [(6, True), (7, False)])
def test_pairs_and_the_rule_are_drawn_as_the_text_says(desk, block, pairs):
    """Put into the dataset above: pairs stand side by side, and the rule goes by the ratio that it is handed."""
    spec, keys = read_yaml(blocks("yaml")[0]), read_yaml(blocks("yaml")[block])
    (desk / "brackets.yaml").write_text(yaml.safe_dump(spec | keys | {"scan": spec["scan"] | keys["scan"]}))
    found, load = read_dataset_spec(desk / "brackets.yaml"), lambda choice: load_part(choice, desk)
    scenes = [sample(found, index, load, ratio=lambda *_, ratio=index: ratio) for index in range(3)]
    both = ["beer-lambert", "hybrid"]
    assert [scene.scan.fidelity for scene in scenes] == ([*both, both[0]] if pairs else [both[0], *both])
    assert [scene.pair_of for scene in scenes] == [None, scenes[0].key if pairs else None, None]
    assert scenes[1].scan.monte_carlo.photons == (20000 if pairs else None)
    assert [scene.scan.scatter_to_primary for scene in scenes] == ([None] * 3 if pairs else [0, 1, 2])


def test_every_key_in_the_text_about_the_scanner_is_one(desk):
    """Such as `spectrum: [[80, 1.0e6]]`, each on its own, through all that is checked before a scan begins."""
    text = README.read_text(encoding="utf-8").partition("## The scanner")[2].partition("## The sample")[0]
    words = [word for word in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S)) if ": " in word]
    assert len(words) > 5
    for word in words:
        ((key, value),), spec = read_yaml(word).items(), read_yaml(blocks("yaml")[0])
        if key == "vectors":
            continue  # a file that is not here
        if key == "spectrum":
            del spec["scan"]["tube_kv"]  # which it stands for
        if key in TrajectorySpec.model_fields:
            key, value = "trajectory", {key: value}
        place = spec if key == "volume" else spec["scan"]
        place[key] = place.get(key, {}) | value if isinstance(value, dict) else value
        (desk / "brackets.yaml").write_text(yaml.safe_dump(spec))
        check_at_the_door(read_dataset_spec(desk / "brackets.yaml"), desk)


@pytest.mark.slow
def test_the_commands_do_what_they_say(desk, monkeypatch):
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("ctsim ")]
    assert len(lines) == 6
    for line in lines:
        monkeypatch.setattr("sys.argv", shlex.split(line))
        with pytest.raises(SystemExit) as ended:
            ctsim.cli.main()
        assert ended.value.code in (0, None), line
    assert (desk / "sheet.png").stat().st_size > 10_000
    assert (desk / "brackets" / "dataset.json").exists()
    assert (desk / "again" / "brackets-000002.volume.npy").exists()


@pytest.mark.slow
def test_datasets_are_read_as_the_text_says(desk, monkeypatch):
    monkeypatch.setattr("sys.argv", ["ctsim", "generate", "brackets.yaml", "--out", "brackets", "--count", "4"])
    with pytest.raises(SystemExit):
        ctsim.cli.main()
    (block,) = blocks("python")
    named: dict = {}
    exec(block, named)
    np.testing.assert_array_equal(named["patch"], named["volume"][16:48, :32, :32])
    assert named["sample"].keys() == {"key", "volume", "labels"}


def test_every_command_is_in_the_table():
    text = README.read_text(encoding="utf-8")
    for command in ctsim.cli.app.registered_commands:
        assert f"| `ctsim {command.callback.__name__}" in text


def test_no_figure_and_no_picture_is_missing():
    text = README.read_text(encoding="utf-8")
    assert "BENCH" not in text
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (README.parent / link).is_file(), link


def test_the_map_shows_every_room():
    text = README.read_text(encoding="utf-8")
    for room in ("defects", "scenes", "ctsim", "training", "tests"):
        assert f"\n{room}/" in text
