"""The command line does what it says: the same bytes on any number of workers, in slices, and again from a key."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
import tifffile

from ctsim.detector.detect import as_stored
from ctsim.pipeline import render
from ctsim.shards import read_dataset, read_samples
from scenes.build import build
from scenes.parts import load_parts
from scenes.scene import read_scene_spec
from tests.ctsim import small


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a spec and the dataset that it makes in one process."""
    folder = tmp_path_factory.mktemp("cli")
    spec = small.write(folder)
    process = small.start("generate", spec, "--out", "one", "--workers", "1", folder=folder)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (0, "one: 4 labelled scans in 2 shards\n"), err
    assert {line.split()[0] for line in err.splitlines()} == {"scenes"}
    return folder


@pytest.fixture
def ctsim(monkeypatch, capsys):
    return lambda *arguments: small.ctsim(monkeypatch, capsys, *arguments)


def test_two_workers_write_what_one_writes(made, ctsim):
    code, _, _ = ctsim("generate", made / "small.yaml", "--out", made / "two", "--workers", "2")
    assert code == 0
    assert small.contents(made / "two") == small.contents(made / "one")


def test_slices_put_together_are_the_whole(made, ctsim):
    folder = made / "sliced"
    code, out, _ = ctsim("generate", made / "small.yaml", "--out", folder, "--slice", "2/2", "--workers", "1")
    assert code == 0
    assert "1 shard so far" in out
    assert not (folder / "dataset.json").exists()
    code, out, err = ctsim("check", folder)
    assert (code, out) == (2, "")
    assert "not finished" in err
    code, out, _ = ctsim("generate", made / "small.yaml", "--out", folder, "--slice", "1/2", "--workers", "1")
    assert code == 0
    assert "4 labelled scans in 2 shards" in out
    assert small.contents(folder) == small.contents(made / "one")


def test_repeating_a_finished_command_changes_nothing(made, ctsim):
    before = {p: p.stat().st_mtime_ns for p in (made / "one").rglob("*")}
    code, out, _ = ctsim("generate", made / "small.yaml", "--out", made / "one", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["scenes"], told["dropped"], told["unplaced"], told["finished"]) == (4, 0, {}, True)
    assert {p: p.stat().st_mtime_ns for p in (made / "one").rglob("*")} == before


def test_a_good_dataset_has_no_faults(made, ctsim):
    assert ctsim("check", made / "one")[:2] == (0, f"{made / 'one'}: 4 samples in 2 shards, no faults\n")
    code, out, _ = ctsim("check", made / "one", "--json")
    assert code == 0
    assert json.loads(out) == {"folder": str(made / "one"), "samples": 4, "faults": []}


def test_every_pore_fills_the_volume_that_its_record_names(made):
    pores = 0
    for sample in read_samples(made / "one"):
        voxel_mm3 = sample["scene"]["voxel_mm"] ** 3
        for record in sample["defects"]:
            share = sample["fractions"][sample["instances"] == record["number"]] / 255
            assert share.sum() * voxel_mm3 == pytest.approx(record["volume_mm3"], rel=0.03)
            pores += 1
    assert pores >= 4


def test_the_cube_is_reconstructed_where_the_labels_say(made):
    for sample in read_samples(made / "one"):
        volume, labels = sample["volume"].astype(float), sample["labels"]
        assert volume[labels == 1].mean() > 5 * abs(volume[labels == 0].mean())
        cube_mm3 = np.count_nonzero(labels > 0) * sample["scene"]["voxel_mm"] ** 3
        assert cube_mm3 == pytest.approx(20**3, rel=0.02)


def test_replay_makes_the_same_bytes_again(made, ctsim, tmp_path):
    shards = read_dataset(made / "one")["shards"]
    key = shards[1]["samples"][0]
    code, out, _ = ctsim("replay", made / "one", key, "--out", tmp_path / "again")
    assert code == 0
    assert "the same to the byte" in out
    stored = (tmp_path / "again").iterdir()
    assert len([path for path in stored if path.name.startswith(key)]) == 7
    assert (tmp_path / "again" / "parts" / "cube.npz").read_bytes() == (
        made / "one" / "parts" / "cube.npz"
    ).read_bytes()


