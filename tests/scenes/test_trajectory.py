"""A path that contradicts itself is refused with its place, what was expected and what was got."""

import json
import math

import numpy as np
import pytest

from defects.messages import BadInput
from scenes.records import validated
from scenes.scan_draws import ScanDraws
from scenes.scene import ScanSpec
from scenes.spec import read_dataset_spec
from scenes.trajectory import Deviation, FocalSpotSpec, TrajectorySpec, distances_mm
from scenes.vector_files import read_vectors

NAN, INF = math.nan, math.inf
ROW = (-200.0, 0.0, 0.0, 300.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0)


def refusal(model, **values) -> str:
    """Return the words in which a record with these keys is refused."""
    with pytest.raises(BadInput) as caught:
        validated(model, values, "x")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("x: ")


def with_row(**changes) -> dict:
    """Return three views of vectors, the second with some of its numbers changed by their place."""
    row = list(ROW)
    for place, value in changes.items():
        row[int(place[1:])] = value
    return {"vectors": [ROW, row, ROW]}


# --- single values ---


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (TrajectorySpec, {"range_deg": "shrot"}, "range_deg: must be short (180 deg + fan angle) or a number"),
        (TrajectorySpec, {"range_deg": -1}, "range_deg: must be short"),
        (TrajectorySpec, {"range_deg": NAN}, "range_deg: must be short"),
        (TrajectorySpec, {"range_deg": True}, "range_deg: must be short"),
        (TrajectorySpec, {"start_deg": INF}, "start_deg: must be a finite number"),
        (TrajectorySpec, {"pitch_mm": "5"}, "pitch_mm: must be a number without quotes"),
        (TrajectorySpec, {"tilt_deg": 90}, "tilt_deg: must be less than 90"),
        (TrajectorySpec, {"detector_shift_mm": [1, NAN]}, "detector_shift_mm.1: must be a finite number"),
        (TrajectorySpec, {"detector_shift_mm": 3}, "detector_shift_mm: "),
        (TrajectorySpec, {"motion": "continous"}, "motion: unknown motion 'continous'; did you mean 'continuous'?"),
        (TrajectorySpec, {"pitch": 3}, "pitch: unknown key 'pitch'; did you mean 'pitch_mm'"),
        (TrajectorySpec, {"deviations": [{"of": "detecter", "axis": "x", "shift_mm": 1}]},
         "deviations.0.of: unknown thing 'detecter'; did you mean 'detector'?"),
        (Deviation, {"of": "stage", "axis": "r", "shift_mm": 1}, "axis: unknown axis 'r'"),
        (Deviation, {"of": "stage", "axis": "w"}, "give either shift_mm or turn_deg"),
        (Deviation, {"of": "stage", "axis": "w", "shift_mm": 1, "turn_deg": 1}, "give either shift_mm or turn_deg"),
        (Deviation, {"of": "stage", "axis": "w", "shift_mm": []}, "shift_mm: must be a finite number, or a list"),
        (Deviation, {"of": "stage", "axis": "w", "turn_deg": [0, NAN]}, "turn_deg: must be a finite number, or a list"),
        (Deviation, {"of": "stage", "axis": "w", "turn_deg": "0.1"}, "turn_deg: must be a finite number, or a list"),
        (Deviation, {"of": "stage", "axis": "w", "turn_deg": [[1]]}, "turn_deg: must be a finite number, or a list"),
        (Deviation, {"of": "source", "axis": "w", "turn_deg": 90}, "a source has shift_mm only"),
        (FocalSpotSpec, {"shape": "gauss", "size_u_mm": 1, "size_v_mm": 1}, "shape: unknown shape 'gauss'; did you"),
        (FocalSpotSpec, {"size_u_mm": 0, "size_v_mm": 0}, "size_u_mm and size_v_mm must not both be 0"),
        (FocalSpotSpec, {"size_u_mm": -1, "size_v_mm": 1}, "size_u_mm: must be greater than or equal to 0"),
        (FocalSpotSpec, {"shape": "disc", "size_u_mm": 1, "size_v_mm": 0}, "a disc needs both"),
        (FocalSpotSpec, {"shape": "disc", "size_u_mm": 1, "size_v_mm": 1, "cut_u_mm": 2}, "cut_u_mm and cut_v_mm mean"),
        (FocalSpotSpec, {"size_u_mm": 1, "size_v_mm": 1, "points": 2}, "points: must be greater than or equal to 3"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused(model, values, words):
    assert refusal(model, **values).startswith(words)


# --- contradictions ---


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pitch_mm": 5, "tilt_deg": 5}, "pitch_mm and tilt_deg do not go together"),
        ({"instants": 9}, "instants means something for motion: continuous only"),
        ({"exposure_share": 0.5}, "exposure_share means something for motion: continuous only"),
        ({"nominal_vectors": [ROW]}, "nominal_vectors go with vectors only"),
        ({"vectors": [ROW], "pitch_mm": 5}, "pitch_mm and vectors contradict each other"),
        ({"vectors": [ROW], "range_deg": "short"}, "range_deg and vectors contradict each other"),
        ({"vectors": [ROW], "deviations": [{"of": "stage", "axis": "x", "shift_mm": 1}]}, "deviations and vectors"),
        ({"vectors": [ROW], "nominal_vectors": [ROW, ROW]}, "nominal_vectors must hold as many rows as vectors, 1"),
    ],
)
def test_a_path_that_contradicts_itself_is_refused(values, words):
    assert refusal(TrajectorySpec, **values).startswith(words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"vectors": []}, "vectors: must hold one row a view, got none"),
        ({"vectors": 3}, "vectors: must be rows of 12 numbers each"),
        ({"vectors": "scan.csv"}, "vectors: must be rows of 12 numbers, or in a dataset file the name of a file"),
        ({"vectors": [ROW, ROW[:11]]}, "vectors: row 1 must hold 12 numbers"),
        ({"vectors": [ROW, ["a"] * 12]}, "vectors: must be rows of 12 numbers each"),
        (with_row(p3=NAN), "vectors: row 1 must hold finite numbers"),
        (with_row(p7=0.0), "vectors: row 1 has pixels without an area"),
        (with_row(p7=0.0, p8=-1.0), "vectors: row 1 has pixels without an area"),  # u along v
        (with_row(p3=-300.0), "vectors: row 1 has its detector behind the source"),
        (with_row(p0=100.0), "vectors: row 1 has its detector behind the source, or its source beyond the origin"),
        (with_row(p3=-100.0), "vectors: row 1 has its detector between the source and the origin"),
        (with_row(p3=-200.0), "vectors: row 1 has its source in the plane of its detector"),
    ],
)
def test_vectors_that_are_no_scan_are_refused_with_their_row(values, words):
    assert refusal(TrajectorySpec, **values).startswith(words)


