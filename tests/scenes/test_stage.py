"""Several parts share the stage: as many as drawn, in contact or apart, never in one another, and held by a fixture."""

import itertools

import numpy as np
import pytest
from manifold3d import Manifold, OpType
from scipy import stats

from defects.messages import BadInput
from scenes.arrange import TOUCHING_MM
from scenes.build import build
from scenes.pose import posed
from scenes.sample import sample
from scenes.scene import Fixture, SceneSpec
from scenes.setup import sample_setup
from scenes.stage import USUAL, fixture_about
from tests.scenes.toy import block, bolted, dataset, load

TWO_PARTS = [{"library": "block", "split": "train"}, {"library": "bolted", "split": "train"}]
ROOMY = {"detector": {"rows": 512, "columns": 512}}
PORES = {"kind": "gas_pore", "count": 3, "diameter_mm": [1, 3]}
BENT = {"kind": "warp", "amplitude_mm": 1.0}


def spec_of(**stage):
    return dataset(parts=TWO_PARTS, scan=ROOMY, stage=stage)


def specimen_of(scene: SceneSpec):
    return build(scene, [load(item.part) for item in scene.items])


def filled_mm3(solids) -> float:
    return sum(solid.volume() for solid in solids)


def united_mm3(solids) -> float:
    return Manifold.batch_boolean(list(solids), OpType.Add).volume()


def boxes(scene: SceneSpec) -> np.ndarray:
    """Return the box of each part on the stage: of 'bolted' it is its plate's."""
    return np.array([posed(block(), item.pose)[0].solid.bounding_box() for item in scene.items])


# --- how many, and which ---


def test_one_part_stands_alone_where_nothing_is_said():
    spec = dataset(pose={"shift_mm": [0, 3]})
    (item,) = sample(spec, 3, load).items
    assert 0 < np.linalg.norm(item.pose.shift_mm[:2]) <= 3


def test_as_many_parts_as_are_drawn():
    spec = spec_of(parts=[1, 4], gap_mm=1.0)
    counts = [len(sample_setup(spec, index, load).standing) for index in range(200)]
    assert stats.chisquare(np.bincount(counts, minlength=5)[1:]).pvalue > 0.01


def test_a_mixed_stage_draws_each_part_anew_and_another_repeats_the_first():
    mixed = [{item.part.name for item in sample(spec_of(parts=4, mixed=True), i, load).items} for i in range(12)]
    alike = [{item.part.name for item in sample(spec_of(parts=4), i, load).items} for i in range(12)]
    assert {"block", "bolted"} in mixed
    assert {len(names) for names in alike} == {1}
    assert set().union(*alike) == {"block", "bolted"}


def test_parts_of_other_splits_never_share_a_stage():
    parts = [{"library": "block", "name": f"b{i}", "split": ("train", "test")[i % 2]} for i in range(6)]
    spec = dataset(parts=parts, scan=ROOMY, stage={"parts": 5, "mixed": True})
    splits = {part["name"]: part["split"] for part in parts}
    for index in range(12):
        scene = sample(spec, index, load)
        assert {splits[item.part.name] for item in scene.items} == {scene.split}


