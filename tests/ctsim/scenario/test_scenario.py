"""CTSimU scenarios read, rendered and written: another renderer's pictures, closed forms, and the way back."""

import contextlib
import json
import shutil
import sys
import warnings

import numpy as np
import pytest
import tifffile

from ctsim import cli
from ctsim.geometry import circular
from ctsim.materials import mu_per_mm
from ctsim.scenario.read import Scenario, is_scenario, read_scenario
from ctsim.scenario.render import take_pictures
from ctsim.scenario.write import write_scenario
from ctsim.trajectory import nominal_geometry, true_geometry
from defects.messages import BadInput
from tests.ctsim import small
from tests.ctsim.scenarios import element, sample, scenario, write
from tests.shared_data import SHARED, needs_shared

EXAMPLES = SHARED and SHARED / "validation" / "ctsimu_scenarios"


@pytest.fixture
def ctsim(monkeypatch, capsys):
    return lambda *arguments: small.ctsim(monkeypatch, capsys, *arguments)


def read(folder, **changes) -> Scenario:
    """Return the small scenario with some of its sections changed."""
    return read_scenario(write(folder, scenario(**changes)))


def section(name: str, **changes) -> dict:
    """Return a section of the small scenario with some keys changed."""
    return {name: {**scenario()[name], **changes}}


# ------------------------------------------------------------------------------------- another renderer's pictures


