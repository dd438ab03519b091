"""A scenario's JSON, read key by key: every key that is used is marked, so that what was not can be told.

A value of the format is a number, or `{"value", "unit", "uncertainty", "drifts"}`. Drifts are offsets from what the
value is in the first frame; they lie evenly from the first frame to the last, straight lines between them, and add up.
"""

import io
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.scenario.units import PURE, Units
from defects.messages import BadInput, unknown
from scenes import plain_file

TINY, HUGE = 1e-15, 1e15
"""Numbers of the file, in our units: what is smaller is 0, what is larger makes no sense in any of them."""

MOST_ROWS = 1_000_000
"""Of a table."""

REMARKS = ("comment", "uncertainty")
"""Keys that document and change nothing."""


@dataclass(frozen=True, kw_only=True)
class NotSupported:
    """Something that a scenario asks for and that is not done.

    Attributes:
        path: Where it stands in the file.
        value: What stands there.
        why: What happens instead.
    """

    path: str
    value: Any
    why: str

    def __str__(self) -> str:
        said = json.dumps(self.value)
        return f"{self.path}: {self.why} (given: {said if len(said) <= 60 else said[:57] + '...'})"


@dataclass(kw_only=True)
class Book:
    """What is written down while a file is read.

    Attributes:
        file: The scenario file; other files count from its folder.
        used: Places that were read.
        told: What is not supported.
    """

    file: Path
    used: set[str] = field(default_factory=set)
    told: list[NotSupported] = field(default_factory=list)

    def path_of(self, name: str) -> Path:
        """Return where a file that the scenario names lies."""
        return self.file.parent / name

    def has(self, name: str) -> bool:
        """Return whether there is such a file; a name that none can have is that of none."""
        return os.path.exists(self.path_of(name))


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How a value moves through the scan: offsets in the value's unit, spread evenly from first frame to last."""

    offsets: tuple[float, ...]
    known: bool

    def at(self, frames: Float[np.ndarray, " frame"], count: int) -> Float[np.ndarray, " frame"]:
        """Return the offset in each frame of a scan of `count`."""
        return np.interp(frames, np.linspace(0, max(count - 1, 1), len(self.offsets)), self.offsets)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number that may drift."""

    value: float
    drifts: tuple[Drift, ...] = ()

    def at(self, frames: Float[np.ndarray, " frame"], count: int, known: bool = False) -> Float[np.ndarray, " frame"]:
        """Return its value in each frame of a scan of `count`; `known` takes only drifts that reconstruction knows."""
        total = np.full(len(frames), self.value)
        for drift in self.drifts:
            if drift.known or not known:
                total = total + drift.at(frames, count)
        return total

    @property
    def moves(self) -> bool:
        """Whether it is another number in some frame."""
        return any(len(set(drift.offsets)) > 1 for drift in self.drifts)

    @property
    def first(self) -> float:
        """Its value in the first frame."""
        return self.value + sum(drift.offsets[0] for drift in self.drifts)


@dataclass(frozen=True)
class Node:
    """A place in the file, and what stands there; None where nothing does."""

    value: Any
    path: str
    book: Book = field(repr=False)

    def __getitem__(self, key: str) -> "Node":
        """Return the place below; nothing stands below nothing."""
        if self.value is not None and not isinstance(self.value, dict):
            raise self.wrong("must be an object in braces")
        below = f"{self.path}.{key}" if self.path else key
        return Node((self.value or {}).get(key), below, self.book)

    @property
    def given(self) -> bool:
        """Whether anything stands here; `{"value": null}` is nothing."""
        return (self.value.get("value") if self._is_boxed else self.value) is not None

    @property
    def keys(self) -> set[str]:
        """The keys that hold something here."""
        if not isinstance(self.value, dict | None):
            raise self.wrong("must be an object in braces")
        return {key for key, value in (self.value or {}).items() if value is not None}

    @property
    def _is_boxed(self) -> bool:
        return isinstance(self.value, dict) and "value" in self.value

    def items(self) -> list["Node"]:
        """Return the places in a list; null is an empty one, and a single object a list of one."""
        if isinstance(self.value, dict):
            return [self]
        if not isinstance(self.value, list | None):
            raise self.wrong("must be a list in brackets")
        return [Node(value, f"{self.path}[{i}]", self.book) for i, value in enumerate(self.value or [])]

    def use(self) -> "Node":
        """Mark the place, and all below it, as read."""
        self.book.used.add(self.path)
        return self

    def wrong(self, expected: str) -> BadInput:
        """Return the refusal of what stands here."""
        if self.value is None:
            return BadInput(f"{self.book.file.name}: {self.path} is missing; it {expected}")
        return BadInput(f"{self.book.file.name}: {self.path} {expected}, got {json.dumps(self.value)[:80]}")

    def tell(self, why: str) -> None:
        """Write down that what stands here is not done as asked."""
        self.use()
        if not any((told.path, told.why) == (self.path, why) for told in self.book.told):
            self.book.told.append(NotSupported(path=self.path, value=self.value, why=why))

    # -------------------------------------------------------------------------------------------- what stands here

    def unboxed(self) -> Any:
        """Return the bare value, out of its `{"value": ...}` if it stands in one."""
        self.book.used.add(f"{self.path}.value" if self._is_boxed else self.path)
        return self.value["value"] if self._is_boxed else self.value

    def text(self, allowed: tuple[str, ...] = ()) -> str | None:
        """Return a text, or None; of several through the scan the first, which is told."""
        said = self.unboxed()
        if said is None or said == "":
            return None
        if not isinstance(said, str):
            raise self.wrong("must be a text in quotes")
        for drift in self["drifts"].items() if self._is_boxed else []:
            each = drift["value"].unboxed()
            each = each if isinstance(each, list) else [each]
            if not all(isinstance(one, str) for one in each):
                raise drift["value"].wrong("must be a text in quotes, or a list of them")
            said = each[0] if each else said
            if len(set(each)) > 1:
                drift.tell(f"does not change through the scan: {said} is taken for all of it")
        if allowed and said not in allowed:
            raise BadInput(f"{self.book.file.name}: {unknown(self.path, said, allowed)}")
        return said

    def flag(self, otherwise: bool) -> bool:
        """Return true or false."""
        said = self.unboxed()
        if said is None:
            return otherwise
        if not isinstance(said, bool):
            raise self.wrong("must be true or false")
        return said

    def whole(self, otherwise: int | None = None, least: int = 0, most: int = 10**9) -> int:
        """Return a whole number; drifts of it are told."""
        if not self.given and otherwise is not None:
            self.use()
            return otherwise
        number = self.steady({"px": 1.0, None: 1.0})
        if number is None or number != int(number) or number < least:
            raise self.wrong(f"must be a whole number of at least {least}")
        if number > most:
            raise self.wrong(f"must be {most} at most")
        return int(number)

    def steady(self, units: Units = PURE) -> float | None:
        """Return a number as it is in the first frame, or None; that it drifts is told."""
        number = self.parameter(units)
        if number is not None and number.moves:
            self["drifts"].tell(f"does not drift: it stays at its first value, {number.first:g}")
        return None if number is None else number.first

    def parameter(self, units: Units = PURE) -> Parameter | None:
        """Return a number with its drifts in our unit, or None.

        Raises:
            BadInput: It is no number, or has no unit, or one that is none for it.
        """
        said = self.unboxed()
        if said is None:
            if self._is_boxed:
                self.use()
            return None
        unit = self._unit() if self._is_boxed else None
        drifts = self["drifts"].items() if self._is_boxed else []
        factor = self._factor(unit, units, of_zero=said == 0 and not drifts)
        return Parameter(
            value=self._number(said, factor), drifts=tuple(d for each in drifts if (d := each.drift(unit, units)))
        )

    def drift(self, unit: str | None, units: Units) -> Drift | None:
        """Return a drift of a value that stands in `unit`, or None where it lists no offsets."""
        known = self["known_to_reconstruction"].flag(True)
        unit = self._unit() or unit
        factor = self._factor(unit, units, of_zero=False)
        listed = self["value"].unboxed()
        if listed is None and self["file"].given:
            listed = read_table(self.book.path_of(str(self["file"].text())), 1)[:, 0].tolist()
        elif self["file"].given:
            self["file"].tell("the offsets listed beside it are taken")
        offsets = listed if isinstance(listed, list) else [] if listed is None else [listed]
        return Drift(offsets=tuple(self._number(n, factor) for n in offsets), known=known) if offsets else None

    def _unit(self) -> str | None:
        unit = self["unit"].unboxed()
        if not isinstance(unit, str | None):
            raise self["unit"].wrong("must be a text in quotes")
        return unit

    def _factor(self, unit: str | None, units: Units, *, of_zero: bool) -> float:
        """Return what one of the unit is in ours; zero is zero in any."""
        if unit in units:
            return units[unit]
        named = ", ".join(str(name) for name in units if name)
        if unit is None and not of_zero:
            raise self.wrong(f"has no unit; give one of {named}")
        if unit is not None:
            expected = f"must be one of {named}" if named else "must be left out or null"
            raise BadInput(f"{self.book.file.name}: the unit of {self.path} {expected}, got {unit!r}")
        return 1.0

    def _number(self, said: Any, factor: float) -> float:
        """Return a bare number in our unit; what rounding leaves of nothing is nothing."""
        if isinstance(said, bool) or not isinstance(said, int | float):
            raise self.wrong("must be a number without quotes")
        if abs(said) > HUGE**2 or abs(said * factor) > HUGE:  # a whole number of 400 digits has no product
            raise self.wrong(f"must lie within {-HUGE:g} to {HUGE:g}")
        return 0.0 if abs(said * factor) < TINY else float(said * factor)


def unused(book: Book, values: Any) -> list[NotSupported]:
    """Return what stands in the file and was never read, the largest whole pieces of it."""
    return [
        NotSupported(path=path, value=value, why="is no key that is read here") for path, value in _unread(book, values)
    ]


def _unread(book: Book, value: Any, path: str = "") -> list[tuple[str, Any]]:
    nothing = isinstance(value, dict) and "value" in value and value["value"] is None
    if path in book.used or path.rpartition(".")[2] in REMARKS or value in (None, [], {}) or nothing:
        return []
    if not isinstance(value, dict | list):
        return [(path, value)]
    below = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, each in below:
        at = f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}" if path else key
        found.append((_unread(book, each, at), at, each))
    # nothing below was read: one piece
    if path and all(rest == [(at, each)] for rest, at, each in found):
        return [(path, value)]
    return [one for rest, _, _ in found for one in rest]


def read_table(path: Path, columns: int) -> Float[np.ndarray, "row column"]:
    """Return the first columns of a CSV or TSV file; a heading and lines from # on are passed over.

    Raises:
        BadInput: It cannot be read, or a line of it holds no such numbers.
    """
    try:
        text = plain_file.read_text(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; the scenario names it as a table") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no table of numbers: {error}") from error
    rows: list[list[float]] = []
    for number, line in enumerate(io.StringIO(text), start=1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split(maxsplit=columns)
        if not words:
            continue
        try:
            row = [float(word) for word in words[:columns]]
        except ValueError:
            row = []
        if len(row) == columns and all(math.isfinite(value) for value in row):
            rows.append(row)
        elif rows or number > 5:  # no heading
            raise BadInput(f"{path.name}, line {number}: expected {columns} numbers, got {line.strip()[:60]!r}")
        if len(rows) > MOST_ROWS:
            raise BadInput(f"{path.name} holds more than {MOST_ROWS} rows of numbers; expected a table of fewer")
    if not rows:
        raise BadInput(f"{path.name} holds no row of {columns} numbers")
    return np.array(rows)
