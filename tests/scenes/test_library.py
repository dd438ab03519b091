"""The parts library: closed, disjoint, centred parts whose holes and volumes can be counted by hand."""

import inspect
import itertools
import math

import numpy as np
import pytest
from manifold3d import Error

from defects.messages import BadInput
from scenes.library import _shapes, _sweeps
from scenes.library.catalog import PARTS, make_part

# Handles of each body, counted by hand. A cavity with n mouths is n - 1 handles; a through-hole is one.
GENUS = {
    # coolant with 2 mouths: 1; inlet and 3 outlets: 3; bolts: 4; nine struts and a fin carry one tree of pipes: 9
    "additive_manifold": [1 + 3 + 4 + 9],
    # bore: 1; grease hole into it: 1; bolts: 4; windows: 2
    "bracket": [1 + 1 + 4 + 2],
    # rod: two bores, two bolts, oil way between the bores, splash hole; bush: bore and splash hole
    "connecting_rod": [2 + 2 + 1 + 1, 2],
    # shell: 12 pins, 2 sleeves, latch window; pins are plain; sleeves are rings
    "connector": [12 + 2 + 1] + 12 * [0] + 2 * [1],
    # bore and 6 bolts
    "flange": [1 + 6],
    # bore with its keyway, and 6 holes in the web
    "gear": [1 + 6],
    # inlet, outlet, back and gauge meet inside: 3; bolts: 8 + 4 + 4; slots: 2; the foot hangs on 2 webs and 1 lobe: 2
    "pump_housing": [3 + 8 + 4 + 4 + 2 + 2],
    # each of two channels has 2 ends and 7 film holes
    "turbine_blade": [2 * (2 + 7 - 1)],
}
MATERIALS = {
    "additive_manifold": {"manifold": "Ti6Al4V"},
    "bracket": {"bracket": "AlSi7Mg"},
    "connecting_rod": {"rod": "42CrMo4", "bush": "CuSn6"},
    "connector": {"shell": "PA66", "pin": "CuSn6", "sleeve": "brass"},
    "flange": {"flange": "steel"},
    "gear": {"gear": "42CrMo4"},
    "pump_housing": {"housing": "AlSi10Mg"},
    "turbine_blade": {"blade": "IN718"},
}
each_part = pytest.mark.parametrize("name", sorted(PARTS))


@each_part
def test_every_body_is_one_closed_piece_with_the_holes_that_were_drawn(name):
    bodies = make_part(name, {})
    assert [body.solid.status() for body in bodies] == [Error.NoError] * len(bodies)
    assert [len(body.solid.decompose()) for body in bodies] == [1] * len(bodies)
    assert [body.solid.genus() for body in bodies] == GENUS[name]
    assert all(body.solid.volume() > 0 for body in bodies)


@each_part
def test_no_two_bodies_share_space(name):
    for one, other in itertools.combinations(make_part(name, {}), 2):
        assert (one.solid ^ other.solid).volume() == pytest.approx(0, abs=1e-9)


@each_part
def test_the_bounding_box_is_centred_and_fits_a_lab_scanner(name):
    boxes = np.array([body.solid.bounding_box() for body in make_part(name, {})])
    low, high = boxes[:, :3].min(axis=0), boxes[:, 3:].max(axis=0)
    assert np.abs(low + high).max() < 1e-9
    assert 15 < (high - low).max() < 120


@each_part
def test_triangles_are_many_enough_to_be_round_and_few_enough_to_be_fast(name):
    assert 5_000 <= sum(body.solid.num_tri() for body in make_part(name, {})) <= 60_000


@each_part
def test_the_first_body_is_the_biggest_and_each_is_of_its_material(name):
    bodies = make_part(name, {})
    assert bodies[0].solid.volume() == max(body.solid.volume() for body in bodies)
    assert {body.name.split()[0]: body.material for body in bodies} == MATERIALS[name]
    assert len({body.name for body in bodies}) == len(bodies)


@each_part
def test_the_same_dimensions_make_the_same_mesh(name):
    for one, two in zip(make_part(name, {}), make_part(name, {}), strict=True):
        first, second = one.solid.to_mesh64(), two.solid.to_mesh64()
        assert np.array_equal(first.vert_properties, second.vert_properties)
        assert np.array_equal(first.tri_verts, second.tri_verts)


@each_part
def test_every_dimension_is_named_with_its_default_and_refuses_zero_and_nan(name):
    for dimension, parameter in inspect.signature(PARTS[name]).parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if dimension.endswith("material") or dimension in ("twist_deg", "helix_deg"):
            continue
        for bad in (0, -1, math.nan, math.inf):
            with pytest.raises(BadInput, match=dimension):
                make_part(name, {dimension: bad})


