"""The dataset card: what stands in a dataset's README.md."""

from ctsim.shards import ARRAYS, axes_of
from scenes.scan_draws import ScanDraws


def card(dataset: dict) -> str:
    """Return the card of a dataset, in Markdown."""
    spec = dataset["identity"]["spec"]
    scan = ScanDraws.model_validate(spec["scan"])
    samples = dict.fromkeys(("train", "validation", "test"), 0)
    for shard in dataset["shards"]:
        samples[shard["split"]] += len(shard["samples"])
    lines = [
        f"# {dataset['name']}",
        "",
        dataset["description"] or "Simulated industrial CT scans with exact labels.",
        "",
        f"{sum(samples.values())} scans: " + ", ".join(f"{n} {split}" for split, n in samples.items()) + ".",
        "Splits are by part, never by image: " + ", ".join(f"{p} ({s})" for p, s in dataset["splits"].items()) + ".",
        f"{len(dataset['dropped'])} scenes were dropped; dataset.json lists them with their reasons.",
        "",
        "| value in labels.npy | class | role |",
        "|---|---|---|",
        *[f"| {c['value']} | {c['name']} | {c['role']} |" for c in dataset["classes"]],
        "",
        "| file of a sample | type | axes |",
        "|---|---|---|",
        *[f"| `{n}.npy` | {dtype} | `[{axes_of(n, scan.detector.bands)}]` |" for n, (dtype, _) in ARRAYS.items()],
        "| `scene.json` | JSON | every choice, versions, true and nominal geometry |",
        "| `defects.json` | JSON | one record a defect, with its metrology |",
        "",
        "Projections are -ln(I / I0). Volumes are linear attenuation coefficients in 1/mm; voxel sides in mm are in",
        "`scene.json`. `instances.npy` holds the number of the defect in `defects.json`, `fractions.npy` the share of",
        "the voxel that is defect, in 255ths.",
        "",
        f"Made by ctsim {dataset['made_by']['ctsim']} with seed {spec['seed']}; the whole spec stands in dataset.json.",
        f"Limits: {', '.join(_limits(scan))}.",
        "",
    ]
    return "\n".join(lines)


def _limits(scan: ScanDraws) -> list[str]:
    """Return what these scans lack of real ones."""
    lacking = {
        "a point as focal spot": scan.focal_spot is None,
        "no blur in the detector": not (scan.detector.spatial_resolution_mm or scan.detector.mtf),
        "no noise": not scan.noise,
    }
    return ["Beer-Lambert primary radiation only", "no scatter", *(words for words, is_so in lacking.items() if is_so)]
