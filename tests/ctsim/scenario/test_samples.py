"""The samples of a scenario: where they stand, how they move, and what overlaps."""

import json
import warnings

import numpy as np
import pytest

from ctsim.scenario.acquisition import read_acquisition
from ctsim.scenario.matter import read_materials
from ctsim.scenario.samples import place_samples, read_sample
from ctsim.scenario.stands import things_of
from ctsim.scenario.values import Book, Node
from defects.messages import BadInput
from scenes.json_file import read_json
from tests.ctsim.scenarios import element, sample, scenario, write, xyz
from tests.shared_data import SHARED, needs_shared


def place(folder, *samples, **changes):
    """Return specimen, moves and book of a scenario with these samples."""
    return placed_of(write(folder, scenario(samples=list(samples), **changes)))


def placed_of(path):
    """Return the same of a file."""
    root = Node(read_json(path), "", Book(file=path))
    course = read_acquisition(root["acquisition"])
    stage = things_of(root["geometry"], course, False)[2]
    materials = read_materials(root["materials"].items())
    samples = [read_sample(node, materials) for node in root["samples"].items()]
    return *place_samples(samples, stage, course.views), root.book


def box_of(solid) -> np.ndarray:
    """Return the low and the high corner of a solid [mm]."""
    return np.array(solid.surface.bounding_box()).reshape(2, 3)


def test_the_centre_of_the_bounding_box_goes_to_the_place(tmp_path):
    specimen, moves, _ = place(tmp_path, sample("block.stl", "Al", (1, 5, -2)))
    np.testing.assert_allclose(box_of(specimen.solids[0]), [[-9, 0, -10], [11, 10, 6]], atol=1e-6)
    assert specimen.solids[0].material == specimen.solids[0].label == "Al"
    assert moves is None


def test_units_and_scale_act_along_the_samples_own_axes(tmp_path):
    """A quarter turn about t lays its r, 20 units long, along v."""
    turned = sample("block.stl", "Al", (0, 0, 0))
    turned["unit"] = "cm"
    turned["scaling_factor"] = {"r": {"value": 0.1}, "s": {"value": 0.2}, "t": {"value": 0.3}}
    turned["position"]["vector_r"] = xyz(0, 7, 0, None, "uvw")
    specimen, _, _ = place(tmp_path, turned)
    np.testing.assert_allclose(np.ptp(box_of(specimen.solids[0]), axis=0), [20, 20, 48], atol=1e-5)


def test_what_is_fixed_in_the_world_goes_round_in_the_stages_frame(tmp_path):
    """The stage turns by quarters, so what stands beside it at +y comes to +x, -y and -x of the stage."""
    specimen, moves, _ = place(
        tmp_path, sample("small.stl", "Al", (300, 8, 0), fixed=True), sample("block.stl", "Fe", (0, 0, 0))
    )
    centre = box_of(specimen.solids[0]).mean(0)
    np.testing.assert_allclose(centre, [0, 8, 0], atol=1e-6)
    seen = moves[:, 0, :, :3] @ centre + moves[:, 0, :, 3]
    np.testing.assert_allclose(seen, [[0, 8, 0], [8, 0, 0], [0, -8, 0], [-8, 0, 0]], atol=1e-6)
    assert np.array_equal(moves[:, 1], np.tile(np.eye(3, 4), (4, 1, 1)))


def test_a_sample_may_drift_and_grow_on_the_stage(tmp_path):
    moving = sample("small.stl", "Al", (0, 0, 0))
    moving["position"]["center"]["w"] |= {"drifts": [{"value": [0, 3], "unit": "mm"}]}
    moving["scaling_factor"]["t"] = {"value": 1, "drifts": [{"value": [0, 0.3]}]}
    specimen, moves, _ = place(tmp_path, moving)
    top = moves[:, 0, :, :3] @ np.array([2, 2, 2]) + moves[:, 0, :, 3]
    np.testing.assert_allclose(top, [[2, 2, 2 * (1 + 0.1 * i) + i] for i in range(4)], atol=1e-6)
    assert specimen.solids[0].surface.volume() == pytest.approx(64)


def test_deviations_may_follow_the_stage_or_the_sample_or_stand_in_the_world(tmp_path):
    """Shifts along the same letter of each: the stage has turned by quarters, the sample lies turned on it."""
    ways = {}
    for axis in "xur":
        shifted = sample("small.stl", "Al", (0, 0, 0))
        shifted["position"]["vector_r"] = xyz(0, 1, 0, None, "uvw")
        amount = {"value": 0, "unit": "mm", "drifts": [{"value": [0, 3], "unit": "mm"}]}
        shifted["position"]["deviations"] = [{"type": "translation", "axis": axis, "amount": amount}]
        ways[axis] = place(tmp_path, shifted)[1][:, 0, :, 3]
    np.testing.assert_allclose(ways["u"], [[i, 0, 0] for i in range(4)], atol=1e-6)
    np.testing.assert_allclose(ways["r"], [[0, i, 0] for i in range(4)], atol=1e-6)
    np.testing.assert_allclose(ways["x"], [[0, 0, 0], [0, -1, 0], [-2, 0, 0], [0, 3, 0]], atol=1e-6)


