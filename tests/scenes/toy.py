"""Small parts and specs that several tests of scenes are made from."""

from typing import Any

from manifold3d import Manifold

from scenes.body import Body
from scenes.parts import Part
from scenes.records import validated
from scenes.scene import PartChoice, SceneSpec
from scenes.spec import DatasetSpec

SIZE_MM = (40.0, 30.0, 20.0)


def block(material: str = "Al") -> Part:
    """Return a part of one block, 40 x 30 x 20 mm."""
    return Part(bodies=(Body(name="block", solid=Manifold.cube(SIZE_MM, True), material=material),))


def bolted() -> Part:
    """Return a plate with a pin in it, which it just touches."""
    pin = Manifold.cylinder(20.0, 4.0, 4.0, 48, True)
    plate = Manifold.cube(SIZE_MM, True) - pin
    return Part(bodies=(Body(name="plate", solid=plate, material="Al"), Body(name="pin", solid=pin, material="Fe")))


def load(choice: PartChoice) -> Part:
    """Return the block or the bolted plate that a spec calls by its library name, unscaled."""
    return {"block": block, "bolted": bolted}[choice.library or ""]()


def dataset(**changes: Any) -> DatasetSpec:
    """Return a dataset of blocks with the given keys set."""
    return validated(DatasetSpec, {"name": "toy", "parts": [{"library": "block"}], **changes}, "toy.yaml")


def item(**changes: Any) -> dict[str, Any]:
    """Return a block on the stage, as JSON holds it, with the given keys set."""
    part = {"name": "block", "library": "block", "materials": {"block": "Al"}, "host": "block"}
    return {"part": part, **changes}


def scene(**changes: Any) -> SceneSpec:
    """Return a scene of a block with the given keys set."""
    values = {
        "dataset": "toy",
        "items": [item()],
        "scan": {
            "tube_kv": 160.0, "exposure_mas": 0.1, "detector": {}, "source_detector_mm": 800.0,
            "source_object_mm": 400.0, "views": 90,
        },
        "volume": {"shape": [16, 16, 16], "voxel_mm": 3.0},
    }  # fmt: skip
    return SceneSpec.from_json({**values, **changes})
