"""A scenario's pictures, and the metadata file of the format (section 13) beside them."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from jaxtyping import Float

from ctsim.dataset.versions import made_by
from ctsim.files import write_file
from ctsim.radiograph import no_beam, open_beam, scan
from ctsim.scanner import Scanner, scanner_of
from ctsim.scenario.acquisition import Field
from ctsim.scenario.read import METADATA_TYPE, Scenario
from ctsim.shards import json_bytes
from scenes.seeds import stream

LEAST_FLAT = 1e-6
"""Grey value that a flat field is taken for at least, when it is divided by."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """What a scenario asks for.

    Attributes:
        scanner: What they were taken with.
        projections: Grey values, corrected where the scenario has them so.
        flats: Of the free beam.
        darks: Of no beam.
        max_intensity: Grey value of the free beam where it is strongest, in the first view, without noise.
    """

    scanner: Scanner
    projections: Float[np.ndarray, "view row col"]
    flats: Float[np.ndarray, "flat row col"]
    darks: Float[np.ndarray, "dark row col"]
    max_intensity: float


def take_pictures(scenario: Scenario, scanner: Scanner | None = None) -> Pictures:
    """Return the projections of a scenario, and its flat and dark fields.

    A correction takes off the mean dark field, divides by the mean flat field, and scales to the strongest free beam.

    Args:
        scenario: What is asked for.
        scanner: What takes them, if not just what the scenario says: one that averages a view over other poses, say.
    """
    course, scanner = scenario.acquisition, scanner or scanner_of(scenario.scan)
    projections = _projections(scenario, scanner)
    flats = [open_beam(scanner, key=key, frames=course.flat.frames)[0] for key in _keys(scenario, course.flat, "flat")]
    darks = [no_beam(scanner, key=key, frames=course.dark.frames) for key in _keys(scenario, course.dark, "dark")]
    free, dark = open_beam(scanner, key=None, frames=1)[0, 0], no_beam(scanner, key=None, frames=1)[0]
    strongest = float(free.max())
    if course.flat.correct or course.dark.correct:
        dark = np.mean(darks, axis=0)[0] if darks else dark
        projections = projections - dark
    if course.flat.correct:
        flat = np.mean(flats, axis=0)[0] if flats else free
        projections = projections * (strongest / np.maximum(flat - dark, LEAST_FLAT))
    none = [np.zeros((0, *free.shape), np.float32)]
    flat_fields, dark_fields = np.concatenate(none + flats), np.concatenate(none + darks)
    return Pictures(
        scanner=scanner, projections=projections, flats=flat_fields, darks=dark_fields, max_intensity=strongest
    )  # fmt: skip


def _projections(scenario: Scenario, scanner: Scanner) -> Float[np.ndarray, "view row col"]:
    rng, moves = stream(scenario.seed, 0, "photons"), scenario.moves
    if scenario.specimen.matter:
        return scan(scenario.specimen, scanner, rng=rng, moves=moves).counts[0]
    key = rng.integers(2**64, dtype=np.uint64) if scanner.noise else None
    views = [open_beam(scanner, key=key, views=slice(view, view + 1))[0] for view in range(scanner.true.views)]
    return np.concatenate(views)


def _keys(scenario: Scenario, field: Field, name: str) -> list[np.uint64] | list[None]:
    """Return a key of the noise for each flat or dark field; None for an ideal one."""
    if field.ideal or not scenario.scan.noise:
        return [None] * field.number
    return list(stream(scenario.seed, 0, f"{name} fields").integers(2**64, size=field.number, dtype=np.uint64))


def write_pictures(out: Path, scenario: Scenario, pictures: Pictures, origin: Path) -> int:
    """Write projections, flat and dark fields into out/projections, and NAME_metadata.json beside that folder.

    Args:
        out: Where to.
        scenario: What was asked for.
        pictures: What was taken.
        origin: The scenario file, which the metadata name.

    Returns:
        How many projections there are.
    """
    folder, name = out / "projections", scenario.name
    folder.mkdir(parents=True, exist_ok=True)
    for pattern, images in (
        (f"{name}_%04d.tif", pictures.projections),
        (field_name(name, "flat", len(pictures.flats)), pictures.flats),
        (field_name(name, "dark", len(pictures.darks)), pictures.darks),
    ):
        for number, image in enumerate(images):
            path = folder / pattern.replace("%04d", f"{number:04d}")
            # no software tag and no date: the same image, the same bytes
            tifffile.imwrite(
                path, stored(image, scenario.bits), photometric="minisblack", software=False, datetime=None,
                metadata=None,
            )  # fmt: skip
    where = os.path.relpath(origin.resolve(), out.resolve())
    write_file(out / f"{name}_metadata.json", json_bytes(metadata(scenario, pictures, where)))
    return len(pictures.projections)


def stored(image: Float[np.ndarray, "row col"], bits: int | None) -> np.ndarray:
    """Return an image as a file holds it: whole numbers of that many bits, or single precision."""
    if bits is None:
        return image.astype(np.float32)
    return np.clip(np.round(image), 0, 2**bits - 1).astype(np.uint8 if bits <= 8 else np.uint16)


def field_name(name: str, kind: str, number: int) -> str:
    """Return the name of a flat or dark field, with a place for its number where there are several."""
    return f"{name}_{kind}_%04d.tif" if number > 1 else f"{name}_{kind}.tif"


def metadata(scenario: Scenario, pictures: Pictures, origin: str) -> dict[str, Any]:
    """Return the metadata as section 13 of the format has them, with what else one should know of these pictures."""
    course, about = scenario.acquisition, scenario.values.get("file", {})
    rows, columns = pictures.scanner.true.rows, pictures.scanner.true.columns
    pitch_u_mm, pitch_v_mm = scenario.scan.detector.pitch_mm
    kind = "float32" if scenario.bits is None else "uint8" if scenario.bits <= 8 else "uint16"
    return {
        "file": {
            "name": scenario.name,
            "description": about.get("description"),
            "contact": about.get("contact"),
            "file_type": METADATA_TYPE,
            "file_format_version": {"major": 1, "minor": 2},
        },
        "output": {
            "system": f"ctsim {made_by((scenario.scan.backend,), (scenario.scan.fidelity,))['ctsim']}",
            "projections": {
                "filename": f"projections/{scenario.name}_%04d.tif",
                "number": len(pictures.projections),
                "frame_average": course.frames,
                "max_intensity": pictures.max_intensity,
                "datatype": kind,
                "byteorder": "little",
                "headersize": {"file": 0, "image": 0},
                "dimensions": {"x": {"value": columns, "unit": "px"}, "y": {"value": rows, "unit": "px"}},
                "pixelsize": {"x": {"value": pitch_u_mm, "unit": "mm"}, "y": {"value": pitch_v_mm, "unit": "mm"}},
                "dark_field": _about(scenario.name, "dark", course.dark),
                "flat_field": _about(scenario.name, "flat", course.flat),
                "bad_pixel_map": {"filename": None, "projections_corrected": False},
            },
            "tomogram": None,
        },
        "acquisition_geometry": {"path_to_CTSimU_JSON": origin},
        "reconstruction": {"software": None, "settings": {"geometry_nominal": pictures.scanner.nominal.to_json()}},
        "simulation": {
            "made_by": made_by((scenario.scan.backend,), (scenario.scan.fidelity,)),
            "scan": scenario.scan.model_dump(mode="json", exclude={"trajectory"}),
            "geometry_true": pictures.scanner.true.to_json(),
            "ctsimu_scenario": scenario.values,
        },
        "not_supported": [asdict(told) for told in scenario.not_supported],
    }


def _about(name: str, kind: str, field: Field) -> dict[str, Any]:
    return {
        "number": field.number,
        "frame_average": field.frames if field.number else None,
        "filename": f"projections/{field_name(name, kind, field.number)}" if field.number else None,
        "projections_corrected": field.correct,
    }
