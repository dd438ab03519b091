"""Cooled turbine blade: twisted aerofoil on a platform, fir-tree root, nose and serpentine channels, film holes."""

from collections.abc import Callable

import numpy as np
from manifold3d import CrossSection, Manifold

from defects.messages import BadInput, require_positive
from scenes.body import Body
from scenes.library._shapes import OVERRUN_MM, centred, cushion, rounded_rectangle, segments, union
from scenes.library._sweeps import loft, rounded_path, tube

POINTS = 96  # around the aerofoil, dense at the nose: its radius of 1.4 mm keeps a sagitta of 0.01 mm
STACK = 0.4  # share of the chord about which the sections turn; also where the camber is greatest
NOSE, PASSES = 0.13, (0.32, 0.50, 0.68)  # where the channels run, as shares of the chord
FILLET_MM = 2.0
PLATFORM_MM = 3.5
# Half the fir tree, from the platform down: (half width, depth) in mm; flanks at about 45 degrees, two pairs of lobes.
FIR_TREE = [(6.5, 0), (6.5, 3), (9.5, 6), (9.5, 7.5), (5.8, 10.5), (5.8, 11.5), (8, 14), (8, 15), (4.8, 18), (4.8, 20)]


def make(
    *,
    chord_mm: float = 36.0,
    span_mm: float = 56.0,
    twist_deg: float = 22.0,
    taper: float = 0.8,
    thickness: float = 0.19,
    camber: float = 0.09,
    channel_mm: float = 2.8,
    film_holes: int = 7,
    material: str = "IN718",
) -> tuple[Body, ...]:
    """Return the blade, one body; the span runs along z, the chord at its foot along x.

    `taper` is tip chord over foot chord; `thickness` and `camber` are shares of the chord, as in NACA's four digits.
    """
    require_positive(chord_mm=chord_mm, span_mm=span_mm, taper=taper, thickness=thickness, camber=camber)
    require_positive(channel_mm=channel_mm, film_holes=film_holes)
    if not 0.4 <= taper <= 1 or not abs(twist_deg) <= 60:
        raise BadInput(f"taper must lie in 0.4..1 and twist_deg in -60..60, got {taper!r} and {twist_deg!r}; lessen it")
    widest_mm = 2 * chord_mm * taper * float(_half_thickness(PASSES[2], thickness)) - 1.0
    if not channel_mm <= widest_mm:
        raise BadInput(
            f"channel_mm must be at most {widest_mm:.2f} to leave 0.5 mm of wall at the tip, got {channel_mm!r}; "
            "narrow it, or take more chord_mm or thickness"
        )
    if not (film_holes <= 0.3 * span_mm and span_mm >= 8 * channel_mm):
        raise BadInput(f"film_holes must be at most {0.3 * span_mm:.0f} on this span, got {film_holes!r}; take fewer")

    def place(share: np.ndarray, side: np.ndarray, z_mm: np.ndarray) -> np.ndarray:
        """Return points of the blade from shares of the chord; the sections turn and shrink from foot to tip."""
        height = np.clip(z_mm / span_mm, 0, None)
        size, turn = chord_mm * (1 - (1 - taper) * height), np.radians(twist_deg) * height
        x, y = size * (share - STACK), size * (side - camber)
        return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z_mm + 0 * x], -1)

    aerofoil = _aerofoil(place, span_mm, chord_mm, thickness, camber)
    metal = union([aerofoil, *_platform_and_root(chord_mm, 2 * (thickness + camber) * chord_mm + 4)])
    hollow = union(_channels(place, span_mm, chord_mm, camber, channel_mm / 2, film_holes))
    return centred(Body(name="blade", solid=metal - hollow, material=material))


def _camber_line(share: np.ndarray, camber: float) -> np.ndarray:
    """Return NACA's mean line, two parabolas that meet where the camber is greatest (NACA report 460)."""
    ahead = camber / STACK**2 * (2 * STACK * share - share**2)
    behind = camber / (1 - STACK) ** 2 * (1 - 2 * STACK + 2 * STACK * share - share**2)
    return np.where(share < STACK, ahead, behind)


