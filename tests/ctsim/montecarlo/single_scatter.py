r"""What a panel reads of photons that were scattered once, as an integral: the truth for a Monte Carlo's first order.

For a point source of one photon per steradian and energy, and a panel at P with its normal n,

$$ S(P) = \int_V \frac{e^{-\tau(E)}}{r_1^2} \, \frac{d\Sigma}{d\Omega}(E, \theta) \, e^{-\tau'(E')}
   \frac{\cos\beta}{r_2^2} \, s(E') \, dV, \qquad F(P) = \frac{\cos\alpha}{R^2} s(E) $$

where V is what the beam meets of the matter, r_1 leads from the source to a point of it and r_2 from there to P, tau
and tau' are the attenuation along them before and after, alpha and beta the angles of arrival, and s what the detector
makes of a photon: its energy, where nothing else is said. S / F is what is told. All of the panel's rectangle is
lighted and nothing beside it, as where a Monte Carlo sends its photons to the panel alone.

The differential cross-sections are scaled to the totals that attenuate (`references.per_mm`), as tables of totals with
drawn angles have it; unscaled they would be up to 1 % more for Compton scattering and 9 % less for Rayleigh's (W).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from ctsim.geometry import Geometry
from tests.ctsim.montecarlo import references

Lengths = Callable[[Float[np.ndarray, "node 3"], Float[np.ndarray, "node 3"]], Float[np.ndarray, "material node"]]
"""From where rays start and where they end, to their ways through each material [mm]."""

NARROW = np.array([0.0, *np.outer([-1, 1], [0.006, 0.02, 0.06, 0.2]).ravel()])
"""Tangents, from that of the way to the point, where its surroundings are cut: Rayleigh scattering is narrow."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box whose sides are square to the axes.

    Attributes:
        material: Of all of it.
        low_mm: Its corner of least x, y and z.
        high_mm: The opposite one.
    """

    material: str
    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """Lighted matter, as the nodes of a quadrature.

    Attributes:
        points_mm: Where they are.
        volumes_mm3: Their weights.
        materials: Which material each is of.
    """

    points_mm: Float[np.ndarray, "node 3"]
    volumes_mm3: Float[np.ndarray, " node"]
    materials: Int[np.ndarray, " node"]


def scattered_once(
    boxes: tuple[Box, ...],
    geometry: Geometry,
    energies_kev: Float[np.ndarray, " energy"],
    photons: Float[np.ndarray, " energy"],
    *,
    points_mm: Float[np.ndarray, "point 3"] | None = None,
    nodes: int = 6,
    signal: Callable[[np.ndarray], np.ndarray] = lambda energies_kev: energies_kev,
) -> Float[np.ndarray, "2 point"]:
    """Return what was scattered once by Compton's process and by Rayleigh's, in units of the free beam at the point.

    Args:
        boxes: A later one takes the place of what it stands in; it lies all within an earlier one, or outside.
        geometry: One view whose panel is square to an axis, as at 0, 90, 180 and 270 deg.
        energies_kev: Of the beam.
        photons: How many of each energy.
        points_mm: On the panel's plane; the pixels' centres, row by row, where left out.
        nodes: Of Gauss and Legendre along each side of each piece that the volume is cut into, at the boxes' faces.
        signal: What the detector makes of a photon.
    """
    points = pixel_centres(geometry) if points_mm is None else points_mm
    found = [
        integral(
            box_cloud(boxes, geometry, point, nodes), lambda a, b: box_lengths(boxes, a, b),
            tuple(box.material for box in boxes), source_mm=geometry.source_mm[0], normal=geometry.normal[0],
            point_mm=point, energies_kev=energies_kev, photons=photons, signal=signal,
        )
        for point in points
    ]  # fmt: skip
    return np.stack(found, axis=1)


def integral(
    cloud: Cloud,
    lengths: Lengths,
    names: tuple[str, ...],
    *,
    source_mm: Float[np.ndarray, "3"],
    normal: Float[np.ndarray, "3"],
    point_mm: Float[np.ndarray, "3"],
    energies_kev: Float[np.ndarray, " energy"],
    photons: Float[np.ndarray, " energy"],
    signal: Callable[[np.ndarray], np.ndarray] = lambda energies_kev: energies_kev,
) -> Float[np.ndarray, "2"]:
    """Return the same at one point for lighted matter of any shape, its materials in the order of the lengths."""
    there, back, straight = cloud.points_mm - source_mm, point_mm - cloud.points_mm, point_mm - source_mm
    r1, r2 = np.linalg.norm(there, axis=1), np.linalg.norm(back, axis=1)
    cosines = np.clip(np.sum(there * back, axis=1) / (r1 * r2), -1, 1)
    inward = lengths(np.broadcast_to(source_mm, there.shape), cloud.points_mm)
    outward = lengths(cloud.points_mm, np.broadcast_to(point_mm, back.shape))
    solid = cloud.volumes_mm3 / r1**2 * (back @ normal) / r2**3
    solid = solid / ((straight @ normal) / np.linalg.norm(straight) ** 3)
    found = np.zeros(2)
    for energy, count in zip(energies_kev, photons, strict=True):
        before = np.array([energy])
        arriving = count * solid * np.exp(-attenuation(names, before).T[0] @ inward)
        for i, after in enumerate((references.scattered_kev(energy, cosines), before)):
            away = np.exp(-np.sum(attenuation(names, after) * outward, axis=0))
            rate = _turned_per_mm_sr(i, names, energy, cosines, cloud.materials)
            found[i] += np.sum(arriving * rate * away * signal(after))
    return found / np.sum(photons * signal(energies_kev))


def attenuation(
    names: tuple[str, ...], energies_kev: Float[np.ndarray, " energy"]
) -> Float[np.ndarray, "material energy"]:
    """Return the attenuation coefficients [1/mm].

    Of many energies, which Compton scattering spreads over less than a factor of 3, by a hundred steps between powers
    of the energy: good to 1e-5 where no edge lies between them.
    """
    if len(energies_kev) < 200:
        return np.stack([references.per_mm(name, energies_kev).sum(0) for name in names])
    grid = np.geomspace(energies_kev.min(), energies_kev.max() * 1.000001, 101)
    rows = [np.interp(np.log(energies_kev), np.log(grid), np.log(references.per_mm(n, grid).sum(0))) for n in names]
    return np.exp(np.stack(rows))


def _turned_per_mm_sr(
    process: int, names: tuple[str, ...], energy_kev: float, cosines: np.ndarray, materials: np.ndarray
) -> Float[np.ndarray, " node"]:
    """Return the differential cross-section at each node, scaled to its material's total."""
    differential = (references.compton_per_mm_sr, references.rayleigh_per_mm_sr)[process]
    found = np.zeros(len(cosines))
    for number, name in enumerate(names):
        here = materials == number
        found[here] = scale(process, name, float(energy_kev)) * differential(name, energy_kev, cosines[here])
    return found


