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
from scenes.pose import matrix_of, posed
from scenes.scene import Item, SceneSpec
from scenes.stage import fixture_about


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """One piece of matter, or of none.

    Attributes:
        surface: Closed, in the stage's frame [mm].
        material: What it is made of; `void` for a cavity.
        label: Class of its voxels: the material's name, or the defect's kind.
        number: Of the defect in the scene, from 1; 0 for sound matter.
        item: Which of the scene's parts it belongs to, from 0.
        instead_of: Of a defect, the material that should be there, as `Region` has it; `void` where nothing should.
    """

    surface: Manifold
    material: str
    label: str
    number: int = 0
    item: int = 0
    instead_of: str = ""

    def mesh(self) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
        """Return its vertices [mm] and faces."""
        mesh = self.surface.to_mesh64()
        return np.asarray(mesh.vert_properties)[:, :3].copy(), np.asarray(mesh.tri_verts).astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Specimen:
    """What stands on the stage.

    Attributes:
        solids: Disjoint; they fill what the parts fill once flaws have changed them as a whole, the fixture, and where
            powder lies.
        hosts: Of each part, the body that its defects sit in, before they did; bent where the whole part is.
    """

    solids: tuple[Solid, ...]
    hosts: tuple[Manifold, ...] = ()

    @property
    def matter(self) -> tuple[Solid, ...]:
        """The solids that are of matter, not of nothing."""
        return tuple(solid for solid in self.solids if solid.material != VOID)

    @property
    def materials(self) -> tuple[str, ...]:
        """What the matter is made of, each once, in the order in which it is met."""
        return tuple(dict.fromkeys(solid.material for solid in self.matter))


def build(scene: SceneSpec, parts: Sequence[Part]) -> Specimen:
    """Return the specimen of a scene.

    What changes a part as a whole comes first. Its other flaws are then cut into its host: each ends at the host's
    surface, and where an earlier one begins. Matter that is added to a part ends where any other matter begins.

    Args:
        scene: What stands where, and what is wrong with it.
        parts: Of the scene's items, in their order.
    """
    made = [_in_its_frame(item, part) for item, part in zip(scene.items, parts, strict=True)]
    sound, flaws, hosts, filled, first = [], [], [], [], 0
    for number, (item, one) in enumerate(zip(scene.items, made, strict=True)):
        matrix = matrix_of(item.pose)
        stands = [replace(solid, surface=solid.surface.transform(matrix), item=number) for solid in one.solids]
        sound += [solid for solid in stands if not solid.number]
        flaws += [replace(solid, number=first + solid.number) for solid in stands if solid.number]
        filled += [body.solid for body in posed(with_regions(one.changed, one.regions), item.pose)]
        hosts.append(one.changed.body(item.part.host).solid.transform(matrix))
        first += len(item.defects)
    if scene.fixture is not None:
        held = _fixture(scene, parts, made)
        sound.append(Solid(surface=held.solid, material=held.material, label=held.material))
        filled.append(held.solid)
    flaws += _added(scene, filled)
    solids = (*sound, *sorted(flaws, key=lambda solid: solid.number))
    return Specimen(solids=tuple(s for s in solids if not s.surface.is_empty()), hosts=tuple(hosts))


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """What is labelled as a flaw that changes its part as a whole.

    Attributes:
        solid: Where it is.
        filled: The material there.
        instead_of: The material that should be there; that of the host, which it may stand out from, where it is the
            right one in a wrong place.
    """

    solid: Manifold
    filled: str
    instead_of: str


