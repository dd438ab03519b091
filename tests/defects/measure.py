"""What tests measure on solids, from their triangles alone."""

import numpy as np
from manifold3d import Manifold


def vertices(solid: Manifold) -> np.ndarray:
    """Return its corners [mm], `[vertex 3]`."""
    return np.asarray(solid.to_mesh64().vert_properties)[:, :3]


def centroid(solid: Manifold) -> np.ndarray:
    """Return its centre of mass [mm]: that of the tetrahedra between its triangles and the origin."""
    a, b, c = (vertices(solid)[np.asarray(solid.to_mesh64().tri_verts)[:, i]] for i in range(3))
    volumes = np.einsum("fi,fi->f", a, np.cross(b, c)) / 6
    return volumes @ (a + b + c) / 4 / volumes.sum()
