"""What ways to store arrays cost: `python -m tests.bench.storage [DATASET] [--json]`.

For the arrays of one sample, of a dataset's folder or of a scan that is made here: size, speed of writing and reading,
and error, of what shards could hold. What they do hold is chosen by this table.
"""

import functools
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
import zstandard

from ctsim.dataset.generate import generate
from ctsim.shards import Samples
from scenes.catalog import find_dataset
from tests.bench.figures import machine

RUNS = 3


def main() -> None:
    """Print a table: a line for each array and way."""
    names = [argument for argument in sys.argv[1:] if argument != "--json"]
    with tempfile.TemporaryDirectory(prefix="ctsim-storage-") as place:
        sample = Samples(names[0] if names else _made(Path(place)))[0]
    blosc2.set_nthreads(1)
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(f"{'array':20} {'way':22} {'bytes/voxel':>11} {'share':>7} {'write':>7} {'read':>7}  error")
    for name, array in sample.items():
        if isinstance(array, np.ndarray):
            for way, (write, read, error) in _ways(array).items():
                print(f"{name:20} {way:22} {_line(array, write, read, error)}")


def _made(place: Path) -> Path:
    """Return the folder of a scan of 160^3 voxels and 256 radiographs of 256 x 256."""
    spec, folder = find_dataset("castings")
    generate(spec.model_copy(update={"scenes": 1, "scenes_per_shard": 1}), place / "d", folder=folder)
    return place / "d"


def _line(array: np.ndarray, write: Callable, read: Callable, error: float) -> str:
    """Return size, speed [MB/s of the array as it is], and RMS error of rounding over the array's own deviation."""
    stored, write_s = _timed(functools.partial(write, array))
    _, read_s = _timed(functools.partial(read, stored))
    mb = array.nbytes / 1e6
    share = len(stored) / array.nbytes
    return (
        f"{len(stored) / array.size:11.4f} {share:7.4f} {mb / write_s:7.0f} {mb / read_s:7.0f}  "
        f"{error / max(float(array.std(dtype=np.float64)), 1e-30):.1e}"
    )


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a run gives, and the shortest time of some [s]."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        found = run()
        times.append(time.perf_counter() - start)
    return found, min(times)


def _ways(array: np.ndarray) -> dict[str, tuple[Callable, Callable, float]]:
    """Return how to write an array, how to read it, and the RMS error, by the name of the way."""
    is_float = array.dtype.kind == "f"
    rounding = _rms(np.spacing(array).astype(np.float32)) / 12**0.5 if is_float else 0.0  # even in its step
    ways = {
        f"{array.dtype} plain": (lambda a: a.tobytes(), lambda b: np.frombuffer(b, array.dtype).copy(), rounding),
        "deflate 1": (lambda a: zlib.compress(a.tobytes(), 1), zlib.decompress, rounding),
    }
    for level in (1, 3, 9):
        ways[f"zstd {level}"] = (*_zstd(level), rounding)
    for codec, level in ((blosc2.Codec.LZ4, 1), (blosc2.Codec.ZSTD, 1), (blosc2.Codec.ZSTD, 5)):
        for shuffle in (blosc2.Filter.SHUFFLE, blosc2.Filter.BITSHUFFLE):
            way = f"{codec.name.lower()} {level} {shuffle.name.lower()}"
            ways[way] = (*_blosc(codec, level, shuffle, array.shape), rounding)
    if is_float:
        low, high = float(array.min()), float(array.max())
        step = (high - low) / 65535 or 1.0
        ways["uint16 zstd 3 shuffle"] = (*_steps(low, step, array.shape), step / 12**0.5)
    return ways


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values.astype(np.float64) ** 2).mean()))


def _zstd(level: int) -> tuple[Callable, Callable]:
    return (
        lambda a: zstandard.ZstdCompressor(level=level).compress(a.tobytes()),
        lambda b: zstandard.ZstdDecompressor().decompress(b),
    )


def _blosc(
    codec: blosc2.Codec, level: int, shuffle: blosc2.Filter, shape: tuple[int, ...]
) -> tuple[Callable, Callable]:
    settings = {"codec": codec, "clevel": level, "filters": [shuffle], "nthreads": 1}
    chunks = (min(32, shape[0]), *shape[1:])
    return (
        lambda a: blosc2.asarray(a, chunks=chunks, cparams=settings).to_cframe(),
        lambda b: blosc2.ndarray_from_cframe(b)[...],
    )


def _steps(low: float, step: float, shape: tuple[int, ...]) -> tuple[Callable, Callable]:
    """Return how to write numbers as 65 536 even steps, high and low bytes apart, and how to read them."""
    write, read = _blosc(blosc2.Codec.ZSTD, 3, blosc2.Filter.SHUFFLE, shape)
    return (
        lambda a: write(np.rint((a.astype(np.float32) - low) / step).astype(np.uint16)),
        lambda b: read(b) * np.float32(step) + np.float32(low),
    )


if __name__ == "__main__":
    main()