def _half_thickness(share: np.ndarray | float, thickness: float) -> np.ndarray | float:
    """Return NACA's half thickness, and 0.018 of the chord more at the tail, which must hold the film holes."""
    powers = 0.2969 * np.sqrt(share) - 0.1260 * share - 0.3516 * share**2 + 0.2843 * share**3 - 0.1015 * share**4
    return 5 * thickness * powers + 0.018 * share


def _aerofoil(place: Callable, span_mm: float, chord_mm: float, thickness: float, camber: float) -> Manifold:
    """Return the solid aerofoil, its foot flared by a fillet."""
    share = (1 + np.cos(2 * np.pi * (np.arange(POINTS) + 0.5) / POINTS)) / 2
    sign = np.where(np.arange(POINTS) < POINTS // 2, 1.0, -1.0)
    side = _camber_line(share, camber) + sign * _half_thickness(share, thickness)
    outline = np.c_[share, side]
    along = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    outward = np.c_[along[:, 1], -along[:, 0]] / np.linalg.norm(along, axis=1, keepdims=True) / chord_mm
    arc = np.linspace(0, np.pi / 2, segments(FILLET_MM) // 4 + 1)
    heights = np.r_[-1.0, FILLET_MM * (1 - np.cos(arc)), np.linspace(FILLET_MM, span_mm, 33)[1:]]
    flare = FILLET_MM * np.r_[1.0, 1 - np.sin(arc), np.zeros(32)]
    flared = outline + flare[:, None, None] * outward
    return loft(place(flared[..., 0], flared[..., 1], heights[:, None]), outline)


def _platform_and_root(chord_mm: float, width_mm: float) -> list[Manifold]:
    """Return the platform under z = 0 and the fir tree under it, both along the chord."""
    middle = (0.5 - STACK) * chord_mm
    platform = cushion(rounded_rectangle(1.12 * chord_mm, width_mm, 2.0), PLATFORM_MM, 0.5)
    half = np.array(FIR_TREE, dtype=float)
    tree = CrossSection([np.vstack([half * (-1, -1), (half * (1, -1))[::-1]])])
    for step_mm in (0.7, -1.4, 0.7):  # closing, then opening: every corner of the tree has a radius of 0.7 mm
        tree = tree.offset(step_mm, circular_segments=segments(0.7) * 2)
    root = (tree + CrossSection.square((13, 2)).translate((-6.5, -2))).extrude(0.96 * chord_mm).rotate((90, 0, 90))
    at = (middle - 0.48 * chord_mm, 0, 0.5 - PLATFORM_MM)
    return [platform.translate((middle, 0, -PLATFORM_MM)), root.translate(at)]


def _channels(
    place: Callable, span_mm: float, chord_mm: float, camber: float, radius_mm: float, film_holes: int
) -> list[Manifold]:
    """Return the two cooling channels, both from the root's foot to the tip, and a row of film holes for each."""
    foot, tip = -PLATFORM_MM - FIR_TREE[-1][1] - OVERRUN_MM, span_mm + OVERRUN_MM
    near, far = (share * chord_mm for share in (PASSES[0], PASSES[2]))
    mid, low, high = PASSES[1] * chord_mm, 2.5 * radius_mm + FILLET_MM, span_mm - 3 * radius_mm
    bends = [(near, 0, foot), (near, 0, high), (mid, 0, high), (mid, 0, low), (far, 0, low), (far, 0, tip)]
    snake = rounded_path(bends, 0.49 * (mid - near))
    straight = np.array([(NOSE * chord_mm, 0, foot), (NOSE * chord_mm, 0, tip)])

    def inside(path: np.ndarray) -> np.ndarray:
        """Return a flat path laid into the blade: halfway between its sides, in steps of at most 2 mm."""
        length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
        fine = np.unique(np.r_[length, np.linspace(0, length[-1], int(length[-1] / 2))])
        x, z = np.interp(fine, length, path[:, 0]), np.interp(fine, length, path[:, 2])
        return place(x / chord_mm, _camber_line(x / chord_mm, camber), z)

    holes = []
    for z in np.linspace(0.2, 0.85, film_holes) * span_mm:
        holes.append(tube(inside(np.array([(NOSE * chord_mm, 0, z), (-0.04 * chord_mm, 0, z)])), 0.35))
        holes.append(tube(inside(np.array([(far, 0, z), (1.04 * chord_mm, 0, z)])), 0.35))
    return [tube(inside(snake), radius_mm), tube(inside(straight), radius_mm), *holes]
