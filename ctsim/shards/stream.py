"""Samples for training with PyTorch: each exactly once an epoch, over all nodes and workers."""

import itertools
import os
import random
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ctsim.messages import BadInput
from ctsim.shards.access import Samples, Source

try:
    import torch.distributed
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise BadInput("ctsim.shards.stream needs PyTorch: pip install 'ctsim[train]'") from error


class Stream(IterableDataset):
    """Samples as `read_samples` yields them; a `DataLoader` takes it with any number of workers.

    The samples of an epoch are dealt out in runs of neighbours, one run for each worker of each node, as even as can
    be. Two nodes differ by one sample at most, or by none with `even`.
    """

    def __init__(
        self,
        source: Source,
        split: str | None = None,
        *,
        fields: Collection[str] | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        shuffle: bool = False,
        seed: int = 0,
        buffer: int = 16,
        even: bool = False,
    ) -> None:
        """Open a dataset.

        Args:
            source: As for `Samples`: a folder, some shards, or a URL.
            split: train, validation or test; all where None.
            fields: What of each sample is wanted, such as volume and labels; all where None.
            transform: What is made of each sample, in the worker that has read it.
            shuffle: Whether the order is another in each epoch: shards change places, samples within `buffer`.
            seed: Of that order; the same on all nodes.
            buffer: Samples among which the next is chosen; that many are held in memory by each worker.
            even: Whether nodes that have one sample less than others take one of theirs too, so that none waits.

        Raises:
            BadInput: There is no finished dataset, it has no such split, or PyTorch is missing.
        """
        self.samples = Samples(source, split, fields)
        self.transform, self.shuffle, self.seed, self.buffer, self.even = transform, shuffle, seed, buffer, even
        if buffer < 1:
            raise BadInput(f"buffer must be 1 or more, got {buffer}")
        # seen by workers that live on from epoch to epoch, too
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._started_on: tuple[int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker is started with: it takes no part in the training, and may not know its node."""
        return self.__dict__ | {"_started_on": _node()}

    @property
    def epoch(self) -> int:
        """Which epoch's order is next."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; call it before each epoch, with the same number on all nodes."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[Any]:
        """Yield the samples of this worker."""
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        keys = share(self.of_node(*(_node() or self._started_on or (0, 1))), worker, workers)
        stream = map(self.samples.__getitem__, keys)
        if self.shuffle:
            stream = _mixed(stream, self.buffer, random.Random(f"{self.seed} {self.epoch} {keys[:1]}"))
        return stream if self.transform is None else map(self.transform, stream)

    def of_node(self, node: int, nodes: int) -> list[str]:
        """Return the keys of the samples that one of so many nodes has in this epoch, shards one after the other."""
        shards = list(self.samples.by_shard().values())
        if self.shuffle:
            random.Random(f"{self.seed} {self.epoch}").shuffle(shards)
        keys = [key for shard in shards for key in shard]
        found = share(keys, node, nodes)
        if self.even and len(found) < -(-len(keys) // nodes):
            found = [*found, keys[0] if node else keys[-1]]
        return found


def share(keys: list[str], place: int, count: int) -> list[str]:
    """Return the run of keys that one of so many takers has."""
    return keys[place * len(keys) // count : (place + 1) * len(keys) // count]


def _node() -> tuple[int, int] | None:
    """Return which of the processes that train together this one is, and how many they are; None where it is alone.

    As `torch.distributed` has it, or else what started them: torchrun, or another that sets RANK and WORLD_SIZE.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    if not {"RANK", "WORLD_SIZE"} <= os.environ.keys():
        return None
    rank, size = os.environ["RANK"], os.environ["WORLD_SIZE"]
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise BadInput(f"expected the environment to hold RANK below WORLD_SIZE, got {rank!r:.40} and {size!r:.40}")
    return int(rank), int(size)


def _mixed(stream: Iterator[Any], buffer: int, rng: random.Random) -> Iterator[Any]:
    """Yield what comes along a stream, each chosen among as many as the buffer holds."""
    held = list(itertools.islice(stream, buffer))
    for new in stream:
        place = rng.randrange(len(held))
        held[place], chosen = new, held[place]
        yield chosen
    rng.shuffle(held)
    yield from held
