"""How every program here reports: a table, or one JSON object with the machine and the figures."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
    }


def median_seconds(run: Callable[[], object], runs: int = 5) -> float:
    """Return the median time of some runs, after one that is not counted [s]."""
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_mb() -> float:
    """Return the peak memory of this process [MB]; getrusage would tell that of the process that started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def show(figures: dict[str, float]) -> None:
    """Print the figures: a table, or with --json on the command line one object."""
    if "--json" in sys.argv:
        print(json.dumps({"machine": machine(), "figures": figures}))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"  {name:{width}}  {value:.4g}")
