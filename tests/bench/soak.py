"""A dataset whose making is killed again and again: `python -m tests.bench.soak [--kills N] [--seed N] [--json]`.

Runs are killed with SIGKILL at random moments and repeated until the dataset is finished, and then the next is begun:
the program alone, the program with all its processes, or one worker. After each kill, every file under a final name
must be what the undisturbed run has there; at the end, all files must be.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.bench.figures import show
from tests.ctsim import small

SPEC = small.SPEC | {"name": "soak", "scenes": 40, "scenes_per_shard": 2}

VICTIMS = ("program", "all", "worker")


@dataclass(kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        kills: By victim.
        runs: That were started.
        finished: Datasets that were brought to an end.
        torn: Files under a final name that were not whole, and datasets that differ, by name.
    """

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VICTIMS, 0))
    runs: int = 0
    finished: int = 0
    torn: list[str] = field(default_factory=list)


def soak(folder: Path, kills: int, seed: int, spec: dict | None = None) -> Outcome:
    """Return what came of so many kills; all goes on in the folder.

    Args:
        folder: New or empty.
        kills: How many.
        seed: Of the moments and of the victims.
        spec: What is made.
    """
    rng, outcome = random.Random(seed), Outcome()
    small.write(folder, yaml.safe_dump(spec or SPEC))
    _start(folder, "warm").wait()  # what is compiled and kept must not be part of the time
    start = time.perf_counter()
    if _start(folder, "whole").wait():
        sys.exit("the undisturbed run failed")
    whole_s, whole = time.perf_counter() - start, small.contents(folder / "whole")
    while sum(outcome.kills.values()) < kills:
        outcome.runs += 1
        victim = rng.choice(VICTIMS)
        _disturbed(folder, rng.uniform(0, whole_s), victim, outcome)
        outcome.torn += _torn(folder / "out", whole)
        _begin_anew_where_done(folder, whole, outcome)
    outcome.runs += 1
    if _start(folder, "out").wait():
        outcome.torn.append("the last run failed")
    _begin_anew_where_done(folder, whole, outcome)
    return outcome


def _disturbed(folder: Path, after_s: float, victim: str, outcome: Outcome) -> None:
    """Run the command and kill what is to be killed after some time; where it ends before, nobody is killed."""
    process = _start(folder, "out")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
        return
    targets = _children(process.pid) if victim == "worker" else [process.pid]
    if victim == "worker" and not targets:
        victim, targets = "program", [process.pid]
    with contextlib.suppress(ProcessLookupError):
        if victim == "all":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(targets[-1], signal.SIGKILL)
        outcome.kills[victim] += 1
    process.wait()


def _start(folder: Path, out: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "ctsim.cli", "generate", str(folder / "small.yaml"), "--out", str(folder / out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _torn(out: Path, whole: dict[str, bytes]) -> list[str]:
    """Return the files under a final name that are not as in the undisturbed run."""
    now = small.contents(out) if out.exists() else {}
    final = {name: content for name, content in now.items() if not name.startswith("progress/")}
    return [
        name for name, content in final.items() if not name.endswith(".part") and content != whole.get(name, b"alien")
    ]


def _begin_anew_where_done(folder: Path, whole: dict[str, bytes], outcome: Outcome) -> None:
    """Compare a dataset that is finished, and clear it away."""
    if not (folder / "out" / "dataset.json").exists():
        return
    if _start(folder, "out").wait():  # a run killed between its last two steps leaves its own records
        outcome.torn.append("a finished dataset is refused")
    outcome.finished += 1
    found = small.contents(folder / "out")
    outcome.torn += [name for name in {**whole, **found} if whole.get(name) != found.get(name)]
    shutil.rmtree(folder / "out")


def main() -> None:
    """Print how often what was killed, and whether all came out the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ctsim-soak-") as folder:
        outcome = soak(Path(folder), given.kills, given.seed)
    for name in outcome.torn:
        sys.stderr.write(f"differs: {name}\n")
    show(
        {
            "kills": sum(outcome.kills.values()),
            **{f"kills_{victim}": count for victim, count in outcome.kills.items()},
            "runs": outcome.runs,
            "datasets_finished": outcome.finished,
            "identical": int(not outcome.torn),
        }
    )
    sys.exit(bool(outcome.torn))


if __name__ == "__main__":
    main()
