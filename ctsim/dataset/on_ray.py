"""Shards made by Ray: each is a task, on whichever node of a cluster is free; the same bytes as on one machine."""

import functools
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

from ctsim.dataset.make import PROGRESS, Job, Tell, make_shards, record_path
from ctsim.dataset.plan import ShardPlan
from ctsim.dataset.versions import made_by
from ctsim.dataset.workers import cores
from ctsim.files import AnyPath, Held, folder_of, is_remote, store_fault
from defects.messages import BadInput
from scenes.spec import DatasetSpec

MOST_LOSSES = 5
"""Of one shard, before the run is given up: nodes come and go, but what takes five of them along is the shard."""

HELD_S = 120.0
"""How long a lost task's lock may outlast it: a server of files lets go of what a dead node held after 90 s."""

REACH_S = 60.0
"""Until an address is given up; Ray itself would try for 14 minutes, and not let itself be interrupted."""

ROUND_S = 10.0
"""After which is looked again how large the cluster is, if no task has ended."""

STORE_BYTES = 100 << 20
"""For Ray's store of objects on this machine, which else takes a third of the memory: no data go through it here."""


def is_there() -> bool:
    """Return whether Ray is installed."""
    return importlib.util.find_spec("ray") is not None


def on_ray(
    address: str | None = None,
) -> Callable[[Job, Sequence[ShardPlan], int | None, Callable[[], None], Tell], None]:
    """Return what makes shards as `make_shards` does, as tasks of Ray.

    Args:
        address: Of a cluster that this machine is a node of: host:port, or auto for the one that runs here. Where None,
            Ray is started on this machine, and ended with the work.

    Raises:
        BadInput: Ray is not installed, or nothing answers at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise BadInput("--engine ray needs ray: pip install 'ctsim[cluster]'") from error
    if address is not None:
        require_answer(address)
    return functools.partial(_make_shards, address)


def _make_shards(
    address: str | None, job: Job, plans: Sequence[ShardPlan], workers: int | None, tick: Callable[[], None], note: Tell
) -> None:
    """Make some shards on the nodes of a cluster; `workers` is how many are under way at once, and wait for a node."""
    out = folder_of(job.out)
    out = out if is_remote(out) else out.resolve()
    with _running(address) as ray:
        tasks = _tasks(
            ray, replace(job, out=str(out)), (out / PROGRESS / "identity.json").read_text(), plans, workers, note
        )
        for plan, notes in tasks:
            for text in notes:
                note(text)
            for _ in plan.scenes:
                tick()
    require_seen(out, plans)


def _tasks(
    ray: ModuleType, job: Job, identity: str, plans: Sequence[ShardPlan], workers: int | None, note: Tell
) -> Iterator[tuple[ShardPlan, list[str]]]:
    """Yield each shard that is made with what there is to note of it, as they come; lost ones are made again."""
    needs = needs_of(job.spec)
    task = ray.remote(make_shard).options(max_retries=0, **needs)  # retries are ours, to be counted and told
    waiting, under_way, losses = deque(plans), {}, Counter()
    told = False
    try:
        while waiting or under_way:
            while waiting and len(under_way) < (workers or _places(ray, needs)):
                plan = waiting.popleft()
                under_way[task.remote(job, plan, identity)] = plan
            done, _ = ray.wait(list(under_way), timeout=ROUND_S)
            if not done and not _at_once(ray, needs) and not told:
                note("no node of the cluster can take a shard of this dataset yet; waiting for one")
                told = True
            for one in done:
                plan = under_way.pop(one)
                try:
                    yield plan, ray.get(one)
                except ray.exceptions.RayTaskError as error:
                    raise _cause(error) from None
                except ray.exceptions.RayError as error:
                    losses[plan.file] += 1
                    require_hope(plan, losses[plan.file], error)
                    note(f"{plan.file} was lost with its node or its process; it is made again")
                    waiting.appendleft(plan)
    finally:
        for one in under_way:
            ray.cancel(one, force=True)


def needs_of(spec: DatasetSpec) -> dict[str, Any]:
    """Return what a task of Ray takes of its node: a processor, or a card with as many threads as there are."""
    if "mesh-gpu" in spec.scan.backends:
        return {"num_gpus": 1}
    return {"num_cpus": 1, "runtime_env": {"env_vars": {"NUMBA_NUM_THREADS": "1"}}}


def _places(ray: ModuleType, needs: dict[str, Any]) -> int:
    """Return twice as many tasks as fit into the cluster now: no node waits for us, and one that can grow sees why."""
    return 2 * max(1, _at_once(ray, needs))


def _at_once(ray: ModuleType, needs: dict[str, Any]) -> int:
    """Return how many tasks the nodes of the cluster can work at now."""
    return int(ray.cluster_resources().get("GPU" if "num_gpus" in needs else "CPU", 0))


def _cause(error: Any) -> Exception:
    """Return what a task has raised, with where it was raised over there."""
    if "No module named 'ctsim'" in str(error):
        return BadInput("a node of the cluster lacks ctsim; install the same version on all nodes")
    error.cause.add_note(str(error))
    return error.cause


def require_hope(plan: ShardPlan, losses: int, error: Exception) -> None:
    """Raise BadInput where a shard was lost so often that nodes alone are not the reason."""
    if losses >= MOST_LOSSES:
        why = str(error).partition("\n")[0]
        raise BadInput(
            f"{plan.file} was lost {losses} times with its node or its process, at last by {type(error).__name__} "
            f"({why}): see whether the nodes have enough memory for it; what is finished is kept"
        )


def require_seen(out: AnyPath, plans: Sequence[ShardPlan]) -> None:
    """Raise BadInput where what other nodes have written is not here."""
    if (out / "dataset.json").exists():  # another slice has finished it
        return
    if not is_remote(out):
        for folder in (out, out / PROGRESS):  # opening a folder ends what a file system kept of it in a network
            os.listdir(folder)
    missing = [plan.file for plan in plans if not record_path(out, plan).exists()]
    if missing:
        raise BadInput(
            f"{len(missing)} shards, such as {missing[0]}, were made on nodes whose {out} is another folder than ours; "
            "use a shared file system or s3://"
        )


def make_shard(job: Job, plan: ShardPlan, identity: str) -> list[str]:
    """Return what there is to note of a shard, after it was made on this node."""
    try:
        _require_the_run(job, identity)
        return _when_free(job, plan)
    except Exception as error:
        if fault := store_fault(error):
            raise BadInput(fault) from None
        raise


def _when_free(job: Job, plan: ShardPlan) -> list[str]:
    """Return the notes of a shard that is made as soon as nobody else holds it."""
    deadline = time.monotonic() + HELD_S
    while True:
        notes: list[str] = []
        try:
            make_shards(job, [plan], 1, lambda: None, notes.append)
        except Held:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return notes


def _require_the_run(job: Job, identity: str) -> None:
    """Raise BadInput where this node does not see the run's folder, or would make other bytes."""
    out = folder_of(job.out)
    try:
        seen = (out / PROGRESS / "identity.json").read_text()
    except (FileNotFoundError, NotADirectoryError):
        seen = None
    if seen != identity:
        raise BadInput(
            f"node {platform.node()} does not see the folder {out} of this run; use a shared file system or s3://"
        )
    theirs, ours = json.loads(identity)["identity"]["made_by"], made_by(job.spec.scan.backends, job.spec.all_fidelities)
    if other := [name for name in theirs if theirs[name] != ours.get(name)]:
        mend = "install the same versions on all nodes"
        if other == ["processor"]:
            mend = "have all nodes use the instructions of the oldest, as docs/scale.md tells"
        raise BadInput(
            f"node {platform.node()} has {other[0]} {ours.get(other[0])}, the run {theirs[other[0]]}; {mend}"
        )


