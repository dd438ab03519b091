"""The readers of mesh files: cubes of 10 mm written in every way that a format has are the same cube."""

import io
import re
import zipfile

import numpy as np
import pytest
import trimesh

from defects.messages import BadInput
from scenes.cad.contents import fans, numbers_of
from scenes.cad.importer import read_solids
from scenes.cad.mesh_files import READERS, read_mesh
from tests.ctsim import small
from tests.fuzz.readers import READERS as SEEDS


def volume(pieces) -> float:
    """Return the volume by tetrahedra from the origin, the divergence theorem for flat faces."""
    corners = np.concatenate([piece.vertices[piece.faces] for piece in pieces])
    return float(np.linalg.det(corners).sum() / 6)


@pytest.mark.parametrize("kind", ["obj", "ply", "off"])
def test_quads_polygons_orders_of_bytes_and_ways_to_count_are_one_cube(kind):
    for content in SEEDS[kind].seeds():
        pieces = READERS[f".{kind}"](content)
        assert sum(len(piece.faces) for piece in pieces) == 12
        side = np.ptp(np.concatenate([piece.vertices for piece in pieces]), axis=0)[0]
        assert abs(volume(pieces)) == pytest.approx(side**3, rel=1e-6)


def test_a_text_stl_of_two_solids_is_two_pieces():
    pieces = READERS[".stl"](SEEDS["stl"].seeds()[1])
    assert [abs(volume([piece])) for piece in pieces] == pytest.approx([1000, 125])


