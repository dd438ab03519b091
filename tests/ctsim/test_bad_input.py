"""Whatever is wrong with the input: one message that says what to do, exit code 2, and nothing written or lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ctsim.shards import read_dataset, read_raw
from tests.ctsim import small

GARBAGE = bytes(range(7, 250)) * 3
HUGE, TINY = 1e300, 1e-300
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def ctsim(monkeypatch, capsys):
    return lambda *arguments: small.ctsim(monkeypatch, capsys, *arguments)


@pytest.fixture
def refused(ctsim, tmp_path):
    """Run a command that must be refused, and return its message."""

    def run(*arguments):
        before = small.contents(tmp_path)
        code, out, err = ctsim(*arguments)
        assert (code, out) == (2, ""), err
        assert err.count("ctsim: ") == 1
        assert "Traceback" not in err
        assert small.contents(tmp_path) == before
        return err

    return run


@pytest.fixture
def refuses(refused, tmp_path):
    """Generate from SPEC with one value set, which must be refused, and return the message."""

    def run(place, value):
        spec = small.write(tmp_path, small.changed(place, value))
        err = refused("generate", spec, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return err

    return run


SCENES = 40
"""Enough that a run is still under way when its second shard has been seen and a signal sent."""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with a spec of SCENES scenes and the dataset that it makes, undisturbed."""
    folder = tmp_path_factory.mktemp("good")
    spec = small.write(folder, {**small.SPEC, "scenes": SCENES})
    process = small.start("generate", spec, "--out", "data", "--workers", "2", folder=folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return folder


@pytest.fixture
def copied(good, tmp_path):
    """A copy of the good dataset that a test may spoil."""
    return Path(shutil.copytree(good / "data", tmp_path / "data"))


# --- CAD files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.stl", None, "no such file"),
        ("empty.stl", b"", "is empty"),
        ("torn.stl", small.stl()[:300], "truncated"),
        ("garbage.stl", GARBAGE, "export or copy it again"),
        ("garbage.obj", GARBAGE, "garbage.obj"),
        ("garbage.step", GARBAGE, "no STEP file"),
        ("nan.stl", small.stl(nan=True), "NaN or infinite coordinates in 6 of 36 vertices"),
        ("open.stl", small.stl(faces=small.FACES[:-2]), "4 open edges in 10 faces"),
        ("part.xyz", b"1 2 3", "unknown kind of file '.xyz'"),
        (".", None, "is a folder"),
    ],
)
def test_cad_files_that_hold_no_solid(refuses, tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert says in refuses(("parts", 0, "file"), name)


def test_an_open_mesh_is_offered_the_repair(refuses, tmp_path):
    (tmp_path / "open.stl").write_bytes(small.stl(faces=small.FACES[:-2]))
    assert "`repair: true`" in refuses(("parts", 0, "file"), "open.stl")


def test_the_parts_command_speaks_of_its_own_options(ctsim, tmp_path):
    (tmp_path / "open.stl").write_bytes(small.stl(faces=small.FACES[:-2]))
    code, _, err = ctsim("parts", tmp_path / "open.stl", "--unit", "mm")
    assert (code, err.count("open.stl"), err.count("--repair")) == (2, 1, 1)
    code, _, err = ctsim("parts", tmp_path / "open.stl")
    assert (code, err.count("give --unit mm")) == (2, 1)
    code, out, err = ctsim("parts", tmp_path / "open.stl", "--unit", "mm", "--repair")
    assert (code, err) == (0, "")
    assert "8000" in out


def test_what_was_mended_is_said_and_kept(ctsim, tmp_path):
    spec = small.write(tmp_path, {**small.SPEC, "scenes": 1})
    (tmp_path / "cube.stl").write_bytes(small.stl(faces=small.FACES[:, ::-1]))
    code, _, err = ctsim("generate", spec, "--out", tmp_path / "out", "--workers", "1")
    assert code == 0
    assert "note: cube.stl: turned 12 inverted faces" in err
    (said,) = read_dataset(tmp_path / "out")["imports"]["cube"]["repairs"]
    assert "turned 12 inverted faces" in said


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        (KeyError, "give `unit: mm`"),
        ("furlong", "unknown unit 'furlong'"),
        ("MM", "did you mean 'mm'"),
        ("", "unknown unit"),
        (25.4, "parts.0.unit"),
        ("m", "is its unit right?"),
        ("ft", "larger than the field of view"),
    ],
)
def test_units(refuses, unit, says):
    assert says in refuses(("parts", 0, "unit"), unit)


