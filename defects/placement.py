"""How a flaw is to be placed: the record, and the words that a spec has for it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from defects.messages import BadInput, unknown

Point = tuple[float, float, float]

WAYS: dict[str, tuple[str, ...]] = {
    "wall_depth_mm": (),
    "thickest": (),
    "layer_mm": ("normal",),
    "along_mm": ("off_mm",),
    "clusters": ("spread_mm",),
}
"""What stands under place: other than volume and surface, and the words that go with it."""

DRAWN = ("wall_depth_mm", "off_mm")
"""Words whose values are draws, made anew for each flaw."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one flaw may go; with no way given, anywhere in the host.

    Attributes:
        wall_mm: Least distance to the host's surface; of a flaw on the surface, to all of it that it does not open to.
        gap_mm: Least distance to other flaws.
        breaks_surface: Whether it may cut the surface; `wall_mm` then means nothing.
        on_surface: Its origin lies on the surface, its own z along the outward normal.
        wall_depth_mm: How deep its centre lies under the surface.
        thickest: Its centre lies in this share of the matter, by local thickness.
        layer_mm: Its centre lies on a plane a whole number of these from the origin, its own z along `normal`.
        normal: Of the layers; of any length.
        along_mm: Its centre lies at a line through these points, its own x along it.
        off_mm: How far beside the line, towards any side.
        clusters: How many clouds it may lie in.
        spread_mm: Standard deviation of a cloud along each axis.
        centres_mm: Of the clouds; they are drawn before the first flaw is placed.
    """

    wall_mm: float = 0.2
    gap_mm: float = 0.1
    breaks_surface: bool = False
    on_surface: bool = False
    wall_depth_mm: float | None = None
    thickest: float | None = None
    layer_mm: float | None = None
    normal: Point = (0.0, 0.0, 1.0)
    along_mm: tuple[Point, ...] = ()
    off_mm: float = 0.0
    clusters: int = 0
    spread_mm: float | None = None
    centres_mm: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            if (value := getattr(self, field.name)) != field.default:
                _require_sense(field.name, value)
        if bool(self.clusters) != (self.spread_mm is not None):
            raise BadInput("clusters and spread_mm go together, such as {clusters: 2, spread_mm: 3}")
        ways = [way for way in WAYS if getattr(self, way) not in (None, (), 0)]
        if len(ways) > 1 or (self.on_surface and ways not in ([], ["along_mm"])):
            told = [*ways, *(["on_surface"] if self.on_surface else [])]
            raise BadInput(f"a flaw is placed in one way, got {' and '.join(told)}; leave out all but one")


def placement_of(place: Any, number: Callable[[Any], float], **common: Any) -> Placement:
    """Return the placement that words under place: say.

    Args:
        place: `volume`, `surface`, or one way of `WAYS` with its words.
        number: Makes a number of a draw; called for `DRAWN` words alone, in the order of the alphabet.
        common: The other fields of the placement.

    Raises:
        BadInput: Words that are not known, do not go together, or have values that make no sense.
    """
    if place in ("volume", "surface"):
        return Placement(**{**common, "on_surface": common.get("on_surface", False) or place == "surface"})
    words = words_of(place)
    values = {name: number(words[name]) if name in DRAWN else _tuples(words[name]) for name in sorted(words)}
    for name, value in values.items():
        _require_sense(name, value)
    known = {field.name for field in fields(Placement)}
    return Placement(**common, **{name: value for name, value in values.items() if name in known})


def words_of(place: Any) -> Mapping[str, Any]:
    """Return the words under place: where it is a mapping of one way; raises BadInput where it is not."""
    listed = ["volume", "surface", *WAYS]
    if not isinstance(place, Mapping):
        if isinstance(place, str) and place not in WAYS:
            raise unknown("place", place, listed)
        raise BadInput(f"place must be volume, surface, or one of {', '.join(WAYS)} with its values, got {place!r}")
    beside = {word for words in WAYS.values() for word in words}
    for word in place:
        if word not in WAYS and word not in beside:
            raise unknown("word under place", str(word), [*WAYS, *beside])
    ways = [way for way in WAYS if way in place]
    if len(ways) != 1:
        raise BadInput(f"place needs one of {', '.join(WAYS)}, got {', '.join(ways) or 'none of them'}")
    for word in place:
        if word != ways[0] and word not in WAYS[ways[0]]:
            raise BadInput(f"{word} means nothing beside {ways[0]}; leave it out")
    if any(place[word] is None for word in place):
        raise BadInput(f"{next(w for w in place if place[w] is None)} needs a value")
    return place


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_point(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 3 and all(_is_number(number) for number in value)


def _require_sense(name: str, value: Any) -> None:
    """Raise BadInput unless a field may have that value."""
    if name in ("wall_mm", "gap_mm", "off_mm") and not (_is_number(value) and value >= 0):
        raise BadInput(f"{name} must be a finite number of at least 0, got {value!r}")
    if name in ("wall_depth_mm", "layer_mm", "spread_mm") and not (_is_number(value) and value > 0):
        raise BadInput(f"{name} must be a finite number above 0, got {value!r}")
    if name == "thickest" and not (_is_number(value) and 0 < value <= 1):
        raise BadInput(f"thickest must be a share above 0 and at most 1, got {value!r}")
    if name == "normal" and not (_is_point(value) and any(value)):
        raise BadInput(f"normal must be 3 finite numbers that are not all 0, such as [0, 0, 1], got {value!r}")
    if name == "clusters" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise BadInput(f"clusters must be a whole number of at least 1, got {value!r}")
    if name == "along_mm":
        _require_line(value)


def _require_line(points: Any) -> None:
    if not isinstance(points, tuple | list) or not all(_is_point(point) for point in points):
        raise BadInput(f"along_mm must list points [x, y, z] of finite numbers, got {points!r}")
    if len(points) < 2 or any(a == b for a, b in pairwise(points)):
        raise BadInput(f"along_mm must list two points or more, each apart from the next, got {points!r}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
