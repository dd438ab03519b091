"""How far flaws stand out from the noise: in the radiographs as expected, in the volume as expected and as measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ctsim.backends import mesh
from ctsim.detector import blur
from ctsim.detector.model import ROUNDING, Detector
from ctsim.geometry import Geometry, Grid
from ctsim.metrology.chords import Mesh, chords_mm
from ctsim.metrology.size import mesh_of
from ctsim.metrology.volume_noise import VolumeNoise, chosen, places, transfer_at, volume_noise
from ctsim.radiograph import triangles_of
from ctsim.scanner import Scanner
from ctsim.spectrum import Reading
from ctsim.transmit import falloff, transmit
from ctsim.truth import Truth
from scenes.body import VOID
from scenes.build import Solid, Specimen
from scenes.scene import Window

VIEWS, FEWEST = 24, 6
"""Views of the scan that are looked at, evenly spread; with many or large flaws, down to so many."""

SHADOWS = 12_000
"""Of all flaws in all views that are looked at."""

LARGEST = 2**26
"""Path lengths that are kept for all flaws together (256 MB)."""

AT_ONCE = 2**20
"""Pixels of flaws' windows that are worked on together, which takes some 100 bytes each."""

RIM = 8
"""Pixels that are looked at around a flaw's shadow where the detector blurs; more than its light spreads."""

NEAR = 6
"""Voxels about a flaw's box in which sound matter is looked for."""

ENOUGH = 30
"""Sound voxels that a standard deviation is taken from at least."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How a flaw is expected to show.

    Attributes:
        best: Contrast to noise of its best pixel in the best view.
        median: The same of each view's best pixel, the median over the views.
        contrast_per_mm: Attenuation that it takes away or adds, by mm of its chord, as the spectrum and the blur of the
            radiographs leave it (the slope of a straight line through all its pixels) [1/mm].
        noise_per_mm: Standard deviation of a voxel at its centre [1/mm]; None where the volume is not made by FDK.
    """

    best: float
    median: float
    contrast_per_mm: float
    noise_per_mm: float | None


def expected(
    specimen: Specimen,
    flaws: Sequence[Solid],
    scanner: Scanner,
    volume: tuple[Grid, Window] | None = None,
) -> list[Seen | None]:
    r"""Return how each flaw is expected to show; None for all where the scan has no noise.

    With and without the flaw, its chord c through each pixel's rays filled with what should be there, the scan's own
    spectrum and detector read S and S_0. They differ in attenuation by, and stand out from its noise by,

    $$ \Delta p = -\ln \frac{S}{S_0}, \qquad CNR = \frac{|\Delta p|}{\sigma_p}, \qquad
       \sigma_p^2 = \frac{\sigma_S^2}{S_0^2} + \frac{\sigma_F^2}{F^2} $$

    the noise of the sound matter and of the flat field F being that of the quanta that arrive (a compound Poisson
    process, see `ctsim.spectrum`), of the read-out and of rounding, to first order (Gauss' law of errors; for photons
    alone it is what Rose counts, J. Opt. Soc. Am. 38, 196, 1948). For the noise of a voxel see `volume_noise`.

    Looked at are up to VIEWS views, from the middle of the focal spot and of the exposure: their unsharpness, lag and
    dead time are left out. Noise of a flat field is taken as new in each view; at the axis, where it makes rings, it is
    not.

    Args:
        specimen: All that stands on the stage.
        flaws: Those of its solids that are asked for.
        scanner: What looks at it.
        volume: The voxels and the window of FDK; None for other methods.
    """
    triangles, materials = triangles_of(specimen)
    if not scanner.noise or not flaws:
        return [None] * len(flaws)
    materials += tuple(
        sorted({flaw.instead_of for flaw in flaws} - {VOID, *materials})
    )  # of what is missing altogether
    meshes = [mesh_of(flaw.surface) for flaw in flaws]
    which, windows = _looked_at(meshes, scanner, len(materials))
    size = float(np.linalg.norm(triangles.vertices_mm.max(0) - triangles.vertices_mm.min(0)))
    look = _Look(
        scanner=scanner,
        geometry=chosen(scanner.true, which),
        beams=scanner.readings(materials, size),
        free=_free_beam(scanner, which),
        voxels=volume_noise(scanner.nominal, which, *volume) if volume else None,
    )
    lengths = _lengths_behind(triangles, look.geometry, windows, len(materials), scanner.rays_per_pixel)
    rows = {VOID: None} | {name: row for row, name in enumerate(materials)}
    fills, rights = ([rows[getattr(flaw, name)] for flaw in flaws] for name in ("material", "instead_of"))
    found: list[Seen | None] = [None] * len(flaws)
    for some in _alike(windows, len(which)):
        seen = _seen(look, *([each[i] for i in some] for each in (meshes, fills, rights, windows, lengths)))
        for i, one in zip(some, seen, strict=True):
            found[i] = one
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Look:
    """The views that flaws are looked at in.

    Attributes:
        scanner: What looks.
        geometry: Of the views.
        beams: What a pixel reads, one entry a band.
        free: The free beam in each view, in units of that at the foot of the source's normal.
        voxels: How the views' noise comes together in the volume; None where it is not made by FDK.
    """

    scanner: Scanner
    geometry: Geometry
    beams: tuple[Reading, ...]
    free: Float[np.ndarray, "view row col"]
    voxels: VolumeNoise | None


