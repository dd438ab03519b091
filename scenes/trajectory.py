"""How source and detector go about the part, how they miss their places, and the focal spot: the user's words for it.

The nominal path is a turn about z: full, short (`range_deg`), helical (`pitch_mm`), tilted (`tilt_deg`), with the
detector beside the axis (`detector_shift_mm`); or any path at all, as `vectors`. `scenes.orbit` computes it.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from defects.messages import unknown
from scenes.records import Record

MOST_POSES = 1_000_000
"""Radiographs that the views of one scan may be averaged from; their geometry alone takes 96 MB."""


def one_of(what: str, *names: str) -> BeforeValidator:
    """Return a check that a value is one of some names; the refusal names the nearest."""

    def check(value: Any) -> Any:
        if value not in names:
            raise unknown(what, str(value), names)
        return value

    return BeforeValidator(check)


def _amounts(value: Any) -> Any:
    if value is None or (_is_number(value) and np.isfinite(value)):
        return value
    if isinstance(value, list | tuple) and value and all(_is_number(v) and np.isfinite(v) for v in value):
        return tuple(float(v) for v in value)
    raise ValueError(f"must be a finite number, or a list of at least one, got {_short(value)}")


Amounts = Annotated[float | tuple[float, ...] | None, BeforeValidator(_amounts)]
"""One number, or several spread evenly from the first view to the last."""


class Deviation(Record):
    """How one thing misses its nominal place or turn, in one direction.

    A list is spread evenly from the first view to the last, with straight lines between its values. Every value counts
    from the nominal place in that view; nothing adds up from view to view. Several deviations of one thing act in
    their order, each along the axes as the ones before have left them (CTSimU scenario format 1.2, sections 2.2, 5.2).

    Attributes:
        of: `source`, `detector` or `stage`; the part goes with the stage.
        axis: `x`, `y`, `z` of the world, or `u`, `v`, `w` of the thing itself; the stage's turn with it.
        shift_mm: Along the axis.
        turn_deg: About the axis, right-handed, through the centre of the thing.
        known: Whether reconstruction is told.
    """

    of: Annotated[Literal["source", "detector", "stage"], one_of("thing", "source", "detector", "stage")]
    axis: Annotated[Literal["x", "y", "z", "u", "v", "w"], one_of("axis", "x", "y", "z", "u", "v", "w")]
    shift_mm: Amounts = None
    turn_deg: Amounts = None
    known: bool = False

    @model_validator(mode="after")
    def _one_amount(self) -> "Deviation":
        if (self.shift_mm is None) == (self.turn_deg is None):
            raise ValueError("give either shift_mm or turn_deg: a number, or a list spread over the views")
        if self.of == "source" and self.turn_deg is not None:
            raise ValueError(
                "a source has shift_mm only: its focal spot lies along the detector's u and v, however turned"
            )
        return self


def _range_deg(value: Any) -> Any:
    if value == "short" or (_is_number(value) and 0 <= value <= 360_000):
        return value
    raise ValueError(f"must be short (180 deg + fan angle) or a number of degrees from 0 to 360000, got {value!r}")


def _vectors(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        raise ValueError(f"must be rows of 12 numbers, or in a dataset file the name of a file, got {value!r}")
    try:
        rows = [[float(number) for number in row] for row in value]
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be rows of 12 numbers each, one row a view, got {_short(value)}") from error
    for view, row in enumerate(rows):
        if len(row) != 12:
            raise ValueError(
                f"row {view} must hold 12 numbers (source, detector centre, u and v, each x y z, as ASTRA's "
                f"cone_vec), got {len(row)}"
            )
        if not np.all(np.isfinite(row)):
            raise ValueError(f"row {view} must hold finite numbers, got {_short(row)}")
        if np.max(np.abs(row)) > 1e60:
            raise ValueError(f"row {view} must lie within -1e60 to 1e60, got {_short(row)}")
    if not rows:
        raise ValueError("must hold one row a view, got none")
    _stand_in_order(np.array(rows))
    return tuple(tuple(row) for row in rows)


def _stand_in_order(rows: np.ndarray) -> None:
    """Raise ValueError unless in every row the origin stands between the source and a detector that has two sides."""
    source, centre, u, v = np.split(rows, 4, axis=1)
    normal = np.cross(u, v)
    size = np.linalg.norm(normal, axis=1)
    sides = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    distance = np.sum((centre - source) * normal, axis=1)
    depth = np.divide(-np.sum(source * normal, axis=1), distance, out=np.full(len(rows), np.nan), where=distance != 0)
    for wrong, words in (
        (~(size > 1e-6 * sides), "has pixels without an area: u and v must be neither zero nor parallel"),
        (~(np.abs(distance) > 1e-9 * size), "has its source in the plane of its detector"),
        (~(depth > 0), "has its detector behind the source, or its source beyond the origin (the centre of the stage)"),
        (~(depth < 1), "has its detector between the source and the origin (the centre of the stage)"),
    ):
        if wrong.any():
            raise ValueError(f"row {int(np.argmax(wrong))} {words}; it must be source, then origin, then detector")


Vectors = Annotated[tuple[tuple[float, ...], ...] | None, BeforeValidator(_vectors)]
"""A row of twelve a view: source, detector centre, u and v in the stage's frame [mm], as ASTRA's cone_vec."""

Degrees = Annotated[float, Field(ge=-360_000, le=360_000)]


class TrajectorySpec(Record):
    """The path of source and detector as the stage sees it.

    Attributes:
        range_deg: How far the stage turns over all views, or `short`: 180 deg + fan angle, the least that FDK needs.
        start_deg: Where it stands in the first view, counter-clockwise seen from +z.
        clockwise: Whether it turns the other way.
        include_final_angle: Whether the last view is taken at the end of the range, and not one step before it.
        pitch_mm: Of a helix: how far the source climbs along the part's +z in one turn; the middle of the scan is at 0.
        tilt_deg: Of laminography: how far the axis leans out of upright, its upper end towards the source.
        detector_shift_mm: Where the detector's centre stands off the central ray, along its u and its v.
        motion: `stop_and_go`, or `continuous`: the stage turns on while a view is taken, half a step to either side.
        instants: Of a view in continuous motion, averaged in intensity.
        exposure_share: Of a step, during which a view in continuous motion is exposed.
        deviations: From all of this.
        vectors: Instead of all of this, where source and detector truly are.
        nominal_vectors: Where reconstruction is told that they are, if not there.
    """

    range_deg: Annotated[float | Literal["short"], BeforeValidator(_range_deg)] = 360.0
    start_deg: Degrees = 0.0
    clockwise: bool = False
    include_final_angle: bool = False
    pitch_mm: float = 0.0
    tilt_deg: float = Field(default=0.0, gt=-90, lt=90)
    detector_shift_mm: tuple[float, float] = (0.0, 0.0)
    motion: Annotated[Literal["stop_and_go", "continuous"], one_of("motion", "stop_and_go", "continuous")] = (
        "stop_and_go"
    )
    instants: int = Field(default=5, ge=2, le=1000)
    exposure_share: float = Field(default=1.0, gt=0, le=1)
    deviations: tuple[Deviation, ...] = ()
    vectors: Vectors = None
    nominal_vectors: Vectors = None

    @model_validator(mode="after")
    def _no_contradiction(self) -> "TrajectorySpec":
        moved = {name for name in self.model_fields_set if getattr(self, name) != type(self).model_fields[name].default}
        if idle := sorted(moved & {"instants", "exposure_share"}) if self.motion == "stop_and_go" else []:
            raise ValueError(f"{idle[0]} means something for motion: continuous only")
        if self.pitch_mm and self.tilt_deg:
            raise ValueError("pitch_mm and tilt_deg do not go together; give such a path as vectors")
        if self.vectors is None and self.nominal_vectors is not None:
            raise ValueError("nominal_vectors go with vectors only; without them, use deviations")
        if self.vectors is not None:
            self._vectors_stand_alone(moved)
        return self

    def _vectors_stand_alone(self, moved: set[str]) -> None:
        beside = {"vectors", "nominal_vectors", "motion", "instants", "exposure_share"}
        if extra := sorted(moved - beside):
            raise ValueError(f"{extra[0]} and vectors contradict each other: vectors hold the whole path")
        if self.nominal_vectors is not None and len(self.nominal_vectors) != len(self.vectors or ()):
            raise ValueError(
                f"nominal_vectors must hold as many rows as vectors, {len(self.vectors or ())}, "
                f"got {len(self.nominal_vectors)}"
            )


def distances_mm(vectors: tuple[tuple[float, ...], ...]) -> tuple[float, float]:
    """Return how far the detector and the origin lie before the source of the first view, along the normal [mm]."""
    source, centre, u, v = np.split(np.array(vectors[0]), 4)
    normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    detector, origin = float((centre - source) @ normal), float(-source @ normal)
    return abs(detector), abs(origin)


def check_views(path: TrajectorySpec, spot: "FocalSpotSpec | None", views: int, pitch_mm: tuple[float, float]) -> None:
    """Raise ValueError where a path and a focal spot contradict the number of views or the pixels."""
    poses = (spot.points if spot else 1) * (path.instants if path.motion == "continuous" else 1)
    if views * poses > MOST_POSES:
        raise ValueError(
            f"{views} views of about {poses} poses each (points of the focal spot, instants of the motion) are more "
            f"than {MOST_POSES}; give fewer"
        )
    if path.vectors is None:
        return
    if len(path.vectors) != views:
        raise ValueError(f"trajectory.vectors must hold one row a view: views is {views}, got {len(path.vectors)} rows")
    rows = np.array(path.vectors)
    sides = np.linalg.norm(rows[:, 6:9], axis=1), np.linalg.norm(rows[:, 9:], axis=1)
    for side_mm, wanted, name in zip(sides, pitch_mm, "uv", strict=True):
        if not np.allclose(side_mm, wanted, rtol=1e-4, atol=0):
            worst = side_mm[np.argmax(np.abs(side_mm / wanted - 1))]
            raise ValueError(f"trajectory.vectors have pixels of {worst:.6g} mm along {name}, detector has {wanted:g}")


class FocalSpotSpec(Record):
    """The focal spot, in the plane at right angles to the central ray; u and v are the detector's directions.

    Attributes:
        shape: `gaussian`, `disc` or `rectangle`.
        size_u_mm: Standard deviation of a gaussian, diameter of a disc, side of a rectangle, along u.
        size_v_mm: The same along v.
        cut_u_mm: Width along u outside which a gaussian has nothing; None for no cut.
        cut_v_mm: The same along v.
        points: Of the spot, each of which costs a radiograph: 4, and 16 more for each pixel that the standard deviation
            of an edge's shadow is wide, show it to some 6 % of its contrast.
    """

    shape: Annotated[Literal["gaussian", "disc", "rectangle"], one_of("shape", "gaussian", "disc", "rectangle")] = (
        "gaussian"
    )
    size_u_mm: float = Field(ge=0, le=100)
    size_v_mm: float = Field(ge=0, le=100)
    cut_u_mm: float | None = Field(default=None, gt=0)
    cut_v_mm: float | None = Field(default=None, gt=0)
    points: int = Field(default=13, ge=3, le=4096)

    @model_validator(mode="after")
    def _has_a_size(self) -> "FocalSpotSpec":
        if not self.size_u_mm + self.size_v_mm > 0:
            raise ValueError("size_u_mm and size_v_mm must not both be 0; for a point, leave focal_spot out")
        if self.shape == "disc" and not self.size_u_mm * self.size_v_mm > 0:
            raise ValueError("a disc needs both size_u_mm and size_v_mm above 0; a line is a rectangle")
        if self.shape != "gaussian" and (self.cut_u_mm or self.cut_v_mm):
            raise ValueError(f"cut_u_mm and cut_v_mm mean something for shape: gaussian only, got {self.shape}")
        return self


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
