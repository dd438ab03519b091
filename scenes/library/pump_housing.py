"""Cast centrifugal pump housing: spiral scroll, inlet and outlet flanges, lobed back flange, ribs, foot, gauge port."""

import math

import numpy as np
from manifold3d import CrossSection, Manifold, OpType

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import (
    OVERRUN_MM,
    around,
    box,
    centred,
    cushion,
    disc,
    drill,
    fillet_ring,
    rounded_rectangle,
    segments,
    union,
)
from scenes.library._sweeps import tube

SWING_DEG = 270.0  # the scroll opens over this angle, then leaves on the tangent; a wider one would leave no tongue
LAP_DEG = 60.0  # its walls begin this much earlier: their nose lies in the outlet pipe, with no crevice beside it
BOLT_MM = 2.75  # radius of a clearance hole for an M5 bolt
LOBE_MM = 6.5  # radius of metal about a bolt, and thickness of every flange
IMPELLER_MM = 6.0  # half of the impeller chamber's height


def make(
    *,
    bore_mm: float = 40.0,
    inlet_mm: float = 20.0,
    outlet_mm: float = 18.0,
    wall_mm: float = 4.0,
    bolts: int = 8,
    material: str = "AlSi10Mg",
) -> tuple[Body, ...]:
    """Return the housing, one body; the impeller turns about z in `bore_mm`, the water leaves along +y."""
    require_positive(bore_mm=bore_mm, inlet_mm=inlet_mm, outlet_mm=outlet_mm, wall_mm=wall_mm, bolts=bolts)
    if not inlet_mm <= bore_mm - 2 * wall_mm:
        raise BadInput(f"inlet_mm must be at most {bore_mm - 2 * wall_mm:g}, got {inlet_mm!r}; or widen bore_mm")
    if not outlet_mm <= bore_mm / 2:
        raise BadInput(f"outlet_mm must be at most {bore_mm / 2:g}, got {outlet_mm!r}; or widen bore_mm")
    rim_mm = bore_mm / 2 + outlet_mm / 2 + wall_mm + 5  # the bolts stand 5 mm clear of the scroll
    if bolts < 3 or not 2 * rim_mm * math.sin(math.pi / bolts) > 2 * LOBE_MM + 2:
        most = math.floor(math.pi / math.asin((LOBE_MM + 1) / rim_mm))
        raise BadInput(f"bolts must be from 3 to {most} on this rim, got {bolts!r}; take fewer or widen bore_mm")
    low_mm, top_mm = -(outlet_mm / 2 + wall_mm + 2 + LOBE_MM), IMPELLER_MM + wall_mm + 22
    reach_mm = rim_mm + 2 * LOBE_MM + 3
    parts = [
        _back(bore_mm / 2, wall_mm, low_mm, rim_mm, bolts),
        _inlet(inlet_mm / 2, bore_mm / 2, wall_mm, top_mm),
        _outlet(bore_mm / 2, outlet_mm / 2, wall_mm, reach_mm),
        _foot(bore_mm / 2, low_mm, rim_mm),
    ]
    spiral = [_scroll(bore_mm, outlet_mm, skin, reach_mm + out) for skin, out in ((wall_mm, -1), (0, OVERRUN_MM))]
    solid = union([spiral[0], *(metal for metal, _ in parts)]) - union([spiral[1], *(tool for _, tool in parts)])
    return centred(Body(name="housing", solid=solid, material=material))


def _scroll(bore_mm: float, outlet_mm: float, skin_mm: float, reach_mm: float) -> Manifold:
    """Return the spiral, `skin_mm` fatter than the water: it swells evenly, then runs straight to y = `reach_mm`."""
    swing = SWING_DEG + (LAP_DEG if skin_mm > 0 else 0)
    turn = np.radians(np.linspace(-swing, 0, math.ceil(segments(bore_mm) * swing / 360)))
    radii = outlet_mm / 2 * (1 + 0.6 * turn / math.radians(SWING_DEG)) + skin_mm
    # Its axis lies on the bore's edge: further out, a knife edge of metal would stand between bore and scroll.
    path = bore_mm / 2 * np.c_[np.cos(turn), np.sin(turn), 0 * turn]
    nose = Manifold.sphere(radii[0], segments(radii[0])).translate(path[0])
    # The end may pass through the beginning, which one tube must not: two, which share two rings.
    half = len(turn) // 2
    late = tube(np.vstack([path[half:], (path[-1, 0], reach_mm, 0)]), np.r_[radii[half:], radii[-1]])
    return union([nose, tube(path[: half + 2], radii[: half + 2]), late])


