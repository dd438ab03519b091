"""How large a flaw is and what shape it has, from its surface: exact for its facets."""

import numpy as np
from jaxtyping import Float, Int
from manifold3d import Manifold

from ctsim.metrology.hull import ball_of, widths_mm

DISTINCT = 0.01
"""Share by which an axis must be longer, or shorter, than the others to have a direction of its own."""

SIZES = (
    "volume_mm3", "equivalent_diameter_mm", "feret_max_mm", "feret_min_mm", "short_to_long_ratio", "sphericity",
    "compactness", "centroid_stage_mm", "long_axis", "long_axis_tilt_deg", "short_axis", "short_axis_tilt_deg",
    "projected_area_x_mm2", "projected_area_y_mm2", "projected_area_z_mm2", "root_area_mm", "voxels_across",
)  # fmt: skip
"""What `size_of` returns, by name."""


def size_of(solid: Manifold, voxel_mm: float) -> dict[str, float | list[float] | None]:
    r"""Return how large a solid is and what shape it has, by the names in SIZES; lengths in mm.

    * `equivalent_diameter_mm` d of the ball of equal volume, and `voxels_across`, how many voxels that is;
      `sphericity` \psi, its surface over the solid's, after Wadell (J. Geol. 43, 250, 1935): 1 for a ball,

      $$ d = \sqrt[3]{6 V / \pi}, \qquad \psi = \pi^{1/3} (6 V)^{2/3} / A $$

    * `feret_max_mm`, `feret_min_mm`: the greatest and the least distance of two parallel planes that touch it.
    * `compactness`: its volume over that of the smallest ball about it, 1 for a ball; the cube of what Wadell (J. Geol.
      41, 310, 1933) measures sphericity by in practice. Others call other ratios compact.
    * `long_axis`, `short_axis`: unit vectors (x, y, z), z >= 0, of the directions in which its matter spreads most and
      least, and their tilt to z [deg]: the eigenvectors of its second moments. None where two axes differ by less than
      DISTINCT: a ball has neither, a round sheet only a short axis, its normal.
    * `short_to_long_ratio`: of the spreads along these two; of an ellipsoid's axes, or of a box's sides.
    * `projected_area_x_mm2` and so on: of its shadow along that axis of the stage.
    * `root_area_mm`: the square root of that along z, as Murakami and Endo take it (J. Soc. Mater. Sci. Japan 35, 911,
      1986): of the area of the defect itself, not of its hull, projected onto the plane normal to the greatest tensile
      stress, here taken to pull along the stage's z. Their rules for flaws that are at or near a surface, or near each
      other, are not applied.

    Args:
        solid: Closed, in the stage's frame [mm]; of several pieces, all that is said holds for them together.
        voxel_mm: Side of the voxels.
    """
    volume, area = solid.volume(), solid.surface_area()
    diameter = np.cbrt(6 * volume / np.pi)
    points, faces = mesh_of(solid.hull())
    least, greatest = widths_mm(points, faces)
    _, radius = ball_of(points)
    centre, moments = centroid_and_moments(*mesh_of(solid))
    squares, axes = np.linalg.eigh(moments)
    spread = np.sqrt(np.maximum(squares, 0))
    long_axis = axes[:, 2] if spread[2] > (1 + DISTINCT) * spread[1] else None
    short_axis = axes[:, 0] if spread[1] > (1 + DISTINCT) * spread[0] else None
    shadows = [shadow_mm2(solid, axis) for axis in range(3)]
    return {
        "volume_mm3": rounded(volume),
        "equivalent_diameter_mm": rounded(diameter),
        "feret_max_mm": rounded(greatest),
        "feret_min_mm": rounded(least),
        "short_to_long_ratio": rounded(spread[0] / spread[2]),
        "sphericity": rounded(np.cbrt(np.pi) * np.cbrt(6 * volume) ** 2 / area),
        "compactness": rounded(volume / (4 / 3 * np.pi * radius**3)),
        "centroid_stage_mm": [rounded(round(x, 9)) for x in centre],
        **_direction("long_axis", long_axis),
        **_direction("short_axis", short_axis),
        **{f"projected_area_{name}_mm2": rounded(a) for name, a in zip("xyz", shadows, strict=True)},
        "root_area_mm": rounded(np.sqrt(shadows[2])),
        "voxels_across": rounded(diameter / voxel_mm),
    }


def centroid_and_moments(
    points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    r"""Return the centre of mass [mm] and the second moments about it, over the volume [mm2].

    Summed over the tetrahedra T between each face and a point, with the corners v of which that point is the origin,

    $$ \int_T x x^T dV = \frac{V_T}{20} \Big( \sum_i v_i v_i^T + s s^T \Big), \qquad s = \sum_i v_i $$

    Reference: the moments of a simplex (Lasserre and Avrachenkov, Am. Math. Mon. 108, 151, 2001).
    """
    start = points.mean(0)
    corners = points[faces] - start
    volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    sums, whole = corners.sum(1), volumes.sum()
    centre = (volumes[:, None] * sums / 4).sum(0) / whole
    squares = np.einsum("f,fki,fkj->ij", volumes, corners, corners) + np.einsum("f,fi,fj->ij", volumes, sums, sums)
    return start + centre, squares / 20 / whole - np.outer(centre, centre)


def shadow_mm2(solid: Manifold, axis: int) -> float:
    """Return the area of a solid's shadow along axis 0 (x), 1 (y) or 2 (z) [mm2]."""
    turned = np.roll(np.eye(3), 2 - axis, axis=0)  # the axis goes to z
    return float(solid.transform(np.column_stack([turned, np.zeros(3)])).project().area())


def mesh_of(solid: Manifold) -> tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"]]:
    """Return a solid's corners [mm] and faces."""
    mesh = solid.to_mesh64()
    return np.asarray(mesh.vert_properties)[:, :3].astype(float), np.asarray(mesh.tri_verts).astype(np.int64)


def rounded(value: float, digits: int = 9) -> float:
    """Return a number with nine digits: more than any metrology, fewer than those that differ between processors."""
    return float(f"{value:.{digits}g}") + 0.0  # no -0


def _direction(name: str, axis: Float[np.ndarray, "3"] | None) -> dict[str, list[float] | float | None]:
    """Return an axis with z >= 0 and its tilt to z; where two are nearly alike, it is less well known than a length."""
    if axis is None:
        return {name: None, f"{name}_tilt_deg": None}
    axis = np.round(axis, 6) + 0.0
    axis = axis * next(np.sign(c) for c in axis[::-1] if c != 0) + 0.0
    tilt = float(np.degrees(np.arctan2(np.hypot(axis[0], axis[1]), axis[2])))
    return {name: [float(c) for c in axis], f"{name}_tilt_deg": rounded(tilt, 6)}
