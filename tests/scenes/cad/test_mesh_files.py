"""The readers of mesh files: cubes of 10 mm written in every way that a format has are the same cube."""

import io
import zipfile

import numpy as np
import pytest
import trimesh

from scenes.cad.contents import fans
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


def test_the_seeds_of_3mf_are_one_cube_and_three_in_inches(tmp_path):
    alone, whole = SEEDS["3mf"].seeds()
    (tmp_path / "a.3mf").write_bytes(alone)
    assert read_solids(tmp_path / "a.3mf", unit=None)[1].volume_mm3 == pytest.approx(1000)
    (tmp_path / "b.3mf").write_bytes(whole)
    bodies, report = read_solids(tmp_path / "b.3mf", unit=None)
    assert len(bodies) == 3
    assert report.volume_mm3 == pytest.approx(3000 * 25.4**3)
    assert report.size_mm[0] == pytest.approx(109 * 25.4)