NAMES = [
    "vertex_cube", "Convertex", "vertex 1 2 3", "endsolid", "solid endsolid vertex", "facet normal", "",
    "\N{SNOWMAN} a name of no meaning" * 500,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n \t"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_text_stl_may_be_named_anything(name, mark, end):
    text = SEEDS["stl"].seeds()[1].decode().replace("solid one\n", f"solid {name}\n")
    pieces = READERS[".stl"](mark + text.encode().replace(b"\n", end))
    assert [len(piece.faces) for piece in pieces] == [12, 12]
    assert [abs(volume([piece])) for piece in pieces] == pytest.approx([1000, 125])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_foreign_letters_in_the_name_of_a_solid_are_of_any_code(encoding):
    text = SEEDS["stl"].seeds()[1].decode().replace("solid one", "solid Gehäuse")
    assert abs(volume(READERS[".stl"](text.encode(encoding)))) == pytest.approx(1125)


def test_a_text_stl_in_capitals_set_in_by_blanks_and_with_a_last_line_of_its_own_is_read():
    text = SEEDS["stl"].seeds()[1].decode().upper().replace("\n", "\n \t ")
    assert abs(volume(READERS[".stl"]((text + "\nmade by hand\n").encode()))) == pytest.approx(1125)


@pytest.mark.parametrize("cut", ["\nendsolid one\nsolid one", "\nendsolid one\n", "\nfacet"])
def test_a_text_stl_that_stops_within_a_solid_is_told_so(cut):
    """Also where an earlier one has its end near by, or a name says that it ends."""
    text = SEEDS["stl"].seeds()[1].decode()
    for name in ("one", "endsolid"):
        stop = text[: text.rindex(cut) + len(cut) * cut.startswith("\nendsolid one\nsolid")].replace(" one", f" {name}")
        with pytest.raises(BadInput, match="stops without 'endsolid'"):
            read_mesh("a.stl", ".stl", stop.encode())


def test_a_binary_stl_that_calls_itself_a_solid_and_is_cut_is_told_how_long_it_should_be():
    whole = b"solid".ljust(80) + small.stl()[80:]
    assert abs(volume(READERS[".stl"](whole))) == pytest.approx(8000)
    with pytest.raises(BadInput, match="states 12 triangles, which take 684 bytes, but the file has 683"):
        read_mesh("a.stl", ".stl", whole[:-1])


@pytest.mark.parametrize("head", ["OFF8 6 0\n", "OFF 8 6 0\n", "off\n8 6 0\n", "off8 6\n", "\ufeffOFF\n\n8 6 0\n"])
def test_an_off_file_has_its_numbers_behind_its_word_or_below(head):
    body = SEEDS["off"].seeds()[0].decode().partition("8 6 0\n")[2]
    assert abs(volume(READERS[".off"]((head + body).encode()))) == pytest.approx(1000)


@pytest.mark.parametrize("head", ["", "4OFF\n", "nOFF\n3\n", "OFFSET\n", "office\n"])
def test_an_off_file_of_another_word_is_told_what_was_expected(head):
    body = SEEDS["off"].seeds()[0].decode().partition("# a cube\n")[2]
    first = (head or body).partition("\n")[0]
    with pytest.raises(BadInput, match=f"it begins with '{first}', expected the word OFF"):
        read_mesh("a.off", ".off", (head + body).encode())


@pytest.mark.parametrize("blanks", [b"\n", b"\r\n", b" \t\n\n", b"\n" * 100])
def test_blanks_may_follow_a_ply_file(blanks):
    for content in SEEDS["ply"].seeds():
        assert volume(READERS[".ply"](content + blanks)) == volume(READERS[".ply"](content))


@pytest.mark.parametrize(("number", "more"), [(1, b"\n7"), (1, bytes(1)), (0, b"7"), (0, b"6.013470016999068e-154")])
def test_numbers_may_not(number, more):
    """The last one is, as 8 bytes, a row of blanks."""
    with pytest.raises(BadInput, match="bytes follow its last element"):
        read_mesh("a.ply", ".ply", SEEDS["ply"].seeds()[number] + more)


@pytest.mark.parametrize("text", ["1 2 x 4", "x", "1,2", b"1 2 x"])
def test_words_where_numbers_should_be_are_told(text):
    with pytest.raises(ValueError, match="it holds words where numbers should be"):
        numbers_of(text)
    np.testing.assert_array_equal(numbers_of(" 1 2.5\n-3e2 "), [1, 2.5, -300])


@pytest.mark.parametrize("kind", ["stl", "obj", "ply", "off"])
@pytest.mark.parametrize("shape", ["ball", "ring"])
def test_they_read_what_another_program_wrote(kind, shape):
    mesh = trimesh.creation.icosphere(2, 7.5) if shape == "ball" else trimesh.creation.torus(20.0, 4.0)
    content = mesh.export(file_type=kind)
    pieces = READERS[f".{kind}"](content if isinstance(content, bytes) else content.encode())
    corners = np.concatenate([piece.vertices[piece.faces] for piece in pieces])
    np.testing.assert_allclose(corners, mesh.triangles, rtol=1e-6, atol=1e-6)


def test_a_number_below_0_counts_back_from_the_last_vertex_so_far():
    """Two cubes, each with its faces behind its own vertices."""
    one = "".join(f"v {x} {y} {z}\n" for x, y, z in 10 * small.CORNERS)
    two = "".join(f"v {x} {y} {z}\n" for x, y, z in 10 * small.CORNERS + 50)
    faces = "".join(f"f {a} {b} {c}\n" for a, b, c in small.FACES - 8)
    (piece,) = READERS[".obj"]((one + faces + two + faces).encode())
    assert len(piece.vertices) == 16
    assert abs(volume([piece])) == pytest.approx(2000)


def test_a_polygon_is_a_fan():
    """Of n corners n - 2 triangles, whose areas sum up to that of the regular polygon, n/2 sin(2 pi / n)."""
    counts = np.array([3, 7, 2, 12, 4])
    angles = np.concatenate([2 * np.pi * np.arange(n) / n for n in counts])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    triangles = fans(np.arange(len(points)), counts)
    assert len(triangles) == (np.maximum(counts - 2, 0)).sum()
    edges = points[triangles[:, 1:]] - points[triangles[:, :1]]
    assert np.linalg.det(edges).sum() / 2 == pytest.approx(sum(n / 2 * np.sin(2 * np.pi / n) for n in counts if n > 2))


def test_objects_within_objects_stand_where_all_their_transforms_put_them(tmp_path):
    """A cube in a group that is turned and moved, in an item that is scaled: x -> 2 (R x + 5)."""
    with zipfile.ZipFile(io.BytesIO(SEEDS["3mf"].seeds()[0])) as archive:
        text = archive.read("3D/3dmodel.model").decode()
    put = '<component objectid="1" transform="0 1 0 -1 0 0 0 0 1 5 0 0"/>'
    group = f'<object id="2"><components>{put}</components></object>'
    text = text.replace("</resources>", group + "</resources>")
    text = text.replace('<item objectid="1"/>', '<item objectid="2" transform="2 0 0 0 2 0 0 0 2 0 0 0"/>')
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("3D/3dmodel.model", text)
    (piece,) = read_mesh("a.3mf", ".3mf", stream.getvalue()).pieces
    assert piece.vertices.min(axis=0) == pytest.approx((-10, 0, 0))
    assert piece.vertices.max(axis=0) == pytest.approx((10, 20, 20))


def archive_of(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def cube_model(side: int = 10) -> str:
    with zipfile.ZipFile(io.BytesIO(SEEDS["3mf"].seeds()[0])) as archive:
        return archive.read("3D/3dmodel.model").decode().replace('"10.0"', f'"{side}"')


def relations(target: str, kind: str = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel") -> str:
    picture = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Type="{picture}" Target="/Metadata/a.png" Id="rel0"/>'
        f'<Relationship Target="{target}" Id="rel1" Type="{kind}"/></Relationships>'
    )


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/3D/part.model", "3D/part.model"),
        ("3D/part.model", "3D/part.model"),
        ("/3D/PART.model", "3D/part.model"),
        ("/3D/a%20part.model", "3D/a part.model"),
        ("/root.xml", "root.xml"),
        ("/3D/3dmodel.model", "3D/3dmodel.model"),
    ],
)
def test_the_model_of_an_archive_is_the_one_that_its_relations_name(target, name):
    """The others hold objects for it, and their builds are not built."""
    files = {"3D/a.model": cube_model(1), "3D/3dmodel.model": cube_model(2), "_rels/.rels": relations(target)}
    assert abs(volume(read_mesh("a.3mf", ".3mf", archive_of(files | {name: cube_model()})).pieces)) == pytest.approx(
        1000
    )


