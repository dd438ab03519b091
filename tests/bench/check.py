"""How fast `ctsim check` is: `python -m tests.bench.check [--json]`.

Of a dataset of 2.1 GB in /tmp that the cache of the disk holds: 36 scans of 180 views of 256 x 256 pixels and 256^3
voxels in six shards. One scan is made; the others are the same with other noise, each a little farther from the axis.
"""

import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ctsim.dataset.card import card
from ctsim.dataset.check import faults
from ctsim.dataset.croissant import croissant
from ctsim.dataset.generate import generate
from ctsim.dataset.plan import hash_of
from ctsim.dataset.workers import cores
from ctsim.files import sha256_of
from ctsim.shards import array_bytes, array_of, json_bytes, read_raw, write_shard
from scenes.spec import read_dataset_spec
from tests.bench.figures import median_seconds, peak_mb, show
from tests.ctsim import small

SHARDS, IN_EACH, RUNS = 6, 6, 3

SPEC = small.SPEC | {
    "scenes": 1,
    "pose": {"orientation": "upright"},
    "scan": {"tube_kv": 120, "views": 180, "detector": {"rows": 256, "columns": 256, "pixel_mm": 0.5}},
    "volume": {"voxels": 256},
}


def main() -> None:
    """Print MB/s of the checksums alone and of the whole check, the medians of some runs."""
    folder = Path(tempfile.mkdtemp(prefix="ctsim-check-"))
    try:
        data = dataset(folder)
        shards = sorted(data.glob("*.tar"))
        size_mb = sum(path.stat().st_size for path in shards) / 1e6
        before_mb = peak_mb()

        def checksums() -> None:
            with ThreadPoolExecutor(cores()) as pool:
                list(pool.map(sha256_of, shards))

        def check() -> None:
            if found := list(faults(data)):
                raise SystemExit("\n".join(found))

        figures = {
            name: size_mb / median_seconds(run, RUNS) for name, run in (("checksum", checksums), ("check", check))
        }
        show(
            {f"{name}_mb_per_s": figure for name, figure in figures.items()}
            | {"dataset_mb": size_mb, "memory_before_mb": before_mb, "memory_peak_mb": peak_mb()}
        )
    finally:
        shutil.rmtree(folder)


def dataset(folder: Path) -> Path:
    """Make the dataset in a folder and return where it lies."""
    data, rng = folder / "data", np.random.default_rng(0)
    generate(read_dataset_spec(small.write(folder, SPEC)), data, folder=folder, workers=1)
    record = json.loads((data / "dataset.json").read_text())
    ((_, files),) = read_raw(data / "train-000000.tar")
    record["shards"] = []
    for number in range(SHARDS):
        indices = range(number * IN_EACH, (number + 1) * IN_EACH)
        shard = write_shard(data / f"train-{number:06d}.tar", (_moved(files, index, rng) for index in indices), "train")
        record["shards"].append({**shard.__dict__, "samples": list(shard.samples)})
    record["identity"]["spec"]["scenes"] = SHARDS * IN_EACH
    record["identity_sha256"] = hash_of(record["identity"])
    (data / "README.md").write_bytes(card(record).encode())
    (data / "croissant.json").write_bytes(json_bytes(croissant(record)))
    (data / "dataset.json").write_bytes(json_bytes(record))
    return data


def _moved(files: dict[str, bytes], index: int, rng: np.random.Generator) -> tuple[str, dict[str, bytes]]:
    """Return a sample as another: its key, its place and its noise."""
    record, key = json.loads(files["scene.json"]), f"small-{index:06d}"
    record["key"], record["scene"]["index"] = key, index
    record["scene"]["items"][0]["pose"]["shift_mm"][0] += 1e-6 * index
    noisy = array_of(files["projections.npy"])
    noisy += rng.normal(0, 0.01, noisy.shape).astype(np.float16)
    return key, files | {"scene.json": json_bytes(record), "projections.npy": array_bytes(noisy)}


if __name__ == "__main__":
    main()