# --- what does not fit, and names that nobody knows -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("parts", 0, "scale"), 50, "larger than the field of view"),
        (("scan", "magnification"), 5, "use magnification: fit, or at most 3."),
        (("scan", "magnification"), 60, "puts the source 13.33 mm from the axis, inside the circle"),
        (("scan", "magnification"), "big", "or write fit"),
        (("scan", "filters"), {"Pb": 100}, "photons to a pixel"),
        (("scan", "exposure_mas"), 1e-9, "photons to a pixel"),
        (("scan", "tube_kv"), 800, "tubes: W 10 to 500 kV"),
        (("parts", 0, "material"), "Aluminum", "unknown material 'Aluminum'"),
        (("parts", 0, "material"), "Fe2O3@heavy", "formula@density"),
        (("parts", 0, "material"), "Xx2@3", "formula@density"),
        (("parts", 0, "material"), KeyError, "needs a material, such as material: Al"),
        (("parts", 0, "materials"), {"lid": "Al"}, "unknown body 'lid' (known: part)"),
        (("parts", 0, "host"), "lid", "unknown body 'lid' (known: part)"),
        (("parts", 0, "fille"), "x", "did you mean 'file'?"),
        (("parts", 0), {"library": "bracke"}, "did you mean 'bracket'?"),
        (("parts", 0), {"library": "bracket", "dimensions": {"lenght_mm": 90}}, "did you mean 'length_mm'"),
        (("parts", 0), {"library": "bracket", "dimensions": {"length_mm": 1}}, "length_mm must be at least"),
        (("parts", 0), {"library": "bracket", "file": "cube.stl"}, "give either library: NAME or file: PATH"),
        (("parts",), [], "parts: must list at least one"),
        (
            ("parts",),
            [
                small.SPEC["parts"][0] | {"name": name, "split": split}
                for name, split in (("a", "train"), ("b", "test"))
            ],
            "parts 'a' and 'b' have the same shape, but scenes of 'a' are for train and those of 'b' for test",
        ),
        (("parts",), KeyError, "parts: is missing"),
        (("name",), KeyError, "name: is missing"),
        (("name",), "My parts", "small letters, digits, _ and -"),
        (("defects", 0, "kind"), "gas_pores", "did you mean 'gas_pore'?"),
        (("defects", 0, "diametre_mm"), 3, "did you mean 'diameter_mm'?"),
        (("defects", 0, "diameter_mm"), KeyError, "gas_pore needs diameter_mm"),
        (("defects", 0, "count"), {"poisson": 1e6}, "must be at most 10000"),
        (("scan", "filters"), {"Cu": 100000}, "filters let nothing through at"),
        (("scan", "penetration"), {"tube_kv": [80, 200]}, "tube_kv and penetration contradict each other"),
        (("shared",), {"tube_kv": [0, 1]}, "shared: tube_kv is the name of the tube's own voltage"),
        (("parts", 0), {"library": "connector", "dimensions": {"columns": 1000000}}, "columns must be at most 200"),
        (
            ("defects", 0),
            {"kind": "pore_cluster", "pores": 500, "diameter_mm": 1, "spread_mm": 1},
            "defects.0: pore_cl",
        ),
        (("defects", 0, "diameter_mm"), {"lognormal": [1, 0.4], "within": [100, 200]}, "defects.0: gas_pore: "),
        (("parts", 0, "material"), "Fm@9.0", "'Fm@9.0' holds Fm, expected elements up to Cf (98)"),
        (("scan", "filters"), {"FmO2@9.0": 0.1}, "holds Fm, expected elements up to Cf (98)"),
        (("scan", "fidelity"), "hybird", "did you mean 'hybrid'?"),
        (("scan", "monte_carlo"), {"photons": 5}, "scan.monte_carlo.photons means nothing for fidelity: beer-lambert"),
        (("scan", "gate"), {"photons": 5}, "leave it out, or give fidelity: gate"),
        (
            ("scan",),
            small.SPEC["scan"] | {"fidelity": "hybrid", "monte_carlo": {"panel": [40, 20]}},
            "monte_carlo.panel must have at most the detector's 32 rows and 32 columns, got [40, 20]; give fewer",
        ),
        (("scan", "detector", "anti_scatter_grid"), {"material": "Led"}, "unknown material 'Led'"),
        (("fidelities",), ["hybrid"], "fidelities must list two or more, each once, got ['hybrid']"),
        (("fidelities",), ["hybrid", "hybrid"], "fidelities must list two or more, each once"),
        (("scan", "backend"), "meshh", "did you mean 'mesh' or 'mesh-gpu'?"),
        (("scan", "tube_target"), "Q", "tubes: W 10 to 500 kV"),
        (("scan", "kv"), 100, "unknown key 'kv'"),
        (("scan", "detector", "colums"), 3, "did you mean 'columns'?"),
        (("scan", "detector", "scintillator"), "Cs", "did you mean 'CsI'"),
        (("scan", "detector", "window"), {"graphit": 1.0}, "did you mean 'graphite'"),
        (("scan", "detector", "mtf"), [[0, 1], [0.1, 2]], "mtf: the second numbers must lie within 0 to 1"),
        (("scan", "detector", "thresholds_kev"), [20, 400], "nothing above 400 keV"),
        (("splits",), {"trian": 1}, "must be 'train', 'validation' or 'test', got 'trian'"),
        (("splits",), {"train": -1}, "small.yaml: splits need shares"),
        (("pose",), {"orientation": "up"}, "must be 'uniform', 'fixture' or 'upright', got 'up'"),
        (("scan", "trajectory"), {"range_deg": 120}, "FDK needs an arc of 180 deg and the fan angle"),
        (("volume", "window"), "hanning", "'cosine', 'hamming' or 'hann', got 'hanning'"),
    ],
)
def test_specs_that_ask_for_what_cannot_be(refuses, place, value, says):
    assert says in refuses(place, value)


