"""Each sample exactly once an epoch, whatever the nodes and workers; the order from the seed alone."""

import itertools
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from ctsim.shards import stream as module
from ctsim.shards.stream import Stream
from defects.messages import BadInput
from tests.ctsim.shards.setups import arrays, dataset, key

SIZES = (4, 1, 5, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return dataset(tmp_path_factory.mktemp("stream") / "d", SIZES)


def key_of(sample: dict) -> str:
    return sample["key"]


def keys_of(stream: Stream, workers: int = 0) -> list[str]:
    """Return the keys that a loader brings; without batches and without what tells them apart."""
    return list(
        DataLoader(stream, batch_size=None, num_workers=workers, multiprocessing_context="fork" if workers else None)
    )


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
    st.integers(1, 6),
    st.integers(1, 4),
    st.booleans(),
    st.integers(0, 3),
)
def test_runs_of_nodes_and_workers_are_a_partition(sizes, nodes, workers, shuffle, epoch):
    """All of the sharing out, without processes: for each node and worker in turn."""
    stream = Stream.__new__(Stream)
    numbers = iter(range(99))
    shards = {Path(str(i)): [key(n) for n in itertools.islice(numbers, size)] for i, size in enumerate(sizes)}
    stream.shuffle, stream.seed, stream.even, stream._epoch = shuffle, 7, False, torch.tensor(epoch)
    stream.samples = type("Listed", (), {"by_shard": lambda _: dict(shards)})()
    of_nodes = [stream.of_node(node, nodes) for node in range(nodes)]
    of_workers = [module.share(keys, worker, workers) for keys in of_nodes for worker in range(workers)]
    assert Counter(itertools.chain(*of_workers)) == Counter(itertools.chain(*shards.values()))
    assert max(map(len, of_nodes)) - min(map(len, of_nodes)) <= 1
    stream.even = True
    evened = [stream.of_node(node, nodes) for node in range(nodes)]
    assert len(set(map(len, evened))) == 1
    # what a node takes more is another's, where there is another
    assert all(len(set(keys)) == len(keys) for keys in evened if len(keys) <= sum(sizes))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_loader_brings_each_sample_once(folder, workers, shuffle):
    stream = Stream(folder, fields=("labels",), transform=key_of, shuffle=shuffle, buffer=3)
    found = keys_of(stream, workers)
    assert Counter(found) == Counter(key(number) for number in range(sum(SIZES)))
    if not shuffle and workers < 2:
        assert found == [key(number) for number in range(sum(SIZES))]


def test_the_order_comes_from_seed_and_epoch(folder):
    def order(seed: int, epoch: int) -> list[str]:
        stream = Stream(folder, fields=(), transform=key_of, shuffle=True, seed=seed, buffer=4)
        stream.set_epoch(epoch)
        return keys_of(stream)

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_workers_that_live_on_see_each_epoch(folder):
    stream = Stream(folder, fields=(), transform=key_of, shuffle=True, buffer=4)
    loader = DataLoader(stream, batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context="fork")
    orders = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        orders.append(list(loader))
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("one", "2")])
def test_an_environment_that_names_no_node_is_told(folder, monkeypatch, rank, size):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(BadInput, match=f"RANK below WORLD_SIZE, got '{rank}' and '{size}'"):
        iter(Stream(folder))


def test_a_buffer_holds_a_sample_at_least(folder):
    with pytest.raises(BadInput, match="buffer must be 1 or more, got 0"):
        Stream(folder, buffer=0)


def test_any_sample_may_come_first(folder):
    """Shards change places and samples within the buffer: over seeds each comes first, evenly by shards."""
    first = Counter()
    for seed in range(400):
        first[next(iter(Stream(folder, fields=(), transform=key_of, shuffle=True, seed=seed, buffer=5)))] += 1
    assert set(first) == {key(number) for number in range(sum(SIZES))}


def test_batches_of_patches_are_tensors(folder):
    def patch(sample: dict) -> dict:
        return {"x": torch.from_numpy(sample["volume"][:2, :3, :4]).float(), "number": sample["scene"]["number"]}

    (batch, *_) = DataLoader(Stream(folder, transform=patch), batch_size=4)
    expected = np.stack([arrays(number)["volume"][:2, :3, :4] for number in range(4)])
    np.testing.assert_array_equal(batch["x"].numpy(), expected.astype(np.float32))
    assert batch["number"].tolist() == [0, 1, 2, 3]


NODE = """
import sys
import torch.distributed as distributed
from torch.utils.data import DataLoader
from ctsim.shards.stream import Stream
if __name__ == "__main__":
    rank, world, folder, store, start = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    if store != "none":
        distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    stream = Stream(folder, fields=("labels",), shuffle=True, seed=1)
    for sample in DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context=start):
        print(sample["key"])
    if store != "none":
        distributed.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("start", "told_by"), [("fork", "torch"), ("spawn", "torch"), ("spawn", "environment")])
def test_nodes_that_train_together_share_an_epoch(folder, tmp_path, start, told_by):
    """Three processes, each with two workers that are forked, or know nothing of torch.distributed."""
    (tmp_path / "node.py").write_text(NODE)
    root, by_torch = str(Path(__file__).parents[3]), told_by == "torch"
    store = str(tmp_path / "store") if by_torch else "none"
    nodes = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "node.py"), str(rank), "3", str(folder), store, start],
            stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": root} | ({} if by_torch else {"RANK": str(rank), "WORLD_SIZE": "3"}),
        )
        for rank in range(3)
    ]  # fmt: skip
    told = [node.communicate(timeout=120)[0].split() for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0, 0]
    assert sorted(map(len, told)) == [4, 4, 5]
    assert Counter(itertools.chain(*told)) == Counter(key(number) for number in range(sum(SIZES)))
