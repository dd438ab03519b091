"""Parts come scaled, with their materials, from the library, a CAD file or bytes that were saved before."""

import numpy as np
import pytest
import trimesh
from manifold3d import Manifold

from defects.messages import BadInput
from scenes.body import Body
from scenes.part_spec import PartSpec
from scenes.parts import Part, fingerprint, load_part, save_solids, source_of
from scenes.scene import PartChoice
from tests.defects.measure import centroid, vertices
from tests.scenes.toy import bolted


def choice(**changes) -> PartChoice:
    return PartChoice(**{"name": "part", "materials": {}, "host": "", **changes})


def faces(solid: Manifold) -> np.ndarray:
    return np.asarray(solid.to_mesh64().tri_verts)


def triangles(solid: Manifold) -> set[tuple[int, ...]]:
    """Return its faces, each from its lowest corner on: the order of faces says nothing."""
    return {tuple(np.roll(face, -np.argmin(face)).tolist()) for face in faces(solid)}


def exactly_alike(one: Manifold, two: Manifold) -> bool:
    return np.array_equal(vertices(one), vertices(two)) and triangles(one) == triangles(two)


@pytest.fixture
def cube_file(tmp_path):
    """A cube of 2 x 3 x 4 units, away from the origin."""
    trimesh.creation.box((2, 3, 4)).apply_translation((10, 20, 30)).export(tmp_path / "cube.stl")
    return tmp_path


def test_a_library_part_has_its_own_materials_where_none_are_given(tmp_path):
    part = load_part(choice(library="connecting_rod"), tmp_path)
    assert {b.name: b.material for b in part.bodies} == {"rod": "42CrMo4", "bush": "CuSn6"}


def test_a_material_given_for_one_body_is_that_bodys_alone(tmp_path):
    part = load_part(choice(library="connecting_rod", materials={"bush": "W"}), tmp_path)
    assert {b.name: b.material for b in part.bodies} == {"rod": "42CrMo4", "bush": "W"}


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_scaling_multiplies_lengths_and_cubes_the_volume_about_the_origin(tmp_path, scale):
    plain, scaled = (load_part(choice(library="flange", scale=s), tmp_path).bodies[0].solid for s in (1.0, scale))
    assert scaled.volume() == pytest.approx(scale**3 * plain.volume(), rel=1e-9)
    assert scaled.bounding_box() == pytest.approx(scale * np.array(plain.bounding_box()))


def test_dimensions_reach_the_library_and_a_whole_number_stays_one(tmp_path):
    four, eight = (load_part(choice(library="flange", dimensions={"bolts": n}), tmp_path) for n in (4, 8))
    assert (four.bodies[0].solid.genus(), eight.bodies[0].solid.genus()) == (1 + 4, 1 + 8)


def test_an_unknown_body_is_answered_with_a_near_one(tmp_path):
    with pytest.raises(BadInput, match=r"unknown body 'bushing'; did you mean 'bush'\? \(known: bush, rod\)"):
        load_part(choice(library="connecting_rod"), tmp_path).body("bushing")


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1.0), ("inch", 25.4)])
def test_a_file_is_read_in_its_unit_and_centred(cube_file, unit, mm):
    part = load_part(choice(file="cube.stl", unit=unit, materials={"part": "Al"}), cube_file)
    assert [b.name for b in part.bodies] == ["part"]
    assert part.body("part").material == "Al"
    assert part.body("part").solid.bounding_box() == pytest.approx(mm * np.array([-1, -1.5, -2, 1, 1.5, 2]))
    assert part.report["unit"] == unit
    assert part.report["volume_mm3"] == pytest.approx(24 * mm**3)


def test_a_file_of_two_pieces_has_two_bodies_about_one_centre(tmp_path):
    two = [trimesh.creation.box((1, 1, 1)), trimesh.creation.box((2, 2, 2)).apply_translation((10, 0, 0))]
    trimesh.util.concatenate(two).export(tmp_path / "two.stl")
    part = load_part(choice(file="two.stl", unit="mm"), tmp_path)
    boxes = np.array([b.solid.bounding_box() for b in part.bodies])
    assert sorted(b.name for b in part.bodies) == ["body_1", "body_2"]
    assert boxes[:, :3].min(0) == pytest.approx(-boxes[:, 3:].max(0))
    assert sum(b.solid.volume() for b in part.bodies) == pytest.approx(9)


