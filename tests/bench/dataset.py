"""What a dataset costs: `python -m tests.bench.dataset [--json]`.

Scans an hour of 128^3 and 256^3 voxels with all processors, the share of each stage in the time of a worker, and how
much two workers make of two processors against one worker on one.
"""

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.bench.figures import show

SCENES = {128: 8, 256: 4}

STAGES = {
    "scene": {"ctsim.dataset.make": ["sample", "load_parts"], "ctsim.pipeline": ["build"]},
    "render": {"ctsim.pipeline": ["scanner_of", "scan", "correct"]},
    "reconstruct": {"ctsim.pipeline": ["plan_of", "volume_of"]},
    "label": {"ctsim.pipeline": ["label", "defect_records", "porosity_of"]},
    "pack": {"ctsim.dataset.make": ["encode", "write_shard"]},
}
"""Stage -> functions, by the module that calls them."""


def spec(voxels: int, scenes: int) -> dict[str, Any]:
    """Return a dataset of a casting with ten flaws: as many views as voxels across, a panel half as wide again."""
    panel = 3 * voxels // 2
    return {
        "name": "bench",
        "scenes": scenes,
        "scenes_per_shard": 2,
        "parts": [{"library": "bracket", "material": "AlSi10Mg", "split": "train"}],
        "defects": [
            {"kind": "gas_pore", "count": 8, "diameter_mm": {"lognormal": [3.2, 0.35], "within": [1.5, 7.0]}},
            {"kind": "crack", "count": 2, "length_mm": [8, 16], "opening_mm": [0.3, 0.9]},
        ],
        "scan": {
            "tube_kv": 180,
            "filters": {"Cu": 0.5},
            "exposure_mas": 2.0,
            "source_detector_mm": 800,
            "views": voxels,
            "detector": {"rows": panel, "columns": panel, "pixel_mm": 256 / panel, "scintillator_mm": 0.5},
        },
        "volume": {"voxels": voxels},
    }


def main() -> None:
    """Print the figures."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="ctsim-bench-") as place:
        folder = Path(place)
        _generate(folder, "warm", spec(128, 1), 1)  # compiles
        for voxels, scenes in SCENES.items():
            seconds = _generate(folder, f"all-{voxels}", spec(voxels, scenes), os.cpu_count() or 1)
            figures[f"scans_per_hour_{voxels}"] = 3600 * scenes / seconds
        # the start of a process is no part of what scales: it is taken off, as a run of no scenes
        one = [_generate(folder, f"one-{n}", spec(128, n), 1, processors=1) for n in (2, 10)]
        two = [_generate(folder, f"two-{n}", spec(128, n), 2) for n in (4, 20)]
        figures["scaling_2_workers"] = (16 / (two[1] - two[0])) / (8 / (one[1] - one[0]))
        for voxels in SCENES:
            shares = stages(folder / f"stages-{voxels}", spec(voxels, 2))
            ending = "" if voxels == 128 else f"_{voxels}"
            figures |= {f"share_{stage}{ending}": share for stage, share in shares.items()}
    show(figures)


def _generate(folder: Path, name: str, values: dict[str, Any], workers: int, processors: int | None = None) -> float:
    """Return how long the command takes [s], on some processors alone perhaps."""
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    command = ["generate", str(folder / f"{name}.yaml"), "--out", str(folder / name), "--workers", str(workers)]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ctsim.cli", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=(lambda: os.sched_setaffinity(0, range(processors))) if processors else None,
    )  # fmt: skip
    return time.perf_counter() - start


def stages(folder: Path, values: dict[str, Any]) -> dict[str, float]:
    """Return the share of each stage in the time that scenes take in this process; the rest is `other`."""
    from ctsim.dataset import make
    from ctsim.dataset.generate import generate
    from scenes.spec import DatasetSpec

    def here(work: Callable, tasks: Any, *_: Any, **__: Any):
        yield from map(work, tasks)

    dataset = DatasetSpec.model_validate(values)
    with _instead(make, "in_order", here), _watched() as spent:
        start = time.perf_counter()
        generate(dataset, folder, folder=folder.parent)
        whole = time.perf_counter() - start
    known = {stage: spent[stage] / whole for stage in STAGES}
    return known | {"other": 1 - sum(known.values())}


@contextmanager
def _watched():
    """Give the seconds that each stage takes, less what others take inside of it."""
    import importlib

    spent, running = Counter(), []
    changed = []

    def timed(stage: str, function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*arguments: Any, **more: Any) -> Any:
            start = time.perf_counter()
            running.append(0.0)
            try:
                return function(*arguments, **more)
            finally:
                seconds = time.perf_counter() - start
                spent[stage] += seconds - running.pop()
                if running:
                    running[-1] += seconds

        return run

    for stage, modules in STAGES.items():
        for module_name, names in modules.items():
            module = importlib.import_module(module_name)
            for name in names:
                changed.append((module, name, getattr(module, name)))
                setattr(module, name, timed(stage, getattr(module, name)))
    try:
        yield spent
    finally:
        for module, name, function in changed:
            setattr(module, name, function)


@contextmanager
def _instead(module: Any, name: str, value: Any):
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)


if __name__ == "__main__":
    main()
