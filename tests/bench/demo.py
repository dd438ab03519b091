"""What the demo costs: `python -m tests.bench.demo [--json]`."""

import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.figures import show


def main() -> None:
    """Print the time of the demo's eight scans, the memory of all its processes together, and its size."""
    folder = Path(tempfile.mkdtemp(prefix="ctsim-demo-"))
    peak, stop = [0.0], threading.Event()
    try:
        start = time.perf_counter()
        command = [sys.executable, "-m", "ctsim.cli", "generate", "demo", "--out", str(folder / "demo")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, stop))
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        stop.set()
        watcher.join()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder)
    if code:
        sys.exit(f"the demo failed with exit code {code}")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    show(
        {
            "demo_s": seconds,
            "demo_scans_per_hour": 8 / seconds * 3600,
            "demo_memory_mb": peak[0] or largest,
            "demo_size_mb": size / 1e6,
        }
    )


def _watch(root: int, peak: list[float], stop: threading.Event) -> None:
    """Note the largest resident memory of a process and all its descendants [MB]; shared pages count in each."""
    while not stop.wait(0.2):
        peak[0] = max(peak[0], sum(_resident_mb(pid) for pid in _family(root)))


def _family(root: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
    family = [root]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return family


def _resident_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    main()