@contextmanager
def _running(address: str | None) -> Iterator[ModuleType]:
    """Give Ray, joined or started; what was running before is left running."""
    import ray

    if ray.is_initialized():
        yield ray
        return
    if address is None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: the work would give way to all else here
    here = {"num_cpus": cores(), "include_dashboard": False, "object_store_memory": STORE_BYTES}
    options = {"address": "local", **here} if address is None else {"address": address}
    try:
        with warnings.catch_warnings(action="ignore"):
            ray.init(**options, log_to_driver=False, logging_level="FATAL")
    except Exception as error:
        raise BadInput(f"Ray does not start here: {_short(str(error))}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def require_answer(address: str) -> None:
    """Raise BadInput where no cluster can be joined at an address: another process tries it, and is ended in time."""
    host, _, port = address.rpartition(":")
    try:
        if host and port.isdecimal():
            socket.create_connection((host, int(port)), 10).close()
        join = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False)"
        tried = subprocess.run([sys.executable, "-c", join, address], capture_output=True, text=True, timeout=REACH_S)
        fault = tried.returncode and (tried.stderr.strip().splitlines() or ["it ended"])[-1]
    except subprocess.TimeoutExpired:
        fault = f"it does not answer as Ray does within {REACH_S:g} s"
    except OSError as error:
        fault = str(error)
    if fault:
        raise BadInput(
            f"no Ray cluster can be joined at {address}: {_short(fault)}; expected the address of a cluster that this "
            "machine is a node of, as `ray start --address=HOST:PORT` makes it, or auto"
        )


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
