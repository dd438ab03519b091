"""CAD files into solids: exact volumes of shapes made here, every refusal with its words, and real files."""

import dataclasses
import importlib.util
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from manifold3d import CrossSection, Manifold

from defects.messages import BadInput
from scenes.cad import step_files
from scenes.cad.importer import ImportReport, read_solids
from tests.shared_data import SHARED, needs_shared


def box(size=10.0, at=(0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    return trimesh.creation.box((size, size, size)).apply_translation(at)


def mesh(vertices, faces) -> trimesh.Trimesh:
    return trimesh.Trimesh(vertices, faces, process=False)


def turned(shape: trimesh.Trimesh) -> trimesh.Trimesh:
    return mesh(shape.vertices, shape.faces[:, ::-1])


def together(*shapes: trimesh.Trimesh) -> trimesh.Trimesh:
    return trimesh.util.concatenate(shapes)


def saved(folder: Path, shape: trimesh.Trimesh, name: str = "part.stl") -> Path:
    shape.export(folder / name)
    return folder / name


def written(folder: Path, name: str, data: bytes | str) -> Path:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder / name


def text_obj(vertices, faces) -> str:
    return "".join(f"v {x!r} {y!r} {z!r}\n" for x, y, z in np.asarray(vertices, float).tolist()) + "".join(
        f"f {a} {b} {c}\n" for a, b, c in (np.asarray(faces) + 1).tolist()
    )


def boxes_3mf(folder: Path, unit: str = 'unit="inch"', items: str = '<item objectid="1"/>') -> Path:
    shape = box(1.0)
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in shape.vertices)
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in shape.faces)
    model = (
        f'<model {unit} xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>'
        f'<object id="1" type="model"><mesh><vertices>{vertices}</vertices><triangles>{faces}</triangles></mesh>'
        f"</object></resources><build>{items}</build></model>"
    )
    with zipfile.ZipFile(folder / "part.3mf", "w") as archive:
        archive.writestr("3D/3dmodel.model", model)
    return folder / "part.3mf"


def refusal(path: Path, **how) -> str:
    """Return the words of the refusal; nothing but BadInput may come."""
    with pytest.raises(BadInput) as caught:
        read_solids(path, **{"unit": "mm"} | how)
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- truths ---


@pytest.mark.parametrize("ending", ["stl", "obj", "ply", "off"])
def test_a_cube_keeps_its_volume_size_and_place(tmp_path, ending):
    solids, report = read_solids(saved(tmp_path, box(10, (7, 0, 0)), f"cube.{ending}"), unit="mm")
    assert [solid.volume() for solid in solids] == [pytest.approx(1000, rel=1e-12)]
    assert solids[0].bounding_box() == (2, -5, -5, 12, 5, 5)
    assert (report.size_mm, report.faces_read, report.faces, report.bodies) == ((10, 10, 10), 12, 12, 1)
    assert (report.repairs, report.warnings, report.open_edges, report.file) == ((), (), 0, f"cube.{ending}")


def test_a_text_stl_is_read_as_a_binary_one(tmp_path):
    text = box().export(file_type="stl_ascii").replace("solid ", "solid Gehäuse ", 1)
    path = written(tmp_path, "cube.stl", text.encode("latin-1"))
    assert read_solids(path, unit="mm")[1].volume_mm3 == pytest.approx(1000)


def test_normals_are_not_needed_and_nothing_is_said_of_them(tmp_path, capfd):
    text = box().export(file_type="stl_ascii").replace("facet normal 0", "facet normal q0", 1)
    text = text.replace("facet normal -", "facet normal q-", 1)
    assert read_solids(written(tmp_path, "cube.stl", text), unit="mm")[1].volume_mm3 == pytest.approx(1000)
    assert capfd.readouterr() == ("", "")


def test_coordinates_stay_in_double_precision(tmp_path):
    """At 1000 mm from the origin a float32 is 6e-5 mm coarse."""
    shape = box(0.1, (1000, 1000, 1000))
    solids, _ = read_solids(written(tmp_path, "far.obj", text_obj(shape.vertices, shape.faces)), unit="cm")
    assert solids[0].volume() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("unit", "mm"), [("um", 1e-3), ("mm", 1), ("cm", 10), ("m", 1000), ("inch", 25.4), ("ft", 304.8)]
)
def test_units_and_scale_multiply_lengths(tmp_path, unit, mm):
    _, report = read_solids(saved(tmp_path, box()), unit=unit, scale=0.5)
    assert report.size_mm == pytest.approx((5 * mm,) * 3)
    assert report.volume_mm3 == pytest.approx((5 * mm) ** 3)
    assert (report.unit, report.scale) == (unit, 0.5)
    assert bool(report.warnings) == (not 1 <= 5 * mm <= 3000)


