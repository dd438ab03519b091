r"""Filtered backprojection for cone beams: Feldkamp, Davis and Kress (J. Opt. Soc. Am. A 1, 612, 1984).

The nominal geometry is all that it sees, and it reads everything off it: full turns and short scans, steps that are not
even, a detector beside the axis, a helix, a tilted axis, and what is known of a misaligned scanner, view by view.

Exact in the middle plane of a circular scan, and for what does not change along z. Elsewhere an approximation:

* cone beam: off the middle plane, the error grows with the square of the cone angle;
* helix: each height takes the turn around it as if it were a circle (`redundancy.turn_weights`);
* laminography: rows are filtered as in a circular scan, in the tilted planes of source and row, each weighed by how far
  the source goes. In the limit of parallel beams this is the filter |frequency| times the sine of the angle between the
  beam and the axis (Lauritsch and Haerer, Proc. SPIE 3338, 1127, 1998); what no view shows stays unknown.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ctsim.arrays import Array, is_on_card, module_of
from ctsim.geometry import Geometry, Grid
from ctsim.reconstruct.backproject import SIDE, add_views, depths, upright, voxel_matrices
from ctsim.reconstruct.course import ELSE, Course, course_of, fan_of
from ctsim.reconstruct.lanes import REACH
from ctsim.reconstruct.ramp import WINDOWS, filtered, padded_length, response
from ctsim.reconstruct.redundancy import ray_weights, turn_weights
from ctsim.reconstruct.weigh import levelled, weigh
from defects.messages import BadInput, unknown
from scenes.scene import Window

BATCH = 32
"""Views that go through the volume together: reading and writing it costs 4 % of the time then."""

LARGEST = 2**26
"""Pixels of the pictures of a batch (256 MB); beyond, half a batch."""

CHUNK = 2**21
"""Numbers that are filtered together (8 MB, three times): they stay in the cache of most machines."""

FADE = 0.1, 0.5
"""Share of a turn over which a turn of a helix goes over into the next: what the detector must see, and what is taken
where it sees more; streaks fall by a tenth from the one to the other."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What a scan's reconstruction needs to know before it sees a projection.

    Attributes:
        course: How the source runs.
        detector: The geometry, with rows along the turn.
        slope: How many rows up each of these climbs from column to column.
        going_mm: How far the source goes in the time of each view [mm].
        weights: How much the rays count, to each column at the upper and the lower end of the detector.
        fade: Of a helix; see `redundancy.turn_weights`.
        lead: Columns that are missing before the detector's first, until it reaches as far on either side of the axis.
        tail: Columns that are missing after its last.
    """

    course: Course
    detector: Geometry
    slope: Float[np.ndarray, " view"]
    going_mm: Float[np.ndarray, "view 3"]
    weights: Float[np.ndarray, "view 2 column"]
    fade: float
    lead: int
    tail: int


def fdk(
    attenuation: Float[Array, "view row col"],
    geometry: Geometry,
    grid: Grid,
    window: Window = "ram-lak",
) -> Float[Array, "z y x"]:
    """Return the linear attenuation coefficient in each voxel [1/mm].

    Raises BadInput where the geometry is beyond filtered backprojection; `plan_of` tells that beforehand.

    Args:
        attenuation: Line integrals. Where they lie on a card, the volume is made and left there.
        geometry: Where source and detector are believed to be.
        grid: The voxels.
        window: On the ramp, by falling sharpness and noise: ram-lak, shepp-logan, cosine, hamming, hann.
    """
    if not (isinstance(attenuation, np.ndarray) or is_on_card(attenuation)):
        raise BadInput(f"projections must be an array of numpy or cupy, got {type(attenuation).__name__}")
    if window not in WINDOWS:
        raise unknown("window", window, WINDOWS)
    wanted = geometry.views, geometry.rows, geometry.columns
    if attenuation.shape != wanted:
        raise BadInput(f"projections must be [view row col] {wanted} as in the geometry, got {attenuation.shape}")
    plan = plan_of(geometry, grid)
    helix, projection = plan.course.kind == "helix", plan.detector.projection
    lines = upright(projection, grid)
    matrices = voxel_matrices(projection, grid, plan.lead)
    weights = turn_weights(plan.course, plan.fade, grid.centres_mm(0)) if helix else np.ones((1, geometry.views))
    columns = plan.lead + geometry.columns + plan.tail
    factors = response(padded_length(columns), window)
    size = columns + 2 * SIDE, plan.detector.rows + 2 * REACH
    batch = min(BATCH if BATCH * size[0] * size[1] <= LARGEST else BATCH // 2, geometry.views)
    zeros = module_of(attenuation).zeros
    pictures, volume = zeros((batch, *size), np.float32), zeros(grid.shape, np.float32)
    for first in range(0, geometry.views, batch):
        views = slice(first, min(first + batch, geometry.views))
        some = pictures[: views.stop - first]
        fill(some, attenuation, plan, factors, views)
        add_views(some, matrices[views], weights[:, views], lines, volume)
    return volume


def check_path(geometry: Geometry) -> None:
    """Raise BadInput where filtered backprojection cannot follow a path, whatever the volume."""
    course_of(geometry)
    levelled(geometry)


def plan_of(geometry: Geometry, grid: Grid) -> Plan:
    """Return how a scan will be reconstructed, or raise BadInput where filtered backprojection cannot do it."""
    course = course_of(geometry)
    detector, slope = levelled(geometry)
    if not depths(geometry.projection, grid).min() > 0:
        raise BadInput("the volume reaches the source's path; give a smaller one, or a larger source_object_mm")
    lead, tail = _missing_columns(course, geometry)
    columns, ends = np.arange(geometry.columns) + 0.5, (0.0, float(detector.rows))
    return Plan(
        course=course,
        detector=detector,
        slope=slope,
        going_mm=course.share_rad[:, None] * np.cross([0.0, 0.0, 1.0], geometry.source_mm),
        weights=np.stack([ray_weights(course, fan_of(detector, columns, row)) for row in ends], axis=1),
        fade=_fade(course, geometry, grid) if course.kind == "helix" else 0.0,
        lead=lead,
        tail=tail,
    )


def fill(
    pictures: Float[Array, "some width height"],
    attenuation: Float[Array, "view row col"],
    plan: Plan,
    factors: Float[np.ndarray, " frequency"],
    views: slice,
) -> None:
    """Put the filtered projections of some views into pictures, within their border."""
    some = plan.detector.some(views)
    length, inner = padded_length(pictures.shape[1] - 2 * SIDE), pictures[:, SIDE:-SIDE, REACH:-REACH]
    count = some.views if is_on_card(pictures) else max(1, min(CHUNK // (length * some.rows), some.views))
    lines = module_of(pictures).zeros((count, length, some.rows), np.float32)
    for first in range(0, some.views, count):
        part = slice(first, min(first + count, some.views))
        here = lines[: part.stop - first]
        weigh(
            attenuation[views][part], some.some(part), plan.slope[views][part], plan.going_mm[views][part],
            plan.weights[views][part], here[:, plan.lead : plan.lead + some.columns],
        )  # fmt: skip
        inner[part] = filtered(here, factors)[:, : inner.shape[1]]


def _missing_columns(course: Course, geometry: Geometry) -> tuple[int, int]:
    """Return the columns to add before and after, so that an offset detector reaches as far on either side.

    What is filtered has tails there, which belong to the volume as well.
    """
    if not course.offset:
        return 0, 0
    axis = geometry.projection[:, :, 3]
    column = axis[:, 0] / axis[:, 2]
    missing = float(np.abs(geometry.columns - 2 * column).max())
    return (0, int(np.ceil(missing))) if column.mean() > geometry.columns / 2 else (int(np.ceil(missing)), 0)


def _fade(course: Course, geometry: Geometry, grid: Grid) -> float:
    """Return over which share of a turn to fade, or raise BadInput where the detector does not see a voxel's turn."""
    radius = np.hypot(geometry.source_mm[:, 0], geometry.source_mm[:, 1]).mean()
    seen = radius * np.sin(np.abs(course.edge_rad).max())
    nearest = radius - min(seen, max(grid.shape[1:]) / 2 * grid.voxel_mm)
    ends = geometry.corner_ray_mm + geometry.columns / 2 * geometry.u_mm
    slopes = [ray[:, 2] / np.hypot(ray[:, 0], ray[:, 1]) for ray in (ends, ends + geometry.rows * geometry.v_mm)]
    seen_mm = 2 * nearest * min(np.max(slopes, axis=0).min(), -np.min(slopes, axis=0).max())
    turns = min(seen_mm / abs(course.climb_mm), course.range_rad / (2 * np.pi) + FADE[0])
    if turns < 1 + FADE[0]:
        raise BadInput(
            f"FDK needs a helix that climbs at most {max(seen_mm, 0) / (1 + FADE[0]):.4g} mm a turn on this detector, "
            f"got {abs(course.climb_mm):.4g} mm. Lower pitch_mm, add rows, give a narrower volume, {ELSE}"
        )
    return float(min(turns - 1, FADE[1], max(course.range_rad / (2 * np.pi) - 1, 0)))
