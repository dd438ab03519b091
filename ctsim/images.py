"""Radiographs as files that any program reads."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile

from ctsim.arrays import to_host
from ctsim.dataset.versions import made_by
from ctsim.detector.detect import as_stored
from ctsim.fidelity import Signal
from ctsim.files import write_file
from ctsim.montecarlo.arrivals import KINDS
from ctsim.radiograph import Radiographs
from ctsim.scanner import Scanner
from ctsim.shards import json_bytes
from scenes.scene import SceneSpec


def write_radiographs(out: Path, scene: SceneSpec, scanner: Scanner, radiographs: Radiographs) -> int:
    """Write projections/*.tif, flat.tif, dark.tif and metadata.json, and return how many projections there are.

    Where matter scatters, scatter_to_primary/*.tif hold the ratio of the two. A panel that counts gives one image a
    band, `view_00000_band_0.tif` and so on.
    """
    folder = out / "projections"
    folder.mkdir(parents=True, exist_ok=True)
    bits, bands = scene.scan.detector.bits, scene.scan.detector.bands
    for band in range(bands):
        name = f"_band_{band}" if bands > 1 else ""
        for view, counts in enumerate(radiographs.counts[band]):
            _write_tiff(folder / f"view_{view:05d}{name}.tif", as_stored(counts, bits))
        _write_tiff(out / f"flat{name}.tif", radiographs.flat[band].astype(np.float32))
        _write_tiff(out / f"dark{name}.tif", radiographs.dark[band].astype(np.float32))
    if (ratio := radiographs.scatter_to_primary) is not None:
        (out / "scatter_to_primary").mkdir(exist_ok=True)
        for view, image in enumerate(ratio):
            _write_tiff(out / "scatter_to_primary" / f"view_{view:05d}.tif", image.astype(np.float32))
    metadata = {
        "scene": scene.to_json(),
        "made_by": made_by((scene.scan.backend,), (scene.scan.fidelity,)),
        "lowest_transmission": radiographs.lowest_transmission,
        "scatter_error": radiographs.scatter_error,
        "geometry_true": scanner.true.to_json(),
        "geometry_nominal": scanner.nominal.to_json(),
    }
    write_file(out / "metadata.json", json_bytes(metadata))
    return radiographs.counts.shape[1]


@contextmanager
def arriving(out: Path) -> Iterator[Callable[[Signal], None]]:
    """Yield what writes down what arrives in some views, in units of the free beam: out/arrivals/KIND/view_00000.tif.

    The kinds are those of `ctsim.montecarlo.arrivals`, each with its deviation, where photons are followed; else all
    scatter together. Nothing is left of them if the work ends in the middle.
    """
    aside = out / "arrivals.part"

    def keep(signal: Signal) -> None:
        kinds = {} if signal.scatter is None else {"scatter": to_host(signal.scatter)}
        if (found := signal.arrivals) is not None:
            kinds = dict(zip(KINDS, found.mean, strict=True))
            kinds |= {f"{name}_deviation": found.deviation[KINDS.index(name)] for name in kinds}
        for name, images in kinds.items():
            (aside / name).mkdir(parents=True, exist_ok=True)
            for band, of_band in enumerate(images):
                mark = f"_band_{band}" if len(images) > 1 else ""
                for view, image in zip(range(signal.views.start, signal.views.stop), of_band, strict=True):
                    _write_tiff(aside / name / f"view_{view:05d}{mark}.tif", image.astype(np.float32))

    try:
        yield keep
        if aside.exists():
            aside.rename(out / "arrivals")
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def write_files(out: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_file(out / name, content)


def _write_tiff(path: Path, image: np.ndarray) -> None:
    # no software tag and no date: the same image, the same bytes
    tifffile.imwrite(path, image, photometric="minisblack", software=False, datetime=None, metadata=None)
