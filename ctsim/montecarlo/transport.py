"""From a specimen's matter to what arrives on a panel, and what stays in the matter, photon by photon."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
from jaxtyping import Float, Float32, Int64
from numba import prange
from skimage.transform import resize

from ctsim.arrays import card, to_card, to_host
from ctsim.detector.anti_scatter import coefficients, primary_passes
from ctsim.detector.noise import mixed
from ctsim.detector.response import Response
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry
from ctsim.kernel import kernel
from ctsim.materials import HIGHEST_KEV, LOWEST_KEV, material, mu_per_mm
from ctsim.montecarlo import photon, scattering, walk
from ctsim.montecarlo.arrivals import COMPTON, KINDS, Arrivals
from ctsim.montecarlo.matter import AIR, Matter
from ctsim.montecarlo.photon import Beam, Settings, World
from ctsim.montecarlo.tables import ENERGIES, TOTAL, Tables, grid_kev, tables_of
from ctsim.montecarlo.tally import ROWS, SECOND, SQUARES, TOGETHER
from ctsim.spectrum import Spectrum
from ctsim.transmit import falloff
from defects.messages import BadInput
from scenes.detector import AntiScatterGridSpec

TECHNIQUES = {
    "forced_detection": photon.FORCED_DETECTION,
    "forced_interaction": photon.FORCED_INTERACTION,
    "survival": photon.SURVIVAL,
    "stratified": photon.STRATIFIED,
}
"""Name, as in `scenes.fidelity.Technique` -> its bit."""

POINTS, LATER_POINTS = 8, 3
"""Of the panel that a photon's first collision sends its share to, and each later one, which brings less."""

AT_ONCE = 1024
"""Photons that a thread takes at a time."""

RESPONSE_STEP_KEV = 1.0
"""At which the panel's response is asked for; the edges of scintillators lie between two."""

MOST_BYTES = 2**31
"""Of all threads' tallies: where they do not fit, fewer threads work."""

GUIDE = 1024
"""Steps of the table that shortens the search for a photon's energy."""