def test_energies_beyond_the_tables(refused, tmp_path):
    for kev in (0.5, 801.0):
        scan = {key: value for key, value in small.SPEC["scan"].items() if key != "tube_kv"}
        path = small.write(tmp_path, small.SPEC | {"scan": scan | {"spectrum": [[kev, 1e6]]}})
        told = f"spectrum: energies must lie within 1 to 800 keV, got {kev:g}"
        assert told in refused("generate", path, "--out", tmp_path / "out")


def test_one_fidelity_beside_several(refused, tmp_path):
    scan = small.SPEC["scan"] | {"fidelity": "beer-lambert"}
    path = small.write(tmp_path, small.SPEC | {"scan": scan, "fidelities": ["beer-lambert", "hybrid"]})
    told = "scan.fidelity and fidelities contradict each other; leave scan.fidelity out"
    assert told in refused("generate", path, "--out", tmp_path / "out")


def test_datasets_that_nobody_knows(refused, tmp_path):
    assert "did you mean 'demo'?" in refused("generate", "demoo", "--out", tmp_path / "out")
    assert "no dataset file" in refused("generate", tmp_path / "gone.yaml", "--out", tmp_path / "out")
    assert "Is a directory" in refused("generate", tmp_path, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must hold keys and values"),
        ("null", "must hold keys and values"),
        ("- name: a\n- parts: b", "must hold keys and values"),
        ("42", "must hold keys and values"),
        ("name: [", "not readable as YAML"),
        ("name:\tx\n\t- y", "not readable as YAML"),
        ("\x00", "not readable as YAML"),
        ("!!python/object/apply:os.getcwd []", "not readable as YAML"),
        ("name: " + 2000 * "[" + 2000 * "]", "nested too deeply"),
        ("seed: " + 5000 * "1", "not readable as YAML"),
        ("scenes: " + 400 * "1", "scenes: expected 0, or a size from 1e-09 to 1e+09"),
        ("name: 2026-02-30", "not readable as YAML"),
        ("{1: 2, name: x, parts: [{library: bracket}]}", "small.yaml"),
    ],
)
def test_files_that_are_no_spec(refused, tmp_path, text, says):
    assert says in refused("generate", small.write(tmp_path, text), "--out", tmp_path / "out")


