"""Shards made by Ray are those made here, whatever becomes of its nodes; what goes wrong comes back in one message."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command

from ctsim.cli import app
from ctsim.dataset import on_ray
from ctsim.dataset.check import faults
from ctsim.dataset.generate import generate
from ctsim.dataset.make import Job
from ctsim.dataset.plan import plan_shards
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim.small import SPEC, changed, contents, ctsim, start, write

with_ray = pytest.mark.skipif(not on_ray.is_there(), reason="needs ray: sh .ci/cluster.sh")
ROOT = Path(__file__).parents[3]


def finish(run: subprocess.Popen) -> tuple[int, str, str]:
    """Return the exit code of a command, and what it said."""
    out, err = run.communicate(timeout=300)
    return run.returncode, out, err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--address", "auto"],
            "ctsim: --address auto is of a Ray cluster: give --engine ray with it, or leave it out\n",
        ),
        (["--engine", "rey"], "ctsim: unknown engine 'rey'; did you mean 'ray'? (known: local, ray)\n"),
    ],
)
def test_engines_that_are_none_are_refused(tmp_path, monkeypatch, capsys, options, says):
    spec = write(tmp_path)
    assert ctsim(monkeypatch, capsys, "generate", spec, "--out", tmp_path / "out", *options) == (2, "", says)
    assert not (tmp_path / "out").exists()


def test_where_ray_is_missing_it_is_told_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    code, _, err = ctsim(monkeypatch, capsys, "generate", write(tmp_path), "--out", tmp_path / "out", "--engine", "ray")
    assert (code, err) == (2, "ctsim: --engine ray needs ray: pip install 'ctsim[cluster]'\n")


def test_the_commands_of_the_readme_are_understood():
    """They want a cluster and a bucket: here they are parsed, to the last option; other tests run their like."""
    (block,) = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    commands = get_command(app).commands
    for line in block.splitlines():
        program, name, *arguments = shlex.split(line)
        assert program == "ctsim"
        assert not commands[name].make_context(name, arguments).args


@with_ray
def test_an_address_where_nobody_listens_is_told(tmp_path):
    write(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        run = start("generate", "small.yaml", "--out", "out", "--engine", "ray", "--address", address, folder=tmp_path)
        code, out, err = finish(run)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"ctsim: no Ray cluster can be joined at {address}: [Errno 111] Connection refused; expected")


@with_ray
def test_an_address_that_answers_otherwise_than_ray_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(on_ray, "REACH_S", 5.0)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(BadInput, match="it does not answer as Ray does within 5 s"):
            on_ray.require_answer(f"127.0.0.1:{deaf.getsockname()[1]}")


@pytest.mark.parametrize(
    ("backend", "kind"),
    [("mesh", "num_cpus"), ("mesh-gpu", "num_gpus"), ({"choice": ["mesh", "mesh-gpu"]}, "num_gpus")],
)
def test_a_task_takes_a_card_where_one_may_be_needed(tmp_path, backend, kind):
    spec = read_dataset_spec(write(tmp_path, changed(("scan", "backend"), backend)))
    assert on_ray.needs_of(spec)[kind] == 1


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A folder with a spec and the first of two slices of its dataset."""
    folder = tmp_path_factory.mktemp("half")
    spec = read_dataset_spec(write(folder))
    assert not generate(spec, folder / "out", folder=folder, workers=1, slice_of=(1, 2)).finished
    return folder


@pytest.fixture
def begun(half, tmp_path):
    """A dataset that is begun: its job, its plans and the identity on record."""
    shutil.copytree(half, tmp_path, dirs_exist_ok=True)
    spec = read_dataset_spec(tmp_path / "small.yaml")
    job = Job(spec=spec, out=str(tmp_path / "out"), classes=("air", "Al", "gas_pore"), timeout_s=60.0)
    return job, plan_shards(spec), (tmp_path / "out" / "progress" / "identity.json").read_text()


def test_a_node_that_does_not_see_the_folder_says_so(begun, tmp_path):
    job, plans, identity = begun
    (tmp_path / "other").mkdir()
    for out in ("other", "none", "small.yaml"):
        with pytest.raises(
            BadInput, match=f"node .+ does not see the folder {tmp_path / out} of this run; use a shared"
        ):
            on_ray.make_shard(replace(job, out=str(tmp_path / out)), plans[1], identity)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_node_with_other_versions_says_so(begun):
    job, plans, identity = begun
    record = json.loads(identity)
    record["identity"]["made_by"]["numba"] = "0.1"
    other = json.dumps(record)
    (Path(job.out) / "progress" / "identity.json").write_text(other)
    with pytest.raises(BadInput, match=r"has numba [\d.]+, the run 0\.1; install the same versions on all nodes"):
        on_ray.make_shard(job, plans[1], other)


