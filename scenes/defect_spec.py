"""How many defects of a kind, where, and how they are drawn."""

import math
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from defects import kinds
from defects.kind import Parameter
from defects.messages import BadInput, unknown
from defects.placement import DRAWN, Placement, placement_of
from defects.severity import SHORT_MM, rule_of
from scenes.draw import Draw, check, check_name, extent, names_of
from scenes.draw_fields import Count
from scenes.records import Record, Split


class Severity(Record):
    """How severe a flaw of a weld is, after ISO 5817:2014; see `defects.severity` for what that covers.

    Attributes:
        level: B, C or D: permitted there, and by no better level; or `rejected`, permitted by none.
        thickness_mm: Of the plate, and of the weld.
    """

    level: str
    thickness_mm: float = Field(gt=0)


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
        severity: How large, in place of the parameters that it limits: `{level: C, thickness_mm: 8}`.

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
    severity: Severity | None = None

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
    def _has_a_severity(self) -> "DefectSpec":
        if self.severity is None:
            return self
        level, rule = self.severity.level, rule_of(self.kind, self.severity.thickness_mm)
        for name in ("length_mm",) if level in rule.short else ():
            if (longest := extent(self.parameters[name])[1]) > SHORT_MM:
                raise ValueError(
                    f"severity: level {level} permits short ones only: {name} must be at most {SHORT_MM:g}, can give "
                    f"{longest:g}"
                )
        if rule.inside and (self.breaks_surface or self.place == "surface"):
            raise ValueError(
                f"severity: its table is for {self.kind} inside a weld; leave it out for one at the surface"
            )
        if rule.not_of and rule.not_of in names_of(self.parameters.get("material")):
            raise ValueError(f"severity: no level of ISO 5817 permits {self.kind} of {rule.not_of}; leave severity out")
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
        """The kind's own draws, by name: those that stand in the spec, and those that its severity says."""
        return {**(self.model_extra or {}), **self._sizes()}

    def _sizes(self) -> dict[str, Draw]:
        """Return the draws that the severity says; raises BadInput where a draw of the spec says otherwise."""
        if self.severity is None:
            return {}
        try:
            rule = rule_of(self.kind, self.severity.thickness_mm)
            sizes = rule.parameters(self.severity.level, self.severity.thickness_mm)
        except BadInput as error:
            raise BadInput(f"severity: {error}") from error
        if both := [name for name in sizes if name in (self.model_extra or {})]:
            raise BadInput(f"severity and {both[0]} contradict each other; leave one out")
        return sizes


def _named(name: str, parameter: Parameter, value: Draw) -> None:
    """Raise BadInput with the parameter's name before the text unless it takes the value."""
    try:
        if parameter.text:
            check_name(value)
        else:
            check(value, lowest=parameter.lowest, open_below=parameter.open_below)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error
