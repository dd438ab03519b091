"""What a run leaves behind: RUN/metrics.json, and a picture of what was found, missed and called falsely."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw, ImageFont

from ctsim.files import write_file
from ctsim.messages import BadInput
from training.data import Scan
from training.evaluate import dice

PANEL_PX, GAP_PX, HEAD_PX = 300, 12, 30
DETAIL_VOXELS = 40  # edge of the enlarged region: two-voxel pores stay visible in volumes of any size
INK, PAPER = (235, 235, 235), (24, 24, 28)
# Okabe and Ito's colours, told apart by colour-blind readers too
COLOURS = {"truth": (86, 180, 233), "found": (0, 180, 130), "missed": (240, 228, 66), "false": (230, 80, 160)}


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """One slice of one scan, with what is true and what was predicted there.

    Attributes:
        title: What it shows.
        image: The slice, 1 is material.
        truth: Which of its pixels are defect.
        predictions: What each method calls defect, by its caption.
        centre: Row and column in the middle of the enlarged region.
    """

    title: str
    image: Float[np.ndarray, "row col"]
    truth: Bool[np.ndarray, "row col"]
    predictions: dict[str, Bool[np.ndarray, "row col"]]
    centre: tuple[int, int]


def claim_folder(out: Path, command: dict[str, Any], *, write: bool) -> None:
    """Raise BadInput unless `out` is new, empty, or holds a run of the same command; make it if `write`."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out must be a folder, got the file {str(out)!r}")
    if out.is_dir() and any(out.iterdir()):
        try:
            held = json.loads((out / "metrics.json").read_bytes())
        except (OSError, ValueError):
            held = {}
        if {key: held.get(key) for key in command} != command:
            raise BadInput(
                f"--out must be new, empty or a run of the same command, got {str(out)!r}; name another folder"
            )
    if write:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"--out {str(out)!r} cannot be made ({error.strerror}); name another folder") from None


def write_metrics(out: Path, metrics: dict[str, Any]) -> None:
    """Write RUN/metrics.json whole or not at all, last of all files: where it is, the run is complete."""
    write_file(out / "metrics.json", (json.dumps(metrics, indent=2, allow_nan=False) + "\n").encode())


def view_of(scan: Scan, model: Bool[np.ndarray, "z y x"], baseline: Bool[np.ndarray, "z y x"]) -> View:
    """Return the slice of a scan in which its largest defect is largest; the middle one if it has none."""
    z, row, col = (n // 2 for n in scan.image.shape)
    numbers = np.bincount(scan.instances[scan.target])
    if numbers.size:
        defect = scan.target & (scan.instances == numbers.argmax())
        z = int(defect.sum((1, 2)).argmax())
        row, col = (int(np.median(found)) for found in np.nonzero(defect[z]))
    counts = [(scan.target, called, scan.target & called) for called in (model, baseline)]
    scores = [dice(*(int(mask.sum()) for mask in masks)) for masks in counts]
    return View(
        title=f"{scan.key}   slice z = {z}   {len(scan.defects)} defects   voxel {scan.voxel_mm:.3g} mm",
        image=scan.image[z].astype(np.float32),
        truth=scan.target[z],
        predictions={f"U-Net, Dice {scores[0]:.2f} in 3D": model[z], f"Otsu, Dice {scores[1]:.2f} in 3D": baseline[z]},
        centre=(row, col),
    )


def draw_views(views: Sequence[View]) -> Image.Image:
    """Return one picture: a row a view; the whole slice, its detail, the detail with truth and with predictions."""
    columns = 3 + max(len(view.predictions) for view in views)
    row_px = HEAD_PX * 2 + PANEL_PX + GAP_PX
    sheet = Image.new("RGB", (GAP_PX + columns * (PANEL_PX + GAP_PX), HEAD_PX + GAP_PX + len(views) * row_px), PAPER)
    pen = ImageDraw.Draw(sheet)
    _legend(pen)
    for number, view in enumerate(views):
        top = HEAD_PX + GAP_PX + number * row_px
        pen.text((GAP_PX, top + 4), view.title, INK, _font(18))
        for column, (caption, panel) in enumerate(_panels(view).items()):
            left = GAP_PX + column * (PANEL_PX + GAP_PX)
            pen.text((left, top + HEAD_PX + 4), caption, INK, _font(16))
            sheet.paste(panel, (left, top + 2 * HEAD_PX))
    return sheet


def _panels(view: View) -> dict[str, Image.Image]:
    """Return the panels of one row by caption."""
    window, box = _detail(view)
    grey = np.repeat(np.clip(view.image / 1.3, 0, 1)[..., None] * 255, 3, axis=2).astype(np.uint8)
    whole = _enlarged(grey)
    scale = PANEL_PX / max(view.image.shape)
    ImageDraw.Draw(whole).rectangle([round(edge * scale) for edge in box], outline=COLOURS["missed"], width=2)
    truth = view.truth[window]
    panels = {"slice": whole, "detail (box)": _enlarged(grey[window])}
    panels["truth"] = _enlarged(_painted(grey[window], {"truth": truth}))
    for caption, called in view.predictions.items():
        here = called[window]
        verdicts = {"found": truth & here, "missed": truth & ~here, "false": here & ~truth}
        panels[caption] = _enlarged(_painted(grey[window], verdicts))
    return panels


def _detail(view: View) -> tuple[tuple[slice, slice], tuple[int, int, int, int]]:
    """Return the enlarged region as slices [row col] and as left, top, right, bottom."""
    starts = [
        int(np.clip(centre - DETAIL_VOXELS // 2, 0, max(0, size - DETAIL_VOXELS)))
        for centre, size in zip(view.centre, view.image.shape, strict=True)
    ]
    stops = [min(start + DETAIL_VOXELS, size) for start, size in zip(starts, view.image.shape, strict=True)]
    return (slice(starts[0], stops[0]), slice(starts[1], stops[1])), (starts[1], starts[0], stops[1], stops[0])


def _painted(grey: np.ndarray, masks: dict[str, np.ndarray]) -> np.ndarray:
    """Return the pixels with each mask laid over in its colour, the grey still shining through."""
    painted = grey.astype(np.float32)
    for name, mask in masks.items():
        painted[mask] = 0.3 * painted[mask] + 0.7 * np.array(COLOURS[name], np.float32)
    return painted.astype(np.uint8)


def _enlarged(pixels: np.ndarray) -> Image.Image:
    """Return the pixels in a panel: blocks where they are enlarged, so that each voxel shows; shape is kept."""
    scale = PANEL_PX / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    smooth = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return Image.fromarray(pixels).resize(size, smooth)


def _legend(pen: ImageDraw.ImageDraw) -> None:
    left = GAP_PX
    meanings = {"truth": "true defect", "found": "found", "missed": "missed", "false": "falsely called"}
    for name, meaning in meanings.items():
        pen.rectangle((left, 12, left + 16, 28), COLOURS[name])
        pen.text((left + 24, 8), meaning, INK, _font(18))
        left += 60 + round(pen.textlength(meaning, _font(18)))


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)
