"""A contact sheet: the first scenes of a dataset at a glance."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image, ImageDraw, ImageFont
from skimage.transform import resize

from ctsim.files import write_file
from scenes.fidelity import PRIMARY_ONLY

Sample = dict[str, Any]
"""A sample as `ctsim.shards` reads it: "key", the arrays by name, "scene" and "defects"."""

TILE = 256
"""Side of one picture [pixel]."""

GAP = 4
"""Between two pictures [pixel]."""

LINE = 15
"""Height of a line of text [pixel]."""

COLUMNS = ("radiograph", "a quarter on", "slice that shows most", "with labels", "all defects, through the part")
"""What stands above the pictures of a row."""

WIDTH = len(COLUMNS) * (TILE + GAP) + GAP

COLOURS = (
    (230, 60, 60), (255, 200, 40), (60, 200, 255), (220, 90, 255), (90, 230, 120), (255, 130, 30), (90, 120, 255),
    (255, 140, 190), (190, 255, 90), (0, 200, 180), (200, 150, 100), (170, 170, 255),
)  # fmt: skip
"""Of the defect classes, in their order, again from the first where there are more."""

COVER = 0.6
"""Of a slice, by the colour of a label."""

INK, PAPER = (220, 220, 220), (24, 26, 30)


def contact_sheet(samples: list[Sample], classes: list[dict]) -> Image.Image:
    """Return one row a scan: two radiographs, a slice, the same slice with its labels, and all defects in the part.

    The slice is the one along x, y or z that shows the most of the most kinds of defect, cut to what stands in it.
    """
    font = ImageFont.load_default(size=13)
    names = [c["name"] for c in classes if c["role"] == "defect"]
    shown = {record["kind"] for sample in samples for record in sample["defects"]}
    legend = _flowed([name for name in names if name in shown], font, 35)
    slices: dict[str, tuple[int, int]] = {}
    rows = []
    for sample in samples:
        defects = _defect_voxels(sample, names)
        scene = sample["scene"]["scene"]  # is looked at where its flawed twin was, or its pair
        twin = slices.get(scene["twin_of"]) or slices.get(scene.get("pair_of"))
        slices[sample["key"]] = twin or telling_slice(sample["fractions"].shape, *defects)
        pictures = _pictures(sample, defects, slices[sample["key"]], _fixture_class(sample, classes))
        rows.append((pictures, _captions(sample, font)))
    top = 8 + LINE * (len(legend) + 1) + 7
    sheet = Image.new("RGB", (WIDTH, top + sum(TILE + LINE * len(text) + 10 for _, text in rows)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for line, words in enumerate(legend):
        for x, name in words:
            y = 8 + LINE * line
            draw.rectangle((x, y + 1, x + 11, y + 12), fill=COLOURS[names.index(name) % len(COLOURS)])
            draw.text((x + 17, y), name, fill=INK, font=font)
    for column, heading in enumerate(COLUMNS):
        draw.text((8 + column * (TILE + GAP), top - LINE - 4), heading, fill=INK, font=font)
    for pictures, text in rows:
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (GAP + column * (TILE + GAP), top))
        for line, words in enumerate(text):
            draw.text((8, top + TILE + 2 + LINE * line), words, fill=INK, font=font)
        top += TILE + LINE * len(text) + 10
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, whole or not at all; in 256 colours, which takes a third of the space."""
    greys = [(level,) * 3 for level in np.linspace(0, 255, 256 - 12 * len(COLOURS))]
    colours = np.array(COLOURS)
    dark = [shade for k in np.linspace(0.3, 1, 6) for shade in k * colours]
    laid_over = [shade for level in np.linspace(0, 255, 6) for shade in COVER * colours + (1 - COVER) * level]
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(level) for colour in (*greys, *dark, *laid_over) for level in colour])
    stream = io.BytesIO()
    sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(stream, format="PNG", optimize=True)
    write_file(path, stream.getvalue())


def _fixture_class(sample: Sample, classes: list[dict]) -> int | None:
    """Return the class of what holds the parts, where it is none of theirs: they are looked at, not it."""
    scene = sample["scene"]["scene"]
    held_by = scene["fixture"] and scene["fixture"]["material"]
    if held_by in {name for item in scene["items"] for name in item["part"]["materials"].values()}:
        return None
    return next((c["value"] for c in classes if c["name"] == held_by), None)


