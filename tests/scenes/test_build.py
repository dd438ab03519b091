"""Solids are disjoint and fill what the part filled; flaws end at their host; a pose moves all alike."""

import dataclasses
import itertools

import numpy as np
import pytest
from manifold3d import Error, Manifold, OpType

from defects.crack import Crack
from defects.gas_pore import GasPore
from defects.inclusion import Inclusion
from defects.shapes import rotation
from scenes.body import VOID
from scenes.build import Specimen, build
from scenes.parts import Part
from scenes.pose import matrix_of
from scenes.scene import Pose, SceneSpec
from tests.defects.measure import centroid
from tests.scenes.toy import SIZE_MM, block, bolted, scene

PORE = GasPore(diameter_mm=6.0, centre_mm=(5.0, 0.0, 0.0))
NEAR = GasPore(diameter_mm=6.0, centre_mm=(8.0, 0.0, 0.0))
GRAIN = Inclusion(diameter_mm=4.0, material="W", centre_mm=(-8.0, 3.0, 2.0))
SHEET = Crack(length_mm=12.0, width_mm=8.0, opening_mm=0.3, waves=((0.4, 0.9, 0.2, 10.0),))
POKING = GasPore(diameter_mm=6.0, centre_mm=(20.0, 0.0, 0.0))
OUTSIDE = GasPore(diameter_mm=6.0, centre_mm=(60.0, 0.0, 0.0))
ACROSS = GasPore(diameter_mm=6.0, centre_mm=(4.0, 0.0, 0.0))
"""Half in the plate, half in the pin of the bolted part."""

TILTED = Pose(quaternion=(0.5, 0.5, -0.5, 0.5), shift_mm=(3.0, -2.0, 0.0))
SKEW = Pose(quaternion=(0.9, 0.1, -0.3, 0.2), shift_mm=(1.0, 2.0, 0.0))


def scene_with(*flaws, host: str = "block", pose: Pose | None = None) -> SceneSpec:
    return scene(part={"name": "toy", "library": "toy", "materials": {}, "host": host}).model_copy(
        update={"defects": flaws, "pose": pose or Pose()}
    )


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
    assert volume(build(spec, part()).solids) == pytest.approx(before(part()), rel=1e-9)


@each_case
def test_every_solid_is_closed_and_no_two_share_space(part, spec):
    # as it was cut, before it is turned: faces that touch exactly do so no longer when rounded, and manifold3d's
    # intersection of such faces has 3e-8 of the volume where their union has none too little
    solids = [solid.surface for solid in build(spec.model_copy(update={"pose": Pose()}), part()).solids]
    assert [solid.status() for solid in solids] == [Error.NoError] * len(solids)
    assert min(solid.volume() for solid in solids) > 0
    for one, other in itertools.combinations(solids, 2):
        assert (one ^ other).volume() == pytest.approx(0, abs=1e-9 * before(part()))


@each_case
def test_together_the_solids_fill_the_part_as_it_stands(part, spec):
    whole = Manifold.batch_boolean([solid.surface for solid in build(spec, part()).solids], OpType.Add)
    assert whole.volume() == pytest.approx(before(part()), rel=1e-9)
    stands = [body.solid.transform(matrix_of(spec.pose)) for body in part().bodies]
    assert (whole - Manifold.batch_boolean(stands, OpType.Add)).volume() == pytest.approx(0, abs=1e-9 * before(part()))


def test_flaws_are_numbered_in_the_order_of_the_scene_and_labelled_by_their_kind():
    found = flaws_of(build(scene_with(PORE, SHEET, GRAIN), block()))
    assert [solid.number for solid in found] == [1, 2, 3]
    assert [solid.label for solid in found] == ["gas_pore", "crack", "inclusion"]


def test_pores_and_cracks_are_void_and_an_inclusion_is_of_its_material():
    sound, *found = build(scene_with(PORE, SHEET, GRAIN), block()).solids
    assert [solid.material for solid in found] == [VOID, VOID, "W"]
    assert (sound.material, sound.label, sound.number) == ("Al", "Al", 0)


def test_a_flaw_that_lies_inside_takes_its_whole_volume_from_its_host():
    sound, pore, grain = build(scene_with(PORE, GRAIN), block()).solids
    assert pore.surface.volume() == pytest.approx(PORE.volume_mm3, rel=1e-9)
    assert grain.surface.volume() == pytest.approx(GRAIN.volume_mm3, rel=1e-9)
    assert sound.surface.volume() == pytest.approx(np.prod(SIZE_MM) - PORE.volume_mm3 - GRAIN.volume_mm3, rel=1e-9)