@pytest.mark.parametrize("said", [relations("/3D/gone.model"), relations("/3D/part.model", "http://other"), ""])
def test_where_they_name_none_it_is_the_one_of_the_usual_name(said):
    files = {"_rels/.rels": said, "3D/part.model": cube_model(1), "3D/3dmodel.model": cube_model()}
    assert abs(volume(read_mesh("a.3mf", ".3mf", archive_of(files)).pieces)) == pytest.approx(1000)


def test_an_archive_without_its_model_is_told_which():
    with pytest.raises(BadInput, match=r"it holds no 3d/gone\.model"):
        read_mesh("a.3mf", ".3mf", archive_of({"_rels/.rels": relations("/3D/gone.model")}))
    with pytest.raises(BadInput, match=r"it holds no 3d/3dmodel\.model"):
        read_mesh("a.3mf", ".3mf", archive_of({"a.txt": "a"}))


def test_a_cube_placed_twice_is_two_and_a_mirrored_one_is_not_inside_out():
    """Vertices that no face uses are of neither."""
    text = cube_model().replace("<vertices>", '<vertices><vertex x="99" y="99" z="99"/>')
    for number in range(8, -1, -1):
        text = re.sub(rf'(v[123])="{number}"', rf'\1="{number + 1}"', text)
    moves = ("1 0 0 0 1 0 0 0 1 50 0 0", "-1 0 0 0 1 0 0 0 1 0 0 0", "2 0 0 0 1 0 0 0 1 0 70 0")
    items = "".join(f'<item objectid="1" transform="{move}"/>' for move in moves)
    text = text.replace('<item objectid="1"/>', '<item objectid="1"/>' + items)
    pieces = read_mesh("a.3mf", ".3mf", archive_of({"3D/3dmodel.model": text})).pieces
    sign = np.sign(volume(pieces[:1]))
    assert [sign * volume([piece]) for piece in pieces] == pytest.approx([1000, 1000, 1000, 2000])
    low = [piece.vertices.min(axis=0).tolist() for piece in pieces]
    assert low == [[0, 0, 0], [50, 0, 0], [-10, 0, 0], [0, 70, 0]]
    assert [len(piece.vertices) for piece in pieces] == [8, 8, 8, 8]


def test_the_seeds_of_3mf_are_one_cube_and_three_in_inches(tmp_path):
    alone, whole = SEEDS["3mf"].seeds()
    (tmp_path / "a.3mf").write_bytes(alone)
    assert read_solids(tmp_path / "a.3mf", unit=None)[1].volume_mm3 == pytest.approx(1000)
    (tmp_path / "b.3mf").write_bytes(whole)
    bodies, report = read_solids(tmp_path / "b.3mf", unit=None)
    assert len(bodies) == 3
    assert report.volume_mm3 == pytest.approx(3000 * 25.4**3)
    assert report.size_mm[0] == pytest.approx(109 * 25.4)
