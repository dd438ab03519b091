"""Weld-neck flange: raised face with a gasket groove, tapered hub, bolt circle."""

import math

from manifold3d import CrossSection

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import around, centred, drill, fillet, segments


def make(
    *,
    bore_mm: float = 25.0,
    outer_mm: float = 84.0,
    plate_mm: float = 12.0,
    face_mm: float = 46.0,
    rise_mm: float = 2.0,
    wall_mm: float = 4.0,
    neck_mm: float = 24.0,
    fillet_mm: float = 4.0,
    bolts: int = 6,
    bolt_mm: float = 9.0,
    material: str = "steel",
) -> tuple[Body, ...]:
    """Return the flange, one body; `outer_mm`, `bore_mm`, `face_mm` and `bolt_mm` are diameters."""
    require_positive(bore_mm=bore_mm, outer_mm=outer_mm, plate_mm=plate_mm, face_mm=face_mm, rise_mm=rise_mm)
    require_positive(wall_mm=wall_mm, neck_mm=neck_mm, fillet_mm=fillet_mm, bolts=bolts, bolt_mm=bolt_mm)
    hub_mm = bore_mm / 2 + 2 * wall_mm
    circle_mm = (hub_mm + fillet_mm + outer_mm / 2) / 2
    _require_room(hub_mm, fillet_mm, outer_mm, circle_mm, bolts, bolt_mm)
    if not bore_mm / 2 + 3 * rise_mm < face_mm / 2 < circle_mm - bolt_mm / 2:
        raise BadInput(
            f"face_mm must lie between bore_mm + {6 * rise_mm:g} and the bolt holes "
            f"({2 * circle_mm - bolt_mm:g}), got {face_mm!r}; change face_mm or widen outer_mm"
        )
    if not neck_mm > 2 * fillet_mm:
        raise BadInput(f"neck_mm must exceed twice fillet_mm, got {neck_mm!r}; lengthen neck_mm or lessen fillet_mm")
    profile = _profile(bore_mm / 2, outer_mm / 2, plate_mm, face_mm / 2, rise_mm, wall_mm, neck_mm, fillet_mm)
    holes = around(drill(bolt_mm / 2, plate_mm).translate((0, 0, rise_mm)), bolts, circle_mm)
    return centred(Body(name="flange", solid=profile.revolve(segments(outer_mm / 2)) - holes, material=material))


def _require_room(
    hub_mm: float, fillet_mm: float, outer_mm: float, circle_mm: float, bolts: int, bolt_mm: float
) -> None:
    """Refuse bolt holes that break into the hub, the rim or one another; 1.5 mm of metal must stay."""
    room_mm = outer_mm / 2 - hub_mm - fillet_mm - 3
    if not bolt_mm <= room_mm:
        raise BadInput(f"bolt_mm must be at most {room_mm:g} to fit the rim, got {bolt_mm!r}; widen outer_mm")
    between_mm = 2 * circle_mm * math.sin(math.pi / bolts)
    if bolts < 2 or not between_mm > bolt_mm + 3:
        raise BadInput(f"bolts must be from 2 to what the circle holds 3 mm apart, got {bolts!r}; take fewer bolts")


def _profile(
    bore_mm: float,
    outer_mm: float,
    plate_mm: float,
    face_mm: float,
    rise_mm: float,
    wall_mm: float,
    neck_mm: float,
    fillet_mm: float,
) -> CrossSection:
    """Return the half section that is turned on the lathe: x is the radius, y the height above the raised face."""
    top = rise_mm + plate_mm
    hub, end = bore_mm + 2 * wall_mm, bore_mm + wall_mm
    plate = CrossSection.square((outer_mm - bore_mm, plate_mm)).translate((bore_mm, rise_mm))
    face = CrossSection.square((face_mm - bore_mm, rise_mm)).translate((bore_mm, 0))
    groove = CrossSection.square((2 * rise_mm, rise_mm / 2)).translate(((bore_mm + face_mm) / 2 - rise_mm, 0))
    waist, tip = top + fillet_mm, top + neck_mm
    hub_line = [(bore_mm, top), (hub, top), (hub, waist), (end, tip - fillet_mm), (end, tip - wall_mm / 2)]
    neck = CrossSection([[*hub_line, (bore_mm + wall_mm / 2, tip), (bore_mm, tip)]])
    return plate + face - groove + neck + fillet(fillet_mm).translate((hub, top))
