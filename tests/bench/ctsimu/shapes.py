"""The bodies of the 2D tests, made by code: the toolbox publishes none of them.

All stand in the frame of the source: x along the beam, y to the left and z up in the picture, the spot at the origin.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from manifold3d import CrossSection, Manifold, Mesh64, OpType

AL_MM = (41.00, 35.89, 30.79, 25.68, 20.58, 15.47, 10.36, 5.26, 0.15)
"""Steps 1 to 9 of the aluminium wedge; 2D-SW-3 states them, and they fit 2D-SW-1 and 2D-SW-2."""

FE_MM = (10.01, 8.76, 7.51, 6.26, 5.01, 3.77, 2.52, 1.27, 0.02)
"""Of the iron wedge: no text gives them; from the Monte Carlo primary at 100 keV, evenly spaced by 1.2475 mm."""

DUPLEX_MM = (0.8, 0.63, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.13, 0.1, 0.08, 0.063, 0.05)
"""Diameters of the wire pairs 1D to 13D, each pair as far apart as its wires are thick (ISO 19232-5, table 1)."""

WIRE_MM, PITCH_MM = 15.0, 4.0
"""Length of the wires; from pair to pair, which puts them into the region that 2D-DW-1 looks at."""

ROUND = 64
"""Corners that stand for a circle."""


def duplex_wires(turn_deg: float, middle_mm: tuple[float, float]) -> Manifold:
    """Return thirteen pairs of wires across the beam, the thickest on the left.

    A flat marker, as the lead figures of the real gauge are one, brings the middle of its bounding box to the origin.

    Args:
        turn_deg: How the row of pairs falls from left to right.
        middle_mm: Where its middle lies (y, z).
    """
    wires = []
    for number, thick_mm in enumerate(DUPLEX_MM):
        along_mm = (number - (len(DUPLEX_MM) - 1) / 2) * PITCH_MM
        for side in (-1, 1):
            wire = Manifold.cylinder(WIRE_MM, even_radius(thick_mm / 2), circular_segments=ROUND, center=True)
            wires.append(wire.translate((0, -(along_mm + side * thick_mm), 0)))
    row = Manifold.batch_boolean(wires, OpType.Add).rotate((turn_deg, 0, 0)).translate((0, *middle_mm))
    _, left, low, _, right, high = row.bounding_box()
    marker = Manifold.cube((0.4, 0.2, 0.2), True)
    y, z = (0.1 * np.sign(most) - most for most in (max(left, right, key=abs), max(low, high, key=abs)))
    return row + marker.translate((0, y, z))


def even_radius(radius_mm: float, corners: int = ROUND) -> float:
    """Return the radius of the regular polygon that has the area of a circle [mm]."""
    return radius_mm * math.sqrt(2 * math.pi / (corners * math.sin(2 * math.pi / corners)))


def shadow(outline: CrossSection, near_mm: float, far_mm: float) -> Manifold:
    """Return a sheet that casts one sharp shadow although it is thick: all of its walls point to the source.

    Args:
        outline: What it is to cover, (y, z) at the near face [mm].
        near_mm: From the source to the near face.
        far_mm: To the far one.
    """
    grown = far_mm / near_mm
    body = Manifold.extrude(outline, far_mm - near_mm, scale_top=(grown, grown)).translate((0, 0, near_mm))
    return body.transform(np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]], float))  # (y, z, x) -> (x, y, z)


def edge(corner_deg: float, thick_mm: float, at_mm: float, low_mm: float, left_mm: float) -> Manifold:
    """Return a plate with its upper right corner on the beam's axis, turned about it.

    Args:
        corner_deg: How far it is turned, clockwise in the picture.
        thick_mm: Along the beam.
        at_mm: From the source to its middle.
        low_mm: Length of its right edge at the far face.
        left_mm: Length of its upper edge there.
    """
    near, far = at_mm - thick_mm / 2, at_mm + thick_mm / 2
    cos, sin = math.cos(math.radians(corner_deg)), math.sin(math.radians(corner_deg))
    down, left = np.array([sin, -cos]) * low_mm, np.array([cos, sin]) * left_mm
    outline = np.array([(0, 0), down, left + down, left]) * near / far
    return shadow(CrossSection([outline]), near, far)


def hole_foil(
    holes_mm: tuple[tuple[float, float, float], ...], half_mm: float, near_mm: float, far_mm: float
) -> Manifold:
    """Return a square foil whose holes let pass what goes through circles, however thick it is.

    Args:
        holes_mm: (y, z, radius) of each at the near face.
        half_mm: Half of its side.
        near_mm: From the source to the near face.
        far_mm: To the far one.
    """
    foil = Manifold.cube((far_mm - near_mm, 2 * half_mm, 2 * half_mm), True).translate(((near_mm + far_mm) / 2, 0, 0))
    before, behind = near_mm * 0.99, far_mm * 1.01
    circles = [
        CrossSection.circle(even_radius(radius, 4 * ROUND), 4 * ROUND).translate((y, z)) for y, z, radius in holes_mm
    ]
    outline = CrossSection.batch_boolean(circles, OpType.Add).scale((before / near_mm, before / near_mm))
    return foil - shadow(outline, before, behind)


def wedge(
    steps_mm: tuple[float, ...],
    *,
    inner_mm: float | None = None,
    outer_mm: float | None = None,
    detector_mm: float,
    pixels: int,
    pixel_mm: float,
    sides: tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]],
    columns: int = 48,
) -> Manifold:
    """Return a spherical step wedge: shells about the source, so that every ray through a step crosses one thickness.

    Each step covers a strip of an eleventh of the picture, the thickest at the bottom; above and below one eleventh
    is free. The facets of all shells are alike but for their size, so that a ray loses no more of the thickness than
    the square of a facet's angle over eight: 2e-6 for 48 columns.

    Args:
        steps_mm: Thickness of the steps, the lowest first.
        inner_mm: Radius of the shell that all steps begin at.
        outer_mm: Or of that which all end at.
        detector_mm: From the source to the picture.
        pixels: Of the picture along a side.
        pixel_mm: Their pitch.
        sides: Column at which the wedge begins and ends, along `wedge_rows` [pixel].
        columns: Facets across.
    """
    rows = wedge_rows(len(steps_mm), pixels)
    share = np.linspace(0, 1, columns + 1)[:, None]
    across = sides[0] * (1 - share) + sides[1] * share  # column row
    y, z = (pixels / 2 - across) * pixel_mm, np.broadcast_to((pixels / 2 - rows) * pixel_mm, across.shape)
    rays = np.stack([np.full(across.shape, detector_mm), y, z], axis=2)
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    levels = np.array([0.0, *sorted(steps_mm)])
    levels = inner_mm + levels if outer_mm is None else outer_mm - levels[::-1]
    nodes = rays[:, :, None, :] * levels[:, None]
    thick = np.repeat(np.argsort(np.argsort(steps_mm))[::-1] + 1, (len(rows) - 1) // len(steps_mm))  # from the top
    shells = np.arange(len(steps_mm)) if outer_mm is None else np.arange(len(steps_mm))[::-1]
    filled = np.broadcast_to(shells < thick[:, None], (columns, len(thick), len(steps_mm)))
    return body_of_cells(nodes, filled)


def wedge_rows(steps: int, pixels: int, facets: int = 6) -> Float[np.ndarray, " row"]:
    """Return the rows of the picture that the facets of a wedge end at, from the top [pixel]."""
    return np.linspace(1, steps + 1, steps * facets + 1) * pixels / (steps + 2)


def body_of_cells(nodes: Float[np.ndarray, "i j k 3"], filled: Bool[np.ndarray, "i-1 j-1 k-1"]) -> Manifold:
    """Return the body that the filled cells of a bent lattice make together.

    Args:
        nodes: Where the lattice's points lie [mm]; i, j and k run as right-handed axes do.
        filled: Which cells hold matter.
    """
    padded = np.pad(filled, 1).astype(np.int8)
    number = np.arange(nodes[..., 0].size).reshape(nodes.shape[:3])
    faces = [_faces(np.moveaxis(padded, axis, 0), np.moveaxis(number, axis, 0), axis) for axis in range(3)]
    corners = np.concatenate(faces)
    used, packed = np.unique(corners, return_inverse=True)
    mesh = Mesh64(vert_properties=nodes.reshape(-1, 3)[used], tri_verts=packed.reshape(-1, 3).astype(np.uint64))
    return Manifold(mesh)


def _faces(filled: Int[np.ndarray, "a b c"], number: Int[np.ndarray, "p q r"], axis: int) -> Int[np.ndarray, "f 3"]:
    """Return the triangles between filled and empty cells along the first axis, counter-clockwise from outside."""
    step = np.diff(filled, axis=0)[:, 1:-1, 1:-1]
    found = []
    for sign in (-1, 1):
        at, b, c = np.nonzero(step == sign)
        quad = [number[at, b + i, c + j] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
        # the two other axes stand right-handed to the second one only the other way round
        outward = (sign < 0) != (axis == 1)
        quad = quad if outward else [quad[i] for i in (0, 3, 2, 1)]
        found += [np.stack([quad[0], quad[i], quad[i + 1]], axis=1) for i in (1, 2)]
    return np.concatenate(found)