def test_vectors_of_any_size_of_pixel_are_judged_alike():
    """The order of source, origin and detector is a matter of signs, not of scale."""
    for scale in (1e-6, 1.0, 1e6):
        assert len(TrajectorySpec(vectors=[[scale * number for number in ROW]]).vectors) == 1


# --- within a scan ---


def scan(**changes) -> ScanSpec:
    values = {"tube_kv": 100, "exposure_mas": 1, "detector": {"pixel_mm": 1.0}, "views": 3}
    return validated(ScanSpec, values | changes, "x")


def test_with_vectors_the_distances_follow_from_them():
    s = scan(trajectory={"vectors": [ROW] * 3})
    assert (s.source_detector_mm, s.source_object_mm) == (500.0, 200.0)
    assert scan(trajectory={"vectors": [ROW] * 3}, source_detector_mm=500.0) == s


def test_the_distances_are_taken_along_the_normal_of_the_first_detector():
    """A detector that stands askew at 45 deg: its plane lies 500 / sqrt 2 before the source, whatever its centre."""
    s = math.sqrt(0.5)
    askew = (-200.0, 0, 0, 300.0, 0, 0, s, -s, 0, 0, 0, -1.0)
    assert distances_mm((askew,)) == pytest.approx((500 * s, 200 * s))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trajectory": {"vectors": [ROW] * 2}}, "trajectory.vectors must hold one row a view: views is 3, got 2 rows"),
        ({"trajectory": {"vectors": [ROW] * 3}, "source_detector_mm": 400.0}, "source_detector_mm is 400, trajectory"),
        ({"trajectory": {"vectors": [ROW] * 3}, "detector": {"pixel_mm": 0.5}}, "trajectory.vectors have pixels of 1 "),
        ({"trajectory": {"vectors": [ROW[:3]] * 3}}, "trajectory.vectors: row 0 must hold 12 numbers"),
        ({"trajectory": {"motion": "continuous", "instants": 1000}, "views": 1001}, "1001 views of about 1000 poses"),
        ({"tube_kv": None}, "give tube_kv, or a spectrum"),
        ({"spectrum": [[80, -1]]}, "spectrum: must hold pairs [keV above 0, photons of at least 0], got [80, -1]"),
        ({"spectrum": [[80, 0]]}, "spectrum: must hold at least one pair"),
        ({"spectrum": [[80, 1], [70, 1]]}, "spectrum: must hold its energies in rising order"),
        ({"spectrum": [[NAN, 1]]}, "spectrum: must hold pairs"),
    ],
)
def test_a_scan_that_contradicts_its_path_is_refused(changes, words):
    near = {"source_detector_mm": 500.0, "source_object_mm": 200.0}
    if "vectors" in changes.get("trajectory", {}):
        near = {}
    with pytest.raises(BadInput) as caught:
        scan(**near | changes)
    assert str(caught.value).removeprefix("x: ").startswith(words)