def test_a_report_is_json_and_the_same_twice(tmp_path):
    path = saved(tmp_path, turned(box()))
    first, report = read_solids(path, unit="mm")
    again, same = read_solids(path, unit="mm")
    assert report == same
    listed = json.loads(json.dumps(dataclasses.asdict(report)))
    assert listed["repairs"] == ["turned 12 inverted faces"]
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.to_mesh64().vert_properties, other.to_mesh64().vert_properties)
        assert np.array_equal(one.to_mesh64().tri_verts, other.to_mesh64().tri_verts)


def test_inverted_and_shuffled_faces_are_turned_and_told(tmp_path):
    shape = trimesh.creation.icosphere(subdivisions=2, radius=5)
    back = np.arange(len(shape.faces)) % 3 == 0
    shuffled = mesh(shape.vertices, np.where(back[:, None], shape.faces[:, ::-1], shape.faces))
    _, report = read_solids(saved(tmp_path, shuffled), unit="mm")
    assert report.volume_mm3 == pytest.approx(shape.volume, rel=1e-6)
    assert report.repairs == (f"turned {back.sum()} inverted faces",)


def test_a_mostly_inverted_shuffle_still_faces_outwards(tmp_path):
    shape = trimesh.creation.icosphere(subdivisions=2, radius=5)
    back = np.arange(len(shape.faces)) % 3 != 0
    shuffled = mesh(shape.vertices, np.where(back[:, None], shape.faces[:, ::-1], shape.faces))
    _, report = read_solids(saved(tmp_path, shuffled), unit="mm")
    assert report.volume_mm3 == pytest.approx(shape.volume, rel=1e-6)
    assert report.repairs == (f"turned {back.sum()} inverted faces",)


def test_vertices_a_rounding_apart_are_welded_and_told(tmp_path):
    shape = box()
    split = np.array(shape.triangles).reshape(-1, 3)
    split[:18] += 1e-6  # half of the faces; the diagonal is 17.3 mm, so the weld reaches 1.7e-5 mm
    path = written(tmp_path, "cube.obj", text_obj(split, np.arange(36).reshape(-1, 3)))
    _, report = read_solids(path, unit="mm")
    assert report.volume_mm3 == pytest.approx(1000, rel=1e-6)
    assert len(report.repairs) == 1
    assert report.repairs[0].startswith("welded ")
    assert report.repairs[0].endswith("open edges within 1.7e-05 mm")


def test_a_gap_wider_than_the_weld_is_refused(tmp_path):
    split = np.array(box().triangles).reshape(-1, 3)
    split[:3] += 1e-3  # one face: its 3 edges and the 3 of its neighbours
    path = written(tmp_path, "cube.obj", text_obj(split, np.arange(36).reshape(-1, 3)))
    assert "6 open edges in 12 faces" in refusal(path)
    _, report = read_solids(path, unit="mm", repair=True)
    assert report.volume_mm3 == pytest.approx(1000, rel=1e-3)
    assert report.repairs


def test_duplicate_and_degenerate_faces_are_dropped(tmp_path):
    shape = box()
    faces = np.concatenate([shape.faces, shape.faces[:2], [[0, 0, 1]]])
    _, report = read_solids(written(tmp_path, "cube.obj", text_obj(shape.vertices, faces)), unit="mm")
    assert (report.volume_mm3, report.faces_read, report.faces) == (pytest.approx(1000), 15, 12)
    assert report.repairs == ("dropped 1 degenerate face", "dropped 2 duplicate faces")


def test_a_shared_wall_between_touching_boxes_goes(tmp_path):
    pair = together(box(10), box(10, (10, 0, 0)))
    _, report = read_solids(saved(tmp_path, pair), unit="mm")
    assert (report.volume_mm3, report.bodies, report.size_mm) == (pytest.approx(2000), 1, (20, 10, 10))


