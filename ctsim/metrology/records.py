"""What an inspector wants to know of each defect: how large, what shape, how near the wall, how well seen."""

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from ctsim.truth import Truth
from defects import kinds
from defects.host import Host
from scenes.build import Solid, Specimen
from scenes.scene import SceneSpec


def defect_records(
    scene: SceneSpec, specimen: Specimen, truth: Truth, volume: Float[np.ndarray, "z y x"] | None
) -> list[dict]:
    """Return one record a defect, in the order of its number.

    Args:
        scene: The parameters come from here.
        specimen: Sizes and distances come from the solids.
        truth: The voxels of each defect.
        volume: The reconstruction, for contrast to noise [1/mm].
    """
    flaws = [solid for solid in specimen.solids if solid.number]
    host = Host(solid=specimen.host)
    records = []
    for solid, share in zip(flaws, truth.shares, strict=True):
        others = [other.surface for other in flaws if other is not solid]
        parameters = kinds.to_json(scene.defects[solid.number - 1])
        records.append(
            {
                "number": solid.number,
                "kind": parameters.pop("kind"),
                "material": solid.material,
                **size_of(solid.surface, scene.volume.voxel_mm),
                "centroid_stage_mm": centroid_mm(solid),
                "wall_distance_mm": _rounded(host.wall_mm(solid.surface)),
                "neighbour_distance_mm": _nearest_mm(solid.surface, others),
                "voxels": int(np.count_nonzero(truth.instances == solid.number)),
                "contrast_to_noise": None if volume is None else contrast_to_noise(volume, truth, *share),
                "parameters": parameters,
            }
        )
    return records


def size_of(solid: Manifold, voxel_mm: float) -> dict[str, float]:
    r"""Return volume, equivalent diameter, extent, sphericity and voxels across.

    $$ d = \sqrt[3]{6 V / \pi}, \qquad \psi = \pi^{1/3} (6 V)^{2/3} / A $$

    Sphericity after Wadell (J. Geol. 43, 1935): 1 for a ball. The short to long ratio compares the spread of the
    surface's corners along its shortest and longest principal axis: 1 for a ball, near 0 for a sheet.
    """
    volume, area = solid.volume(), solid.surface_area()
    diameter = np.cbrt(6 * volume / np.pi)
    points = _points(solid)
    spread = np.linalg.eigvalsh(np.cov(points.T))
    return {
        "volume_mm3": _rounded(volume),
        "equivalent_diameter_mm": _rounded(diameter),
        "feret_max_mm": _rounded(float(pdist(_points(solid.hull())).max())),
        "short_to_long_ratio": _rounded(float(np.sqrt(max(spread[0], 0) / spread[2]))),
        "sphericity": _rounded(np.cbrt(np.pi) * np.cbrt(6 * volume) ** 2 / area),
        "voxels_across": _rounded(diameter / voxel_mm),
    }


def centroid_mm(solid: Solid) -> list[float]:
    """Return the centre of mass (x, y, z) in the stage's frame [mm], from the tetrahedra under each face."""
    vertices, faces = solid.mesh()
    start = vertices.mean(0)
    a, b, c = (vertices[faces[:, i]] - start for i in range(3))
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return [_rounded(x) for x in start + (volumes[:, None] * (a + b + c) / 4).sum(0) / volumes.sum()]


def contrast_to_noise(
    volume: Float[np.ndarray, "z y x"],
    truth: Truth,
    box: tuple[slice, slice, slice],
    share: Float[np.ndarray, "box_z box_y box_x"],
) -> float | None:
    r"""Return how far a defect's voxels stand out from the sound matter about it, in standard deviations of that.

    $$ CNR = \frac{|\sum_i s_i v_i / \sum_i s_i - \bar v_{sound}|}{\sigma_{sound}} $$

    over the defect's voxels with their shares s; sound voxels are those within six voxels of its box that hold
    nothing but host. None where fewer than 30 of them are there.
    """
    near = tuple(slice(max(b.start - 6, 0), b.stop + 6) for b in box)
    pure = (truth.sound[near] > 0.999) & (truth.fractions[near] == 0)
    commonest = np.bincount(truth.labels[near][pure], minlength=1).argmax()  # not a neighbour of another material
    sound = volume[near][pure & (truth.labels[near] == commonest)]
    if len(sound) < 30 or not share.sum() > 0 or not sound.std() > 0:
        return None
    mean = float((share * volume[box]).sum() / share.sum())
    return _rounded(abs(mean - float(sound.mean())) / float(sound.std()))


def _nearest_mm(solid: Manifold, others: list[Manifold]) -> float | None:
    """Return the gap to the nearest other defect; None where there is none."""
    best = np.inf
    for bound, other in sorted(((_box_gap_mm(solid, other), other) for other in others), key=lambda pair: pair[0]):
        if bound >= best:
            break
        best = min(best, gap_mm(solid, other))
    return _rounded(best) if np.isfinite(best) else None


def gap_mm(a: Manifold, b: Manifold) -> float:
    """Return the gap between two solids, 0 where they touch; right to 2 %.

    Corner to corner is too far by at most e^2 / 3 g for facets of edge e at a gap g, so facets are cut until e is a
    quarter of the gap. Where that would be many, the gap is small, and comparing facet by facet is cheap.
    """
    far = _corner_gap_mm(a, b)
    smaller = min(_diagonal_mm(a), _diagonal_mm(b))
    if far < smaller / 8:
        return a.min_gap(b, far)
    for _ in range(2):  # the second time from a distance that is nearly right
        fine = [solid.refine_to_length(far / 4) for solid in (a, b)]
        far = min(far, _corner_gap_mm(*fine))
    return far


def _corner_gap_mm(a: Manifold, b: Manifold) -> float:
    return float(cKDTree(_points(a)).query(_points(b))[0].min())


def _box_gap_mm(a: Manifold, b: Manifold) -> float:
    """Return the gap between two bounding boxes: never more than that between what they hold."""
    p, q = np.array(a.bounding_box()), np.array(b.bounding_box())
    return float(np.linalg.norm(np.maximum(0, np.maximum(p[:3] - q[3:], q[:3] - p[3:]))))


def _diagonal_mm(solid: Manifold) -> float:
    box = np.array(solid.bounding_box())
    return float(np.linalg.norm(box[3:] - box[:3]))


def _points(solid: Manifold) -> Float[np.ndarray, "vertex 3"]:
    return np.asarray(solid.to_mesh64().vert_properties)[:, :3]


def _rounded(value: float) -> float:
    # nine digits: more than any metrology, fewer than the last bits that differ between processors
    return float(f"{value:.9g}")
