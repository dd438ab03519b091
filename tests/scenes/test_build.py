"""Solids are disjoint and fill what the part filled; flaws end at their host; a pose moves all alike."""

import dataclasses
import itertools

import numpy as np
import pytest
from manifold3d import Error, Manifold, OpType

from defects.crack import Crack
from defects.gas_pore import GasPore
from defects.inclusion import InclusionDense
from defects.messages import BadInput
from defects.missing_component import MissingComponent
from defects.shapes import rotation
from defects.trapped_powder import TrappedPowder
from defects.wall_thinning import WallThinning
from defects.warp import Warp
from defects.wrong_component import WrongComponent
from scenes.body import VOID
from scenes.build import Specimen, build, change_whole
from scenes.parts import Part
from scenes.pose import matrix_of
from scenes.scene import Pose, SceneSpec
from tests.defects.measure import centroid
from tests.scenes.toy import SIZE_MM, block, bolted, item, scene

PORE = GasPore(diameter_mm=6.0, centre_mm=(5.0, 0.0, 0.0))
NEAR = GasPore(diameter_mm=6.0, centre_mm=(8.0, 0.0, 0.0))
GRAIN = InclusionDense(diameter_mm=4.0, material="W", centre_mm=(-8.0, 3.0, 2.0))
SHEET = Crack(length_mm=12.0, width_mm=8.0, opening_mm=0.3, waves=((0.4, 0.9, 0.2, 10.0),))
POKING = GasPore(diameter_mm=6.0, centre_mm=(20.0, 0.0, 0.0))
OUTSIDE = GasPore(diameter_mm=6.0, centre_mm=(60.0, 0.0, 0.0))
ACROSS = GasPore(diameter_mm=6.0, centre_mm=(4.0, 0.0, 0.0))
"""Half in the plate, half in the pin of the bolted part."""

TILTED = Pose(quaternion=(0.5, 0.5, -0.5, 0.5), shift_mm=(3.0, -2.0, 0.0))
SKEW = Pose(quaternion=(0.9, 0.1, -0.3, 0.2), shift_mm=(1.0, 2.0, 0.0))


def scene_with(*flaws, host: str = "block", pose: Pose | None = None) -> SceneSpec:
    made = scene(items=[item(part={"name": "toy", "library": "toy", "materials": {}, "host": host})])
    return posed(made, pose or Pose(), *flaws)


def posed(made: SceneSpec, pose: Pose, *flaws) -> SceneSpec:
    items = tuple(one.model_copy(update={"pose": pose, "defects": flaws or one.defects}) for one in made.items)
    return made.model_copy(update={"items": items})


def volume(solids) -> float:
    return sum(solid.surface.volume() for solid in solids)


def flaws_of(specimen: Specimen) -> list:
    return [solid for solid in specimen.solids if solid.number]


CASES = [
    (block, scene_with()),
    (block, scene_with(PORE)),
    (block, scene_with(PORE, NEAR, GRAIN, SHEET)),
    (block, scene_with(POKING, OUTSIDE, NEAR)),
    (block, scene_with(PORE, PORE)),
    (block, scene_with(PORE, NEAR, GRAIN, SHEET, POKING, pose=SKEW)),
    (bolted, scene_with(ACROSS, GRAIN, host="plate")),
    (bolted, scene_with(ACROSS, host="pin", pose=TILTED)),
]
each_case = pytest.mark.parametrize(("part", "spec"), CASES, ids=[f"case {i}" for i in range(len(CASES))])


def before(part: Part) -> float:
    return sum(body.solid.volume() for body in part.bodies)


@each_case
def test_no_volume_is_made_or_lost(part, spec):
    assert volume(build(spec, [part()]).solids) == pytest.approx(before(part()), rel=1e-9)


@each_case
def test_every_solid_is_closed_and_no_two_share_space(part, spec):
    # as it was cut, before it is turned: faces that touch exactly do so no longer when rounded, and manifold3d's
    # intersection of such faces has 3e-8 of the volume where their union has none too little
    solids = [solid.surface for solid in build(posed(spec, Pose()), [part()]).solids]
    assert [solid.status() for solid in solids] == [Error.NoError] * len(solids)
    assert min(solid.volume() for solid in solids) > 0
    for one, other in itertools.combinations(solids, 2):
        assert (one ^ other).volume() == pytest.approx(0, abs=1e-9 * before(part()))


@each_case
def test_together_the_solids_fill_the_part_as_it_stands(part, spec):
    """They share no space, as above; here none lies outside, and their volumes are those of the part together."""
    solids = build(spec, [part()]).solids
    stands = [body.solid.transform(matrix_of(spec.items[0].pose)) for body in part().bodies]
    whole = Manifold.batch_boolean(stands, OpType.Add)
    for solid in solids:
        assert (solid.surface - whole).volume() == pytest.approx(0, abs=1e-9 * before(part()))
    assert volume(solids) == pytest.approx(whole.volume(), rel=1e-9)


