"""A dataset in a store is the dataset in a folder: made, gone on with, checked, shown and read there, byte for byte."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ctsim.dataset.generate import generate
from ctsim.files import folder_of, store_fault
from ctsim.shards import Samples
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim.small import SPEC, contents, ctsim, start, write

s3fs = pytest.importorskip("s3fs", reason="needs s3fs: sh .ci/cluster.sh")
pytest.importorskip("moto.server", reason="needs moto: sh .ci/cluster.sh")

SERVE = """
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
"""A store of our own on loopback, until its standard input is closed."""


def serve() -> tuple[subprocess.Popen, str]:
    """Return a store in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}"


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@pytest.fixture(scope="module")
def bucket():
    """A bucket, which the environment leads to."""
    process, address = serve()
    with pytest.MonkeyPatch.context() as patch:
        environment(patch, address)
        new_bucket("bucket")
        yield "s3://bucket"
    end(process)


def environment(patch: pytest.MonkeyPatch, address: str) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        patch.setenv(name, value)


def another() -> "s3fs.S3FileSystem":
    """Return a way to the store that knows nothing of what others have done."""
    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def new_bucket(name: str) -> None:
    another().mkdir(name)


def stored(url: str) -> dict[str, bytes]:
    """Return every file under a URL, by its path in it."""
    fs, root = another(), url.removeprefix("s3://") + "/"
    return {path.removeprefix(root): fs.cat_file(path) for path in fs.find(root)}


def finish(run: subprocess.Popen) -> tuple[int, str]:
    """Return the exit code of a command and what it said."""
    _, err = run.communicate(timeout=300)
    return run.returncode, err


@pytest.fixture(scope="module")
def made(bucket, tmp_path_factory):
    """A folder with a spec and the dataset of it, and the URL where the same spec was made in the store."""
    folder = tmp_path_factory.mktemp("made")
    generate(read_dataset_spec(write(folder)), folder / "out", folder=folder, workers=1)
    code, err = finish(start("generate", "small.yaml", "--out", f"{bucket}/made", "--workers", "2", folder=folder))
    assert code == 0, err
    return folder, f"{bucket}/made"


def test_the_bytes_in_a_store_are_those_in_a_folder(made):
    folder, url = made
    assert stored(url) == contents(folder / "out")


def test_a_finished_dataset_in_a_store_is_known_as_such(made, monkeypatch, capsys):
    folder, url = made
    before = another().info(f"{url}/dataset.json")["LastModified"]
    code, out, _ = ctsim(monkeypatch, capsys, "generate", folder / "small.yaml", "--out", url)
    assert (code, out) == (0, f"{url}: 4 labelled scans in 2 shards\n")
    assert another().info(f"{url}/dataset.json")["LastModified"] == before


def test_a_dataset_in_a_store_is_checked(made, bucket, monkeypatch, capsys):
    _, url = made
    assert ctsim(monkeypatch, capsys, "check", url) == (0, f"{url}: 4 samples in 2 shards, no faults\n", "")
    fs = another()
    fs.copy(url, f"{bucket}/harmed", recursive=True)
    fs.pipe_file(f"{bucket}/harmed/train-000000.tar", b"torn")
    fs.rm_file(f"{bucket}/harmed/train-000001.tar")
    code, out, _ = ctsim(monkeypatch, capsys, "check", f"{bucket}/harmed")
    assert code == 1
    assert "train-000000.tar: expected" in out
    assert "train-000001.tar: missing" in out


def test_a_dataset_in_a_store_is_shown_and_replayed(made, tmp_path, monkeypatch, capsys):
    folder, url = made
    for source, picture in ((url, "there.png"), (folder / "out", "here.png")):
        assert ctsim(monkeypatch, capsys, "preview", source, "--out", tmp_path / picture)[0] == 0
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    code, out, err = ctsim(monkeypatch, capsys, "replay", url, "small-000002", "--out", tmp_path / "again")
    assert code == 0, err
    assert "the same to the byte" in out
    assert (tmp_path / "again" / "parts" / "cube.npz").is_file()


def test_samples_in_a_store_are_those_in_a_folder(made):
    folder, url = made
    here, there = Samples(folder / "out"), Samples(url)
    assert here.keys == there.keys
    for key in here.keys:
        assert (here[key]["volume"] == there[key]["volume"]).all()
        assert here[key]["scene"] == there[key]["scene"]
    box = (slice(3, 5), slice(None), slice(2, 9))
    assert (there.array("small-000001", "labels", box) == here.array("small-000001", "labels", box)).all()


FORKED = """
import sys
from torch.utils.data import DataLoader
from ctsim.shards.stream import Stream
stream = Stream(sys.argv[1])
stream.samples[0]
loader = DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context="fork")
print(*sorted(sample["key"] for sample in loader))
"""


def test_workers_that_are_forked_read_from_a_store_that_was_in_use_before(made):
    pytest.importorskip("torch")
    run = subprocess.run([sys.executable, "-c", FORKED, made[1]], capture_output=True, text=True, timeout=120)
    assert run.stdout.split() == [f"small-00000{n}" for n in range(4)], run.stderr


def test_what_others_have_done_since_is_seen(bucket):
    folder, other = folder_of(f"{bucket}/shared"), another()
    other.pipe_file("bucket/shared/a", b"1")
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert not (folder / "b").exists()
    other.pipe_file("bucket/shared/b", b"22")
    assert (folder / "b").exists()
    assert (folder / "b").stat().st_size == 2
    assert sorted(path.name for path in folder.glob("*")) == ["a", "b"]
    other.rm_file("bucket/shared/a")
    assert not (folder / "a").exists()
    assert [path.name for path in folder.iterdir()] == ["b"]


def test_a_bucket_that_is_missing_is_not_made(made, monkeypatch, capsys):
    folder, _ = made
    code, out, err = ctsim(monkeypatch, capsys, "generate", folder / "small.yaml", "--out", "s3://absent/data")
    assert (code, out) == (2, "")
    assert err.startswith("ctsim: the store cannot be used: The specified bucket does not exist; expected a bucket")
    assert not another().exists("absent")
    code, _, err = ctsim(monkeypatch, capsys, "check", "s3://absent/data")
    assert (code, err) == (2, "ctsim: no dataset in s3://absent/data: dataset.json is missing; give its folder\n")


def test_a_url_without_a_bucket_is_refused():
    with pytest.raises(BadInput, match=r"s3:// names no bucket; give a folder, or a URL such as s3://bucket/folder"):
        folder_of("s3://")


def test_missing_credentials_are_told(made, tmp_path, monkeypatch):
    folder, url = made
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, err = finish(start("check", url, folder=folder))
    assert code == 2
    assert err.startswith("ctsim: the store cannot be used: Unable to locate credentials; expected a bucket")
    assert err.count("\n") == 1


def test_only_errors_of_stores_are_taken_for_such():
    assert store_fault(ValueError("ours")) is None
    assert store_fault(OSError(5, "the disk")) is None


SCENES = 6


def begin(folder, url: str) -> subprocess.Popen:
    """Begin a dataset of shards of one scene, and return when the first of them is on record."""
    write(folder, {**SPEC, "scenes": SCENES, "scenes_per_shard": 1})
    run = start("generate", "small.yaml", "--out", url, "--workers", "1", folder=folder)
    fs = another()
    while run.poll() is None and not fs.glob(f"{url}/progress/*.tar.json"):
        time.sleep(0.05)
    return run


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_in_the_store(bucket, tmp_path):
    url = f"{bucket}/killed"
    run = begin(tmp_path, url)
    os.killpg(run.pid, signal.SIGKILL)
    assert finish(run)[0] == -signal.SIGKILL
    done = {name: another().info(f"{url}/{name}")["LastModified"] for name in stored(url) if name.endswith(".tar")}
    assert 1 <= len(done) < SCENES
    code, err = finish(start("generate", "small.yaml", "--out", url, "--workers", "2", folder=tmp_path))
    assert code == 0, err
    spec = read_dataset_spec(tmp_path / "small.yaml")
    generate(spec, tmp_path / "out", folder=tmp_path, workers=1)
    assert stored(url) == contents(tmp_path / "out")
    first = min(done)  # the last of them may have come without its record
    assert another().info(f"{url}/{first}")["LastModified"] == done[first]


@pytest.mark.slow
def test_a_store_that_goes_in_the_middle_ends_the_run_with_one_message(tmp_path, monkeypatch):
    server, address = serve()
    environment(monkeypatch, address)
    new_bucket("passing")
    run = begin(tmp_path, "s3://passing/data")
    end(server)
    code, err = finish(run)
    assert code == 2, err
    told = [line for line in err.splitlines() if not line.startswith("scenes ")]
    assert len([line for line in told if line.startswith("ctsim: the store cannot be used: ")]) == 1, err
    assert "Traceback" not in err