def test_replay_tells_what_differs(made, ctsim, tmp_path):
    small.write(tmp_path)
    (tmp_path / "moved").mkdir()
    for name, content in small.contents(made / "one").items():
        (tmp_path / "moved" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "moved" / name).write_bytes(content)
    record = read_dataset(tmp_path / "moved")
    record["classes"].insert(1, {"value": 1, "name": "Cu", "role": "material"})
    (tmp_path / "moved" / "dataset.json").write_text(json.dumps(record))
    code, _, err = ctsim("replay", tmp_path / "moved", "small-000000", "--out", tmp_path / "again")
    assert code == 1
    assert "labels.npy.zst differ from the dataset's" in err


def test_render_writes_the_counts_of_the_pipeline(made, ctsim, tmp_path):
    ctsim("replay", made / "one", "small-000000", "--out", made / "one-sample")
    (made / "scene.json").write_bytes((made / "one-sample" / "small-000000.scene.json").read_bytes())
    (made / "parts").mkdir()
    (made / "parts" / "cube.npz").write_bytes((made / "one" / "parts" / "cube.npz").read_bytes())
    code, out, _ = ctsim("render", made / "scene.json", "--out", tmp_path / "tiffs")
    assert code == 0
    assert "24 projections of cube" in out
    scene = read_scene_spec(made / "scene.json")
    _, radiographs = render(scene, build(scene, load_parts(scene, made)))
    images = sorted((tmp_path / "tiffs" / "projections").iterdir())
    assert len(images) == 24
    for image, counts in zip(images, radiographs.counts[0], strict=True):
        np.testing.assert_array_equal(tifffile.imread(image), as_stored(counts))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "tiffs" / "flat.tif"), radiographs.flat[0], rtol=1e-6)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "tiffs" / "dark.tif"), radiographs.dark[0], rtol=1e-6)
    metadata = json.loads((tmp_path / "tiffs" / "metadata.json").read_text())
    assert metadata["scene"] == json.loads(json.dumps(scene.to_json()))
    assert metadata["made_by"]["ctsim"] == version("ctsim")


def test_preview_draws_a_spec_and_a_dataset_alike(made, ctsim, tmp_path):
    assert ctsim("preview", made / "small.yaml", "--out", tmp_path / "a.png", "--count", "1")[0] == 0
    assert ctsim("preview", made / "one", "--out", tmp_path / "b.png", "--count", "1")[0] == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "b.png"}


def test_defects_without_a_place_are_told(ctsim, tmp_path):
    spec = small.write(tmp_path, {**small.changed(("defects", 0, "diameter_mm"), 100), "scenes": 1})
    code, _, err = ctsim("generate", spec, "--out", tmp_path / "out", "--workers", "1")
    assert code == 0
    assert "note: gas_pore: " in err
    assert "found no place" in err
    assert read_dataset(tmp_path / "out")["unplaced"]["gas_pore"] >= 1
    assert ctsim("check", tmp_path / "out")[0] == 0


def test_a_volume_of_interest_is_no_fault(ctsim, tmp_path):
    spec = small.write(tmp_path, {**small.changed(("volume", "voxel_mm"), 0.3), "scenes": 1})
    assert ctsim("generate", spec, "--out", tmp_path / "out", "--workers", "1")[0] == 0
    assert ctsim("check", tmp_path / "out")[:2] == (0, f"{tmp_path / 'out'}: 1 sample in 1 shard, no faults\n")


def test_parts_knows_a_cube(ctsim, tmp_path):
    small.write(tmp_path)
    code, out, err = ctsim("parts", tmp_path / "cube.stl", "--unit", "inch", "--json")
    assert (code, err) == (0, "")
    (report,) = json.loads(out)
    assert report["size_mm"] == pytest.approx([508, 508, 508])
    assert report["volume_mm3"] == pytest.approx(508**3)
    assert (report["bodies"], report["faces"], report["unit"]) == (1, 12, "inch")
    code, out, _ = ctsim("parts", tmp_path / "cube.stl", "--unit", "mm")
    head, row = out.splitlines()
    assert head.split() == [
        "file",
        "unit",
        "size",
        "mm",
        "volume",
        "mm3",
        "bodies",
        "watertight",
        "faces",
        "read",
        "faces",
    ]
    assert row.split() == ["cube.stl", "mm", "20", "x", "20", "x", "20", "8000", "1", "yes", "12", "12"]


def test_doctor_is_content_with_this_machine(ctsim):
    code, out, _ = ctsim("doctor", "--json")
    assert code == 0
    assert json.loads(out)["core"]["numpy"] == np.__version__
    assert ctsim("doctor")[0] == 0


def test_help_is_quick_to_load():
    program = (
        "import sys; sys.argv = ['ctsim', '--help']; from ctsim import cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'numba', 'numpy', 'scipy', 'trimesh', 'pydantic') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