def test_a_later_sample_takes_its_place_from_an_earlier_one(tmp_path):
    specimen, _, _ = place(tmp_path, sample("block.stl", "Al", (0, 0, 0)), sample("small.stl", "Fe", (0, 5, 0)))
    volumes = {solid.material: solid.surface.volume() for solid in specimen.solids}
    assert volumes["Al"] == pytest.approx(3200 - 32)
    assert volumes["Fe"] == pytest.approx(64)


def test_samples_that_touch_stay_as_they_are(tmp_path):
    specimen, _, _ = place(tmp_path, sample("block.stl", "Al", (0, 0, 0)), sample("small.stl", "Fe", (0, 7, 0)))
    assert [solid.surface.num_tri() for solid in specimen.solids] == [12, 12]


def test_a_vacuum_sample_is_a_cavity(tmp_path):
    nothing = {
        **element("Al", 0.0),
        "id": "Vacuum",
        "composition": [{"formula": {"value": ""}, "mass_fraction": {"value": 1}}],
    }
    specimen, _, _ = place(
        tmp_path, sample("block.stl", "Al", (0, 0, 0)), sample("small.stl", "Vacuum", (0, 0, 0)),
        materials=[element("Al", 2.699), nothing],
    )  # fmt: skip
    assert {solid.material: round(solid.surface.volume(), 3) for solid in specimen.solids} == {"Al": 3136, "void": 64}


def test_overlaps_of_samples_that_move_against_each_other_are_told(tmp_path):
    block, fixed = sample("block.stl", "Al", (0, 0, 0)), sample("small.stl", "Fe", (300, 9, 0), fixed=True)
    _, _, book = place(tmp_path, block, fixed)
    assert [told.path for told in book.told] == ["samples[1].position"]
    assert "overlaps samples[0] and moves against it" in book.told[0].why
    fixed["position"]["center"]["y"]["value"] = 15.0
    assert not place(tmp_path, block, fixed)[2].told


@needs_shared
def test_the_toolbox_puts_the_samples_of_example_01_in_the_same_places():
    path = SHARED / "validation" / "ctsimu_scenarios" / "01_full_example.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = pytest.importorskip("ctsimu.scenario", reason="the CTSimU toolbox is not installed").Scenario(str(path))
    _, moves, book = placed_of(path)
    assert not book.told
    centres = []
    for view in (0, 7, 20):
        peer.set_frame(view)
        systems = [thing.coordinate_system for thing in (peer.stage, *peer.samples)]
        stage, *samples = [np.array([[v.x(), v.y(), v.z()] for v in (s.center, s.u, s.v, s.w)]) for s in systems]
        fixed = [sample[0] if thing.is_attached_to_stage() else stage[1:] @ (sample[0] - stage[0])
                 for sample, thing in zip(samples, peer.samples, strict=True)]  # fmt: skip
        centres.append(fixed)
        moved = [move[:, :3] @ start + move[:, 3] for move, start in zip(moves[view], centres[0], strict=True)]
        np.testing.assert_allclose(moved, fixed, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"file": {"value": "none.stl"}}, r"samples\[0\].file: no such file"),
        ({"file": None}, r"samples\[0\].file is missing; it must name a mesh file"),
        ({"unit": "inch"}, r"unknown samples\[0\].unit 'inch'"),
        ({"material_id": "Al "}, "did you mean 'Al'"), ({"material_id": None}, r"samples\[0\].material_id is missing"),
        ({"scaling_factor": {"r": {"value": 0}}}, "scaling_factor must be above 0"),
        ({"position": {"center": xyz(0, 0, 0, "mm", "rst"), "vector_r": xyz(1, 0, 0, None, "rst"),
                       "vector_t": xyz(0, 0, 1, None, "rst")}}, "along u, v, w of the stage or x, y, z"),
        ({"position": {"center": xyz(0, 0, 0, "mm", "uvw"), "vector_r": xyz(1, 0, 1, None, "uvw"),
                       "vector_t": xyz(0, 0, 1, None, "uvw")}}, "position: its two vectors must be orthogonal"),
    ],
)  # fmt: skip
def test_a_sample_that_is_none_is_refused(tmp_path, change, says):
    with pytest.raises(BadInput, match=says):
        place(tmp_path, {**sample("block.stl", "Al", (0, 0, 0)), **change})


def test_an_open_mesh_is_refused_with_its_open_edges(tmp_path):
    import trimesh

    path = write(tmp_path, scenario())
    block = trimesh.creation.box((20, 10, 16))
    trimesh.Trimesh(block.vertices, block.faces[1:], process=False).export(tmp_path / "block.stl")
    with pytest.raises(BadInput, match=r"samples\[0\].file: block.stl: not a closed solid: 3 open edges") as refusal:
        placed_of(path)
    assert "repair" not in str(refusal.value)
    assert json.loads(path.read_text())