def test_boxes_that_share_an_edge_close(tmp_path):
    pair = together(box(10), box(10, (10, 10, 0)))
    _, report = read_solids(saved(tmp_path, pair), unit="mm")
    assert report.volume_mm3 == pytest.approx(2000)


def test_overlapping_bodies_of_a_mesh_are_united_and_apart_ones_stay(tmp_path):
    """Two cubes overlap by 5 x 10 x 10; a third stands away."""
    shapes = together(box(10), box(10, (5, 0, 0)), box(10, (30, 0, 0)))
    solids, report = read_solids(saved(tmp_path, shapes), unit="mm")
    assert sorted(solid.volume() for solid in solids) == pytest.approx([1000, 1500])
    assert report.repairs == ("united 2 overlapping or touching bodies (500 mm3 stood twice)",)


# --- cavities ---


def hollow(inner_turned: bool, outer_turned: bool = False, core: bool = False) -> trimesh.Trimesh:
    outer, inner = box(20), trimesh.creation.icosphere(subdivisions=3, radius=6)
    shells = [turned(outer) if outer_turned else outer, turned(inner) if inner_turned else inner]
    return together(*shells, *([box(4)] if core else []))


BALL_MM3 = trimesh.creation.icosphere(subdivisions=3, radius=6).volume


@pytest.mark.parametrize("inverted", [False, True])
def test_an_inner_shell_that_faces_inwards_is_a_cavity(tmp_path, inverted):
    path = saved(tmp_path, hollow(inner_turned=not inverted, outer_turned=inverted))
    _, report = read_solids(path, unit="mm")
    assert (report.volume_mm3, report.bodies) == (pytest.approx(8000 - BALL_MM3, rel=1e-6), 1)
    assert report.warnings == ("1 closed cavity: meant to be hollow?",)
    assert report.repairs == (("turned 1292 inverted faces",) if inverted else ())


def test_a_body_loose_in_a_cavity_is_a_body(tmp_path):
    solids, report = read_solids(saved(tmp_path, hollow(inner_turned=True, core=True)), unit="mm")
    assert report.bodies == 2
    assert sorted(solid.volume() for solid in solids) == pytest.approx([64, 8000 - BALL_MM3], rel=1e-6)


def test_an_inner_shell_that_faces_outwards_is_a_void_only_if_the_user_says_so(tmp_path):
    path = saved(tmp_path, hollow(inner_turned=False))
    assert "1 inner shell (896.992 mm3) faces the same way" in refusal(path)
    assert "give `repair: true` to take it as a void" in refusal(path)
    _, report = read_solids(path, unit="mm", repair=True)
    assert report.volume_mm3 == pytest.approx(8000 - BALL_MM3, rel=1e-6)
    assert report.repairs[0] == "took 1 inner shell facing outwards as void (896.992 mm3)"


# --- open surfaces ---


def test_open_edges_are_counted_exactly(tmp_path):
    lidless = mesh(box().vertices, box().faces[:-1])
    text = refusal(saved(tmp_path, lidless))
    assert "3 open edges in 11 faces" in text
    assert "give `repair: true`" in text


def test_holes_are_filled_when_asked(tmp_path):
    ball = trimesh.creation.icosphere(subdivisions=3, radius=10)
    gone = np.concatenate([np.flatnonzero((ball.faces == corner).any(axis=1)) for corner in (0, 600)])
    _, report = read_solids(
        saved(tmp_path, mesh(ball.vertices, np.delete(ball.faces, gone, axis=0))), unit="mm", repair=True
    )
    assert report.volume_mm3 == pytest.approx(ball.volume, rel=1e-3)
    assert report.repairs[0] == "filled 2 holes"
    assert report.repairs[1].startswith(f"added {len(gone) - 4} faces (")


def test_a_hole_that_is_not_convex_is_filled_flat(tmp_path):
    """The end face of an L: a fan of triangles would leave it."""
    outline = [(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)]
    solid = Manifold.extrude(CrossSection([outline]), 3).to_mesh64()
    points, faces = np.array(solid.vert_properties), np.array(solid.tri_verts).astype(int)
    bottom = (points[faces][:, :, 2] == 0).all(axis=1)
    _, report = read_solids(saved(tmp_path, mesh(points, faces[~bottom])), unit="mm", repair=True)
    assert report.volume_mm3 == pytest.approx(21, rel=1e-6)
    assert report.repairs == ("filled 1 hole", "added 4 faces (7 mm2)")
    assert any("lids over holes" in warning for warning in report.warnings)


