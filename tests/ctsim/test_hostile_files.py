"""Files made to do harm: each is refused in one message, or read, within a minute and 1.5 GB."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from ctsim.dataset.generate import replay
from ctsim.materials import material
from defects.messages import BadInput
from scenes.records import validated
from scenes.trajectory import TrajectorySpec
from scenes.yaml_text import read_yaml_file
from tests.ctsim import scenarios, small
from tests.ctsim.shards import setups
from tests.fuzz.readers import READERS
from tests.fuzz.serve import serving
from tests.fuzz.step_text import tetrahedron

MANY = 4_000_000_000


@pytest.fixture(scope="module")
def read():
    """Return what comes of a file in a process of its own: `read`, or `refused: ` and the message, or worse."""
    with serving() as ask:
        yield ask


@pytest.fixture
def comes_of(read, tmp_path):
    def run(reader: str, content: bytes | str) -> str:
        READERS[reader].beside(tmp_path)
        path = tmp_path / READERS[reader].file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        before = {p.name for p in tmp_path.rglob("*")}
        said = read(reader, path)
        assert {p.name for p in tmp_path.rglob("*")} == before
        assert "Traceback" not in said
        return said

    return run


# --- no plain files ---------------------------------------------------------------------------------------------------


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def terabyte(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 41)


FILES = [name for name in READERS if name not in ("array", "zst")]
"""Readers that open files; the other two are given bytes."""


@pytest.mark.parametrize("make", [pipe, endless, loop, Path.mkdir, terabyte])
@pytest.mark.parametrize("reader", FILES)
def test_what_is_no_plain_file_is_refused_and_not_waited_for(read, tmp_path, reader, make):
    READERS[reader].beside(tmp_path)
    path = tmp_path / READERS[reader].file
    path.unlink(missing_ok=True)
    make(path)
    # a loop of links is no file, and what a scenario names and is no file is told
    assert read(reader, path).startswith("refused: ") or (make is loop and reader in ("tiff", "raw"))


@pytest.mark.parametrize("make", [pipe, endless, loop, Path.mkdir, terabyte])
def test_a_spec_that_is_no_plain_file_is_refused(tmp_path, make):
    make(tmp_path / "a.yaml")
    with pytest.raises(OSError, match=r"plain file|symbolic|directory|expected \d+ at most"):
        read_yaml_file(tmp_path / "a.yaml")


@pytest.mark.parametrize("make", [pipe, endless, loop, Path.mkdir, terabyte])
@pytest.mark.parametrize("name", ["block.stl", "beam.tsv", "bad.raw", "bad.tif"])
def test_neither_is_a_file_that_a_scenario_names(comes_of, tmp_path, make, name):
    values = json.loads(READERS["scenario"].seeds()[1])
    values["samples"][0]["file"] = {"value": "evil/block.stl"}
    values["source"]["spectrum"]["file"] = {"value": "evil/beam.tsv"}
    values["detector"]["bad_pixel_map"]["file"] = {"value": "evil/" + ("bad.tif" if name == "bad.tif" else "bad.raw")}
    (tmp_path / "evil").mkdir()
    scenarios.write(tmp_path / "evil", {})
    READERS["scenario"].beside(tmp_path / "evil")
    (tmp_path / "evil" / name).unlink(missing_ok=True)
    make(tmp_path / "evil" / name)
    said = comes_of("scenario", json.dumps(values))
    assert said.startswith("refused: ") or (make is loop and name != "block.stl")  # a loop of links is no file


def test_files_may_lie_wherever_the_user_can_read_them(comes_of, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    scenarios.write(tmp_path / "elsewhere", {})
    values = scenarios.scenario()
    values["samples"][0]["file"] = {"value": str(tmp_path / "elsewhere" / "block.stl")}
    assert comes_of("scenario", json.dumps(values)) == "read"


# --- meshes -----------------------------------------------------------------------------------------------------------


def ply(elements: str, body: bytes = b"", kind: str = "binary_little_endian") -> bytes:
    return f"ply\nformat {kind} 1.0\n{elements}end_header\n".encode() + body


XYZ = "property float x\nproperty float y\nproperty float z\n"
LIST = "property list {} int vertex_indices\n"
TEXT_STL = READERS["stl"].seeds()[1].decode()
OBJ = READERS["obj"].seeds()[0].decode()
FACES_OF_OFF = "".join(f"3 {a} {b} {c}\n" for a, b, c in small.FACES)
POINTS_OF_OFF = "".join(f"{x} {y} {z}\n" for x, y, z in small.CORNERS)
BRACE = "a{:>2000000000}"
"""A name that some would format."""

MESHES = [
    ("stl", bytes(80) + struct.pack("<I", MANY) + bytes(500), "states 4000000000 triangles"),
    ("stl", b"solid facet" + b"\n" * 3_000_000 + b"endsolid", "holds no triangles"),
    ("stl", TEXT_STL.replace("solid one", f"solid {BRACE}"), "read"),
    ("stl", "solid facet\n" + "solid a\nendsolid a\n" * 200_000, "holds no triangles"),
    ("stl", TEXT_STL.replace("10.0", "1e308"), "refused"),
    ("stl", "solid facet\n" + "vertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendsolid\n" * 20_000, "10000 at most"),
    ("obj", OBJ + f"f 1 2 {MANY}\n", "a face names the vertex 4000000000 of 8"),
    ("obj", OBJ + f"f 1 2 {-MANY}\n", "a face names the vertex"),
    ("obj", OBJ + f"f 1 2 {10**30}\n", "a face names the vertex"),
    ("obj", OBJ + "f 0 1 2\n", "names the vertex 0"),
    ("obj", OBJ.replace("f ", f"o {BRACE}\nusemtl x\nf ", 1).replace("f 3", "usemtl y\nf 3", 1), "read"),
    ("obj", OBJ + "".join(f"usemtl {i}\nf 1 2 3\n" for i in range(20_000)), "10000 at most"),
    ("obj", OBJ + "f " + "1 " * 1_000_000, "read"),
    ("obj", "mtllib /dev/zero\n" + OBJ, "read"),
    ("ply", ply(f"element vertex {MANY}\n{XYZ}element face 1\n{LIST.format('uchar')}", bytes(100)), "states 4000"),
    ("ply", ply(f"element vertex {10**17}\n{XYZ}", bytes(100)), "100000000000000000"),
    ("ply", ply(f"element vertex {10**40}\n{XYZ}", bytes(100)), "it states"),
    ("ply", ply(f"element vertex -5\n{XYZ}", bytes(100)), "it states -5 of vertex"),
    ("ply", ply(f"element face 9\n{LIST.format('uint')}", struct.pack("<I", MANY) + bytes(90)), "could be read"),
    ("ply", ply(f"element face {MANY}\n{LIST.format('uchar')}", bytes(1_000_000)), "1000000 could be read"),
    ("ply", ply(f"element nothing {10**15}\nelement vertex 1\n{XYZ}", bytes(12)), "holds no triangles"),
    ("ply", ply(f"element vertex {MANY}\n{XYZ}", b"\n" * 5_000_000, "ascii"), "could be read"),
    ("ply", b"ply\n" + b"comment x\n" * 1_000_000, "a header"),
    ("ply", ply("property float x\n" * 3000 + f"element vertex 1\n{XYZ}" + "property float q\n" * 3000), "refused"),
    ("stl", "solid facet\n" + 700_000 * "solid facet vertex endsolid\nendsolid facet\n", "holds no triangles"),
    ("stl", "solid facet" + "\nvertex" * 1_000_000, "stops without 'endsolid'"),
    ("off", f"OFF\n{10**12} {10**12} 0\n0 0 0\n", "states 1000000000000 vertices"),
    ("off", f"OFF\n8 {10**12} 0\n{POINTS_OF_OFF}3 0 1 2\n", "states 1000000000000 faces"),
    ("off", f"OFF\n{'9' * 5000} 1\n", "refused"),
    ("off", f"OFF\n{'#' * 60_000}\n+8 +12 0\n{POINTS_OF_OFF}{FACES_OF_OFF}", "read"),
    ("off", f"OFF\n8 1 0\n{POINTS_OF_OFF}999999999999 1 2\n", "states 1 faces"),
    ("off", f"OFF\n8 12 0\n{POINTS_OF_OFF}{FACES_OF_OFF}".replace("\n3 0 ", f"\n3 {MANY} ", 1), "names the vertex"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "content", "says"), MESHES, ids=[f"{m[0]} {i}" for i, m in enumerate(MESHES)])
def test_meshes_whose_headers_and_names_lie(comes_of, reader, content, says):
    assert says in comes_of(reader, content)


def test_a_crumpled_cube_is_not_cut_for_ever(comes_of):
    """Lids of its cuts cross each other, so that each cut made more faces than the one before."""
    corners = "0 0 0|0 0 10|0 10 10|10 0 0|10 0 10|10 10 0|10 10 10|0 10 0"
    faces = "2 5 7|1 2 3|1 3 8|4 6 7|4 7 5|1 4 5|1 5 2|8 3 7|8 7 6|1 8 6|1 6 4|2 7 3"
    text = "".join(f"v {c}\n" for c in corners.split("|")) + "".join(f"f {f}\n" for f in faces.split("|"))
    assert comes_of("obj", text) == "read"
    crumpled = text.replace("f 1 2 3", "f 1 2 7").replace("f 8 3 7", "f 8 2 7").replace("f 2 7 3", "f 2 8 3")
    assert comes_of("obj", crumpled).split(":")[0] in ("read", "refused")


# --- archives ---------------------------------------------------------------------------------------------------------

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MODEL = "3D/3dmodel.model"
with zipfile.ZipFile(io.BytesIO(READERS["3mf"].seeds()[0])) as _archive:
    WHOLE_3MF = _archive.read(MODEL).decode()


def archive(files: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return stream.getvalue()


def bomb(name: str, megabytes: int, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of so many zeros, written bit by bit."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made, made.open(name, "w", force_zip64=True) as inside:
        for _ in range(megabytes):
            inside.write(bytes(1 << 20))
    return stream.getvalue()


def lying(content: bytes, size: int) -> bytes:
    """Return an archive of one file that states another size in both of its headers."""
    first, last = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    for place in (first + 22, last + 24):
        content = content[:place] + struct.pack("<I", size) + content[place + 4 :]
    return content


def model(objects: str, items: str) -> str:
    return f'<model xmlns="{CORE}"><resources>{objects}</resources><build>{items}</build></model>'


MESH = WHOLE_3MF[WHOLE_3MF.index("<object") : WHOLE_3MF.index("</object>") + 9]
RELATIONS = "_rels/.rels"


def many(component: str) -> str:
    return f'{MESH}<object id="2"><components>{3_000_000 * component}</components></object>'


def long_list(vertices: int) -> str:
    """Return an object of one triangle and a list of vertices that nothing uses."""
    return (
        MESH[: MESH.index("<triangle v")].replace(
            "</vertices>", vertices * '<vertex x="0" y="0" z="0"/>' + "</vertices>"
        )
        + '<triangle v1="0" v2="1" v3="2"/></triangles></mesh></object>'
    )


def moved(count: int, last: float) -> str:
    """Return so many items in a row, and one more at the last place."""
    return "".join(f'<item objectid="1" transform="1 0 0 0 1 0 0 0 1 {x} 0 0"/>' for x in (*range(count), last))


def laughs(levels: int) -> str:
    """Return a 3MF in which each object consists of two of the one before."""
    part = '<component objectid="{}"/>'
    groups = "".join(
        f'<object id="{n}"><components>{2 * part.format(n - 1)}</components></object>' for n in range(2, levels)
    )
    return model(MESH + groups, f'<item objectid="{levels - 1}"/>')


CYCLE = '<object id="1"><components><component objectid="1"/></components></object>'
LAUGHS = '<!ENTITY a "haha">' + "".join(f'<!ENTITY {chr(98 + i)} "{10 * f"&{chr(97 + i)};"}">' for i in range(9))

ARCHIVES = [
    ("3mf", lambda: bomb(MODEL, 600), "unpacks to 629145600 bytes"),
    ("3mf", lambda: lying(bomb(MODEL, 600), 1000), "refused"),
    ("3mf", lambda: lying(archive({MODEL: WHOLE_3MF}), MANY), "refused"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF}, zipfile.ZIP_LZMA), "packed by method 14"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF}, zipfile.ZIP_BZIP2), "packed by method 12"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF, "../../../evil.txt": "x", "/etc/evil": "x"}), "read"),
    ("3mf", lambda: archive({MODEL: laughs(7)}), "read"),
    ("3mf", lambda: archive({MODEL: laughs(12)}), "pairs of bodies lie in each other's boxes"),
    ("3mf", lambda: archive({MODEL: laughs(30)}), "more than 10000 objects placed"),
    ("3mf", lambda: archive({MODEL: laughs(400)}), "more than 32 objects within objects"),
    ("3mf", lambda: archive({MODEL: model(CYCLE, '<item objectid="1"/>')}), "objects that consist of each other"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF.replace("<item", 50_000 * '<item objectid="1"/>' + "<item")}), "10000"),
    ("3mf", lambda: archive({MODEL: model(MESH, 3_000_000 * '<item objectid="1"/>')}), "10000 items and components"),
    ("3mf", lambda: archive({MODEL: model(many("<component objectid='2'/>"), "")}), "10000 items and components"),
    ("3mf", lambda: archive({MODEL: model("".join(f'<object id="{n}"/>' for n in range(90000)), "")}), "20000 objects"),
    ("3mf", lambda: archive({MODEL: model(40_000_000 * "<a/>", "")}), "40000006 tags, expected 10000000"),
    ("3mf", lambda: archive({MODEL: model(long_list(300_000), moved(9000, 1e999))}), "3 of 3 vertices"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF, RELATIONS: f"<!DOCTYPE a [{LAUGHS}]><a>&j;</a>"}), "a document type"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF, RELATIONS: bytes(2 << 20)}), "takes 2097152 bytes, expected 1048576"),
    ("3mf", lambda: archive({MODEL: f"<!DOCTYPE a [{LAUGHS}]><a>&j;</a>"}), "declares a document type"),
    ("3mf", lambda: archive({MODEL: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'}), "document"),
    ("3mf", lambda: archive({MODEL: "<a>" * 1_000_000}), "refused"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF.replace('v1="0"', f'v1="{MANY}"', 1)}), "a face names the vertex"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF.replace('x="0.0"', f'x="{"9" * 400}"', 1)}), "infinite coordinates"),
    ("3mf", lambda: archive({MODEL: WHOLE_3MF.replace('v1="0"', f'v1="{"1" * 5000}"', 1)}), "refused"),
    ("npz", lambda: bomb("a.faces.npy", 600), "unpacks to 629145600 bytes"),
    ("npz", lambda: lying(bomb("a.faces.npy", 600), 1000), "refused"),
    ("npz", lambda: saved(vertices=npy("<f8", f"({10**12}, 3)")), "tells of 24000000000000 bytes"),
    ("npz", lambda: saved(faces=npy("<i4", f"({10**15}, 0)")), "its shape is"),
    ("npz", lambda: saved(faces=npy("<i4", f"({10**9}, 0)")), "expected rows of three numbers"),
    ("npz", lambda: saved(faces=npy("|O", "(1,)", pickle.dumps(Evil()))), "expected plain numbers"),
    ("npz", lambda: saved(faces=npy("<i4", "(1, 3)", struct.pack("<3i", 0, 1, 2**31 - 1))), "faces name vertices"),
    ("npz", lambda: saved(faces=npy("<i4", "(1, 3)", struct.pack("<3i", 0, 1, -1))), "faces name vertices"),
    ("npz", lambda: saved(vertices=npy("<f8", "(1, 3)", struct.pack("<3d", 1e308, 0, float("nan")))), "refused"),
]  # fmt: skip


class Evil:
    """What writes a file when its pickle is run."""

    def __reduce__(self):
        return os.mkdir, ("/tmp/ctsim-was-run",)


def npy(kind: str, shape: str, body: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def saved(**arrays: bytes) -> bytes:
    """Return a saved part with other arrays."""
    with zipfile.ZipFile(io.BytesIO(READERS["npz"].seeds()[0])) as part:
        whole = {entry: part.read(entry) for entry in part.namelist()}
    names = {"vertices": "a.vertices_mm.npy", "faces": "a.faces.npy"}
    return archive(whole | {names[key]: content for key, content in arrays.items()})


@pytest.mark.parametrize(("reader", "make", "says"), ARCHIVES, ids=[f"{a[0]} {i}" for i, a in enumerate(ARCHIVES)])
def test_archives_that_unpack_to_more_than_they_should(comes_of, reader, make, says):
    assert says in comes_of(reader, make())
    assert not Path("/tmp/ctsim-was-run").exists()


# --- STEP -------------------------------------------------------------------------------------------------------------

ITSELF = "#900=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',#7,#7,$);\nENDSEC;\nEND-ISO"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("POLY_LOOP('',(#20", "POLY_LOOP('',(#30", 1),
        lambda text: text.replace("CLOSED_SHELL('',(#36", "CLOSED_SHELL('',(#70", 1),
        lambda text: text.replace("ENDSEC;\nEND-ISO", ITSELF),
        lambda text: text.replace("10.0", "1e308"),
        lambda text: text.replace("(10.0", f"({'(' * 200_000}10.0", 1),
        lambda text: text.replace("#14=", "#99999999999999999999="),
        lambda text: text.replace("ENDSEC;\nEND-ISO", "#901=LINE();\n" * 200_000 + "ENDSEC;\nEND-ISO"),
    ],
    ids=["loop of itself", "shell of itself", "assembly of itself", "far", "deep", "large number", "long"],
)
def test_step_files_that_go_round_in_circles(comes_of, change):
    """What OpenCASCADE makes of them is its own affair; it does so apart, and within limits."""
    pytest.importorskip("cascadio")
    assert comes_of("step", change(tetrahedron())).split(":")[0] in ("read", "refused")


# --- YAML and JSON ----------------------------------------------------------------------------------------------------


def yaml_laughs(form: str) -> str:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{n}: &a{n} " + form.format(f"*a{n - 1}") for n in range(1, 40)]
    return "\n".join(lines)


TEXTS = [
    ("yaml", yaml_laughs("[{0}, {0}, {0}]"), "its aliases (*) stand for"),
    ("yaml", yaml_laughs("{{<<: [{0}, {0}, {0}]}}"), "its aliases (*) stand for"),
    ("yaml", "a: &a {<<: *a}", "an alias (*) to a place that it stands in itself"),
    ("yaml", "a: &a [*a]", "an alias (*) to a place that it stands in itself"),
    ("yaml", "a: " + "[" * 150 + "]" * 150, "nested too deeply"),
    ("yaml", "a: " + "[" * 100_000, "nested too deeply"),
    ("yaml", "scenes: " + "1" * 1_000_000, "a number of 1000000 characters"),
    ("yaml", "scenes: 0x" + "f" * 1_000_000, "a number of 1000002 characters"),
    ("yaml", "scenes: 1" + ":59" * 100_000, "a number of 300001 characters"),
    ("yaml", "scenes: 1" + ":59" * 300 + ".5", "refused"),
    ("yaml", "scenes: .inf", "refused"),
    ("yaml", "x: " + "y" * (1 << 22), "characters, expected"),
    ("yaml", "".join(f"k{n}: 1\n" for n in range(2000)), "refused"),
    ("yaml", "!!python/object/apply:os.mkdir ['/tmp/ctsim-was-run']", "refused"),
    ("yaml", "a: !!int ''", "refused"),
    ("yaml", "a: !!timestamp x", "refused"),
    ("yaml", "a: !!bool x", "refused"),
    ("yaml", "? {a: 1}\n: 2", "refused"),
    ("json", "[" * 1_000_000, "nested too deeply"),
    ("json", "[" * 500 + "]" * 500, "nested too deeply"),
    ("json", '{"a":' * 950 + "1" + "}" * 950, "nested too deeply"),
    ("json", "[" + "1" * 1_000_000 + "]", "refused"),
    ("json", "[" + "1" * 4000 + "]", "must lie within"),
    ("json", '{"a": [NaN]}', "a[0] must be a finite number, got nan"),
    ("json", '{"a": -Infinity}', "a must be a finite number"),
    ("json", '{"a": 1e999}', "a must be a finite number"),
    ("json", '{"a": 1e308}', "a must lie within"),
    ("json", "[" + "[]," * (11 << 20) + "[]]", "bytes, expected"),
    ("dataset", "[" * 1_000_000, "nested too deeply"),
    ("dataset", '{"a": ' + "1" * 1_000_000 + "}", "refused"),
    ("index", "[" * 1_000_000, "nested too deeply"),
    ("index", '{"toy-000000": {"volume.npy": [NaN, 1]}}', "refused"),
    ("csv", "1e308 " * 12, "numbers beyond"),
    ("csv", "nan " * 12, "finite"),
    ("csv", "1," * 10_000_000, "12 numbers"),
    ("table", "1 2\n" * 1_200_000, "more than 1000000 rows"),
    ("table", "1 " * 10_000_000, "read"),
    ("table", "\n" * 20_000_000, "holds no row"),
    ("npy", npy("<f8", f"({10**12}, 12)"), "tells of 96000000000000 bytes"),
    ("npy", npy("<f8", f"({10**12}, 0)"), "expected a row of 12 numbers"),
    ("npy", npy("<f8", f"({10**30}, 0)"), "its shape is"),
    ("npy", npy("|O", "(1,)", pickle.dumps(Evil())), "expected plain numbers"),
    ("npy", npy("<f8", "(" * 2000), "header cannot be read"),
    ("npy", archive({"a.npy": npy("<f8", "(1,)", bytes(8))}), "refused"),
    ("array", npy("<f8", f"({10**30}, 0)"), "its shape is"),
    ("array", npy("<f8", f"({'1, ' * 100})", bytes(8)), "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "content", "says"), TEXTS, ids=[f"{t[0]} {i}" for i, t in enumerate(TEXTS)])
def test_texts_and_arrays_that_are_deep_or_endless(comes_of, reader, content, says):
    assert says in comes_of(reader, content)
    assert not Path("/tmp/ctsim-was-run").exists()


# --- scenarios and their images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("acquisition.number_of_projections", 10**9, "number_of_projections"),
        ("acquisition.number_of_projections", 10**300, "must lie within"),
        ("detector.rows.value", 10**9, "rows"),
        ("detector.bad_pixel_map", {"file": "bad.raw", "headersize": 10**9}, "holds 0 bytes after its header"),
        ("geometry.detector.deviations", 10_000 * [{"type": "translation"}], "must list 100 at most"),
        ("geometry.detector.center.x.drifts", [{"value": list(range(300_000)), "unit": "mm"}], "read"),
        ("geometry.detector.center.y.value", 1e9, "must stand where the free beam arrives"),
        ("samples", 30 * [scenarios.sample("block.stl", "Al", (0, 5, 0))], "2000000"),
        ("materials.0.composition.0.formula.value", "Al" * 100_000, "read"),
        ("materials.0.composition.0.formula.value", "\ud800", "must be a chemical formula"),
        ("materials.0.composition.0.formula.value", "Al\0Fe", "must be a chemical formula"),
        ("samples.0.file.value", "a\0b.stl", "refused"),
        ("samples.0.file.value", "x" * 100_000 + ".stl", "refused"),
    ],
)
def test_scenarios_of_endless_lists(comes_of, place, value, says):
    values = scenarios.scenario()
    if place == "samples":
        values["acquisition"]["number_of_projections"] = 100_000
    if place.startswith("detector.bad"):
        value["file"] = {"value": "bad.raw"}
    *above, last = place.split(".")
    inner = values
    for key in above:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    inner[last] = value
    assert says in comes_of("scenario", json.dumps(values))


def tiff(
    width: int, height: int, strip: bytes, packing: int = 1, count: int | None = None, order_of_bits: int = 1
) -> bytes:
    """Return a TIFF of one strip of int16 with such a header."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, packing), (262, 3, 1), (266, 3, order_of_bits),
            (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(strip) if count is None else count),
            (339, 3, 2)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    place = 8 + len(strip)
    return (
        b"II*\0" + struct.pack("<I", place) + strip + struct.pack("<H", len(tags)) + entries + struct.pack("<I", place)
    )


