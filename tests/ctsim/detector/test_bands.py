"""A panel that counts photons in bands, and one with all faults, through the whole chain."""

import json
import sys

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from ctsim import cli
from ctsim.pipeline import make_sample, render
from ctsim.shards import read_samples
from scenes.build import build
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.scene import read_scene_spec
from scenes.spec import read_dataset_spec
from tests.ctsim import small

COUNTING = {
    "rows": 32, "columns": 32, "pixel_mm": 4.0, "scintillator": "CdTe@5.85", "scintillator_mm": 1.0,
    "thresholds_kev": [25, 45, 70], "energy_fwhm_kev": 6.0, "dark_counts": 0, "electronic_noise_counts": 0,
    "bits": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A folder with a dataset of one scan by a counting panel, and its scene."""
    folder = tmp_path_factory.mktemp("bands")
    spec = small.write(folder, {**small.changed(("scan", "detector"), COUNTING), "scenes": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ctsim", "generate", str(spec), "--out", str(folder / "one"), "--workers", "1"])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
    made = next(iter(read_samples(folder / "one")))
    (folder / "scene.json").write_text(json.dumps(made["scene"]))
    return folder, made


def test_a_sample_holds_one_set_of_projections_a_band(counted):
    _, made = counted
    assert made["projections"].shape == (3, 24, 32, 32)
    assert made["scene"]["storage"]["projections"]["axes"] == "band view row col"
    assert made["scene"]["storage"]["volume"]["axes"] == "z y x"
    # each higher band sees less matter: attenuation falls with the energy
    inside = made["projections"][:, :, 14:18, 14:18].astype(float).mean((1, 2, 3))
    assert inside[0] > inside[1] > inside[2] > 0


def test_it_passes_the_check_and_is_drawn(counted, monkeypatch, capsys):
    folder, _ = counted
    code, out, err = small.ctsim(monkeypatch, capsys, "check", folder / "one")
    assert code == 0, out + err
    assert small.ctsim(monkeypatch, capsys, "preview", folder / "one", "--out", folder / "sheet.png")[0] == 0
    assert (folder / "sheet.png").stat().st_size > 10_000


def test_the_volume_is_that_of_all_counts_together(counted):
    folder, stored = counted
    scene = read_scene_spec(folder / "scene.json")
    parts = load_parts(scene, folder / "one")
    made = make_sample(scene, parts, ("air", "Al", "gas_pore"))
    np.testing.assert_array_equal(made.attenuation.astype(np.float16), stored["projections"])
    single = scene.model_copy(
        update={"scan": scene.scan.model_copy(update={"detector": scene.scan.detector.model_copy(
            update={"thresholds_kev": (25.0,)})})}
    )  # fmt: skip
    whole = make_sample(single, parts, ("air", "Al", "gas_pore"))
    # the same photons in one band: the same volume but for the noise
    solid = made.volume > 0.5 * made.volume.max()
    assert made.volume[solid].mean() == pytest.approx(whole.volume[solid].mean(), rel=0.02)


def test_render_writes_an_image_a_band_as_floats_where_there_is_no_converter(counted, monkeypatch, capsys):
    folder, _ = counted
    (folder / "parts").mkdir()
    (folder / "parts" / "cube.npz").write_bytes((folder / "one" / "parts" / "cube.npz").read_bytes())
    code, out, _ = small.ctsim(monkeypatch, capsys, "render", folder / "scene.json", "--out", folder / "tiffs")
    assert code == 0
    assert "24 projections of cube" in out
    scene = read_scene_spec(folder / "scene.json")
    scanner, radiographs = render(scene, build(scene, load_parts(scene, folder)))
    assert len(list((folder / "tiffs" / "projections").iterdir())) == 72
    image = tifffile.imread(folder / "tiffs" / "projections" / "view_00005_band_2.tif")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, radiographs.counts[2, 5])
    assert (folder / "tiffs" / "flat_band_1.tif").is_file()
    # the free beam of a band holds as many counts as its photons make
    np.testing.assert_allclose(radiographs.flat[:, 15, 15], scanner.detector.free_beam_counts, rtol=0.05)


def test_a_panel_with_all_faults_still_shows_the_part(tmp_path):
    """Bad pixels known, lag, blur, gain and drift: the volume is the clean panel's to a few per cent in the part."""
    faults = {
        "rows": 32, "columns": 32, "pixel_mm": 4.0, "gain_spread": 0.05, "offset_spread_counts": 20,
        "dead_pixels": 0.01, "hot_pixels": 0.01, "drifting_pixels": 0.02, "drift_spread": 0.01, "lag": [[0.02, 3]],
        "spatial_resolution_mm": 4.0, "bad_pixels": [[16, 16, 0]], "bits": 14, "free_beam_counts": 12000,
    }  # fmt: skip
    volumes = []
    for name, detector in (("faulty", faults), ("clean", small.SPEC["scan"]["detector"])):
        folder = tmp_path / name
        folder.mkdir()
        spec = read_dataset_spec(small.write(folder, small.changed(("scan", "detector"), detector)))
        scene = sample(spec, 0, lambda choice, folder=folder: load_part(choice, folder))
        made = make_sample(scene, load_parts(scene, folder), ("air", "Al", "gas_pore"))
        volumes.append(made.volume)
    inner = ndimage.binary_erosion(made.truth.labels == 1, iterations=2)
    assert np.median(volumes[0][inner]) == pytest.approx(np.median(volumes[1][inner]), rel=0.03)
