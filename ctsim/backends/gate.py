"""What arrives on the panel, scatter included, by GATE 10 (https://opengate.readthedocs.io; Geant4), a peer.

It comes with the extra `gate` and is chosen with `scan: fidelity: gate`. GATE runs in processes of its own
(`ctsim.backends.gate_process`), a few for each view, because Geant4 keeps one simulation a process and ends it where
something is wrong.

Which photon is which: GATE counts how often each has met the processes `compt` and `Rayl`, so single and multiple
scattering are told apart exactly, whatever the spectrum. A photon with a parent was sent out by an atom and counts as
fluorescence, scattered or not.

What is left out: the focal spot is the point in its middle and the stage stands still, as `Exposure.middle` has it; the
heel weighs photons by the direction in which they set out, and hardens nothing; there is no air.

Solids that touch are let stand side by side: Geant4 forbids overlaps, and a shared face is none. Vertices are handed
over in double precision, because STL's single precision would move shared faces by up to 4e-6 mm against each other.
"""

import contextlib
import importlib.util
import itertools
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xraylib
from jaxtyping import Float, Int, UInt8

from ctsim import doctor
from ctsim.detector.response import Response
from ctsim.geometry import Geometry, Grid
from ctsim.materials import material
from ctsim.montecarlo.arrivals import COMPTON, PRIMARY, Arrivals
from ctsim.scanner import Scanner
from ctsim.transmit import falloff
from ctsim.truth import occupancy
from defects.messages import BadInput, unknown
from scenes.body import VOID
from scenes.build import Solid, Specimen
from scenes.fidelity import GateSpec

PHYSICS_LISTS = {
    "G4EmStandardPhysics": "epics2017/rayl",
    "G4EmStandardPhysics_option3": "epics2017/rayl",
    "G4EmStandardPhysics_option4": "penelope/pdatconf.p08",
    "G4EmStandardPhysicsGS": "penelope/pdatconf.p08",
    "G4EmPenelopePhysics": "penelope/pdatconf.p08",
    "G4EmLivermorePhysics": "ioni",
    "G4EmLowEPPhysics": "photoelectric_angular/ftab0.dat",
}
"""Physics list -> what of G4EMLOW it needs beside the cross-sections; options 1 and 2 have no Rayleigh scattering."""

TABLES = {
    "epics2017/phot/pe-cs-{}.dat": (2, 4, 2),
    "epics2017/phot/pe-high-{}.dat": (0, 3, 7),
    "epics2017/phot/pe-low-{}.dat": (0, 3, 7),
    "epics2017/rayl/re-cs-{}.dat": (2, 4, 2),
}
"""What an element is read from -> which of its numbers says how many rows follow, how many stand before them, and how
many in each. Geant4 takes half a file of the second and third without a word, and T of 20 mm of aluminium is 2 % off.
"""

MOST_PHOTONS = 20_000_000
"""Of one process: what it writes down takes some 60 bytes of disk for each that arrives."""

STEP_KEV = 0.1
"""Between the energies that the response is given for, beside those of the spectrum."""

MARGIN_MM = 1.0
"""Between the world's end and what lies in it."""

LOOK_S = 0.02
"""Between two looks at whether the processes are done."""

SUMS = "sums.pickle"
"""What a process leaves."""

WORKER = Path(__file__).with_name("gate_process.py")

STATIC_TLS = "glibc.rtld.optional_static_tls=2000000"
"""What opengate asks for where its libraries find no room to be loaded."""


