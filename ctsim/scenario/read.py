"""CTSimU scenario files (format 1.2) read: the scan, the specimen, how it moves, and what is not done as asked.

    scenario = read_scenario(Path("02_simple_scan_circular.json"))

Reference: CTSimU Scenario Descriptions, a data format specification in JSON, version 1.2 (BAM, 2023).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ctsim.detector.response import response_of
from ctsim.scanner import spectrum_of
from ctsim.scenario.acquisition import Acquisition, read_acquisition
from ctsim.scenario.beam import is_monochromatic, read_beam, read_spot
from ctsim.scenario.matter import Materials, read_materials
from ctsim.scenario.panel import dead_time_s, integration_time, noise_is_given, read_panel
from ctsim.scenario.placing import Stand
from ctsim.scenario.samples import Moves, place_samples, read_sample
from ctsim.scenario.stands import aligned, brightest, check_between, things_of, vectors_of
from ctsim.scenario.values import Book, Node, NotSupported, unused
from defects.messages import BadInput
from scenes.body import VOID
from scenes.build import Specimen
from scenes.fidelity import PRIMARY_ONLY
from scenes.json_file import read_json
from scenes.records import Record, validated
from scenes.scene import ScanSpec
from scenes.trajectory import TrajectorySpec, distances_mm

FILE_TYPE, METADATA_TYPE = "CTSimU Scenario", "CTSimU Metadata"
VERSIONS = ((1, 0), (1, 1), (1, 2))
IN_ITS_WORDS = {"trajectory.vectors: row": "geometry: view", "trajectory: ": "", "vectors: row": "geometry: view"}
"""What our records call things, and what the format does."""

SPOT_POINTS = 4, 55
"""Of the focal spot, least and most."""

DARK = 1e-6
"""Energy that the free beam leaves in the detector, in keV per mm2 and mAs at 1 m: less is none."""

RAYS_PER_PIXEL = 3
"""Along each side, unless `simulation.ctsim.rays_per_pixel` says otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """What a scenario file asks for.

    Attributes:
        name: Of the file, without its ending.
        scan: How it is scanned.
        specimen: What stands there in the first view; nothing, for pictures of the free beam.
        moves: How its solids move against the stage from there, a matrix a view and solid; None: nothing does.
        acquisition: The course of the scan; flat and dark fields.
        bits: Of the grey values that are written; None for single precision.
        seed: Of the noise.
        not_supported: What it asks for and is not done.
        values: The file as it was read.
    """

    name: str
    scan: ScanSpec
    specimen: Specimen
    moves: Moves | None
    acquisition: Acquisition
    bits: int | None
    seed: int
    not_supported: tuple[NotSupported, ...]
    values: dict[str, Any]


def is_scenario(values: Any) -> bool:
    """Return whether JSON holds a CTSimU scenario, and not a scene of ours."""
    if not isinstance(values, dict):
        return False
    about = values.get("file")
    typed = isinstance(about, dict) and about.get("file_type") == FILE_TYPE
    return typed or {"geometry", "acquisition"} <= set(values)


def is_metadata(values: Any) -> bool:
    """Return whether JSON holds what stands beside the pictures of a scenario (section 13 of the format)."""
    about = values.get("file") if isinstance(values, dict) else None
    return isinstance(about, dict) and about.get("file_type") == METADATA_TYPE


def read_scenario(path: Path, values: Any = None) -> Scenario:
    """Return the scenario of a file.

    Args:
        path: The file; the others that it names lie beside it.
        values: What it holds, where it is read already.

    Raises:
        BadInput: It contradicts itself, or names what does not exist.
    """
    values = read_json(path) if values is None else values
    root = Node(values, "", Book(file=path))
    _check_version(root["file"])
    materials, course = read_materials(root["materials"].items()), read_acquisition(root["acquisition"])
    true, told = (things_of(root["geometry"], course, known) for known in (False, True))
    panel = read_panel(root["detector"], materials, course.binning)
    pitch = panel["pixel_mm"], panel["pixel_v_mm"]
    vectors, nominal = vectors_of(*true, pitch), vectors_of(*told, pitch)
    motion = course.motion(panel["integration_s"], dead_time_s(root["detector"]), root["acquisition"])
    orbit = {"vectors": vectors.tolist(), "nominal_vectors": nominal.tolist(), **motion}
    rows = _validated(TrajectorySpec, orbit, path.name).vectors  # what follows counts on them
    ours, seed = _settings(root["simulation"])
    record = {
        **_lit(root, materials, course.views, true),
        "detector": _calibrated({**panel, "frames": course.frames}, root, vectors[0]),
        "views": course.views,
        "trajectory": orbit,
        "focal_spot": _sampled(read_spot(root["source"]["spot"], aligned(true)), rows, panel["pixel_mm"]),
        "flat_frames": course.flat.frames,
        "noise": noise_is_given(panel),
        "fidelity": "hybrid" if course.scattering else PRIMARY_ONLY,
    }
    scan = _validated(ScanSpec, _merged(record, ours), path.name)
    _check_light(scan, path.name)
    specimen, moves = place_samples([read_sample(s, materials) for s in root["samples"].items()], true[2], course.views)
    check_between(specimen, moves, vectors, path.name)
    if motion and moves is not None:
        root["acquisition"]["scan_mode"].tell("samples that do not go with the stage stand still while a view is taken")
    return Scenario(
        name=path.stem, scan=scan, specimen=specimen, moves=moves, acquisition=course, bits=panel["bits"], seed=seed,
        not_supported=(*root.book.told, *unused(root.book, values)), values=values,
    )  # fmt: skip


