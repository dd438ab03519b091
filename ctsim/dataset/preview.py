"""A contact sheet: the first scenes of a dataset at a glance."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageDraw, ImageFont
from skimage.transform import resize

from ctsim.files import write_file

Sample = dict[str, Any]
"""A sample as `ctsim.shards` reads it: "key", the arrays by name, "scene" and "defects"."""

TILE = 256
"""Side of one picture [pixel]."""

TEXT = 34
"""Height of the two lines of text under a row of pictures [pixel]."""

COLOURS = (
    (230, 60, 60), (255, 200, 40), (60, 200, 255), (220, 90, 255), (90, 230, 120), (255, 130, 30), (90, 120, 255),
    (255, 140, 190), (190, 255, 90), (0, 200, 180), (200, 150, 100), (170, 170, 255),
)  # fmt: skip
"""Of the defect classes, in their order, again from the first where there are more."""


def contact_sheet(samples: list[Sample], classes: list[dict]) -> Image.Image:
    """Return one row a scan: two radiographs, a slice through the most defects, the same slice with its labels."""
    sheet = Image.new("RGB", (4 * TILE + 20, len(samples) * (TILE + TEXT + 6) + 30), (24, 26, 30))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    _legend(draw, font, classes, {record["kind"] for sample in samples for record in sample["defects"]})
    for row, sample in enumerate(samples):
        top = 30 + row * (TILE + TEXT + 6)
        for column, picture in enumerate(_pictures(sample, classes)):
            sheet.paste(Image.fromarray(picture), (4 + column * (TILE + 4), top))
        for line, text in enumerate(_captions(sample)):
            draw.text((8, top + TILE + 2 + 15 * line), text, fill=(220, 220, 220), font=font)
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, whole or not at all."""
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    write_file(path, stream.getvalue())


def _pictures(sample: Sample, classes: list[dict]) -> list[UInt8[np.ndarray, "side side 3"]]:
    projections = sample["projections"]
    projections = projections[0] if projections.ndim == 4 else projections  # the lowest band
    radiographs = [_grey(-projections[view]) for view in (0, len(projections) // 4)]
    # the slice that shows the most of the most defects
    z = int(np.argmax(np.sqrt(sample["fractions"].astype(float)).sum((1, 2))))
    plain = _grey(sample["volume"][z][::-1])
    return [*radiographs, plain, _labelled(plain, sample, z, classes)]


def _grey(image: Shaped[np.ndarray, "row col"]) -> UInt8[np.ndarray, "side side 3"]:
    """Return an image scaled to a tile, from its 0.5th to its 99.8th percentile."""
    image = image.astype(float)
    low, high = np.percentile(image, [0.5, 99.8])
    scaled = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
    tile = resize(scaled, _fitted(image.shape), order=1, anti_aliasing=True)
    square = np.zeros((TILE, TILE))
    y, x = (TILE - tile.shape[0]) // 2, (TILE - tile.shape[1]) // 2
    square[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return np.repeat((255 * square).astype(np.uint8)[:, :, None], 3, axis=2)


def _fitted(shape: tuple[int, int]) -> tuple[int, int]:
    scale = TILE / max(shape)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _labelled(plain: UInt8[np.ndarray, "side side 3"], sample: Sample, z: int, classes: list[dict]) -> np.ndarray:
    """Return the slice with every voxel that holds some of a defect tinted in its class's colour."""
    tinted = plain.astype(float)
    kinds = [c["name"] for c in classes if c["role"] == "defect"]
    by_number = {record["number"]: kinds.index(record["kind"]) for record in sample["defects"]}
    slice_ = sample["instances"][z][::-1]
    instances = resize(slice_, (TILE, TILE), order=0, preserve_range=True, anti_aliasing=False).astype(int)
    for number in np.unique(instances[instances > 0]):
        where = instances == number
        tinted[where] = 0.45 * tinted[where] + 0.55 * np.array(COLOURS[by_number[number] % len(COLOURS)])
    return tinted.astype(np.uint8)


def _captions(sample: Sample) -> list[str]:
    scene, scan = sample["scene"]["scene"], sample["scene"]["scene"]["scan"]
    kinds = [record["kind"] for record in sample["defects"]]
    flaws = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "no defects"
    parts = [item["part"] for item in scene["items"]]
    names = ", ".join(dict.fromkeys(part["name"] for part in parts))
    materials = ", ".join(sorted({name for part in parts for name in part["materials"].values()}))
    magnification = scan["source_detector_mm"] / scan["source_object_mm"]
    least = sample["scene"]["quality"]["lowest_transmission"]
    return [
        f"{sample['key']}  {scene['split']}  {names} ({materials}): {flaws}",
        f"{_beam(scan)}, {scan['views']} views, x{magnification:.2f}, "
        f"voxel {scene['volume']['voxel_mm']:.3f} mm, least transmission {least:.2g}",
    ]


def _beam(scan: dict[str, Any]) -> str:
    energies = [energy for energy, _ in scan.get("spectrum") or ()]
    return f"{max(energies):.0f} keV" if energies else f"{scan['tube_kv']:.0f} kV"


def _legend(draw: ImageDraw.ImageDraw, font, classes: list[dict], shown: set[str]) -> None:
    words = "radiographs, the second a quarter on; slice; with labels:"
    draw.text((8, 8), words, fill=(220, 220, 220), font=font)
    x = 24 + int(draw.textlength(words, font=font))
    for number, record in enumerate(c for c in classes if c["role"] == "defect"):
        if record["name"] in shown:
            draw.rectangle((x, 9, x + 12, 21), fill=COLOURS[number % len(COLOURS)])
            draw.text((x + 17, 8), record["name"], fill=(220, 220, 220), font=font)
            x += 35 + int(draw.textlength(record["name"], font=font))
