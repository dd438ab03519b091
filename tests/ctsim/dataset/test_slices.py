"""Slices of a dataset, made by an array of jobs or in folders of their own, are the whole when they come together."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctsim.dataset.generate import generate
from scenes.spec import read_dataset_spec
from tests.ctsim.small import contents, ctsim, write

ROOT = Path(__file__).parents[3]
JOB = ROOT / "docs" / "slurm.sh"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dataset made at once, and the folder of its spec."""
    folder = tmp_path_factory.mktemp("whole")
    generate(read_dataset_spec(write(folder)), folder / "out", folder=folder, workers=1)
    return folder


def job(folder: Path, out: Path, number: int, *, count: int) -> subprocess.CompletedProcess:
    """Run the job script as Slurm does, as one of an array."""
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    (commands / "ctsim").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ctsim.cli "$@"\n')
    (commands / "ctsim").chmod(0o755)
    slurm = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": count, "SLURM_CPUS_PER_TASK": 1}
    env = {**os.environ, **{name: str(value) for name, value in slurm.items()}, "PYTHONPATH": str(ROOT)}
    env["PATH"] = f"{commands}{os.pathsep}{env['PATH']}"
    command = ["bash", str(JOB), "small.yaml", str(out)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def test_an_array_of_jobs_makes_the_whole_and_the_last_one_finishes_it(whole, tmp_path):
    out = tmp_path / "out"
    first = job(whole, out, 2, count=2)
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{out}: this slice is done; 1 shard so far, others are still missing\n"
    assert not (out / "dataset.json").exists()
    last = job(whole, out, 1, count=2)
    assert last.returncode == 0, last.stderr
    assert last.stdout == f"{out}: 4 labelled scans in 2 shards\n"
    assert contents(out) == contents(whole / "out")


def test_the_job_says_what_it_wants():
    run = subprocess.run(["bash", str(JOB)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (2, "usage: sbatch docs/slurm.sh DATASET OUT\n")


def test_slices_made_apart_are_put_together_by_copying(whole, tmp_path, monkeypatch, capsys):
    """As the README says: cp -r SLICE/. OUT for each, and the command once more."""
    spec, out = read_dataset_spec(whole / "small.yaml"), tmp_path / "out"
    for k in (1, 2):
        generate(spec, tmp_path / f"slice-{k}", folder=whole, workers=1, slice_of=(k, 2))
        subprocess.run(["cp", "-r", f"{tmp_path}/slice-{k}/.", out], check=True)
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert len(made) == 2
    code, said, _ = ctsim(monkeypatch, capsys, "generate", whole / "small.yaml", "--out", out)
    assert (code, said) == (0, f"{out}: 4 labelled scans in 2 shards\n")
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    assert contents(out) == contents(whole / "out")


def test_a_slice_of_another_dataset_is_not_taken_for_one(whole, tmp_path, monkeypatch, capsys):
    spec = read_dataset_spec(whole / "small.yaml")
    generate(spec, tmp_path / "slice", folder=whole, workers=1, slice_of=(1, 2))
    shutil.copytree(tmp_path / "slice", tmp_path / "out")
    code, _, err = ctsim(monkeypatch, capsys, "generate", whole / "small.yaml", "--seed", 1, "--out", tmp_path / "out")
    assert code == 2
    assert "holds another dataset (its seed is 0, not 1)" in err