def _looked_at(meshes: Sequence[Mesh], scanner: Scanner, materials: int) -> tuple[Int[np.ndarray, " some"], list]:
    """Return the views that all flaws are looked at in, and the window of each flaw: see `window_of`."""
    rim = RIM if scanner.detector.transfer is not None else 1
    which = spread_views(scanner.true.views, min(VIEWS, max(FEWEST, SHADOWS // len(meshes))))
    windows = [window_of(points, chosen(scanner.true, which), rim) for points, _ in meshes]
    pixels = sum(rows * columns for _, rows, columns in windows) * materials * scanner.rays_per_pixel**2
    if pixels * len(which) > LARGEST:
        which = spread_views(scanner.true.views, max(FEWEST, LARGEST // pixels))
        windows = [window_of(points, chosen(scanner.true, which), rim) for points, _ in meshes]
    return which, windows


def _alike(windows: Sequence[tuple], views: int) -> Iterator[list[int]]:
    """Yield the numbers of flaws whose windows are alike, AT_ONCE pixels of them at most, or one flaw."""
    by_size: dict[tuple[int, int], list[int]] = {}
    for i, (_, rows, columns) in enumerate(windows):
        by_size.setdefault((rows, columns), []).append(i)
    for (rows, columns), some in by_size.items():
        step = max(1, AT_ONCE // (views * rows * columns))
        for first in range(0, len(some), step):
            yield some[first : first + step]


def _seen(
    look: _Look, meshes: Sequence[Mesh], fills: Sequence[int | None], rights: Sequence[int | None],
    windows: Sequence[tuple], lengths: Sequence[Float[np.ndarray, "view material row col"]],
) -> list[Seen]:  # fmt: skip
    """Return how flaws whose windows are alike are expected to show: the views of all of them go as those of one."""
    scanner, n, (_, rows, columns) = look.scanner, look.scanner.rays_per_pixel, windows[0]
    count, views = len(meshes), look.geometry.views
    corners = np.concatenate([where for where, _, _ in windows])
    parts = cropped(chosen(look.geometry, np.tile(np.arange(views), count)), corners, rows, columns)
    chord = chords_mm(meshes, parts.sampled(n))
    behind = np.stack(lengths)
    sound = _mended(behind, chord, fills, rights)
    light = np.concatenate([_windowed(look.free, where, rows, columns) for where, _, _ in windows])
    (mean, _), (whole, variance) = (
        transmit(of_all.reshape(-1, *of_all.shape[2:]), look.beams, n) for of_all in (behind, sound)
    )
    contrast = _contrast(whole * light, mean * light, scanner.detector)
    quantum, rest = noise_of(whole, variance, light, scanner)
    left = blur.noise_left(scanner.detector.transfer)
    ratio = (np.abs(contrast) / np.sqrt(quantum * left + rest)).max((1, 2)).reshape(count, views)
    across = chord.reshape(count, views, rows, n, columns, n).mean((3, 5), dtype=float)
    slope = (contrast.reshape(across.shape) * across).sum((1, 2, 3)) / np.maximum((across**2).sum((1, 2, 3)), 1e-300)
    noise = _noise_in(look, np.array([points.mean(0) for points, _ in meshes]), corners, quantum, rest)
    return [
        Seen(best=float(r.max()), median=float(np.median(r)), contrast_per_mm=abs(float(s)), noise_per_mm=v)
        for r, s, v in zip(ratio, slope, noise, strict=True)
    ]


def _mended(
    behind: Float[np.ndarray, "flaw view material row col"],
    chord: Float[np.ndarray, "flaw view row col"],
    fills: Sequence[int | None],
    rights: Sequence[int | None],
) -> Float[np.ndarray, "flaw view material row col"]:
    """Return the path lengths with the right matter in place of each flaw and of what fills it."""
    sound = behind.copy()
    for one, of_flaw, fill, right in zip(sound, chord, fills, rights, strict=True):
        if right is not None:
            one[:, right] += of_flaw
        if fill is not None:
            np.maximum(one[:, fill] - of_flaw, 0, out=one[:, fill])
    return sound


def measured(
    volume: Float[np.ndarray, "z y x"],
    truth: Truth,
    box: tuple[slice, slice, slice],
    share: Float[np.ndarray, "box_z box_y box_x"],
) -> tuple[float, float] | None:
    r"""Return how far a defect's voxels stand out from the sound matter about it, and how that scatters [1/mm].

    $$ \Big| \frac{\sum_i s_i v_i}{\sum_i s_i} - \bar v_{sound} \Big|, \qquad \sigma_{sound} $$

    over the defect's voxels with their shares s; sound voxels are those within NEAR voxels of its box that hold nothing
    but host. None where fewer than ENOUGH of them are there.
    """
    near = tuple(slice(max(b.start - NEAR, 0), b.stop + NEAR) for b in box)
    pure = (truth.sound[near] > 0.999) & (truth.fractions[near] == 0)
    commonest = np.bincount(truth.labels[near][pure], minlength=1).argmax()  # not a neighbour of another material
    sound = volume[near][pure & (truth.labels[near] == commonest)]
    if len(sound) < ENOUGH or not share.sum() > 0 or not sound.std() > 0:
        return None
    mean = float((share * volume[box]).sum() / share.sum())
    return abs(mean - float(sound.mean())), float(sound.std())


def spread_views(views: int, most: int) -> Int[np.ndarray, " some"]:
    """Return the numbers of at most so many views, evenly spread."""
    count = min(views, most)
    return ((np.arange(count) + 0.5) * views / count).astype(np.int64)


def window_of(
    points: Float[np.ndarray, "vertex 3"], geometry: Geometry, rim: int
) -> tuple[Int[np.ndarray, "view 2"], int, int]:
    """Return the first row and column of a window about a shadow in each view, and its rows and columns, alike in all.

    A shadow beside the detector has a window at its edge, which then sees none of it.
    """
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ geometry.projection.transpose(0, 2, 1)
    seen = homogeneous[..., 1::-1] / homogeneous[..., 2:]  # row, column
    first, last = np.floor(seen.min(1)).astype(np.int64) - rim, np.ceil(seen.max(1)).astype(np.int64) + rim
    whole = np.array([geometry.rows, geometry.columns])
    size = np.minimum((last - first).max(0), whole)
    return np.clip(first, 0, whole - size), int(size[0]), int(size[1])


def cropped(geometry: Geometry, corners: Int[np.ndarray, "view 2"], rows: int, columns: int) -> Geometry:
    """Return the geometry of a window of the detector, whose first row and column differ from view to view."""
    row, column = corners.T[:, :, None]
    middle = (column + columns / 2) * geometry.u_mm + (row + rows / 2) * geometry.v_mm
    centre = geometry.source_mm + geometry.corner_ray_mm + middle
    return replace(geometry, centre_mm=centre, rows=rows, columns=columns)


def noise_of(
    mean: Float[np.ndarray, "band view row col"],
    variance: Float[np.ndarray, "band view row col"],
    free: Float[np.ndarray, "view row col"],
    scanner: Scanner,
) -> tuple[Float[np.ndarray, "view row col"], Float[np.ndarray, "view row col"]]:
    """Return the variance of the corrected attenuation: of the quanta as they arrive, and of all that is never blurred.

    Args:
        mean: Expected reading against the free beam at the same pixel.
        variance: Its variance for one photon arriving there.
        free: The free beam, in units of that at the foot of the source's normal.
        scanner: The detector and its frames.
    """
    detector = scanner.detector
    ones = np.ones((len(mean), 1, 1, 1))
    flat_variance = np.array(detector.free_variance)[:, None, None, None] * ones
    level, quantum, rest = _noise(mean, variance, free, detector, detector.frames)
    full, flat_quantum, flat_rest = _noise(ones, flat_variance, free, detector, scanner.flat_frames)
    read_out = len(mean) * detector.electronic_noise_counts**2 if detector.noise_table is None else 0.0
    dark = read_out / scanner.flat_frames * (1 / level - 1 / full) ** 2
    return quantum / level**2 + flat_quantum / full**2, rest / level**2 + flat_rest / full**2 + dark


def _noise(mean, variance, free, detector: Detector, frames: int):
    """Return the counts above the dark level, all bands together, and the variances of them that `noise_of` tells."""
    signal, arriving = mean * free, variance * free / (detector.photons * frames)
    level = np.maximum(_level(signal, detector), 1e-12)
    rounded = len(mean) * ROUNDING / frames**2 if detector.bits else 0.0
    if detector.noise_table is not None:
        counts = level + (detector.dark_counts if detector.curve is None else np.interp(0.0, *detector.curve))
        # it is given as what blur has left of it
        table = (counts / np.interp(counts, *detector.noise_table)) ** 2 / blur.noise_left(detector.transfer)
        return level, table / frames, rounded + 0 * level
    if detector.curve is None:
        slopes = np.array(detector.free_beam_counts)[:, None, None, None]
    else:
        slopes = (_level(1.001 * signal, detector) - _level(0.999 * signal, detector)) / (0.002 * signal)
    read_out = len(mean) * detector.electronic_noise_counts**2 / frames
    return level, (slopes**2 * arriving).sum(0), read_out + rounded + 0 * level


def _level(signal: Float[np.ndarray, "band view row col"], detector: Detector) -> Float[np.ndarray, "view row col"]:
    """Return the counts above the dark level, of all bands together."""
    if detector.curve is None:
        return np.tensordot(np.array(detector.free_beam_counts), signal, 1)
    return np.interp(signal[0], *detector.curve) - np.interp(0.0, *detector.curve)


def _contrast(sound, flawed, detector: Detector) -> Float[np.ndarray, "view row col"]:
    """Return what a flaw adds to the attenuation, blurred as the detector does it."""
    changed = _spread(flawed - sound, detector.transfer)
    level = _level(sound, detector)
    return -np.log(np.maximum(_level(sound + changed, detector), 1e-12) / np.maximum(level, 1e-12))


def _spread(images: np.ndarray, transfer: Float[np.ndarray, "row col"] | None) -> np.ndarray:
    """Return windows of images as the detector's light blurs them; they are zero at their edges."""
    if transfer is None:
        return images
    rows, columns = images.shape[-2:]
    at = [np.arange(n) / (2 * n) for n in (rows, columns)]
    return blur.blurred(np.asarray(images, float), transfer_at(transfer, *np.meshgrid(*at, indexing="ij")))


def _windowed(images, corners, rows: int, columns: int, n: int = 1) -> np.ndarray:
    """Return a window of each image [view ... row col], n rays to a side of a pixel."""
    parts = zip(images, corners, strict=True)
    return np.stack([image[..., n * r : n * (r + rows), n * c : n * (c + columns)] for image, (r, c) in parts])


def _lengths_behind(triangles, geometry: Geometry, windows, materials: int, n: int) -> list[np.ndarray]:
    """Return the path lengths of the whole specimen in each window [view material row col]."""
    parts: list[list[np.ndarray]] = [[] for _ in windows]
    for views, lengths in mesh.path_lengths(triangles, geometry.sampled(n), materials):
        for part, (corners, rows, columns) in zip(parts, windows, strict=True):
            part.append(_windowed(lengths, corners[views], rows, columns, n))
    return [np.concatenate(part) for part in parts]


def _free_beam(scanner: Scanner, which: Int[np.ndarray, " some"]) -> Float[np.ndarray, "view row col"]:
    """Return the free beam in some views, 1 at the foot of the source's normal in the first of all."""
    free = falloff(chosen(scanner.true, which), scanner.true.distance_mm[0])
    free = np.broadcast_to(free, (len(which), *free.shape[1:]))
    free = free if scanner.heel is None else free * scanner.heel
    return free if scanner.strength is None else free * scanner.strength[which, None, None]


def _noise_in(
    look: _Look,
    points_mm: Float[np.ndarray, "flaw 3"],
    corners: Int[np.ndarray, "each 2"],
    quantum: Float[np.ndarray, "each row col"],
    rest: Float[np.ndarray, "each row col"],
) -> list[float | None]:
    """Return the standard deviation of a voxel at each point [1/mm], with the noise of the pixels that see it.

    None for all where the volume is not made by FDK, and where no view of the flaw sees the point.
    """
    if look.voxels is None:
        return [None] * len(points_mm)
    row, column = (np.floor(places(look.geometry, points_mm)).astype(np.int64).reshape(-1, 2) - corners).T
    inside = (row >= 0) & (row < quantum.shape[1]) & (column >= 0) & (column < quantum.shape[2])
    at = np.flatnonzero(inside), row[inside], column[inside]
    seen = np.zeros((2, len(row)))
    seen[:, inside] = quantum[at], rest[at]
    by_flaw = seen.reshape(2, len(points_mm), -1)
    noise = look.voxels.noise_per_mm(points_mm, *by_flaw, look.scanner.detector.transfer)
    any_inside = inside.reshape(len(points_mm), -1).any(1)
    return [float(v) if sees else None for v, sees in zip(noise, any_inside, strict=True)]
