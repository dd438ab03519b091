"""Cast bearing bracket: base plate on four pads, a web with windows, gussets, and a bored boss with a grease nipple."""

from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import (
    OVERRUN_MM,
    centred,
    cushion,
    disc,
    drill,
    fillet,
    fillet_ring,
    rounded_rectangle,
    union,
)

EDGE_MM = 1.5  # a sand casting's outer edges: rounded by 1 to 2 mm


def make(
    *,
    length_mm: float = 100.0,
    width_mm: float = 60.0,
    plate_mm: float = 8.0,
    wall_mm: float = 6.5,
    height_mm: float = 54.0,
    bore_mm: float = 22.0,
    hole_mm: float = 6.6,
    material: str = "AlSi7Mg",
) -> tuple[Body, ...]:
    """Return the bracket, one body; `height_mm` is that of the bore's axis above the plate's foot."""
    require_positive(length_mm=length_mm, width_mm=width_mm, plate_mm=plate_mm, wall_mm=wall_mm)
    require_positive(height_mm=height_mm, bore_mm=bore_mm, hole_mm=hole_mm)
    boss_mm, pad_mm = bore_mm / 2 + wall_mm, hole_mm / 2 + 5.5
    _require_room(length_mm, width_mm, height_mm - plate_mm, wall_mm, boss_mm, pad_mm)
    pads = [(x * (length_mm / 2 - pad_mm), y * (width_mm / 2 - pad_mm), 0.0) for x in (-1, 1) for y in (-1, 1)]
    top, outline = plate_mm + 2, rounded_rectangle(length_mm, width_mm, pad_mm)
    pad = cushion(disc(pad_mm), 3, EDGE_MM / 2).translate((0, 0, plate_mm - 1))
    pad += fillet_ring(pad_mm, 1.5).translate((0, 0, plate_mm))
    plate = cushion(outline, plate_mm, EDGE_MM)
    # A pad's fillet would hang over the plate's edge: what stands outside the plate's outline is trimmed.
    feet = union(pad.translate(at) for at in pads) ^ outline.extrude(top)
    solid = union([plate, feet, _upright(length_mm, width_mm, plate_mm, wall_mm, height_mm, boss_mm)])
    holes = [drill(hole_mm / 2, top, 0.6).translate(at) for at in pads]
    bore = drill(bore_mm / 2, width_mm - 8, 1.0).rotate((-90, 0, 0)).translate((0, 4 - width_mm / 2, height_mm))
    grease = drill(1.6, boss_mm + 6, 0.8).translate((0, 0, height_mm + OVERRUN_MM))
    return centred(Body(name="bracket", solid=solid - union([*holes, bore, grease]), material=material))


def _require_room(
    length_mm: float, width_mm: float, rise_mm: float, wall_mm: float, boss_mm: float, pad_mm: float
) -> None:
    """Refuse pads that meet the web or its gussets, and a boss that meets the plate."""
    least = 2 * (boss_mm + wall_mm + 2 * pad_mm + 2)
    if length_mm < least:
        raise BadInput(f"length_mm must be at least {least:g} for the pads beside the web, got {length_mm!r}; lengthen")
    least = wall_mm + 4 * pad_mm + 8
    if width_mm < least:
        raise BadInput(f"width_mm must be at least {least:g} for the pads beside the web, got {width_mm!r}; widen")
    if rise_mm < boss_mm + 3 * wall_mm:
        raise BadInput(
            f"height_mm - plate_mm must be at least {boss_mm + 3 * wall_mm:g} for the windows under the boss, "
            f"got {rise_mm!r}; raise height_mm or lessen bore_mm or wall_mm"
        )


def _upright(
    length_mm: float, width_mm: float, plate_mm: float, wall_mm: float, height_mm: float, boss_mm: float
) -> Manifold:
    """Return the boss and what carries it: web with two windows, two gussets along the bore, fillets at the foot."""
    across = width_mm - 8
    boss = cushion(disc(boss_mm), across, EDGE_MM).rotate((-90, 0, 0)).translate((0, -across / 2, height_mm))
    nipple = cushion(disc(5.0), boss_mm + 5, 0.8).translate((0, 0, height_mm))
    half = length_mm / 2 - 10
    foot = CrossSection.square((2 * half, 1)).translate((-half, plate_mm - 2 * EDGE_MM))
    web = cushion(CrossSection.batch_hull([foot, disc(boss_mm - 1).translate((0, height_mm))]), wall_mm, EDGE_MM)
    window = disc(0.8 * wall_mm).translate((wall_mm / 2 + wall_mm, plate_mm + 1.6 * wall_mm))
    window = CrossSection.batch_hull([window, disc(0.6 * wall_mm).translate((1.5 * wall_mm, plate_mm + 2.4 * wall_mm))])
    web = _standing(web - (window + window.mirror((1, 0))).extrude(wall_mm), wall_mm)
    # The gusset's free edge is half an ellipse, as a pattern maker draws it: wide at the plate and under the boss.
    clear = height_mm - plate_mm - boss_mm
    waist = disc(10).scale((0.075 * (across / 2 - wall_mm), 0.05 * clear)).translate((across / 2, plate_mm + clear / 2))
    gusset = CrossSection.square((across / 2 - 3, clear + boss_mm - 1)).translate((0, plate_mm - 1)) - waist
    gusset = _standing((gusset + gusset.mirror((1, 0))).extrude(wall_mm), wall_mm).rotate((0, 0, 90))
    strip = fillet(3.0).extrude(2 * half - 6).translate((0, 0, 3 - half)).rotate((90, 0, 90))
    strip = strip.translate((0, wall_mm / 2, plate_mm))
    return union([boss, nipple, web, gusset, strip, strip.mirror((0, 1, 0))])


def _standing(plate: Manifold, thickness_mm: float) -> Manifold:
    """Return a plate that lies on z = 0 put upright, its middle in y = 0."""
    return plate.rotate((90, 0, 0)).translate((0, thickness_mm / 2, 0))
