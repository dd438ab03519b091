"""SceneSpec -> Specimen: disjoint watertight solids, each with its material and its label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold, OpType

from defects import kinds
from defects.messages import BadInput
from scenes.body import VOID, Body
from scenes.cavities import cavities_of
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
        solids: Disjoint; they fill what the part fills once flaws have changed it as a whole, and where powder lies.
        host: The body that the defects sit in, before they did; bent where the whole part is.
    """

    solids: tuple[Solid, ...]
    host: Manifold


def build(scene: SceneSpec, part: Part) -> Specimen:
    """Return the specimen of a scene.

    What changes the part as a whole comes first. All other flaws are then cut into the host: each ends at the host's
    surface, and where an earlier one begins. Matter that is added to the part ends where the part begins.
    """
    matrix = matrix_of(scene.pose)
    changed, found = change_whole(part, scene.defects, scene.part.host)
    host = changed.body(scene.part.host).solid
    cuts = {n: flaw for n, flaw in enumerate(scene.defects, start=1) if not _is_whole(flaw) and not _is_added(flaw)}
    cavities = dict(zip(cuts, cavities_of([flaw.solid() for flaw in cuts.values()], host), strict=True))
    found |= {n: (cavity, getattr(cuts[n], "material", VOID)) for n, cavity in cavities.items()}
    added = {n: flaw for n, flaw in enumerate(scene.defects, start=1) if _is_added(flaw)}
    whole = [body.solid for body in changed.bodies] + [found[n][0] for n in found if n not in cavities]
    for n, flaw in added.items():
        lies = Manifold.batch_boolean([flaw.solid(), *whole], OpType.Subtract)
        whole.append(lies)
        found[n] = (lies, flaw.material)
    solids = []
    for body in changed.bodies:
        sound = body.solid
        if body.name == scene.part.host and cavities:
            sound = sound - Manifold.batch_boolean(list(cavities.values()), OpType.Add)
        solids.append(Solid(surface=sound.transform(matrix), material=body.material, label=body.material))
    for number, (surface, filled) in sorted(found.items()):
        label = kinds.name_of(scene.defects[number - 1])
        solids.append(Solid(surface=surface.transform(matrix), material=filled, label=label, number=number))
    return Specimen(solids=tuple(s for s in solids if not s.surface.is_empty()), host=host.transform(matrix))


def change_whole(part: Part, flaws: Sequence[Any], host: str) -> tuple[Part, dict[int, tuple[Manifold, str]]]:
    """Return the part after all flaws that change it as a whole, and what is labelled as theirs.

    That is a solid and its material by the number of the flaw, from 1; a flaw without a region of its own has none, nor
    has one of a body that an earlier flaw has already taken away.

    Args:
        part: As it should be.
        flaws: All of a scene; those of other kinds are passed over.
        host: The body that other flaws sit in; it must stay.
    """
    bodies = {body.name: body for body in part.bodies}
    found: dict[int, tuple[Manifold, str]] = {}
    for number, flaw in enumerate(flaws, start=1):
        taken_away = {body.name for body in part.bodies} - set(bodies)
        if not _is_whole(flaw) or getattr(flaw, "body", None) in taken_away:
            continue
        # what earlier flaws have left behind bends with the part
        regions = {f"flaw {n}": solid for n, (solid, _) in found.items()}
        changed = flaw.changed({name: body.solid for name, body in bodies.items()} | regions)
        if host not in changed.solids:
            raise BadInput(f"a flaw takes away body {host!r}, which is the host of all others; take another body")
        found = {n: (changed.solids[f"flaw {n}"], filled) for n, (_, filled) in found.items()}
        if changed.region is not None:
            filled = VOID if changed.filled is None else changed.filled or part.body(flaw.body).material
            found[number] = (changed.region, filled)
        bodies = _left(bodies, changed.solids, changed.materials)
    return replace(part, bodies=tuple(bodies.values())), found


def _left(bodies: Mapping[str, Body], solids: Mapping[str, Manifold], materials: Mapping[str, str]) -> dict[str, Body]:
    """Return the bodies that are left, changed."""
    return {
        name: replace(body, solid=solids[name], material=materials.get(name, body.material))
        for name, body in bodies.items()
        if name in solids
    }


def _is_whole(flaw: Any) -> bool:
    return kinds.kind_of(kinds.name_of(flaw)).whole_part


def _is_added(flaw: Any) -> bool:
    return getattr(flaw, "added", False)