@cache
def scale(process: int, name: str, energy_kev: float) -> float:
    """Return the total cross-section over the differential one's integral; 0 is Compton's process, 1 is Rayleigh's."""
    total = references.per_mm(name, np.array([energy_kev]))[1 + process, 0]
    return total / references.whole_per_mm(("compton", "rayleigh")[process], name, energy_kev)


# ---------------------------------------------------------------------------------------------------------- boxes


def box_lengths(
    boxes: tuple[Box, ...], starts_mm: Float[np.ndarray, "node 3"], ends_mm: Float[np.ndarray, "node 3"]
) -> Float[np.ndarray, "box node"]:
    """Return the ways through each of the boxes, less those through later ones that stand in it [mm]."""
    found = [chords(box, starts_mm, ends_mm) for box in boxes]
    for outer in range(len(boxes)):
        for inner in range(outer + 1, len(boxes)):
            if _parent(boxes, inner) == outer:
                found[outer] = found[outer] - chords(boxes[inner], starts_mm, ends_mm)
    return np.stack(found)


def chords(
    box: Box, starts_mm: Float[np.ndarray, "node 3"], ends_mm: Float[np.ndarray, "node 3"]
) -> Float[np.ndarray, " node"]:
    """Return the ways from starts to ends that lie within a box, by its three slabs [mm]."""
    way = ends_mm - starts_mm
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = ((np.array(side) - starts_mm) / way for side in (box.low_mm, box.high_mm))
    within = (starts_mm >= box.low_mm) & (starts_mm <= box.high_mm)
    still = way == 0
    first = np.where(still, np.where(within, -np.inf, np.inf), np.minimum(near, far)).max(1)
    last = np.where(still, np.where(within, np.inf, -np.inf), np.maximum(near, far)).min(1)
    return np.maximum(np.minimum(last, 1) - np.maximum(first, 0), 0) * np.linalg.norm(way, axis=1)