def _back(bore_mm: float, wall_mm: float, low_mm: float, rim_mm: float, bolts: int) -> tuple[Manifold, Manifold]:
    """Return barrel and lobed flange, and what is cut from them: chamber, register of the cover, bolt holes."""
    lobes = CrossSection.batch_boolean(
        [disc(LOBE_MM).translate((rim_mm, 0)).rotate(360 * k / bolts) for k in range(bolts)], OpType.Add
    )
    outline = (disc(rim_mm) + lobes).offset(5, circular_segments=segments(5)).offset(-5, circular_segments=segments(5))
    barrel = cushion(disc(bore_mm + wall_mm), IMPELLER_MM + wall_mm - low_mm, 2.0).translate((0, 0, low_mm))
    chamber = drill(bore_mm, IMPELLER_MM - low_mm - OVERRUN_MM).translate((0, 0, low_mm))
    register = drill(bore_mm + wall_mm, 3.0 - OVERRUN_MM, 0.0).translate((0, 0, low_mm))
    holes = around(drill(BOLT_MM, LOBE_MM, 0.5).translate((0, 0, low_mm)), bolts, rim_mm)
    return barrel + outline.extrude(LOBE_MM).translate((0, 0, low_mm)), union([chamber, register, holes])


def _inlet(inlet_mm: float, bore_mm: float, wall_mm: float, top_mm: float) -> tuple[Manifold, Manifold]:
    """Return neck, flange and ribs, and what is cut from them: the way in, a seal groove, four bolt holes."""
    neck, roof = inlet_mm + wall_mm, IMPELLER_MM + wall_mm
    under, circle = top_mm - LOBE_MM, neck + BOLT_MM + 3
    flange = cushion(disc(circle + LOBE_MM), LOBE_MM, 0.8).translate((0, 0, under))
    pipe = disc(neck).extrude(top_mm - IMPELLER_MM - 1).translate((0, 0, IMPELLER_MM))
    edge = bore_mm + wall_mm - 2.5
    profile = [(neck - 1, roof - 1), (edge, roof - 1), (edge, roof + 2), (neck + 2.5, under + 1), (neck - 1, under + 1)]
    rib = CrossSection([np.array(profile)]).extrude(wall_mm).rotate((90, 0, 0)).translate((0, wall_mm / 2, 0))
    foot = fillet_ring(neck, 3.0)
    metal = [
        flange,
        pipe,
        around(rib, 4),
        foot.translate((0, 0, roof)),
        foot.mirror((0, 0, 1)).translate((0, 0, under)),
    ]
    holes = around(drill(BOLT_MM, LOBE_MM, 0.5).translate((0, 0, under)), 4, circle).rotate((0, 0, 45))
    groove = (disc(inlet_mm + 4) - disc(inlet_mm + 2)).extrude(2 * OVERRUN_MM).translate((0, 0, top_mm - 1.2))
    way_in = drill(inlet_mm, top_mm, 0.8)
    return union(metal), union([way_in, groove, holes])


def _outlet(x_mm: float, outlet_mm: float, wall_mm: float, reach_mm: float) -> tuple[Manifold, Manifold]:
    """Return the square flange and a gauge boss on the pipe to it, and the holes in both."""
    pipe, side = outlet_mm + wall_mm, 2 * (outlet_mm + wall_mm + LOBE_MM)
    plate = cushion(rounded_rectangle(side, side, LOBE_MM), LOBE_MM, 0.8) + fillet_ring(pipe, 3.0).translate(
        (0, 0, LOBE_MM)
    )
    at = side / 2 - LOBE_MM + 0.5
    holes = union(drill(BOLT_MM, LOBE_MM, 0.5).translate((x, y, 0)) for x in (-at, at) for y in (-at, at))
    plate, holes = (solid.rotate((90, 0, 0)).translate((x_mm, reach_mm, 0)) for solid in (plate, holes))
    boss = cushion(disc(6.0), pipe + 7, 0.8).translate((x_mm, reach_mm / 2, 0))
    gauge = drill(2.1, pipe + 7 - OVERRUN_MM, 0.6).translate((x_mm, reach_mm / 2, OVERRUN_MM))
    return plate + boss, holes + gauge


def _foot(bore_mm: float, low_mm: float, rim_mm: float) -> tuple[Manifold, Manifold]:
    """Return the foot below (-y) on two webs, and its two slots."""
    long, deep = 1.8 * rim_mm, 34.0
    plate = cushion(rounded_rectangle(long, deep, 6.0), 7.0, 1.0)
    slot = CrossSection.batch_hull([disc(3.3).translate((0, z)) for z in (-4, 4)]).extrude(9).translate((0, 0, -1))
    slots = union(slot.translate((x, 0, 0)) for x in (8.5 - long / 2, long / 2 - 8.5))
    place = [solid.rotate((-90, 0, 0)).translate((0, -rim_mm - 12, low_mm + deep / 2)) for solid in (plate, slots)]
    webs = [
        Manifold.batch_hull(
            [
                box((x - 2.5, -rim_mm - 6, low_mm + 3), (x + 2.5, -rim_mm - 5.5, low_mm + deep - 3)),
                box((x - 2.5, -bore_mm * 0.8, low_mm + 3), (x + 2.5, -bore_mm * 0.7, IMPELLER_MM)),
            ]
        )
        for x in (-0.4 * rim_mm, 0.4 * rim_mm)
    ]
    return union([place[0], *webs]), place[1]
