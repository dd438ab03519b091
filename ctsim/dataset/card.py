"""The dataset card: what stands in a dataset's README.md, the full schema of its samples included."""

from ctsim.shards import arrays_of, axes_of, file_of
from scenes.fidelity import PRIMARY_ONLY, Fidelity
from scenes.records import SPLITS
from scenes.scan_draws import ScanDraws

ARRAY_WORDS = {
    "projections": "corrected attenuation, -ln(I / I0)",
    "volume": "reconstructed linear attenuation coefficient in 1/mm",
    "labels": "class with the largest share of the voxel",
    "instances": "`number` of the defect in `defects.json` wherever it has some share of the voxel, else 0",
    "fractions": "share of the voxel that is defect, in 255ths",
    "scatter_to_primary": "ratio of scattered to primary signal, all bands together; 0 where nothing scatters",
}
"""What each array holds."""

SCENE_FIELDS = {
    "schema_version": "of this layout",
    "key": "of the sample",
    "split": "train, validation or test",
    "made_by": "versions of all that the bytes depend on",
    "scene": "every choice: `items` with part, pose, defects as drawn; fixture, `unplaced` defects, scan, volume",
    "voxel_mm": "side of a voxel",
    "quality": "`lowest_transmission` of any ray, `starved_share` of readings that were no more than noise",
    "porosity": "for each part, key figures of the voids in its host: all, and those above and up to 0.6 mm",
    "storage": "type, axes, scale and compression of each array",
    "geometry_true": "source, detector centre, u and v of each view, as they were",
    "geometry_nominal": "the same as reconstruction was told",
}
"""What `scene.json` holds, by name."""

QUALITY_OF_SCATTER = ", `highest_scatter_to_primary` of any pixel, `scatter_error` (relative, RMS)"
"""What `quality` holds besides, in a scene that scatters."""

_AXIS = "unit vector x y z, z >= 0; null where no axis is {}"
_SHADOW = "area of its shadow along the stage's {}"

DEFECT_FIELDS = {
    "number": "as in `instances`, from 1",
    "item": "whose it is: its part's place among the `items` of the scene, from 0",
    "kind": "name of its class",
    "material": "`void`, or what fills it",
    "volume_mm3": "volume",
    "equivalent_diameter_mm": "diameter of the ball of equal volume",
    "feret_max_mm": "greatest distance of two parallel planes that touch it",
    "feret_min_mm": "least distance of two such planes",
    "short_to_long_ratio": "of the spreads along its short and its long axis",
    "sphericity": "surface of the ball of equal volume over its own, 1 for a ball",
    "compactness": "volume over that of the smallest ball about it, 1 for a ball",
    "centroid_stage_mm": "x y z in the stage's frame",
    "long_axis": _AXIS.format("longest"),
    "long_axis_tilt_deg": "between it and z",
    "short_axis": _AXIS.format("shortest"),
    "short_axis_tilt_deg": "between it and z",
    "projected_area_x_mm2": _SHADOW.format("x"),
    "projected_area_y_mm2": _SHADOW.format("y"),
    "projected_area_z_mm2": _SHADOW.format("z"),
    "root_area_mm": "square root of the last",
    "voxels_across": "equivalent diameter over the voxel's side",
    "wall_distance_mm": "to the host's surface, 0 where it is open to it",
    "neighbour_distance_mm": "surface to surface, to the nearest other defect; null where it is alone",
    "neighbour_number": "which defect that is",
    "contrast_to_noise": "measured in the volume",
    "expected_contrast_to_noise": "in the volume, from the noise of the radiographs; null without FDK",
    "radiograph_contrast_to_noise_best": "expected of its best pixel, in the best view",
    "radiograph_contrast_to_noise_median": "expected of its best pixel, in the median view",
    "rose_ratio": "signal to noise of all its voxels together",
    "detectable": "true or false, by the rule that follows",
    "detectable_rule": "the rule",
    "voxels": "how many of `instances` are its own",
    "parameters": "as drawn, in the part's own frame; by kind",
}
"""What a record of `defects.json` holds, by name; null is what a defect without a solid of its own lacks."""


def card(dataset: dict) -> str:
    """Return the card of a dataset, in Markdown."""
    spec = dataset["identity"]["spec"]
    samples = dict.fromkeys(("train", "validation", "test"), 0)
    for shard in dataset["shards"]:
        samples[shard["split"]] += len(shard["samples"])
    lines = [
        f"# {dataset['name']}",
        "",
        dataset["description"] or "Simulated industrial CT scans with exact labels.",
        "",
        f"{sum(samples.values())} scans: " + ", ".join(f"{n} {split}" for split, n in samples.items()) + ".",
        f"{len(dataset['dropped'])} scenes were dropped; dataset.json lists them with their reasons.",
        "",
        *schema(spec, dataset["classes"], dataset["splits"], dataset["kind_splits"]),
        "",
        f"Made by ctsim {dataset['made_by']['ctsim']} with seed {spec['seed']}; the whole spec stands in dataset.json.",
        f"Limits: {', '.join(_limits(spec))}.",
        "",
    ]
    return "\n".join(lines)


