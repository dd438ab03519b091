"""The recipe from shards to metrics, on toy balls with pores."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training import toy
from training.segment import TINY, Settings, generator, loss_history, run, settings_of, threshold_baseline
from training.unet import make_unet

SMALL = Settings(seed=0, steps=60, patch_voxels=16, batch=6, widths=(8, 16), learning_rate=1e-2)


def run_small(data, out, settings=SMALL):
    return run(data, out, settings, say=lambda text: None, on_step=lambda loss: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a dataset, a finished run's folder and its metrics."""
    folder = tmp_path_factory.mktemp("segment")
    data = toy.toy_dataset(folder / "data", side=40, pores=8, train=4, test=2)
    return data, folder / "run", run_small(data, folder / "run")


def test_the_loss_falls_and_unseen_pores_are_found(finished):
    _, _, metrics = finished
    assert metrics["evaluated_on"] == "test"
    assert metrics["loss"]["end"] < 0.5 * metrics["loss"]["start"]
    assert metrics["model"]["dice_pooled"] > 0.7
    assert metrics["model"]["detection_by_voxels_across"][">=5"]["rate"] == 1


def test_a_run_leaves_metrics_weights_and_a_picture(finished):
    _, out, metrics = finished
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "model.pt", "slices.png"]
    assert json.loads((out / "metrics.json").read_text()) == metrics
    model = make_unet(metrics["settings"]["widths"], generator(1, "any"))
    model.load_state_dict(torch.load(out / "model.pt", weights_only=True))
    with Image.open(out / "slices.png") as picture:
        assert picture.width > 1000


def test_the_same_seed_gives_the_same_metrics_to_the_byte_and_another_does_not(finished, tmp_path):
    data, _, _ = finished
    short = {"steps": 6, "patch_voxels": 16, "batch": 2, "widths": (4, 8)}
    for name, seed in {"a": 0, "b": 0, "c": 1}.items():
        run_small(data, tmp_path / name, Settings(seed=seed, **short))
    a, b, c = ((tmp_path / name / "metrics.json").read_bytes() for name in "abc")
    assert a == b
    assert json.loads(a)["loss"] != json.loads(c)["loss"]


def test_without_a_split_to_report_on_it_says_so(tmp_path):
    data = toy.toy_dataset(tmp_path / "data", side=24, pores=4, train=1)
    said = []
    settings = Settings(seed=0, steps=1, patch_voxels=8, batch=2, widths=(2, 4))
    metrics = run(data, tmp_path / "run", settings, say=said.append, on_step=lambda loss: None)
    assert metrics["evaluated_on"] == "train"
    assert "trained on" in metrics["warning"]
    assert any("warning" in text for text in said)


def test_baseline_finds_closed_holes_of_eight_voxels_and_nothing_else():
    image = np.zeros((20, 20, 20), np.float32)
    image[3:17, 3:17, 3:17] = 1
    image[6:8, 6:8, 6:8] = 0  # 8 voxels
    image[12, 12, 12:15] = 0  # 3 voxels
    image[10, 10, :8] = 0  # open to the air
    found = threshold_baseline(image)
    assert found[6:8, 6:8, 6:8].all()
    assert found.sum() == 8


def test_a_fresh_net_calls_nothing_and_keeps_the_size():
    model = make_unet((4, 8, 16), generator(0, "weights")).eval()
    out = model(torch.zeros(1, 1, 16, 16, 16)).detach()
    assert out.shape == (1, 1, 16, 16, 16)
    assert out.max() == pytest.approx(-math.log(99), abs=0.5)


def test_weights_come_from_the_generator_alone():
    first, again, other = (make_unet((4, 8), generator(seed, "weights")).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_steps_given_win_over_the_recipe():
    assert settings_of(seed=3, tiny=True, steps=5) == Settings(**TINY | {"seed": 3, "steps": 5})
    assert settings_of(seed=0) == Settings(seed=0)


def test_loss_history_is_means_of_tenths():
    assert loss_history([float(i) for i in range(100, 0, -1)]) | {"course": None} == {
        "start": 95.5,
        "end": 5.5,
        "course": None,
    }


@pytest.mark.slow
def test_tiny_beats_the_baseline_on_eight_scans(tmp_path):
    data = toy.toy_dataset(tmp_path / "data", side=96, pores=30, train=6, test=2)
    metrics = run_small(data, tmp_path / "run", settings_of(seed=0, tiny=True))
    assert metrics["loss"]["end"] < 0.3
    assert metrics["model"]["dice_pooled"] > max(0.88, metrics["baseline"]["dice_pooled"])
