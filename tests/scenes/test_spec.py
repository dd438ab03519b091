"""A spec that is wrong anywhere is refused with the place, what was wanted and what was got; a scene survives JSON."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from defects import kinds
from defects.crack import Crack
from defects.gas_pore import GasPore
from defects.inclusion import InclusionDense
from defects.messages import BadInput
from defects.placement import Placement
from scenes.defect_spec import DefectSpec
from scenes.detector import DetectorSpec
from scenes.draw import draw
from scenes.draw_fields import MOST_DEFECTS
from scenes.part_spec import PartSpec, PoseSpec
from scenes.scan_draws import ScanDraws
from scenes.scene import SceneSpec, read_scene_spec
from scenes.spec import DatasetSpec, VolumeDraws, read_dataset_spec
from tests.scenes.toy import dataset, item, scene

NAN, INF = math.nan, math.inf
PORE = {"kind": "gas_pore", "diameter_mm": 2.0}


def refusal(**changes) -> str:
    """Return the words in which a dataset with these keys is refused."""
    with pytest.raises(BadInput) as caught:
        dataset(**changes)
    assert str(caught.value).startswith("toy.yaml: ")
    return str(caught.value).removeprefix("toy.yaml: ")


def scan_refusal(**changes) -> str:
    return refusal(scan=changes)


# --- unknown keys ---


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"scann": {}}, "scann: unknown key 'scann'; did you mean 'scan'"),
        (
            {"parts": [{"library": "block", "materail": "Al"}]},
            "parts.0.materail: unknown key 'materail'; did you mean 'mat",
        ),
        ({"pose": {"tilt": 3}}, "pose.tilt: unknown key 'tilt'; did you mean 'tilt_deg'"),
        ({"scan": {"tube_kvp": 3}}, "scan.tube_kvp: unknown key 'tube_kvp'; did you mean 'tube_kv'"),
        ({"scan": {"detector": {"pixel": 1}}}, "scan.detector.pixel: unknown key 'pixel'; did you mean 'pixel_mm'"),
        ({"volume": {"voxel": 1}}, "volume.voxel: unknown key 'voxel'; did you mean 'voxels' or 'voxel_mm'"),
        (
            {"defects": [PORE, PORE | {"wal_mm": 1}]},
            "defects.1: unknown key of gas_pore 'wal_mm'; did you mean 'wall_mm'",
        ),
        ({"defects": [PORE | {"length_mm": 1}]}, "defects.0: unknown key of gas_pore 'length_mm'"),
        ({"defects": [{"kind": "pore"}]}, "defects.0: unknown defect kind 'pore'; did you mean 'gas_pore'"),
        ({"volume": {"method": "cgls", "window": "hann"}}, "volume: window means nothing for method: cgls"),
        ({"volume": {"iterations": 9}}, "volume: iterations means nothing for method: fdk"),
        ({"scan": [1, 2]}, "scan: must hold keys and values, got [1, 2]"),
        ({"scan": {"noise": "maybe"}}, "scan.noise: must be true or false, got 'maybe'"),
        ({"scan": {"trajectory": {"detector_shift_mm": 12}}}, "scan.trajectory.detector_shift_mm: must be a list"),
        ({"splits": {"trian": 1}}, "splits.trian: must be 'train', 'validation' or 'test', got 'trian'"),
    ],
)
def test_an_unknown_key_anywhere_is_told_with_its_place_and_a_near_one(changes, start):
    assert refusal(**changes).startswith(start)


def test_every_fault_has_a_line_of_its_own():
    text = refusal(seed=-1, scan={"tube_kv": 0, "detector": {"pixel": 1}})
    assert [line.split(":")[0].strip() for line in text.split("\n")] == ["seed", "scan.tube_kv", "scan.detector.pixel"]


def test_a_fault_in_a_part_is_not_told_twice():
    assert "\n" not in refusal(parts=[{"library": "block", "scal": 2}])


def test_there_must_be_a_part():
    assert refusal(parts=[]).startswith("parts: must list at least one")


# --- numbers ---


@pytest.mark.parametrize("bad", [0, -1.0, NAN, INF, [0, 1], [2, 1], "3", True, None, {"normal": [1, 1]}], ids=str)
@pytest.mark.parametrize("key", ["tube_kv", "exposure_mas", "source_detector_mm"])
def test_a_draw_of_positive_numbers_takes_no_other(key, bad):
    text = scan_refusal(**{key: bad})
    assert text.startswith(f"scan.{key}: ")
    assert any(words in text for words in ("above 0", "finite number", "expected a number", "rise from low to high"))


@pytest.mark.parametrize("bad", [-1.0, NAN, [-1, 1], "thick"], ids=str)
def test_a_filter_is_not_thinner_than_nothing(bad):
    assert scan_refusal(filters={"Al": 1.0, "Cu": bad}).startswith("scan.filters.Cu: ")


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (DetectorSpec, "pixel_mm"),
        (DetectorSpec, "scintillator_mm"),
        (DetectorSpec, "free_beam_counts"),
        (DetectorSpec, "rows"),
        (DetectorSpec, "columns"),
        (ScanDraws, "views"),
        (ScanDraws, "flat_frames"),
        (ScanDraws, "rays_per_pixel"),
        (ScanDraws, "anode_deg"),
        (ScanDraws, "magnification"),
        (VolumeDraws, "voxels"),
        (VolumeDraws, "voxel_mm"),
        (PartSpec, "scale"),
        (PartSpec, "tolerance_mm"),
        (PartSpec, "weight"),
        (DatasetSpec, "scenes"),
        (DatasetSpec, "scenes_per_shard"),
    ],
)
@pytest.mark.parametrize("bad", [0, -1, NAN, INF])
def test_sizes_and_numbers_of_things_are_above_zero_and_finite(make, key, bad):
    needed = {PartSpec: {"library": "block"}, DatasetSpec: {"name": "toy", "parts": [{"library": "block"}]}}
    with pytest.raises(ValidationError, match=key):
        make(**needed.get(make, {}), **{key: bad})


@pytest.mark.parametrize("key", ["wall_mm", "gap_mm"])
@pytest.mark.parametrize("bad", [-0.1, NAN, INF])
def test_a_distance_to_keep_is_at_least_zero(key, bad):
    assert refusal(defects=[PORE | {key: bad}]).startswith(f"defects.0.{key}: ")
    assert getattr(DefectSpec(**PORE, **{key: 0.0}), key) == 0


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        (PORE | {"diameter_mm": 0}, "defects.0: diameter_mm: must be above 0, got 0"),
        (PORE | {"diameter_mm": NAN}, "defects.0: diameter_mm: must be a finite number, got nan"),
        (PORE | {"diameter_mm": [-1, 2]}, "defects.0: diameter_mm: must be above 0, can give -1"),
        (PORE | {"elongation": 0.5}, "defects.0: elongation: must be at least 1, got 0.5"),
        (PORE | {"count": 1.5}, "defects.0.count: must be a whole number, got 1.5"),
        (PORE | {"count": INF}, "defects.0.count: must be a finite number, got inf"),
        (PORE | {"count": [0.5, 2]}, "defects.0.count: a range of counts must hold whole numbers"),
        ({"kind": "gas_pore"}, "defects.0: gas_pore needs diameter_mm"),
        ({"diameter_mm": 1}, "defects.0.kind: is missing"),
        ({"kind": "inclusion_dense", "diameter_mm": 1, "material": 5}, "defects.0: material: expected a name"),
        (
            {"kind": "inclusion_dense", "diameter_mm": 1, "material": {"choice": []}},
            "defects.0: material: choice needs a list",
        ),
    ],
)
def test_a_defects_own_parameters_are_checked_at_the_door(flaw, text):
    assert refusal(defects=[flaw]).startswith(text)


PLATE = {"kind": "cold_shut"}
"""Open to the surface by its nature."""

NEEDED = {name: 0.5 for name, p in kinds.kind_of("cold_shut").parameters.items() if p.default is None}


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        (PORE | {"place": "surfase"}, "defects.0: place: unknown place 'surfase'; did you mean 'surface'"),
        (PORE | {"place": {"thickest": 2}}, "defects.0: place: thickest must be a share above 0 and at most 1, got 2"),
        (PORE | {"place": {"thikest": 2}}, "defects.0: place: unknown word under place 'thikest'"),
        (PORE | {"place": {"wall_depth_mm": 0}}, "defects.0: place.wall_depth_mm: must be above 0, got 0"),
        (PORE | {"place": {"wall_depth_mm": [2, 1]}}, "defects.0: place.wall_depth_mm: a range must rise"),
        (
            PORE | {"place": {"wall_depth_mm": [0.1, 0.5]}, "wall_mm": 0.5},
            "defects.0: place.wall_depth_mm can give at most 0.5, and wall_mm keeps 0.5 clear",
        ),
        (
            PORE | {"place": {"along_mm": [[0, 0, 0], [1, 0, 0]], "off_mm": [-1, 1]}},
            "defects.0: place.off_mm: must be at least 0, can give -1",
        ),
        (PORE | {"breaks_surface": True, "wall_mm": 1}, "defects.0: wall_mm and breaks_surface: true contradict"),
        (PORE | {"breaks_surface": "often"}, "defects.0.breaks_surface: must be true or false"),
        (
            PLATE | NEEDED | {"place": {"thickest": 0.5}},
            "defects.0: cold_shut is open to the surface: place must be surface or along_mm",
        ),
        (PLATE | NEEDED | {"place": "volume"}, "defects.0: cold_shut is open to the surface: place must be surface"),
    ],
    ids=str,
)
def test_a_place_that_makes_no_sense_is_refused(flaw, text):
    assert refusal(defects=[flaw]).startswith(text)


def test_a_place_in_words_is_the_placement_of_each_flaw():
    def placement(**keys):
        return dataset(defects=[PORE | keys]).defects[0].placement(lambda value: value[0])

    assert placement() == Placement(wall_mm=0.2, gap_mm=0.1)
    assert placement(wall_mm=1.0, place={"wall_depth_mm": [2.0, 3.0]}) == Placement(wall_mm=1.0, wall_depth_mm=2.0)
    assert placement(place="surface") == Placement(on_surface=True)
    assert placement(breaks_surface=True).breaks_surface


def test_kinds_that_are_open_to_the_surface_lie_on_it():
    wish = dataset(defects=[PLATE | NEEDED]).defects[0]
    assert wish.placement(float).on_surface
    line = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    along = dataset(defects=[PLATE | NEEDED | {"place": {"along_mm": line}}]).defects[0].placement(float)
    assert along.on_surface
    assert along.along_mm == ((0, 0, 0), (1, 0, 0))


WHOLE = [name for name, kind in kinds.KINDS.items() if kind.whole_part]


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("word", [{"place": "volume"}, {"wall_mm": 1}, {"gap_mm": 1}, {"breaks_surface": True}])
def test_what_changes_the_whole_part_has_no_place(kind, word):
    needed = {name: 0.5 for name, p in kinds.kind_of(kind).parameters.items() if p.default is None}
    text = f"defects.0: {next(iter(word))} means nothing for {kind}, which changes the whole part"
    assert refusal(defects=[{"kind": kind} | needed | word]).startswith(text)


def test_a_defect_without_bounds_of_its_own_may_be_lognormal():
    spec = dataset(defects=[PORE | {"diameter_mm": {"lognormal": [2.0, 0.3]}}])
    assert spec.defects[0].parameters == {"diameter_mm": {"lognormal": [2.0, 0.3]}}


@pytest.mark.parametrize(
    ("magnification", "text"),
    [
        (1, "must be above 1, got 1; or write fit"),
        ("fitt", "expected a number"),
        ([0.5, 3], "must be above 1, can give 0.5"),
    ],
)
def test_magnification_is_above_one_or_fit(magnification, text):
    assert scan_refusal(magnification=magnification).startswith(f"scan.magnification: {text}")
    assert dataset(scan={"magnification": "fit"}).scan.magnification == "fit"
    assert dataset(scan={"magnification": [1.5, 3]}).scan.magnification == [1.5, 3]


@pytest.mark.parametrize("voxel_mm", [0, -1, NAN, INF, "fitt", True, [1, 2], {"uniform": [1, 2]}], ids=str)
def test_a_voxel_is_one_number_above_zero_or_fit(voxel_mm):
    text = refusal(volume={"voxel_mm": voxel_mm})
    assert text.startswith("volume.voxel_mm: must be fit, or one finite number above 0, got ")
    assert "\n" not in text


@pytest.mark.parametrize("key", ["views", "flat_frames", "rays_per_pixel", "anode_deg"])
@pytest.mark.parametrize("word", [True, False, "3", "1e-3"])
def test_words_are_no_numbers(key, word):
    """YAML reads 1e-3, without a point, as a word."""
    assert scan_refusal(**{key: word}) == (
        f"scan.{key}: must be a number without quotes, such as 0.5 or 1.0e-3, got {word!r}"
    )


GROOVE = {"kind": "undercut", "length_mm": 20.0, "width_mm": 1.0}


@pytest.mark.parametrize(
    ("flaw", "level", "sizes"),
    [
        (GROOVE, "B", {"depth_mm": [0.08, 0.4]}),
        (GROOVE, "C", {"depth_mm": [0.4, 0.5]}),
        (GROOVE, "D", {"depth_mm": [0.5, 1.0]}),
        (GROOVE, "rejected", {"depth_mm": [1.0, 1.5]}),
        ({"kind": "gas_pore"}, "C", {"diameter_mm": [1.6, 2.4], "elongation": 1.0}),
        ({"kind": "inclusion_dense"}, "B", {"diameter_mm": [0.32, 1.6], "elongation": 1.0, "flatness": 1.0}),
    ],
)
def test_a_severity_stands_for_the_sizes_that_iso_5817_limits_at_8_mm(flaw, level, sizes):
    wish = dataset(defects=[flaw | {"severity": {"level": level, "thickness_mm": 8}}]).defects[0]
    own = {name: value for name, value in flaw.items() if name != "kind"}
    assert wish.parameters == own | sizes
    again = DefectSpec(**json.loads(json.dumps(wish.model_dump(mode="json"))))
    assert again == wish
    assert again.parameters == wish.parameters


def test_grooves_of_a_severity_are_permitted_at_their_level_and_not_at_the_better_one():
    rng, spec = np.random.default_rng(4), DefectSpec(**GROOVE, severity={"level": "C", "thickness_mm": 6.0})
    drawn = [
        kinds.kind_of("undercut").sample(rng, **{name: draw(value, rng) for name, value in spec.parameters.items()})
        for _ in range(300)
    ]
    depths = [flaw.depth_mm for flaw in drawn]
    assert 0.05 * 6 < min(depths) < 0.31  # B permits 0.05 t
    assert 0.49 < max(depths) <= 0.5  # C permits 0.1 t, but no more than 0.5 mm


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"depth_mm": 0.4}, "defects.0: severity and depth_mm contradict each other; leave one out"),
        ({"severity": {"level": "C"}}, "defects.0.severity.thickness_mm: is missing"),
        ({"severity": {"level": "C", "thickness_mm": 0.4}}, "defects.0: severity: thickness_mm must be at least 0.5"),
        ({"severity": {"level": "E", "thickness_mm": 8}}, "defects.0: severity: unknown level 'E'"),
        ({"severity": {"lvel": "C", "thickness_mm": 8}}, "defects.0.severity.level: is missing"),
        (
            {"severity": {"level": "D", "thickness_mm": 2}, "length_mm": [20, 26]},
            "defects.0: severity: level D permits short ones only: length_mm must be at most 25, can give 26",
        ),
    ],
)
def test_a_severity_that_does_not_fit_is_refused(changes, text):
    assert refusal(defects=[GROOVE | {"severity": {"level": "C", "thickness_mm": 8}} | changes]).startswith(text)


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        ({"kind": "crack", "length_mm": 5, "opening_mm": 0.1}, "no level of ISO 5817 permits a crack"),
        ({"kind": "warp", "amplitude_mm": 0.1}, "there is no table for warp"),
        ({"kind": "gas_pore", "breaks_surface": True}, "its table is for gas_pore inside a weld"),
        ({"kind": "gas_pore", "place": "surface"}, "its table is for gas_pore inside a weld"),
        (
            {"kind": "inclusion_dense", "material": {"choice": ["W", "Cu"]}},
            "no level of ISO 5817 permits inclusion_dense of Cu",
        ),
    ],
)
def test_a_severity_is_refused_for_what_its_table_does_not_tell(flaw, text):
    severity = {"severity": {"level": "D", "thickness_mm": 8}}
    assert refusal(defects=[flaw | severity]).startswith(f"defects.0: severity: {text}")


@pytest.mark.parametrize("count", [MOST_DEFECTS + 1, [0, 1e6], {"poisson": 1e5}, {"choice": [1, 20_000]}], ids=str)
def test_more_defects_than_can_be_numbered_are_refused(count):
    assert refusal(defects=[PORE | {"count": count}]).startswith("defects.0.count: must be at most 10000, got ")
    assert dataset(defects=[PORE | {"count": MOST_DEFECTS}]).defects[0].count == MOST_DEFECTS


def test_the_free_beam_must_fit_the_converter():
    text = scan_refusal(detector={"bits": 12})
    wanted = "scan.detector: dark_counts + free_beam_counts must stay within 4095 (12 bits), got 50500; "
    assert text == wanted + "or give saturation_counts to let the free beam saturate"
    DetectorSpec(bits=12, free_beam_counts=4000.0, dark_counts=95.0)


@pytest.mark.parametrize(
    "splits", [{}, {"train": 0}, {"train": 1, "test": -0.5}, {"train": NAN}, {"train": INF}], ids=str
)
def test_shares_of_splits_are_at_least_zero_and_not_all_zero(splits):
    assert "splits" in refusal(splits=splits)


@pytest.mark.parametrize("name", ["A", "a b", "a.b", "", "_a", "a" * 61, 3])
def test_a_dataset_is_named_so_that_its_keys_hold_no_dot_and_no_space(name):
    assert refusal(name=name).startswith("name: ")


# --- parts ---


@pytest.mark.parametrize("part", [{}, {"library": "flange", "file": "flange.stl", "material": "Al"}])
def test_a_part_comes_from_the_library_or_from_a_file(part):
    assert refusal(parts=[part]) == "parts.0: give either library: NAME or file: PATH"


def test_a_file_needs_a_material_and_its_name_is_told_as_written():
    assert refusal(parts=[{"file": "Bracket.STL"}]) == "parts.0: Bracket.STL needs a material, such as material: Al"


@pytest.mark.parametrize("bad", [5, True, "", ["Al"], {"choice": []}, {"normal": [1, 2]}], ids=str)
def test_a_material_is_a_name_or_a_choice_of_names(bad):
    assert refusal(parts=[{"library": "block", "material": bad}]).startswith("parts.0.material: ")
    assert refusal(parts=[{"library": "block", "materials": {"pin": bad}}]).startswith("parts.0.materials.pin: ")


@pytest.mark.parametrize(
    "parts",
    [
        [{"library": "flange"}, {"library": "flange"}],
        [{"library": "gear", "name": "flange"}, {"library": "flange"}],
        [{"file": "a/Flange.stl", "material": "Al"}, {"library": "flange"}],
    ],
)
def test_no_two_parts_have_one_name(parts):
    assert refusal(parts=parts) == "two parts are called 'flange'; give each a name of its own"


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"library": "flange"}, "flange"),
        ({"library": "flange", "name": "big_flange"}, "big_flange"),
        ({"file": "../cad/Pump Housing (v2).STEP", "material": "Al"}, "pump_housing__v2"),
    ],
)
def test_a_part_is_called_by_its_name_or_after_its_source(part, key):
    assert PartSpec(**part).key == key


# --- files ---


def test_a_spec_is_read_from_yaml(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nparts:\n  - library: flange\n    scale: [0.5, 2]\nscan: {tube_kv: 120}\n")
    spec = read_dataset_spec(path)
    assert (spec.name, spec.parts[0].scale, spec.scan.tube_kv, spec.seed) == ("mine", [0.5, 2], 120, 0)


@pytest.mark.parametrize("size", ["1.0e+200", "1.0e-30", "-2.0e+9"])
def test_a_size_that_nothing_can_be_computed_with_is_refused_with_its_place(tmp_path, size):
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nparts: [{{library: flange}}]\nscan: {{detector: {{pixel_mm: {size}}}}}\n")
    with pytest.raises(BadInput, match=r"^mine\.yaml: scan\.detector\.pixel_mm: expected 0, or a size from"):
        read_dataset_spec(path)


def test_a_seed_may_be_of_any_size(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nparts: [{{library: flange}}]\nseed: {2**63}\n")
    assert read_dataset_spec(path).seed == 2**63


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"name: [", "mine.yaml is not readable as YAML"),
        (b"\xff\xfe\x00", "mine.yaml is not readable as YAML"),
        (b"a: !!python/object:os.system {}", "mine.yaml is not readable as YAML"),
        (b"", "mine.yaml must hold keys and values, with at least name: and parts:"),
        (b"- 1", "must hold keys and values"),
        (b"just words", "must hold keys and values"),
        (b"name: mine", "mine.yaml: parts: is missing"),
        (b"1: 2\nname: mine\nparts: [{library: block}]", "mine.yaml: 1: keys should be strings"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_in_one_message(tmp_path, content, text):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_dataset_spec(path)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_dataset_spec, read_scene_spec])
def test_a_missing_file_and_a_folder_are_named(tmp_path, read):
    with pytest.raises(BadInput, match=r"no (dataset|scene) file .*absent\.yaml"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        read(tmp_path)


# --- scenes ---

FLAWS = (
    GasPore(diameter_mm=2.0, elongation=1.3, centre_mm=(1.0, 2.0, 3.0)),
    Crack(length_mm=5.0, width_mm=3.0, opening_mm=0.1, waves=((0.1, 1.0, 2.0, 30.0),)),
    InclusionDense(diameter_mm=1.0, material="W"),
)


def with_flaws() -> SceneSpec:
    listed = [kinds.to_json(flaw) for flaw in FLAWS]
    return scene(index=17, unplaced={"crack": 2}, items=[item(defects=listed)])


def test_a_scene_survives_json_to_its_last_flaw(tmp_path):
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(with_flaws().to_json()))
    assert read_scene_spec(path) == with_flaws()
    path.write_text(json.dumps({"scene": with_flaws().to_json(), "code_version": "1"}))
    assert read_scene_spec(path) == with_flaws()
    assert read_scene_spec(path).defects == FLAWS


def test_whole_dimensions_stay_whole_through_json():
    """A number of bolts is a count: 8 and not 8.0."""
    part = {
        "name": "flange",
        "library": "flange",
        "dimensions": {"bolts": 8, "bolt_mm": 9.5},
        "materials": {},
        "host": "f",
    }
    again = SceneSpec.from_json(json.loads(json.dumps(scene(items=[item(part=part)]).to_json())))
    (only,) = again.items
    assert only.part.dimensions == {"bolts": 8, "bolt_mm": 9.5}
    assert type(only.part.dimensions["bolts"]) is int


def with_item(**changes) -> dict:
    return {"items": [item(**changes)]}


def test_an_alias_to_its_own_place_is_refused(tmp_path):
    (tmp_path / "loop.yaml").write_text("name: a\nparts: &a [*a]\n")
    with pytest.raises(BadInput, match="an alias"):
        read_dataset_spec(tmp_path / "loop.yaml")


def test_the_key_of_a_scene_holds_no_dot():
    assert with_flaws().key == "toy-000017"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (with_item(defects=None), "scene: items.0.defects must be a list, got None"),
        (with_item(defects=3), "scene: items.0.defects must be a list, got 3"),
        (with_item(defects=[3]), "scene: items.0.defects.0: a defect must be an object with a kind, got 3"),
        (
            with_item(defects=[PORE, {"kind": "por"}]),
            "scene: items.0.defects.1: unknown defect kind 'por'; did you mean 'gas_pore'",
        ),
        (
            with_item(defects=[PORE | {"diameter_mm": -1.0}]),
            "scene: items.0.defects.0: diameter_mm must be a finite number above 0",
        ),
        (with_item(pose={"quaternion": [0, 0, 0, 0]}), "scene: items.0.pose: quaternion must not be all zeros"),
        (with_item(pose={"quaternion": [1, 0, 0, NAN]}), "scene: items.0.pose.quaternion.3: must be a finite number"),
        (with_item(pose={"shift_mm": [1, 2]}), "scene: items.0.pose.shift_mm.2: is missing"),
        (
            {"volume": {"shape": [8, 0, 8], "voxel_mm": 1}},
            "scene: volume.shape.1: must be greater than or equal to 1",
        ),
        ({"volume": {"shape": [8, 8, 8], "voxel_mm": 0}}, "scene: volume.voxel_mm: must be greater than 0"),
        ({"items": []}, "scene: items: must list at least one"),
        ({"items": None}, "scene: items: must be a list"),
        ({"items": [item(), 3]}, "scene: items.1: must hold keys and values"),
        (
            {"fixture": {"kind": "foam", "material": "EPS_foam", "wall_mm": 0}},
            "scene: fixture.wall_mm: must be greater",
        ),
        ({"index": -1}, "scene: index: must be greater than or equal to 0"),
        ({"sede": 1}, "scene: sede: unknown key 'sede'; did you mean 'seed'"),
    ],
)
def test_a_scene_that_is_wrong_is_refused_with_the_place(changes, text):
    with pytest.raises(BadInput) as caught:
        scene(**changes)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"source_object_mm": 800.0},
            "scan: source_object_mm must be smaller than source_detector_mm, got 800 against 800",
        ),
        ({"source_object_mm": 0.0}, "scan.source_object_mm: must be greater than 0"),
        ({"filters": {"Al": -0.5}}, "scan.filters.Al: must be greater than or equal to 0"),
        ({"tube_kv": NAN}, "scan.tube_kv: must be a finite number"),
        ({"detector": {"pixel": 1}}, "scan.detector.pixel: unknown key 'pixel'; did you mean 'pixel_mm'"),
    ],
)
def test_a_scan_in_numbers_that_is_wrong_is_refused_with_the_place(changes, text):
    values = scene().to_json()
    values["scan"] |= changes
    with pytest.raises(BadInput) as caught:
        SceneSpec.from_json(values)
    assert str(caught.value).startswith(f"scene: {text}")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "is not readable as JSON"),
        ("[]", "must hold a scene"),
        ("3", "must hold a scene"),
        ('{"scene": 1}', "must hold a scene"),
    ],
)
def test_a_file_that_is_no_scene_is_refused(tmp_path, content, text):
    (tmp_path / "scene.json").write_text(content)
    with pytest.raises(BadInput, match=text):
        read_scene_spec(tmp_path / "scene.json")


def test_counts_are_bounded_in_choices_too_and_a_cut_bounds_them():
    for most in ({"choice": [1, {"poisson": 1e6}]}, {"choice": [[0, 20_000]]}, {"poisson": 2e4}):
        with pytest.raises(BadInput, match=r"defects.0.count: must be at most 10000"):
            dataset(defects=[{"kind": "gas_pore", "diameter_mm": 1, "count": most}])
    cut = {"poisson": 2e4, "within": [0, 9000]}
    assert dataset(defects=[{"kind": "gas_pore", "diameter_mm": 1, "count": cut}]).defects[0].count == cut


def test_a_file_without_a_letter_in_its_name_is_a_part():
    assert dataset(parts=[{"file": "---.stl", "material": "Al"}]).parts[0].key == "part"


SET = {"penetration": {"tube_kv": [100, 200]}}
AFTER = {"of": "tube_kv", "table": [[100, 1.0], [200, 2.0]]}


def test_what_is_drawn_after_the_tube_is_set_may_follow_its_voltage_and_nothing_else_may():
    assert dataset(scan=SET | {"filters": {"Cu": AFTER}, "exposure_mas": AFTER}).scan.exposure_mas == AFTER
    for changes in (
        {"scan": SET | {"detector": {"pixel_mm": AFTER}}},
        {"scan": SET, "defects": [{"kind": "gas_pore", "diameter_mm": AFTER}]},
        {"scan": {"filters": {"Cu": AFTER}}},
    ):
        with pytest.raises(BadInput, match=r"unknown name after of: 'tube_kv'.*give it under shared"):
            dataset(**changes)


@pytest.mark.parametrize(("source", "got"), [({"file": "a.npz"}, "both"), ({"library": None}, "neither")])
def test_the_part_of_a_scene_comes_from_one_place(source, got):
    values = scene().to_json()
    values["items"][0]["part"] |= source
    with pytest.raises(BadInput, match=rf"items.0.part: expected either library: NAME or file: PATH, got {got}"):
        SceneSpec.from_json(values)


def test_records_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        dataset().seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        PoseSpec().shift_mm = 3
