"""From the numbers of a scan to its scanner; every path from a dataset's file to its radiographs; what is refused."""

import numpy as np
import pytest

from ctsim.dataset.plan import check_at_the_door
from ctsim.materials import mu_per_mm
from ctsim.pipeline import render
from ctsim.scanner import scanner_of, spectrum_of
from defects.messages import BadInput
from scenes.build import build
from scenes.detector import DetectorSpec
from scenes.orbit import true_rows
from scenes.parts import load_part, load_parts
from scenes.sample import sample
from scenes.scene import ScanSpec, SceneSpec
from scenes.spec import read_dataset_spec
from tests.ctsim.small import SPEC, changed, ctsim, write


def settings(**changes) -> ScanSpec:
    values = {
        "exposure_mas": 2.0, "source_detector_mm": 500.0, "source_object_mm": 250.0, "views": 4,
        "detector": DetectorSpec(rows=16, columns=16, pixel_mm=1.0),
    }  # fmt: skip
    return ScanSpec(**values | changes)


# --- the beam ---


def test_a_listed_spectrum_is_what_leaves_the_tube_and_is_filtered_by_beer_and_lambert():
    pairs = ((40.0, 3e5), (60.0, 5e5), (100.0, 2e5))
    s = spectrum_of(settings(spectrum=pairs, filters={"Al": 2.0, "Cu": 0.1}))
    np.testing.assert_array_equal(s.energies_kev, [40, 60, 100])
    mu = 2.0 * mu_per_mm("Al", (40.0, 60.0, 100.0)) + 0.1 * mu_per_mm("Cu", (40.0, 60.0, 100.0))
    np.testing.assert_allclose(s.photons, np.array([3e5, 5e5, 2e5]) * np.exp(-mu))


def test_a_single_pair_is_a_single_energy_and_needs_no_tube():
    """1e6 photons per mm2 and mAs at 1 m, 2 mAs, 0.5 m away, 1 mm2: 8e6 photons, attenuated as exp(-mu d)."""
    scanner = scanner_of(settings(spectrum=((80.0, 1e6),)))
    assert scanner.detector.photons == pytest.approx(8e6)
    (beam,) = scanner.readings(("Al",), 50.0)
    np.testing.assert_allclose(beam.mu_per_mm, [mu_per_mm("Al", (80.0,))])
    np.testing.assert_allclose(beam.mean, [1.0])


@pytest.mark.parametrize("energy_kev", [0.5, 900.0])
def test_an_energy_outside_the_tables_is_refused(energy_kev):
    with pytest.raises(BadInput, match=f"energies must lie within 1 to 800 keV, got {energy_kev:g}"):
        scanner_of(settings(spectrum=((energy_kev, 1e6),)))


# --- from a dataset's file to radiographs ---


def circle_of_vectors() -> list[list[float]]:
    path = ScanSpec(
        tube_kv=120, exposure_mas=1, detector={"rows": 32, "columns": 32, "pixel_mm": 4.0}, source_detector_mm=800,
        source_object_mm=300, views=24,
    )  # fmt: skip
    return true_rows(path, np.arange(24.0)).tolist()


PATHS = {
    "circle": {},
    "short": {"range_deg": "short", "clockwise": True, "start_deg": 45},
    "helix": {"range_deg": 1080, "pitch_mm": 16},
    "laminography": {"tilt_deg": 30},
    "offset": {"detector_shift_mm": [24, 2]},
    "vectors": {"vectors": circle_of_vectors()},
    "deviations": {"deviations": [{"of": "detector", "axis": "w", "turn_deg": 0.5},
                                  {"of": "source", "axis": "x", "shift_mm": [0, 2, -1], "known": True},
                                  {"of": "stage", "axis": "u", "turn_deg": [0, 0.2]}]},
    "continuous": {"motion": "continuous", "instants": 3, "exposure_share": 0.8},
}  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_every_path_goes_from_a_dataset_to_radiographs_that_show_the_part_and_air_about_it(tmp_path, name):
    values = changed(("scan", "trajectory"), PATHS[name])
    values["scan"]["focal_spot"] = {"shape": "disc", "size_u_mm": 0.5, "size_v_mm": 0.5, "points": 4}
    spec = read_dataset_spec(write(tmp_path, values))
    check_at_the_door(spec, tmp_path)
    scene = sample(spec, 0, lambda choice: load_part(choice, tmp_path))
    assert SceneSpec.from_json(scene.to_json()) == scene
    scanner, radiographs = render(scene, build(scene, load_parts(scene, tmp_path)))
    counts = radiographs.counts.reshape(24, 32, 32)
    shown = counts / radiographs.flat.reshape(32, 32)
    assert scanner.nominal.views == scanner.true.views == 24
    assert (shown.min(axis=(1, 2)) < 0.5).all()  # 20 mm of aluminium and more, in every view
    assert (shown.max(axis=(1, 2)) > 0.98).all()  # and air


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        ({"trajectory": {"range": 180}}, "scan.trajectory.range: unknown key 'range'; did you mean 'range_deg'?"),
        ({"trajectory": {"motion": "stop"}}, "scan.trajectory.motion: unknown motion 'stop'"),
        ({"trajectory": {"vectors": [[1, 2, float("nan")] * 4] * 24}}, "scan.trajectory.vectors: row 0 must hold fin"),
        ({"trajectory": {"vectors": circle_of_vectors()[:7]}}, "scan: trajectory.vectors must hold one row a view"),
        ({"trajectory": {"vectors": "none.csv"}}, "no file of vectors"),
        ({"trajectory": {"pitch_mm": 400, "range_deg": 720}}, "pitch_mm 400 is too steep"),
        ({"trajectory": {"detector_shift_mm": [70, 0]}}, "detector_shift_mm moves the detector by 70 mm along u"),
        ({"trajectory": {"deviations": [{"of": "source", "axis": "x", "shift_mm": 2000}]}},
         "part 'cube' stands behind the detector in view 0"),
        ({"trajectory": {"deviations": [{"of": "stage", "axis": "q", "turn_deg": 1}]}},
         "scan.trajectory.deviations.0.axis: unknown axis 'q'"),
        ({"focal_spot": {"shape": "ring", "size_u_mm": 1, "size_v_mm": 1}}, "scan.focal_spot.shape: unknown shape"),
        ({"spectrum": [[1200, 5]]}, "spectrum: energies must lie within 1 to 800 keV, got 1200"),
    ],
)  # fmt: skip
def test_a_path_that_makes_no_sense_ends_with_one_message_and_exit_code_2(tmp_path, monkeypatch, capsys, scan, words):
    beam = {"tube_kv": SPEC["scan"]["tube_kv"]} if "spectrum" not in scan else {}
    bare = {name: value for name, value in SPEC["scan"].items() if name != "tube_kv"}
    path = write(tmp_path, changed(("scan",), {**bare, **beam, **scan}))
    code, _, errors = ctsim(monkeypatch, capsys, "generate", path, "--out", tmp_path / "out")
    assert code == 2
    assert words in " ".join(errors.split())
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()