def test_each_part_has_a_turn_and_flaws_of_its_own_numbered_through_the_scene():
    spec = dataset(scan=ROOMY, stage={"parts": 3}, defects=[PORES])
    scene = sample(spec, 0, load)
    assert len({item.pose.quaternion for item in scene.items}) == 3
    assert [len(item.defects) for item in scene.items] == [3, 3, 3]
    flaws = [solid for solid in specimen_of(scene).solids if solid.number]
    assert [(solid.number, solid.item) for solid in flaws] == [(n, (n - 1) // 3) for n in range(1, 10)]
    for solid, host in zip(flaws, np.repeat(specimen_of(scene).hosts, 3), strict=True):
        assert (solid.surface ^ host).volume() == pytest.approx(solid.surface.volume(), rel=1e-9)


# --- how they stand ---


@pytest.mark.parametrize(("arrangement", "axis"), [("stack", 2), ("row", 0)])
def test_a_gap_is_kept_between_neighbours(arrangement, axis):
    scene = sample(spec_of(parts=3, arrangement=arrangement, gap_mm=2.5), 0, load)
    ends = boxes(scene)
    np.testing.assert_allclose(ends[1:, axis] - ends[:-1, 3 + axis], 2.5, atol=1e-9)
    np.testing.assert_allclose(ends[:, :3].min(0) + ends[:, 3:].max(0), 0, atol=1e-9)


@pytest.mark.parametrize("arrangement", ["stack", "row"])
@pytest.mark.parametrize("defects", [[], [BENT, PORES]], ids=["sound", "bent"])
def test_parts_that_touch_do_so_and_share_no_space(arrangement, defects):
    spec = dataset(parts=TWO_PARTS, scan=ROOMY, defects=defects, stage={
        "parts": 3, "mixed": True, "arrangement": arrangement, "gap_mm": "touching",
    })  # fmt: skip
    for index in range(4):
        scene = sample(spec, index, load)
        for flawed in (scene, scene.model_copy(update={"items": without_flaws(scene)})):
            solids = [solid.surface for solid in specimen_of(flawed).solids]
            assert united_mm3(solids) == pytest.approx(filled_mm3(solids), rel=1e-9)
        whole = [united(posed(load(item.part), item.pose)) for item in scene.items]
        if not defects:
            gaps = [min(a.min_gap(b, 50.0) for b in whole if b is not a) for a in whole]
            assert max(gaps) <= 2.5 * TOUCHING_MM


def united(bodies) -> Manifold:
    return Manifold.batch_boolean([body.solid for body in bodies], OpType.Add)


def without_flaws(scene: SceneSpec):
    return tuple(item.model_copy(update={"defects": ()}) for item in scene.items)


def test_parts_together_stand_beside_the_axis_as_one_would():
    stage = {"parts": 2, "gap_mm": 1.0, "fixture": {"kind": "cup"}}
    spec = dataset(scan=ROOMY, pose={"orientation": "upright", "shift_mm": 7.0}, stage=stage)
    scene = sample(spec, 0, load)
    middle = (boxes(scene)[:, :3].min(0) + boxes(scene)[:, 3:].max(0)) / 2
    assert np.linalg.norm(middle[:2]) == pytest.approx(7.0)
    assert scene.fixture.axis_mm == pytest.approx(middle[:2])


# --- what holds them ---


def test_what_is_not_said_of_a_fixture_is_as_usual():
    scene = sample(spec_of(fixture={"kind": "foam", "wall_mm": [4, 5]}), 0, load)
    assert 4 <= scene.fixture.wall_mm <= 5
    usual = USUAL["foam"]
    assert (scene.fixture.material, scene.fixture.clearance_mm, scene.fixture.depth) == (
        usual["material"], usual["clearance_mm"], usual["depth"],
    )  # fmt: skip


def test_fixtures_are_drawn():
    spec = spec_of(fixture={"kind": {"choice": ["none", "foam", "cup"], "weights": [2, 1, 1]}})
    kinds = [scene.fixture and scene.fixture.kind for scene in (sample(spec, i, load) for i in range(200))]
    found = [kinds.count(kind) for kind in (None, "foam", "cup")]
    assert stats.chisquare(found, [100, 50, 50]).pvalue > 0.01


@pytest.mark.parametrize("kind", ["foam", "cup"])
def test_a_fixture_is_matter_of_its_own_that_meets_no_part(kind):
    stage = {"parts": 2, "mixed": True, "gap_mm": "touching", "fixture": {"kind": kind, "material": "PE"}}
    spec = dataset(parts=TWO_PARTS, scan=ROOMY, stage=stage, defects=[BENT, PORES])
    for index in range(4):
        scene = sample(spec, index, load)
        specimen = specimen_of(scene)
        (held,) = [solid for solid in specimen.solids if solid.material == "PE"]
        assert (held.label, held.number) == ("PE", 0)
        rest = [solid.surface for solid in specimen.solids if solid is not held]
        assert (held.surface ^ Manifold.batch_boolean(rest, OpType.Add)).volume() == pytest.approx(0, abs=1e-6)
        # where nothing bulges, foam and cup are those of the sound twin
        twin = specimen_of(scene.model_copy(update={"items": without_flaws(scene)}))
        (sound,) = [solid for solid in twin.solids if solid.material == "PE"]
        assert (held.surface - sound.surface).volume() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("arrangement", ["stack", "row", "ring"])
@pytest.mark.parametrize("kind", ["foam", "cup"])
def test_a_wrong_body_that_stands_out_meets_nothing_and_is_in_the_picture(arrangement, kind):
    stage = {"parts": 2, "arrangement": arrangement, "gap_mm": 1.0, "fixture": {"kind": kind}}
    wrong = {"kind": "wrong_component", "shift_mm": 30.0, "scale": 1.5}
    parts = [{"library": "bolted", "host": "plate"}]
    spec = dataset(parts=parts, scan=ROOMY, stage=stage, defects=[wrong], pose={"orientation": "upright"})
    for index in range(3):
        scene = sample(spec, index, load)
        solids = [solid.surface for solid in specimen_of(scene).solids]
        assert united_mm3(solids) == pytest.approx(filled_mm3(solids), rel=1e-8)
        assert max(np.abs(s.bounding_box()).max() for s in solids) <= scene.volume.voxel_mm * scene.volume.shape[0] / 2


def test_all_of_a_fixture_is_in_the_picture_and_in_the_volume():
    spec = spec_of(fixture={"kind": "cup", "wall_mm": 5.0})
    for index in range(4):
        scene = sample(spec, index, load)
        corners = [np.abs(solid.surface.bounding_box()).max() for solid in specimen_of(scene).solids]
        assert max(corners) <= scene.volume.voxel_mm * scene.volume.shape[0] / 2


def test_a_fixture_stands_about_its_own_axis():
    body = block().bodies[0]
    fixture = Fixture(kind="cup", material="PMMA", wall_mm=2.0, clearance_mm=1.0)
    aside = fixture.model_copy(update={"axis_mm": (8.0, -3.0)})
    moved = type(body)(name="block", solid=body.solid.translate((8.0, -3.0, 0.0)), material="Al")
    one, other = fixture_about(fixture, [body], []), fixture_about(aside, [moved], [])
    shift = np.subtract(other.solid.bounding_box(), one.solid.bounding_box())
    np.testing.assert_allclose(shift, [8, -3, 0, 8, -3, 0], atol=1e-9)


def test_a_scene_with_parts_and_fixture_survives_json():
    spec = spec_of(parts=2, fixture={"kind": "foam"})
    scene = sample(spec, 1, load)
    assert SceneSpec.from_json(scene.to_json()) == scene
    assert (scene.title, len(bolted().bodies)) == (scene.items[0].part.name, 2)


# --- wrong words ---


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ({"parts": 0}, "stage.parts: expected at least 1|stage.parts: must"),
        ({"parts": [1, 65]}, "stage.parts: must be at most 64"),
        ({"parts": {"poisson": 3}}, "stage.parts"),
        ({"parts": 2, "arrangement": "pile"}, "must be one of stack, row, ring, or a choice of them, got 'pile'"),
        ({"parts": 2, "gap_mm": 0}, "or write touching"),
        ({"parts": 2, "gap_mm": "none"}, "or write touching"),
        ({"parts": 2, "arrangement": "ring", "gap_mm": "touching"}, "means something for stack and row"),
        ({"arrangement": "row"}, "arrangement means something for several parts only"),
        ({"fixture": {"kind": "sand"}}, "must be one of none, foam, cup"),
        ({"fixture": {"kind": "cup", "depth": 0.4}}, "depth means something for foam only"),
        ({"fixture": {"kind": "foam", "depth": 1.4}}, "must be at most 1"),
        ({"fixture": {"kind": "foam", "wall_mm": -1}}, "stage.fixture.wall_mm"),
        ({"part": 2}, "unknown key 'part'; did you mean 'parts'"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(stage, says):
    with pytest.raises(BadInput) as caught:
        spec_of(**stage)
    assert any(words in str(caught.value) for words in says.split("|")), caught.value


def test_every_pair_of_arrangement_and_fixture_can_be_built():
    for arrangement, kind in itertools.product(("stack", "row", "ring"), ("none", "foam", "cup")):
        scene = sample(spec_of(parts=3, arrangement=arrangement, fixture={"kind": kind}), 0, load)
        solids = [solid.surface for solid in specimen_of(scene).solids]
        assert united_mm3(solids) == pytest.approx(filled_mm3(solids), rel=1e-9)
