"""What a kind of defect says of itself; every file of a kind ends with its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from manifold3d import Manifold


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a kind's parameter may be.

    Attributes:
        default: Taken where the spec says nothing; None if it must be given.
        lowest: No value may lie below it.
        open_below: Whether `lowest` itself makes no sense.
        text: Whether it is a name, not a number.
        help: What it is, with its unit, in a few words for the table of kinds.
    """

    default: Any = None
    lowest: float = 0.0
    open_below: bool = True
    text: bool = False
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of defect.

    Attributes:
        name: As it stands in specs, labels and records.
        record: The frozen record of one flaw.
        sample: (rng, **parameters) -> record, not yet placed. Of a whole part it takes `bodies` as well, the names of
            those that are there, the host first, and returns None where there is none that it could befall.
        parameters: By name.
        family: Where it comes from: casting, additive, weld, composite, any, or part for what changes a whole part.
        reference: The standard or paper that names it.
        at_surface: Whether it is open to the surface by its nature: it is placed on it, its own z along the normal.
        whole_part: Whether it changes bodies as a whole; its record then has `changed` in place of `solid`.
    """

    name: str
    record: type
    sample: Callable[..., Any]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    family: str
    reference: str
    at_surface: bool = False
    whole_part: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Changed:
    """A part that a flaw has changed as a whole.

    Attributes:
        solids: Of the bodies that are left, by name.
        materials: Of bodies that are of another material now.
        region: What is labelled as the flaw; None where it has no voxels of its own, as a warp has none.
        filled: The material of the region; None for nothing.
    """

    solids: Mapping[str, Manifold]
    materials: Mapping[str, str] = field(default_factory=dict)
    region: Manifold | None = None
    filled: str | None = None
