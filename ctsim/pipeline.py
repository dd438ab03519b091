"""SceneSpec -> Sample: everything that one scene has to show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.arrays import to_card, to_host
from ctsim.detector.correct import correct
from ctsim.fidelity import Signal
from ctsim.geometry import Geometry
from ctsim.metrology.porosity import porosity_of
from ctsim.metrology.records import defect_records
from ctsim.radiograph import Radiographs, scan
from ctsim.reconstruct.fdk import fdk, plan_of
from ctsim.reconstruct.iterate import cgls, sirt
from ctsim.scanner import Scanner, grid_of, scanner_of
from ctsim.truth import Truth, label
from scenes.build import Specimen, build
from scenes.parts import Part
from scenes.scene import SceneSpec, VolumeSpec
from scenes.seeds import stream


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One labelled scan.

    Attributes:
        scene: What it was made from.
        scanner: What it was scanned with.
        attenuation: Corrected projections, one set a band.
        volume: Their reconstruction [1/mm].
        truth: What every voxel holds.
        defects: One record a defect.
        quality: Figures that tell whether the scan is any good.
        porosity: Key figures of the voids in the host, one record a part.
        scatter_to_primary: See `Radiographs`.
        scatter_error: See `Radiographs`.
    """

    scene: SceneSpec
    scanner: Scanner
    attenuation: Float[np.ndarray, "band view row col"]
    volume: Float[np.ndarray, "z y x"]
    truth: Truth
    defects: list[dict]
    quality: dict[str, float]
    porosity: list[dict[str, Any]]
    scatter_to_primary: Float[np.ndarray, "view row col"] | None = None
    scatter_error: float | None = None


def make_sample(scene: SceneSpec, parts: Sequence[Part], classes: tuple[str, ...]) -> Sample:
    """Return the sample of a scene: a pure function of what is handed in.

    Args:
        scene: Every choice there is.
        parts: The scene's, in the order of its items.
        classes: Names of the voxel classes, air first.
    """
    scanner, grid = scanner_of(scene.scan), grid_of(scene.volume)
    if scene.volume.method == "fdk":
        plan_of(scanner.nominal, grid)  # refuses a path before it is rendered, not after
    specimen = build(scene, parts)
    radiographs = scan(specimen, scanner, rng=photons_of(scene))
    pictures, bad = (radiographs.counts, radiographs.flat, radiographs.dark), scanner.detector.bad
    step = scene.scan.detector.step_counts
    attenuation = correct(*pictures, bad, step=step)
    # what all bands saw together is the least noisy
    whole = attenuation[0] if len(attenuation) == 1 else correct(*(p.sum(0) for p in pictures), bad, step=step)
    volume = volume_of(whole, scanner.nominal, scene.volume, on_card=scene.scan.backend == "mesh-gpu")
    truth = label(specimen, grid, classes)
    defects = defect_records(scene, specimen, truth, volume, scanner)
    return Sample(
        scene=scene,
        scanner=scanner,
        attenuation=attenuation,
        volume=volume,
        truth=truth,
        defects=defects,
        quality=_quality(radiographs),
        porosity=_porosity(specimen, defects),
        scatter_to_primary=radiographs.scatter_to_primary,
        scatter_error=radiographs.scatter_error,
    )


def volume_of(
    attenuation: Float[np.ndarray, "view row col"], geometry: Geometry, spec: VolumeSpec, *, on_card: bool = False
) -> Float[np.ndarray, "z y x"]:
    """Return the reconstruction that a spec asks for [1/mm]; `geometry` is the nominal one; a card does FDK alone."""
    grid = grid_of(spec)
    if spec.method == "fdk":
        return to_host(fdk(to_card(attenuation) if on_card else attenuation, geometry, grid, spec.window))
    iterate = {"cgls": cgls, "sirt": sirt}[spec.method]
    return iterate(attenuation.astype(np.float32), geometry, grid, spec.iterations)


def render(
    scene: SceneSpec, specimen: Specimen, watch: Callable[[Signal], None] | None = None
) -> tuple[Scanner, Radiographs]:
    """Return the radiographs of a scene as the detector writes them, and the scanner; see `scan` for `watch`."""
    scanner = scanner_of(scene.scan)
    return scanner, scan(specimen, scanner, rng=photons_of(scene), watch=watch)


def photons_of(scene: SceneSpec) -> np.random.Generator:
    """Return where a scene's noise comes from: those of a pair have the same."""
    return stream(scene.seed, scene.noise_index, "photons")


def _porosity(specimen: Specimen, defects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the key figures of each part."""
    return [
        porosity_of([record for record in defects if record["item"] == item], host.volume())
        for item, host in enumerate(specimen.hosts)
    ]


def _quality(radiographs: Radiographs) -> dict[str, float]:
    figures = {"lowest_transmission": radiographs.lowest_transmission, "starved_share": radiographs.starved_share}
    if radiographs.scatter_to_primary is not None:
        figures["highest_scatter_to_primary"] = float(radiographs.scatter_to_primary.max())
    if radiographs.scatter_error is not None:
        figures["scatter_error"] = radiographs.scatter_error
    return {name: float(f"{figure:.6g}") for name, figure in figures.items()}
