"""Parts: bodies of one material each, from the library or from a CAD file."""

import functools
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from manifold3d import Error, Manifold, Mesh64

from defects.messages import BadInput, unknown
from scenes import plain_file
from scenes.body import Body
from scenes.npy_file import arrays_of
from scenes.part_spec import PartSpec
from scenes.scene import PartChoice, SceneSpec

MOST_UNPACKED = 1 << 29
"""Bytes that a saved part may unpack to: 10 million triangles."""

FARTHEST_MM = 1e9
"""Beyond, squares and products of coordinates lose their meaning."""


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

    from scenes.cad.importer import read_solids  # it compiles a kernel on import

    solids, report = read_solids(path, unit=unit, tolerance_mm=tolerance_mm, repair=repair)
    names = ["part"] if len(solids) == 1 else [f"body_{i + 1}" for i in range(len(solids))]
    boxes = np.array([s.bounding_box() for s in solids])
    middle = (boxes[:, :3].min(0) + boxes[:, 3:].max(0)) / 2
    bodies = [Body(name=n, solid=s.translate(tuple(-middle)), material="") for n, s in zip(names, solids, strict=True)]
    return Part(bodies=tuple(bodies), report=asdict(report))


def _load_solids(path: Path) -> tuple[Body, ...]:
    try:
        content = plain_file.read_bytes(path)
        arrays = dict(arrays_of(content, MOST_UNPACKED))
        names = [key.removesuffix(".faces") for key in arrays if key.endswith(".faces")]
        solids = {name: _solid(arrays[f"{name}.vertices_mm"], arrays[f"{name}.faces"]) for name in names}
    except KeyError as error:
        raise BadInput(f"{path} is not a part that ctsim saved: it lacks {error}") from error
    except OSError as error:
        raise BadInput(f"{path} is not a part that ctsim saved: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not a part that ctsim saved: {error}") from error
    if not solids or any(solid.status() != Error.NoError or solid.is_empty() for solid in solids.values()):
        raise BadInput(f"{path} holds no closed solid")
    return tuple(Body(name=name, solid=solid, material="") for name, solid in solids.items())


def _solid(vertices_mm: np.ndarray, faces: np.ndarray) -> Manifold:
    """Return the solid of saved arrays, or raise ValueError where they are none."""
    for array, kind in ((vertices_mm, "f"), (faces, "iu")):
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in kind:
            raise ValueError(f"an array of {array.dtype} and shape {array.shape}, expected rows of three numbers")
    if len(faces) and not (faces.min() >= 0 and faces.max() < len(vertices_mm)):
        raise ValueError(f"faces name vertices up to {faces.max()} of {len(vertices_mm)}")
    if not (np.abs(vertices_mm) <= FARTHEST_MM).all():
        raise ValueError(f"vertices lie beyond {FARTHEST_MM:g} mm")
    return Manifold(Mesh64(vertices_mm.astype(np.float64), faces.astype(np.uint64)))
