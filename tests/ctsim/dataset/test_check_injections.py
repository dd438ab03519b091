"""Whatever is done to a dataset, `ctsim check` has a line for it, also where all checksums are made to agree again."""

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ctsim.dataset.card import card
from ctsim.dataset.check import faults
from ctsim.dataset.croissant import croissant
from ctsim.dataset.generate import generate
from ctsim.dataset.plan import hash_of
from ctsim.files import folder_of, remove_folder, sha256_of
from ctsim.shards import array_bytes, array_of, file_of, json_bytes, read_raw, write_shard
from ctsim.shards.schema import COMPRESSED, INDEX
from ctsim.shards.tar import index_of
from ctsim.shards.write import index_bytes
from scenes.spec import read_dataset_spec
from tests.ctsim import small

SPEC = small.SPEC | {
    "scenes": 8,
    "seed": 4,  # three pairs of twins for training, one for testing
    "twins": True,
    "split_kinds": True,
    "parts": [
        {"name": "cube", "file": "cube.stl", "unit": "mm", "material": "Al"},
        {"name": "block", "file": "block.stl", "unit": "mm", "material": "Al", "split": "test"},
    ],
    "defects": [
        {"kind": "gas_pore", "count": [1, 2], "diameter_mm": [3.0, 5.0], "gap_mm": 3.0},
        {"kind": "inclusion_dense", "count": 1, "diameter_mm": 4.0, "split": "test"},
    ],
}
TRAIN, TEST = "train-000000.tar", "test-000000.tar"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A dataset with two parts, two kinds of defect and twins, in two splits."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "block.stl").write_bytes(small.stl(24.0))
    generate(read_dataset_spec(small.write(folder, SPEC)), folder / "data", folder=folder, workers=1)
    return folder / "data"


@pytest.fixture
def data(good, tmp_path):
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(good, tmp_path / "data"))


# --- how a dataset is spoilt ------------------------------------------------------------------------------------------

Spoil = Callable[[Path], object]


def record_of(folder: Path) -> dict:
    return json.loads((folder / "dataset.json").read_text())