def test_flaws_are_numbered_in_the_order_of_the_scene_and_labelled_by_their_kind():
    found = flaws_of(build(scene_with(PORE, SHEET, GRAIN), [block()]))
    assert [solid.number for solid in found] == [1, 2, 3]
    assert [solid.label for solid in found] == ["gas_pore", "crack", "inclusion_dense"]


def test_pores_and_cracks_are_void_and_an_inclusion_is_of_its_material():
    sound, *found = build(scene_with(PORE, SHEET, GRAIN), [block()]).solids
    assert [solid.material for solid in found] == [VOID, VOID, "W"]
    assert (sound.material, sound.label, sound.number) == ("Al", "Al", 0)


def test_a_flaw_that_lies_inside_takes_its_whole_volume_from_its_host():
    sound, pore, grain = build(scene_with(PORE, GRAIN), [block()]).solids
    assert pore.surface.volume() == pytest.approx(PORE.volume_mm3, rel=1e-9)
    assert grain.surface.volume() == pytest.approx(GRAIN.volume_mm3, rel=1e-9)
    assert sound.surface.volume() == pytest.approx(np.prod(SIZE_MM) - PORE.volume_mm3 - GRAIN.volume_mm3, rel=1e-9)


def test_a_flaw_that_pokes_out_of_its_host_ends_at_the_surface():
    """A ball centred on a face loses half."""
    (pore,) = flaws_of(build(scene_with(POKING), [block()]))
    assert pore.surface.volume() == pytest.approx(POKING.volume_mm3 / 2, rel=1e-9)
    assert pore.surface.bounding_box()[3] == pytest.approx(20)


def test_a_flaw_outside_its_host_is_not_there_and_keeps_its_number():
    specimen = build(scene_with(OUTSIDE, PORE), [block()])
    assert [solid.number for solid in specimen.solids] == [0, 2]


def test_where_two_flaws_overlap_the_first_has_its_whole_and_the_second_the_rest():
    """Two balls of radius r, d apart, share pi (4 r + d) (2 r - d)^2 / 12: facets make it 3 % less."""
    first, second = flaws_of(build(scene_with(PORE, NEAR), [block()]))
    shared = np.pi * (4 * 3 + 3) * (2 * 3 - 3) ** 2 / 12
    assert first.surface.volume() == pytest.approx(PORE.volume_mm3, rel=1e-9)
    assert NEAR.volume_mm3 - second.surface.volume() == pytest.approx(shared, rel=0.03)


def test_a_flaw_hidden_in_an_earlier_one_is_not_there():
    small = dataclasses.replace(PORE, diameter_mm=2.0)
    assert [solid.number for solid in build(scene_with(PORE, small, GRAIN), [block()]).solids] == [0, 1, 3]


@pytest.mark.parametrize(("host", "other"), [("plate", "pin"), ("pin", "plate")])
def test_a_flaw_takes_from_its_host_and_from_no_other_body(host, other):
    sound = {b.name: b for b in bolted().bodies}
    spec = scene_with(ACROSS, host=host)
    solids = build(spec, [bolted()]).solids
    left = {s.material: s.surface.volume() for s in solids if not s.number}
    (flaw,) = flaws_of(build(spec, [bolted()]))
    assert left[sound[other].material] == sound[other].solid.volume()
    assert left[sound[host].material] == pytest.approx(sound[host].solid.volume() - flaw.surface.volume(), rel=1e-9)
    assert 0.2 * ACROSS.volume_mm3 < flaw.surface.volume() < 0.8 * ACROSS.volume_mm3


def test_many_flaws_are_cut_as_a_few_are(monkeypatch):
    """Where a ball tells that a flaw lies inside, it is not cut by the host: the volumes are the same."""
    rng = np.random.default_rng(4)
    places = rng.uniform(-np.array(SIZE_MM) / 2, np.array(SIZE_MM) / 2, (90, 3))
    flaws = [GasPore(diameter_mm=rng.uniform(1, 4), centre_mm=tuple(map(float, place))) for place in places]
    found = {}
    for few in (0, len(flaws) + 1):
        monkeypatch.setattr("scenes.cavities.FEW", few)
        found[few] = [(s.number, s.surface.volume()) for s in build(scene_with(*flaws), [block()]).solids]
    (quick, plain) = found.values()
    assert [number for number, _ in quick] == [number for number, _ in plain]
    np.testing.assert_allclose([v for _, v in quick], [v for _, v in plain], atol=1e-9)
    assert sum(v for _, v in quick) == pytest.approx(np.prod(SIZE_MM), rel=1e-9)