NEAR = 0.02
"""Of the way from the source to the panel: collisions closer to it would bring the points beside them without end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Transport:
    """What has become of the photons.

    Attributes:
        arrivals: On the panel.
        kev: Left in each voxel per photon sent to the panel's whole area in a view, mean of the views; None if unasked.
    """

    arrivals: Arrivals
    kev: Float[np.ndarray, "z y x"] | None


def transport(
    matter: Matter,
    exposure: Exposure,
    views: Sequence[int],
    spectrum: Spectrum,
    response: Callable[[Float[np.ndarray, " energy"]], Response],
    *,
    photons: int,
    key: np.uint64,
    techniques: Sequence[str] = (),
    aimed: bool = False,
    fluorescence: bool = False,
    heel: Float[np.ndarray, "row col"] | None = None,
    anti_scatter: AntiScatterGridSpec | None = None,
    deposits: bool = False,
    on_card: bool = False,
) -> Transport:
    """Return what the photons of some views bring to the panel.

    Args:
        matter: What stands in the way.
        exposure: Source and panel of all views; the panel may be coarser than the scanner's.
        views: Which of them; a view's photons do not depend on what other views are asked for.
        spectrum: Of the source.
        response: What photons of some energies [keV] leave in the panel.
        photons: Followed in each view.
        key: Of all random numbers.
        techniques: Names of those that make photons tell more.
        aimed: Whether photons are sent only where the matter is, as seen from the source; then the primary is not told
            beside it.
        fluorescence: Whether atoms send out K lines.
        heel: Intensity over the panel against that at the foot of the source's normal.
        anti_scatter: Strips before the panel.
        deposits: Whether the energy left in each voxel is wanted.
        on_card: Whether the photons are followed on a card.

    Raises:
        BadInput: The matter lies behind the source or the panel, no photon is asked for, there are too many materials,
            or an energy lies outside the tables.
    """
    _check(matter, exposure.middle, views, spectrum, photons)
    tables = tables_of(matter.materials, fluorescence)
    tables = tables._replace(per_mm=tables.per_mm * np.float32(matter.voxel_mm))  # 1/voxel from here on
    world = _world(matter, tables, exposure.geometry)
    air_mm = float(exposure.middle.distance_mm[0]) if matter.has_air else 0.0
    settings = _settings(spectrum, response, techniques, photons, exposure.middle, anti_scatter, air_mm)
    middle, bands = exposure.middle, len(settings.signal)
    followed = _on_card(world, tables, settings) if on_card else _by_threads(world, tables, settings)
    tally = np.zeros((len(views), bands, ROWS, middle.rows, middle.columns))
    kept = np.zeros(matter.shares.shape[:3] if deposits else (0, 0, 0))
    for i, view in enumerate(views):
        beam = _beam(matter, exposure.of_view(view), spectrum, heel, aimed)
        sums, left = followed(photons, np.uint64(mixed(key, view)), beam, kept.shape)
        tally[i] = sums.reshape(tally.shape[1:])
        sent = photons * beam.free.mean() * middle.rows * middle.columns / beam.window[4]  # to all of the panel
        kept += left / (settings.energy_scale * sent * len(views))
    return Transport(arrivals=_arrivals(tally, settings, photons), kev=kept if deposits else None)


def coarse(exposure: Exposure, shape: tuple[int, int]) -> Exposure:
    """Return an exposure whose panel has so many rows and columns over the same area."""
    return replace(exposure, geometry=exposure.geometry.with_panel(*shape), middle=exposure.middle.with_panel(*shape))


def check_materials(materials: tuple[str, ...]) -> None:
    """Raise BadInput where photons cannot be followed through some materials."""
    if len(materials) > photon.MOST_MATERIALS:
        raise BadInput(
            f"photons can be followed through {photon.MOST_MATERIALS} materials in a scene, got {len(materials)}: take "
            "fewer, or fidelity: beer-lambert"
        )
    for name in materials:
        material(name)


def _check(matter: Matter, middle: Geometry, views: Sequence[int], spectrum: Spectrum, photons: int) -> None:
    if photons < 1:
        raise BadInput(f"monte_carlo.photons must be at least 1, got {photons}")
    energies = spectrum.energies_kev
    if not (energies.min() >= LOWEST_KEV and energies.max() <= HIGHEST_KEV):
        raise BadInput(
            f"photon energies must lie within {LOWEST_KEV:g} to {HIGHEST_KEV:g} keV, got {energies.min():g} to "
            f"{energies.max():g}"
        )
    check_materials(matter.materials)
    share = (matter.corners_mm @ middle.projection[list(views)].transpose(0, 2, 1))[..., 2]
    if bad := np.flatnonzero((share <= 0).all(1) | (share >= 1).all(1)).tolist():
        where = "behind the source" if (share[bad[0]] <= 0).all() else "behind the panel"
        raise BadInput(f"in view {views[bad[0]]} the specimen lies {where}: put it between the two")


def _world(matter: Matter, tables: Tables, geometry: Geometry) -> World:
    """Return what photons fly through: the grid, or a box about it, the source and the panel where there is air."""
    counts = np.array(matter.shares.shape[2::-1], float)
    low, high, corner = np.zeros(3), counts, matter.corner_mm
    if matter.has_air:
        far = geometry.source_mm + geometry.corner_ray_mm
        u, v = geometry.columns * geometry.u_mm, geometry.rows * geometry.v_mm
        points = (np.concatenate([geometry.source_mm, far, far + u, far + v, far + u + v]) - corner) / matter.voxel_mm
        low, high = np.minimum(points.min(0), 0) - 1, np.maximum(points.max(0), counts) + 1
    met = [m for m in range(len(matter.materials)) if matter.shares[..., m].any()]
    return World(
        shares=matter.shares,
        air=len(matter.materials) - 1 if matter.has_air else -1,
        grid_low=np.zeros(3),
        grid_high=counts,
        low=low,
        high=high,
        # of all voxels: none holds more than one voxel's worth
        largest=tables.per_mm[:, met, TOTAL].max(1),
    )


def _settings(
    spectrum: Spectrum,
    response: Callable[[Float[np.ndarray, " energy"]], Response],
    techniques: Sequence[str],
    photons: int,
    panel: Geometry,
    anti_scatter: AntiScatterGridSpec | None,
    air_mm: float,
) -> Settings:
    """Return how photons are followed."""
    pixels = panel.rows * panel.columns
    signal = _signal(spectrum, response, air_mm)
    # a photon's share of all pixels' free beam; in a band that the free beam rarely fills it is many times that
    brightest = max(float(signal[:, 0].max()), 1.0)
    bits, folds = 60 - math.ceil(math.log2(photons * brightest)), math.ceil(math.log2(pixels * brightest))
    return Settings(
        techniques=sum(TECHNIQUES[name] for name in techniques),
        points=POINTS,
        later_points=LATER_POINTS,
        stride=_stride(pixels),
        signal=signal,
        scale=2.0 ** min(bits, 30),
        # shares may weigh a thousand times as much, 2^10, and are squared
        square_scale=2.0 ** min(bits - folds, 62 - 2 * (folds + 10), 30),
        energy_scale=2.0 ** min(bits - 10, 30),
        near=NEAR,
        grid=_strips(anti_scatter),
        strips=_through_strips(anti_scatter),
    )


def _strips(grid: AntiScatterGridSpec | None) -> Float[np.ndarray, " number"]:
    """Return strip, gap and height of a grid [mm] and the panel's axis that it stands across; nothing for no grid."""
    if grid is None:
        return np.zeros(0)
    return np.array([grid.strip_mm, grid.gap_mm, grid.height_mm, "uv".index(grid.across)])


