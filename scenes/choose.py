"""Which parts a scene shows, and what its draws share."""

from collections.abc import Mapping, Sequence

import numpy as np

from scenes.draw import NOTHING, draw
from scenes.fidelity import Fidelity
from scenes.part_spec import PartSpec
from scenes.seeds import stream
from scenes.spec import DatasetSpec
from scenes.splits import split_of
from scenes.stage import sample_number


def shared_draws(spec: DatasetSpec, index: int) -> dict[str, float]:
    """Return what scene `index` draws for each name that others follow."""
    rng = stream(spec.seed, index, "shared")
    return {name: float(draw(value, rng)) for name, value in sorted(spec.shared.items())}


def original_of(spec: DatasetSpec, index: int) -> int:
    """Return the scene that scene `index` is drawn as: the first of its group, see `DatasetSpec.group`."""
    return index - index % spec.group


def is_sound_twin(spec: DatasetSpec, index: int) -> bool:
    """Return whether scene `index` is the one before it without its defects."""
    return spec.twins and index % 2 == 1


def fidelity_of(spec: DatasetSpec, index: int) -> Fidelity | None:
    """Return the fidelity that scene `index` has of those that the dataset lists; None where it lists none.

    Twins stand side by side: with two fidelities the order is flawed, sound in the first, flawed, sound in the second.
    """
    return spec.fidelities[index % spec.group * len(spec.fidelities) // spec.group] if spec.fidelities else None


def pair_of(spec: DatasetSpec, index: int) -> int:
    """Return the scene that is the same as scene `index` in the first of the fidelities that the dataset lists."""
    return original_of(spec, index) + is_sound_twin(spec, index)


def choose_part(spec: DatasetSpec, index: int) -> PartSpec:
    """Return the first part that scene `index` shows; its split is the scene's."""
    return _chosen(spec.parts, stream(spec.seed, original_of(spec, index), "part"))


def choose_parts(spec: DatasetSpec, index: int, shared: Mapping[str, float] = NOTHING) -> list[PartSpec]:
    """Return all parts that scene `index` shows, all of one split."""
    first = choose_part(spec, index)
    rng = stream(spec.seed, index, "stage")
    more = sample_number(spec.stage, rng, shared) - 1
    if not spec.stage.mixed:
        return [first] * (1 + more)
    same_split = [part for part in spec.parts if split_of(spec, part) == split_of(spec, first)]
    return [first, *(_chosen(same_split, rng) for _ in range(more))]


def _chosen(parts: Sequence[PartSpec], rng: np.random.Generator) -> PartSpec:
    weights = np.array([part.weight for part in parts])
    return parts[int(rng.choice(len(weights), p=weights / weights.sum()))]
