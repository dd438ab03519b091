"""A scene from its file: read, checked and built, before anything is simulated."""

from pathlib import Path
from typing import Any

from ctsim.dataset.plan import check_beam
from ctsim.materials import material
from ctsim.radiograph import backend_of
from defects.messages import BadInput
from scenes.build import Specimen, build
from scenes.field_of_view import check_fit
from scenes.parts import Part, load_parts
from scenes.scene import SceneSpec, scene_spec_of
from scenes.setup import corners_mm


def read_scene(file: Path, values: Any, fidelity: str | None = None) -> tuple[SceneSpec, Specimen]:
    """Return a scene and what stands on its stage.

    Args:
        file: Its parts lie beside it, or in the folder above.
        values: What it holds.
        fidelity: Instead of the file's.

    Raises:
        BadInput: A part is missing, has not the bodies or the materials that are named, or does not fit into the scan.
    """
    spec = scene_spec_of(values, file.name)
    if fidelity is not None:
        spec = spec.model_copy(update={"scan": spec.scan.at(fidelity)})
    backend_of(spec.scan.backend)
    parts = load_parts(spec, _folder_of_parts(file, [item.part.file for item in spec.items if item.part.file]))
    _check_materials(file, spec, parts)
    specimen = build(spec, parts)
    for name in (*specimen.materials, *spec.scan.filters):
        material(name)
    check_fit(corners_mm(s.surface for s in specimen.solids), spec.scan, spec.title)
    check_beam(spec.scan)
    return spec, specimen


def _check_materials(file: Path, spec: SceneSpec, parts: list[Part]) -> None:
    for number, (item, part) in enumerate(zip(spec.items, parts, strict=True)):
        for name in (*item.part.materials, item.part.host):
            part.body(name)
        if bare := [body.name for body in part.bodies if not body.material]:
            place = f"items.{number}.part.materials"
            raise BadInput(f"{file.name}: {place} gives no material for the body {bare[0]!r}")


def _folder_of_parts(scene: Path, files: list[str]) -> Path:
    """Return the folder that a scene's part files count from: the scene's own, or the one above it."""
    for folder in (scene.parent, scene.parent.parent):
        if all((folder / file).exists() for file in files):
            return folder
    missing = next(file for file in files if not (scene.parent / file).exists())
    raise BadInput(f"{scene.name} needs the part {missing}, which is neither beside it nor in the folder above")
