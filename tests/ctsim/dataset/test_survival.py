"""What a dataset survives: scenes that hang, machines too small, folders that cannot be written, being killed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctsim.dataset.check import faults
from ctsim.shards import read_dataset
from tests.bench.soak import soak
from tests.ctsim import small

ROOT = Path(__file__).parents[3]


def run(folder: Path, *arguments: object, limits: str = "") -> subprocess.CompletedProcess:
    """Run the command in a folder, under limits that a shell sets."""
    return subprocess.run(
        [shutil.which("sh"), "-c", f'{limits} exec "$0" -m ctsim.cli "$@"', sys.executable, *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.slow
def test_a_scene_that_takes_too_long_is_dropped_and_all_others_are_made(tmp_path):
    """A billion photons a view take hours, a hundred none; the first run compiles what would be timed with them."""
    scan = small.SPEC["scan"] | {"fidelity": "hybrid", "monte_carlo": {"photons": {"choice": [100, 10**9]}}}
    small.write(tmp_path, small.SPEC | {"scan": scan | {"monte_carlo": {"photons": 100}}, "scenes": 1})
    assert run(tmp_path, "generate", "small.yaml", "--out", "warm").returncode == 0
    small.write(tmp_path, small.SPEC | {"scan": scan})
    done = run(tmp_path, "generate", "small.yaml", "--out", "out", "--timeout-s", 20)
    assert done.returncode == 0, done.stderr
    dataset = read_dataset(tmp_path / "out")
    made = [key for shard in dataset["shards"] for key in shard["samples"]]
    assert 0 < len(made) < 4
    assert len(made) + len(dataset["dropped"]) == 4
    assert {scene["reason"] for scene in dataset["dropped"]} == {"it took longer than 20 s"}
    assert done.stderr.count("is dropped: it took longer than 20 s") == len(dataset["dropped"])
    assert list(faults(tmp_path / "out")) == []


@pytest.mark.slow
def test_a_scene_too_large_for_the_memory_ends_the_run_with_one_message(tmp_path):
    """2048^3 voxels want 34 GB, and the process has 12 GB of addresses."""
    small.write(tmp_path, small.changed(("volume", "voxels"), 2048) | {"scenes": 1})
    done = run(tmp_path, "generate", "small.yaml", "--out", "out", limits="ulimit -v 12000000;")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ran out of memory; use fewer --workers, or fewer voxels or pixels" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*.tar*"))


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk that is read-only to root too")
def test_a_read_only_disk_is_told(tmp_path):
    small.write(tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        done = run(tmp_path, "generate", "small.yaml", "--out", disk / "out")
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Read-only file system; choose a folder that you may write to" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_whatever_is_killed_and_whenever_the_dataset_becomes_what_it_was_to_be(tmp_path):
    outcome = soak(tmp_path, kills=4, seed=3, spec=small.SPEC | {"scenes": 8})
    assert sum(outcome.kills.values()) == 4
    assert outcome.finished > 0
    assert outcome.torn == []


def test_slices_made_apart_are_put_together(tmp_path):
    """Each in a folder of its own, as on machines that share none; the last run finds all there and finishes."""
    small.write(tmp_path)
    assert run(tmp_path, "generate", "small.yaml", "--out", "whole").returncode == 0
    for k in (2, 1):
        assert run(tmp_path, "generate", "small.yaml", "--out", f"slice{k}", "--slice", f"{k}/2").returncode == 0
        shutil.copytree(tmp_path / f"slice{k}", tmp_path / "out", dirs_exist_ok=True)
    done = run(tmp_path, "generate", "small.yaml", "--out", "out", "--json")
    assert json.loads(done.stdout)["finished"]
    assert small.contents(tmp_path / "out") == small.contents(tmp_path / "whole")
