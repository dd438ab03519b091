"""Printed fluid manifold: one inlet forks into bent outlet pipes on struts, above a plate with a serpentine channel."""

import math

import numpy as np
from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import OVERRUN_MM, box, centred, cushion, disc, drill, rounded_rectangle, union
from scenes.library._sweeps import rounded_path, tube

PLATE_MM = 12.0
PORT_MM = 10.0  # length of a threaded port
PASSES = 5  # of the serpentine, odd: in at the front, out at the back


def make(
    *,
    length_mm: float = 96.0,
    width_mm: float = 62.0,
    height_mm: float = 54.0,
    pipe_mm: float = 7.0,
    wall_mm: float = 2.5,
    outlets: int = 3,
    coolant_mm: float = 5.0,
    material: str = "Ti6Al4V",
) -> tuple[Body, ...]:
    """Return the manifold, one body; the inlet is at -x, the outlets look up, the coolant runs from -y to +y."""
    require_positive(length_mm=length_mm, width_mm=width_mm, height_mm=height_mm, pipe_mm=pipe_mm)
    require_positive(wall_mm=wall_mm, outlets=outlets, coolant_mm=coolant_mm)
    skin_mm, bend_mm = pipe_mm / 2 + wall_mm, 1.3 * pipe_mm
    widest_mm = min(PLATE_MM - 4, 0.4 * length_mm - 29)  # 2 mm of plate above and below, 1.5 mm to the bolts' heads
    if not coolant_mm <= widest_mm:
        raise BadInput(f"coolant_mm must be at most {widest_mm:g}, got {coolant_mm!r}; narrow it or lengthen length_mm")
    if outlets < 2 or not (outlets - 1) * (2 * skin_mm + 5) <= width_mm - 20:
        most = math.floor((width_mm - 20) / (2 * skin_mm + 5)) + 1
        raise BadInput(f"outlets must be from 2 to {most} on this width, got {outlets!r}; take fewer or widen width_mm")
    level_mm = PLATE_MM + 2 * skin_mm + 3
    if not (height_mm >= level_mm + bend_mm + PORT_MM and length_mm >= 12 * pipe_mm):
        raise BadInput(
            f"height_mm must be at least {level_mm + bend_mm + PORT_MM:g} and length_mm {12 * pipe_mm:g} "
            f"for the bends, got {height_mm!r} and {length_mm!r}; enlarge them or narrow pipe_mm"
        )
    paths = _branches(length_mm, width_mm, height_mm, level_mm, bend_mm, outlets)
    shift = (1 - math.sqrt(0.5)) * bend_mm  # from a bend's corner to the middle of its arc
    feet = [(path[-1][0] - shift, path[-1][1], level_mm + shift) for path in paths]
    metal = [_plate(length_mm, width_mm), *(tube(path, skin_mm) for path in paths), *_ports(paths, skin_mm + 2.5)]
    metal += [strut for foot in feet for strut in _struts(foot, skin_mm)]
    metal.append(box((4 - length_mm / 2, -1.5, PLATE_MM - 1), (-length_mm / 4, 1.5, level_mm)))
    hollow = [tube(_longer(path), pipe_mm / 2) for path in paths] + _threads(paths, pipe_mm / 2 + 1.2)
    hollow.append(tube(_serpentine(length_mm, width_mm, coolant_mm), coolant_mm / 2))
    return centred(Body(name="manifold", solid=union(metal) - union(hollow), material=material))


def _branches(
    length_mm: float, width_mm: float, height_mm: float, level_mm: float, bend_mm: float, outlets: int
) -> list[np.ndarray]:
    """Return the axis of each pipe, from the common inlet to its outlet; they part at a quarter of the length."""
    start, fork = (-length_mm / 2, 0, level_mm), (-length_mm / 4, 0, level_mm)
    paths = []
    for y in np.linspace(-0.5, 0.5, outlets) * (width_mm - 22):
        x = 0.27 * length_mm - 0.2 * length_mm * (1 - abs(y) / (width_mm / 2 - 11))
        aside = [fork, (0.02 * length_mm, y, level_mm)] if abs(y) > 1e-9 else []
        paths.append(rounded_path([start, *aside, (x, y, level_mm), (x, y, height_mm)], bend_mm))
    return paths


def _longer(path: np.ndarray) -> np.ndarray:
    """Return a path that runs over both its ends."""
    first, last = path[0] - path[1], path[-1] - path[-2]
    ends = path[0] + OVERRUN_MM * first / np.linalg.norm(first), path[-1] + OVERRUN_MM * last / np.linalg.norm(last)
    return np.vstack([ends[0], path[1:-1], ends[1]])


def _plate(length_mm: float, width_mm: float) -> Manifold:
    """Return the base plate with four counterbored holes."""
    plate = cushion(rounded_rectangle(length_mm, width_mm, 8.0), PLATE_MM, 1.5)
    hole = drill(2.75, PLATE_MM, 0.4) + disc(5.0).extrude(PLATE_MM).translate((0, 0, PLATE_MM - 5.5))
    return plate - union(
        hole.translate((x * (length_mm / 2 - 8), y * (width_mm / 2 - 8), 0)) for x in (-1, 1) for y in (-1, 1)
    )


def _ports(paths: list[np.ndarray], radius_mm: float) -> list[Manifold]:
    """Return the hexagon at the inlet and the round bosses at the outlets."""
    hexagon = CrossSection.circle(radius_mm * 1.15, 6).extrude(PORT_MM).rotate((0, 90, 0)).translate(paths[0][0])
    boss = cushion(disc(radius_mm), PORT_MM, 1.0)
    return [hexagon, *(boss.translate(path[-1] - (0, 0, PORT_MM)) for path in paths)]


def _threads(paths: list[np.ndarray], radius_mm: float) -> list[Manifold]:
    """Return the wider bores that take the fittings, with a step for the seal."""
    seat = drill(radius_mm, 0.7 * PORT_MM) + disc(radius_mm + 0.8).extrude(1.8).translate((0, 0, -OVERRUN_MM))
    return [seat.rotate((0, 90, 0)).translate(paths[0][0]), *(seat.rotate((180, 0, 0)).translate(p[-1]) for p in paths)]


def _struts(foot: tuple[float, float, float], skin_mm: float) -> list[Manifold]:
    """Return three struts from the plate to the bend above; they lean by 22 degrees, which prints unsupported."""
    angles = np.radians((60, 180, 300))
    spread = 0.4 * (foot[2] - PLATE_MM)
    return [
        tube(
            [foot + np.array((spread * math.cos(a), spread * math.sin(a), PLATE_MM - 1 - foot[2])), foot],
            0.28 * skin_mm,
        )
        for a in angles
    ]


def _serpentine(length_mm: float, width_mm: float, coolant_mm: float) -> np.ndarray:
    """Return the coolant's axis: straight passes along y, joined by half circles."""
    pitch, turn, middle = 0.15 * length_mm, width_mm / 2 - 12, PLATE_MM / 2
    x = pitch * (np.arange(PASSES) - (PASSES - 1) / 2)
    corners = [(x[0], -width_mm / 2 - OVERRUN_MM, middle)]
    for k in range(PASSES - 1):
        side = turn if k % 2 == 0 else -turn
        corners += [(x[k], side, middle), (x[k + 1], side, middle)]
    return rounded_path([*corners, (x[-1], width_mm / 2 + OVERRUN_MM, middle)], 0.49 * pitch)
