"""Scenes that are one scene but for their fidelity or their defects, held against each other across shards."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ctsim.shards import file_of

OF_FIDELITY = ("fidelity", "scatter_to_primary", "monte_carlo", "gate")
"""What the scans of a pair may differ in."""

TRAITS = ("split", "part or pose", "scan", "volume", "set of defects", "set of labels")
SHARED_BY = {"pair": TRAITS, "twin": TRAITS[:-2]}
LABELS = ("labels", "instances", "fractions")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A sample, as far as its pair and its twin must agree with it.

    Attributes:
        key: Of the sample.
        shard: That it stands in.
        traits: Digest of each of TRAITS.
        related: Keys of its pair and its twin, None where it has none.
    """

    key: str
    shard: str
    traits: dict[str, str]
    related: dict[str, str | None]


def member_of(sample: Mapping[str, Any], files: Mapping[str, bytes], shard: str) -> Member:
    """Return a sample as far as its pair and its twin must agree with it.

    Args:
        sample: Decoded; of it the scene counts.
        files: Its files; equal labels are equal files where the same version has compressed them.
        shard: Is named where it is at fault.
    """
    scene = sample["scene"]["scene"]
    related = {name: scene.get(f"{name}_of") for name in ("pair", "twin")}
    labels = sha256(b"".join(files[file_of(name)] for name in LABELS)).hexdigest()
    return Member(key=sample["key"], shard=shard, traits=_traits(scene) | {TRAITS[-1]: labels}, related=related)


class Family:
    """The scenes of a dataset, of each only what it shares with its pair or twin."""

    def __init__(self) -> None:
        """Begin with no scene."""
        self._members: dict[str, Member] = {}

    def add(self, member: Member) -> None:
        """Add a sample's scene."""
        self._members[member.key] = member

    def faults(self, present: Collection[str], dropped: Collection[int]) -> Iterator[str]:
        """Yield a line for every scene that is not the scene of its pair or twin, or lacks it.

        Args:
            present: Keys of all samples, those with faults of their own, which are not compared, among them.
            dropped: Indices of the scenes that the dataset lacks for good reasons.
        """
        for key, member in self._members.items():
            for name, other in member.related.items():
                if other in self._members:
                    theirs = self._members[other].traits
                    if differ := [trait for trait in SHARED_BY[name] if member.traits[trait] != theirs[trait]]:
                        yield f"{member.shard}: {key}: its {name} {other} has another {' and another '.join(differ)}"
                elif other is not None and other not in present and _index(other) not in dropped:
                    yield f"{member.shard}: {key}: its {name} {other} is not in the dataset"


def _traits(scene: dict[str, Any]) -> dict[str, str]:
    """Return what makes a scene, each trait but the labels as a short text."""
    scan = {name: value for name, value in scene["scan"].items() if name not in OF_FIDELITY}
    stage = [[item["part"], item["pose"]] for item in scene["items"]], scene["fixture"]
    held = (scene["split"], stage, scan, scene["volume"], [item["defects"] for item in scene["items"]])
    return {name: _digest(value) for name, value in zip(TRAITS[:-1], held, strict=True)}


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _index(key: str) -> int | None:
    number = key.rpartition("-")[2]
    return int(number) if number.isdecimal() and len(number) <= 12 else None
