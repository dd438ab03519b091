"""What the loss of a node costs a run on a cluster: `python -m tests.bench.two_nodes [--json] [--shards N]`.

Two nodes of Ray on this machine make a dataset of small shards; when a third of them stand, all processes of one node
are killed. The dataset must be the one that this machine makes alone, byte for byte.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.bench.figures import show
from tests.ctsim.small import SPEC, contents, start, write

SCENES_PER_SHARD = 4
"""So that a node is at work at a shard for some seconds, and is killed half-way through one."""

LIMIT_S = 570
STORE_BYTES = 100 << 20


def main() -> None:
    """Print what happened: shards that stood when a node was killed, retries, times, and 1 where all is the same."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--shards", type=int, default=24)
    shards = reader.parse_args().shards
    with tempfile.TemporaryDirectory(prefix="ctsim-nodes-") as folder:
        show(lose_a_node(Path(folder), shards))


def lose_a_node(folder: Path, shards: int) -> dict[str, float]:
    """Return the figures of a dataset of so many shards that is made in a folder, alone and on two nodes."""
    # the work alone has the priority of all else, and so it should have on the nodes, where Ray takes less
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    from ray.cluster_utils import Cluster

    write(folder, {**SPEC, "scenes": shards * SCENES_PER_SHARD, "scenes_per_shard": SCENES_PER_SHARD})
    alone_s, _ = _run(start("generate", "small.yaml", "--out", "alone", "--workers", "1", folder=folder))
    few = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **few})
    try:
        nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(2)]
        begun = time.perf_counter()
        run = start(
            "generate", "small.yaml", "--out", "cluster", "--engine", "ray", "--address", cluster.address, folder=folder
        )
        records = folder / "cluster" / "progress"
        while run.poll() is None and not (
            len(list(records.glob("*.tar.json"))) >= shards // 3 and _is_at_work(nodes[1])
        ):
            time.sleep(0.05)
        stood = len(list(records.glob("*.tar.json")))
        _kill(nodes[1])
        _, err = _run(run)
        cluster_s = time.perf_counter() - begun
    finally:
        cluster.shutdown()
    return {
        "shards": shards,
        "shards_when_a_node_was_killed": stood,
        "retries": err.count("was lost with its node"),
        "alone_s": alone_s,
        "cluster_s": cluster_s,
        "identical": int(contents(folder / "cluster") == contents(folder / "alone")),
    }


def _run(process) -> tuple[float, str]:
    """Return how long a command took from now on, and what it said [s]."""
    begun = time.perf_counter()
    _, err = process.communicate(timeout=LIMIT_S)
    if process.returncode:
        sys.exit(f"the command ended with {process.returncode}: {err}")
    return time.perf_counter() - begun, err


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _raylet(node) -> int:
    return node.all_processes["raylet"][0].process.pid


def _is_at_work(node) -> bool:
    """Return whether a process that makes scenes runs on a node."""
    return any(b"spawn_main" in _command(pid) for pid in _family(_raylet(node)))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(node) -> None:
    for pid in _family(_raylet(node)):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Ray's own
    main()
