"""What two splits must not share, and what no two samples may: parts, scenes, and the scans themselves."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Held:
    """A sample, as far as others may repeat it.

    Attributes:
        key: Of the sample.
        shard: That it stands in.
        split: Of that shard.
        related: Keys of its pair and its twin, where it has them.
        noise: Whether there is any.
        parts: Digest of each part's geometry, by its name.
        scene: Digest of what stands on the stage: geometry, scale, pose and defects of each part, and the fixture.
        scan: Digest of its projections.
        unplaced: How many defects of a kind found no place.
    """

    key: str
    shard: str
    split: str
    related: dict[str, str]
    noise: bool
    parts: dict[str, str]
    scene: str
    scan: str
    unplaced: dict[str, int]

    @property
    def noise_of(self) -> str:
        """Key of the sample whose noise it has: that of its pair, or its own."""
        return self.related.get("pair", self.key)


def held_of(sample: Mapping[str, Any], files: Mapping[str, bytes], shard: Mapping[str, Any], dataset: dict) -> Held:
    """Return a sample as far as others may repeat it.

    Args:
        sample: Decoded.
        files: Its files.
        shard: As dataset.json lists it.
        dataset: What dataset.json says.
    """
    scene = sample["scene"]["scene"]
    saved = {part["file"]: part["sha256"] for part in dataset["parts"]}
    parts = {item["part"]["name"]: _geometry(item["part"], saved) for item in scene["items"]}
    stage = [
        [parts[item["part"]["name"]], item["part"].get("scale"), item["pose"], item["defects"]]
        for item in scene["items"]
    ]
    return Held(
        key=sample["key"],
        shard=shard["file"],
        split=shard["split"],
        related={name: scene[f"{name}_of"] for name in ("pair", "twin") if scene.get(f"{name}_of")},
        noise=scene["scan"].get("noise", True),
        parts=parts,
        scene=_digest([stage, scene.get("fixture")]),
        scan=sha256(files["projections.npy"]).hexdigest(),
        unplaced=scene.get("unplaced", {}),
    )


def _geometry(part: Mapping[str, Any], saved: Mapping[str, str]) -> str:
    file = part.get("file")
    return geometry_of(part.get("library"), part.get("dimensions"), file and saved.get(file, file))


def geometry_of(library: str | None, dimensions: Mapping[str, float] | None, content: str | None) -> str:
    """Return a digest of a part's shape: whatever it is called, made of and scaled by.

    Args:
        library: Its name in the library, where it comes from there.
        dimensions: In numbers, as far as they are given.
        content: Digest of its file's, where it comes from one.
    """
    return _digest([library, dimensions, content])


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Leaks:
    """The samples of a dataset, of each only what others may repeat: half a kilobyte."""

    def __init__(self) -> None:
        """Begin with none."""
        self._held: dict[str, Held] = {}
        self._parts: dict[str, dict[str, tuple[str, Held]]] = {}
        self._scenes: dict[str, dict[str, list[Held]]] = {}
        self._scans: dict[str, list[Held]] = {}

    def __len__(self) -> int:
        """Return of how many samples there is something to tell."""
        return len(self._held)

    def add(self, held: Held) -> None:
        """Add a sample."""
        self._held[held.key] = held
        for name, geometry in held.parts.items():
            self._parts.setdefault(geometry, {}).setdefault(held.split, (name, held))
        self._scenes.setdefault(held.scene, {}).setdefault(held.split, []).append(held)
        self._scans.setdefault(held.scan, []).append(held)

    def faults(self) -> Iterator[str]:
        """Yield a line for each part and scene in several splits, each pair torn apart, and each scan that comes twice.

        Scenes in one split may be alike: parts without flaws, all upright. Scans without noise may be, too, and
        those of a pair of which nothing scatters.
        """
        yield from self._torn()
        for (name, first), *others in (list(splits.values()) for splits in self._parts.values()):
            for other, held in others:
                yield f"{held.shard}: {held.key}: its part {other} is in {first.split} too, as {name} of {first.key}"
        for (first, *_), *others in (list(splits.values()) for splits in self._scenes.values()):
            for held in itertools.chain(*others):
                yield f"{held.shard}: {held.key}: its scene is in {first.split} too, as {first.key}"
        yield from self._again()

    def _torn(self) -> Iterator[str]:
        for held in self._held.values():
            for name, other in held.related.items():
                if (first := self._held.get(other, held)).split != held.split:
                    yield f"{held.shard}: {held.key}: its {name} {other} is in split {first.split}, not {held.split}"

    def _again(self) -> Iterator[str]:
        for first, *others in self._scans.values():
            for held in others:
                if held.split != first.split or (held.noise and held.noise_of != first.noise_of):
                    yield f"{held.shard}: {held.key}: its projections are those of {first.key}, in {first.split}"
