"""The samples of a scenario, section 8 of the format: solids, and how they move against the stage."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold

from ctsim.scenario.matter import Materials
from ctsim.scenario.placing import Placement, Stand, read_placement, stand_of
from ctsim.scenario.units import MM, PURE
from ctsim.scenario.values import Node, Parameter
from defects.messages import BadInput
from scenes.build import Solid, Specimen

TOUCH = 1e-6
"""Share of the smaller volume up to which two samples touch, and do not overlap: what single precision leaves."""

LOOKS = 8
"""Frames, evenly chosen, in which samples that move against each other are tried for overlap."""

MOST_PLACES = 2_000_000
"""Samples times views; the matrices of so many take half a gigabyte."""

NO_REPAIR = ", or give `repair: true` to have gaps joined and holes filled"
"""What the importer offers and a scenario cannot ask for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One entry of the list.

    Attributes:
        node: Where it stands in the file.
        label: Its material as the scenario calls it.
        material: The same as `ctsim.materials` knows it.
        solids: Its bodies [mm], the centre of their bounding box at the origin.
        scale: Along its own axes.
        placement: Along the stage's axes (uvw), or the world's (xyz).
    """

    node: Node
    label: str
    material: str
    solids: tuple[Manifold, ...]
    scale: tuple[Parameter, Parameter, Parameter]
    placement: Placement


Moves = Float[np.ndarray, "view solid 3 4"]


def read_sample(node: Node, materials: Materials) -> Sample:
    """Return one sample, its surface read from the file beside the scenario."""
    node["name"].use()
    material = materials.named(node["material_id"])
    if material is None:
        raise node["material_id"].wrong("must be the id of one of the materials")
    placement = read_placement(node["position"], "vector_r", "vector_t")
    if placement.centre.basis == "rst":
        raise node["position"]["center"].wrong("must be given along u, v, w of the stage or x, y, z of the world")
    factors = [node["scaling_factor"][axis].parameter(PURE) or Parameter(value=1.0) for axis in "rst"]
    return Sample(
        node=node, label=str(node["material_id"].value), material=material, solids=_solids(node),
        scale=(factors[0], factors[1], factors[2]), placement=placement,
    )  # fmt: skip


def place_samples(samples: list[Sample], stage: Stand, count: int) -> tuple[Specimen, Moves | None]:
    """Return the solids as they stand in the first frame, and how they move from there; None where nothing does.

    Where two samples overlap the later one stands and takes that from the earlier one; the format says nothing.

    Args:
        samples: In the order of the list.
        stage: Where the stage truly is in every frame.
        count: Frames of the scan.
    """
    if len(samples) * count > MOST_PLACES:
        raise samples[-1].node.wrong(f"must be one of fewer: {len(samples)} in {count} views are above {MOST_PLACES}")
    paths = [_path(sample, stage, count) for sample in samples]
    surfaces = [
        [solid.transform(path[0]) for solid in sample.solids] for sample, path in zip(samples, paths, strict=True)
    ]
    moves = [_from_the_first(path) for path in paths]
    for later in range(len(samples)):
        for earlier in range(later):
            if np.array_equal(moves[earlier], moves[later]):
                surfaces[earlier] = [_without(body, surfaces[later]) for body in surfaces[earlier]]
            elif _meet(surfaces[earlier], moves[earlier], surfaces[later], moves[later]):
                samples[later].node["position"].tell(
                    f"overlaps {samples[earlier].node.path} and moves against it: both count where they overlap"
                )
    solids, moved = [], []
    for sample, bodies, move in zip(samples, surfaces, moves, strict=True):
        for body in bodies:
            if not body.is_empty():
                solids.append(Solid(surface=body, material=sample.material, label=sample.label))
                moved.append(move)
    still = np.eye(3, 4)
    some = np.stack(moved, axis=1) if moved and not all(np.array_equal(m, still + 0 * m) for m in moved) else None
    return Specimen(solids=tuple(solids)), some


def _solids(node: Node) -> tuple[Manifold, ...]:
    """Return the bodies of a sample's file, about the centre of their bounding box [mm]."""
    from scenes.cad.importer import read_solids  # it compiles a kernel on import
    from scenes.cad.mesh_files import UNITLESS

    name, unit = node["file"].text(), node["unit"].text(tuple(str(unit) for unit in MM)) or "mm"
    if name is None:
        raise node["file"].wrong("must name a mesh file")
    path = node.book.path_of(name)
    stated = path.suffix.lower() not in UNITLESS  # the file itself says its unit
    try:
        bodies, _ = read_solids(path, unit=None if stated else "mm", scale=1.0 if stated else MM[unit])
    except BadInput as error:
        told = str(error).replace(NO_REPAIR, "")
        raise BadInput(f"{node.book.file.name}: {node.path}.file: {told}") from error
    boxes = np.array([body.bounding_box() for body in bodies])
    middle = (boxes[:, :3].min(0) + boxes[:, 3:].max(0)) / 2
    return tuple(body.translate(tuple(-middle)) for body in bodies)