def _through_strips(grid: AntiScatterGridSpec | None) -> Float[np.ndarray, "energy 3"]:
    """Return the coefficients of strips and gaps [1/mm], and what the primary loses, by energy."""
    if grid is None:
        return np.zeros((0, 3))
    energies = tuple(np.clip(grid_kev(), LOWEST_KEV, HIGHEST_KEV).tolist())
    return np.stack([*coefficients(grid, energies), primary_passes(grid, energies)], axis=1)


def _stride(pixels: int) -> int:
    """Return a step that meets all pixels before it meets one again: near the golden section, no common divisor."""
    step = max(round(pixels * 0.6180339887498949), 1)
    while math.gcd(step, pixels) > 1:
        step += 1
    return step


def _signal(
    spectrum: Spectrum, response: Callable[[Float[np.ndarray, " energy"]], Response], air_mm: float
) -> Float32[np.ndarray, "band 2 energy"]:
    """Return what a photon leaves by energy, in units of what one of the free beam leaves on the mean.

    The free beam goes through the same air as all others: a flat field is taken in it.
    """
    energies = grid_kev()
    most = spectrum.energies_kev.max()
    steps = np.arange(LOWEST_KEV, most + RESPONSE_STEP_KEV, RESPONSE_STEP_KEV)
    known = np.unique(np.minimum([*steps, *spectrum.energies_kev], most))
    moments = response(known)
    first, second = (
        np.array([np.interp(energies, known, band) for band in m]) for m in (moments.first, moments.second)
    )
    through_air = np.exp(-mu_per_mm(AIR, tuple(spectrum.energies_kev.tolist())) * air_mm)
    share = spectrum.photons / spectrum.photons.sum() * through_air
    free = np.array(
        [np.interp(_places(spectrum.energies_kev), np.arange(len(energies)), band) @ share for band in first]
    )
    return np.stack([first / free[:, None], second / free[:, None] ** 2], axis=1).astype(np.float32)


def _places(energies_kev: Float[np.ndarray, " energy"]) -> Float[np.ndarray, " energy"]:
    """Return where energies lie on the tables' axis, as `ctsim.montecarlo.scattering.place_of` does."""
    places = np.log(energies_kev / LOWEST_KEV) * ((ENERGIES - 1) / scattering.LOG_RANGE)
    return np.clip(places, 0, ENERGIES - 1.000001)