def test_a_vertex_on_a_neighbours_edge_is_joined_when_asked(tmp_path):
    """One face of the cube is cut in two at the middle of an edge; its neighbour is not."""
    vertices, faces = box().vertices, box().faces
    middle = len(vertices)
    a, b, c = faces[0]
    points = np.vstack([vertices, (vertices[a] + vertices[b]) / 2])
    cut = np.vstack([faces[1:], [[a, middle, c], [middle, b, c]]])
    path = saved(tmp_path, mesh(points, cut))
    assert "3 open edges" in refusal(path)
    _, report = read_solids(path, unit="mm", repair=True)
    assert report.volume_mm3 == pytest.approx(1000)
    assert report.repairs == ("split 1 open edge at vertices within 0.00017 mm",)


def test_a_loose_flake_is_dropped_when_asked(tmp_path):
    flake = mesh([[0, 0, 6], [1, 0, 6], [0, 1, 6]], [[0, 1, 2]])
    path = saved(tmp_path, together(box(), flake))
    assert "3 open edges" in refusal(path)
    _, report = read_solids(path, unit="mm", repair=True)
    assert report.volume_mm3 == pytest.approx(1000)
    assert report.repairs == ("dropped 1 face of loose patches (0.5 mm2)",)


def test_soup_sheets_and_one_sided_strips_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    soup = mesh(rng.uniform(0, 10, (90, 3)), np.arange(90).reshape(-1, 3))
    path = saved(tmp_path, soup)
    assert "90 open edges in 30 faces; its triangles hang together nowhere" in refusal(path)
    assert "could not be closed: 90 open edges" in refusal(path, repair=True)

    ball = trimesh.creation.icosphere(subdivisions=1)
    sheet = saved(tmp_path, together(ball, turned(ball)))
    assert "surfaces without volume only" in refusal(sheet)
    assert "surfaces without volume only" in refusal(sheet, repair=True)

    turn = 2 * np.pi * np.arange(40) / 40
    rim = [
        ((2 + r * np.cos(t / 2)) * np.cos(t), (2 + r * np.cos(t / 2)) * np.sin(t), r * np.sin(t / 2))
        for t in turn
        for r in (-0.5, 0.5)
    ]
    steps = [(2 * i, 2 * i + 1, *((2 * i + 2, 2 * i + 3) if i < 39 else (1, 0))) for i in range(40)]
    strip = mesh(rim, [face for a, b, c, d in steps for face in ((a, b, c), (b, d, c))])
    assert "one-sided" in refusal(saved(tmp_path, strip))
    assert "could not be closed" in refusal(saved(tmp_path, strip), repair=True)


# --- units ---


def test_a_file_without_a_unit_says_what_it_would_be(tmp_path):
    text = refusal(saved(tmp_path, box(10), "cube.stl"), unit=None)
    assert text == (
        "cube.stl: STL files carry no unit; this one is 10 x 10 x 10 in its own numbers, that is 10 x 10 x 10 mm if "
        "mm, 254 x 254 x 254 mm if inch, 1e+04 x 1e+04 x 1e+04 mm if m; give `unit: mm` (or um, cm, m, inch, ft)"
    )


def test_an_unknown_unit_names_the_nearest(tmp_path):
    assert "unknown unit 'inches'; did you mean 'inch'" in refusal(saved(tmp_path, box()), unit="inches")


def test_a_3mf_states_its_unit_and_its_objects_are_placed(tmp_path):
    items = '<item objectid="1"/><item objectid="1" transform="-1 0 0 0 1 0 0 0 1 5 0 0"/>'  # the second mirrored
    solids, report = read_solids(boxes_3mf(tmp_path, items=items), unit=None)
    assert (report.unit, report.bodies) == ("inch", 2)
    assert report.size_mm == pytest.approx((6 * 25.4, 25.4, 25.4))
    assert [solid.volume() for solid in solids] == pytest.approx([25.4**3] * 2)
    assert report.repairs == ()
    assert read_solids(boxes_3mf(tmp_path, unit=""), unit=None)[1].unit == "mm"  # the standard's default


