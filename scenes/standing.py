"""The parts of a scene as they stand, after what changes them as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from manifold3d import Manifold, OpType

from scenes.build import change_whole, with_regions
from scenes.choose import choose_parts
from scenes.draw import NOTHING, draw
from scenes.flaws import in_order, sample_whole
from scenes.part_spec import PartSpec
from scenes.parts import Part
from scenes.pose import posed, sample_pose
from scenes.scene import Fixture, PartChoice, Pose
from scenes.seeds import stream
from scenes.spec import DatasetSpec
from scenes.splits import split_of, wishes_for
from scenes.stage import sample_fixture, sample_places

LoadPart = Callable[[PartChoice], Part]


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """A part on the stage.

    Attributes:
        choice: The part in numbers.
        part: As it should be.
        whole: What changes it as a whole: for each entry of `defects` its flaws.
        changed: The part after these, wrong bodies and the places of missing ones included.
        unplaced: How many of these found nothing to change, by kind.
        pose: How it stands.
    """

    choice: PartChoice
    part: Part
    whole: tuple[tuple[Any, ...], ...]
    changed: Part
    unplaced: dict[str, int]
    pose: Pose = Pose()


def sample_stage(
    spec: DatasetSpec, index: int, load: LoadPart, shared: Mapping[str, float]
) -> tuple[tuple[Standing, ...], Fixture | None]:
    """Return the parts of scene `index` as they stand, after what changes them as a whole, and what holds them."""
    parts = choose_parts(spec, index, shared)
    wishes = wishes_for(spec, split_of(spec, parts[0]))
    standing = []
    for number, part in enumerate(parts):

        def of(stage: str, number: int = number) -> np.random.Generator:
            return stream(spec.seed, index, f"{stage} {number}" if number else stage)

        choice, sound = sample_part(part, of("dimensions"), load, shared)
        whole, unplaced = sample_whole(wishes, sound, choice.host, of("whole"), shared)
        changed = with_regions(*change_whole(sound, in_order(whole), choice.host)) if any(whole) else sound
        pose = sample_pose(spec.pose, of("pose"), shared)
        standing.append(Standing(choice=choice, part=sound, whole=whole, changed=changed, unplaced=unplaced, pose=pose))
    rng = stream(spec.seed, index, "places")
    aside_mm = np.array(standing[0].pose.shift_mm)  # together they stand beside the axis as one alone would
    if len(standing) > 1:
        places_mm = sample_places(spec.stage, [_fills(one) for one in standing], rng, shared)
        standing = [
            replace(one, pose=one.pose.model_copy(update={"shift_mm": tuple(map(float, aside_mm + place_mm))}))
            for one, place_mm in zip(standing, places_mm, strict=True)
        ]
    fixture = sample_fixture(spec.stage.fixture, rng, shared)
    if fixture is not None:
        fixture = fixture.model_copy(update={"axis_mm": (float(aside_mm[0]), float(aside_mm[1]))})
    return tuple(standing), fixture


def sample_part(
    spec: PartSpec, rng: np.random.Generator, load: LoadPart, shared: Mapping[str, float] = NOTHING
) -> tuple[PartChoice, Part]:
    """Return the part in numbers, and itself."""
    dimensions = {name: plain(draw(value, rng, shared)) for name, value in sorted(spec.dimensions.items())}
    bare = PartChoice(
        name=spec.key, library=spec.library, dimensions=dimensions, file=spec.file, unit=spec.unit, repair=spec.repair,
        tolerance_mm=spec.tolerance_mm, scale=float(draw(spec.scale, rng, shared)), materials={}, host="",
    )  # fmt: skip
    bodies = load(bare).bodies
    whole = draw(spec.material, rng)
    one_by_one = {name: draw(value, rng) for name, value in sorted(spec.materials.items())}
    for name in (*one_by_one, *([spec.host] if spec.host else [])):
        Part(bodies=bodies).body(name)  # a wrong name is told with the right ones
    materials = {b.name: one_by_one.get(b.name) or whole or b.material for b in bodies}
    choice = bare.model_copy(update={"materials": materials, "host": spec.host or bodies[0].name})
    return choice, load(choice)


def _fills(one: Standing) -> Manifold:
    """Return all that a part fills, sound or changed, turned about its origin: no neighbour may share it."""
    turned = one.pose.model_copy(update={"shift_mm": (0.0, 0.0, 0.0)})
    bodies = posed(one.part, turned) + ([] if one.changed is one.part else posed(one.changed, turned))
    return Manifold.batch_boolean([body.solid for body in bodies], OpType.Add)


def plain(value: float) -> float:
    """Return a number as scenes hold it: a whole one as an int."""
    return int(value) if value == int(value) else float(value)
