"""How a part stands on the stage."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from defects.shapes import random_quaternion, rotation
from scenes.body import Body
from scenes.draw import NOTHING, draw
from scenes.part_spec import PoseSpec
from scenes.parts import Part
from scenes.scene import Pose


def sample_pose(spec: PoseSpec, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING) -> Pose:
    """Return a pose: any rotation, or upright as in a fixture, turned about the vertical axis and then tilted."""
    if spec.orientation == "uniform":
        quaternion = random_quaternion(rng)
    elif spec.orientation == "fixture":
        turn, towards = np.deg2rad(draw(spec.turn_deg, rng, shared)), rng.uniform(0, 2 * np.pi)
        tilt = np.deg2rad(draw(spec.tilt_deg, rng, shared))
        quaternion = _product(_about((np.cos(towards), np.sin(towards), 0.0), tilt), _about((0.0, 0.0, 1.0), turn))
    else:
        quaternion = (1.0, 0.0, 0.0, 0.0)
    shift, towards = draw(spec.shift_mm, rng, shared), rng.uniform(0, 2 * np.pi)
    return Pose(quaternion=quaternion, shift_mm=(shift * np.cos(towards), shift * np.sin(towards), 0.0))


def matrix_of(pose: Pose) -> Float[np.ndarray, "3 4"]:
    """Return the matrix that takes a point of the part's frame to the stage's [mm]."""
    return np.column_stack([rotation(pose.quaternion), pose.shift_mm])


def posed(part: Part, pose: Pose) -> list[Body]:
    """Return the bodies of a part in the stage's frame."""
    matrix = matrix_of(pose)
    return [replace(body, solid=body.solid.transform(matrix)) for body in part.bodies]


def _about(axis: tuple[float, float, float], angle_rad: float) -> tuple[float, float, float, float]:
    """Return the unit quaternion that turns about an axis."""
    s = np.sin(angle_rad / 2)
    return float(np.cos(angle_rad / 2)), float(axis[0] * s), float(axis[1] * s), float(axis[2] * s)


def _product(p: tuple[float, ...], q: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Return the quaternion that turns by q first, then by p (Hamilton's product)."""
    pw, px, py, pz = p
    qw, qx, qy, qz = q
    return (
        pw * qw - px * qx - py * qy - pz * qz,
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
    )