@pytest.mark.parametrize("bolts", [4, 8])
def test_the_flange_has_the_volume_of_its_rings_and_cones(bolts):
    bore, outer, plate, face, rise, wall, neck, r, bolt = 12.5, 42.0, 12.0, 23.0, 2.0, 4.0, 24.0, 4.0, 4.5
    hub, end = bore + 2 * wall, bore + wall
    corner = r**2 * (1 - math.pi / 4)
    off = r * (10 - 3 * math.pi) / (12 - 3 * math.pi)  # of the fillet's centroid from its corner
    cones = [(hub, hub, r), (hub, end, neck - 2 * r), (end, end, r - wall / 2), (end, end - wall / 2, wall / 2)]
    expected = (
        math.pi * outer**2 * plate
        + math.pi * face**2 * rise
        + sum(math.pi * h * (a * a + a * b + b * b) / 3 for a, b, h in cones)
        + 2 * math.pi * (hub + off) * corner
        - math.pi * bore**2 * (rise + plate + neck)
        - 2 * math.pi * (bore + face) / 2 * (2 * rise) * (rise / 2)
        - bolts * math.pi * bolt**2 * plate
    )
    (flange,) = make_part("flange", {"bolts": bolts})
    assert flange.solid.volume() == pytest.approx(expected, rel=1e-3)


def test_the_bush_fills_its_ring_less_chamfers_and_the_oil_hole():
    _, bush = make_part("connecting_rod", {})
    length, outer, inner, chamfer, oil = 0.8 * 18 - 1.2, 9.0, 7.5, 0.4, 1.0
    mouths = 2 * math.pi * chamfer**2 * (inner + chamfer / 3)
    expected = math.pi * (outer**2 - inner**2) * length - mouths - math.pi * oil**2 * (outer - inner)
    assert bush.solid.volume() == pytest.approx(expected, rel=5e-3)  # facets of a thin ring: 2 s / wall each side


def test_pins_and_sleeves_are_let_into_the_shell_without_gap_or_overlap():
    """Halfway up the floor the section is one outline with the two sleeves' bores in it, and the areas add up."""
    shell, *metal = make_part("connector", {})
    middle = shell.solid.bounding_box()[2] + 2.0
    whole = _shapes.union([body.solid for body in (shell, *metal)]).slice(middle)
    assert whole.num_contour() == 3
    areas = [body.solid.slice(middle).area() for body in (shell, *metal)]
    assert sum(areas) == pytest.approx(whole.area(), rel=1e-9)


@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (8, 1), (5, 1), (4, 3), (10, 4)])
def test_a_connector_of_any_layout_has_a_hole_for_each_pin(columns, rows):
    shell, *metal = make_part("connector", {"columns": columns, "rows": rows})
    assert len(metal) == columns * rows + 2
    assert shell.solid.genus() == columns * rows + 2 + 1
    assert len(shell.solid.decompose()) == 1


def test_dimensions_that_make_no_solid_are_refused():
    """A floor of 4 mm holds the sleeves of ears that are at least 5.4 mm deep: pins closer than 1 mm make them less."""
    with pytest.raises(BadInput, match="shell"):
        make_part("connector", {"columns": 1, "rows": 1, "pitch_mm": 0.4, "pin_mm": 0.1, "wall_mm": 0.1})


@pytest.mark.parametrize("teeth", [28, 33])
def test_on_the_pitch_circle_tooth_and_gap_are_equally_wide(teeth):
    (gear,) = make_part("gear", {"teeth": teeth})
    pitch_mm = 2.0 * teeth / 2
    ring = _shapes.CrossSection.circle(pitch_mm + 0.01, 2000) - _shapes.CrossSection.circle(pitch_mm - 0.01, 2000)
    turned = [(gear.solid.slice(z) ^ ring).area() / ring.area() for z in (-3.0, 0.0, 3.0)]
    # The part's frame is the centre of its box, which for an odd number of teeth is not quite the gear's axis.
    assert turned == pytest.approx([0.5] * 3, abs=0.01)


def test_the_blade_turns_from_foot_to_tip_by_its_twist():
    def tip(twist_deg, below_mm=1e-6):
        """Return the section at the tip, about the axis on which the sections are stacked."""
        (blade,) = make_part("turbine_blade", {"twist_deg": twist_deg, "taper": 1.0})
        foot, top = blade.solid.bounding_box()[2], blade.solid.bounding_box()[5]
        left, low, right, high = blade.solid.slice(foot + 1).bounds()  # the root lies 0.1 of the chord before the axis
        return blade.solid.slice(top - below_mm).translate((3.6 - (left + right) / 2, -(low + high) / 2))

    straight, twisted = tip(0.0), tip(30.0)
    assert (straight.rotate(30) - twisted).area() < 1e-3 * straight.area()
    assert (straight.rotate(-30) - twisted).area() > 0.5 * straight.area()  # and not the other way round