def test_shards_that_another_folder_got_are_missed(begun):
    job, plans, _ = begun
    with pytest.raises(BadInput, match=r"1 shards, such as train-000001\.tar, were made on nodes whose .* is another"):
        on_ray.require_seen(Path(job.out), plans)
    on_ray.require_seen(Path(job.out), plans[:1])
    shutil.rmtree(Path(job.out) / "progress")
    (Path(job.out) / "dataset.json").write_text("{}")
    on_ray.require_seen(Path(job.out), plans)  # another slice has finished it


def test_what_is_lost_again_and_again_is_given_up(begun):
    plan = begun[1][0]
    on_ray.require_hope(plan, on_ray.MOST_LOSSES - 1, RuntimeError("gone"))
    with pytest.raises(BadInput, match=rf"{plan.file} was lost 5 times .* RuntimeError \(gone\): see"):
        on_ray.require_hope(plan, on_ray.MOST_LOSSES, RuntimeError("gone\nat length"))


@with_ray
@pytest.mark.slow
def test_by_ray_it_is_the_same_dataset_with_what_is_dropped_and_told(tmp_path):
    """A crack may not be wider open than it is long; half of these draws are."""
    crack = [{"kind": "crack", "count": 1, "length_mm": [4, 6], "opening_mm": {"choice": [0.5, 5.0]}, "waviness": 0}]
    spec = read_dataset_spec(write(tmp_path, changed(("defects",), crack)))
    told = []
    generate(spec, tmp_path / "alone", folder=tmp_path, workers=1, note=told.append)
    code, out, err = finish(start("generate", "small.yaml", "--out", "out", "--engine", "ray", folder=tmp_path))
    assert code == 0, err
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
    assert {line for line in err.splitlines() if "is dropped" in line} == {f"note: {text}" for text in told}
    assert "scenes 4/4" in err
    assert out.startswith("out: ")
    assert all(line.startswith(("note: ", "scenes ")) for line in err.splitlines()), err  # nothing of Ray's own
    assert list(faults(tmp_path / "out")) == []


@with_ray
@pytest.mark.slow
def test_what_fails_on_a_node_is_raised_here_once(half, tmp_path):
    shutil.copytree(half, tmp_path, dirs_exist_ok=True)
    (tmp_path / "out" / "progress" / "train-000001.tar.lock").mkdir()  # it cannot be locked
    code, _, err = finish(start("generate", "small.yaml", "--out", "out", "--engine", "ray", folder=tmp_path))
    assert code == 2
    told = [line for line in err.splitlines() if not line.startswith("scenes ")]
    assert len(told) == 1, err
    assert "train-000001.tar.lock: Is a directory" in told[0]


@with_ray
@pytest.mark.slow
def test_ctrl_c_ends_ray_and_keeps_what_is_finished(tmp_path):
    spec = read_dataset_spec(write(tmp_path, {**SPEC, "scenes": 6, "scenes_per_shard": 1}))
    command = ("generate", "small.yaml", "--out", "out", "--engine", "ray")
    run = start(*command, "--workers", "1", folder=tmp_path)
    progress = tmp_path / "out" / "progress"
    while run.poll() is None and not list(progress.glob("*.tar.json")):
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    code, _, err = finish(run)
    assert code == 130, err
    assert "stopped; finished shards are kept in out: repeat the command to go on" in err
    assert "Traceback" not in err
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tar")}
    assert 1 <= len(kept) < 6
    code, _, err = finish(start(*command, folder=tmp_path))
    assert code == 0, err
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in kept} == kept
    generate(spec, tmp_path / "alone", folder=tmp_path, workers=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


@with_ray
@pytest.mark.slow
def test_a_run_that_loses_a_node_makes_the_same_dataset():
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.two_nodes", "--shards", "6", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=590,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    figures = json.loads(run.stdout)["figures"]
    assert figures["identical"] == 1
    assert figures["retries"] >= 1
    assert 2 <= figures["shards_when_a_node_was_killed"] < 6