def test_a_flaw_that_pokes_out_of_its_host_ends_at_the_surface():
    """A ball centred on a face loses half."""
    (pore,) = flaws_of(build(scene_with(POKING), block()))
    assert pore.surface.volume() == pytest.approx(POKING.volume_mm3 / 2, rel=1e-9)
    assert pore.surface.bounding_box()[3] == pytest.approx(20)


def test_a_flaw_outside_its_host_is_not_there_and_keeps_its_number():
    specimen = build(scene_with(OUTSIDE, PORE), block())
    assert [solid.number for solid in specimen.solids] == [0, 2]


def test_where_two_flaws_overlap_the_first_has_its_whole_and_the_second_the_rest():
    """Two balls of radius r, d apart, share pi (4 r + d) (2 r - d)^2 / 12: facets make it 3 % less."""
    first, second = flaws_of(build(scene_with(PORE, NEAR), block()))
    shared = np.pi * (4 * 3 + 3) * (2 * 3 - 3) ** 2 / 12
    assert first.surface.volume() == pytest.approx(PORE.volume_mm3, rel=1e-9)
    assert NEAR.volume_mm3 - second.surface.volume() == pytest.approx(shared, rel=0.03)


def test_a_flaw_hidden_in_an_earlier_one_is_not_there():
    small = dataclasses.replace(PORE, diameter_mm=2.0)
    assert [solid.number for solid in build(scene_with(PORE, small, GRAIN), block()).solids] == [0, 1, 3]


@pytest.mark.parametrize(("host", "other"), [("plate", "pin"), ("pin", "plate")])
def test_a_flaw_takes_from_its_host_and_from_no_other_body(host, other):
    sound = {b.name: b for b in bolted().bodies}
    spec = scene_with(ACROSS, host=host)
    solids = build(spec, bolted()).solids
    left = {s.material: s.surface.volume() for s in solids if not s.number}
    (flaw,) = flaws_of(build(spec, bolted()))
    assert left[sound[other].material] == sound[other].solid.volume()
    assert left[sound[host].material] == pytest.approx(sound[host].solid.volume() - flaw.surface.volume(), rel=1e-9)
    assert 0.2 * ACROSS.volume_mm3 < flaw.surface.volume() < 0.8 * ACROSS.volume_mm3


def test_the_host_is_the_body_before_anything_went_wrong_with_it():
    specimen = build(scene_with(PORE, host="block", pose=SKEW), block())
    assert specimen.host.volume() == pytest.approx(np.prod(SIZE_MM), rel=1e-9)
    assert build(scene_with(host="pin"), bolted()).host.volume() == bolted().body("pin").solid.volume()


@pytest.mark.parametrize("pose", [TILTED, SKEW])
def test_a_pose_turns_and_shifts_every_solid_alike_and_keeps_its_volume(pose):
    flaws = (PORE, NEAR, GRAIN, SHEET, POKING)
    still, posed = (build(scene_with(*flaws, pose=p), block()).solids for p in (Pose(), pose))
    for one, two in zip(still, posed, strict=True):
        assert two.surface.volume() == pytest.approx(one.surface.volume(), rel=1e-9)
        expected = rotation(pose.quaternion) @ centroid(one.surface) + pose.shift_mm
        assert centroid(two.surface) == pytest.approx(expected, abs=1e-8)


def test_a_quarter_turn_about_z_takes_a_flaw_on_x_to_y():
    turned = Pose(quaternion=(np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)), shift_mm=(0.0, 0.0, 1.0))
    (pore,) = flaws_of(build(scene_with(PORE, pose=turned), block()))
    assert centroid(pore.surface) == pytest.approx((0, 5, 1), abs=1e-9)


def test_the_mesh_of_a_solid_encloses_its_volume_with_its_faces_outward():
    sound = build(scene_with(PORE, pose=SKEW), block()).solids[0]
    points, faces = sound.mesh()
    a, b, c = (points[faces[:, i]] for i in range(3))
    assert np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6 == pytest.approx(
        np.prod(SIZE_MM) - PORE.volume_mm3, rel=1e-9
    )
    assert faces.max() == len(points) - 1
