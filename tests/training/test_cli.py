"""`ctsim-train`: what it prints, what it refuses, and with which exit code."""

import builtins
import json
import os
import subprocess
import sys

import pytest

from ctsim.shards import SCHEMA_VERSION
from tests.training import toy
from training import cli


@pytest.fixture
def data(tmp_path):
    return toy.toy_dataset(tmp_path / "data", side=24, pores=4, train=1, test=1)


def refuse(capsys, tmp_path, *arguments):
    """Return what is said on standard error when the command is refused; nothing may have been written."""
    assert cli.run(["segment", "--out", str(tmp_path / "run"), *map(str, arguments)]) == 2
    assert not (tmp_path / "run").exists()
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


def test_list_names_every_recipe(capsys):
    assert cli.run(["list"]) == 0
    assert "segment" in capsys.readouterr().out
    assert cli.run(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == cli.RECIPES


@pytest.mark.parametrize("arguments", [["segmnt"], ["segment"], ["segment", "--data", "x", "--steps", "0"]])
def test_wrong_usage_ends_with_2(capsys, arguments):
    assert cli.run(arguments) == 2
    assert capsys.readouterr().err


def test_a_folder_that_is_not_there(capsys, tmp_path):
    assert "dataset.json is missing" in refuse(capsys, tmp_path, "--data", tmp_path / "nowhere")


def test_a_folder_that_is_no_dataset(capsys, tmp_path):
    (tmp_path / "data").mkdir()
    assert "dataset.json is missing" in refuse(capsys, tmp_path, "--data", tmp_path / "data")
    for text in ("{", "{}", f'{{"schema_version": {SCHEMA_VERSION}, "name": "n", "classes": 5, "shards": []}}'):
        (tmp_path / "data" / "dataset.json").write_text(text)
        assert "dataset.json" in refuse(capsys, tmp_path, "--data", tmp_path / "data")


def test_a_dataset_without_defects(capsys, tmp_path):
    data = toy.write_dataset(tmp_path / "data", {"train": {}}, classes=toy.CLASSES[:2])
    assert "role 'defect', got only air, Al" in refuse(capsys, tmp_path, "--data", data)


def test_a_dataset_without_training_scans(capsys, tmp_path):
    data = toy.toy_dataset(tmp_path / "data", side=16, pores=1, test=1)
    assert "split 'train'" in refuse(capsys, tmp_path, "--data", data)


def test_empty_shards(capsys, tmp_path):
    data = toy.write_dataset(tmp_path / "data", {"train": {}})
    assert "split 'train'" in refuse(capsys, tmp_path, "--data", data)
    document = json.loads((data / "dataset.json").read_text())
    document["shards"][0]["samples"] = ["toy-0", "toy-1", "toy-2"]
    (data / "dataset.json").write_text(json.dumps(document))
    assert "expected 3 samples, got 0" in refuse(capsys, tmp_path, "--data", data)


@pytest.mark.parametrize("split", ["train", "test"])
def test_shards_that_cannot_be_read(capsys, tmp_path, data, split):
    shard = data / f"{split}-000000.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert "expected sha256" in refuse(capsys, tmp_path, "--data", data)
    shard.unlink()
    assert f"{shard.name} is missing" in refuse(capsys, tmp_path, "--data", data)
    os.mkfifo(shard)
    assert "a pipe or a device, expected a plain file" in refuse(capsys, tmp_path, "--data", data)


def test_a_torn_shard_without_a_checksum(capsys, tmp_path, data):
    shard = data / "train-000000.tar"
    shard.write_bytes(b"no tar at all" * 100)
    document = json.loads((data / "dataset.json").read_text())
    del document["shards"][0]["sha256"]
    (data / "dataset.json").write_text(json.dumps(document))
    assert "not a whole tar" in refuse(capsys, tmp_path, "--data", data)


def test_a_sample_that_lacks_a_member(capsys, tmp_path):
    members = {"scene.json": {"voxel_mm": 1}}
    data = toy.write_dataset(tmp_path / "data", {"train": {"toy-0": members}})
    assert "toy-0 lacks" in refuse(capsys, tmp_path, "--data", data)


@pytest.mark.parametrize("missing", ["torch", "monai"])
def test_without_the_extra_it_says_what_to_install(capsys, tmp_path, monkeypatch, missing, data):
    def refusing(name, *rest, **named):
        if name == "training":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return real(name, *rest, **named)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refusing)
    assert "pip install 'ctsim[train]'" in refuse(capsys, tmp_path, "--data", data)


def test_the_same_command_may_run_again_and_another_may_not(capsys, tmp_path, data):
    command = ["segment", "--data", str(data), "--out", str(tmp_path / "run"), "--tiny", "--steps", "1"]
    assert cli.run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["steps"] == 1
    assert cli.run(command) == 0
    assert "Dice, pooled voxels" in capsys.readouterr().out
    assert cli.run([*command, "--seed", "5"]) == 2
    assert "new, empty or a run of the same command" in capsys.readouterr().err


def test_a_folder_with_other_things_in_it_is_left_alone(capsys, tmp_path, data):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for out in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        assert cli.run(["segment", "--data", str(data), "--out", str(out)]) == 2
        assert "--out must be" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_the_process_restarts_once_and_keeps_its_arguments():
    done = subprocess.run(
        [sys.executable, "-m", "training.cli", "list", "--json"], env={}, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, cli.RECIPES)