def test_a_scan_with_all_there_is_survives_json():
    spot = FocalSpotSpec(shape="disc", size_u_mm=0.1, size_v_mm=0.2)
    drift = Deviation(of="stage", axis="u", turn_deg=(0.0, 0.1, -0.3), known=True)
    for path in (
        TrajectorySpec(range_deg="short", motion="continuous", instants=7, exposure_share=0.5, deviations=(drift,)),
        TrajectorySpec(vectors=(ROW,) * 3, nominal_vectors=(ROW,) * 3),
    ):
        distances = {} if path.vectors else {"source_detector_mm": 500.0, "source_object_mm": 200.0}
        s = scan(trajectory=path, focal_spot=spot, spectrum=((60.0, 1e6),), tube_kv=None, **distances)
        assert ScanSpec.model_validate(json.loads(s.model_dump_json())) == s


# --- in a dataset file ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trajectory": {"vectors": [ROW] * 180}, "magnification": 2.0}, "magnification and trajectory.vectors"),
        ({"trajectory": {"vectors": [ROW] * 180}, "source_detector_mm": 500}, "source_detector_mm and trajectory.vec"),
        ({"trajectory": {"vectors": [ROW] * 90}}, "trajectory.vectors must hold one row a view: views is 180"),
        ({"spectrum": [[80, 1]], "tube_kv": 100}, "tube_kv and spectrum contradict each other"),
    ],
)
def test_what_vectors_or_a_spectrum_decide_is_not_said_again(changes, words):
    assert refusal(ScanDraws, **changes).startswith(words)


def test_the_dump_of_a_dataset_with_a_spectrum_is_read_again():
    spec = ScanDraws(spectrum=((80.0, 1.0),), trajectory=TrajectorySpec(vectors=(ROW,) * 180))
    assert ScanDraws.model_validate(json.loads(spec.model_dump_json())) == spec


def write_dataset(folder, vectors) -> str:
    path = folder / "toy.yaml"
    path.write_text(
        "name: toy\nparts: [{library: block}]\n"
        f"scan: {{views: 3, detector: {{pixel_mm: 1.0}}, trajectory: {{vectors: {vectors}}}}}\n"
    )
    return path


@pytest.mark.parametrize("form", ["csv", "npy", "json", "record"])
def test_a_dataset_may_name_a_file_of_vectors_and_holds_its_rows(tmp_path, form):
    rows = np.array([ROW] * 3) + 6e-17  # as a cosine of 90 deg leaves it
    name = f"scan.{'json' if form == 'record' else form}"
    if form == "csv":
        np.savetxt(tmp_path / name, rows, delimiter=", ", header="source, centre, u, v", fmt="%.17g")
    elif form == "npy":
        np.save(tmp_path / name, rows)
    else:
        (tmp_path / name).write_text(json.dumps({"cone_vec_mm": rows.tolist()} if form == "record" else rows.tolist()))
    spec = read_dataset_spec(write_dataset(tmp_path, name))
    np.testing.assert_array_equal(spec.scan.trajectory.vectors, rows)
    inline = read_dataset_spec(write_dataset(tmp_path, rows.tolist()))
    np.testing.assert_array_equal(inline.scan.trajectory.vectors, rows)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no file of vectors"),
        ("scan.xml", b"", "vectors are read from .csv"),
        ("scan.csv", b"1, 2, three\n", "does not hold rows of numbers"),
        ("scan.csv", b"", "scan.trajectory.vectors: must hold one row a view, got none"),
        ("scan.csv", b"1,2,3\n", "scan.trajectory.vectors: row 0 must hold 12 numbers"),
        ("scan.npy", b"not numpy", "does not hold rows of numbers"),
        ("scan.npy", b"", "does not hold rows of numbers"),
        ("scan.json", b"[[1, 2", "does not hold rows of numbers"),
        ("scan.json", b'{"rows": 3}', "must hold a list of rows, or the rows under cone_vec_mm"),
        ("scan.json", b"3", "scan.trajectory.vectors: must be rows of 12 numbers each"),
    ],
)
def test_a_file_of_vectors_that_is_none_is_refused_with_its_name(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=words.replace("[", r"\[").split(": ")[-1]):
        read_dataset_spec(write_dataset(tmp_path, name))


def test_a_folder_is_no_file_of_vectors(tmp_path):
    (tmp_path / "scan.csv").mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        read_vectors(tmp_path / "scan.csv")


def test_a_scan_of_one_view_is_a_scan():
    near = {"source_detector_mm": 500.0, "source_object_mm": 200.0}
    assert scan(views=1, **near).views == 1
    with pytest.raises(BadInput, match="views: must be greater than or equal to 1"):
        scan(views=0, **near)
