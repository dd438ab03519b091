"""Slices of a dataset, made by an array of jobs or in folders of their own, are the whole when they come together."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ctsim.dataset.generate import generate
from ctsim.dataset.make import make_shards
from ctsim.files import folder_of, remove_folder
from defects.messages import BadInput
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


# --- slices that begin, go on or finish while another one does --------------------------------------------------------


def test_slices_of_two_specs_become_no_dataset(tmp_path):
    """Whichever is copied last: each record tells of which dataset its shard is."""
    spec = read_dataset_spec(write(tmp_path))
    other = spec.model_copy(update={"seed": spec.seed + 1})
    generate(spec, tmp_path / "a", folder=tmp_path, workers=1, slice_of=(1, 2))
    generate(other, tmp_path / "b", folder=tmp_path, workers=1, slice_of=(2, 2))
    for name in "ba":
        shutil.copytree(tmp_path / name, tmp_path / "both", dirs_exist_ok=True)
    before = contents(tmp_path / "both")
    with pytest.raises(BadInput, match=r"holds train-000001\.tar of another dataset: its slice was made from another"):
        generate(spec, tmp_path / "both", folder=tmp_path, workers=1)
    assert contents(tmp_path / "both") == before
    (tmp_path / "both" / "progress" / "train-000001.tar.json").unlink()
    generate(spec, tmp_path / "both", folder=tmp_path, workers=1)
    generate(spec, tmp_path / "whole", folder=tmp_path, workers=1)
    assert contents(tmp_path / "both") == contents(tmp_path / "whole")


@pytest.fixture(scope="module")
def begun(whole, tmp_path_factory):
    """The files of a dataset that a slice has begun, and made no shard of yet."""
    out = tmp_path_factory.mktemp("begun") / "out"
    generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, make=lambda *job: None)
    return contents(out)


@pytest.fixture(params=["here", "store"])
def out(request, tmp_path):
    """An empty folder for a dataset, here or in a store."""
    if request.param == "here":
        (tmp_path / "out").mkdir()
        yield tmp_path / "out"
    else:
        store = folder_of("memory://slices/out")
        remove_folder(store)
        yield store
        remove_folder(store)


def put(out, files: dict[str, bytes]) -> None:
    """Make these files all that a folder holds."""
    remove_folder(out)
    for name, content in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)


def held(out) -> dict[str, bytes]:
    """Return every file of a folder, here or in a store."""
    if isinstance(out, Path):
        return contents(out)
    return {path.removeprefix(f"{out.path}/"): out.fs.cat_file(path) for path in out.fs.find(out.path)}


def before(monkeypatch, path, names: tuple[str, ...], act: Callable[[], None]) -> None:
    """Have something done when first a path is asked for one of these."""
    acts = [act]

    def asked(own: Callable) -> Callable:
        def ask(self, *arguments, **options):
            if str(self) == str(path) and acts:
                acts.pop()()
            return own(self, *arguments, **options)

        return ask

    for name in names:
        monkeypatch.setattr(type(path), name, asked(getattr(type(path), name)))


def never(job, todo, *more) -> None:
    raise AssertionError(f"{len(todo)} shards are to be made")


READ = ("read_bytes", "read_text")


def test_a_slice_that_another_one_began_before_it_could_goes_on_with_it(whole, begun, out, monkeypatch):
    asked = []
    put(out, {"progress/x.part": b""})  # a folder in a store is what holds a file
    before(monkeypatch, out, ("iterdir",), lambda: put(out, begun))
    outcome = generate(
        read_dataset_spec(whole / "small.yaml"), out, folder=whole, make=lambda job, todo, *more: asked.extend(todo)
    )
    assert not outcome.finished
    assert len(asked) == 2
    assert held(out) == begun


@pytest.mark.parametrize("names", [("exists", *READ), READ], ids=["looked for", "read"])
def test_a_dataset_that_is_finished_as_it_is_looked_at_is_known_as_such(whole, begun, out, monkeypatch, names):
    put(out, begun)
    finished = contents(whole / "out")
    before(monkeypatch, out / "progress" / "identity.json", names, lambda: put(out, finished))
    assert generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, make=never).finished
    assert held(out) == finished


def test_a_slice_whose_records_go_as_another_one_finishes_makes_nothing_again(whole, begun, out, monkeypatch):
    put(out, begun)
    finished = contents(whole / "out")
    record = out / "progress" / "train-000000.tar.json"
    before(monkeypatch, record, READ, lambda: put(out, finished))
    assert generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, make=never).finished
    assert held(out) == finished


def test_a_shard_that_comes_after_another_slice_has_finished_leaves_the_dataset_as_it_is(whole, begun, out):
    put(out, begun)
    finished = contents(whole / "out")

    def late(job, todo, *more) -> None:
        put(out, finished)
        make_shards(job, todo, *more)

    spec = read_dataset_spec(whole / "small.yaml")
    assert generate(spec, out, folder=whole, workers=1, slice_of=(1, 2), make=late).finished
    assert held(out) == finished


def test_a_folder_of_others_is_refused_however_often_it_is_looked_at(whole, out):
    put(out, {"thesis.txt": b"a year's work", "progress/chapter": b"1"})
    with pytest.raises(BadInput, match="is not empty and holds no ctsim dataset"):
        generate(read_dataset_spec(whole / "small.yaml"), out, folder=whole, make=never)
    assert held(out) == {"thesis.txt": b"a year's work", "progress/chapter": b"1"}
