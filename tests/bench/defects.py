"""What many flaws cost: `python -m tests.bench.defects [--json]`."""

import time

import numpy as np

from scenes.body import Body
from scenes.build import Specimen, build
from scenes.flaws import in_order, sample_flaws
from scenes.library.catalog import make_part
from scenes.parts import Part
from scenes.records import validated
from scenes.scene import SceneSpec
from scenes.spec import DatasetSpec
from tests.bench.figures import peak_mb, show

PORES = 2000
EDGE_MM = 1.2


def main() -> None:
    """Print what it takes to place 2,000 pores of 0.3 to 1 mm in a housing of fine facets, to cut and to measure them.

    Kernels are compiled if this has been run before: what they take the first time counts as well.
    """
    (body,) = make_part("pump_housing", {})
    part = Part(bodies=(Body(name="housing", solid=body.solid.refine_to_length(EDGE_MM), material="Al"),))
    faces = part.bodies[0].solid.num_tri()
    wish = {"kind": "gas_pore", "count": PORES, "diameter_mm": [0.3, 1.0], "wall_mm": 0.3, "gap_mm": 0.2}
    spec = validated(DatasetSpec, {"name": "bench", "parts": [{"library": "pump_housing"}], "defects": [wish]}, "bench")
    start = time.perf_counter()
    found, unplaced = sample_flaws(spec.defects, part, "housing", np.random.default_rng(0))
    flaws = in_order(found)
    placed = time.perf_counter()
    scene = _scene(flaws)
    specimen = build(scene, [part])
    sound = specimen.solids[0].surface.num_tri()
    built = time.perf_counter()
    memory_mb = peak_mb()
    label_s, metrology_s = _measured(scene, specimen)
    show(
        {
            "faces_of_the_host": faces,
            "pores_placed": len(flaws),
            "pores_unplaced": sum(unplaced.values()),
            "place_s": placed - start,
            "build_s": built - placed,
            "place_and_build_s": built - start,
            "faces_of_the_specimen": sound,
            "memory_mb": memory_mb,
            "label_s": label_s,
            "metrology_s": metrology_s,
            "memory_with_metrology_mb": peak_mb(),
        }
    )


def _measured(scene: SceneSpec, specimen: Specimen) -> tuple[float, float]:
    """Return what the labels and the metrology take [s]; imported here, for the compiler takes 100 MB."""
    from ctsim.metrology.records import defect_records
    from ctsim.scanner import grid_of, scanner_of
    from ctsim.truth import label

    start = time.perf_counter()
    truth = label(specimen, grid_of(scene.volume), ("air", "Al", "gas_pore"))
    labelled = time.perf_counter()
    defect_records(scene, specimen, truth, truth.sound, scanner_of(scene.scan))
    return labelled - start, time.perf_counter() - labelled


def _scene(flaws) -> SceneSpec:
    """Return a scene of the housing."""
    scene = SceneSpec.from_json(
        {
            "dataset": "bench",
            "items": [{"part": {"name": "housing", "library": "pump_housing", "materials": {}, "host": "housing"}}],
            "scan": {
                "tube_kv": 160.0, "exposure_mas": 0.1, "detector": {}, "source_detector_mm": 800.0,
                "source_object_mm": 400.0, "views": 90,
            },
            "volume": {"shape": [128, 192, 160], "voxel_mm": 0.6},
        }
    )  # fmt: skip
    return scene.model_copy(update={"items": (scene.items[0].model_copy(update={"defects": flaws}),)})


if __name__ == "__main__":
    main()
