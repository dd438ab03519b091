"""SceneSpec -> Specimen: disjoint watertight solids, each with its material and its label."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, OpType

from defects import kinds
from scenes.body import VOID
from scenes.parts import Part
from scenes.pose import matrix_of
from scenes.scene import SceneSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """One piece of matter, or of none.

    Attributes:
        surface: Closed, in the stage's frame [mm].
        material: What it is made of; `void` for a cavity.
        label: Class of its voxels: the material's name, or the defect's kind.
        number: Of the defect in the scene, from 1; 0 for sound matter.
    """

    surface: Manifold
    material: str
    label: str
    number: int = 0

    def mesh(self) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
        """Return its vertices [mm] and faces."""
        mesh = self.surface.to_mesh64()
        return np.asarray(mesh.vert_properties)[:, :3].copy(), np.asarray(mesh.tri_verts).astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Specimen:
    """What stands on the stage.

    Attributes:
        solids: Disjoint; they fill what the part filled before anything went wrong with it.
        host: The body that the defects sit in, before they did.
    """

    solids: tuple[Solid, ...]
    host: Manifold


def build(scene: SceneSpec, part: Part) -> Specimen:
    """Return the specimen of a scene. A flaw ends at its host's surface, and where an earlier flaw begins."""
    matrix = matrix_of(scene.pose)
    host = part.body(scene.part.host).solid
    cavities = _cavities([flaw.solid() for flaw in scene.defects], host)
    solids = []
    for body in part.bodies:
        sound = body.solid
        if body.name == scene.part.host and cavities:
            sound = sound - Manifold.batch_boolean(cavities, OpType.Add)
        solids.append(Solid(surface=sound.transform(matrix), material=body.material, label=body.material))
    for number, (flaw, cavity) in enumerate(zip(scene.defects, cavities, strict=True), start=1):
        filled = getattr(flaw, "material", VOID)
        label = kinds.name_of(flaw)
        solids.append(Solid(surface=cavity.transform(matrix), material=filled, label=label, number=number))
    return Specimen(solids=tuple(s for s in solids if not s.surface.is_empty()), host=host.transform(matrix))


def _cavities(flaws: list[Manifold], host: Manifold) -> list[Manifold]:
    """Return what each flaw takes from the host."""
    taken: list[Manifold] = []
    for flaw in flaws:
        cavity = flaw ^ host
        for earlier in taken:
            if _boxes_meet(cavity, earlier):
                cavity = cavity - earlier
        taken.append(cavity)
    return taken


def _boxes_meet(a: Manifold, b: Manifold) -> bool:
    p, q = np.array(a.bounding_box()), np.array(b.bounding_box())
    return bool(np.all(p[:3] <= q[3:]) and np.all(q[:3] <= p[3:]))
