"""How severe a flaw of a weld is: sizes that one quality level of ISO 5817 permits and the next better one does not.

ISO 5817:2014, Table 1, limits the imperfections of fusion-welded joints in steel, nickel, titanium and their alloys, at
the levels B (stringent), C and D (moderate), from 0.5 mm of thickness on.

Covered: the size of one imperfection in a butt weld that is as thick as the plate, of the kinds in `TABLE`. Not
covered: what several add up to, clusters and lines of pores, fillet and partly penetrated welds, smooth transitions,
fatigue. A flaw may so obey its level and the weld not. ISO 10042, for aluminium, has other numbers. Reference
radiographs (ASTM E155, E446, E505, E2422) are pictures: they hold no number that a size could follow.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from defects.messages import BadInput, unknown

LEVELS = ("B", "C", "D")
"""From the best to the worst that is permitted."""

REJECTED = "rejected"
"""The level of what D does not permit."""

SMALLEST, LARGEST = 0.2, 1.5
"""Shares of a limit from which sizes begin where no better level permits any, and where those of REJECTED end."""

SHORT_MM = 25.0
"""Of 100 mm of a weld, so much at most may have imperfections that are permitted as short ones only."""

NEVER = {"crack": "100"}
"""Kinds that no level permits whatever their size, and their numbers in ISO 6520-1."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A row of the table: how large one imperfection may be in a weld of some thickness t.

    Attributes:
        kind: Of flaw.
        number: What ISO 6520-1 numbers it.
        thickness_mm: From which t to which; where two rows meet, the first holds.
        parameter: Of the kind, which is limited.
        share: Of t, that it may reach at B, C and D; 0 where a level permits none.
        most_mm: That it may reach however large t is, at B, C and D.
        short: Levels that permit short ones only.
        fixed: Other parameters that must then be so, for the limit to be that of the flaw's largest size.
        inside: Whether the row is for what is not open to the surface.
        not_of: A material that no level permits.
    """

    kind: str
    number: str
    thickness_mm: tuple[float, float] = (0.5, math.inf)
    parameter: str
    share: tuple[float, float, float]
    most_mm: tuple[float, float, float] = (math.inf, math.inf, math.inf)
    short: tuple[str, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    inside: bool = False
    not_of: str = ""

    def limits_mm(self, thickness_mm: float) -> tuple[float, ...]:
        """Return how large the imperfection may be at B, C and D [mm]."""
        return tuple(
            round(min(share * thickness_mm, most), 9) for share, most in zip(self.share, self.most_mm, strict=True)
        )

    def range_mm(self, level: str, thickness_mm: float) -> tuple[float, float]:
        """Return from which size to which a flaw is of that level, and of no better one [mm].

        Raises:
            BadInput: There is no such level, or no such size.
        """
        limits = self.limits_mm(thickness_mm)
        if level == REJECTED:
            return limits[-1], round(LARGEST * limits[-1], 9)
        if level not in LEVELS:
            raise unknown("level", level, [*LEVELS, REJECTED])
        ranges = dict(zip(LEVELS, pairwise((0.0, *limits)), strict=True))
        better, limit = ranges[level]
        if limit == better:
            told = f"permits as much as the better one, {limit:g} mm" if limit else "permits none"
            possible = [name for name in LEVELS if ranges[name][0] < ranges[name][1]]
            raise BadInput(
                f"of {self.kind} at {thickness_mm:g} mm level {level} of ISO 5817 {told}; use "
                f"{', '.join(possible)} or {REJECTED}"
            )
        return better or round(SMALLEST * limit, 9), limit

    def parameters(self, level: str, thickness_mm: float) -> dict[str, float | list[float]]:
        """Return what a severity says of the kind's parameters, as a spec would write it."""
        return {self.parameter: list(self.range_mm(level, thickness_mm)), **self.fixed}


BALL = {"elongation": 1.0, "flatness": 1.0}

TABLE = (
    Rule(
        kind="undercut", number="5011, 5012", thickness_mm=(0.5, 3.0), parameter="depth_mm", share=(0.0, 0.1, 0.2),
        short=("C", "D"),
    ),
    Rule(
        kind="undercut", number="5011, 5012", thickness_mm=(3.0, math.inf), parameter="depth_mm",
        share=(0.05, 0.1, 0.2), most_mm=(0.5, 0.5, 1.0),
    ),
    Rule(
        kind="incomplete_penetration", number="4021", parameter="height_mm", share=(0.0, 0.0, 0.2),
        most_mm=(0.0, 0.0, 2.0), short=("D",),
    ),
    Rule(
        kind="gas_pore", number="2011", parameter="diameter_mm", share=(0.2, 0.3, 0.4), most_mm=(3.0, 4.0, 5.0),
        fixed={"elongation": 1.0}, inside=True,
    ),
    Rule(
        kind="inclusion_light", number="300 to 303", parameter="diameter_mm", share=(0.2, 0.3, 0.4),
        most_mm=(2.0, 3.0, 4.0), fixed=BALL, inside=True,
    ),
    Rule(
        kind="inclusion_dense", number="304", parameter="diameter_mm", share=(0.2, 0.3, 0.4), most_mm=(2.0, 3.0, 4.0),
        fixed=BALL, inside=True, not_of="Cu",
    ),
)  # fmt: skip
"""ISO 5817:2014, Table 1: 1.7, 1.6, 2.3, 2.9 and 2.10; of 2.9 the limit of the length, which a ball never reaches."""


def rule_of(kind: str, thickness_mm: float) -> Rule:
    """Return the row that limits a kind of flaw in a weld of that thickness.

    Raises:
        BadInput: There is none.
    """
    if kind in NEVER:
        raise BadInput(f"no level of ISO 5817 permits a {kind}, whatever its size; leave severity out")
    rules = [rule for rule in TABLE if rule.kind == kind]
    if not rules:
        known = ", ".join(dict.fromkeys(rule.kind for rule in TABLE))
        raise BadInput(f"there is no table for {kind}; leave severity out, or use one of {known}")
    for rule in rules:
        if rule.thickness_mm[0] <= thickness_mm <= rule.thickness_mm[1]:
            return rule
    raise BadInput(
        f"thickness_mm must be at least {rules[0].thickness_mm[0]:g}, as ISO 5817 has it, got {thickness_mm:g}"
    )