@needs_shared
def test_another_renderers_picture_of_a_turning_tetrahedron_is_met(ctsim, tmp_path):
    """CTSimU's example 02 through the command line, from the file alone; frame 7 at +126 deg fixes the sense."""
    code, out, err = ctsim("render", EXAMPLES / "02_simple_scan_circular.json", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "21 projections of 02_simple_scan_circular" in out
    for frame in (0, 7):
        name = f"02_simple_scan_circular_{frame:04d}.tif"
        ours, theirs = (tifffile.imread(p / name) for p in (tmp_path / "out" / "projections", EXAMPLES))
        assert ours.dtype == theirs.dtype
        assert np.sqrt(np.mean((ours.astype(float) - theirs) ** 2)) < 8


@needs_shared
def test_another_renderers_picture_with_every_parameter_is_met(tmp_path):
    """CTSimU's example 01: tables, a mixture, a wobbling stage, a frame that does not turn, a tilted detector.

    Before it is blurred its free beam is what that renderer says of it, 45000.43, to 0.1 %: the absolute number of
    photons of the spectrum, filters, air, efficiency and the curve of grey values. Its picture shows 2 % less in the
    middle and as much in the corners: a long-range unsharpness, a setting of that renderer alone. So both pictures are
    divided by their own flat fields; what is left is noise, 0.3 % in theirs.
    """
    values = json.loads((EXAMPLES / "01_full_example.json").read_text())
    values["acquisition"]["number_of_projections"] = 1
    for node in (*values["samples"], values["source"]["spectrum"]):
        node["file"]["value"] = str(EXAMPLES / node["file"]["value"])
    panel = values["detector"]
    tables = [panel["gray_value"]["intensity_characteristics_file"], panel["unsharpness"]["mtf"]]
    tables += [panel["gray_value"]["efficiency_characteristics_file"], panel["noise"]["noise_characteristics_file"]]
    for table in tables:
        table["value"] = str(EXAMPLES / table["value"])
    (tmp_path / "full.json").write_text(json.dumps(values))
    full = read_scenario(tmp_path / "full.json")
    assert {told.path for told in full.not_supported} == {
        "detector.filters.rear", "detector.bad_pixel_map.file", "source.spot.intensity_map.file", "simulation.aRTist",
    }  # fmt: skip
    pictures = take_pictures(full)
    values["detector"]["unsharpness"], values["samples"] = None, []
    (tmp_path / "sharp.json").write_text(json.dumps(values))
    assert take_pictures(read_scenario(tmp_path / "sharp.json")).max_intensity == pytest.approx(45000.43, rel=1e-3)
    assert pictures.darks[0] == pytest.approx(np.full((150, 200), 180.0))
    ours = (pictures.projections[0] - 180) / (pictures.flats[0] - 180)
    theirs = (tifffile.imread(EXAMPLES / "01_full_example_0000.tif") - 180.0) / (
        tifffile.imread(EXAMPLES / "01_full_example_flat_0000.tif") - 180.0
    )
    assert np.sqrt(np.mean((ours - theirs) ** 2)) < 0.006
    assert abs(np.mean(ours - theirs)) < 0.001
    for other in (ours[::-1], ours[:, ::-1]):
        assert np.sqrt(np.mean((other - theirs) ** 2)) > 0.05


# --------------------------------------------------------------------------------------------------- closed forms


def test_a_block_casts_the_shadow_of_its_thickness(tmp_path):
    """Through the middle of the detector the beam crosses 20 mm of aluminium in view 0 and 10 mm in view 1."""
    values = {"samples": [sample("block.stl", "Al", (0, 0, 0))], "simulation": {"ctsim": {"rays_per_pixel": 1}}}
    pictures = take_pictures(read(tmp_path, **values))
    mu = mu_per_mm("Al", (100.0,))[0]
    for view, thick_mm in ((0, 20), (1, 10), (2, 20), (3, 10)):
        middle = pictures.projections[view, 14:16, 19:21].mean()
        # rays through the four pixels about the middle lie 1.41 mm off, which is 6e-6 longer and weaker by 2e-5
        assert middle == pytest.approx(100 + 59900 * np.exp(-mu * thick_mm), abs=1.5)


@pytest.mark.parametrize(("direction", "sign"), [("CCW", 1), ("CW", -1)])
def test_the_stage_turns_from_start_to_stop_in_its_direction(tmp_path, direction, sign):
    course = section(
        "acquisition", direction=direction, start_angle={"value": 30, "unit": "deg"},
        stop_angle={"value": 3.6, "unit": "rad"}, number_of_projections=7, include_final_angle=True,
    )  # fmt: skip
    scan = read(tmp_path, **course).scan
    angles = sign * np.linspace(30, np.rad2deg(3.6), 7)
    wanted = circular(
        source_object_mm=300, source_detector_mm=400, rows=30, columns=40, pixel_mm=2.0, angles_deg=angles
    )
    for geometry in (true_geometry(scan, np.arange(7.0)), nominal_geometry(scan)):
        np.testing.assert_allclose(geometry.to_astra(), wanted.to_astra(), atol=1e-12)


def test_without_the_final_angle_the_last_view_is_a_step_before_it(tmp_path):
    course = read(tmp_path, **section("acquisition", number_of_projections=5)).acquisition
    np.testing.assert_allclose(course.turn_deg, [0, 72, 144, 216, 288])


def test_reconstruction_is_told_of_a_known_drift_alone(tmp_path):
    """A helix that reconstruction knows, and a vibration that it does not."""
    values = scenario()
    values["geometry"]["stage"]["center"]["z"]["drifts"] = [
        {"value": [0, 30], "unit": "mm"}, {"value": [0, 1, 0, -1], "unit": "mm", "known_to_reconstruction": False},
    ]  # fmt: skip
    scan = read_scenario(write(tmp_path, values)).scan
    np.testing.assert_allclose(nominal_geometry(scan).source_mm[:, 2], [0, -10, -20, -30], atol=1e-12)
    np.testing.assert_allclose(true_geometry(scan, np.arange(4.0)).source_mm[:, 2], [0, -11, -20, -29], atol=1e-12)


def test_the_free_beam_follows_the_inverse_square_of_a_detector_that_drifts_away(tmp_path):
    """imax holds for the first frame alone."""
    values = scenario(samples=[])
    values["geometry"]["detector"]["center"]["x"]["drifts"] = [{"value": [0, 300], "unit": "mm"}]
    pictures = take_pictures(read_scenario(write(tmp_path, values)))
    middle = pictures.projections[:, 14:16, 19:21].mean((1, 2)) - 100
    np.testing.assert_allclose(middle, 59900 * (400 / np.array([400, 500, 600, 700])) ** 2, atol=3)


def test_the_free_beam_follows_current_and_exposure_time(tmp_path):
    """imax holds for the first frame."""
    current = {"value": 100, "unit": "uA", "drifts": [{"value": [0, -30], "unit": "uA"}]}
    time = {"value": 1, "unit": "s", "drifts": [{"value": [0, 0, 0, 500], "unit": "ms"}]}
    panel = section("detector", integration_time=time, gray_value={"imax": {"value": 40000}, "imin": {"value": 0}})
    found = read(tmp_path, samples=[], **section("source", current=current), **panel)
    middle = take_pictures(found).projections[:, 14:16, 19:21].mean((1, 2))
    np.testing.assert_allclose(middle, 40000 * np.array([1, 0.9, 0.8, 0.7 * 1.5]), atol=2)
    assert not found.not_supported


def test_imax_is_what_the_brightest_pixel_shows_of_a_detector_beside_the_beam(tmp_path):
    """Shifted by 100 mm, the panel of 80 mm has its edge 60 mm from the foot of the normal, 400 mm away."""
    values = scenario(samples=[])
    values["geometry"]["detector"]["center"]["y"]["value"] = -100.0
    found = read_scenario(write(tmp_path, values))
    pictures = take_pictures(found)
    assert found.bits == 16
    assert pictures.projections[0].max() == pytest.approx(60000, abs=0.5)
    # the next pixel of that row is 63 mm away, not 61
    row = np.sort(pictures.projections[0][15])[::-1]
    fall = (np.hypot(400, 61) / np.hypot(400, 63)) ** 3
    assert (row[1] - 100) / 59900 == pytest.approx(fall, abs=5e-5)


def test_a_grey_value_is_the_energy_that_a_pixel_takes(tmp_path):
    """factor and offset: 1e6 photons of 60 keV per s, sr and mA; 2 mm pixels in 400 mm, 0.1 mA, 0.5 s."""
    grey = {"imax": {"value": 1}, "factor": {"value": 1e14, "unit": "1/J"}, "offset": {"value": 7}}
    source = section("source", spectrum={"monochromatic": False, "file": {"value": "beam.tsv"}})
    path = write(tmp_path, scenario(samples=[], **section("detector", gray_value=grey), **source))
    (tmp_path / "beam.tsv").write_text("59\t0\n60\t1e10\n61\t0\n")
    energy_j = 1e10 * 0.1 * 0.5 * (2 / 400) ** 2 * 60e3 * 1.602176634e-19
    assert take_pictures(read_scenario(path)).max_intensity == pytest.approx(7 + 1e14 * energy_j, abs=0.6)


def test_a_curve_of_grey_values_goes_before_factor_and_imax(tmp_path):
    grey = {**scenario()["detector"]["gray_value"], "intensity_characteristics_file": {"value": "curve.csv"},
            "factor": {"value": 1, "unit": "1/J"}, "offset": {"value": 0}}  # fmt: skip
    source = section("source", spectrum={"file": {"value": "beam.tsv"}})
    path = write(tmp_path, scenario(samples=[], **section("detector", gray_value=grey), **source))
    (tmp_path / "beam.tsv").write_text("60\t1e10\n61\t0\n")
    energy_j = 1e10 * 0.1 * 0.5 * (2 / 400) ** 2 * 60e3 * 1.602176634e-19
    (tmp_path / "curve.csv").write_text(f"0, 500\n{energy_j / 2}, 1000\n{energy_j * 1.5}, 9000\n")
    assert take_pictures(read_scenario(path)).max_intensity == pytest.approx(5000, abs=1)


def test_an_efficiency_goes_before_window_and_scintillator(tmp_path):
    """Half of all photons of 50 keV are taken, a quarter of those of 100 keV, in equal parts of the beam."""
    detector = section(
        "detector", type="real", scintillator={"material_id": "Fe", "thickness": {"value": 1, "unit": "mm"}},
        window={"front": [{"material_id": "Fe", "thickness": {"value": 5, "unit": "mm"}}], "rear": []},
        filters={"front": [{"material_id": "Al", "thickness": {"value": 2, "unit": "mm"}}], "rear": []},
    )["detector"]  # fmt: skip
    detector["gray_value"] = {"factor": {"value": 1e14, "unit": "1/J"}, "offset": {"value": 0},
                              "efficiency_characteristics_file": {"value": "efficiency.tsv"}}  # fmt: skip
    source = section("source", spectrum={"file": {"value": "beam.tsv"}})
    path = write(tmp_path, scenario(samples=[], detector=detector, **source))
    (tmp_path / "beam.tsv").write_text("50\t1e10\n100\t1e10\n")
    (tmp_path / "efficiency.tsv").write_text("40\t0.55\n60\t0.45\n120\t0.15\n")
    passed = np.exp(-2 * mu_per_mm("Al", (50.0, 100.0)))
    taken = passed @ np.array([50 * 0.5, 100 * 0.25])
    wanted = 1e14 * 1e10 * 0.1 * 0.5 * (2 / 400) ** 2 * taken * 1.602176634e-16
    assert take_pictures(read_scenario(path)).max_intensity == pytest.approx(wanted, abs=0.6)


def test_a_room_of_matter_is_a_filter_as_long_as_the_way(tmp_path):
    room = {"environment": {"material_id": "air"}, "materials": [
        {**element("Al", 2.699)}, element("Fe", 7.874),
        {"id": "air", "name": "", "density": {"value": 1.2, "unit": "kg/m^3"},
         "composition": [{"formula": {"value": "N2"}, "mass_fraction": {"value": 1}}]},
    ]}  # fmt: skip
    assert read(tmp_path, **room).scan.filters == {"N2@0.0012": 400.0}


def test_binned_pixels_show_their_mean(tmp_path):
    """Twice as wide and three times as high, of 40 x 30 there are 20 x 10, and a flat field stays as bright."""
    binned = read(tmp_path, **section("acquisition", pixel_binning={"u": 2, "v": 3}))
    panel = binned.scan.detector
    assert (panel.columns, panel.rows, panel.pitch_mm) == (20, 10, (4.0, 6.0))
    whole = take_pictures(read(tmp_path)).projections[0]
    pictures = take_pictures(binned)
    mean = whole.reshape(10, 3, 20, 2).mean((1, 3))
    # both show imax in their brightest pixel, and the mean of six is a little less than the brightest of them
    scale = np.median(pictures.projections[0] / mean)
    assert 1 < scale < 1 + 1.5 * 0.5 * (4**2 + 6**2) / 400**2
    # their rays are nine, not nine for each of six: edges differ, by a tenth of the step
    assert np.abs(pictures.projections[0] - scale * mean).max() < 0.1 * np.ptp(whole)
    assert np.median(np.abs(pictures.projections[0] - scale * mean)) < 1


def test_pixels_that_are_left_over_by_binning_and_light_that_is_left_over_by_bits_are_told(tmp_path):
    values = {**section("acquisition", pixel_binning={"u": 3, "v": 3}), **section("detector", bit_depth={"value": 12})}
    told = {item.path: item.why for item in read(tmp_path, **values).not_supported}
    assert told == {
        "detector.columns": "read 3 at a time; the last 1 are left out",
        "detector.gray_value.imax": "lies above what 12 bits hold: the free beam saturates",
    }


def test_a_detector_sharper_than_its_pixels_is_told(tmp_path):
    sharp = section("detector", unsharpness={"basic_spatial_resolution": {"value": 0.5, "unit": "mm"}})
    found = read(tmp_path, **sharp)
    assert [item.path for item in found.not_supported] == ["detector.unsharpness.basic_spatial_resolution"]
    assert found.scan.detector.spatial_resolution_mm == 0


def test_old_versions_are_read(tmp_path):
    """1.0: one formula as the composition, and the bad pixel map as a value."""
    old = element("Al", 2.699) | {"composition": {"value": "Al"}}
    detector = section("detector", bad_pixel_map={"value": "bad.raw", "type": "int16"})
    about = {"file": {"file_type": "CTSimU Scenario", "file_format_version": {"major": 1, "minor": 0}}}
    path = write(tmp_path, scenario(materials=[old], **detector, **about))
    image = np.full((30, 40), -1, "<i2")
    image[3, 7] = 1234
    (tmp_path / "bad.raw").write_bytes(image.tobytes())
    found = read_scenario(path)
    assert found.scan.detector.bad_pixels == ((3, 7, 1234.0),)
    assert not found.not_supported
    assert (take_pictures(found).projections[:, 3, 7] == 1234).all()


def test_continuous_motion_exposes_its_share_of_a_step(tmp_path):
    """0.5 s of exposure and 0.125 s of reading out make 0.8 of a step; at 90 deg/s half of 90 deg are 0.5 of it."""
    panel = section("detector", dead_time={"value": 125, "unit": "ms"})
    path = read(tmp_path, **section("acquisition", scan_mode="continuous"), **panel).scan.trajectory
    assert (path.motion, path.exposure_share) == ("continuous", pytest.approx(0.8))
    speed = section("acquisition", scan_mode="continuous", scan_speed={"value": 90, "unit": "deg/s"})
    assert read(tmp_path, **speed).scan.trajectory.exposure_share == pytest.approx(0.5)


def test_a_ratio_of_signal_to_noise_holds_for_one_frame_and_improves_with_their_number(tmp_path):
    panel = section("detector", noise={"snr_at_imax": {"value": 100}}, columns={"value": 200}, rows={"value": 200})
    panel["detector"]["pixel_pitch"] = {axis: {"value": 0.01, "unit": "mm"} for axis in "uv"}
    fields = {"number": 2, "frame_average": 4, "ideal": False, "correction": False}
    course = section("acquisition", number_of_projections=1, frame_average=16, flat_field=fields,
                     dark_field={**fields, "ideal": True})  # fmt: skip
    pictures = take_pictures(read(tmp_path, samples=[], **panel, **course))
    assert 59900 / pictures.projections[0].std() == pytest.approx(400, rel=0.02)
    assert 59900 / pictures.flats[0].std() == pytest.approx(200, rel=0.02)
    assert np.corrcoef(pictures.flats[0].ravel(), pictures.flats[1].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert np.array_equal(pictures.darks, np.full((2, 200, 200), 100.0))


# ---------------------------------------------------------------------------------------------------- what is told


def test_what_is_not_done_is_told_and_stands_in_the_metadata(ctsim, tmp_path):
    values = scenario()
    values["source"]["voltage"]["drifts"] = [{"value": [0, 10], "unit": "kV"}]
    values["source"]["voltage"]["colour"] = "blue"
    values["simulation"] = {"aRTist": {"multisampling_detector": {"value": "3x3"}}, "ctsim": {"seed": 5}}
    values["detector"]["comment"] = "this changes nothing"
    code, _, err = ctsim("render", write(tmp_path, values), "--out", tmp_path / "out")
    assert code == 0
    told = json.loads((tmp_path / "out" / "test_metadata.json").read_text())["not_supported"]
    assert {(item["path"], json.dumps(item["value"])) for item in told} == {
        ("source.voltage.drifts", '[{"value": [0, 10], "unit": "kV"}]'),
        ("source.voltage.colour", '"blue"'),
        ("simulation.aRTist", '{"multisampling_detector": {"value": "3x3"}}'),
    }
    assert err.count("note: ") == 3
    assert "note: source.voltage.colour: " in err


@pytest.mark.parametrize("wanted", [False, True])
def test_scatter_that_is_wanted_is_hybrid_and_is_told_no_more(tmp_path, wanted):
    found = read(tmp_path, **section("acquisition", scattering=wanted))
    assert found.scan.fidelity == ("hybrid" if wanted else "beer-lambert")
    assert found.not_supported == ()
    assert read(tmp_path).scan.fidelity == "beer-lambert"


def test_how_scatter_is_simulated_stands_under_simulation(tmp_path):
    ours = {"ctsim": {"fidelity": "monte-carlo", "monte_carlo": {"photons": 5000, "air": True}}}
    found = read(tmp_path, **section("acquisition", scattering=True), simulation=ours).scan
    assert (found.fidelity, found.monte_carlo.photons, found.monte_carlo.air) == ("monte-carlo", 5000, True)
    with pytest.raises(BadInput, match=r"gate.photons means nothing for fidelity: hybrid"):
        read(tmp_path, **section("acquisition", scattering=True), simulation={"ctsim": {"gate": {"photons": 5}}})


@pytest.mark.parametrize(
    ("fidelity", "settings"),
    [
        ("beer-lambert", {}),
        ("hybrid", {"monte_carlo": {"views": 2, "panel": [4, 6]}}),
        ("monte-carlo", {"monte_carlo": {"photons": 5000, "techniques": ["survival"], "fluorescence": True}}),
        ("gate", {"gate": {"photons": 77, "solids": "voxels"}}),
    ],
)
def test_fidelity_and_settings_are_written_and_read_back(tmp_path, fidelity, settings):
    ours = {"ctsim": {"fidelity": fidelity} | settings}
    first = read(tmp_path, **section("acquisition", scattering=True), simulation=ours)
    write_scenario(tmp_path / "written", "again", first.scan, first.specimen)
    values = json.loads((tmp_path / "written" / "again.json").read_text())
    assert values["acquisition"]["scattering"] is (fidelity != "beer-lambert")
    assert values["simulation"]["ctsim"].keys() & {"monte_carlo", "gate"} == settings.keys()
    again = read_scenario(tmp_path / "written" / "again.json").scan
    assert first.scan.fidelity == again.fidelity == fidelity
    assert (again.monte_carlo, again.gate) == (first.scan.monte_carlo, first.scan.gate)


@needs_shared
@pytest.mark.parametrize("name", ["2D-FB-1_Detektor1_SNR100_2021-05-25v06r00dp", "2D-FB-2_2021-03-24v06r00dp"])
def test_the_toolboxs_own_scenarios_tell_of_nothing_but_what_lacks(name):
    found = read_scenario(SHARED / "validation" / "ctsimu_toolbox" / "scenarios" / f"{name}.json")
    assert [told.path for told in found.not_supported] == ["source.spectrum.file"]
    assert found.scan.tube_kv == 150
    assert not found.specimen.solids


def test_a_scenario_is_told_from_a_scene_by_what_it_holds():
    assert is_scenario(scenario())
    assert is_scenario({"geometry": {}, "acquisition": {}})
    assert not is_scenario({"dataset": "demo", "scan": {}})
    assert not is_scenario([1])


# ------------------------------------------------------------------------------------------------ what is written


def test_pictures_and_metadata_are_what_the_format_describes(ctsim, tmp_path):
    fields = {"number": 3, "frame_average": 2, "ideal": False, "correction": True}
    course = section("acquisition", flat_field=fields, dark_field={**fields, "number": 1})
    values = scenario(**course, **section("detector", bit_depth={"value": 8}, gray_value={
        "imax": {"value": 240}, "imin": {"value": 10}}))  # fmt: skip
    code, _, _ = ctsim("render", write(tmp_path, values), "--out", tmp_path / "out")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "out" / "projections").iterdir()) == [
        *(f"test_{i:04d}.tif" for i in range(4)), "test_dark.tif", *(f"test_flat_{i:04d}.tif" for i in range(3)),
    ]  # fmt: skip
    told = json.loads((tmp_path / "out" / "test_metadata.json").read_text())
    output = told["output"]["projections"]
    assert told["file"]["file_type"] == "CTSimU Metadata"
    assert told["acquisition_geometry"] == {"path_to_CTSimU_JSON": "../test.json"}
    assert (output["filename"], output["number"], output["datatype"]) == ("projections/test_%04d.tif", 4, "uint8")
    assert output["max_intensity"] == pytest.approx(240)
    assert output["flat_field"] == {
        "number": 3, "frame_average": 2, "filename": "projections/test_flat_%04d.tif", "projections_corrected": True,
    }  # fmt: skip
    assert output["dark_field"]["filename"] == "projections/test_dark.tif"
    image = tifffile.imread(tmp_path / "out" / "projections" / "test_0000.tif")
    assert (image.dtype, image.shape) == (np.uint8, (30, 40))
    # corrected, the free beam has no fall-off: the corner shows what the middle would
    assert image[0, 0] == 240
    assert told["reconstruction"]["settings"]["geometry_nominal"]["rows"] == 30


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a sample of a small dataset, with its scene.json."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        for arguments in (
            ("generate", small.write(folder, small.SPEC), "--out", folder / "all", "--count", "1"),
            ("replay", folder / "all", "small-000000", "--out", folder / "sample"),
        ):
            patch.setattr(sys, "argv", ["ctsim", *map(str, arguments)])
            with contextlib.suppress(SystemExit):
                cli.main()
    return folder / "sample"


