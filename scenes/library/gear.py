"""Helical gear: involute teeth, a web with holes between rim and hub, bore with keyway."""

import math

import numpy as np
from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import OVERRUN_MM, around, box, centred, drill, segments, union

PRESSURE_DEG = 20.0  # ISO 53: the basic rack's flanks; addendum 1 module, dedendum 1.25 modules
HOLES = 6


def make(
    *,
    teeth: int = 28,
    module_mm: float = 2.0,
    width_mm: float = 16.0,
    helix_deg: float = 15.0,
    bore_mm: float = 14.0,
    web_mm: float = 7.0,
    hub_wall_mm: float = 4.5,
    rim_mm: float = 4.0,
    material: str = "42CrMo4",
) -> tuple[Body, ...]:
    """Return the gear, one body; it turns about z, `module_mm` is that of the transverse section."""
    require_positive(teeth=teeth, module_mm=module_mm, width_mm=width_mm, bore_mm=bore_mm, web_mm=web_mm)
    require_positive(hub_wall_mm=hub_wall_mm, rim_mm=rim_mm)
    if not teeth >= 17:
        raise BadInput(f"teeth must be at least 17, fewer would be undercut at 20 degrees, got {teeth!r}; take more")
    if not abs(helix_deg) <= 45:
        raise BadInput(f"helix_deg must lie in -45..45, got {helix_deg!r}; lessen it")
    if not web_mm <= width_mm - 4:
        raise BadInput(f"web_mm must be at most {width_mm - 4:g}, got {web_mm!r}; thin it or widen width_mm")
    hub = bore_mm / 2 + hub_wall_mm
    rim = (teeth / 2 - 1.25) * module_mm - rim_mm
    if not rim >= hub + 7:
        least = 2 * (hub + 7 + rim_mm) / (teeth - 2.5)
        raise BadInput(f"module_mm must be at least {least:.3g} to leave a web, got {module_mm!r}; or narrow bore_mm")
    tip = (teeth / 2 + 1) * module_mm
    turn_deg = math.degrees(width_mm * math.tan(math.radians(helix_deg)) / (teeth * module_mm / 2))
    blank = _outline(teeth, module_mm).extrude(width_mm, n_divisions=6, twist_degrees=turn_deg)
    edge = module_mm / 2
    profile = [(0, 0), (tip - edge, 0), (tip, edge), (tip, width_mm - edge), (tip - edge, width_mm), (0, width_mm)]
    # A thousandth wider than the tips and four times as fine: it turns the edges of the teeth, never their tips.
    blank ^= CrossSection([np.array(profile)]).scale((1.001, 1)).revolve(4 * segments(tip))
    middle = (hub + rim) / 2
    hole = drill((rim - hub) / 2 - 2, width_mm)
    tools = [
        _recess(hub, rim, (width_mm - web_mm) / 2, width_mm),
        around(hole, HOLES, middle),
        _bore(bore_mm, width_mm),
    ]
    return centred(Body(name="gear", solid=blank - union(tools), material=material))


def _outline(teeth: int, module_mm: float) -> CrossSection:
    """Return the section: a flank's half angle at radius r is pi / 2z + inv(20 deg) - inv(acos(base / r))."""
    pitch, pressure = teeth * module_mm / 2, math.radians(PRESSURE_DEG)
    base = pitch * math.cos(pressure)
    radius = np.linspace(pitch - 1.25 * module_mm, pitch + module_mm, 8)
    slope = np.arccos(np.minimum(base / radius, 1))  # below the base circle the flank runs straight to the centre
    half = math.pi / (2 * teeth) + (math.tan(pressure) - pressure) - (np.tan(slope) - slope)
    around_tooth, out = np.r_[-half, half[::-1]], np.r_[radius, radius[::-1]]
    angle = (around_tooth + 2 * math.pi * np.arange(teeth)[:, None] / teeth).ravel()
    raw = CrossSection([np.tile(out, teeth)[:, None] * np.c_[np.cos(angle), np.sin(angle)]])
    root = 0.3 * module_mm  # the rack's tip radius: closing by it fillets the roots
    return raw.offset(root, circular_segments=24).offset(-root, circular_segments=24)


def _recess(hub_mm: float, rim_mm: float, depth_mm: float, width_mm: float) -> Manifold:
    """Return what is turned out of both faces between hub and rim, with a draft of 10 degrees and a forged floor."""
    lean = depth_mm * math.tan(math.radians(10))
    top = depth_mm + 2 * OVERRUN_MM  # its own rounded corners stay outside the gear
    wall = [
        (hub_mm + lean, 0),
        (rim_mm - lean, 0),
        (rim_mm, depth_mm),
        (rim_mm, top),
        (hub_mm, top),
        (hub_mm, depth_mm),
    ]
    section = CrossSection([np.array(wall)]).offset(-1, circular_segments=24).offset(1, circular_segments=24)
    tool = section.revolve(segments(rim_mm)).translate((0, 0, width_mm - depth_mm))
    return tool + tool.mirror((0, 0, 1)).translate((0, 0, width_mm))


def _bore(bore_mm: float, width_mm: float) -> Manifold:
    """Return the chamfered bore and its keyway, as wide as DIN 6885 has it: about 0.3 of the bore."""
    key = box((0, -0.15 * bore_mm, -OVERRUN_MM), (0.64 * bore_mm, 0.15 * bore_mm, width_mm + OVERRUN_MM))
    return drill(bore_mm / 2, width_mm, 0.8) + key