def _beam(
    matter: Matter, view: Exposure, spectrum: Spectrum, heel: Float[np.ndarray, "row col"] | None, aimed: bool
) -> Beam:
    """Return what is sent out in one view."""
    size, corner, middle, poses = matter.voxel_mm, matter.corner_mm, view.middle, view.geometry
    strength = np.ones((1, 1)) if heel is None else resize(heel, (middle.rows, middle.columns), anti_aliasing=True)
    # a point X in voxels is X size + corner in mm
    planes = poses.projection @ np.block([[np.eye(3) * size, corner[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
    across = np.cross(poses.u_mm, poses.v_mm) / size**2
    area = np.linalg.norm(across, axis=1, keepdims=True)
    up_to = np.cumsum(spectrum.photons) / spectrum.photons.sum()
    return Beam(
        frames=_frames(poses, matter),
        planes=planes.reshape(-1, 12),
        distances=poses.distance_mm / size,
        normals=np.concatenate([across / area, area], axis=1),
        window=_window(matter, view) if aimed else _whole(middle),
        strength=strength,
        rows=middle.rows,
        columns=middle.columns,
        free=(falloff(middle)[0] * strength).reshape(-1),
        energies=spectrum.energies_kev,
        places=_places(spectrum.energies_kev),
        up_to=up_to,
        guide=np.minimum(np.searchsorted(up_to, np.arange(GUIDE) / GUIDE), len(up_to) - 1).astype(np.int32),
    )


def _frames(geometry: Geometry, matter: Matter) -> Float[np.ndarray, "view 12"]:
    """Return source, ray to the corner, u and v in voxels."""
    source = (geometry.source_mm - matter.corner_mm) / matter.voxel_mm
    rays = [ray / matter.voxel_mm for ray in (geometry.corner_ray_mm, geometry.u_mm, geometry.v_mm)]
    return np.concatenate([source, *rays], axis=1)


def _whole(panel: Geometry) -> Float[np.ndarray, "5"]:
    return np.array([0, panel.columns, 0, panel.rows, panel.columns * panel.rows], float)


def _window(matter: Matter, view: Exposure) -> Float[np.ndarray, "5"]:
    """Return the part of the panel that the box of matter is seen before: columns, rows, and its area in pixels."""
    seen = matter.corners_mm @ view.geometry.projection.transpose(0, 2, 1)
    panel = view.middle
    if (seen[..., 2] <= 0).any():
        return _whole(panel)
    place = seen[..., :2] / seen[..., 2:]
    most = np.array([panel.columns, panel.rows])
    first, last = np.clip(place.min((0, 1)), 0, most), np.clip(place.max((0, 1)), 0, most)
    if not (first < last).all():  # not in the beam at all
        return _whole(panel)
    return np.array([first[0], last[0], first[1], last[1], float(np.prod(last - first))])


Tallies = tuple[Int64[np.ndarray, "row pixel"], Int64[np.ndarray, "z y x"]]
"""Of one view, and what is left in each voxel."""


def _by_threads(world: World, tables: Tables, settings: Settings) -> Callable[..., Tallies]:
    """Return what follows a view's photons with all threads, each of which has tallies of its own."""

    def followed(photons: int, key: np.uint64, beam: Beam, voxels: tuple[int, ...]) -> Tallies:
        rows, threads = len(settings.signal) * ROWS, numba.get_num_threads()
        room = MOST_BYTES // (8 * (rows * beam.free.size + math.prod(voxels)))
        slots = max(min(threads, room), 1)
        tally = np.zeros((slots, rows, beam.free.size), np.int64)
        deposits = np.zeros((slots, *voxels), np.int64)
        desks, counts = np.zeros((slots, photon.DESK)), np.zeros((slots, photon.COUNTS), np.int64)
        numba.set_num_threads(slots)
        try:
            _follow_all(photons, key, world, tables, beam, settings, desks, counts, tally, deposits)
        finally:
            numba.set_num_threads(threads)
        return tally.sum(0), deposits.sum(0)

    return followed


def _on_card(world: World, tables: Tables, settings: Settings) -> Callable[..., Tallies]:
    """Return what follows a view's photons on a card, all of them into the same tallies."""
    from ctsim.gpu.montecarlo import follow_all

    still = tuple(to_card(thing) for thing in (world, tables, settings))

    def followed(photons: int, key: np.uint64, beam: Beam, voxels: tuple[int, ...]) -> Tallies:
        tally = card().zeros((1, len(settings.signal) * ROWS, beam.free.size), np.int64)
        deposits = card().zeros((1, *(max(n, 1) for n in voxels)), np.int64)
        follow_all(photons, key, *still[:2], to_card(beam), still[2], tally, deposits)
        return to_host(tally)[0], to_host(deposits)[0] if all(voxels) else np.zeros(voxels, np.int64)

    return followed


@kernel(parallel=True, error_model="numpy")
def _follow_all(photons, key, world, tables, beam, settings, desks, counts, tally, deposits):
    """Follow all photons of a view."""
    for chunk in prange((photons + AT_ONCE - 1) // AT_ONCE):
        slot = numba.get_thread_id()
        for number in range(chunk * AT_ONCE, min((chunk + 1) * AT_ONCE, photons)):
            walk.follow(
                number, key, world, tables, beam, settings, desks[slot], counts[slot], slot, tally, deposits
            )  # fmt: skip


def _arrivals(tally: Float[np.ndarray, "view band count row col"], settings: Settings, photons: int) -> Arrivals:
    """Return sums over photons as means, with their deviations."""
    sums = np.moveaxis(tally, (2, 1), (0, 1)) / photons  # count band view row col
    kinds = len(KINDS)
    mean = sums[:kinds] / settings.scale
    squares, together = sums[SQUARES : SQUARES + kinds], sums[TOGETHER]

    def deviation(squares: np.ndarray, mean: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(squares / settings.square_scale - mean**2, 0) / max(photons - 1, 1))

    return Arrivals(
        mean=mean,
        deviation=deviation(squares, mean),
        scatter_deviation=deviation(together, mean[COMPTON:].sum(0)),
        variance=sums[SECOND:TOGETHER] / settings.scale,
        photons=photons,
    )
