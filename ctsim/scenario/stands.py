"""Source, detector and stage of a scenario in every view, and what they must not contradict."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry
from ctsim.scenario.acquisition import Acquisition
from ctsim.scenario.placing import Stand, read_placement, stand_of
from ctsim.scenario.samples import Moves
from ctsim.scenario.units import DEG
from ctsim.scenario.values import Node
from ctsim.transmit import falloff
from defects.messages import BadInput
from scenes.build import Solid, Specimen

Rows = Float[np.ndarray, "view 12"]


def things_of(node: Node, course: Acquisition, known: bool) -> tuple[Stand, Stand, Stand]:
    """Return where source, detector and stage stand in the world, as it is or as reconstruction knows it."""
    frames = np.arange(course.views, dtype=float)
    found = []
    for thing in ("source", "detector", "stage"):
        place = read_placement(node[thing])
        if place.centre.basis != "xyz":
            raise node[thing]["center"].wrong("must be given along x, y, z of the world")
        try:
            turn = course.turn_deg if thing == "stage" else None
            found.append(stand_of(place, frames, course.views, known=known, turn_deg=turn))
        except ValueError as error:
            raise BadInput(f"{node.book.file.name}: {node[thing].path}: {error}") from error
    _check_cone(node["source"])
    return found[0], found[1], found[2]


def _check_cone(node: Node) -> None:
    if node["type"].text(("cone", "parallel")) == "parallel":
        raise node["type"].wrong("must be cone: parallel beams are not rendered")
    for axis in "uv":
        if node["beam_divergence"][axis].steady(DEG):
            node["beam_divergence"][axis].tell("a cone beam has none beside its cone")


def vectors_of(source: Stand, detector: Stand, stage: Stand, pitch: tuple[float, float]) -> Rows:
    """Return source, detector centre, u and v as the stage sees them [mm]."""
    world = stage.inverse()
    return np.concatenate(
        [
            world.point(source.centre_mm),
            world.point(detector.centre_mm),
            pitch[0] * world.direction(detector.axes[:, 0]),
            pitch[1] * world.direction(detector.axes[:, 1]),
        ],
        axis=1,
    )


def aligned(stands: tuple[Stand, Stand, Stand]) -> bool:
    """Return whether the focal spot's u lies along the detector's in the first view, to a degree."""
    source, detector, _ = stands
    return bool(abs(source.axes[0, 0] @ detector.axes[0, 0]) > np.cos(np.deg2rad(1)))


def brightest(row: Float[np.ndarray, "12"], rows: int, columns: int) -> float:
    """Return the free beam in its strongest pixel, the nearest to the foot, in units of that at the foot itself."""
    source, centre, u, v = row.reshape(4, 3)
    sides, counts = np.stack([u, v]), np.array([columns, rows])
    # from the panel's middle to the foot, in pixels; rows and columns are at a right angle
    foot = (sides @ (source - centre)) / (sides**2).sum(1)
    index = np.clip(np.floor(foot + counts / 2), 0, counts - 1)
    middle = centre + (index + 0.5 - counts / 2) @ sides
    pixel = Geometry.from_astra(np.concatenate([source, middle, u, v])[None], rows=1, columns=1)
    return falloff(pixel).item()


def check_between(specimen: Specimen, moves: Moves | None, vectors: Rows, source: str) -> None:
    """Raise BadInput unless all solids stay between the source and the detector."""
    for number, solid in enumerate(specimen.solids):
        path = np.broadcast_to(np.eye(3, 4), (len(vectors), 3, 4)) if moves is None else moves[:, number]
        for view in _views_outside(solid, path, vectors):
            raise BadInput(
                f"{source}: a sample of {solid.label} reaches behind the source or into the detector in view {view}; "
                "expected all samples between source and detector"
            )


def _views_outside(solid: Solid, path: Float[np.ndarray, "view 3 4"], vectors: Rows) -> Iterator[int]:
    """Yield the views in which a solid is not all between source and detector."""
    box = np.array(solid.surface.bounding_box()).reshape(2, 3)
    corners = np.array([[x, y, z] for x in box[:, 0] for y in box[:, 1] for z in box[:, 2]])
    vertices = None
    for view, (matrix, row) in enumerate(zip(path, vectors, strict=True)):
        if not _between(corners @ matrix[:, :3].T + matrix[:, 3], row):
            # a box stands out over what it holds
            vertices = solid.mesh()[0] if vertices is None else vertices
            if not _between(vertices @ matrix[:, :3].T + matrix[:, 3], row):
                yield view


def _between(points_mm: Float[np.ndarray, "point 3"], row: Float[np.ndarray, "12"]) -> bool:
    """Return whether points lie between the source and the detector's plane."""
    spot, centre, u, v = np.split(row, 4)
    normal = np.cross(u, v)
    depth = (points_mm - spot) @ normal / ((centre - spot) @ normal)
    return bool((depth > 0).all() and (depth < 1).all())