def _path(sample: Sample, stage: Stand, count: int) -> Float[np.ndarray, "view 3 4"]:
    """Return the matrices that put a sample's own points into the stage's frame."""
    frames = np.arange(count, dtype=float)
    on_stage = sample.placement.centre.basis == "uvw"
    try:
        # deviations may be along the world's axes, the stage's, or (rst) its own
        stand = stand_of(
            sample.placement, frames, count, others={"xyz": stage.inverse()} if on_stage else {"uvw": stage},
        )  # fmt: skip
    except ValueError as error:
        raise BadInput(f"{sample.node.book.file.name}: {sample.node.path}.position: {error}") from error
    scale = np.stack([factor.at(frames, count) for factor in sample.scale], axis=1)
    if not (scale > 0).all():
        raise sample.node["scaling_factor"].wrong("must be above 0")
    if not on_stage:
        world = stage.inverse()
        stand = Stand(
            axes=np.einsum("fij,fjk->fik", stand.axes, world.axes), centre_mm=world.point(stand.centre_mm)
        )  # fmt: skip
    return np.concatenate([stand.axes.transpose(0, 2, 1) * scale[:, None, :], stand.centre_mm[:, :, None]], axis=2)


def _from_the_first(path: Float[np.ndarray, "view 3 4"]) -> Float[np.ndarray, "view 3 4"]:
    """Return the matrices from where something stands in the first view; exactly none where it stays there."""
    turn = path[:, :, :3] @ np.linalg.inv(path[0, :, :3])
    moves = np.concatenate([turn, path[:, :, 3:] - turn @ path[0, :, 3:]], axis=2)
    still = np.isclose(path, path[:1], rtol=0, atol=1e-9).all(axis=(1, 2))
    moves[still] = np.eye(3, 4)
    return moves


def _without(body: Manifold, others: list[Manifold]) -> Manifold:
    """Return a body without what others overlap of it."""
    for other in others:
        if _overlap(body, other):
            body = body - other
    return body


def _overlap(a: Manifold, b: Manifold) -> bool:
    p, q = np.array(a.bounding_box()), np.array(b.bounding_box())
    if not (np.all(p[:3] <= q[3:]) and np.all(q[:3] <= p[3:])):
        return False
    return (a ^ b).volume() > TOUCH * min(a.volume(), b.volume())


def _meet(first: list[Manifold], first_moves: np.ndarray, second: list[Manifold], second_moves: np.ndarray) -> bool:
    """Return whether two samples that move against each other overlap in some of the frames that are looked at."""
    views = np.unique(np.linspace(0, len(first_moves) - 1, LOOKS).astype(int))
    return any(
        _overlap(a.transform(first_moves[view]), b.transform(second_moves[view]))
        for view in views for a in first for b in second
    )  # fmt: skip
