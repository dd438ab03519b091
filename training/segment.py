"""Segment defects in CT volumes with a small 3D U-Net.

    ctsim-train segment --data DIR --out RUN
    ctsim-train segment --data DIR --tiny     # one to two minutes on two CPU cores, eight scans of 96^3

Every kind of defect is one class. The last weights are the result: nothing is chosen on the split that is reported.
On the demo the tiny run takes 69 s on two cores and finds 13 of the held-out part's 21 defects, with 5.5 false calls a
volume; Otsu's threshold finds 5 with none. Dice 0.67 against 0.52. Six scans teach little, and the score is not steady:
with other noise in the same scans it was 0.45 and 0.58. The full run is not yet measured.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from jaxtyping import Bool, Float
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from scipy import ndimage

from ctsim.shards import read_dataset
from training.data import Scan, check_shards, defect_values, load_scans, otsu, splits
from training.evaluate import PartScore, score_part, summary
from training.patches import PatchSampler
from training.report import View, claim_folder, draw_views, view_of, write_metrics
from training.unet import make_unet

BASELINE_MIN_VOXELS = 8  # smaller closed holes are noise more often than pores
WARM_UP = 0.1  # of all steps; with the usual 0.3 the loss of sparse small pores stood still for 80 of 200 steps
PICTURED = 4  # scans in the picture
WINDOW_VOXELS = 64  # of inference; the net is fully convolutional, so larger than a patch is fine and wastes less
ON_TRAIN = "evaluated on the scans it was trained on: the scores say nothing about new parts; generate a test split"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train: all that decides the outcome beside the data."""

    seed: int
    steps: int = 4000
    patch_voxels: int = 64
    batch: int = 8
    widths: tuple[int, ...] = (16, 32, 64, 128)
    learning_rate: float = 3e-3


TINY = {"steps": 200, "patch_voxels": 24, "batch": 6, "widths": (8, 16, 32), "learning_rate": 1e-2}


def settings_of(*, seed: int, tiny: bool = False, steps: int | None = None) -> Settings:
    """Return the settings of a command line; tiny ones take about a minute on two CPU cores."""
    return Settings(seed=seed, **((TINY if tiny else {}) | ({"steps": steps} if steps else {})))