def test_a_file_without_a_unit_is_refused_with_its_size_in_several(cube_file):
    with pytest.raises(BadInput, match=r"STL files carry no unit; .* 2 x 3 x 4 .* give `unit: mm`"):
        load_part(choice(file="cube.stl"), cube_file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"no such file: .*absent\.stl"):
        load_part(choice(file="absent.stl", unit="mm"), tmp_path)


# --- saved solids ---


def test_saved_solids_come_back_exactly_with_names_in_order(tmp_path):
    bodies = bolted().bodies
    (tmp_path / "toy.npz").write_bytes(save_solids(bodies))
    again = load_part(choice(file="toy.npz", materials={"pin": "W"}), tmp_path)
    assert [b.name for b in again.bodies] == ["plate", "pin"]
    assert again.body("pin").material == "W"
    for one, two in zip(bodies, again.bodies, strict=True):
        assert exactly_alike(one.solid, two.solid)
        assert one.solid.volume() == pytest.approx(two.solid.volume(), rel=1e-14)


@pytest.mark.parametrize("name", ["connecting_rod", "additive_manifold"])
def test_library_parts_survive_being_saved(tmp_path, name):
    part = load_part(choice(library=name), tmp_path)
    (tmp_path / f"{name}.npz").write_bytes(save_solids(part.bodies))
    again = load_part(choice(file=f"{name}.npz"), tmp_path)
    assert all(exactly_alike(a.solid, b.solid) for a, b in zip(part.bodies, again.bodies, strict=True))


def test_the_same_bodies_are_saved_as_the_same_bytes():
    assert save_solids(bolted().bodies) == save_solids(bolted().bodies)


def damaged(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and no more",
        b"no archive",
        damaged(save_solids(bolted().bodies)),
        save_solids(bolted().bodies)[:-40],
    ],
    ids=["empty", "a zip's first bytes", "text", "a flipped byte", "cut short"],
)
def test_bytes_that_are_no_saved_part_are_refused(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.npz is not a part that ctsim saved"):
        load_part(choice(file="bad.npz"), tmp_path)


def test_a_saved_array_or_an_open_surface_is_no_part(tmp_path):
    np.savez(tmp_path / "other.npz", numbers=np.arange(3))
    with pytest.raises(BadInput, match=r"other\.npz holds no closed solid"):
        load_part(choice(file="other.npz"), tmp_path)
    solid = Manifold.cube((1.0, 1.0, 1.0))
    np.savez(tmp_path / "open.npz", **{"a.vertices_mm": vertices(solid), "a.faces": faces(solid)[1:].astype(np.int32)})
    with pytest.raises(BadInput, match=r"open\.npz holds no closed solid"):
        load_part(choice(file="open.npz"), tmp_path)


# --- names for geometry ---


def test_a_fingerprint_is_of_geometry_alone():
    plate, pin = bolted().bodies
    renamed = Part(bodies=(Body(name="other", solid=plate.solid, material="W"), pin))
    moved = Part(bodies=(plate, Body(name="pin", solid=pin.solid.translate((0.0, 0.0, 1e-9)), material="Fe")))
    assert fingerprint(renamed) == fingerprint(bolted())
    assert fingerprint(moved) != fingerprint(bolted())


def test_the_source_of_a_part_is_the_part_before_anything_is_drawn(tmp_path):
    spec = PartSpec(library="flange", name="big", scale=[1, 2], dimensions={"bolts": {"choice": [4, 8]}}, material="W")
    source = source_of(spec)
    assert (source.name, source.library, source.scale, source.dimensions) == ("big", "flange", 1.0, {})
    assert centroid(load_part(source, tmp_path).bodies[0].solid)[:2] == pytest.approx((0, 0), abs=1e-9)