def _check_version(node: Node) -> None:
    """Raise BadInput for a format that is not read here."""
    if not isinstance(node.value, dict):
        raise node.wrong("must hold file_type and file_format_version")
    node["file_type"].text((FILE_TYPE,))
    version = tuple(node["file_format_version"][part].whole() for part in ("major", "minor"))
    if version not in VERSIONS:
        given = ".".join(str(part) for part in version)
        raise BadInput(
            f"{node.book.file.name}: file.file_format_version is {given}, expected 1.0, 1.1 or 1.2; convert the file "
            "with the CTSimU toolbox"
        )
    node.use()


def _settings(node: Node) -> tuple[dict[str, Any], int]:
    """Return what `simulation.ctsim` holds: fields of a scan as in a scene.json, and the seed of the noise.

    They stand for what the rest of the file says; settings of other programs are told.
    """
    for program in sorted(node.keys - {"ctsim"}):
        node[program].tell("settings of another program")
    own = node["ctsim"].use()
    if not isinstance(own.value, dict | None):
        raise own.wrong("must be an object in braces")
    fields = {"rays_per_pixel": RAYS_PER_PIXEL, **(own.value or {})}
    fields.pop("seed", None)
    return fields, own["seed"].whole(otherwise=0)


def _merged(record: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a record with other values for some fields, those of records within it among them."""
    return record | {
        key: _merged(record[key], new) if isinstance(new, dict) and isinstance(record.get(key), dict) else new
        for key, new in over.items()
    }


def _sampled(
    spot: dict[str, Any] | None, vectors: tuple[tuple[float, ...], ...], pixel_mm: float
) -> dict[str, Any] | None:
    """Return the focal spot with as many points as its shadow is wide: 16 to a pixel of its standard deviation.

    From `simulation.ctsim.focal_spot.points` it may have another number.
    """
    if spot is None:
        return None
    detector_mm, stage_mm = distances_mm(vectors)
    size_mm = max(spot["size_u_mm"], spot["size_v_mm"]) / (1.0 if spot["shape"] == "gaussian" else 12**0.5)
    shadow = size_mm * (detector_mm / stage_mm - 1) / pixel_mm
    return {**spot, "points": int(np.clip(np.ceil(4 + 16 * shadow), *SPOT_POINTS))}


def _lit(root: Node, materials: Materials, views: int, things: tuple[Stand, Stand, Stand]) -> dict[str, Any]:
    """Return the beam, behind what fills the room: a filter as thick as the way from source to detector.

    What samples displace of it is left out, and so is the longer way to the detector's corners: 1e-4 of the beam each
    for 20 mm of part, or 10 deg, at 60 keV and 400 mm of air.
    """
    beam = read_beam(root["source"], materials, integration_time(root["detector"]), views)
    room = root["environment"]
    room["temperature"].use()
    name, (source, detector, _) = materials.named(room["material_id"]), things
    if name in (None, VOID):
        return beam
    way_mm = float(np.linalg.norm(detector.centre_mm[0] - source.centre_mm[0]))
    return {**beam, "filters": {**beam["filters"], name: beam["filters"].get(name, 0.0) + way_mm}}


def _calibrated(panel: dict[str, Any], root: Node, row: Float[np.ndarray, "12"]) -> dict[str, Any]:
    """Return the panel with grey values that hold for the foot of the source's normal.

    imax is what the brightest point of the panel shows in the first view: that foot, or the point next to it.
    """
    node = root["detector"]["gray_value"]
    if panel.keys() & {"grey_values", "counts_per_kev"} and is_monochromatic(root["source"]):
        if "free_beam_counts" not in panel:
            raise node.wrong("must hold imax: of a beam of one energy the number of photons is not given")
        node.tell("imax and imin are taken: of a beam of one energy the number of photons is not given")
        panel = {key: value for key, value in panel.items() if key not in ("grey_values", "counts_per_kev")}
        panel["dark_counts"] = node["imin"].steady() or 0.0
    if "free_beam_counts" not in panel:
        return panel
    share = brightest(row, panel["rows"], panel["columns"])
    if not share > 0:
        raise root["geometry"]["detector"].wrong("must stand where the free beam arrives")
    free = panel["free_beam_counts"] / share
    # beside the panel the converter may end below the free beam: then the file's bits are cut when it is written
    beyond = panel["bits"] is not None and panel["dark_counts"] + free > 2 ** panel["bits"] - 1
    return {**panel, "free_beam_counts": free, **({"bits": None} if beyond else {})}


def _check_light(scan: ScanSpec, source: str) -> None:
    """Raise BadInput where the tables do not hold for the beam, or nothing of it is left for the detector to take."""
    spectrum = spectrum_of(scan)
    taken = (response_of(scan.detector, spectrum.energies_kev).first @ spectrum.photons).sum()
    if not taken > DARK:
        raise BadInput(
            f"{source}: the free beam leaves nothing in the detector; give thinner filters, a higher voltage, or a "
            "detector that takes more"
        )


def _validated(model: type[Record], record: dict[str, Any], source: str) -> Any:
    """Return the record, or raise BadInput in the words of the format."""
    try:
        return validated(model, record, source)
    except BadInput as error:
        told = str(error)
        for ours, theirs in IN_ITS_WORDS.items():
            told = told.replace(ours, theirs)
        raise BadInput(told) from error