def test_the_host_is_the_body_before_anything_went_wrong_with_it():
    specimen = build(scene_with(PORE, host="block", pose=SKEW), [block()])
    assert specimen.hosts[0].volume() == pytest.approx(np.prod(SIZE_MM), rel=1e-9)
    assert build(scene_with(host="pin"), [bolted()]).hosts[0].volume() == bolted().body("pin").solid.volume()


@pytest.mark.parametrize("pose", [TILTED, SKEW])
def test_a_pose_turns_and_shifts_every_solid_alike_and_keeps_its_volume(pose):
    flaws = (PORE, NEAR, GRAIN, SHEET, POKING)
    still, posed = (build(scene_with(*flaws, pose=p), [block()]).solids for p in (Pose(), pose))
    for one, two in zip(still, posed, strict=True):
        assert two.surface.volume() == pytest.approx(one.surface.volume(), rel=1e-9)
        expected = rotation(pose.quaternion) @ centroid(one.surface) + pose.shift_mm
        assert centroid(two.surface) == pytest.approx(expected, abs=1e-8)


def test_a_quarter_turn_about_z_takes_a_flaw_on_x_to_y():
    turned = Pose(quaternion=(np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)), shift_mm=(0.0, 0.0, 1.0))
    (pore,) = flaws_of(build(scene_with(PORE, pose=turned), [block()]))
    assert centroid(pore.surface) == pytest.approx((0, 5, 1), abs=1e-9)


def test_the_mesh_of_a_solid_encloses_its_volume_with_its_faces_outward():
    sound = build(scene_with(PORE, pose=SKEW), [block()]).solids[0]
    points, faces = sound.mesh()
    a, b, c = (points[faces[:, i]] for i in range(3))
    assert np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6 == pytest.approx(
        np.prod(SIZE_MM) - PORE.volume_mm3, rel=1e-9
    )
    assert faces.max() == len(points) - 1


WARP = Warp(amplitude_mm=1.0, waves=((1.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0, 90.0),))
"""Lifts the middle of the bolted plate by a millimetre, and its ends not at all."""
GONE = MissingComponent(body="pin")
COPPER = WrongComponent(body="pin", material="Cu")
THIN = WrongComponent(body="pin", scale=0.9)
PIN = bolted().body("pin").solid
POWDER = TrappedPowder(length_mm=12.0, width_mm=5.0, grain_mm=1.5, material="Ti", seed=3)


def plate(*flaws, pose: Pose | None = None) -> SceneSpec:
    return scene_with(*flaws, host="plate", pose=pose)


def hollow() -> Part:
    """Return the plate with an empty hole where its pin was."""
    return Part(bodies=bolted().bodies[:1])


WHOLE = [
    plate(GONE),
    plate(COPPER, PORE),
    plate(PORE, THIN, GRAIN),
    plate(WARP, SHEET),
    plate(GONE, WARP, PORE),
    plate(WARP, COPPER, PORE, NEAR),
    plate(GONE, POWDER),
    plate(THIN, POWDER, PORE),
]


@pytest.mark.parametrize("spec", WHOLE, ids=[f"case {i}" for i in range(len(WHOLE))])
def test_after_flaws_of_the_whole_part_solids_are_closed_and_share_no_space(spec):
    solids = build(spec, [bolted()]).solids
    assert [solid.surface.status() for solid in solids] == [Error.NoError] * len(solids)
    for one, other in itertools.combinations(solids, 2):
        assert (one.surface ^ other.surface).volume() == pytest.approx(0, abs=1e-9 * before(bolted()))


@pytest.mark.parametrize("flaws", [(GONE,), (COPPER,), (GONE, PORE, SHEET), (PORE, COPPER)])
def test_a_missing_body_or_one_of_another_material_makes_and_loses_no_volume(flaws):
    assert volume(build(plate(*flaws), [bolted()]).solids) == pytest.approx(before(bolted()), rel=1e-9)


def test_a_missing_body_leaves_a_void_of_its_shape():
    sound, gone = build(plate(GONE), [bolted()]).solids
    assert (sound.material, sound.number) == ("Al", 0)
    assert (gone.material, gone.label, gone.number) == (VOID, "missing_component", 1)
    assert gone.surface.volume() == pytest.approx(PIN.volume(), rel=1e-9)


def test_a_wrong_body_is_filled_with_what_it_is_made_of():
    (copper,) = flaws_of(build(plate(COPPER), [bolted()]))
    assert (copper.material, copper.label, copper.number) == ("Cu", "wrong_component", 1)
    (thin,) = flaws_of(build(plate(THIN), [bolted()]))
    assert thin.material == "Fe"
    assert thin.surface.volume() == pytest.approx(0.9**3 * PIN.volume(), rel=1e-9)