def _pictures(
    sample: Sample, defects: tuple, which: tuple[int, int], fixture: int | None
) -> list[UInt8[np.ndarray, "side side 3"]]:
    """Return the pictures of a row.

    Args:
        sample: What they show.
        defects: Its voxels with defects; see `_defect_voxels`.
        which: Axis and index of the slice.
        fixture: The class of what holds the parts.
    """
    projections = sample["projections"]
    projections = projections[0] if projections.ndim == 4 else projections  # the lowest band
    radiographs = [_grey(-projections[view]) for view in (0, len(projections) // 4)]
    (places, shares, classes), (axis, index) = defects, which
    matter = np.where(sample["labels"] == fixture, 0, sample["labels"])
    labels, values = (np.take(array, index, axis) for array in (matter, sample["volume"]))
    window = _window(labels > 0)
    plain = _grey(values[window][::-1], _main_value(labels, values))
    here = places[axis] == index
    flat = [p[here] for i, p in enumerate(places) if i != axis]
    shape = tuple(n for i, n in enumerate(sample["fractions"].shape) if i != axis)
    labelled = _tinted(plain, COVER * (_by_class(shape, flat, np.ones(here.sum()), classes[here]) > 0), window)
    return [*radiographs, plain, labelled, _seen_through(matter > 0, places, shares, classes, axis)]


def _defect_voxels(
    sample: Sample, names: list[str]
) -> tuple[tuple[Int[np.ndarray, " voxel"], ...], Float[np.ndarray, " voxel"], Int[np.ndarray, " voxel"]]:
    """Return the z, y and x of all voxels that hold some of a defect, the share of each, and which class it is."""
    by_number = np.zeros(max((r["number"] for r in sample["defects"]), default=0) + 1, int)
    for record in sample["defects"]:
        by_number[record["number"]] = names.index(record["kind"])
    places = np.nonzero(sample["instances"])
    return places, sample["fractions"][places] / 255, by_number[sample["instances"][places]]


def telling_slice(
    shape: Sequence[int],
    places: Sequence[Int[np.ndarray, " voxel"]],
    shares: Float[np.ndarray, " voxel"],
    classes: Int[np.ndarray, " voxel"],
) -> tuple[int, int]:
    """Return the axis and the index of the slice that shows the most of the most classes.

    Of each class counts the root of the area that a slice shows, so that two classes tell more than one that is twice
    as large; the middle slice across z where there is nothing to see.

    Args:
        shape: Of the volume.
        places: Index along each axis of the voxels that hold some of a defect.
        shares: What a defect fills of each.
        classes: Which class it is of.
    """
    best = (0.0, 0, shape[0] // 2)
    for axis, (length, index) in enumerate(zip(shape, places, strict=True)):
        area = np.zeros((length, classes.max(initial=0) + 1))
        np.add.at(area, (index, classes), shares)
        told = np.sqrt(area).sum(axis=1)
        if told.max() > best[0]:
            best = (float(told.max()), axis, int(np.argmax(told)))
    return best[1], best[2]


def _by_class(
    shape: tuple[int, ...], places: Sequence[np.ndarray], shares: np.ndarray, classes: np.ndarray
) -> Float[np.ndarray, "class row col"]:
    """Return how much of each class there is in each pixel."""
    found = np.zeros((classes.max(initial=0) + 1, *shape))
    np.add.at(found, (classes, *places), shares)
    return found


def _window(matter: Shaped[np.ndarray, "row col"]) -> tuple[slice, slice]:
    """Return the least square that holds what is true, with two pixels about it, moved to lie within the image."""
    rows, columns = np.nonzero(matter.any(1))[0].tolist(), np.nonzero(matter.any(0))[0].tolist()
    if not rows:
        return slice(None), slice(None)
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 5

    def about(found: list[int], length: int) -> slice:
        start = min(max((found[0] + found[-1] - side) // 2 + 1, 0), max(length - side, 0))
        return slice(start, start + side)

    return about(rows, matter.shape[0]), about(columns, matter.shape[1])


def _seen_through(
    matter: Bool[np.ndarray, "z y x"], places, shares, classes, axis: int
) -> UInt8[np.ndarray, "side side 3"]:
    """Return the defects in their colours within the faint part, all seen along one axis."""
    thickness = matter.sum(axis).astype(float)
    window = _window(thickness > 0)
    faint = _grey(np.sqrt(thickness)[window][::-1]) // 2
    flat = [p for i, p in enumerate(places) if i != axis]
    return _tinted(faint, 1 - np.exp(-2 * _by_class(thickness.shape, flat, shares, classes)), window)


def _tinted(
    plain: UInt8[np.ndarray, "side side 3"], cover: Float[np.ndarray, "class row col"], window: tuple[slice, slice]
) -> UInt8[np.ndarray, "side side 3"]:
    """Return a picture of a window with classes laid over it, each in its colour, by how much each covers [0..1]."""
    picture = plain.astype(float)
    for colour, layer in zip(_cycle(len(cover)), cover, strict=True):
        alpha = _fitted_in(layer[window][::-1], order=0)[:, :, None]
        picture = (1 - alpha) * picture + alpha * np.array(colour)
    return picture.astype(np.uint8)


def _cycle(count: int) -> list[tuple[int, int, int]]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _main_value(labels: Shaped[np.ndarray, "row col"], values: Shaped[np.ndarray, "row col"]) -> float | None:
    """Return what is usual in the class that a slice holds most of beside air; None where there is air alone."""
    counts = np.bincount(labels[labels > 0])
    return float(np.median(values[labels == counts.argmax()])) if len(counts) else None


def _grey(image: Shaped[np.ndarray, "row col"], main: float | None = None) -> UInt8[np.ndarray, "side side 3"]:
    """Return an image scaled to a tile, from its 0.5th to its 99.8th percentile.

    Where `main` is given, white is 1.3 to 2.5 times that: what is denser is seen in it, and does not leave it black;
    and black is no less than a tenth of white below 0, however dark streaks are.
    """
    image = image.astype(float)
    low, high = np.percentile(image, [0.5, 99.8])
    if main is not None:
        high = np.clip(high, 1.3 * main, 2.5 * main)
        low = max(low, -0.1 * high)
    square = _fitted_in(np.clip((image - low) / max(high - low, 1e-12), 0, 1), order=1)
    return np.repeat((255 * square).astype(np.uint8)[:, :, None], 3, axis=2)


def _fitted_in(image: Float[np.ndarray, "row col"], order: int) -> Float[np.ndarray, "side side"]:
    """Return an image as large as a tile holds it, in its middle; the rest is 0."""
    scale = TILE / max(image.shape)
    size = tuple(max(1, round(n * scale)) for n in image.shape)
    tile, square = resize(image, size, order=order, anti_aliasing=order > 0), np.zeros((TILE, TILE))
    y, x = (TILE - size[0]) // 2, (TILE - size[1]) // 2
    square[y : y + size[0], x : x + size[1]] = tile
    return square


def _captions(sample: Sample, font: ImageFont.FreeTypeFont) -> list[str]:
    scene, scan = sample["scene"]["scene"], sample["scene"]["scene"]["scan"]
    kinds = [record["kind"] for record in sample["defects"]]
    flaws = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "no defects"
    parts = [item["part"] for item in scene["items"]]
    named = [f"{part['name']} ({', '.join(sorted(set(part['materials'].values())))})" for part in parts]
    counted = [(named.count(name), name) for name in dict.fromkeys(named)]
    names = ", ".join(f"{count} x {name}" if count > 1 else name for count, name in counted)
    magnification = scan["source_detector_mm"] / scan["source_object_mm"]
    least = sample["scene"]["quality"]["lowest_transmission"]
    lines = [
        f"{sample['key']}  {scene['split']}  {names}: {flaws}",
        f"{_beam(scan)}, {_fidelity(scan)}{scan['views']} views, x{magnification:.2f}, "
        f"voxel {scene['volume']['voxel_mm']:.3f} mm, least transmission {least:.2g}",
    ]
    return [" ".join(word for _, word in words) for line in lines for words in _flowed(line.split(" "), font, 4)]


def _fidelity(scan: dict[str, Any]) -> str:
    """Return the fidelity where it is more than the primary beam."""
    fidelity = scan.get("fidelity", PRIMARY_ONLY)
    return "" if fidelity == PRIMARY_ONLY else f"{fidelity}, "


def _beam(scan: dict[str, Any]) -> str:
    energies = [energy for energy, _ in scan.get("spectrum") or ()]
    return f"{max(energies):.0f} keV" if energies else f"{scan['tube_kv']:.0f} kV"


def _flowed(words: Sequence[str], font: ImageFont.FreeTypeFont, between: int) -> list[list[tuple[int, str]]]:
    """Return words in lines that the sheet is wide enough for, each with its place from the left [pixel]."""
    lines: list[list[tuple[int, str]]] = [[]]
    x = 8
    for word in words:
        width = int(font.getlength(word)) + between
        if lines[-1] and x + width > WIDTH - 8:
            lines.append([])
            x = 8
        lines[-1].append((x, word))
        x += width
    return lines
