"""Where things stand, frame by frame: centres, axes and deviations (sections 5.1, 5.2 and 8.2 of the format).

In each frame a thing stands at its centre with its vectors, drifts included; the stage then turns about its w; then the
deviations follow, one after the other, each from where the last one left the thing. They do not pass on to the next
frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ctsim.scenario.units import DEG, MM, PURE, Units
from ctsim.scenario.values import Node, Parameter

BASES = ("xyz", "uvw", "rst")
MOST_DEVIATIONS = 100
"""Of one thing; each takes 30 ms for the longest scan."""

SQUARE = 1e-6
"""Cosine up to which two vectors pass as orthogonal: what six digits of them leave."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """Three numbers that may drift, and the axes that they count along: xyz, uvw or rst."""

    parts: tuple[Parameter, Parameter, Parameter]
    basis: str

    def at(self, frames: Float[np.ndarray, " frame"], count: int, known: bool) -> Float[np.ndarray, "frame 3"]:
        """Return it in each frame."""
        return np.stack([part.at(frames, count, known) for part in self.parts], axis=1)


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A shift along an axis or a turn about it, through a pivot or the thing's centre."""

    turns: bool
    amount: Parameter
    axis: Vector
    pivot: Vector | None
    known: bool


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where something stands, as the file says it.

    Attributes:
        centre: In mm.
        u: The first axis (r of a sample).
        w: The third axis (t of a sample).
        deviations: From that, in this order.
    """

    centre: Vector
    u: Vector
    w: Vector
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Stand:
    """Where something stands in each frame.

    Attributes:
        axes: Unit vectors u, v, w of the thing, right-handed; one a row.
        centre_mm: Its centre [mm].
    """

    axes: Float[np.ndarray, "frame 3 3"]
    centre_mm: Float[np.ndarray, "frame 3"]

    def direction(self, along: Float[np.ndarray, "frame 3"]) -> Float[np.ndarray, "frame 3"]:
        """Return directions given along its axes in the frame that it stands in."""
        return np.einsum("fi,fij->fj", along, self.axes)

    def point(self, along_mm: Float[np.ndarray, "frame 3"]) -> Float[np.ndarray, "frame 3"]:
        """Return points given in its axes from its centre in the frame that it stands in [mm]."""
        return self.centre_mm + self.direction(along_mm)

    def inverse(self) -> "Stand":
        """Return how that frame stands in this one."""
        return Stand(axes=self.axes.transpose(0, 2, 1), centre_mm=-np.einsum("fij,fj->fi", self.axes, self.centre_mm))

    def turned(self, matrix: Float[np.ndarray, "frame 3 3"], pivot_mm: Float[np.ndarray, "frame 3"]) -> "Stand":
        """Return it turned about a point."""
        return Stand(
            axes=np.einsum("fij,fkj->fki", matrix, self.axes),
            centre_mm=pivot_mm + np.einsum("fij,fj->fi", matrix, self.centre_mm - pivot_mm),
        )


def read_placement(node: Node, first: str = "vector_u", third: str = "vector_w") -> Placement:
    """Return where something stands, from its `center`, two vectors and `deviations`."""
    centre, u, w = _vector(node["center"], MM), _vector(node[first], PURE), _vector(node[third], PURE)
    for vector, key in ((u, first), (w, third)):
        if vector.basis != centre.basis:
            raise node[key].wrong(f"must have the components {', '.join(centre.basis)}, as center has")
    deviations = node["deviations"].items()
    if len(deviations) > MOST_DEVIATIONS:
        raise node["deviations"].wrong(f"must list {MOST_DEVIATIONS} at most")
    return Placement(centre=centre, u=u, w=w, deviations=tuple(_deviation(each) for each in deviations))


def stand_of(
    placement: Placement,
    frames: Float[np.ndarray, " frame"],
    count: int,
    *,
    known: bool = False,
    turn_deg: Float[np.ndarray, " frame"] | None = None,
    others: Mapping[str, Stand] | None = None,
) -> Stand:
    """Return where something stands in each frame of a scan of `count`, in the axes of its `center`.

    Args:
        placement: What the file says of it.
        frames: Their numbers; fractions lie between.
        count: Frames of the whole scan, over which drifts are spread.
        known: Whether to leave out what reconstruction does not know.
        turn_deg: About its own w, before the deviations.
        others: Things whose axes deviations may be given along, by basis. The basis of `center` stands for the axes of
            that, and any other for the thing's own.

    Raises:
        ValueError: Its two vectors are not orthogonal, or one of them is zero.
    """
    around = Stand(axes=np.tile(np.eye(3), (len(frames), 1, 1)), centre_mm=np.zeros((len(frames), 3)))
    others = {**(others or {}), placement.centre.basis: around}
    stand = _ideal(placement, frames, count, known)
    if turn_deg is not None:
        stand = stand.turned(rotation_about(stand.axes[:, 2], turn_deg), stand.centre_mm)
    for deviation in placement.deviations:
        if deviation.known or not known:
            stand = _deviated(stand, deviation, frames, count, known, others)
    return stand


def rotation_about(
    axis: Float[np.ndarray, "frame 3"], angle_deg: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, "frame 3 3"]:
    r"""Return the matrices that turn about an axis, counter-clockwise seen from its tip.

    $$ R = 1 + \sin\varphi \, K + (1 - \cos\varphi) K^2, \qquad K x = n \times x $$

    Reference: Rodrigues' formula.
    """
    n = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    cross = np.cross(n[:, None, :], np.eye(3)[None]).transpose(0, 2, 1)
    sin, cos = np.sin(np.deg2rad(angle_deg))[:, None, None], np.cos(np.deg2rad(angle_deg))[:, None, None]
    return np.eye(3) + sin * cross + (1 - cos) * cross @ cross


def _ideal(placement: Placement, frames: Float[np.ndarray, " frame"], count: int, known: bool) -> Stand:
    """Return where something stands before it turns and deviates."""
    u, w = placement.u.at(frames, count, known), placement.w.at(frames, count, known)
    sizes = np.linalg.norm(u, axis=1), np.linalg.norm(w, axis=1)
    if not (sizes[0].all() and sizes[1].all()):
        raise ValueError("its vectors must not be zero")
    u, w = u / sizes[0][:, None], w / sizes[1][:, None]
    slant = float(np.abs(np.sum(u * w, axis=1)).max())
    if slant > SQUARE:
        raise ValueError(f"its two vectors must be orthogonal, got an angle of {np.degrees(np.arccos(slant)):.4g} deg")
    v = np.cross(w, u)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    axes = np.stack([np.cross(v, w), v, w], axis=1)
    return Stand(axes=axes, centre_mm=placement.centre.at(frames, count, known))


def _deviated(
    stand: Stand,
    deviation: Deviation,
    frames: Float[np.ndarray, " frame"],
    count: int,
    known: bool,
    others: Mapping[str, Stand],
) -> Stand:
    """Return something after one of its deviations."""
    axis = deviation.axis.at(frames, count, known)
    if not np.linalg.norm(axis, axis=1).all():
        raise ValueError("the axis of a deviation must not be zero")
    axis = others.get(deviation.axis.basis, stand).direction(axis)
    amount = deviation.amount.at(frames, count, known)
    if not deviation.turns:
        shift = amount[:, None] * axis / np.linalg.norm(axis, axis=1, keepdims=True)
        return Stand(axes=stand.axes, centre_mm=stand.centre_mm + shift)
    pivot = stand.centre_mm
    if deviation.pivot is not None:
        pivot = others.get(deviation.pivot.basis, stand).point(deviation.pivot.at(frames, count, known))
    return stand.turned(rotation_about(axis, amount), pivot)


def _deviation(node: Node) -> Deviation:
    turns = node["type"].text(("rotation", "translation")) == "rotation"
    if not node["type"].given:
        raise node["type"].wrong("must be rotation or translation")
    amount = node["amount"].parameter(DEG if turns else MM)
    if amount is None:
        raise node["amount"].wrong("must be an angle" if turns else "must be a length")
    pivot = _vector(node["pivot"], MM) if turns and node["pivot"].given else None
    if not turns and node["pivot"].given:
        node["pivot"].tell("means nothing for a translation")
    return Deviation(
        turns=turns, amount=amount, axis=_axis(node["axis"]), pivot=pivot,
        known=node["known_to_reconstruction"].flag(True),
    )  # fmt: skip


def _axis(node: Node) -> Vector:
    """Return an axis: the name of one, or a vector."""
    if isinstance(node.value, dict):
        return _vector(node, PURE)
    name = node.text(tuple("".join(BASES)))
    if name is None:
        raise node.wrong("must be one of x, y, z, u, v, w, r, s, t, or a vector")
    basis = next(basis for basis in BASES if name in basis)
    x, y, z = (Parameter(value=float(name == letter)) for letter in basis)
    return Vector(parts=(x, y, z), basis=basis)


def _vector(node: Node, units: Units) -> Vector:
    if not isinstance(node.value, dict):
        raise node.wrong("must be an object with the components x, y, z or u, v, w or r, s, t")
    found = [basis for basis in BASES if set(basis) & node.keys]
    if len(found) != 1:
        raise node.wrong("must have the components x, y, z or u, v, w or r, s, t, and no mixture of them")
    x, y, z = (_component(node[letter], units) for letter in found[0])
    return Vector(parts=(x, y, z), basis=found[0])


def _component(node: Node, units: Units) -> Parameter:
    number = node.parameter(units)
    if number is None:
        raise node.wrong("must be a number" if units is PURE else "must be a length with its unit")
    return number
