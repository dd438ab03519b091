"""Everything about a scan may vary, follow something else, or be set by what gets through the part."""

import functools

import numpy as np
import pytest

from ctsim.dataset.plan import check_at_the_door
from ctsim.penetration import rays_through
from defects.messages import BadInput
from scenes.parts import load_part, load_parts
from scenes.pose import posed
from scenes.sample import sample, shared_draws
from scenes.scene import SceneSpec
from scenes.spec import DatasetSpec
from tests.ctsim import small

VARIED = {
    "parts": [{"library": "bracket", "material": "AlSi10Mg"}],
    "shared": {"age": [0, 10]},
    "scan": {
        "penetration": {"transmission": [0.002, 0.01], "tube_kv": [60, 300], "quanta": 400},
        "filters": {"Cu": {"of": "tube_kv", "table": [[60, 0.1], [300, 2.0]]}},
        "views": [10, 14],
        "detector": {
            "rows": 32, "columns": 32, "pixel_mm": 6.0, "scintillator": {"choice": ["CsI", "Gd2O2S"]},
            "electronic_noise_counts": {"of": "age", "table": [[0, 2], [10, 12]]},
        },
        "trajectory": {"start_deg": [0, 90]},
        "focal_spot": {"size_u_mm": {"log_uniform": [0.1, 1]}, "size_v_mm": 0.2},
    },
}  # fmt: skip


def spec_of(**changes) -> DatasetSpec:
    return DatasetSpec.model_validate({**small.SPEC, **VARIED, **changes})


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> list[SceneSpec]:
    folder = tmp_path_factory.mktemp("randomised")
    load = functools.partial(load_part, folder=folder)
    return [sample(spec_of(), index, load, rays_through) for index in range(12)]


def test_a_scene_holds_numbers_alone(scenes):
    for scene in scenes:
        assert SceneSpec.from_json(scene.to_json()) == scene
    scans = [scene.scan for scene in scenes]
    assert {scan.detector.scintillator for scan in scans} == {"CsI", "Gd2O2S"}
    assert {scan.views for scan in scans} <= set(range(10, 15))
    assert len({scan.views for scan in scans}) > 1
    assert len({scan.trajectory.start_deg for scan in scans}) == len(scans)
    assert all(0.1 <= scan.focal_spot.size_u_mm <= 1 for scan in scans)


def test_what_follows_a_shared_draw_follows_it(scenes):
    ages = [shared_draws(spec_of(), scene.index)["age"] for scene in scenes]
    noise = [scene.scan.detector.electronic_noise_counts for scene in scenes]
    np.testing.assert_allclose(noise, 2 + np.array(ages))


def test_filters_follow_the_voltage_that_was_chosen(scenes):
    for scene in scenes:
        wanted = 0.1 + (scene.scan.tube_kv - 60) / 240 * 1.9
        assert scene.scan.filters == {"Cu": pytest.approx(wanted)}


def test_the_darkest_ray_leaves_what_is_wanted_and_counts_its_quanta(scenes, tmp_path):
    for scene in scenes[:4]:
        (item,), (part,) = scene.items, load_parts(scene, tmp_path)
        transmission, quanta = rays_through(posed(part, item.pose), scene.scan)(scene.scan)
        assert transmission > 0.002
        assert quanta == pytest.approx(400, rel=1e-4)


def test_a_scene_is_the_same_in_any_company(scenes, tmp_path):
    load = functools.partial(load_part, folder=tmp_path)
    assert sample(spec_of(), 7, load, rays_through) == scenes[7]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shared": {}}, "unknown name after of: 'age'"),
        ({"shared": {"age": {"of": "b", "table": [[0, 1], [1, 2]]}}}, "a shared draw follows no other"),
        ({"scan": {"penetration": {"tube_kv": [60, 300]}, "tube_kv": 90}}, "tube_kv and penetration contradict"),
        ({"scan": {"penetration": {"tube_kv": [300, 60]}}}, "tube_kv must be .lowest, highest."),
        ({"scan": {"penetration": {"tube_kv": [60, 300], "transmission": [0.5, 1]}}}, "must lie below 1, can give 1"),
        ({"scan": {"views": {"choice": [10, 20.5]}}}, "views: must be a whole number, got 20.5"),
        ({"scan": {"detector": {"pixel_mm": {"uniform": [2, 1]}}}}, "detector.pixel_mm: uniform must rise"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        spec_of(**changes)


def test_names_that_may_be_drawn_are_looked_up_at_the_door(tmp_path):
    bad = spec_of(scan={"detector": {"scintillator": {"choice": ["CsI", "Unobtainium"]}}}, shared={})
    with pytest.raises(BadInput, match="unknown material 'Unobtainium'"):
        check_at_the_door(bad, tmp_path)


def test_a_part_too_thick_for_the_tube_is_dropped_and_only_where_all_are_is_the_dataset_refused(tmp_path):
    scan = VARIED["scan"] | {"penetration": {"transmission": 0.002, "tube_kv": [60, 300]}}
    mixed = [{"library": "bracket", "material": {"choice": ["AlSi10Mg", "W"]}}]
    check_at_the_door(spec_of(scan=scan, parts=mixed), tmp_path)
    with pytest.raises(BadInput, match=r"bracket lets .* of the beam through at 300 kV, wanted 0.002"):
        check_at_the_door(spec_of(scan=scan, parts=[{"library": "bracket", "material": "W"}]), tmp_path)
