"""How many defects of a kind, where, and how they are drawn."""

import math
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from defects import kinds
from defects.kind import Parameter
from defects.messages import BadInput, unknown
from defects.placement import DRAWN, Placement, placement_of
from scenes.draw import Draw, check, check_name, extent
from scenes.draw_fields import Count
from scenes.records import Record, Split


class DefectSpec(Record):
    """How many defects of one kind a part has, and how they are drawn; the kind's own parameters stand beside these.

    Attributes:
        kind: Name in `defects.kinds`.
        count: Draw of a whole number, anew for each part.
        wall_mm: Least distance to the host's surface; of a flaw on the surface, to all of it that it does not open to.
        gap_mm: Least distance to other defects.
        breaks_surface: Whether it may cut the surface, anywhere; `wall_mm` is then not given.
        place: Where in the host; see `defects.placement` for what each way means.
        split: The one split whose scenes may hold it; see `split_kinds` of the dataset.

    | `place:` | means |
    |---|---|
    | `volume` | anywhere (where left out) |
    | `surface` | on the surface (where left out, for kinds that are open to it by nature) |
    | `{wall_depth_mm: [0.5, 2]}` | its centre so deep under the surface; a draw |
    | `{thickest: 0.2}` | in the thickest 20 % of the matter |
    | `{layer_mm: 0.05, normal: [0, 0, 1]}` | on a layer, its own z along the normal; `normal` is optional |
    | `{along_mm: [[x, y, z], ...], off_mm: 0.5}` | along a line, its own x along it; `off_mm` is a draw, and optional |
    | `{clusters: 2, spread_mm: 3}` | in clouds about so many points |
    """

    model_config = ConfigDict(extra="allow")

    kind: str
    count: Count = 1
    wall_mm: float = Field(default=0.2, ge=0)
    gap_mm: float = Field(default=0.1, ge=0)
    breaks_surface: bool = False
    place: Any = None
    split: Split | None = None

    @model_validator(mode="after")
    def _parameters_of_the_kind(self) -> "DefectSpec":
        known = kinds.kind_of(self.kind).parameters
        for name, value in self.parameters.items():
            if name not in known:
                raise unknown(f"key of {self.kind}", name, [*known, *DefectSpec.model_fields])
            _named(name, known[name], value)
        if missing := [n for n, p in known.items() if p.default is None and n not in self.parameters]:
            raise ValueError(f"{self.kind} needs {missing[0]}")
        return self

    @model_validator(mode="after")
    def _has_a_place(self) -> "DefectSpec":
        kind = kinds.kind_of(self.kind)
        given = [name for name in ("place", "wall_mm", "gap_mm", "breaks_surface") if name in self.model_fields_set]
        if kind.whole_part and given:
            raise ValueError(f"{given[0]} means nothing for {self.kind}, which changes the whole part; leave it out")
        if self.breaks_surface and "wall_mm" in self.model_fields_set:
            raise ValueError("wall_mm and breaks_surface: true contradict each other; leave one out")
        if self.place is not None:
            self._check_place(kind.at_surface)
        return self

    def _check_place(self, at_surface: bool) -> None:
        words = self.place if isinstance(self.place, dict) else {}
        if at_surface and self.place != "surface" and "along_mm" not in words:
            raise ValueError(
                f"{self.kind} is open to the surface: place must be surface or along_mm, got {self.place!r}"
            )
        for word in (word for word in DRAWN if word in words):
            _named(f"place.{word}", Parameter(open_below=word == "wall_depth_mm"), words[word])
        try:
            self.placement(lambda _: 1.0)
        except BadInput as error:
            raise BadInput(f"place: {error}") from error
        deepest = extent(words["wall_depth_mm"])[1] if "wall_depth_mm" in words else math.inf
        if not self.breaks_surface and deepest <= self.wall_mm:
            raise ValueError(
                f"place.wall_depth_mm can give at most {deepest:g}, and wall_mm keeps {self.wall_mm:g} clear; "
                "lower wall_mm, or say breaks_surface: true"
            )

    def placement(self, number: Callable[[Draw], float]) -> Placement:
        """Return where one defect may go, its draws made by `number`."""
        at_surface = kinds.kind_of(self.kind).at_surface
        common = {name: getattr(self, name) for name in ("wall_mm", "gap_mm", "breaks_surface")}
        place = "volume" if self.place is None else self.place
        return placement_of(place, number, on_surface=at_surface, **common)

    @property
    def parameters(self) -> dict[str, Draw]:
        """The kind's own draws, by name."""
        return dict(self.model_extra or {})


def _named(name: str, parameter: Parameter, value: Draw) -> None:
    """Raise BadInput with the parameter's name before the text unless it takes the value."""
    try:
        if parameter.text:
            check_name(value)
        else:
            check(value, lowest=parameter.lowest, open_below=parameter.open_below)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error