# --- every number -----------------------------------------------------------------------------------------------------

NUMBERS = {
    "above zero": [
        ("scenes",), ("scenes_per_shard",), ("parts", 0, "scale"), ("parts", 0, "tolerance_mm"), ("parts", 0, "weight"),
        ("defects", 0, "diameter_mm"), ("defects", 0, "elongation"), ("scan", "tube_kv"), ("scan", "anode_deg"),
        ("scan", "exposure_mas"), ("scan", "source_detector_mm"), ("scan", "magnification"), ("scan", "views"),
        ("scan", "flat_frames"), ("scan", "rays_per_pixel"), ("scan", "detector", "rows"),
        ("scan", "detector", "columns"), ("scan", "detector", "pixel_mm"), ("scan", "detector", "scintillator_mm"),
        ("scan", "detector", "free_beam_counts"), ("scan", "detector", "bits"), ("volume", "voxels"),
        ("volume", "voxel_mm"),
    ],
    "not below zero": [
        ("seed",), ("splits", "train"), ("pose", "tilt_deg"), ("pose", "shift_mm"), ("defects", 0, "count"),
        ("defects", 0, "wall_mm"), ("defects", 0, "gap_mm"), ("scan", "filters", "Al"),
        ("scan", "detector", "dark_counts"), ("scan", "detector", "electronic_noise_counts"),
    ],
    "any": [("pose", "turn_deg")],
}  # fmt: skip
NEVER = [NAN, INF, -INF, "many", "12 mm", [], [1], [2, 1], [1, NAN], True, HUGE, TINY, {}, {"even": 1}, {"uniform": 1}]
WRONG = {"above zero": [*NEVER, 0, -1], "not below zero": [*NEVER, -1], "any": NEVER}


@pytest.mark.parametrize(
    ("place", "wrong"),
    [(place, WRONG[sort]) for sort, places in NUMBERS.items() for place in places],
    ids=lambda x: ".".join(map(str, x)) if isinstance(x, tuple) else "",
)
def test_numbers_that_are_none(refuses, place, wrong):
    for value in wrong:
        assert str(place[-1]) in refuses(place, value), value


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--count", 0), ("--count", -3), ("--count", "two"), ("--count", 1.5), ("--seed", -1), ("--seed", "x"),
        ("--workers", 0), ("--slice", "x"), ("--slice", "1"), ("--slice", "0/2"), ("--slice", "3/2"),
        ("--slice", "1/2/3"), ("--slice", "-1/2"), ("--slice", "²/3"), ("--slice", "1.5/2"), ("--bogus",),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(ctsim, tmp_path, options):
    spec = small.write(tmp_path)
    code, out, err = ctsim("generate", spec, "--out", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert options[0] in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_commands_that_are_none(ctsim):
    code, _, err = ctsim("generat")
    assert code == 2
    assert "Did you mean 'generate'" in err
    assert ctsim("generate")[0] == 2


# --- the folder to write to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 5}, "its seed is 0, not 5"),
        ({"scenes": 2}, f"its scenes is {SCENES}, not 2"),
        ({"scan": {**small.SPEC["scan"], "tube_kv": 100}}, "its scan.tube_kv is 120, not 100"),
        ({"name": "other"}, "its name is 'small', not 'other'"),
    ],
)
def test_another_dataset_is_left_as_it_is(refused, copied, tmp_path, change, says):
    spec = small.write(tmp_path, {**small.SPEC, "scenes": SCENES, **change})
    err = refused("generate", spec, "--out", copied)
    assert "holds another dataset" in err
    assert says in err


