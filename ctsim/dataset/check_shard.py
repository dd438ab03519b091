"""What is wrong with one shard: its bytes, its index, and each of its samples."""

import contextlib
import os
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import IOBase
from pathlib import Path

from ctsim.dataset.check_folder import file_faults, same_bytes
from ctsim.dataset.check_sample import sample_faults
from ctsim.dataset.family import Member, member_of
from ctsim.dataset.leaks import Held, held_of
from ctsim.files import AnyPath, is_remote
from ctsim.shards import decode, members_of
from ctsim.shards.schema import INDEX
from ctsim.shards.tar import Index, format_of, index_of, opened, read_at
from ctsim.shards.write import index_bytes
from defects.messages import BadInput

WORDS = (b"NaN", b"Infinity")
"""Which Python reads as numbers, and JSON does not know."""


@dataclass(kw_only=True)
class Checked:
    """What was found in a shard.

    Attributes:
        faults: A line each.
        keys: Of its samples.
        members: What faultless samples share with their pairs and twins.
        held: What no two splits may share, of all samples that could be read.
    """

    faults: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


def check_shard(folder: AnyPath, shard: dict, dataset: dict) -> Checked:
    """Return what was found in a shard, whatever it holds; no more than one of its samples is in memory.

    Args:
        folder: Of the dataset.
        shard: As dataset.json lists it.
        dataset: What dataset.json says.
    """
    checked, path = Checked(), folder / shard["file"]
    try:
        if not path.is_file():
            checked.faults += file_faults(path, shard)
            return checked
        with _here(path) as place:
            checked.faults += file_faults(place, shard)
            try:
                _check_tar(place, path, shard, dataset, checked)
            except BadInput as error:
                checked.faults.append(str(error).replace(str(place), path.name))
    except MemoryError:
        raise
    except Exception as error:  # what a damaged file leads to, or a store
        checked.faults.append(f"{shard['file']}: cannot be read: {_told(error)}")
    return checked


@contextlib.contextmanager
def _here(path: AnyPath) -> Iterator[Path]:
    """Give a file on this machine: itself, or a copy of what a store has, so that it is sent once."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ctsim-") as folder:
        place = Path(folder) / path.name
        path.fs.get_file(path.path, str(place))
        yield place


def _check_tar(place: Path, path: AnyPath, shard: dict, dataset: dict, checked: Checked) -> None:
    index, beside = index_of(place), path.with_name(path.name + INDEX)
    if not same_bytes(beside, index_bytes(index)):
        checked.faults.append(f"{beside.name}: {'is not the index of its shard' if beside.exists() else 'missing'}")
    with opened(place) as stream:
        if odd := _odd_bytes(stream, index):
            checked.faults.append(f"{path.name}: {odd}")
        for key, places in index.items():
            files = {name: read_at(stream, *where) for name, where in places.items()}
            found = list(_check_sample(key, files, shard, dataset, checked))
            checked.faults += [f"{path.name}: {key}: {fault}" for fault in found]
    checked.keys += index
    if checked.keys != shard["samples"]:
        checked.faults.append(f"{path.name}: {_other_samples(shard['samples'], checked.keys)}")


def _check_sample(key: str, files: dict[str, bytes], shard: dict, dataset: dict, checked: Checked) -> Iterator[str]:
    """Yield the faults of one sample, and put down what concerns others."""
    names = list(_name_faults(key, files, dataset))
    yield from names
    if set(members_of(dataset["scatters"])) - files.keys():
        return
    try:
        sample = decode(key, files)
        found = list(sample_faults(sample, shard, dataset))
    except BadInput as error:
        yield str(error).removeprefix(f"sample: {key}.")
        return
    except MemoryError:
        raise
    except Exception as error:  # its records may hold anything
        yield f"its records are malformed: {_told(error)}"
        return
    yield from found
    with contextlib.suppress(KeyError, TypeError, AttributeError):  # of what is no scene, which has been told
        checked.held.append(held_of(sample, files, shard, dataset))
    if not found and not names:
        checked.members.append(member_of(sample, files, shard["file"]))


def _name_faults(key: str, files: dict[str, bytes], dataset: dict) -> Iterator[str]:
    """Yield what a sample's files should not be called or hold, and which it lacks."""
    wanted = members_of(dataset["scatters"])
    if missing := [name for name in wanted if name not in files]:
        yield f"lacks {', '.join(missing)}"
    strange = [name for name in files if name not in wanted]
    dotted = {f"{key}.{name.removesuffix(own)[:-1]}" for name in strange for own in wanted if name.endswith(f".{own}")}
    if dotted:
        yield f"the key {min(dotted)} has a dot in it"
    elif strange:
        yield f"holds {', '.join(strange)}, which the schema does not know"
    for name in ("defects.json", "scene.json"):
        for word in WORDS:
            if word in files.get(name, b""):
                yield f"{name} holds {word.decode()}, which is no number"


def _odd_bytes(stream: IOBase, index: Index) -> str | None:
    """Return where a tar holds other bytes than its files and what `write_shard` puts around them; None where not."""
    end = 0
    for key, places in index.items():
        if list(places) != sorted(places):
            return f"the files of {key} are not in order"
        for name, (offset, size) in places.items():
            info = tarfile.TarInfo(f"{key}.{name}")
            info.size = size
            if read_at(stream, end, offset - end) != info.tobuf(format_of(size)):
                return f"the header at byte {end} is not the one of {key}.{name}"
            end = -(-(offset + size) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            if any(read_at(stream, offset + size, end - offset - size)):
                return f"the padding after {key}.{name} is not empty"
    whole = -(-(end + 2 * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE
    if (size := stream.seek(0, os.SEEK_END)) != whole:
        return f"expected {whole} bytes for its files, got {size}"
    return "its end is not empty" if any(read_at(stream, end, whole - end)) else None


def _other_samples(wanted: list[str], got: list[str]) -> str:
    """Return in words how the samples of a shard are others than dataset.json lists."""
    (missing, extra), order = (Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)), "in another order"
    told = [f"{word} {_short(list(keys))}" for word, keys in (("without", missing), ("with", extra)) if keys]
    return f"expected the samples {_short(wanted)}, got {_short(got)}: {' and '.join(told) or order}"


def _short(keys: list[str]) -> str:
    return f"{len(keys)} ({keys[0]} to {keys[-1]})" if len(keys) > 1 else (keys or ["none"])[0]


def _told(error: Exception) -> str:
    return f"{type(error).__name__} {error}"
