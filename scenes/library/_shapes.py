"""What several parts are made of: round numbers of facets, plates with rounded edges, holes, fillets, centring."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from manifold3d import CrossSection, Manifold, OpType

from scenes.body import Body

SAGITTA_MM = 0.015  # a tenth of a fine lab-CT voxel (0.15 mm for a 120 mm part on 1024 pixels): facets stay unseen
OVERRUN_MM = 1.0  # a cutting tool sticks out this far, so that no cut ends in the face it opens


def segments(radius_mm: float) -> int:
    """Return how many chords keep a circle's sagitta r (1 - cos(pi / n)) below SAGITTA_MM; a multiple of 4."""
    chords = math.pi / math.acos(1 - min(SAGITTA_MM / radius_mm, 1.0))
    return max(16, 4 * math.ceil(chords / 4))


def disc(radius_mm: float) -> CrossSection:
    """Return a circle as fine as `segments` asks."""
    return CrossSection.circle(radius_mm, segments(radius_mm))


def rounded_rectangle(length_mm: float, width_mm: float, corner_mm: float) -> CrossSection:
    """Return a rectangle about the origin, its corners rounded."""
    core = CrossSection.square((length_mm - 2 * corner_mm, width_mm - 2 * corner_mm), center=True)
    return core.offset(corner_mm, circular_segments=segments(corner_mm))


def cushion(outline: CrossSection, height_mm: float, edge_mm: float) -> Manifold:
    """Return a convex outline raised from z = 0, the edges of both ends rounded by `edge_mm`."""
    steps = segments(edge_mm) // 4
    layers = []
    for angle in np.linspace(0, math.pi / 2, steps + 1):
        shrunk = outline.offset(-edge_mm * (1 - math.cos(angle)), circular_segments=segments(20))
        rise = edge_mm * (1 - math.sin(angle))
        layers.append(shrunk.extrude(height_mm - 2 * rise).translate((0, 0, rise)))
    return Manifold.batch_hull(layers)


def drill(radius_mm: float, depth_mm: float, chamfer_mm: float = 0.0) -> Manifold:
    """Return the tool of a hole through z = 0 to `depth_mm`: mouths chamfered at 45 degrees, ends run over."""
    mouth, out = radius_mm + chamfer_mm, depth_mm + OVERRUN_MM
    profile = [(0, -OVERRUN_MM), (mouth, -OVERRUN_MM), (mouth, 0), (radius_mm, chamfer_mm)]
    profile += [(radius_mm, depth_mm - chamfer_mm), (mouth, depth_mm), (mouth, out), (0, out)]
    return CrossSection([np.array(profile)]).revolve(segments(radius_mm))


def fillet(radius_mm: float) -> CrossSection:
    """Return the section of a concave fillet: its corner at the origin, its legs along +x and +y.

    It laps 0.1 mm into both walls: solids that only touch may stay apart by a rounding error.
    """
    square = CrossSection.square((radius_mm + 0.1, radius_mm + 0.1)).translate((-0.1, -0.1))
    return square - disc(radius_mm).translate((radius_mm, radius_mm))


def fillet_ring(shaft_mm: float, radius_mm: float) -> Manifold:
    """Return the fillet at the foot (z = 0) of a round boss of radius `shaft_mm`."""
    return fillet(radius_mm).translate((shaft_mm, 0)).revolve(segments(shaft_mm + radius_mm))


def box(low: Sequence[float], high: Sequence[float]) -> Manifold:
    """Return the box between two corners [mm]."""
    return Manifold.cube([b - a for a, b in zip(low, high, strict=True)]).translate(low)


def around(solid: Manifold, count: int, radius_mm: float = 0.0) -> Manifold:
    """Return copies of a solid, moved out along +x and spread evenly about z: a bolt circle."""
    moved = solid.translate((radius_mm, 0, 0))
    return union(moved.rotate((0, 0, 360 * k / count)) for k in range(count))


def union(solids: Iterable[Manifold]) -> Manifold:
    """Return all solids as one."""
    return Manifold.batch_boolean(list(solids), OpType.Add)


def centred(*bodies: Body) -> tuple[Body, ...]:
    """Return the bodies moved together, so that the centre of their common bounding box is the origin."""
    boxes = np.array([body.solid.bounding_box() for body in bodies])
    centre = (boxes[:, :3].min(axis=0) + boxes[:, 3:].max(axis=0)) / 2
    return tuple(replace(body, solid=body.solid.translate(-centre)) for body in bodies)
