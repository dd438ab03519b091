"""ScanSpec -> where source and detector stand in the stage's frame, as rows of twelve like ASTRA's cone_vec.

World and stage frame are one before the stage turns: x along the beam, z up, the origin at the centre of the stage.
A row holds source, detector centre, u and v (each x y z, in mm; u and v from one pixel to the next).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from defects.messages import BadInput
from scenes.scene import ScanSpec
from scenes.trajectory import Deviation, TrajectorySpec

Rows = Float[np.ndarray, "frame 12"]
Frames = Float[np.ndarray, " frame"]

FACING = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""u, v and w of source and detector in the world: u to -y, v down, w along the beam (CTSimU's usual set-up)."""


MOST_TURN_DEG = 170.0
"""From one view to the next, where vectors alone tell the way: half a turn may be one in either direction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """Where a thing stands in the world, frame by frame.

    Attributes:
        centre_mm: Of it [mm].
        axes: Its unit vectors u, v and w, one below the other.
    """

    centre_mm: Float[np.ndarray, "frame 3"]
    axes: Float[np.ndarray, "frame 3 3"]


def true_rows(scan: ScanSpec, frames: Frames) -> Rows:
    """Return where source and detector really are at some frames [mm]; fractions lie between two views."""
    path = scan.trajectory
    if path.vectors is not None:
        return between(np.array(path.vectors), frames)
    return rows_of(scan, frames, path.deviations)


def nominal_rows(scan: ScanSpec) -> Rows:
    """Return where reconstruction is told that source and detector are in each view [mm]."""
    path = scan.trajectory
    if path.vectors is not None:
        return np.array(path.vectors if path.nominal_vectors is None else path.nominal_vectors)
    return rows_of(scan, np.arange(scan.views, dtype=float), tuple(d for d in path.deviations if d.known))


def rows_of(scan: ScanSpec, frames: Frames, deviations: tuple[Deviation, ...]) -> Rows:
    """Return where source and detector stand at some frames, given these deviations from the nominal path [mm]."""
    places = nominal_places(scan, frames)
    for deviation in deviations:
        places[deviation.of] = deviated(places[deviation.of], deviation, frames, scan.views)
    source, detector, stage = places["source"], places["detector"], places["stage"]
    pitch_u_mm, pitch_v_mm = scan.detector.pitch_mm
    in_world = [
        source.centre_mm - stage.centre_mm,
        detector.centre_mm - stage.centre_mm,
        pitch_u_mm * detector.axes[:, 0],
        pitch_v_mm * detector.axes[:, 1],
    ]
    return np.concatenate([np.einsum("fij,fj->fi", stage.axes, vector) for vector in in_world], axis=1)


def nominal_places(scan: ScanSpec, frames: Frames) -> dict[str, Place]:
    """Return where source, detector and stage stand in the world at some frames when nothing deviates."""
    path = scan.trajectory
    facing = np.broadcast_to(FACING, (len(frames), 3, 3))
    source = np.broadcast_to([-scan.source_object_mm, 0.0, 0.0], (len(frames), 3))
    centre = np.array([scan.source_detector_mm - scan.source_object_mm, 0.0, 0.0])
    centre = centre + np.array(path.detector_shift_mm) @ FACING[:2]
    axes = stage_axes(path.tilt_deg, angles_deg(scan, frames))
    return {
        "source": Place(centre_mm=source, axes=facing),
        "detector": Place(centre_mm=np.broadcast_to(centre, (len(frames), 3)), axes=facing),
        # the source climbs in the stage's frame where the stage sinks in the world
        "stage": Place(centre_mm=-climb_mm(scan, frames)[:, None] * axes[:, 2], axes=axes),
    }


def stage_axes(tilt_deg: float, angle_deg: Frames) -> Float[np.ndarray, "frame 3 3"]:
    """Return the stage's u, v and w in the world: w leans towards the source by the tilt, u and v turn about it."""
    tilt, turn = np.deg2rad(tilt_deg), np.deg2rad(angle_deg)
    forward, side, up = (np.cos(tilt), 0.0, np.sin(tilt)), (0.0, 1.0, 0.0), (-np.sin(tilt), 0.0, np.cos(tilt))
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    u = cos * np.array(forward) + sin * np.array(side)
    v = cos * np.array(side) - sin * np.array(forward)
    return np.stack([u, v, np.broadcast_to(up, u.shape)], axis=1)


def angles_deg(scan: ScanSpec, frames: Frames) -> Frames:
    """Return how far the stage has turned, counter-clockwise seen from its +w [deg]."""
    path = scan.trajectory
    turned = frames * step_deg(scan)
    return path.start_deg + (-turned if path.clockwise else turned)


def step_deg(scan: ScanSpec) -> float:
    """Return how far the stage turns from one view to the next [deg]."""
    steps = scan.views - 1 if scan.trajectory.include_final_angle else scan.views
    return range_deg(scan.trajectory, scan.detector.columns * scan.detector.pixel_mm, scan.source_detector_mm) / max(
        steps, 1
    )


def range_deg(path: TrajectorySpec, width_mm: float, source_detector_mm: float) -> float:
    r"""Return how far the stage turns over all views [deg].

    $$ short: 180 + 2 \gamma, \qquad \tan \gamma = (width / 2 + |shift_u|) / SDD $$

    so that every line through the part is seen once at least (Parker, Med. Phys. 9, 254, 1982).
    """
    if path.range_deg != "short":
        return float(path.range_deg)
    half_mm = width_mm / 2 + abs(path.detector_shift_mm[0])
    return 180.0 + 2 * math.degrees(math.atan2(half_mm, source_detector_mm))


