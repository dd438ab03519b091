"""Right-angle plug connector: moulded shell with mating opening, keys and latch window, bent pins, brass sleeves."""

import numpy as np
from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import box, centred, cushion, rounded_rectangle, segments, union
from scenes.library._sweeps import rounded_path, sweep

FLOOR_MM = 4.0  # the wall in which the pins sit
EAR_MM = 11.0  # an ear's length on each side
SLEEVE_MM = (1.7, 2.7)  # inner and outer radius of a sleeve for an M3 screw


def make(
    *,
    columns: int = 6,
    rows: int = 2,
    pitch_mm: float = 4.0,
    pin_mm: float = 1.2,
    wall_mm: float = 1.5,
    depth_mm: float = 13.0,
    material: str = "PA66",
    pin_material: str = "CuSn6",
    sleeve_material: str = "brass",
) -> tuple[Body, ...]:
    """Return shell, pins row by row, and two sleeves; the plug enters along -z, the pins leave along -y."""
    require_positive(columns=columns, rows=rows, pitch_mm=pitch_mm, pin_mm=pin_mm, wall_mm=wall_mm, depth_mm=depth_mm)
    if not 2.2 * pin_mm <= pitch_mm:
        raise BadInput(f"pitch_mm must be at least {2.2 * pin_mm:g} to part the pins, got {pitch_mm!r}; widen it")
    if not depth_mm >= 8:
        raise BadInput(f"depth_mm must be at least 8 for the latch window, got {depth_mm!r}; deepen it")
    inner = (columns * pitch_mm + 2, rows * pitch_mm + 2)
    x_mm, y_mm = (pitch_mm * (np.arange(n) - (n - 1) / 2) for n in (columns, rows))
    pins = [
        Body(
            name=f"pin {row}.{column}",
            solid=_pin(x, y, row, pitch_mm, pin_mm, depth_mm, inner[1]),
            material=pin_material,
        )
        for row, y in enumerate(y_mm, 1)
        for column, x in enumerate(x_mm, 1)
    ]
    ear = inner[0] / 2 + wall_mm + EAR_MM / 2 - 0.5
    seats = [_sleeve().translate((x, 0, 0)) for x in (-ear, ear)]
    bore = Manifold.cylinder(FLOOR_MM + 2, SLEEVE_MM[0], circular_segments=segments(SLEEVE_MM[0])).translate((0, 0, -1))
    sleeves = [
        Body(name=f"sleeve {n}", solid=seat - bore.translate((x, 0, 0)), material=sleeve_material)
        for n, (seat, x) in enumerate(zip(seats, (-ear, ear), strict=True), 1)
    ]
    shell = _shell(inner, wall_mm, depth_mm) - union([*seats, *(pin.solid for pin in pins)])
    return centred(Body(name="shell", solid=shell, material=material), *pins, *sleeves)


def _shell(inner: tuple[float, float], wall_mm: float, depth_mm: float) -> Manifold:
    """Return the plastic before pins and sleeves are let in."""
    (long, deep), top = (inner[0] + 2 * wall_mm, inner[1] + 2 * wall_mm), FLOOR_MM + depth_mm
    corner = min(4.5, 0.49 * (deep - 1))
    ears = cushion(rounded_rectangle(long + 2 * EAR_MM, deep - 1, corner), FLOOR_MM, 0.5)
    body = cushion(rounded_rectangle(long, deep, 2.5), top, 0.5)
    collar = cushion(rounded_rectangle(long + 2, deep + 2, 3.5), 2.0, 0.5).translate((0, 0, FLOOR_MM + 0.35 * depth_mm))
    ribs = [
        box((x - 0.6, side - 0.8, FLOOR_MM - 1), (x + 0.6, side + 0.8, FLOOR_MM + 0.4 * depth_mm))
        for x in np.linspace(-0.36, 0.36, 4) * long
        for side in (-deep / 2, deep / 2)
    ]
    opening = rounded_rectangle(*inner, 1.2)
    mouth = opening.offset(0.6, circular_segments=segments(2)).extrude(0.5).translate((0, 0, top))
    cavity = opening.extrude(depth_mm + 1).translate((0, 0, FLOOR_MM))
    lead_in = Manifold.batch_hull([mouth, opening.extrude(0.1).translate((0, 0, top - 0.6))])
    keys = [
        box((x - 0.6, inner[1] / 2 - 0.8, FLOOR_MM - 0.5), (x + 0.6, inner[1] / 2 + 0.5, top - 2))
        for x in (-0.25 * inner[0], 0.32 * inner[0])
    ]
    window = box((-2.5, inner[1] / 2 - 0.5, top - 4.5), (2.5, deep / 2 + 1, top - 2))
    return union([ears, body, collar, *ribs]) - union([cavity, lead_in, window]) + union(keys)


def _pin(
    x_mm: float, y_mm: float, row: int, pitch_mm: float, pin_mm: float, depth_mm: float, deep_mm: float
) -> Manifold:
    """Return a stamped pin with pointed ends, bent to a tail; a shoulder in the floor keeps it from being pulled."""
    tail, tip, under = -deep_mm / 2 - 6, FLOOR_MM + 0.75 * depth_mm, -3 - pitch_mm * (row - 1)
    path = rounded_path([(x_mm, tail, under), (x_mm, y_mm, under), (x_mm, y_mm, tip)], 1.2 * pin_mm)
    path = np.vstack([path[:1], path[0] + (0, pin_mm, 0), path[1:-1], path[-1] - (0, 0, 1.5 * pin_mm), path[-1:]])
    scale = np.r_[0.5, np.ones(len(path) - 2), 0.4]
    bar = sweep(rounded_rectangle(pin_mm, pin_mm, 0.2 * pin_mm).to_polygons()[0], path, scale)
    shoulder = cushion(rounded_rectangle(1.6 * pin_mm, 1.4 * pin_mm, 0.2 * pin_mm), 1.2, 0.2)
    return bar + shoulder.translate((x_mm, y_mm, FLOOR_MM / 2 - 0.6))


def _sleeve() -> Manifold:
    """Return a sleeve without its bore: as high as the floor, a groove about it holds it in the plastic."""
    radius, waist = SLEEVE_MM[1], SLEEVE_MM[1] - 0.4
    profile = [
        (0, 0),
        (radius, 0),
        (radius, 1.3),
        (waist, 1.5),
        (waist, 2.5),
        (radius, 2.7),
        (radius, FLOOR_MM),
        (0, FLOOR_MM),
    ]
    return CrossSection([np.array(profile)]).revolve(segments(radius))
