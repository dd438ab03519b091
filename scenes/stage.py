"""How many parts share the stage, how they stand together, and what holds them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from manifold3d import Manifold, OpType
from pydantic import BeforeValidator, model_validator

from defects.messages import BadInput
from scenes.arrange import cup, foam, in_a_ring, lined_up
from scenes.body import Body
from scenes.draw import NOTHING, check, check_name, draw, draw_count, extent, names_of
from scenes.records import Record
from scenes.scene import Fixture

MOST_PARTS = 64
"""On one stage."""

TOUCHING = "touching"

ARRANGEMENTS = {
    "stack": lambda solids, gap_mm: lined_up(solids, gap_mm, axis=2),
    "row": lambda solids, gap_mm: lined_up(solids, gap_mm, axis=0),
    "ring": in_a_ring,
}
"""What stands where: a function of the turned solids and the gap, None for contact."""

USUAL: dict[str, dict[str, Any]] = {
    "foam": {"material": "EPS_foam", "wall_mm": 10.0, "clearance_mm": 0.1, "depth": 0.5},
    "cup": {"material": "PMMA", "wall_mm": 2.0, "clearance_mm": 1.0},
}
"""Fixtures, and what they are where nothing is said: a block of polystyrene foam, a cup of acrylic glass."""

FIXTURES = ("none", *USUAL)


def _few(value: Any) -> Any:
    check(value, lowest=1.0, count=True)
    if not extent(value)[1] <= MOST_PARTS:
        raise BadInput(f"must be at most {MOST_PARTS} whatever is drawn, got {value!r}")
    return value


def _gap(value: Any) -> Any:
    try:
        return value if value == TOUCHING else check(value, lowest=0.0, open_below=True)
    except BadInput as error:
        raise BadInput(f"{error}; or write {TOUCHING}") from error


def _one_of(known: Sequence[str]) -> BeforeValidator:
    def checked(value: Any) -> Any:
        if lost := [name for name in names_of(check_name(value)) if name not in known]:
            raise BadInput(f"must be one of {', '.join(known)}, or a choice of them, got {lost[0]!r}")
        return value

    return BeforeValidator(checked)


def _size(value: Any) -> Any:
    return None if value is None else check(value, lowest=0.0, open_below=True)


def _share(value: Any) -> Any:
    if _size(value) is not None and extent(value)[1] > 1:
        raise BadInput(f"must be at most 1, got {value!r}")
    return value


class FixtureSpec(Record):
    """What holds the parts; it is scanned with them, and its material is a class like theirs.

    Attributes:
        kind: Draw of `none`, `foam` (a round block with a pocket for each part) or `cup` (about all of them).
        material: Draw of a name.
        wall_mm: Draw of the thickness of the cup's wall and floor, or of the foam beside and below its pockets.
        clearance_mm: Draw of the room between the parts and the fixture.
        depth: Draw of the share of the parts' height that lies in the foam.

    What is left out is as in USUAL.
    """

    kind: Annotated[Any, _one_of(FIXTURES)]
    material: Annotated[Any, BeforeValidator(lambda v: None if v is None else check_name(v))] = None
    wall_mm: Annotated[Any, BeforeValidator(_size)] = None
    clearance_mm: Annotated[Any, BeforeValidator(_size)] = None
    depth: Annotated[Any, BeforeValidator(_share)] = None

    @model_validator(mode="after")
    def _no_idle_words(self) -> "FixtureSpec":
        if self.depth is not None and "foam" not in names_of(self.kind):
            raise ValueError(f"depth means something for foam only, got kind: {self.kind}")
        return self

    @property
    def materials(self) -> set[str]:
        """Every material that it may be made of."""
        kinds = [kind for kind in names_of(self.kind) if kind != "none"]
        return set(names_of(self.material)) if self.material else {USUAL[kind]["material"] for kind in kinds}


class StageSpec(Record):
    """How parts share the stage; one stands there alone where left out.

    Attributes:
        parts: Draw of how many.
        mixed: Whether each is drawn anew from the parts of the scene's split; else all are the same part, each with
            dimensions, materials, turn and defects of its own.
        arrangement: Draw of `stack` (one above the other), `row` (side by side along x) or `ring` (about the axis).
        gap_mm: Draw of the gap between neighbours' boxes, in a ring between the balls about these; or `touching`, so
            that each rests against those before it, in a stack or a row.
        fixture: What holds them.
    """

    parts: Annotated[Any, BeforeValidator(_few)] = 1
    mixed: bool = False
    arrangement: Annotated[Any, _one_of(tuple(ARRANGEMENTS))] = "stack"
    gap_mm: Annotated[Any, BeforeValidator(_gap)] = 2.0
    fixture: FixtureSpec | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "StageSpec":
        if self.gap_mm == TOUCHING and "ring" in names_of(self.arrangement):
            raise ValueError("gap_mm: touching means something for stack and row, not for ring; give a gap in mm")
        idle = sorted({"mixed", "arrangement", "gap_mm"} & self.model_fields_set)
        if idle and extent(self.parts)[1] <= 1:
            raise ValueError(f"{idle[0]} means something for several parts only; give parts: 2 or more")
        return self


def sample_number(spec: StageSpec, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING) -> int:
    """Return how many parts stand on the stage."""
    return max(1, min(MOST_PARTS, draw_count(spec.parts, rng, shared)))


def sample_places(
    spec: StageSpec, solids: Sequence[Manifold], rng: np.random.Generator, shared: Mapping[str, float] = NOTHING
) -> list[Float[np.ndarray, "3"]]:
    """Return by how much each part is moved so that they stand together about the origin [mm].

    Args:
        spec: How they stand.
        solids: The parts, turned, wherever they are.
        rng: Where chance comes from.
        shared: What draws may follow.
    """
    name, gap = draw(spec.arrangement, rng), spec.gap_mm
    gap_mm = None if gap == TOUCHING else float(draw(gap, rng, shared))
    placed = ARRANGEMENTS[name](solids, gap_mm)
    return [np.subtract(a.bounding_box()[:3], b.bounding_box()[:3]) for a, b in zip(placed, solids, strict=True)]


def sample_fixture(
    spec: FixtureSpec | None, rng: np.random.Generator, shared: Mapping[str, float] = NOTHING
) -> Fixture | None:
    """Return what holds the parts, in numbers."""
    if spec is None or (kind := draw(spec.kind, rng)) == "none":
        return None
    values = {}
    for name, usual in USUAL[kind].items():
        wish = getattr(spec, name)
        values[name] = usual if wish is None else draw(wish, rng, shared)
    return Fixture(kind=kind, **values)


def fixture_about(fixture: Fixture, sound: Sequence[Body], bulging: Sequence[Body]) -> Body:
    """Return the fixture of parts as they stand.

    It is made for sound parts, so that a flawed part and its sound twin lie in the same one; what stands out beyond, as
    warped parts and wrong components do, presses into it.

    Args:
        fixture: What it is like.
        sound: All bodies of the parts as they should be.
        bulging: Bodies that are no longer as they should be.
    """
    x, y = fixture.axis_mm
    centred = [body.solid.translate((-x, -y, 0.0)) for body in sound]
    if fixture.kind == "cup":
        made = cup(centred, fixture.wall_mm, fixture.clearance_mm)
    else:
        made = foam(centred, fixture.depth, fixture.wall_mm, fixture.clearance_mm)
    made = made.translate((x, y, 0.0))
    return Body(
        name=fixture.kind,
        solid=Manifold.batch_boolean([made, *(body.solid for body in bulging)], OpType.Subtract),
        material=fixture.material,
    )
