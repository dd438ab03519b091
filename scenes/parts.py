"""Parts: bodies of one material each, from the library or from a CAD file."""

import functools
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from manifold3d import Error, Manifold, Mesh64

from defects.messages import BadInput, unknown
from scenes.body import Body
from scenes.part_spec import PartSpec
from scenes.scene import PartChoice, SceneSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """What can be scanned, in its own frame: its origin is the centre of its bounding box.

    Attributes:
        bodies: Disjoint closed solids.
        report: What the importer did, for a CAD file.
    """

    bodies: tuple[Body, ...]
    report: dict = field(default_factory=dict)

    def body(self, name: str) -> Body:
        """Return the body of that name."""
        for body in self.bodies:
            if body.name == name:
                return body
        raise unknown("body", name, [b.name for b in self.bodies])


def load_part(choice: PartChoice, folder: Path) -> Part:
    """Return the part of a scene, scaled and with its materials; a relative file counts from `folder`."""
    if choice.library is not None:
        part = _library_part(choice.library, tuple(sorted(choice.dimensions.items())))
    else:
        path = folder / (choice.file or "")
        part = _file_part(path, choice.unit, choice.tolerance_mm, choice.repair)
    bodies = tuple(
        Body(name=b.name, solid=b.solid.scale((choice.scale,) * 3), material=choice.materials.get(b.name, b.material))
        for b in part.bodies
    )
    return Part(bodies=bodies, report=part.report)


def load_parts(scene: SceneSpec, folder: Path) -> list[Part]:
    """Return the parts of a scene, in the order of its items; relative files count from `folder`."""
    return [load_part(item.part, folder) for item in scene.items]


def source_of(spec: PartSpec) -> PartChoice:
    """Return the part as it is before anything is drawn: its dimensions by default, its scale 1."""
    return PartChoice(
        name=spec.key, library=spec.library, file=spec.file, unit=spec.unit, repair=spec.repair,
        tolerance_mm=spec.tolerance_mm, materials={}, host="",
    )  # fmt: skip


def save_solids(bodies: tuple[Body, ...]) -> bytes:
    """Return bodies as the bytes of an .npz file, the same for the same bodies; `load_part` reads it."""
    arrays = {}
    for body in bodies:
        mesh = body.solid.to_mesh64()
        arrays[f"{body.name}.vertices_mm"] = np.asarray(mesh.vert_properties, np.float64)[:, :3]
        arrays[f"{body.name}.faces"] = np.asarray(mesh.tri_verts, np.int32)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def fingerprint(part: Part) -> str:
    """Return a hash of the part's geometry."""
    digest = hashlib.sha256()
    for body in part.bodies:
        mesh = body.solid.to_mesh64()
        digest.update(np.ascontiguousarray(mesh.vert_properties, np.float64).tobytes())
        digest.update(np.ascontiguousarray(mesh.tri_verts, np.int64).tobytes())
    return digest.hexdigest()


@functools.lru_cache(maxsize=32)
def _library_part(name: str, dimensions: tuple[tuple[str, float], ...]) -> Part:
    from scenes.library.catalog import make_part  # the library builds its list on import

    return Part(bodies=make_part(name, dict(dimensions)))


@functools.lru_cache(maxsize=32)
def _file_part(path: Path, unit: str | None, tolerance_mm: float, repair: bool) -> Part:
    if path.suffix == ".npz":
        return Part(bodies=_load_solids(path))
    from dataclasses import asdict

    from scenes.cad.importer import read_solids  # trimesh takes half a second to import

    solids, report = read_solids(path, unit=unit, tolerance_mm=tolerance_mm, repair=repair)
    names = ["part"] if len(solids) == 1 else [f"body_{i + 1}" for i in range(len(solids))]
    boxes = np.array([s.bounding_box() for s in solids])
    middle = (boxes[:, :3].min(0) + boxes[:, 3:].max(0)) / 2
    bodies = [Body(name=n, solid=s.translate(tuple(-middle)), material="") for n, s in zip(names, solids, strict=True)]
    return Part(bodies=tuple(bodies), report=asdict(report))


def _load_solids(path: Path) -> tuple[Body, ...]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            names = [key.removesuffix(".faces") for key in arrays.files if key.endswith(".faces")]
            bodies = []
            for name in names:
                mesh = Mesh64(arrays[f"{name}.vertices_mm"], arrays[f"{name}.faces"].astype(np.uint64))
                bodies.append(Body(name=name, solid=Manifold(mesh), material=""))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path} is not a part that ctsim saved: {error}") from error
    if not bodies or any(b.solid.status() != Error.NoError or b.solid.is_empty() for b in bodies):
        raise BadInput(f"{path} holds no closed solid")
    return tuple(bodies)
