"""The chords of many small solids, each in a window of its own, in a few calls: for one, the call takes longest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numba import prange

from ctsim.backends import mesh
from ctsim.backends.raster import depth_of, winding_of
from ctsim.backends.splat import LANES, snap, splat
from ctsim.geometry import Geometry
from ctsim.kernel import kernel

Mesh = tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]
"""Corners [mm] and faces of a solid; those of several meshes are as many as they are."""


def chords_mm(solids: Sequence[Mesh], geometry: Geometry) -> Float[np.ndarray, "solid view row col"]:
    """Return how long each ray is within each solid [mm], as `ctsim.backends.mesh.path_lengths` tells it.

    Args:
        solids: Corners [mm] and faces of each; closed.
        geometry: As many views of each solid, one solid's behind the other's.

    Raises:
        OpenSurface: A ray met more entries than exits or the other way round.
    """
    views = geometry.views // len(solids)
    points, faces = (np.concatenate(part) for part in zip(*solids, strict=True))
    ends = np.cumsum([[0, 0], *[(len(p), len(f)) for p, f in solids]], axis=0)
    of_all = mesh.Triangles(
        vertices_mm=points,
        faces=faces + np.repeat(ends[:-1, 0], np.diff(ends[:, 1]))[:, None],
        materials=np.zeros(len(faces), np.int64),
    )
    bits = np.zeros(len(solids), np.int64)
    for i, (p, f) in enumerate(solids):
        one = mesh.Triangles(vertices_mm=p, faces=f, materials=of_all.materials[: len(f)])
        bits[i] = mesh.bits_of(one, geometry.some(slice(i * views, (i + 1) * views)))
    chords = np.zeros((geometry.views, geometry.rows, geometry.columns), np.float32)
    frames = mesh.frames_of(geometry, np.arange(geometry.views))
    corners = np.ascontiguousarray(points.T, float)
    if leaks := _draw(corners, faces.astype(np.int32), of_all.planes, ends, bits, *frames, LANES, chords):
        raise mesh.OpenSurface(leaks, slice(0, views))
    return chords.reshape(len(solids), views, *chords.shape[1:])


@kernel(parallel=True, error_model="numpy")
def _draw(points, faces, planes, ends, bits, projections, frames, lanes, chords):
    """Fill in the chords, each view by one thread, and return how many rays have windings left over."""
    total, rows, columns = chords.shape
    views = total // len(bits)
    leaks = 0
    for view in prange(total):
        solid = view // views
        first, last, start, stop = ends[solid, 0], ends[solid + 1, 0], ends[solid, 1], ends[solid + 1, 1]
        xs, ys, zs = points[0, first:last], points[1, first:last], points[2, first:last]
        p, q, own, own_planes = projections[view], frames[view], faces[start:stop], planes[start:stop]
        lattice, material_of = np.zeros((last - first, 2), np.int32), np.zeros(stop - start, np.int32)
        words = np.zeros((1, rows, columns + LANES), np.int64)
        for i in range(last - first):
            snap(i, xs, ys, zs, p, 2.0 ** bits[solid], lattice)
        for face in range(stop - start):
            splat(
                face, xs, ys, zs, own, own_planes, material_of, lattice, p, q, bits[solid], columns, lanes, 0, 1, words
            )
        for row in range(rows):
            for column in range(columns):
                word = words[0, row, column]
                leaks += winding_of(word) != 0
                chords[view, row, column] = abs(depth_of(word)) * mesh.ray_mm(q, row, column)
    return leaks
