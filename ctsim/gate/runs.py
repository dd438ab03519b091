"""GATE's processes: some for each view, side by side, and how they end."""

import contextlib
import math
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from defects.messages import BadInput
from scenes.fidelity import GateSpec

MOST_PHOTONS = 20_000_000
"""Of one process: what it writes down takes some 60 bytes of disk for each that arrives."""

LOOK_S = 0.02
"""Between two looks at whether the processes are done."""

SUMS = "sums.pickle"
"""What a process leaves."""

WORKER = Path(__file__).with_name("process.py")


def run(
    job: dict[str, Any], spec: GateSpec, seed: list[int], folder: Path, environment: dict[str, str]
) -> dict[str, np.ndarray]:
    """Return the sums over all photons of a view, sent out by as many processes at once as are wanted.

    Args:
        job: What to do, as `ctsim.gate.process` takes it, without the seed.
        spec: How many processes, and how long they may take.
        seed: The same gives the same photons, for as many processes.
        folder: Where the processes have their files, for as long as they run.
        environment: What they run in, as `ctsim.gate.data.require` returns it.

    Raises:
        BadInput: GATE ended in the middle or took too long.
    """
    jobs = _shared_out(job, spec, seed)
    total: dict[str, np.ndarray] = {}
    for first in range(0, len(jobs), spec.processes):
        for sums in _side_by_side(jobs[first : first + spec.processes], folder, environment, spec):
            total = {name: total.get(name, 0) + part for name, part in sums.items()}
    return total


def _shared_out(job: dict[str, Any], spec: GateSpec, seed: list[int]) -> list[dict[str, Any]]:
    """Return the same job for each process, with photons of its own."""
    sent = job["tube"]["photons"]
    count = min(max(spec.processes, math.ceil(sent / MOST_PHOTONS)), sent)
    # Geant4 takes seeds of 31 bits
    seeds = np.random.SeedSequence(seed).generate_state(count) >> 1
    shares = [sent // count + (i < sent % count) for i in range(count)]
    return [
        job | {"tube": job["tube"] | {"photons": share}, "seed": int(own)}
        for share, own in zip(shares, seeds, strict=True)
    ]


def _side_by_side(
    jobs: list[dict[str, Any]], folder: Path, environment: dict[str, str], spec: GateSpec
) -> list[dict[str, np.ndarray]]:
    """Return what becomes of each job; no process and no file is left, whatever happens."""
    with contextlib.ExitStack() as stack:
        places = [Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder))) for _ in jobs]
        running = []
        for job, place in zip(jobs, places, strict=True):
            (place / "job.pickle").write_bytes(pickle.dumps(job))
            running.append(_start(place, environment))
            stack.callback(_end, running[-1])
        deadline = time.monotonic() + spec.timeout_s
        while sum(_is_done(process, place) for process, place in zip(running, places, strict=True)) < len(running):
            if time.monotonic() > deadline:
                raise BadInput(
                    f"fidelity gate: GATE took more than timeout_s: {spec.timeout_s:g} s for a view; raise it, or take "
                    "fewer photons or more processes"
                )
            time.sleep(LOOK_S)
        return [pickle.loads((place / SUMS).read_bytes()) for place in places]


def _is_done(process: subprocess.Popen, place: Path) -> bool:
    """Return whether a process has ended well.

    Raises:
        BadInput: It has ended, and not well.
    """
    if process.poll() is None:
        return False
    if process.returncode or not (place / SUMS).exists():
        raise _gone(process.returncode, place) from MemoryError() if process.returncode == -signal.SIGKILL else None
    return True


def _start(place: Path, environment: dict[str, str]) -> subprocess.Popen:
    """Start GATE on the job that lies in a folder; what it says goes there."""
    with (place / "said").open("wb") as said:
        return subprocess.Popen(
            # -P: the folder of the program must not be searched for modules
            [sys.executable, "-P", str(WORKER), str(place)],
            cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def _gone(code: int, place: Path) -> BadInput:
    """Return the error for a process that has ended before its job was done."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", (place / "said").read_text(errors="replace"))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    words = [line for line in lines if line.startswith("G4Exception:")] or lines[-1:]
    last = f"; its last words: {words[0]}" if words else ""
    killed = "; it was killed, which a lack of memory does" if code == -signal.SIGKILL else ""
    return BadInput(
        f"fidelity gate: GATE ended before its photons were sent out (exit code {code}){killed}{last}; mend that, or "
        "choose fidelity: monte-carlo"
    )
