"""A wrong component: a body of an assembly is of another material or size, or sits where it should not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from manifold3d import Manifold, OpType

from defects.kind import Changed, Kind, Parameter
from defects.messages import BadInput, require_place, require_positive, unknown
from defects.missing_component import ANY, choose_body, require_body
from defects.shapes import moved, random_quaternion, rotation


@dataclass(frozen=True, kw_only=True)
class WrongComponent:
    """One body that is not as it should be; scaled and turned about the middle of its bounding box, then shifted.

    Attributes:
        body: Its name.
        material: What it is made of instead; empty for what it should be made of.
        scale: Factor on its lengths.
        quaternion: How it is turned (w, x, y, z).
        shift_mm: How far it is shifted, in the part's own frame (x, y, z).
    """

    body: str
    material: str = ""
    scale: float = 1.0
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        require_body(self.body)
        require_positive(scale=self.scale)
        require_place((0.0, 0.0, 0.0), self.quaternion)
        if len(self.shift_mm) != 3 or not np.all(np.isfinite(self.shift_mm)):
            raise BadInput(f"shift_mm must be 3 finite numbers, got {self.shift_mm!r}")
        if not isinstance(self.material, str):
            raise BadInput(f"material must be the name of one, or empty for the right one, got {self.material!r}")
        if not self.differs_from(""):
            raise BadInput("a wrong component must differ from the right one: give material, scale, turn or shift")

    def changed(self, solids: Mapping[str, Manifold]) -> Changed:
        """Return the part with the wrong body as the flaw, filled; where it would enter others, it is cut by them.

        `filled` is empty where the body is of the right material.

        Args:
            solids: Of the bodies, by name.
        """
        left = {name: solid for name, solid in solids.items() if name != self.body}
        wrong = self.among(solids)
        if wrong.is_empty():
            raise BadInput(f"nothing of body {self.body!r} is left where it does not enter others; move it less")
        return Changed(solids=left, region=wrong, filled=self.material)

    def among(self, solids: Mapping[str, Manifold]) -> Manifold:
        """Return the wrong body where it does not enter others [mm]; empty where they are all about it.

        Args:
            solids: Of the bodies, by name.
        """
        if self.body not in solids:
            raise unknown("body", self.body, solids)
        right = solids[self.body]
        box = np.array(right.bounding_box())
        middle = (box[:3] + box[3:]) / 2
        small = right.translate(tuple(-middle)).scale((self.scale,) * 3)
        wrong = moved(small, self.quaternion, tuple(middle + np.array(self.shift_mm)))
        others = [solid for name, solid in solids.items() if name != self.body]
        return Manifold.batch_boolean([wrong, *others], OpType.Subtract) if self._moves else wrong

    def differs_from(self, material: str) -> bool:
        """Return whether it is not as it should be where the right one is of that material."""
        return self._moves or self.material not in ("", material)

    @property
    def _moves(self) -> bool:
        return self.scale != 1 or any(self.shift_mm) or any(self.quaternion[1:])


def sample(
    rng: np.random.Generator,
    *,
    bodies: tuple[str, ...],
    body: str = ANY,
    material: str = "",
    scale: float = 1.0,
    turn_deg: float = 0.0,
    shift_mm: float = 0.0,
) -> WrongComponent | None:
    """Return which body is wrong, and how: turned about any axis, shifted any way. None where `choose_body` finds none.

    Args:
        rng: Where choice and directions come from.
        bodies: Names of the bodies that are there, the host first.
        body: The wrong one, or `any` for one of those beside the host.
        material: What it is made of instead; empty for what it should be made of.
        scale: Factor on its lengths.
        turn_deg: By how much it is turned.
        shift_mm: How far it is shifted.
    """
    chosen = choose_body(rng, bodies, body)
    if chosen is None:
        return None
    axis, way = (rotation(random_quaternion(rng))[:, 2] for _ in range(2))
    half = np.deg2rad(turn_deg) / 2
    turned = (np.cos(half), *(np.sin(half) * axis)) if turn_deg else (1.0, 0.0, 0.0, 0.0)
    return WrongComponent(
        body=chosen,
        material=material,
        scale=scale,
        quaternion=tuple(float(q) for q in turned),
        shift_mm=tuple(float(s) for s in shift_mm * way) if shift_mm else (0.0, 0.0, 0.0),
    )


KINDS = (
    Kind(
        name="wrong_component",
        record=WrongComponent,
        sample=sample,
        parameters={
            "body": Parameter(default=ANY, text=True, help="name of a body, or any beside the host"),
            "material": Parameter(default="", text=True, help="what it is made of instead"),
            "scale": Parameter(default=1.0, help="factor on its lengths"),
            "turn_deg": Parameter(default=0.0, open_below=False, help="by how much it is turned, about any axis"),
            "shift_mm": Parameter(default=0.0, open_below=False, help="how far it is shifted, any way"),
        },
        family="part",
        reference="none; an error of assembly",
        whole_part=True,
    ),
)