@pytest.mark.parametrize(
    "scan",
    [
        {"beam_drift": [1, 0.9, 1.05], "heel": True, "focal_spot": {"shape": "disc", "size_u_mm": 1, "size_v_mm": 2}},
        {"trajectory": {"start_deg": 20, "clockwise": True, "range_deg": 200, "include_final_angle": True}},
        {"trajectory": {"pitch_mm": 5.0, "detector_shift_mm": [3.0, -2.0]}},
        {"views": 3, "trajectory": {"motion": "continuous"}},
        {"views": 5, "trajectory": {"pitch_mm": 4.0, "motion": "continuous", "exposure_share": 0.5, "clockwise": True}},
        {"views": 90, "trajectory": {"tilt_deg": 20.0, "motion": "continuous", "exposure_share": 0.7, "instants": 3}},
        {"trajectory": {"deviations": [
            {"of": "detector", "axis": "w", "turn_deg": 2.0, "known": True},
            {"of": "detector", "axis": "u", "shift_mm": [0, 1, 0.5]},
            {"of": "stage", "axis": "u", "turn_deg": 1.5},
            {"of": "stage", "axis": "x", "shift_mm": [0.5, -0.5], "known": True},
            {"of": "source", "axis": "z", "shift_mm": 1.0},
        ]}},
    ],
)  # fmt: skip
def test_a_scene_written_as_a_scenario_and_read_again_is_the_same_picture(ctsim, made, tmp_path, scan):
    shutil.copytree(made, tmp_path / "sample")
    scene = tmp_path / "sample" / "small-000000.scene.json"
    values = json.loads(scene.read_text())
    values["scene"]["scan"] |= {"noise": False, **scan}
    scene.write_text(json.dumps(values))
    assert ctsim("render", scene, "--out", tmp_path / "direct")[0] == 0
    code, out, err = ctsim("render", scene, "--out", tmp_path / "scenario", "--scenario")
    assert code == 0, err
    assert "small-000000.json" in out
    code, _, err = ctsim("render", tmp_path / "scenario" / "small-000000.json", "--out", tmp_path / "back")
    assert (code, err) == (0, "")
    wanted = json.loads((tmp_path / "direct" / "metadata.json").read_text())
    found = json.loads((tmp_path / "back" / "small-000000_metadata.json").read_text())
    true, told = found["simulation"]["geometry_true"], found["reconstruction"]["settings"]["geometry_nominal"]
    for kind, geometry in (("true", true), ("nominal", told)):
        np.testing.assert_allclose(geometry["cone_vec_mm"], wanted[f"geometry_{kind}"]["cone_vec_mm"], atol=1e-9)
    direct = sorted((tmp_path / "direct" / "projections").iterdir())
    for view, path in enumerate(direct):
        back = tifffile.imread(tmp_path / "back" / "projections" / f"small-000000_{view:04d}.tif").astype(float)
        # STL files hold single precision: an edge moves by 1e-6 mm, a grey value by one at most
        assert np.abs(back - tifffile.imread(path)).max() <= 1
    flat = tifffile.imread(tmp_path / "back" / "projections" / "small-000000_flat.tif")
    assert np.abs(flat - tifffile.imread(tmp_path / "direct" / "flat.tif")).max() <= 1