def test_a_unit_against_the_header_is_refused(tmp_path):
    text = refusal(boxes_3mf(tmp_path), unit="mm")
    assert "a unit of 'mm' was given, but this 3MF file states 'inch' itself" in text
    assert "with `scale` (0.0393701 would do it)" in text
    assert "states the unit 'parsec'" in refusal(boxes_3mf(tmp_path, unit='unit="parsec"'), unit=None)


@pytest.mark.parametrize("name", ["scale", "tolerance_mm", "tolerance_deg"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_factors_and_tolerances_are_positive(tmp_path, name, value):
    assert refusal(saved(tmp_path, box()), **{name: value}).startswith(f"{name} must be a finite number above 0")


# --- damaged files ---

BINARY = box().export(file_type="stl")
TEXT = box().export(file_type="stl_ascii")
BOX_OBJ = text_obj(box().vertices, box().faces)
NOISE = np.random.default_rng(0).bytes(1000)
BAD = {
    "empty.stl": (b"", "is empty (0 bytes)"),
    "short.stl": (BINARY[:60], "60 bytes are no STL"),
    "cut.stl": (BINARY[:500], "states 12 triangles, which take 684 bytes, but the file has 500"),
    "more.stl": (BINARY + b"x", "but the file has 685"),
    "noise.stl": (NOISE, "it is truncated or no STL"),
    "hostile.stl": (BINARY[:80] + (4 * 10**9).to_bytes(4, "little") + BINARY[84:], "states 4000000000 triangles"),
    "none.stl": (BINARY[:80] + bytes(4), "holds no triangles"),
    "text_cut.stl": (TEXT[: len(TEXT) // 2], "stops without 'endsolid'"),
    "text_word.stl": (TEXT.replace("vertex -5", "vertex x5", 1), "it holds words where numbers should be"),
    "nan.stl": (
        BINARY[:96] + np.array(np.nan, "<f4").tobytes() + BINARY[100:],
        "NaN or infinite coordinates in 1 of 36 vertices",
    ),
    "inf.obj": (BOX_OBJ.replace("v -5.0", "v inf", 1), "NaN or infinite coordinates in 1 of 8 vertices"),
    "huge.obj": (BOX_OBJ.replace("v -5.0", "v 1e300", 1), "the longest side is 1e+300 mm"),
    "point.obj": ("v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "all vertices lie in one point"),
    "beyond.obj": (BOX_OBJ + "f 1 2 99\n", "is not a readable OBJ file"),
    "points.obj": ("v 0 0 0\nv 1 0 0\np 1\nl 1 2\n", "holds no triangles"),
    "noise.obj": (NOISE, "holds no triangles"),
    "noise.ply": (NOISE, "is not a readable PLY file"),
    "cut.ply": (box().export(file_type="ply")[:-5], "is not a readable PLY file"),
    "cut_text.ply": (box().export(file_type="ply", encoding="ascii")[:-12], "states 12 faces"),
    "noise.off": (NOISE, "is not a readable OFF file"),
    "cut.off": (box().export(file_type="off")[:-12], "states 12 faces, but 10 could be read"),
    "noise.3mf": (NOISE, "it is no whole zip archive"),
    "part.xyz": (b"1 2 3", "unknown kind of file '.xyz'; expected one of .stl"),
    "part": (b"1 2 3", "unknown kind of file ''"),
    "noise.step": (NOISE, "does not begin with 'ISO-10303-21;'"),
    "cut.step": ("ISO-10303-21;\nHEADER;\n", "stops before 'END-ISO-10303-21;'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, capfd, name):
    data, words = BAD[name]
    assert words in refusal(written(tmp_path, name, data), unit=None if "step" in name or "3mf" in name else "mm")
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.stl")
    assert "is a folder" in refusal(tmp_path)


def test_stray_faces_far_away_are_refused(tmp_path):
    """A weld of a millionth of 1e7 mm would melt the ball."""
    ball = trimesh.creation.icosphere(subdivisions=4)
    stray = mesh([[1e7, 0, 0], [1e7, 1, 0], [1e7, 0, 1]], [[0, 1, 2]])
    assert "remove the stray faces" in refusal(saved(tmp_path, together(ball, stray)))


# --- STEP without files ---

STEP = "ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"


def test_step_without_cascadio_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'ctsim[step]'" in refusal(written(tmp_path, "part.step", STEP), unit=None)


def test_step_garbage_is_refused_and_silent(tmp_path, capfd):
    pytest.importorskip("cascadio")
    assert "OpenCASCADE could not read it (ERR StepFile" in refusal(written(tmp_path, "a.step", STEP), unit=None)
    assert capfd.readouterr() == ("", "")


def test_a_step_reader_that_hangs_or_crashes_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("cascadio")
    path = written(tmp_path, "part.step", STEP)
    monkeypatch.setattr(step_files, "CHILD", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert "could not read it (exit code -11)" in refusal(path, unit=None)
    monkeypatch.setattr(step_files, "CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(step_files, "STEP_SECONDS", 1)
    assert "meshing took more than 1 s" in refusal(path, unit=None)


def test_step_bodies_stay_apart_and_the_first_keeps_an_overlap(tmp_path, monkeypatch):
    """Two cubes of one name overlap by half; a flat surface named SHELL is left out."""
    pytest.importorskip("cascadio")
    lower, upper = box(10), box(10, (0, 0, 5))
    sheet = mesh([[0, 0, 9], [1, 0, 9], [0, 1, 9]], [[0, 1, 2]])
    lines, count = ["# OBJ"], 1
    for name, shape in (("nut", lower), ("nut", upper), ("note/SHELL", sheet)):
        lines += [f"g {name}", *(f"v {x} {y} {z}" for x, y, z in shape.vertices)]
        lines += [f"f {a + count}//1 {b + count}//1 {c + count}//1" for a, b, c in shape.faces]
        count += len(shape.vertices)

    def fake(command, **_):
        Path(command[-3]).write_text("\n".join(lines))
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(step_files.subprocess, "run", fake)
    solids, report = read_solids(written(tmp_path, "part.step", STEP), unit="mm")
    assert [solid.volume() for solid in solids] == pytest.approx([1000, 500])
    assert report.repairs == (
        "left out 1 surface without volume",
        "cut 1 overlap between bodies (500 mm3): the first body keeps it",
    )
    assert "is converted to mm by the unit in its header" in refusal(tmp_path / "part.step", unit="inch")


# --- real files, against the table that stands beside them ---

CAD = SHARED / "cad" if SHARED else Path()


def real(name: str, unit: str | None = "mm", **how) -> ImportReport:
    path = CAD / name
    if not path.exists():
        pytest.skip(f"{name} is not among the test data")
    if path.suffix.lower() in (".stp", ".step"):
        pytest.importorskip("cascadio")
    solids, report = read_solids(path, unit=unit, **how)
    assert all(solid.volume() > 0 for solid in solids)
    assert report.volume_mm3 == pytest.approx(sum(solid.volume() for solid in solids))
    return report


@needs_shared
@pytest.mark.parametrize(
    ("name", "bodies", "volume_mm3", "within"),
    [
        # the volume of the B-rep; triangles inscribed in round faces are off by the share given
        ("nist_ctc_01_asme1_ap242-e1.stp", 1, 14_644_823.3, 1e-3),
        ("nist_ctc_02_asme1_ap242-e2.stp", 1, 47_106_787.8, 1e-3),
        ("nist_ctc_03_asme1_ap242-e2.stp", 1, 332_122.9, 1e-3),
        ("nist_ctc_04_asme1_ap242-e1.stp", 1, 17_519_780.2, 1e-3),
        ("nist_ctc_05_asme1_ap242-e1.stp", 1, 12_694_917.7, 1e-3),
        ("as1-tu-203.stp", 18, 764_519.0, 1e-3),
        ("as1_pe_203.stp", 18, 12_551_372_545, 1e-3),
        ("featuretype.STEP", 1, 190_532.0, 1e-3),
        ("screw.step", 1, 3_788.27, 1.1e-2),
    ],
)
def test_real_step_files_close_and_keep_their_volume(name, bodies, volume_mm3, within):
    report = real(name, unit=None)
    assert (report.bodies, report.unit) == (bodies, "mm")
    assert report.volume_mm3 == pytest.approx(volume_mm3, rel=within)


@needs_shared
def test_a_finer_tolerance_comes_nearer_to_the_screw():
    assert real("screw.step", unit=None, tolerance_mm=0.01, tolerance_deg=11.5).volume_mm3 == pytest.approx(
        3_788.27, rel=2e-3
    )


@needs_shared
def test_a_scale_refines_the_step_mesh_with_it():
    """Ten times the screw within 0.1 mm is the screw within 0.01 mm."""
    large = real("screw.step", unit=None, scale=10, tolerance_mm=0.1, tolerance_deg=11.5)
    assert large.volume_mm3 == pytest.approx(3_788.27e3, rel=2e-3)


@needs_shared
def test_a_lying_header_is_warned_of():
    assert real("as1_pe_203.stp", unit=None).warnings == (
        "longest side 5080 mm is outside 1 mm to 3 m: is the unit right?",
    )
    assert real("as1_pe_203.stp", unit=None, scale=1 / 25.4).size_mm == pytest.approx((200, 87, 150), abs=0.1)


@needs_shared
@pytest.mark.parametrize(
    ("name", "unit", "bodies", "size_mm", "volume_mm3", "repairs"),
    [
        ("20mm-xyz-cube.stl", "mm", 1, (20, 20, 20), 7_938.68, ()),
        ("plate_holes.STL", "mm", 1, (203.2, 304.8, 12.7), 767_362, ()),
        ("lever.stl", "mm", 1, (188.0, 101.1, 42.3), 102_310, ()),
        ("fixed_top.ply", "mm", 1, (120, 10, 120), 26_449.3, ()),
        ("quadknot.obj", "mm", 1, None, 1_057_310, ()),
        ("ur5_base.stl", "m", 1, (147, 184, 24), 3.4755e5, ()),
        ("plate_holes_inverted.stl", "mm", 1, (203.2, 304.8, 12.7), 767_362, ("turned 1252 inverted faces",)),
        ("oblong-shuffled.off", "mm", 1, (78, 58, 58), None, ("turned 397 inverted faces",)),
        ("multibody.stl", "mm", 2, None, None, ("turned 26 inverted faces",)),
        ("featuretype.STL", "inch", 1, (127, 63.5, 34.925), 190_544, ("welded 576 open edges within 0.00015 mm",)),
        ("angle_block.STL", "inch", 1, (34.0, 25.4, 34.3), 18_771.7, ("welded 166 open edges within 5.5e-05 mm",)),
        ("octagonal_pocket.stl", "m", 1, (228.6, 164.7, 15.9), 250_353, ("welded 54 open edges within 0.00028 mm",)),
        ("object_8open.stl", "mm", 1, (21.16, 21.43, 21.48), 4_629.72, ("welded 8 open edges within 3.7e-05 mm",)),
        ("wallhole.obj", "mm", 1, (10, 15, 10), 1_066.67, ("dropped 2 duplicate faces",)),
        ("box.STL", "inch", 1, (184.15, 114.3, 95.25), 263_578, None),
        ("ur5_forearm.stl", "m", 1, (116.4, 111.7, 489.3), 2.4906e6, None),
    ],
)
def test_real_meshes_are_as_their_table_says(name, unit, bodies, size_mm, volume_mm3, repairs):
    report = real(name, unit=unit)
    assert report.bodies == bodies
    if size_mm:
        assert report.size_mm == pytest.approx(size_mm, abs=0.5)
    if volume_mm3:
        assert report.volume_mm3 == pytest.approx(volume_mm3, rel=2e-4)  # the table's digits, and overlaps of box.STL
    if repairs is not None:
        assert report.repairs == repairs


@needs_shared
@pytest.mark.parametrize(
    ("name", "unit", "words", "volume_mm3"),
    [
        ("bearing_binary.stl", "mm", "134 open edges", 96_151),
        ("featuretype.3MF", None, "18 open edges", 190_680),
        ("block_cavity_not_flipped.stl", "mm", "faces the same way", 23_103.0),
        ("soup.stl", "mm", "300 open edges", None),
        ("chair_model.obj", "m", "surfaces without volume only", None),
    ],
)
def test_real_files_that_are_no_solids_are_refused_and_some_mended(name, unit, words, volume_mm3):
    with pytest.raises(BadInput, match=words):
        real(name, unit=unit)
    if volume_mm3 is None:
        with pytest.raises(BadInput):
            real(name, unit=unit, repair=True)
    else:
        report = real(name, unit=unit, repair=True)
        assert report.volume_mm3 == pytest.approx(volume_mm3, rel=1e-3)
        assert report.repairs
