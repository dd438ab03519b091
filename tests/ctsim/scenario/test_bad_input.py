"""A scenario that cannot be rendered: one message that says what to do, exit code 2, and nothing written."""

import contextlib
import copy
import json

import numpy as np
import pytest
import tifffile
import trimesh

from ctsim.scenario.read import read_scenario
from defects.messages import BadInput
from tests.ctsim import small
from tests.ctsim.scenarios import element, placed, sample, scenario, write, xyz

LONG = {"value": 1, "unit": "mm"}


def changed(place: str, value) -> dict:
    """Return the scenario with one place, such as geometry.detector.center.x, holding something else."""
    values = copy.deepcopy(scenario())
    *above, last = place.split(".")
    inner = values
    for key in above:
        inner = inner[int(key)] if isinstance(inner, list) else inner.setdefault(key, {})
    inner[int(last) if isinstance(inner, list) else last] = value
    return values


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Render a scenario that must be refused, and return the message."""

    def run(values, *, prepare=None) -> str:
        path = write(tmp_path, values) if not isinstance(values, str) else tmp_path / "test.json"
        if isinstance(values, str):
            path.write_text(values)
        if prepare:
            prepare(tmp_path)
        before = small.contents(tmp_path)
        code, out, err = small.ctsim(monkeypatch, capsys, "render", path, "--out", tmp_path / "out")
        assert (code, out) == (2, ""), err
        assert err.count("ctsim: ") == 1
        assert "Traceback" not in err
        assert small.contents(tmp_path) == before
        assert not (tmp_path / "out").exists()
        return err

    return run


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        # contradictory geometry
        ("geometry.detector", placed((-400, 0, 0), (0, -1, 0), (1, 0, 0)), "geometry: view 0 has its detector behind"),
        ("geometry.detector", placed((250, 0, 0), (0, -1, 0), (1, 0, 0)), "detector between the source and the origin"),
        ("geometry.detector", placed((0, 0, 0), (0, -1, 0), (1, 0, 0)), "has its source in the plane of its detector"),
        ("geometry.detector.vector_u", xyz(1, 1, 0, None), "geometry.detector: its two vectors must be orthogonal"),
        ("geometry.detector.vector_w", xyz(0, 0, 0, None), "geometry.detector: its vectors must not be zero"),
        ("geometry.stage", None, "geometry.stage.center is missing; it must be an object"),
        ("geometry.source.type", "parallel", "geometry.source.type must be cone"),
        ("geometry.source.type", "fan", "unknown geometry.source.type 'fan'"),
        ("samples.0.position.center.u.value", -299, "reaches behind the source or into the detector in view 0"),
        ("samples.0.position.center.u.value", 95, "reaches behind the source or into the detector in view 0"),
        ("acquisition.stop_angle.value", -10, "acquisition.stop_angle must not lie before start_angle, 0 deg"),
        # numbers and units
        ("detector.columns.value", 0, "detector.columns must be a whole number of at least 1"),
        ("detector.rows.value", 30.5, "detector.rows must be a whole number"),
        ("detector.rows.value", 10_000_000, "detector.rows: must be less than or equal to 8192"),
        ("detector.pixel_pitch.u.value", 0, "detector.pixel_pitch.u must be a length above 0"),
        ("detector.pixel_pitch.u.value", "2.0", "detector.pixel_pitch.u must be a number without quotes"),
        ("geometry.detector.center.x.value", "400", "geometry.detector.center.x must be a number without quotes"),
        ("geometry.detector.center.x.unit", "inch", "must be one of nm, um, mm, cm, dm, m, got 'inch'"),
        ("geometry.detector.center.x.unit", None, "geometry.detector.center.x has no unit"),
        ("geometry.detector.center.x.drifts", [{"value": ["a"]}], "must be a number without quotes"),
        ("acquisition.number_of_projections", 0, "number_of_projections must be a whole number of at least 1"),
        ("acquisition.number_of_projections", None, "acquisition.number_of_projections is missing"),
        ("acquisition.pixel_binning", {"u": 41, "v": 1}, "at least as many as acquisition.pixel_binning reads as one"),
        ("acquisition.direction", "clockwise", "unknown acquisition.direction 'clockwise'"),
        ("acquisition.start_angle.unit", "grad", "must be one of deg, rad, got 'grad'"),
        ("detector.gray_value.imax.value", 50, "detector.gray_value.imax must be above imin"),
        ("detector.gray_value.imax", None, "detector.gray_value must hold imax and imin, or factor and offset"),
        ("detector.noise", {"snr_at_imax": {"value": -3}}, "detector.noise.snr_at_imax must be above 0"),
        # energies outside the tables
        ("source.voltage.value", 900, "1 to 800 keV, got 900"),
        ("source.voltage.value", 0.5, "1 to 800 keV, got 0.5"),
        ("source.voltage", None, "source.voltage is missing; it must be above 0"),
        ("source.filters", [{"material_id": "Fe", "thickness": {"value": 9, "unit": "m"}}], "leaves nothing in"),
        ("source.current", {"value": 1, "unit": "mA", "drifts": {"value": [0, -2]}}, "must stay above 0"),
        # names and files
        ("samples.0.file.value", "none.stl", "samples[0].file: no such file"),
        ("samples.0.material_id", "Alu", "did you mean 'Al'"),
        ("materials.0.composition.0.formula.value", "Xx", "materials[0]"),
        ("materials.0.density.value", 300, "below 30 g/cm3"),
        ("materials.0.density.unit", "g", "must be one of g/cm^3, kg/m^3"),
        ("materials.0.density", None, "materials[0].density is missing"),
        ("materials.1", element("Al", 2.0), "materials[1].id must be another one"),
        ("source.filters", [{"material_id": "Cu", "thickness": LONG}], "unknown source.filters[0].material_id 'Cu'"),
        ("source.filters", [{"material_id": "Al", "thickness": {"value": -1, "unit": "mm"}}], "must not be below 0"),
        ("source.filters", 7, "source.filters must be a list in brackets"),
        # the file itself
        ("file.file_format_version", {"major": 0, "minor": 9}, "file_format_version is 0.9, expected 1.0, 1.1 or 1.2"),
        ("file.file_format_version", {"major": 1, "minor": 3}, "expected 1.0, 1.1 or 1.2"),
        ("file.file_format_version", None, "file_format_version"),
        ("file.file_type", "CTSimU Scenery", "did you mean 'CTSimU Scenario'"),
        ("geometry", "a circle", "geometry must be an object"),
        ("simulation", {"ctsim": {"rays_per_pixle": 2}}, "did you mean 'rays_per_pixel'"),
        ("simulation", {"ctsim": {"rays_per_pixel": 0}}, "rays_per_pixel"),
        ("simulation", {"ctsim": 4}, "simulation.ctsim must be an object"),
        ("simulation", {"ctsim": {"detector": {"thresholds_kev": [20, 60]}}}, "for a panel that is counting"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_in_one_message(refused, place, value, says):
    assert says in refused(changed(place, value))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not readable as JSON"), ("[]", "must hold a scene"), ('{"geometry": {}, "acquisition": {}}', "file"),
        (json.dumps(changed("source.voltage.value", float("nan"))), "source.voltage.value must be a finite number"),
        (json.dumps(changed("geometry.stage.center.x.value", float("inf"))), "geometry.stage.center.x.value must be"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused(refused, text, says):
    assert says in refused(text)


def test_an_open_mesh_is_refused_with_its_open_edges(refused):
    def opened(folder):
        block = trimesh.creation.box((20, 10, 16))
        trimesh.Trimesh(block.vertices, block.faces[1:], process=False).export(folder / "block.stl")

    assert "block.stl: not a closed solid: 3 open edges in 11 faces" in refused(scenario(), prepare=opened)


def test_a_detector_that_drifts_behind_the_source_is_refused_with_its_view(refused):
    values = changed("geometry.detector.center.x.drifts", [{"value": [0, 0, 0, -500], "unit": "mm"}])
    assert "geometry: view 3 has its detector behind the source" in refused(values)


def test_tables_of_the_wrong_kind_are_refused_by_line(refused):
    values = changed("source.spectrum", {"monochromatic": False, "file": {"value": "beam.tsv"}})
    says = refused(values, prepare=lambda folder: (folder / "beam.tsv").write_text("50\t1\n60\tmany\n"))
    assert "beam.tsv, line 2: expected 2 numbers" in says
    says = refused(values, prepare=lambda folder: (folder / "beam.tsv").write_text("50\t1\n1200\t5\n"))
    assert "1 to 800 keV" in says


def test_a_bad_pixel_map_of_another_size_is_refused(refused):
    values = changed("detector.bad_pixel_map", {"file": {"value": "bad.raw"}, "type": "int16"})
    says = refused(values, prepare=lambda folder: (folder / "bad.raw").write_bytes(b"\xff" * 100))
    assert "bad.raw holds 100 bytes after its header, expected 2400" in says
    values = changed("detector.bad_pixel_map", {"file": {"value": "bad.tif"}})
    says = refused(values, prepare=lambda folder: (folder / "bad.tif").write_bytes(b"no picture"))
    assert "bad.tif is no readable TIFF" in says
    says = refused(values, prepare=lambda folder: tifffile.imwrite(folder / "bad.tif", np.zeros((3, 40), np.int16)))
    assert "bad.tif is 3 x 40 pixels, the detector 30 x 40" in says


def places_of(values, path: str = ""):
    """Yield every place in a scenario, objects and lists too."""
    below = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in below:
        yield f"{path}{key}"
        yield from places_of(value, f"{path}{key}.")


@pytest.mark.slow
def test_whatever_stands_anywhere_is_read_or_refused(tmp_path):
    """About 2000 scenarios with a wrong thing in one place: no other error than the refusal, and no warning."""
    path, refused = write(tmp_path, scenario()), 0
    for place in places_of(scenario()):
        for wrong in ("x", "", None, -1, 0, 1e300, 1e-300, True, [], [[]], {}, {"value": [1], "drifts": 3}, {"a": 1}):
            with contextlib.suppress(BadInput):
                read_scenario(path, changed(place, wrong))
                refused -= 1
            refused += 1
    assert refused > 500


def test_a_scenario_is_not_made_into_one(monkeypatch, capsys, tmp_path):
    path = write(tmp_path, scenario(samples=[sample("small.stl", "Al", (0, 0, 0))]))
    code, _, err = small.ctsim(monkeypatch, capsys, "render", path, "--out", tmp_path / "out", "--scenario")
    assert code == 2
    assert "is a CTSimU scenario already" in err
    assert not (tmp_path / "out").exists()