def test_another_part_of_the_same_name_is_another_dataset(refused, copied, tmp_path):
    spec = small.write(tmp_path, {**small.SPEC, "scenes": SCENES})
    (tmp_path / "cube.stl").write_bytes(small.stl(21.0))
    assert "its part cube has another shape" in refused("generate", spec, "--out", copied)


@pytest.mark.parametrize("command", ["generate", "render", "replay"])
def test_foreign_files_are_left_alone(refused, copied, tmp_path, command):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("a year's work")
    (tmp_path / "notes").write_text("more of it")
    first = {
        "generate": [small.write(tmp_path)],
        "render": [_scene_of(copied, tmp_path)],
        "replay": [copied, "small-000000"],
    }[command]
    assert "mine" in refused(command, *first, "--out", tmp_path / "mine")
    assert "notes" in refused(command, *first, "--out", tmp_path / "notes")
    if command == "replay":
        assert "must be a new or empty folder" in refused(command, *first, "--out", tmp_path / "new" / ".." / "data")


def test_folders_that_cannot_be(refused, tmp_path):
    spec = small.write(tmp_path)
    assert "a part of the path is a file" in refused("generate", spec, "--out", tmp_path / "cube.stl" / "out")
    assert "choose a shorter name" in refused("generate", spec, "--out", tmp_path / ("x" * 300))
    assert "a picture's name" in refused("preview", spec, "--out", tmp_path / "gone" / "sheet.png")
    assert "a picture's name" in refused("preview", spec, "--out", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder(refused, tmp_path):
    spec = small.write(tmp_path)
    (tmp_path / "mine").mkdir(mode=0o500)
    assert "choose a folder that you may write to" in refused("generate", spec, "--out", tmp_path / "mine" / "out")


@pytest.mark.slow
def test_a_limit_on_file_sizes(good, tmp_path):
    """A shard is larger than 64 blocks of 512 bytes: the kernel refuses it in the middle, as on a full disk."""
    ran = subprocess.run(
        [shutil.which("sh"), "-c", 'ulimit -f 64; exec "$0" -m ctsim.cli generate "$1" --out "$2" --workers 1',
         sys.executable, good / "small.yaml", tmp_path / "out"],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr
    assert "lower scenes_per_shard" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list((tmp_path / "out").glob("*.tar*"))
    _finish(good, tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk(good, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        process = small.start("generate", good / "small.yaml", "--out", disk / "out", folder=tmp_path)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 2, err
        assert "No space left on device; free some space and repeat the command" in err
        assert "Traceback" not in err
        assert not list((disk / "out").rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        _finish(good, disk / "out")
    finally:
        subprocess.run(["umount", disk], check=True)


# --- reading back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no scene file"),
        (b"{garbage", "not readable as JSON"),
        (GARBAGE, "not readable as JSON"),
        (b'{"seed": ' + 5000 * b"1" + b"}", "not readable as JSON"),
        (b"[1, 2]", "must hold a scene"),
        (b"{}", "must hold a scene"),
        (b'{"items": []}', "dataset: is missing"),
        (b'{"items": [{"defects": 3}]}', "items.0.defects must be a list"),
        (b'{"part": {}, "pose": {}, "defects": [], "scan": {}}', "an earlier version of ctsim"),
        (b'{"file": {"file_type": "CTSimU Metadata"}, "output": {}}', "holds the metadata of pictures"),
    ],
)
def test_scenes_that_are_none(refused, tmp_path, content, says):
    if content is not None:
        (tmp_path / "scene.json").write_bytes(content)
    assert says in refused("render", tmp_path / "scene.json", "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("scan", "backend"), "gvx", "unknown backend"),
        (("scan", "views"), 0, "scan.views"),
        (("scan", "tube_kv"), -1, "scan.tube_kv"),
        (("scan", "source_object_mm"), 5, "source_object_mm must lie from"),
        (("items", 0, "part", "file"), "parts/none.npz", "neither beside it nor in the folder above"),
        (("items", 0, "part", "host"), "lid", "unknown body"),
        (("items", 0, "part", "materials"), {"part": "Zz"}, "unknown material"),
        (("items", 0, "part", "materials"), {"part": "Fm@9.0"}, "holds Fm, expected elements up to Cf (98)"),
        (("scan", "detector", "scintillator"), "FmI@9.0", "holds Fm, expected elements up to Cf (98)"),
        (("scan", "spectrum"), [[900, 1e6]], "energies must lie within 1 to 800 keV, got 900"),
        (("scan", "monte_carlo"), {"photons": 5}, "monte_carlo.photons means nothing for fidelity: beer-lambert"),
        (("items", 0, "defects", 0, "kind"), "por", "unknown defect kind"),
        (("items", 0, "defects", 0, "diameter_mm"), -1, "diameter_mm"),
        (("items", 0, "defects", 0, "centre_mm"), [0, 0], "centre_mm"),
        (("items", 0, "pose", "quaternion"), [0, 0, 0, 0], "quaternion"),
        (("volume", "shape"), [0, 0, 0], "volume.shape.0"),
    ],
)
def test_scenes_that_cannot_be_rendered(refused, copied, tmp_path, place, value, says):
    path = _scene_of(copied, tmp_path)
    record = json.loads(path.read_text())
    inner = record["scene"]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    path.write_text(json.dumps(record))
    assert says in refused("render", path, "--out", tmp_path / "out")


def test_samples_that_cannot_be_made_again(refused, copied, tmp_path):
    assert "did you mean 'small-000" in refused("replay", copied, "small-000099", "--out", tmp_path / "again")
    assert "dataset.json is missing" in refused("replay", tmp_path, "small-000000", "--out", tmp_path / "again")
    (copied / "train-000000.tar").unlink()
    assert "is missing" in refused("replay", copied, "small-000000", "--out", tmp_path / "again")


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


TAR = "train-000001.tar"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: (d / TAR).unlink(), f"{TAR}: missing"),
        (lambda d: (d / TAR).write_bytes((d / TAR).read_bytes()[:5000]), "got 5000"),
        (lambda d: (d / TAR).write_bytes(b""), "got 0"),
        (lambda d: _flip(d / TAR, 3), "is not a whole tar"),
        (lambda d: _flip(d / TAR, -20000), f"{TAR}: expected sha256"),
        (lambda d: shutil.copy(d / "train-000002.tar", d / TAR), "small-000004 stands in"),
        (lambda d: (d / "notes.txt").write_text("x"), "notes.txt: does not belong to the dataset"),
        (lambda d: (d / "train-000009.tar.part").write_text("x"), "train-000009.tar.part: does not belong"),
        (lambda d: (d / "README.md").unlink(), "README.md: missing"),
        (lambda d: shutil.rmtree(d / "parts"), "parts/cube.npz: missing"),
        (lambda d: _flip(d / "parts" / "cube.npz", 100), "parts/cube.npz: expected sha256"),
        (lambda d: (d / "parts" / "x.npz").write_bytes(b""), "parts/x.npz: does not belong"),
        (lambda d: _edit(d, splits={"cube": "test"}), "part cube belongs to split test, not train"),
        (lambda d: _edit(d, classes=[{"value": 0, "name": "air", "role": "air"}]), "class 1 is not in dataset.json"),
    ],
)
def test_check_has_a_line_for_every_fault(ctsim, copied, spoil, says):
    spoil(copied)
    before = small.contents(copied)
    code, out, err = ctsim("check", copied)
    assert (code, err) == (1, "")
    assert says in out
    assert small.contents(copied) == before
    code, out, _ = ctsim("check", copied, "--json")
    assert code == 1
    assert any(says in fault for fault in json.loads(out)["faults"])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (shutil.rmtree, "no dataset in"),
        (lambda d: (d / "dataset.json").unlink(), "dataset.json is missing"),
        (lambda d: (d / "dataset.json").write_text("{"), "is not readable"),
        (lambda d: (d / "dataset.json").write_text("[]"), "is not a ctsim dataset"),
        (lambda d: (d / "dataset.json").write_text('{"name": "a", "shards": [], "classes": []}'), "it lacks name, cl"),
        (lambda d: _edit(d, schema_version=99), "expected schema_version 3, got 99"),
    ],
)
@pytest.mark.parametrize("command", ["check", "preview", "replay"])
def test_folders_that_hold_no_dataset(refused, copied, tmp_path, command, spoil, says):
    spoil(copied)
    rest = {"check": [], "preview": ["--out", tmp_path / "sheet.png"], "replay": ["small-000000", "--out", tmp_path]}
    err = refused(command, copied, *rest[command])
    assert says in err or (command == "preview" and "unknown dataset" in err)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("shards", 3),
        ("shards", [{"file": "a.tar"}]),
        ("shards", [{"file": "a.tar", "split": "train", "samples": None}]),
        ("classes", [1]),
        ("parts", [{"file": "/a"}]),
        ("splits", []),
    ],
)
def test_lists_that_no_dataset_holds_are_faults_to_check_and_refused_by_readers(ctsim, refused, copied, name, listed):
    _edit(copied, **{name: listed})
    code, out, err = ctsim("check", copied)
    assert (code, err) == (1, "")
    assert all(line.startswith(f"dataset.json: {name}") for line in out.splitlines())
    assert "dataset.json" in refused("preview", copied, "--out", copied.parent / "sheet.png")
    assert "dataset.json" in refused("replay", copied, "small-000000", "--out", copied.parent / "replayed")