def climb_mm(scan: ScanSpec, frames: Frames) -> Frames:
    """Return how high the source stands over the middle of a helix [mm]."""
    from_the_middle = (frames - (scan.views - 1) / 2) * step_deg(scan)
    return scan.trajectory.pitch_mm * from_the_middle / 360


def amount_at(amounts: float | tuple[float, ...], frames: Frames, views: int) -> Frames:
    """Return a drift at some frames: its values spread evenly from the first view to the last, straight between them.

    A first view begins half a step early in continuous motion, a last one ends late: the outer lines go on.
    """
    values = np.atleast_1d(np.asarray(amounts, float))
    if len(values) == 1 or views == 1:
        return np.full(len(frames), values[0])
    position = frames * (len(values) - 1) / (views - 1)
    left = np.clip(position.astype(int), 0, len(values) - 2)
    share = position - left
    return (1 - share) * values[left] + share * values[left + 1]


def deviated(place: Place, deviation: Deviation, frames: Frames, views: int) -> Place:
    """Return a place with one deviation more."""
    index = "xyzuvw".index(deviation.axis)
    axis = np.broadcast_to(np.eye(3)[index], place.centre_mm.shape) if index < 3 else place.axes[:, index - 3]
    if deviation.shift_mm is not None:
        shift = amount_at(deviation.shift_mm, frames, views)[:, None] * axis
        return Place(centre_mm=place.centre_mm + shift, axes=place.axes)
    turn = amount_at(deviation.turn_deg or 0.0, frames, views)
    matrices = Rotation.from_rotvec(turn[:, None] * axis, degrees=True).as_matrix()
    return Place(centre_mm=place.centre_mm, axes=np.einsum("fij,fkj->fki", matrices, place.axes))


def between(rows: Float[np.ndarray, "view 12"], frames: Frames) -> Rows:
    """Return rows at some frames; between two views, and half a step beyond the ends, the detector goes on in a screw.

    Two places of a rigid body are joined by one screw, so that circles and helices come out exactly, however few views
    there are (Chasles; Murray, Li and Sastry, A Mathematical Introduction to Robotic Manipulation, 1994, section 2.3).
    The source, and the sizes of u and v, move evenly in the detector's own axes.
    """
    views, whole = len(rows), frames.astype(int)
    if views == 1:
        return rows[np.zeros(len(frames), int)]
    if np.array_equal(whole, frames) and frames.min() >= 0 and frames.max() < views:
        return rows[whole]
    first = np.clip(np.floor(frames).astype(int), 0, views - 2)
    share = frames - first
    axes, steps = _axes_of(rows), turns(rows)
    angles = np.rad2deg(np.linalg.norm(steps, axis=1))
    if angles.max() > MOST_TURN_DEG:
        view = int(np.argmax(angles))
        raise BadInput(
            f"motion: continuous needs views that the stage turns by at most {MOST_TURN_DEG:g} deg between, for its "
            f"way to be known; vectors turn by {angles[view]:.4g} deg from row {view} to the next. Give more views"
        )
    source, centre, u, v = rows.reshape(views, 4, 3).transpose(1, 0, 2)
    # from the world's frame to the detector's, and how that changes from view to view
    held = np.einsum("vij,pvj->pvi", axes, np.stack([source - centre, u, v]))
    shifts = centre[1:] - np.einsum("vij,vj->vi", Rotation.from_rotvec(steps).as_matrix(), centre[:-1])
    twists = np.linalg.solve(_along_a_screw(steps), shifts[:, :, None])[:, :, 0]
    turn = share[:, None] * steps[first]
    turned = Rotation.from_rotvec(turn).as_matrix()
    there = np.einsum("fij,fj->fi", turned, centre[first])
    there += share[:, None] * np.einsum("fij,fj->fi", _along_a_screw(turn), twists[first])
    evenly = (1 - share)[:, None] * held[:, first] + share[:, None] * held[:, first + 1]
    placed = np.einsum("fij,fkj,pfk->pfi", turned, axes[first], evenly)
    return np.concatenate([there + placed[0], there, placed[1], placed[2]], axis=1)


def turns(rows: Float[np.ndarray, "view 12"]) -> Float[np.ndarray, "step 3"]:
    """Return how the detector turns from each view to the next, as rotation vectors [rad], by less than half a turn."""
    axes = _axes_of(rows)
    return Rotation.from_matrix(np.einsum("vji,vjk->vik", axes[1:], axes[:-1])).as_rotvec()


def _axes_of(rows: Float[np.ndarray, "view 12"]) -> Float[np.ndarray, "view 3 3"]:
    """Return unit vectors along u, in the detector's plane, and along its normal, one below the other."""
    u, v = rows[:, 6:9], rows[:, 9:12]
    along, normal = u / np.linalg.norm(u, axis=1, keepdims=True), np.cross(u, v)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.stack([along, np.cross(normal, along), normal], axis=1)


def _along_a_screw(turn: Float[np.ndarray, "step 3"]) -> Float[np.ndarray, "step 3 3"]:
    r"""Return how far a point at the origin goes, for an even speed while the body turns.

    $$ V = 1 + \frac{1 - \cos\theta}{\theta^2} [\omega] + \frac{\theta - \sin\theta}{\theta^3} [\omega]^2 $$
    """
    angle = np.linalg.norm(turn, axis=1)[:, None, None]
    small, safe = angle < 1e-4, np.maximum(angle, 1e-4)
    first = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    second = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    across = np.cross(np.eye(3), turn[:, None, :])  # its row i is e_i x turn: the matrix of turn x ..., row by row
    return np.eye(3) + first * across + second * across @ across
