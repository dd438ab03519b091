"""Shapes that several tests look at."""

import numpy as np
from manifold3d import Manifold, OpType

from ctsim.backends.mesh import Triangles
from ctsim.geometry import Grid
from ctsim.truth import occupancy
from scenes.build import Solid


def triangles_of(*solids: Manifold) -> Triangles:
    """Return solids as triangles, each of its own material."""
    vertices, faces, rows, count = [], [], [], 0
    for row, solid in enumerate(solids):
        mesh = solid.to_mesh64()
        vertices.append(np.asarray(mesh.vert_properties)[:, :3])
        faces.append(np.asarray(mesh.tri_verts).astype(np.int64) + count)
        rows.append(np.full(len(faces[-1]), row))
        count += len(vertices[-1])
    return Triangles(vertices_mm=np.concatenate(vertices), faces=np.concatenate(faces), materials=np.concatenate(rows))


def letter_f() -> Manifold:
    """Return an F that looks like nothing but itself from any side: stem, long arm and short arm at three depths.

    Seen from -y, looking along +y with z up, it reads as an F: stem at -x, arms towards +x, the long one on top. The
    stem lies at y = -4, the long arm at 0 and the short one at +6.
    """
    stem = Manifold.cube((6, 6, 40), True).translate((-10, -4, 0))
    long_arm = Manifold.cube((24, 8, 6), True).translate((0, 0, 17))
    short_arm = Manifold.cube((14, 12, 6), True).translate((-5, 4, 2))
    return Manifold.batch_boolean([stem, long_arm, short_arm], OpType.Add)


def share_of(solid: Manifold, grid: Grid) -> np.ndarray:
    """Return the share of every voxel of the grid that lies in the solid."""
    box, share = occupancy(Solid(surface=solid, material="Al", label="Al"), grid)
    image = np.zeros(grid.shape)
    image[box] = share
    return image