def shared(rows: int, strip: bytes, packing: int) -> bytes:
    """Return a TIFF of as many columns, and a strip a row, all of which are the same bytes."""
    tags = [(256, 4, 1, rows), (257, 4, 1, rows), (258, 3, 1, 16), (259, 3, 1, packing), (262, 3, 1, 1),
            (273, 4, rows, 8 + len(strip)), (278, 4, 1, 1), (279, 4, rows, 8 + len(strip) + 4 * rows),
            (339, 3, 1, 2)]  # fmt: skip
    lists = struct.pack(f"<{2 * rows}I", *[8] * rows, *[len(strip)] * rows)
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(strip) + len(lists))
    return head + strip + lists + struct.pack("<H", len(tags)) + entries + bytes(4)


def tiled(width: int, height: int, side: int, tile: bytes) -> bytes:
    """Return a TIFF of one tile of int16, packed by Deflate."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 8), (262, 3, 1), (322, 4, side), (323, 4, side),
            (324, 4, 8), (325, 4, len(tile)), (339, 3, 2)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(tile)) + tile + struct.pack("<H", len(tags)) + entries + bytes(4)


def deflated(megabytes: int) -> bytes:
    packer = zlib.compressobj()
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


MAP = struct.pack("<h", -1) * 1200
RUN = b"\x81\xff"
"""128 bytes of 255, as PackBits packs them; 2400 of them are these and 96."""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (tiff(40, 30, MAP), "read"),
        (tiff(40, 30, zlib.compress(MAP), 8), "read"),
        (tiff(2**32 - 1, 2**32 - 1, MAP), "4294967295 x 4294967295 pixels"),
        (tiff(40, 30, MAP, count=2**32 - 1), "read"),
        (tiff(40, 30, RUN * 18 + b"\xa1\xff", 32773), "read"),
        (tiff(40, 30, b"\x80" * 10 + RUN * 18 + b"\x5e" + b"\xff" * 95 + b"\0\xff", 32773), "read"),
        (tiff(40, 30, b"".join(b"\x7f" + MAP[n : n + 128] for n in range(0, 2304, 128)) + b"\xa1\xff", 32773), "read"),
        (tiff(40, 30, RUN * 19, 32773), "a strip of it unpacks to more than its 2400 bytes"),
        (tiff(40, 30, RUN * 1_000_000, 32773), "takes 2000000 bytes packed, expected 2449 at most"),
        (tiff(40, 30, deflated(1800), 8), "a strip of 2400 bytes takes"),
        (tiff(40, 30, deflated(1), 8), "a strip of it unpacks to more than its 2400 bytes"),
        (tiff(40, 30, bytes(5) + zlib.compress(MAP, 0), 8, order_of_bits=2), "its bits run backwards"),
        (tiled(40, 30, 256, zlib.compress(b"\xff" * (256 * 256 * 2))), "read"),
        (tiled(40, 30, 1 << 16, zlib.compress(MAP)), "a tile of it takes 8589934592 bytes, the whole image 2400"),
        (tiff(40, 30, MAP, 34925), "packed by method 34925"),
        (b"II*\0" + struct.pack("<I", 2**32 - 1), "refused"),
        (b"II*\0" + struct.pack("<IH", 8, 65535), "refused"),
        (b"II+\0" + bytes(40), "refused"),
    ],
)
def test_tiffs_whose_headers_lie(comes_of, content, says):
    assert says in comes_of("tiff", content)


@pytest.mark.parametrize(
    ("strip", "packing", "says"),
    [
        (zlib.compress(b"\xff" * 8192), 8, "read"),
        (RUN * 64, 32773, "read"),
        (deflated(8), 8, "unpacks to more than its 8192 bytes"),
        (RUN * 4000, 32773, "unpacks to more than its 8192 bytes"),
        (b"\x00\xff" * (1 << 17), 32773, "takes 262144 bytes packed, expected 8257 at most"),
        (bytes.fromhex("789c") + bytes.fromhex("000000ffff") * 100_000, 8, "takes 500002 bytes packed, expected 17408"),
    ],
)  # fmt: skip
def test_tiffs_whose_strips_are_all_the_same_bytes(comes_of, tmp_path, strip, packing, says):
    values = json.loads(READERS["scenario"].seeds()[1])
    values["detector"] |= {"rows": {"value": 4096}, "columns": {"value": 4096}}
    values["detector"]["bad_pixel_map"] = {"file": {"value": "all.tif"}}
    (tmp_path / "all.tif").write_bytes(shared(4096, strip, packing))
    assert says in comes_of("scenario", json.dumps(values))


def test_a_map_of_bad_pixels_alone_is_none(comes_of, tmp_path):
    values = json.loads(READERS["scenario"].seeds()[1])
    values["detector"] |= {"rows": {"value": 2000}, "columns": {"value": 2000}}
    values["detector"]["bad_pixel_map"] = {"file": {"value": "all.raw"}, "type": "uint8"}
    (tmp_path / "all.raw").write_bytes(bytes(4_000_000))
    assert "marks 4000000 pixels as bad" in comes_of("scenario", json.dumps(values))


# --- shards -----------------------------------------------------------------------------------------------------------


def tar(
    name: str = "k.volume.npy", size: bytes = b"%011o\0" % 100, kind: bytes = b"0", body: bytes = bytes(512)
) -> bytes:
    """Return a tar of one header whose sum is right, and its end."""
    head = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    head[124:136], head[156:157], head[148:156] = size, kind, b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    whole = bytes(head) + body + bytes(1024)
    return whole + bytes(-len(whole) % tarfile.RECORDSIZE)


def negative(size: int) -> bytes:
    return size.to_bytes(12, "big", signed=True)


@pytest.mark.parametrize(
    "content",
    [
        tar(size=negative(-512)),
        tar(size=negative(-1024)),
        tar(size=negative(-(2**60))),
        tar(size=b"\x80" + (2**62).to_bytes(11, "big")),
        *(tar(size=negative(-512), kind=kind) for kind in (b"x", b"g", b"L", b"K", b"S", b"D", b"5")),
        *(tar(size=b"%011o\0" % (8**11 - 1), kind=kind) for kind in (b"x", b"g", b"L", b"K", b"S")),
        tar(kind=b"x", body=b"13 size=-512\n".ljust(512, b"\0") + tar()),
        tar(kind=b"x", body=b"999999999999 size=1\n".ljust(512, b"\0") + tar()),
        tar(kind=b"x", body=b"24 GNU.sparse.map=1,1,1\n".ljust(512, b"\0") + tar()),
        b"".join(tar(kind=b"x")[:1024] for _ in range(3000)) + bytes(10240),
        b"\x1f\x8b" + bytes(10238),
    ],
)
def test_tars_whose_sizes_run_backwards(comes_of, content):
    assert comes_of("tar", content).startswith("refused: ")


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../a.tar"}, {"file": "/dev/zero"}, {"file": "a\0.tar"}, {"file": "x" * 1000 + ".tar"}, {"file": 3},
        {"split": []}, {"split": None}, {"samples": [[]]}, {"samples": [None]}, {"samples": "toy"},
        {"samples": ["\ud800"]},
    ],
)  # fmt: skip
def test_a_dataset_whose_shards_are_anything(comes_of, tmp_path, change):
    setups.dataset(tmp_path, (2, 1))
    record = json.loads((tmp_path / "dataset.json").read_text())
    record["shards"][0] |= change
    assert comes_of("dataset", json.dumps(record)).startswith("refused: ")


@pytest.mark.parametrize(
    "parts", [3, [3], [{}], [{"file": 3}], [{"file": "../a.npz"}], [{"file": "parts/../../a.npz"}]]
)
def test_a_dataset_whose_parts_are_anything(comes_of, tmp_path, parts):
    setups.dataset(tmp_path, (2, 1))
    record = json.loads((tmp_path / "dataset.json").read_text())
    assert comes_of("dataset", json.dumps(record | {"parts": parts})).startswith("refused: ")


@pytest.mark.parametrize(
    "places",
    [
        [0.5, 10], [0, 1.5], [10, -5], [-10, 5], [0, 10**30], [True, 1, 2], ["0", "1"], None, {}, [[], []],
        [1 << 62, 1 << 62],
    ],
)  # fmt: skip
def test_an_index_that_points_anywhere(comes_of, tmp_path, places):
    setups.dataset(tmp_path, (2, 1))
    index = json.loads((tmp_path / "train-000000.tar.index.json").read_text())
    key = next(iter(index))
    index[key]["volume.npy"] = places
    assert comes_of("index", json.dumps(index)).startswith("refused: ")


def test_files_of_an_index_do_not_stand_in_each_other(comes_of, tmp_path):
    """Two places out of order asked for a negative number of bytes, which is all of them."""
    setups.dataset(tmp_path, (2, 1))
    index = json.loads((tmp_path / "train-000000.tar.index.json").read_text())
    key = next(iter(index))
    index[key] = {"defects.json": [2000, 10], "volume.npy": [512, 10], **index[key]}
    assert "one file after the other" in comes_of("index", json.dumps(index))


def test_a_frame_of_zeros_is_refused_before_it_is_unpacked(comes_of):
    claim = b"\x28\xb5\x2f\xfd" + bytes([0b1110_0000]) + struct.pack("<Q", 1 << 40) + b"\x01\x00\x00"
    assert "claims 1099511627776 bytes" in comes_of("zst", claim)


@pytest.mark.parametrize("file", ["../cube.npz", "/etc/cube.npz", "parts/../../cube.npz", "parts/a/b.npz", "cube.stl"])
def test_a_part_is_not_copied_out_of_the_folder_of_a_replay(tmp_path, file):
    record = json.loads(READERS["scene"].seeds()[0])
    record["scene"]["items"][0]["part"]["file"] = file
    with pytest.raises(BadInput, match=r"a part is an \.npz in the dataset's own parts/"):
        replay(tmp_path, "small-000000", record)


@pytest.mark.parametrize("name", ["\ud800@2.0", "Al\0Fe@2.0", "é@1.0"])
def test_a_formula_is_of_plain_letters(name):
    with pytest.raises(BadInput, match="a formula is of plain letters and digits"):
        material(name)


def test_numbers_of_a_spec_s_own_vectors_do_not_overflow():
    with pytest.raises(BadInput, match="row 0 must lie within -1e60 to 1e60"):
        validated(TrajectorySpec, {"vectors": [[1e308] * 12]}, "a.yaml")