# --- stopped in the middle --------------------------------------------------------------------------------------------


def _scene_of(dataset: Path, folder: Path) -> Path:
    """Write a sample's scene.json and its part into a folder, as `ctsim render` reads them, and return its path."""
    _, files = next(read_raw(dataset / "train-000000.tar"))
    (folder / "scene.json").write_bytes(files["scene.json"])
    shutil.copytree(dataset / "parts", folder / "parts", dirs_exist_ok=True)
    return folder / "scene.json"


def _finish(good: Path, out: Path) -> None:
    """Repeat the command and compare what it makes with the undisturbed dataset."""
    process = small.start("generate", good / "small.yaml", "--out", out, "--workers", "2", folder=good)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert small.contents(out) == small.contents(good / "data")


def _stopped(good: Path, out: Path, stop: signal.Signals) -> subprocess.Popen:
    """Return a run that was stopped by a signal once two shards were finished."""
    process = small.start("generate", good / "small.yaml", "--out", out, "--workers", "2", folder=good)
    deadline = time.monotonic() + 120
    while not (out / "progress" / "train-000001.tar.json").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    if stop is signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does on Ctrl-C: to all processes of the command
    else:
        process.send_signal(stop)
    return process


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished(good, tmp_path):
    process = _stopped(good, tmp_path / "out", signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "stopped; finished shards are kept" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").rglob("*.part"))
    assert not (tmp_path / "out" / "dataset.json").exists()
    _finish(good, tmp_path / "out")


@pytest.mark.slow
def test_a_killed_run_leaves_no_workers_and_can_be_finished(good, tmp_path):
    process = _stopped(good, tmp_path / "out", signal.SIGKILL)
    process.communicate(timeout=60)  # the pipes close when the last worker is gone
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out" / "dataset.json").exists()
    _finish(good, tmp_path / "out")