def change_whole(part: Part, flaws: Sequence[Any], host: str) -> tuple[Part, dict[int, Region]]:
    """Return the part after all flaws that change it as a whole, and what is labelled as theirs.

    That is a region by the number of the flaw, from 1; a flaw without a region of its own has none, nor has one of a
    body that an earlier flaw has already taken away.

    Args:
        part: As it should be.
        flaws: All of the part's; those of other kinds are passed over.
        host: The body that other flaws sit in; it must stay.
    """
    bodies = {body.name: body for body in part.bodies}
    found: dict[int, Region] = {}
    for number, flaw in enumerate(flaws, start=1):
        taken_away = {body.name for body in part.bodies} - set(bodies)
        if not _is_whole(flaw) or getattr(flaw, "body", None) in taken_away:
            continue
        # what earlier flaws have left behind bends with the part
        regions = {f"flaw {n}": region.solid for n, region in found.items()}
        changed = flaw.changed({name: body.solid for name, body in bodies.items()} | regions)
        if host not in changed.solids:
            raise BadInput(f"a flaw takes away body {host!r}, which is the host of all others; take another body")
        found = {n: replace(region, solid=changed.solids[f"flaw {n}"]) for n, region in found.items()}
        if changed.region is not None:
            material = part.body(flaw.body).material
            filled = VOID if changed.filled is None else changed.filled or material
            right = material if filled != material else part.body(host).material
            found[number] = Region(solid=changed.region, filled=filled, instead_of=right)
        bodies = _left(bodies, changed.solids, changed.materials)
    return replace(part, bodies=tuple(bodies.values())), found


def with_regions(part: Part, regions: Mapping[int, Region]) -> Part:
    """Return a changed part with what stands in place of its bodies, matter or void, each a body of its own."""
    there = (Body(name=f"flaw {n}", solid=region.solid, material=region.filled) for n, region in regions.items())
    return replace(part, bodies=(*part.bodies, *there))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    """A part with all its flaws but added matter, in its own frame.

    Attributes:
        changed: It after what changes it as a whole; the other flaws are cut into this.
        solids: Of its bodies, number 0, and of its flaws, numbered from 1.
        regions: Of the flaws that change it as a whole and leave something to label, by number.
    """

    changed: Part
    solids: list[Solid]
    regions: dict[int, Region]


def _in_its_frame(item: Item, part: Part) -> _Made:
    changed, regions = change_whole(part, item.defects, item.part.host)
    host = changed.body(item.part.host)
    cuts = {n: flaw for n, flaw in enumerate(item.defects, start=1) if not _is_whole(flaw) and not _is_added(flaw)}
    cavities = cavities_of([flaw.solid() for flaw in cuts.values()], host.solid)
    whole = {body.name: body.solid for body in changed.bodies}
    if cavities:
        whole[host.name] = host.solid - Manifold.batch_boolean(cavities, OpType.Add)
    solids = [Solid(surface=whole[b.name], material=b.material, label=b.material) for b in changed.bodies]
    for (number, flaw), cavity in zip(cuts.items(), cavities, strict=True):
        filled = getattr(flaw, "material", VOID)
        solids.append(_flaw(flaw, number, Region(solid=cavity, filled=filled, instead_of=host.material)))
    solids += [_flaw(item.defects[number - 1], number, region) for number, region in regions.items()]
    return _Made(changed=changed, solids=solids, regions=regions)


def _flaw(flaw: Any, number: int, region: Region) -> Solid:
    name = kinds.name_of(flaw)
    return Solid(surface=region.solid, material=region.filled, label=name, number=number, instead_of=region.instead_of)


def _fixture(scene: SceneSpec, parts: Sequence[Part], made: Sequence[_Made]) -> Body:
    """Return what holds the parts, in the stage's frame."""
    sound, bent = [], []
    for item, part, one in zip(scene.items, parts, made, strict=True):
        sound += posed(part, item.pose)
        if any(_is_whole(flaw) for flaw in item.defects):
            bent += posed(with_regions(one.changed, one.regions), item.pose)
    return fixture_about(scene.fixture, sound, bent)


def _added(scene: SceneSpec, filled: Sequence[Manifold]) -> list[Solid]:
    """Return the flaws that add matter, in the stage's frame, each ending where other matter begins."""
    found, number, taken = [], 0, list(filled)
    for place, item in enumerate(scene.items):
        for flaw in item.defects:
            number += 1
            if _is_added(flaw):
                lies = flaw.solid().transform(matrix_of(item.pose))
                lies = Manifold.batch_boolean([lies, *taken], OpType.Subtract)
                region = Region(solid=lies, filled=flaw.material, instead_of=VOID)
                found.append(replace(_flaw(flaw, number, region), item=place))
                taken.append(lies)
    return found


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