@pytest.mark.parametrize("radius_mm", [0.5, 3.0, 12.5, 60.0])
def test_facets_stay_within_the_sagitta(radius_mm):
    chords = _shapes.segments(radius_mm)
    assert radius_mm * (1 - math.cos(math.pi / chords)) <= _shapes.SAGITTA_MM < 0.02
    assert chords % 4 == 0


def test_a_bent_tube_has_the_volume_of_its_section_times_its_axis():
    """Pappus: a section that keeps its centre on the path sweeps area times length."""
    path = _sweeps.rounded_path([(0, 0, 0), (30, 0, 0), (30, 20, 0), (30, 20, 40)], 8.0)
    length = 90 - 2 * 8 * (2 - math.pi / 2)
    chords = _shapes.segments(3.0)
    polygon = chords / 2 * 9 * math.sin(2 * math.pi / chords)
    assert _sweeps.tube(path, 3.0).volume() == pytest.approx(polygon * length, rel=1e-3)
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() == pytest.approx(length, rel=1e-3)


def test_a_cushion_of_a_disc_is_a_cylinder_with_its_edges_turned_off():
    radius, height, edge = 10.0, 6.0, 2.0
    corner = edge**2 * (1 - math.pi / 4)
    centroid = radius - edge * (10 - 3 * math.pi) / (12 - 3 * math.pi)
    expected = math.pi * radius**2 * height - 2 * 2 * math.pi * centroid * corner
    cushion = _shapes.cushion(_shapes.disc(radius), height, edge)
    # Its corners lie on the true surface, its facets less than a sagitta (round and over the edge: two) under it.
    assert expected - 2 * _shapes.SAGITTA_MM * cushion.surface_area() < cushion.volume() < expected


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(BadInput, match=r"unknown library part 'flang'; did you mean 'flange'"):
        make_part("flang", {})
    with pytest.raises(BadInput, match=r"unknown dimension of flange 'bolt_cm'; did you mean 'bolt_mm'"):
        make_part("flange", {"bolt_cm": 1})


@pytest.mark.parametrize(
    ("name", "dimensions", "what"),
    [
        ("additive_manifold", {"outlets": 9}, "outlets"),
        ("additive_manifold", {"coolant_mm": 11.0}, "coolant_mm"),
        ("additive_manifold", {"height_mm": 30.0}, "height_mm"),
        ("bracket", {"length_mm": 60.0}, "length_mm"),
        ("bracket", {"width_mm": 30.0}, "width_mm"),
        ("bracket", {"height_mm": 25.0}, "height_mm"),
        ("connecting_rod", {"centres_mm": 40.0}, "centres_mm"),
        ("connecting_rod", {"web_mm": 17.0}, "width_mm"),
        ("connector", {"pin_mm": 3.0}, "pitch_mm"),
        ("connector", {"depth_mm": 4.0}, "depth_mm"),
        ("flange", {"bolts": 20}, "bolts"),
        ("flange", {"bolt_mm": 15.0}, "bolt_mm"),
        ("flange", {"face_mm": 80.0}, "face_mm"),
        ("flange", {"neck_mm": 6.0}, "neck_mm"),
        ("gear", {"teeth": 9}, "teeth"),
        ("gear", {"module_mm": 1.0}, "module_mm"),
        ("gear", {"helix_deg": 50.0}, "helix_deg"),
        ("gear", {"web_mm": 15.0}, "web_mm"),
        ("gear", {"bore_mm": 30.0}, "module_mm"),
        ("pump_housing", {"bolts": 40}, "bolts"),
        ("pump_housing", {"inlet_mm": 39.0}, "inlet_mm"),
        ("pump_housing", {"outlet_mm": 30.0}, "outlet_mm"),
        ("turbine_blade", {"channel_mm": 6.0}, "channel_mm"),
        ("turbine_blade", {"film_holes": 60}, "film_holes"),
        ("turbine_blade", {"twist_deg": 90.0}, "twist_deg"),
        ("flange", {"bolts": 6.5}, "whole number"),
        ("flange", {"bolt_mm": "nine"}, "a number"),
    ],
)
def test_impossible_dimensions_are_refused_by_name(name, dimensions, what):
    with pytest.raises(BadInput, match=what):
        make_part(name, dimensions)


@pytest.mark.slow
@each_part
def test_whatever_dimensions_are_not_refused_make_the_same_holes_in_one_piece(name):
    rng = np.random.default_rng(17)
    lengths = {k: p.default for k, p in inspect.signature(PARTS[name]).parameters.items() if type(p.default) is float}
    made = 0
    for _ in range(16):
        try:
            bodies = make_part(name, {k: float(v * rng.uniform(0.8, 1.25)) for k, v in lengths.items()})
        except BadInput:
            continue
        made += 1
        assert [body.solid.genus() for body in bodies] == GENUS[name]
        assert all(len(body.solid.decompose()) == 1 for body in bodies)
    assert made >= 4