def arrivals(
    specimen: Specimen,
    scanner: Scanner,
    spec: GateSpec,
    views: Sequence[int],
    *,
    response: Callable[[np.ndarray], Response],
    seed: int,
    shape: tuple[int, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Arrivals:
    r"""Return what arrives on the panel in some views.

    Photons leave the middle of the focal spot evenly over the solid angle $\Omega$ of the panel, energies drawn from
    the spectrum. With N of them sent out, a pixel's mean is the sum over the photons that arrive in it

    $$ \frac{\Omega}{N \Omega_p h_p \bar m_1} \sum_i h(d_i) \, m_1(E_i), \qquad \bar m_1 = \sum_E p(E) m_1(E) $$

    with its solid angle $\Omega_p$ and the heel h in the direction d in which a photon set out; deviation is that of
    the sum. Photons come straight on for the response, whatever their direction.

    Args:
        specimen: What stands on the stage.
        scanner: What looks at it.
        spec: Photons, physics and how the solids are given.
        views: Which of the scanner's.
        response: What a photon of each energy [keV] leaves in the panel, as `ctsim.detector.response.response_of`.
        seed: The same gives the same photons, for as many processes.
        shape: Rows and columns that the whole panel is cut into; None for its own.
        progress: Told how many views are done, and of how many.

    Raises:
        BadInput: opengate or Geant4's data are missing or cannot serve, the specimen reaches into the panel, or GATE
            ended in the middle or took too long.
    """
    matter = [solid for solid in specimen.solids if solid.material != VOID]
    if not matter:
        raise BadInput("there is nothing to scan: the defects have taken all of the part")
    names = tuple(sorted({solid.material for solid in matter}))
    environment = require(spec, names)
    shape = shape or (scanner.true.rows, scanner.true.columns)
    free, table = _free_signal(scanner, response), _table(scanner, response)
    what = {
        "physics_list": spec.physics_list,
        "fluorescence": spec.fluorescence,
        "materials": [_composition(names, name) for name in names],
        "energies_kev": scanner.spectrum.energies_kev.tolist(),
        "weights": _shares(scanner).tolist(),
    }
    done = []
    with tempfile.TemporaryDirectory(prefix="ctsim-gate-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        bodies = _bodies(matter, names, spec, folder)
        for view in views:
            sight = _sight(scanner.true.some(slice(view, view + 1)))
            beam, sector = _beam(sight)
            sent = math.ceil(spec.photons * sector / sight.pixel_sr.sum())
            scene = what | beam | _placed(bodies, sight, folder)
            panel = _panel(sight, shape, scanner.heel) | table
            sums = _run(scene, panel, sent, spec, [seed, view], folder, environment)
            weight = sight.pixel_sr if scanner.heel is None else sight.pixel_sr * scanner.heel
            done.append(_estimates(sums, sent, _rebinned(weight / sector, shape), free))
            if progress is not None:
                progress(len(done), len(views))
    mean, deviation, variance = (np.stack(parts, axis=2) for parts in zip(*done, strict=True))
    together = np.sqrt((deviation[COMPTON:] ** 2).sum(0))  # a photon is of one kind
    return Arrivals(
        mean=mean, deviation=deviation, scatter_deviation=together, variance=variance, photons=spec.photons
    )  # fmt: skip


# the door


def require(spec: GateSpec, materials: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment that GATE is to run in; a look at the disk, nothing is started and nothing fetched.

    Raises:
        BadInput: opengate is not installed, or Geant4's data are missing, damaged or too few for the physics list.
    """
    if spec.physics_list not in PHYSICS_LISTS:
        raise unknown("physics_list", spec.physics_list, PHYSICS_LISTS)
    if _missing():
        raise BadInput(
            f"fidelity gate needs {' and '.join(_missing())}: pip install 'ctsim[gate]'; or choose fidelity: "
            "monte-carlo"
        )
    if fault := doctor.geant4_fault():
        raise BadInput(f"fidelity gate needs Geant4's data, but {fault}: {doctor.how_to_get_geant4_data()}")
    folder = doctor.geant4_data()
    tables, states = (sorted(folder.glob(f"{start}*"))[-1] for start in ("G4EMLOW", "G4ENSDFSTATE"))
    if not (tables / PHYSICS_LISTS[spec.physics_list]).exists():
        raise BadInput(
            f"physics_list {spec.physics_list} needs {PHYSICS_LISTS[spec.physics_list]}, which {tables} does not hold "
            f"(a reduced set of data); choose physics_list: G4EmStandardPhysics_option3, or get the official data: "
            f"{doctor.how_to_get_geant4_data()}"
        )
    for z in sorted({xraylib.SymbolToAtomicNumber(s) for name in materials for s, _ in material(name).mass_fractions}):
        for name, layout in TABLES.items():
            _check_table(tables / name.format(z), *layout)
    # set, so that nothing is looked for elsewhere, and nothing fetched
    found = {"G4LEDATA": tables, "G4ENSDFSTATEDATA": states}
    for variable, start in (("G4LEVELGAMMADATA", "PhotonEvaporation"), ("G4PIIDATA", "G4PII")):
        found[variable] = max(folder.glob(f"{start}*"), default=folder / start)  # named, but not opened for photons
    kept = os.environ.get("GLIBC_TUNABLES")
    return {
        **os.environ,
        "GATEONRTD": "1",  # or opengate looks for its own data as it is imported, and fetches what is missing
        **{variable: str(path) for variable, path in found.items()},
        "GLIBC_TUNABLES": f"{kept}:{STATIC_TLS}" if kept else STATIC_TLS,
    }


def unavailable(physics_list: str = "G4EmStandardPhysics_option3") -> str | None:
    """Return why GATE cannot be used here and what to do about it, or None where it can."""
    try:
        require(GateSpec(physics_list=physics_list))
    except BadInput as error:
        return str(error)
    return None


def _missing() -> list[str]:
    return [name for name in doctor.EXTRAS["gate"][1] if importlib.util.find_spec(name) is None]


def _check_table(path: Path, place: int, before: int, in_each: int) -> None:
    """Raise BadInput unless a file holds as many rows as it says."""
    try:
        words = path.read_text().split()
        whole = len(words) >= before + in_each * int(words[place])
    except FileNotFoundError:
        raise _damaged(f"there is no {path}") from None
    except (OSError, ValueError, IndexError):
        whole = False
    if not whole:
        raise _damaged(f"{path} is damaged: it must hold as many rows as it says at its beginning")


def _damaged(what: str) -> BadInput:
    return BadInput(f"fidelity gate needs Geant4's data, but {what}: {doctor.how_to_get_geant4_data()}")


# what GATE is given


class _Bodies(NamedTuple):
    """What stands on the stage, in its frame: meshes, or voxels in their stead."""

    meshes: list[tuple[Float[np.ndarray, "vertex 3"], Int[np.ndarray, "face 3"], str]]
    voxels: tuple[Path, Grid, Float[np.ndarray, "3"]] | None


def _bodies(matter: Sequence[Solid], names: Sequence[str], spec: GateSpec, folder: Path) -> _Bodies:
    """Return what stands on the stage; voxels are written into the folder."""
    if spec.solids == "meshes":
        return _Bodies([(*solid.mesh(), _alias(names, solid.material)) for solid in matter], None)
    grid, middle, voxels = voxels_of(matter, names, spec.voxels)
    np.save(folder / "voxels.npy", voxels)
    return _Bodies([], (folder / "voxels.npy", grid, middle))


def _alias(names: Sequence[str], name: str) -> str:
    """Return what a material is called in GATE, which has an Al and a water of its own."""
    return f"m{names.index(name)}"


def voxels_of(
    matter: Sequence[Solid], names: Sequence[str], count: int
) -> tuple[Grid, Float[np.ndarray, "3"], UInt8[np.ndarray, "z y x"]]:
    """Return voxels about some solids, where their middle lies [mm], and the material with the largest share in each.

    Args:
        matter: Solids that do not overlap.
        names: Their materials; voxels number them from 1, and 0 is none.
        count: Voxels along the longest side.
    """
    corners = np.concatenate([solid.mesh()[0] for solid in matter])
    low, high = corners.min(0), corners.max(0)
    voxel_mm, middle = float((high - low).max()) / count, (low + high) / 2
    sides = np.maximum(np.ceil((high - low) / voxel_mm - 1e-9).astype(int), 1)
    grid = Grid(shape=(int(sides[2]), int(sides[1]), int(sides[0])), voxel_mm=voxel_mm)
    shares = np.zeros((len(names), *grid.shape))
    for solid in matter:
        box, share = occupancy(replace(solid, surface=solid.surface.translate(tuple(-middle))), grid)
        shares[names.index(solid.material)][box] += share
    fullest = shares.argmax(0)
    voxels = np.where(shares.max(0) > 1 - shares.sum(0), fullest + 1, 0).astype(np.uint8)
    return grid, middle, voxels


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sight:
    """A view in the panel's frame: the source in the origin, x along the panel's normal, z against its columns.

    Attributes:
        geometry: Of the one view.
        axes: Of the frame, as rows.
        corner_mm: Outer corner of pixel (0, 0) in the panel's plane (y, z).
        width_mm: Along all of a row, in that plane.
        height_mm: Along all of a column.
    """

    geometry: Geometry
    axes: Float[np.ndarray, "3 3"]
    corner_mm: Float[np.ndarray, "2"]
    width_mm: Float[np.ndarray, "2"]
    height_mm: Float[np.ndarray, "2"]

    def of(self, points_mm: Float[np.ndarray, "point 3"]) -> Float[np.ndarray, "point 3"]:
        """Return points of the stage's frame in this one."""
        return (points_mm - self.geometry.source_mm[0]) @ self.axes.T

    @property
    def distance_mm(self) -> float:
        """From the source to the panel's plane."""
        return float(self.geometry.distance_mm[0])

    @property
    def ends_mm(self) -> Float[np.ndarray, "2 2"]:
        """The lowest and the highest (y, z) of the panel."""
        far = self.corner_mm + self.width_mm + self.height_mm
        return np.stack([np.minimum(self.corner_mm, far), np.maximum(self.corner_mm, far)])

    @property
    def pixel_sr(self) -> Float[np.ndarray, "row col"]:
        """The solid angle of every pixel."""
        area_mm2 = np.linalg.norm(self.geometry.u_mm[0]) * np.linalg.norm(self.geometry.v_mm[0])
        return falloff(self.geometry)[0] * area_mm2 / self.distance_mm**2


def _sight(geometry: Geometry) -> _Sight:
    """Return how the only view of a geometry sees.

    Raises:
        BadInput: The pixels are no rectangles.
    """
    u, v = geometry.u_mm[0], geometry.v_mm[0]
    size = np.linalg.norm(u) * np.linalg.norm(v)
    if abs(u @ v) > 1e-6 * size:
        raise BadInput(
            f"fidelity gate: the detector's rows must be at a right angle to its columns, got {u @ v:g} of {size:g} "
            "mm2; choose fidelity: monte-carlo"
        )
    normal, up = geometry.normal[0], -v / np.linalg.norm(v)
    axes = np.stack([normal, np.cross(up, normal), up])
    corner, u, v = ((axes @ vector)[1:] for vector in (geometry.corner_ray_mm[0], u, v))
    return _Sight(
        geometry=geometry, axes=axes, corner_mm=corner, width_mm=u * geometry.columns, height_mm=v * geometry.rows
    )


def _placed(bodies: _Bodies, sight: _Sight, folder: Path) -> dict[str, Any]:
    """Return the specimen as a view sees it; meshes are written into the folder.

    Raises:
        BadInput: It reaches into the panel.
    """
    meshes = [(sight.of(points), faces, name) for points, faces, name in bodies.meshes]
    voxels, reach = None, [points for points, _, _ in meshes]
    if bodies.voxels is not None:
        file, grid, middle = bodies.voxels
        half = np.array(grid.shape[::-1]) * grid.voxel_mm / 2
        signs = np.array(list(itertools.product((-1, 1), repeat=3)))
        reach, centre = [sight.of(middle + signs * half)], sight.of(middle[None])[0]
        voxels = (str(file), grid.voxel_mm, sight.axes.tolist(), centre.tolist())
    furthest = max(float(points[:, 0].max()) for points in reach)
    if not furthest < sight.distance_mm:
        raise BadInput(
            f"fidelity gate: the part must lie before the panel, {sight.distance_mm:g} mm from the source, but "
            f"{'its voxels reach' if voxels else 'it reaches'} {furthest:g} mm; raise source_detector_mm"
        )
    for i, (points, faces, _) in enumerate(meshes):
        _write_ply(folder / f"{i}.ply", points, faces)
    far = max(float(np.abs(points).max()) for points in [*reach, sight.ends_mm, np.array([sight.distance_mm])])
    return {
        "solids": [(str(folder / f"{i}.ply"), name) for i, (_, _, name) in enumerate(meshes)],
        "voxels": voxels,
        "world_mm": far + MARGIN_MM,
    }


def _write_ply(path: Path, points: Float[np.ndarray, "vertex 3"], faces: Int[np.ndarray, "face 3"]) -> None:
    """Write a mesh, vertices in double precision."""
    rows = np.zeros(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    lines = [
        "ply", "format binary_little_endian 1.0",
        f"element vertex {len(points)}", *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", "",
    ]  # fmt: skip
    path.write_bytes("\n".join(lines).encode() + points.astype("<f8").tobytes() + rows.tobytes())


def _beam(sight: _Sight) -> tuple[dict[str, Any], float]:
    """Return the directions that photons set out in, and their solid angle [sr].

    They fill azimuths and inclinations that hold the panel: 1.5 % more of them than the panel where that is 10 deg to
    each side. What sets out beside it is not counted, whatever becomes of it.
    """
    (left, low), (right, high) = sight.ends_mm
    nearest, widest = float(np.clip(0.0, left, right)), max(left, right, key=abs)
    # a height subtends most where the panel is nearest, and a negative lowest one least where it is furthest
    heights = [math.atan2(z, math.hypot(sight.distance_mm, y)) for z in (low, high) for y in (nearest, widest)]
    azimuths = [math.atan2(y, sight.distance_mm) for y in (left, right)]
    beam = {
        "inclination_deg": [90 + math.degrees(angle) for angle in (min(heights), max(heights))],
        "azimuth_deg": [180 + math.degrees(angle) for angle in azimuths],
    }
    return beam, (azimuths[1] - azimuths[0]) * (math.sin(max(heights)) - math.sin(min(heights)))


def _panel(sight: _Sight, shape: tuple[int, int], heel: Float[np.ndarray, "row col"] | None) -> dict[str, Any]:
    """Return where the panel stands, and what it is cut into."""
    return {
        "shape": shape,
        "corner_mm": sight.corner_mm,
        "distance_mm": sight.distance_mm,
        "ends_mm": sight.ends_mm,
        "to_shares": np.linalg.inv(np.stack([sight.width_mm, sight.height_mm], axis=1)),
        "heel": heel,
    }


def _rebinned(image: Float[np.ndarray, "row col"], shape: tuple[int, int]) -> Float[np.ndarray, "new_row new_col"]:
    """Return an image of sums cut into other rows and columns; what lies across a border goes to both by its share."""
    ends = [np.linspace(0, size, count + 1) for size, count in zip(image.shape, shape, strict=True)]
    below = [np.clip(end[:, None] - np.arange(size), 0, 1) for end, size in zip(ends, image.shape, strict=True)]
    rows, columns = (np.diff(b, axis=0) for b in below)
    return rows @ image @ columns.T


def _composition(names: Sequence[str], name: str) -> tuple[str, float, list[str], list[float]]:
    """Return a material as GATE takes it."""
    what = material(name)
    symbols, fractions = zip(*what.mass_fractions, strict=True)
    return _alias(names, name), what.density_g_cm3, list(symbols), list(fractions)


# what photons leave


def _table(scanner: Scanner, response: Callable[[np.ndarray], Response]) -> dict[str, np.ndarray]:
    """Return the response from nothing to the highest energy, to be interpolated; exact at the spectrum's energies."""
    top = float(scanner.spectrum.energies_kev.max())
    # a photon never gains energy; 1 keV is where cross-sections begin
    energies = np.union1d(np.arange(1.0, top, STEP_KEV), scanner.spectrum.energies_kev)
    found = response(energies)
    first, second = (np.pad(part, ((0, 0), (1, 0))) for part in (found.first, found.second))
    return {"energies_kev": np.concatenate([[0.0], energies]), "first": first, "second": second}


def _free_signal(scanner: Scanner, response: Callable[[np.ndarray], Response]) -> Float[np.ndarray, " band"]:
    """Return the mean signal of a photon of the free beam."""
    return response(scanner.spectrum.energies_kev).first @ _shares(scanner)


def _shares(scanner: Scanner) -> Float[np.ndarray, " energy"]:
    """Return the share of the photons that has each energy of the spectrum."""
    return scanner.spectrum.photons / scanner.spectrum.photons.sum()


def _estimates(
    sums: dict[str, np.ndarray], sent: int, beam: Float[np.ndarray, "row col"], free: Float[np.ndarray, " band"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, deviation [kind band row col] and variance [2 band row col] of the signal.

    Args:
        sums: Over all photons, of the signal, its square and its second moment.
        sent: How many photons there were.
        beam: Share of them that sets out for each pixel.
        free: Mean signal of a photon of the free beam.
    """
    signal, square, moment = (sums[name].reshape(5, len(free), *beam.shape) for name in ("signal", "square", "moment"))
    scale = sent * beam * free[:, None, None]
    spread = np.maximum(square - signal**2 / sent, 0)
    apart = np.stack([moment[PRIMARY], moment[COMPTON:].sum(0)])
    return signal / scale, np.sqrt(spread) / scale, apart / (scale * free[:, None, None])


# the processes


def _run(
    scene: dict[str, Any], panel: dict[str, Any], sent: int, spec: GateSpec, seed: list[int], folder: Path,
    environment: dict[str, str],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the sums over all photons of a view, sent out by as many processes at once as are wanted."""
    count = min(max(spec.processes, math.ceil(sent / MOST_PHOTONS)), sent)
    # Geant4 takes seeds of 31 bits
    seeds = np.random.SeedSequence(seed).generate_state(count) >> 1
    jobs = [
        {"scene": scene | {"photons": sent // count + (i < sent % count), "seed": int(seeds[i])}, "panel": panel}
        for i in range(count)
    ]
    total: dict[str, np.ndarray] = {}
    for first in range(0, count, spec.processes):
        for sums in _side_by_side(jobs[first : first + spec.processes], folder, environment, spec):
            total = {name: total.get(name, 0) + part for name, part in sums.items()}
    return total


def _side_by_side(
    jobs: list[dict[str, Any]], folder: Path, environment: dict[str, str], spec: GateSpec
) -> list[dict[str, np.ndarray]]:
    """Return what becomes of each job; no process and no file is left, whatever happens."""
    with contextlib.ExitStack() as stack:
        places = [Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder))) for _ in jobs]
        running = []
        for job, place in zip(jobs, places, strict=True):
            (place / "job.pickle").write_bytes(pickle.dumps(job))
            running.append(_start(place, environment))
            stack.callback(_end, running[-1])
        deadline = time.monotonic() + spec.timeout_s
        while sum(_is_done(process, place) for process, place in zip(running, places, strict=True)) < len(running):
            if time.monotonic() > deadline:
                raise BadInput(
                    f"fidelity gate: GATE took more than timeout_s: {spec.timeout_s:g} s for a view; raise it, or take "
                    "fewer photons or more processes"
                )
            time.sleep(LOOK_S)
        return [pickle.loads((place / SUMS).read_bytes()) for place in places]


def _is_done(process: subprocess.Popen, place: Path) -> bool:
    """Return whether a process has ended well.

    Raises:
        BadInput: It has ended, and not well.
    """
    if process.poll() is None:
        return False
    if process.returncode or not (place / SUMS).exists():
        raise _gone(process.returncode, place)
    return True


def _start(place: Path, environment: dict[str, str]) -> subprocess.Popen:
    """Start GATE on the job that lies in a folder; what it says goes there."""
    with (place / "said").open("wb") as said:
        return subprocess.Popen(
            # -P: the folder of the program must not be searched for modules
            [sys.executable, "-P", str(WORKER), str(place)],
            cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def _gone(code: int, place: Path) -> BadInput:
    """Return the error for a process that has ended before its job was done."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", (place / "said").read_text(errors="replace"))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    words = [line for line in lines if line.startswith("G4Exception:")] or lines[-1:]
    last = f"; its last words: {words[0]}" if words else ""
    killed = "; it was killed, which a lack of memory does" if code == -signal.SIGKILL else ""
    return BadInput(
        f"fidelity gate: GATE ended before its photons were sent out (exit code {code}){killed}{last}; mend that, or "
        "choose fidelity: monte-carlo"
    )
