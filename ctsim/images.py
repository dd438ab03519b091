"""Radiographs as files that any program reads."""

from pathlib import Path

import numpy as np
import tifffile

from ctsim.dataset.encode import made_by
from ctsim.detector.detect import as_stored
from ctsim.files import write_file
from ctsim.radiograph import Radiographs
from ctsim.scanner import Scanner
from ctsim.shards import json_bytes
from scenes.scene import SceneSpec


def write_radiographs(out: Path, scene: SceneSpec, scanner: Scanner, radiographs: Radiographs) -> int:
    """Write projections/*.tif, flat.tif, dark.tif and metadata.json, and return how many projections there are.

    A panel that counts gives one image a band, `view_00000_band_0.tif` and so on.
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
    metadata = {
        "scene": scene.to_json(),
        "made_by": made_by(scene.scan.backend),
        "lowest_transmission": radiographs.lowest_transmission,
        "geometry_true": scanner.true.to_json(),
        "geometry_nominal": scanner.nominal.to_json(),
    }
    write_file(out / "metadata.json", json_bytes(metadata))
    return radiographs.counts.shape[1]


def write_files(out: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_file(out / name, content)


def _write_tiff(path: Path, image: np.ndarray) -> None:
    # no software tag and no date: the same image, the same bytes
    tifffile.imwrite(path, image, photometric="minisblack", software=False, datetime=None, metadata=None)