def box_cloud(boxes: tuple[Box, ...], geometry: Geometry, point_mm: Float[np.ndarray, "3"], nodes: int) -> Cloud:
    """Return the nodes of what a panel's beam meets of the boxes, closer about the way to a point of the panel."""
    axes = np.stack([part / np.linalg.norm(part) for part in (geometry.normal[0], geometry.u_mm[0], geometry.v_mm[0])])
    if not np.allclose(np.abs(axes).max(1), 1):
        raise ValueError("expected a panel square to an axis; turn it by a multiple of 90 deg")
    seen = [np.sort(axes @ (np.array([b.low_mm, b.high_mm]) - geometry.source_mm[0]).T) for b in boxes]
    corner = axes @ geometry.corner_ray_mm[0]
    size = geometry.columns * np.linalg.norm(geometry.u_mm[0]), geometry.rows * np.linalg.norm(geometry.v_mm[0])
    tangents = np.array([(corner[i + 1], corner[i + 1] + size[i]) for i in range(2)]) / corner[0]
    depth, *across = axes @ (point_mm - geometry.source_mm[0])
    rays = [[tangents[i], across[i] / depth + NARROW] for i in range(2)]
    parts = [_lighted(k, seen, boxes, rays, nodes) for k in range(len(boxes))]
    points = np.concatenate([places for places, _ in parts]) @ axes + geometry.source_mm[0]
    return Cloud(
        points_mm=points, volumes_mm3=np.concatenate([weights for _, weights in parts]),
        materials=np.repeat(np.arange(len(boxes)), [len(weights) for _, weights in parts]),
    )  # fmt: skip


def pixel_centres(geometry: Geometry) -> Float[np.ndarray, "pixel 3"]:
    """Return where the pixels' centres are in the first view, row by row [mm]."""
    row, column = np.mgrid[: geometry.rows, : geometry.columns].reshape(2, -1, 1) + 0.5
    return (
        geometry.source_mm[0] + geometry.corner_ray_mm[0] + column * geometry.u_mm[0] + row * geometry.v_mm[0]
    )  # fmt: skip


def _lighted(
    which: int, seen: list[np.ndarray], boxes: tuple[Box, ...], rays: list[list[np.ndarray]], nodes: int
) -> tuple[Float[np.ndarray, "node 3"], Float[np.ndarray, " node"]]:
    """Return nodes and weights of what is lighted of one box and of no box within it, in the panel's directions.

    Slices square to the beam's axis are rectangles: those of the box, cut by those of the beam. They are cut where
    other boxes begin and end and about the way to the point, and along the beam where one or the other side begins
    to be the narrower.

    Args:
        which: Of the boxes.
        seen: Where each begins and ends, seen from the source: along the beam's axis and the panel's two.
        boxes: In which of them others stand.
        rays: For each of the panel's axes the tangents at which the beam ends, and those to cut at.
        nodes: Of each piece.
    """
    sides = np.concatenate(seen, axis=1)  # direction side
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.concatenate([(side / t[:, None]).ravel() for side, (t, _) in zip(sides[1:], rays, strict=True)])
    depths, along = _pieces(np.concatenate([sides[0], crossings]), *seen[which][0], nodes)
    places, weights = [], []
    for depth, step in zip(depths, along, strict=True):
        (u, du), (v, dv) = (
            _pieces(np.concatenate([sides[i + 1], cuts * depth]), *np.clip(ends * depth, *seen[which][i + 1]), nodes)
            for i, (ends, cuts) in enumerate(rays)
        )
        places.append(np.stack([g.ravel() for g in np.meshgrid(depth, u, v, indexing="ij")], axis=1))
        weights.append(step * np.outer(du, dv).ravel())
    points, volumes = np.concatenate(places), np.concatenate(weights)
    mine = volumes > 0
    for other in range(which + 1, len(seen)):
        if _parent(boxes, other) == which:
            mine &= ~np.all((points > seen[other][:, 0]) & (points < seen[other][:, 1]), axis=1)
    return points[mine], volumes[mine]


def _pieces(cuts: np.ndarray, low: float, high: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss and Legendre on each piece between two bounds."""
    edges = np.unique(np.concatenate([[low, high], cuts[(cuts > low) & (cuts < high)]]))
    x, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(edges)[:, None] / 2, (edges[:-1] + edges[1:])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


def _parent(boxes: tuple[Box, ...], which: int) -> int | None:
    """Return the last of the earlier boxes that holds a box, or None; it must not stick out of any."""
    inner = boxes[which]
    holders = []
    for number, outer in enumerate(boxes[:which]):
        inside = np.all(np.greater_equal(inner.low_mm, outer.low_mm) & np.less_equal(inner.high_mm, outer.high_mm))
        apart = np.any(np.greater_equal(inner.low_mm, outer.high_mm) | np.less_equal(inner.high_mm, outer.low_mm))
        if not inside and not apart:
            raise ValueError(f"box {which} must lie within box {number} or outside of it")
        holders += [number] if inside else []
    return holders[-1] if holders else None
