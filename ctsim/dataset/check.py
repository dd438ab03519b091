"""What is wrong with a dataset, fault by fault."""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ctsim.dataset.check_folder import file_faults, folder_faults, geometry_faults, text_faults
from ctsim.dataset.check_record import form_faults, is_of_this_version, record_faults, spec_faults
from ctsim.dataset.check_shard import Checked, check_shard
from ctsim.dataset.family import Family
from ctsim.dataset.leaks import Leaks
from ctsim.dataset.workers import cores
from ctsim.files import AnyPath
from ctsim.shards import read_listing
from defects.messages import BadInput


def faults(
    folder: AnyPath, *, workers: int | None = None, note: Callable[[str], None] = lambda text: None
) -> Iterator[str]:
    """Yield a line for every fault of a dataset, in an order that does not depend on `workers`; none for a good one.

    Nothing in the folder is trusted, and nothing is changed. No more than a sample is in memory for each worker.

    Args:
        folder: Of the dataset, on this machine or in a store.
        workers: Threads, each with a shard at a time; one a processor where None.
        note: Told what could not be checked.

    Raises:
        BadInput: The folder holds no finished dataset.
    """
    listing = folder / "dataset.json"
    if listing.exists() and not listing.is_file():  # a pipe would be waited for
        raise BadInput(f"{listing} is no plain file; give the folder of a dataset")
    dataset = read_listing(folder)
    yield from map(_line, form_faults(dataset) or _faults(folder, dataset, workers or cores(), note))


def _faults(folder: AnyPath, dataset: dict, workers: int, note: Callable[[str], None]) -> Iterator[str]:
    """Yield the faults of a dataset whose dataset.json is what its form asks for."""
    yield from record_faults(dataset)
    yield from folder_faults(folder, dataset)
    if is_of_this_version(dataset):
        yield from spec_faults(dataset)
        yield from text_faults(folder, dataset)
    else:
        note(
            f"made by ctsim {dataset['made_by'].get('ctsim')}: its README.md, croissant.json and splits are not held "
            "against its spec, which only that version can do"
        )
    for part in dataset["parts"]:
        wrong = list(file_faults(folder / part["file"], part))
        yield from wrong or geometry_faults(folder, part, dataset)
    seen: dict[str, str] = {}
    family, leaks, unplaced = Family(), Leaks(), Counter()
    for shard, checked in _in_order(partial(check_shard, folder, dataset=dataset), dataset["shards"], workers):
        yield from checked.faults
        for key in checked.keys:
            if key in seen:
                yield f"{shard['file']}: {key} stands in {seen[key]} too"
            seen[key] = shard["file"]
        for member in checked.members:
            family.add(member)
        for held in checked.held:
            leaks.add(held)
            unplaced.update(held.unplaced)
    yield from family.faults(seen, {scene["index"] for scene in dataset["dropped"]})
    yield from leaks.faults()
    if len(leaks) == sum(len(shard["samples"]) for shard in dataset["shards"]) and unplaced != dataset["unplaced"]:
        yield f"dataset.json: unplaced is {dataset['unplaced']}, its scenes tell of {dict(sorted(unplaced.items()))}"


def _in_order(
    work: Callable[[dict], Checked], shards: Iterable[dict], workers: int
) -> Iterator[tuple[dict[str, Any], Checked]]:
    """Yield each shard with what was found in it, in their order; one more than there are workers is under way."""
    coming = iter(shards)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque((shard, pool.submit(work, shard)) for shard in itertools.islice(coming, workers + 1))
        while waiting:
            shard, future = waiting.popleft()
            yield shard, future.result()
            waiting.extend((new, pool.submit(work, new)) for new in itertools.islice(coming, 1))


def _line(fault: str) -> str:
    """Return a fault as one line that any terminal can show: names of files may hold anything."""
    text = " ".join(fault.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