def settle(folder: Path, record: dict | None = None) -> None:
    """Write dataset.json with the sizes and checksums of what is there now, and the texts that are made of it."""
    record = record or record_of(folder)
    for listed in (*record["shards"], *record["parts"]):
        if (path := folder / listed["file"]).is_file():
            listed |= {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    (folder / "dataset.json").write_bytes(json_bytes(record))
    (folder / "README.md").write_bytes(card(record).encode())
    (folder / "croissant.json").write_bytes(json_bytes(croissant(record)))


def recorded(change: Callable[[dict], object]) -> Spoil:
    """Return what changes dataset.json, and makes the identity's hash, README.md and croissant.json agree."""

    def spoil(folder: Path) -> None:
        record = record_of(folder)
        change(record)
        record["identity_sha256"] = hash_of(record["identity"])
        settle(folder, record)

    return spoil


def flipped(file: str, place: int | Callable[[Path], int], *, settled: bool = True) -> Spoil:
    """Return what flips a bit of a file, at a place that may depend on it."""

    def spoil(folder: Path) -> None:
        content = bytearray((folder / file).read_bytes())
        content[place if isinstance(place, int) else place(folder / file)] ^= 1
        (folder / file).write_bytes(content)
        if settled:
            settle(folder)

    return spoil


def place_of(name: str, shift: int) -> Callable[[Path], int]:
    """Return where a file of the first sample begins in a tar, and so many bytes on; from its end where negative."""

    def place(path: Path) -> int:
        offset, size = next(iter(index_of(path).values()))[name]
        return offset + shift if shift >= 0 else offset + size - 1 - shift

    return place


def resharded(change: Callable[[list[tuple[str, dict[str, bytes]]]], object], file: str = TRAIN) -> Spoil:
    """Return what changes the samples of a shard, and makes index, dataset.json and checksums agree."""

    def spoil(folder: Path) -> None:
        samples, record = list(read_raw(folder / file)), record_of(folder)
        change(samples)
        shard = next(shard for shard in record["shards"] if shard["file"] == file)
        shard["samples"] = list(write_shard(folder / file, samples, shard["split"]).samples)
        settle(folder, record)

    return spoil


def of_array(name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Spoil:
    """Return what changes an array of the first sample."""

    def spoil(samples: list) -> None:
        files, file = samples[0][1], file_of(name)
        array = array_of(files[file], compressed=name in COMPRESSED)
        changed = change(array)
        files[file] = array_bytes(array if changed is None else changed, compressed=name in COMPRESSED)

    return resharded(spoil)


def of_json(name: str, change: Callable[[dict], object], *, sample: int = 0, file: str = TRAIN) -> Spoil:
    """Return what changes scene.json or defects.json of a sample."""

    def spoil(samples: list) -> None:
        values = json.loads(samples[sample][1][name])
        change(values)
        samples[sample][1][name] = json.dumps(values).encode()

    return resharded(spoil, file)


def moved(folder: Path, file: str, name: str) -> None:
    (folder / file).rename(folder / name)


def retarred(
    folder: Path, change: Callable[[tarfile.TarInfo], object] = lambda info: None, twice: bool = False
) -> None:
    """Write a shard anew as another program would, or with a sample that comes twice, and make the rest agree."""
    path = folder / TRAIN
    with tarfile.open(path) as old, tarfile.open(folder / "new", "w", format=tarfile.USTAR_FORMAT) as new:
        for info in list(old) * (2 if twice else 1):
            content = old.extractfile(info)
            change(info)
            new.addfile(info, content)
    (folder / "new").rename(path)
    if not twice:
        (folder / (TRAIN + INDEX)).write_bytes(index_bytes(index_of(path)))
    settle(folder)


def _dotted(samples: list) -> None:
    key, files = samples[0]
    samples[0] = (key, {f"x.{name}": content for name, content in files.items()})


def _nan(array: np.ndarray) -> None:
    array[0, 0, 0] = np.nan


def _unlabelled(array: np.ndarray) -> None:
    array[array == 2] = 1


def _uncounted(array: np.ndarray) -> None:
    array[np.unravel_index(np.argmax(array > 0), array.shape)] = 0


def _as(samples: list, number: int, index: int, split: str, **changes: object) -> tuple[str, dict[str, bytes]]:
    """Return a sample under another key and in another split."""
    _, files = samples[number]
    record, key = json.loads(files["scene.json"]), f"small-{index:06d}"
    record["scene"] |= {"index": index, "split": split, **changes}
    record |= {"key": key, "split": split}
    return key, files | {"scene.json": json_bytes(record)}


def copied(number: int, **changes: object) -> Spoil:
    """Return what puts a copy of a sample for training in place of one for testing, and makes all agree."""

    def spoil(folder: Path) -> None:
        samples = list(read_raw(folder / TRAIN))
        (keys,) = [shard["samples"] for shard in record_of(folder)["shards"] if shard["file"] == TEST]
        place = int(keys[number].rpartition("-")[2])
        resharded(lambda own: own.__setitem__(number, _as(samples, number, place, "test", **changes)), TEST)(folder)

    return spoil


def _renamed_part(folder: Path) -> None:
    """Give the part of the copy in the test set another name, and have dataset.json list it."""
    copied(0)(folder)
    shutil.copy(folder / "parts" / "cube.npz", folder / "parts" / "block.npz")

    def rename(record: dict) -> None:
        record["scene"]["items"][0]["part"] |= {"name": "block", "file": "parts/block.npz"}

    of_json("scene.json", rename, file=TEST)(folder)


def _swapped(folder: Path) -> None:
    shutil.copy(folder / "parts" / "cube.npz", folder / "parts" / "block.npz")
    settle(folder)


def _twice_in_a_split(samples: list) -> None:
    samples[1] = _as(samples, 0, 1, "train", twin_of=None)


def _scene_of(record: dict) -> dict:
    return record["scene"]


def _link(folder: Path, name: str) -> None:
    moved(folder, name, "../kept")
    (folder / name).symlink_to(folder.parent / "kept")


INJECTIONS: dict[str, tuple[Spoil, str]] = {
    # files
    "tar cut": (lambda d: os.truncate(d / TRAIN, 5000), f"{TRAIN}: expected"),
    "tar cut, settled": (lambda d: (os.truncate(d / TRAIN, 5000), settle(d)), f"{TRAIN} is not a whole tar"),
    "tar empty, settled": (lambda d: (os.truncate(d / TRAIN, 0), settle(d)), f"{TRAIN} is not a whole tar"),
    "tar longer, settled": (
        lambda d: ((d / TRAIN).write_bytes((d / TRAIN).read_bytes() + bytes(10240)), settle(d)), "for its files, got",
    ),
    "shard missing": (lambda d: (d / TRAIN).unlink(), f"{TRAIN}: missing"),
    "shard a folder": (lambda d: ((d / TRAIN).unlink(), (d / TRAIN).mkdir()), f"{TRAIN}: is no plain file"),
    "shard a pipe": (lambda d: ((d / TRAIN).unlink(), os.mkfifo(d / TRAIN)), f"{TRAIN}: is no plain file"),
    "shard too many": (lambda d: shutil.copy(d / TRAIN, d / "train-000009.tar"), "train-000009.tar: does not belong"),
    "shard renamed": (lambda d: moved(d, TRAIN, "a.tar"), "a.tar: does not belong"),
    "shard renamed, settled": (
        lambda d: (
            moved(d, TRAIN, "a.tar"), moved(d, TRAIN + INDEX, "a.tar" + INDEX),
            recorded(lambda r: r["shards"][0].update(file="a.tar"))(d),
        ),
        f"dataset.json: shard {TRAIN} is not listed, a.tar stands in its place",
    ),
    "shard not listed": (recorded(lambda r: r["shards"].pop(0)), "shard train-000000.tar is not listed"),
    "shards changed places": (
        lambda d: (moved(d, TRAIN, "a"), moved(d, "train-000001.tar", TRAIN), moved(d, "a", "train-000001.tar")),
        f"{TRAIN}: expected sha256",
    ),
    "alien file": (lambda d: (d / "notes.txt").write_text("x"), "notes.txt: does not belong to the dataset"),
    "alien hidden file": (lambda d: (d / ".hidden").write_text("x"), ".hidden: does not belong"),
    "alien file among parts": (lambda d: (d / "parts/x.npz").write_bytes(b""), "parts/x.npz: does not belong"),
    "alien folder": (lambda d: (d / "more").mkdir(), "more/: does not belong"),
    "alien folder among parts": (lambda d: (d / "parts/more").mkdir(), "parts/more/: does not belong"),
    "alien name with a line feed": (lambda d: (d / "a\nb").write_text("x"), "a b: does not belong"),
    "alien name that is no text": (lambda d: open(os.fsencode(d) + b"/\xff", "w").close(), "does not belong"),
    "alien index": (lambda d: (d / f"a.tar{INDEX}").write_text("{}"), f"a.tar{INDEX}: does not belong"),
    "link to a shard": (lambda d: _link(d, TRAIN), f"{TRAIN}: is a link"),
    "link to nowhere": (lambda d: (d / "x").symlink_to(d / "none"), "x: is a link"),
    "link to dataset.json": (lambda d: _link(d, "dataset.json"), "dataset.json: is a link"),
    "link to the parts": (lambda d: _link(d, "parts"), "parts: is a link"),
    "part missing": (lambda d: (d / "parts/cube.npz").unlink(), "parts/cube.npz: missing"),
    "part damaged": (flipped("parts/cube.npz", 100, settled=False), "parts/cube.npz: expected sha256"),
    "part damaged, settled": (flipped("parts/cube.npz", 100), "parts/cube.npz: is not a part"),
    "part swapped": (_swapped, "parts/block.npz: is another part"),
    # bytes of a tar
    "header": (flipped(TRAIN, 3, settled=False), f"{TRAIN}: expected sha256"),
    "header, settled": (flipped(TRAIN, 3), f"{TRAIN} is not a whole tar"),
    "data": (flipped(TRAIN, place_of("volume.npy", 900), settled=False), f"{TRAIN}: expected sha256"),
    "compressed data, settled": (flipped(TRAIN, place_of("labels.npy.zst", 40)), "labels.npy.zst is not readable"),
    "header of an array, settled": (flipped(TRAIN, place_of("volume.npy", 1)), "volume.npy is not readable"),
    "padding": (flipped(TRAIN, place_of("scene.json", -1), settled=False), f"{TRAIN}: expected sha256"),
    "padding, settled": (flipped(TRAIN, place_of("scene.json", -1)), "scene.json is not empty"),
    "end, settled": (flipped(TRAIN, -1), "is not a whole tar"),
    "tar by another program": (lambda d: retarred(d, lambda info: setattr(info, "mtime", 7)), "the header at byte 0"),
    "key twice in a shard": (lambda d: retarred(d, lambda info: None, twice=True), "stands in it twice"),
    # index
    "index missing": (lambda d: (d / f"{TRAIN}{INDEX}").unlink(), f"{TRAIN}{INDEX}: missing"),
    "index damaged": (flipped(TRAIN + INDEX, 20, settled=False), f"{TRAIN}{INDEX}: is not the index"),
    "index of another shard": (
        lambda d: shutil.copy(d / (TEST + INDEX), d / (TRAIN + INDEX)), f"{TRAIN}{INDEX}: is not the index",
    ),
    "index a folder": (
        lambda d: ((d / (TRAIN + INDEX)).unlink(), (d / (TRAIN + INDEX)).mkdir()), f"{TRAIN}{INDEX}: is not the index",
    ),
    "index stale": (
        lambda d: (
            shutil.copy(d / (TRAIN + INDEX), d.parent / "old"),
            of_json("scene.json", lambda r: r.update(note="x" * 4096))(d),
            shutil.copy(d.parent / "old", d / (TRAIN + INDEX)),
        ),
        f"{TRAIN}{INDEX}: is not the index",
    ),
    # keys
    "key in two shards": (
        lambda d: resharded(lambda own: own.append(next(read_raw(d / TRAIN))), "train-000001.tar")(d), "too",
    ),
    "key with a dot": (resharded(_dotted), ".x has a dot in it"),
    "key with a dot, listed": (
        recorded(lambda r: r["shards"][0]["samples"].__setitem__(0, "small-000000.x")), "with a dot in it",
    ),
    "key of another scene": (
        resharded(lambda own: own.__setitem__(0, ("small-000007", own[0][1]))), "small-000007: its scene is called",
    ),
    "key of another dataset": (
        resharded(lambda own: own.__setitem__(0, ("big-000000", own[0][1]))), "a key is NAME-000000, got 'big-000000'",
    ),
    "sample lost": (lambda d: (d / "dataset.json").write_bytes(_without_a_sample(d)), "expected the samples"),
    "sample lost, settled": (resharded(lambda own: own.pop()), "expected 8 scenes, got 7 samples and 0 dropped"),
    "file of a sample lost": (resharded(lambda own: own[0][1].pop("volume.npy")), "lacks volume.npy"),
    "file of a sample too many": (resharded(lambda own: own[0][1].update({"x.npy": b""})), "holds x.npy, which the"),
    # arrays
    "wrong shape": (of_array("projections", lambda a: a[1:]), "[24, 32, 32] [view row col], got float16 [23"),
    "wrong rank": (of_array("volume", lambda a: a[None]), "[24, 24, 24] [z y x], got float16 [1, 24"),
    "volume smaller than labels": (of_array("volume", lambda a: a[1:]), "its frame claims 27776 bytes, expected up to"),
    "wrong type": (of_array("volume", lambda a: a.astype(np.float32)), "got float32 [24, 24, 24]"),
    "not a number": (of_array("volume", _nan), "volume: 1 values are not finite"),
    "not finite": (of_array("projections", lambda a: a + np.float16(np.inf)), "values are not finite"),
    "class unknown": (of_array("labels", lambda a: a + np.uint8(9)), "is not in dataset.json"),
    "class of another scene": (of_array("labels", lambda a: a + (a == 2).astype(np.uint8)), "show a inclusion_dense"),
    "defect not labelled": (of_array("labels", _unlabelled), "nearly all defect in fractions, and sound in labels"),
    "defect where none is": (of_array("labels", lambda a: np.full_like(a, 2)), "belong to no defect in instances"),
    "defect not listed": (of_array("instances", lambda a: a * 7), "is not in defects.json"),
    "defect smaller than listed": (of_array("instances", _uncounted), "voxels, in defects.json"),
    "defect without fractions": (of_array("fractions", lambda a: a // 2), "fractions hold"),
    # records
    "defects not listed": (of_json("defects.json", lambda r: r.clear()), "defects.json lists 0 defects, scene.json"),
    "defect of another kind": (of_json("defects.json", lambda r: r[0].update(kind="crack")), "defect 1 is another"),
    "defect of another size": (of_json("defects.json", lambda r: r[0].update(voxels=3)), "voxels, in defects.json 3"),
    "defects no list": (resharded(lambda own: own[0][1].update({"defects.json": b"7"})), "its records are malformed"),
    "defects not a number": (of_json("defects.json", lambda r: r[0].update(rose_ratio=float("nan"))), "holds NaN"),
    "scene no JSON": (resharded(lambda own: own[0][1].update({"scene.json": b"{"})), "scene.json is not readable"),
    "scene empty": (resharded(lambda own: own[0][1].update({"scene.json": b"{}"})), "scene.json is not a scene"),
    "scene deep": (resharded(lambda own: own[0][1].update({"scene.json": b"[" * 99999})), "scene.json is not readable"),
    "scene of another schema": (of_json("scene.json", lambda r: r.update(schema_version=2)), "schema_version 3, got 2"),
    "scene of another seed": (of_json("scene.json", lambda r: _scene_of(r).update(seed=1)), "has the seed 1"),
    "scene by other versions": (
        of_json("scene.json", lambda r: r["made_by"].update(numpy="1.0")), "numpy 1.0 in scene.json",
    ),
    "scene with more unplaced": (
        of_json("scene.json", lambda r: _scene_of(r).update(unplaced={"crack": 2})), "unplaced is {}, its scenes tell",
    ),
    "scene with a field too many": (of_json("scene.json", lambda r: r.update(more=1)), "more is missing, or not"),
    "defect with a field too few": (of_json("defects.json", lambda r: r[0].pop("rose_ratio")), "rose_ratio is missing"),
    "geometry of fewer views": (
        of_json("scene.json", lambda r: r["geometry_true"]["cone_vec_mm"].pop()), "geometry_true is not 12",
    ),
    "storage told wrongly": (of_json("scene.json", lambda r: r["storage"]["volume"].update(scale=2.0)), "storage"),
    # splits
    "sample in two splits": (copied(0), "its projections are those of small-"),
    "scene in two splits": (copied(0), "its scene is in train too"),
    "part in two splits": (copied(0), "part cube belongs to split train, not test"),
    "part under two names in two splits": (_renamed_part, "its part block is in train too, as cube"),
    "kind in two splits": (copied(0), "gas_pore belongs to train, not test"),
    "sample twice in a split": (resharded(_twice_in_a_split), "its projections are those of"),
    "twins torn apart": (copied(1), "small-000007: its twin small-000000 is in split train, not test"),
    "split unknown": (lambda d: _unsettled(d, lambda r: r["shards"][0].update(split="mine")), "unknown split 'mine'"),
    "splits other than the spec's": (recorded(lambda r: r["splits"].update(block="train")), "splits.block is 'train'"),
    "kinds split otherwise": (
        recorded(lambda r: r["kind_splits"].update(gas_pore=["train", "test"])), "kind_splits.gas_pore is",
    ),
    # dataset.json and what is made of it
    "checksum": (lambda d: _unsettled(d, lambda r: r["shards"][0].update(sha256=64 * "0")), "expected sha256 00000000"),
    "size": (lambda d: _unsettled(d, lambda r: r["shards"][0].update(bytes=7)), "expected 7 bytes"),
    "identity changed": (
        lambda d: _unsettled(d, lambda r: r["identity"]["spec"].update(seed=9)), "identity_sha256 is not the hash",
    ),
    "identity's hash changed": (
        lambda d: _unsettled(d, lambda r: r.update(identity_sha256="x")), "identity_sha256 is not the hash of identity",
    ),
    "scenes counted wrongly": (
        recorded(lambda r: r["identity"]["spec"].update(scenes=9)), "expected 9 scenes, got 8 samples and 0 dropped",
    ),
    "a dropped scene too many": (
        recorded(lambda r: r["dropped"].append({"index": 3, "reason": "x"})), "small-000003 is listed twice",
    ),
    "a dropped scene before the first": (
        recorded(lambda r: (
            r["identity"]["spec"].update(scenes=9), r["dropped"].append({"index": -1, "reason": "x"}),
        )),
        "dropped.0.index: must be greater than or equal to 0, got -1",
    ),
    "unplaced counted wrongly": (recorded(lambda r: r["unplaced"].update(gas_pore=3)), "unplaced is {'gas_pore': 3}"),
    "classes renumbered": (recorded(lambda r: r["classes"][1].update(value=7)), "classes are not numbered from 0"),
    "class lost": (recorded(lambda r: r["classes"].pop()), "defect classes is"),
    "scatter claimed": (recorded(lambda r: r.update(scatters=True)), "scatters is True, by its spec False"),
    "made by others": (recorded(lambda r: r["made_by"].update(numpy="1.0")), "numpy 1.0 made_by"),
    "records of another form": (
        lambda d: _unsettled(d, lambda r: r["shards"][0].update(bytes="many")), "shards.0.bytes: must be a number",
    ),
    "unknown record": (recorded(lambda r: r.update(more=1)), "more: unknown key 'more'"),
    "record lost": (lambda d: _unsettled(d, lambda r: r.pop("identity")), "identity: is missing"),
    "shard from elsewhere": (
        lambda d: _unsettled(d, lambda r: r["shards"][0].update(file="../x.tar")), "shards.0.file",
    ),
    "shards that are no records": (lambda d: _unsettled(d, lambda r: r["shards"].append("x.tar")), "shards."),
    "part from elsewhere": (recorded(lambda r: r["parts"][0].update(file="../x.npz")), "parts.0.file"),
    "spec that is none": (lambda d: _unsettled(d, lambda r: r["identity"].update(spec={})), "identity.spec"),
    "README edited": (lambda d: (d / "README.md").write_text("# Mine"), "README.md: does not agree with dataset.json"),
    "README lost": (lambda d: (d / "README.md").unlink(), "README.md: missing"),
    "croissant edited": (
        lambda d: (d / "croissant.json").write_bytes((d / "croissant.json").read_bytes().replace(b"cr:", b"sc:", 1)),
        "croissant.json: does not agree with dataset.json",
    ),
}  # fmt: skip


def _unsettled(folder: Path, change: Callable[[dict], object]) -> None:
    record = record_of(folder)
    change(record)
    (folder / "dataset.json").write_bytes(json_bytes(record))


def _without_a_sample(folder: Path) -> bytes:
    record = record_of(folder)
    record["shards"][0]["samples"].pop()
    return json_bytes(record)


# --- and what is told -------------------------------------------------------------------------------------------------


def test_the_dataset_is_good_before_it_is_spoilt(good):
    assert {shard["file"] for shard in record_of(good)["shards"]} >= {TRAIN, "train-000001.tar", TEST}
    assert list(faults(good)) == []


@pytest.mark.parametrize(("spoil", "words"), INJECTIONS.values(), ids=INJECTIONS)
def test_what_is_wrong_is_told_and_left_alone(data, monkeypatch, capsys, spoil, words):
    spoil(data)
    before = small.contents(data)
    code, out, err = small.ctsim(monkeypatch, capsys, "check", data)
    assert (code, err) == (1, "")
    assert any(words in line for line in out.splitlines()), out
    assert small.contents(data) == before
    assert len(out.splitlines()) == len(list(faults(data)))


def test_the_order_of_faults_is_that_of_the_dataset_whatever_the_number_of_workers(data):
    for file in (TEST, TRAIN, "train-000001.tar"):
        of_json("defects.json", lambda r: r and r[0].update(voxels=3), file=file)(data)
    one = list(faults(data, workers=1))
    assert len(one) == 3
    assert [list(faults(data, workers=n)) for n in (2, 5)] == [one, one]


def test_a_dataset_in_a_store_is_checked_as_one_that_is_here(data):
    store = folder_of("memory://injections/data")
    try:
        for spoil in (lambda d: None, of_array("volume", _nan), flipped(TRAIN, 3), lambda d: (d / TRAIN).unlink()):
            spoil(data)
            remove_folder(store)
            for name, content in small.contents(data).items():
                (store / name).parent.mkdir(parents=True, exist_ok=True)
                (store / name).write_bytes(content)
            here = [fault.replace(f"{data}/", "") for fault in faults(data)]
            assert list(faults(store)) == here
        assert here == [f"{TRAIN}: missing"]
    finally:
        remove_folder(store)


def test_what_another_version_made_is_not_held_against_what_this_one_would_write(data):
    def older(record: dict) -> None:
        for made in (record["made_by"], record["identity"]["made_by"]):
            made["ctsim"] = "0.0.1"

    recorded(older)(data)
    (data / "README.md").write_text("In the words of that version.")
    told = []
    found = list(faults(data, note=told.append))
    assert all("ctsim 0.0.1" in fault or "ctsim 0.1.0 in scene.json" in fault for fault in found)
    assert told == [
        "made by ctsim 0.0.1: its README.md, croissant.json and splits are not held against its spec, which only that "
        "version can do"
    ]