def generator(seed: int, stage: str) -> torch.Generator:
    """Return the generator of one stage of a run: the same arguments, the same numbers."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{stage}".encode()))


@contextmanager
def reproducible() -> Iterator[None]:
    """Let torch use only kernels that give the same bits each time, and leave it as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def train(
    sampler: PatchSampler, settings: Settings, device: torch.device, on_step: Callable[[float], None]
) -> tuple[torch.nn.Module, list[float]]:
    """Return the trained net and the loss of every step.

    Dice is taken over the whole batch, since half of the patches may hold no defect at all.
    """
    model = make_unet(settings.widths, generator(settings.seed, "weights")).to(device).train()
    loss_of = DiceCELoss(sigmoid=True, batch=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR
    schedule = one_cycle(optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=WARM_UP)
    rng = generator(settings.seed, "patches")
    losses = []
    for _ in range(settings.steps):
        images, targets = sampler.batch(settings.batch, rng)
        loss = loss_of(model(images.to(device)), targets.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        on_step(losses[-1])
    return model.eval(), losses


@torch.inference_mode()
def predict(
    model: torch.nn.Module, image: Float[np.ndarray, "z y x"], device: torch.device
) -> Bool[np.ndarray, "z y x"]:
    """Return where the net calls a defect (probability above one half), from overlapping windows."""
    volume = torch.from_numpy(image.astype(np.float32))[None, None]
    window = (WINDOW_VOXELS,) * 3
    logits = sliding_window_inference(
        volume, window, 1, model, overlap=0.25, mode="gaussian", sw_device=device, device="cpu"
    )
    return (logits[0, 0] > 0).numpy()


def threshold_baseline(image: Float[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Return the closed holes of the part: what lies below Otsu's threshold and is not joined to the air outside.

    Takes no training. It cannot see what opens to the surface, nor what is denser than the part. A hole is joined
    over faces only and has at least 8 voxels.
    """
    empty, count = ndimage.label(image <= otsu(image))
    voxels = np.bincount(empty.ravel(), minlength=count + 1)
    hole = voxels >= BASELINE_MIN_VOXELS
    hole[0] = False
    for axis in range(3):
        hole[np.unique(np.take(empty, (0, -1), axis=axis))] = False
    return hole[empty]


def score(scan: Scan, prediction: Bool[np.ndarray, "z y x"]) -> PartScore:
    """Return the counts of one scan."""
    return score_part(scan.key, prediction, scan.target, scan.instances, scan.fractions, scan.defects)


def evaluate(model: torch.nn.Module, scans: Iterator[Scan], device: torch.device) -> tuple[dict[str, Any], list[View]]:
    """Return the figures of the net and of the baseline, and views of the first scans; holds one scan at a time."""
    parts: dict[str, list[PartScore]] = {"model": [], "baseline": []}
    views: list[View] = []
    for scan in scans:
        predictions = {"model": predict(model, scan.image, device), "baseline": threshold_baseline(scan.image)}
        for name, prediction in predictions.items():
            parts[name].append(score(scan, prediction))
        if len(views) < PICTURED:
            views.append(view_of(scan, predictions["model"], predictions["baseline"]))
    return {name: summary(scores) for name, scores in parts.items()}, views


def run(
    folder: Path, out: Path, settings: Settings, say: Callable[[str], None], on_step: Callable[[float], None]
) -> dict[str, Any]:
    """Return the metrics of one run, after writing them, the weights and a picture to `out`.

    All input is checked before anything is written. The training scans are held in memory (6 bytes a voxel).
    """
    dataset = read_dataset(folder)
    defect_values(dataset)
    reported = next((split for split in ("test", "validation") if split in splits(dataset)), "train")
    for split in dict.fromkeys(("train", reported)):
        check_shards(folder, split)
    metrics = {
        "recipe": "segment",
        "settings": {**asdict(settings), "widths": list(settings.widths)},
        "data": {"name": dataset["name"], "sha256": hashlib.sha256((folder / "dataset.json").read_bytes()).hexdigest()},
    }
    claim_folder(out, metrics, write=False)
    scans = list(load_scans(folder, "train"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sampler = PatchSampler(scans, settings.patch_voxels)
    claim_folder(out, metrics, write=True)
    if reported == "train":
        say(f"warning: {ON_TRAIN}")
    say(
        f"training on {len(scans)} scans, {settings.steps} steps, on {device.type}; reporting on the split {reported!r}"
    )
    with reproducible():
        model, losses = train(sampler, settings, device, on_step)
        figures, views = evaluate(model, load_scans(folder, reported), device)
    metrics |= {
        "evaluated_on": reported,
        "warning": ON_TRAIN if reported == "train" else None,
        "scans": {"train": len(scans), "evaluated": len(figures["model"]["dice_per_part"])},
        "device": device.type,
        "versions": {"torch": torch.__version__, "monai": monai.__version__},
        "loss": loss_history(losses),
        **figures,
    }
    torch.save(model.cpu().state_dict(), out / "model.pt")
    draw_views(views).save(out / "slices.png")
    write_metrics(out, metrics)
    return metrics


def loss_history(losses: Sequence[float]) -> dict[str, Any]:
    """Return the mean loss of the first and the last tenth of the steps, and of each twentieth in between."""
    tenth = max(1, len(losses) // 10)
    course = np.array_split(np.array(losses), min(20, len(losses)))
    return {
        "start": round(float(np.mean(losses[:tenth])), 6),
        "end": round(float(np.mean(losses[-tenth:])), 6),
        "course": [round(float(chunk.mean()), 6) for chunk in course],
    }