def test_the_toolbox_reads_what_is_written(tmp_path):
    """The CTSimU toolbox finds source, detector and stage where the scan has them, as they are and as is told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = pytest.importorskip("ctsimu.scenario", reason="the CTSimU toolbox is not installed")
    found = read(tmp_path)
    values = found.scan.model_dump(mode="json", exclude={"trajectory"})
    values["trajectory"] = {"start_deg": 10, "range_deg": 300, "clockwise": True, "pitch_mm": 4, "deviations": [
        {"of": "detector", "axis": "w", "turn_deg": [0, 2, 1], "known": True},
        {"of": "detector", "axis": "u", "shift_mm": [0, 1, 0.5]},
        {"of": "stage", "axis": "u", "turn_deg": 1.5},
    ]}  # fmt: skip
    scan = type(found.scan).model_validate(values)
    write_scenario(tmp_path / "written", "peer", scan, found.specimen)
    theirs = peer.Scenario(str(tmp_path / "written" / "peer.json"))
    for known, geometry in ((False, true_geometry(scan, np.arange(4.0))), (True, nominal_geometry(scan))):
        for view in range(4):
            theirs.set_frame(view, reconstruction=known)
            systems = [thing.coordinate_system for thing in (theirs.source, theirs.detector, theirs.stage)]
            source, detector, stage = (
                np.array([[v.x(), v.y(), v.z()] for v in (s.center, s.u, s.v, s.w)]) for s in systems
            )
            seen = [source[0] - stage[0], detector[0] - stage[0], 2.0 * detector[1], 2.0 * detector[2]]
            np.testing.assert_allclose(
                np.concatenate([stage[1:] @ v for v in seen]), geometry.to_astra()[view], atol=1e-9
            )


def test_any_path_of_vectors_is_written_as_drifts(ctsim, tmp_path):
    """Of centre and axes, known and unknown; read again they are the same vectors."""
    rng = np.random.default_rng(3)
    found = read(tmp_path)
    told = np.array(found.scan.trajectory.vectors)
    told[:, :6] += rng.normal(size=(4, 6))
    told[:, 6:9] = 2.0 * np.array([[np.sin(a), -np.cos(a), 0.1] for a in (0.3, 1.8, 3.5, 5.0)])
    told[:, 6:9] *= 2.0 / np.linalg.norm(told[:, 6:9], axis=1, keepdims=True)
    across = np.cross(told[:, 6:9], told[:, 3:6] - told[:, :3])
    told[:, 9:] = -2.0 * across / np.linalg.norm(across, axis=1, keepdims=True)
    true = told.copy()
    true[:, :3] += rng.normal(size=(4, 3))
    values = found.scan.model_dump(mode="json", exclude={"source_detector_mm", "source_object_mm"})
    values["trajectory"] = {"vectors": true.tolist(), "nominal_vectors": told.tolist()}
    scan = type(found.scan).model_validate(values)
    write_scenario(tmp_path / "written", "any", scan, found.specimen)
    back = read_scenario(tmp_path / "written" / "any.json").scan
    np.testing.assert_allclose(back.trajectory.vectors, true, atol=1e-9)
    np.testing.assert_allclose(back.trajectory.nominal_vectors, told, atol=1e-9)


def test_a_written_scenario_is_read_back_as_the_same_scan(tmp_path):
    """Whatever the format has no word for stands under simulation.ctsim."""
    sheet = {"material_id": "Fe", "thickness": {"value": 0.4, "unit": "mm"}}
    sigma, size = ({axis: {"value": v, "unit": "um"} for axis, v in zip("uvw", sides, strict=True)}
                   for sides in ((200, 300, 0), (500, 600, 0)))  # fmt: skip
    ours = {"gain_spread": 0.01, "dead_pixels": 0.002, "escape": False, "electronic_noise_counts": 3.0}
    ours["anti_scatter_grid"] = {"material": "W", "interspace": "Al"}
    values = scenario(
        **section(
            "detector", type="real", scintillator=sheet, noise={"snr_at_imax": {"value": 80}},
            unsharpness={"basic_spatial_resolution": {"value": 3, "unit": "mm"}}, image_lag={"value": 0.1},
        ),
        **section("source", spot={"sigma": sigma, "size": size}),
        simulation={"ctsim": {"seed": 9, "rays_per_pixel": 2, "flat_frames": 7, "detector": ours}},
    )  # fmt: skip
    first = read_scenario(write(tmp_path, values))
    write_scenario(tmp_path / "written", "again", first.scan, first.specimen, seed=first.seed)
    again = read_scenario(tmp_path / "written" / "again.json")
    assert (again.seed, again.not_supported) == (9, ())
    one, two = (s.scan.model_dump(mode="json", exclude={"trajectory", "spectrum", "filters"}) for s in (first, again))
    assert one.keys() == two.keys()
    for key in one:
        assert two[key] == pytest.approx(one[key]) if not isinstance(one[key], dict) else True
    for key, wanted in one["detector"].items():
        assert two["detector"][key] == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), key
    assert again.scan.focal_spot == first.scan.focal_spot
    assert again.acquisition.flat.frames == 7