def test_flaws_of_the_whole_part_come_first_and_keep_their_numbers():
    """What is cut into the host is cut from the bent host, whose top has risen over all of the lens."""
    lens = WallThinning(diameter_mm=4.0, depth_mm=0.5, centre_mm=(10.0, 8.0, 10.0))
    solids = build(plate(lens, PORE, GONE, WARP), [bolted()]).solids
    assert [solid.number for solid in solids] == [0, 1, 2, 3]
    assert [solid.label for solid in solids[1:]] == ["wall_thinning", "gas_pore", "missing_component"]
    assert solids[1].surface.volume() == pytest.approx(lens.volume_mm3, rel=1e-9)
    (flat,) = flaws_of(build(plate(lens), [bolted()]))
    assert flat.surface.volume() == pytest.approx(lens.cut_mm3, rel=1e-9)


def test_a_warp_has_no_solid_and_bends_host_and_neighbours_alike():
    specimen = build(plate(WARP), [bolted()])
    assert [solid.number for solid in specimen.solids] == [0, 0]
    assert [solid.material for solid in specimen.solids] == ["Al", "Fe"]
    assert specimen.hosts[0].bounding_box()[5] == pytest.approx(11, abs=0.02)
    assert specimen.solids[1].surface.bounding_box()[5] == pytest.approx(11, abs=0.02)


def test_what_is_missing_bends_with_the_part():
    """The hole goes where the plate goes, whatever is done first."""
    one, other = (flaws_of(build(plate(*flaws), [bolted()]))[0] for flaws in ((GONE, WARP), (WARP, GONE)))
    assert centroid(one.surface) == pytest.approx(centroid(other.surface), abs=1e-9)
    assert centroid(one.surface)[2] == pytest.approx(1, abs=0.05)


def test_the_host_is_the_bent_one_as_it_stands():
    still, posed = (build(plate(WARP, PORE, pose=pose), [bolted()]).hosts[0] for pose in (Pose(), SKEW))
    assert posed.volume() == pytest.approx(still.volume(), rel=1e-9)
    assert centroid(posed) == pytest.approx(rotation(SKEW.quaternion) @ centroid(still) + SKEW.shift_mm, abs=1e-8)


def test_powder_lies_in_a_hole_without_taking_anything_from_the_part():
    sound, powder = build(plate(POWDER), [hollow()]).solids
    assert (powder.material, powder.label, powder.number) == ("Ti", "trapped_powder", 1)
    assert sound.surface.volume() == pytest.approx(hollow().bodies[0].solid.volume(), rel=1e-12)
    wide = dataclasses.replace(POWDER, quaternion=(np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0))  # along the hole, within it
    (whole,) = flaws_of(build(plate(wide), [hollow()]))
    assert whole.surface.volume() == pytest.approx(wide.volume_mm3, rel=1e-9)


def test_powder_ends_where_the_part_begins():
    """A bed across the hole of 8 mm is cut to it; one within the plate is not there."""
    across = flaws_of(build(plate(POWDER), [hollow()]))[0].surface
    assert 0.4 * POWDER.volume_mm3 < across.volume() < 0.95 * POWDER.volume_mm3
    hole = hollow().bodies[0].solid
    assert (across ^ hole).volume() == pytest.approx(0, abs=1e-6)
    assert flaws_of(build(plate(dataclasses.replace(POWDER, centre_mm=(12.0, 0.0, 0.0))), [hollow()])) == []


def test_the_changed_part_is_told_with_its_materials_and_regions():
    part, found = change_whole(bolted(), (PORE, COPPER, WARP), "plate")
    assert [(body.name, body.material) for body in part.bodies] == [("plate", "Al")]
    assert [(number, region.filled, region.instead_of) for number, region in found.items()] == [(2, "Cu", "Fe")]
    same, none = change_whole(bolted(), (PORE, GRAIN), "plate")
    assert (none, [body.solid.volume() for body in same.bodies]) == ({}, [b.solid.volume() for b in bolted().bodies])


def test_a_body_that_is_gone_cannot_be_wrong_as_well_and_the_flaw_keeps_its_number():
    specimen = build(plate(GONE, COPPER, PORE), [bolted()])
    assert [(solid.number, solid.label) for solid in flaws_of(specimen)] == [(1, "missing_component"), (3, "gas_pore")]


def test_a_host_that_is_taken_away_or_a_body_that_never_was_is_refused():
    with pytest.raises(BadInput, match="takes away body 'plate', which is the host"):
        build(plate(MissingComponent(body="plate")), [bolted()])
    with pytest.raises(BadInput, match=r"unknown body 'pim'; did you mean 'pin'"):
        build(plate(MissingComponent(body="pim")), [bolted()])
