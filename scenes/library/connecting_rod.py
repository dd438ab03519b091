"""Forged connecting rod: I-beam shank, big end with bolt shoulders, small end with a bronze bush, oil ways."""

import math

from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import OVERRUN_MM, centred, disc, drill, rounded_rectangle, segments, union
from scenes.library._sweeps import tube

OIL_MM = 1.0  # radius of an oil way
SHANK, SMALL_END = 0.75, 0.8  # their widths, as shares of the big end's


def make(
    *,
    centres_mm: float = 72.0,
    big_bore_mm: float = 33.0,
    small_bore_mm: float = 15.0,
    width_mm: float = 18.0,
    web_mm: float = 4.5,
    wall_mm: float = 5.0,
    bolt_mm: float = 6.0,
    bush_mm: float = 1.5,
    material: str = "42CrMo4",
    bush_material: str = "CuSn6",
) -> tuple[Body, ...]:
    """Return the rod and its bush; the big bore's axis is z, the shank runs along +x for `centres_mm`."""
    require_positive(centres_mm=centres_mm, big_bore_mm=big_bore_mm, small_bore_mm=small_bore_mm, width_mm=width_mm)
    require_positive(web_mm=web_mm, wall_mm=wall_mm, bolt_mm=bolt_mm, bush_mm=bush_mm)
    big, small = big_bore_mm / 2 + wall_mm, small_bore_mm / 2 + bush_mm + wall_mm
    _require_room(centres_mm, 1.6 * (big + small) + 4, width_mm, max(web_mm, bolt_mm + 4) / SHANK)
    blank = _blank(centres_mm, big, small, width_mm, big_bore_mm / 2 + bolt_mm + 5)
    small_fit, small_width = small_bore_mm / 2 + bush_mm, SMALL_END * width_mm
    seat = _bored(small_fit, small_width, 0.5).translate((centres_mm, 0, 0))
    splash = tube([(centres_mm, 0, 0), (centres_mm + small + OVERRUN_MM, 0, 0)], OIL_MM)
    tools = [
        _bored(big_bore_mm / 2, width_mm, 0.8),
        *_pockets(centres_mm, big, small, width_mm, web_mm),
        *_bolts(bolt_mm / 2, big_bore_mm / 2 + bolt_mm / 2 + 2),
        tube([(big_bore_mm / 2 - 2, 0, 0), (centres_mm - small_fit + 1, 0, 0)], OIL_MM),
    ]
    rod = blank - union([*tools, seat, splash])
    # The bush is cut out of its seat's own tool: facet lies on facet, with neither gap nor overlap.
    long = small_width - 1.2
    slab = Manifold.cube((4 * small, 4 * small, long), center=True).translate((centres_mm, 0, 0))
    bush = (seat ^ slab) - _bored(small_bore_mm / 2, long, 0.4).translate((centres_mm, 0, 0)) - splash
    return centred(
        Body(name="rod", solid=rod, material=material), Body(name="bush", solid=bush, material=bush_material)
    )


def _require_room(centres_mm: float, centres_least: float, width_mm: float, width_least: float) -> None:
    """Refuse ends that leave no shank, and a shank too thin for the web between its hollows or for the bolts."""
    if not centres_mm >= centres_least:
        raise BadInput(
            f"centres_mm must be at least {centres_least:g} to leave a shank, got {centres_mm!r}; lengthen it"
        )
    if not width_mm > width_least:
        raise BadInput(f"width_mm must exceed {width_least:g} for web and bolts, got {width_mm!r}; widen it")


def _bored(radius_mm: float, width_mm: float, chamfer_mm: float) -> Manifold:
    """Return the tool of a hole along z, chamfered at z = +-width / 2."""
    return drill(radius_mm, width_mm, chamfer_mm).translate((0, 0, -width_mm / 2))


def _bolts(radius_mm: float, off_mm: float) -> list[Manifold]:
    """Return the tools of both bolt holes along x, and of the flats on which the bolts' heads sit."""
    hole = drill(radius_mm, 24, 0.5).translate((0, 0, -12)) + drill(radius_mm + 3.5, 20).translate((0, 0, 10))
    return [hole.rotate((0, 90, 0)).translate((0, y, 0)) for y in (-off_mm, off_mm)]


def _blank(centres_mm: float, big_mm: float, small_mm: float, width_mm: float, shoulder_mm: float) -> Manifold:
    """Return the forging without its hollows: what two outlines, seen along the bores and across them, both allow."""
    plan = _plan(centres_mm, big_mm, small_mm, shoulder_mm).extrude(width_mm).translate((0, 0, -width_mm / 2))
    return plan ^ _side(centres_mm, big_mm, small_mm, width_mm)


def _plan(centres_mm: float, big_mm: float, small_mm: float, shoulder_mm: float) -> CrossSection:
    """Return the outline seen along the bores; closing by 8 mm fillets every inner corner, as a die has it."""
    shoulders = rounded_rectangle(24, 2 * shoulder_mm, 3.0)
    shank = CrossSection.batch_hull([disc(0.62 * big_mm), disc(0.72 * small_mm).translate((centres_mm, 0))])
    outline = disc(big_mm) + disc(small_mm).translate((centres_mm, 0)) + shoulders + shank
    return outline.offset(8, circular_segments=segments(8)).offset(-8, circular_segments=segments(8))


def _side(centres_mm: float, big_mm: float, small_mm: float, width_mm: float) -> Manifold:
    """Return the prism of the outline seen across the bores: wide at the ends, 0.75 of it along the shank."""
    long = CrossSection.square((centres_mm + 4 * big_mm, SHANK * width_mm), center=True).translate((centres_mm / 2, 0))
    ends = rounded_rectangle(2 * big_mm + 2, width_mm, 1.5) + rounded_rectangle(
        2 * small_mm + 2, SMALL_END * width_mm, 1.0
    ).translate((centres_mm, 0))
    outline = (long + ends).offset(3, circular_segments=segments(3)).offset(-3, circular_segments=segments(3))
    return outline.extrude(6 * big_mm).rotate((90, 0, 0)).translate((0, 3 * big_mm, 0))


def _pockets(centres_mm: float, big_mm: float, small_mm: float, width_mm: float, web_mm: float) -> list[Manifold]:
    """Return the two hollows that make the shank an I, with the 7 degrees of draft that a forging needs."""
    low, high = 1.3 * big_mm + 2, centres_mm - 1.3 * small_mm - 2
    floor = CrossSection.batch_hull(
        [disc(0.30 * big_mm).translate((low, 0)), disc(0.3 * small_mm).translate((high, 0))]
    )
    depth = (width_mm - web_mm) / 2
    growth = depth * math.tan(math.radians(7))
    rings = [floor.offset(growth * k, circular_segments=24).extrude(0.01) for k in (0, 1)]
    hollow = Manifold.batch_hull(
        [rings[0].translate((0, 0, web_mm / 2)), rings[1].translate((0, 0, web_mm / 2 + depth))]
    )
    return [hollow, hollow.mirror((0, 0, 1))]