def schema(spec: dict, classes: list[dict], splits: dict[str, str], kind_splits: dict[str, list[str]]) -> list[str]:
    """Return the lines that tell all that a dataset's samples hold, in Markdown.

    Args:
        spec: The dataset's spec as JSON; of it `scan`, `fidelities` and `volume` count.
        classes: As dataset.json lists them.
        splits: By part.
        kind_splits: By kind of defect, those whose scenes may hold it.
    """
    scan, scatters = ScanDraws.model_validate(spec["scan"]), set(_fidelities(spec)) != {PRIMARY_ONLY}
    besides = {"quality": QUALITY_OF_SCATTER} if scatters else {}
    return [
        "Splits are by part, never by image: " + ", ".join(f"{p} ({s})" for p, s in splits.items()) + ".",
        _kinds(kind_splits),
        "",
        "| value in `labels` | class | role |",
        "|---|---|---|",
        *[f"| {c['value']} | {c['name']} | {c['role']} |" for c in classes],
        "",
        "| file of a sample | type | axes | shape | holds |",
        "|---|---|---|---|---|",
        *[_array_row(name, scan, spec["volume"]["voxels"]) for name in arrays_of(scatters)],
        "| `scene.json` | JSON | | | every choice, versions, true and nominal geometry: see below |",
        "| `defects.json` | JSON | | | one record a defect, with its metrology: see below |",
        "",
        "| field of `scene.json` | holds |",
        "|---|---|",
        *[f"| `{name}` | {words}{besides.get(name, '')} |" for name, words in SCENE_FIELDS.items()],
        "",
        "| field of a record in `defects.json` | holds |",
        "|---|---|",
        *[f"| `{name}` | {words} |" for name, words in DEFECT_FIELDS.items()],
        "",
        "Files that end in `.zst` are compressed with Zstandard. Beside each shard, its `.index.json` tells where each",
        "file stands in it (offset and size in bytes). `dataset.json` lists classes, splits, dropped scenes, defects",
        "without a place, the spec and the SHA-256 of every shard; `croissant.json` describes it for loaders.",
    ]


def _kinds(kind_splits: dict[str, list[str]]) -> str:
    if all(set(splits) == set(SPLITS) for splits in kind_splits.values()):
        return "All splits hold all kinds of defect."
    told = ", ".join(f"{kind} ({' and '.join(splits)})" for kind, splits in kind_splits.items())
    return f"Kinds of defect, and the splits that hold them: {told}."


def _array_row(name: str, scan: ScanDraws, voxels: int) -> str:
    dtype, axes = arrays_of(True)[name][0], axes_of(name, scan.detector.bands)
    return f"| `{file_of(name)}` | {dtype} | `[{axes}]` | {_shape(axes, scan, voxels)} | {ARRAY_WORDS[name]} |"


def _shape(axes: str, scan: ScanDraws, voxels: int) -> str:
    """Return how long the axes are, or that it differs from scene to scene."""
    if {"views", "detector.rows", "detector.columns"} & scan.varied.keys() and "view" in axes:
        return "by scene"
    panel = {"view": scan.views, "row": scan.detector.rows, "col": scan.detector.columns, "band": scan.detector.bands}
    return " x ".join(str(panel.get(axis, voxels)) for axis in axes.split())


def _fidelities(spec: dict) -> tuple[Fidelity, ...]:
    """Return all fidelities that scenes of a dataset may have."""
    return tuple(spec.get("fidelities") or ScanDraws.model_validate(spec["scan"]).fidelities)


def _limits(spec: dict) -> list[str]:
    """Return what these scans lack of real ones."""
    scan, fidelities = ScanDraws.model_validate(spec["scan"]), _fidelities(spec)
    if set(fidelities) == {PRIMARY_ONLY}:
        scatter = ["Beer-Lambert primary radiation only", "no scatter"]
    else:
        primary = ["no scatter in scenes of fidelity beer-lambert"] if PRIMARY_ONLY in fidelities else []
        smooth = ["scatter of fidelity hybrid is smoothed and interpolated"] if "hybrid" in fidelities else []
        scatter = [*primary, *smooth, "what is expected of the contrast of defects is that of the primary beam"]
    lacking = {
        "a point as focal spot": scan.focal_spot is None,
        "no blur in the detector": not (scan.detector.spatial_resolution_mm or scan.detector.mtf),
        "no noise": not scan.noise,
    }
    return [*scatter, *(words for words, is_so in lacking.items() if is_so)]
