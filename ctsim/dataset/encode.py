"""Sample -> the files of one sample in a shard."""

from typing import Any

import numpy as np

from ctsim.dataset.versions import made_by
from ctsim.pipeline import Sample
from ctsim.shards import SCHEMA_VERSION, array_bytes, arrays_of, axes_of, codec_of, file_of, json_bytes
from ctsim.shards.schema import COMPRESSED

LARGEST_FLOAT16 = 65504.0


def encode(sample: Sample, scatters: bool = False) -> dict[str, bytes]:
    """Return a sample's files by name; the same sample, the same bytes.

    Args:
        sample: What they hold.
        scatters: Whether any sample of its dataset may be more than the primary beam: all then have the same files.
    """
    arrays = {
        "projections": _float16(sample.attenuation if _bands(sample) > 1 else sample.attenuation[0]),
        "volume": _float16(sample.volume),
        "labels": sample.truth.labels,
        "instances": sample.truth.instances,
        "fractions": sample.truth.fractions,
    }
    if scatters:
        arrays["scatter_to_primary"] = _float16(_scatter_of(sample))
    files = {file_of(name): array_bytes(array, compressed=name in COMPRESSED) for name, array in arrays.items()}
    files["scene.json"] = json_bytes(scene_record(sample, scatters))
    files["defects.json"] = json_bytes(sample.defects)
    return files


def scene_record(sample: Sample, scatters: bool = False) -> dict[str, Any]:
    """Return what scene.json holds."""
    scene = sample.scene
    return {
        "schema_version": SCHEMA_VERSION,
        "key": scene.key,
        "split": scene.split,
        "made_by": made_by((scene.scan.backend,), (scene.scan.fidelity,)),
        "scene": scene.to_json(),
        "voxel_mm": scene.volume.voxel_mm,
        "quality": sample.quality,
        "porosity": sample.porosity,
        "storage": storage_of(scatters, _bands(sample)),
        "geometry_true": sample.scanner.true.to_json(),
        "geometry_nominal": sample.scanner.nominal.to_json(),
    }


def storage_of(scatters: bool, bands: int) -> dict[str, dict[str, Any]]:
    """Return how each array of a sample is kept, of a dataset that scatters or not, for so many energy bands."""
    return {
        name: {"dtype": dtype, "axes": axes_of(name, bands), "scale": 1.0, "codec": codec_of(name)}
        for name, (dtype, _) in arrays_of(scatters).items()
    }


def _scatter_of(sample: Sample) -> np.ndarray:
    """Return the ratio of scattered to primary signal, 0 where nothing scatters."""
    found = sample.scatter_to_primary
    return np.zeros(sample.attenuation.shape[1:], np.float32) if found is None else found


def _bands(sample: Sample) -> int:
    return sample.scene.scan.detector.bands


def _float16(array: np.ndarray) -> np.ndarray:
    """Return it in half precision: 5e-4 of a value, a tenth of the noise of a good scan."""
    return np.clip(array, -LARGEST_FLOAT16, LARGEST_FLOAT16).astype(np.float16)
