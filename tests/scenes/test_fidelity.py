"""What is set for a fidelity means something there; what means nothing is refused, and is written nowhere."""

import json

import pytest

from defects.messages import BadInput
from scenes.fidelity import FIDELITIES, GateSpec, MonteCarloSpec, meant_for, settings_of
from scenes.scene import ScanSpec
from tests.scenes.toy import dataset, scene

SET = {
    "photons": 5000, "views": 6, "panel": [8, 12], "voxels": 32, "techniques": ["survival"], "fluorescence": True,
    "air": True,
}  # fmt: skip


def refusal(**changes) -> str:
    with pytest.raises(BadInput) as caught:
        dataset(**changes)
    return str(caught.value).removeprefix("toy.yaml: ")


# --- what means nothing ---


def test_each_setting_is_welcome_where_it_means_something_and_refused_where_it_does_not():
    places = [("monte_carlo", name, value) for name, value in SET.items()]
    places += [("gate", "photons", 77), ("gate", "processes", 2)]
    for group, name, value in places:
        for fidelity in FIDELITIES:
            scan, meant = {"fidelity": fidelity, group: {name: value}}, meant_for(f"{group}.{name}")
            if fidelity in meant:
                assert getattr(getattr(dataset(scan=scan).scan, group), name) != getattr(
                    {"monte_carlo": MonteCarloSpec(), "gate": GateSpec()}[group], name
                )
            else:
                told = f"scan.{group}.{name} means nothing for fidelity: {fidelity}; leave it out, or give fidelity: "
                assert refusal(scan=scan) == told + " or ".join(meant)


def test_what_each_fidelity_uses_is_what_its_names_say():
    assert meant_for("gate.photons") == ("gate",)
    assert meant_for("monte_carlo.photons") == ("hybrid", "monte-carlo")
    assert meant_for("monte_carlo.views") == meant_for("monte_carlo.panel") == ("hybrid",)


@pytest.mark.parametrize(
    "scan",
    [
        {"fidelity": {"choice": ["beer-lambert", "hybrid"]}},
        {"fidelity": {"choice": ["gate", {"choice": ["hybrid", "monte-carlo"]}]}},
        {"fidelity": {"hybrid_above": 1.0}},
    ],
)
def test_where_the_fidelity_is_drawn_or_chosen_the_settings_of_each_are_welcome(scan):
    assert dataset(scan=scan | {"monte_carlo": SET}).scan.monte_carlo.views == 6
    several = {key: value for key, value in scan.items() if key != "fidelity"}
    spec = dataset(scan=several | {"monte_carlo": SET}, fidelities=["beer-lambert", "hybrid"])
    assert spec.scan.monte_carlo.photons == 5000


def test_a_setting_that_is_drawn_is_given_even_where_its_middle_is_the_usual():
    drawn = {"monte_carlo": {"fluorescence": {"choice": [False, True]}}}
    assert "scan.monte_carlo.fluorescence means nothing" in refusal(scan=drawn)
    assert dataset(scan=drawn | {"fidelity": "hybrid"}).scan.varied.keys() == {"monte_carlo.fluorescence"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("hybird", "scan.fidelity: unknown fidelity 'hybird'; did you mean 'hybrid'?"),
        ({"choice": ["hybrid", "gait"]}, "scan: unknown fidelity 'gait'; did you mean 'gate'?"),
        (3, "scan.fidelity: must be beer-lambert, hybrid, monte-carlo, gate, or {hybrid_above: RATIO}, got 3"),
        ({"hybrid_below": 1}, "scan.fidelity: must be beer-lambert, hybrid, monte-carlo, gate, or {hybrid_above: R"),
        ({"hybrid_above": 0}, "scan.fidelity: must be above 0, got 0"),
        ({"hybrid_above": "much"}, "scan.fidelity: expected a number"),
    ],
)
def test_what_is_no_fidelity_is_told_in_a_line(given, says):
    told = refusal(scan={"fidelity": given})
    assert told.startswith(says)
    assert "\n" not in told


# --- the coarse panel ---


def test_a_coarse_panel_finer_than_the_panel_is_refused_and_the_usual_one_is_not():
    scan = {"fidelity": "hybrid", "detector": {"rows": 10, "columns": 12}}
    told = "scan: monte_carlo.panel must have at most the detector's 10 rows and 12 columns, got [11, 12]; give fewer"
    assert refusal(scan=scan | {"monte_carlo": {"panel": [11, 12]}}).startswith(told)
    assert dataset(scan=scan | {"monte_carlo": {"panel": [10, 12]}}).scan.monte_carlo.panel == (10, 12)
    assert dataset(scan=scan).scan.monte_carlo.panel == (16, 16)


def test_a_panel_that_varies_must_hold_the_coarse_one_at_its_smallest():
    scan = {"fidelity": "hybrid", "detector": {"rows": [24, 128]}, "monte_carlo": {"panel": [32, 32]}}
    assert "the detector's 24 rows" in refusal(scan=scan)
    assert dataset(scan=scan | {"monte_carlo": {"panel": [24, 32]}}).scan.monte_carlo.panel == (24, 32)


# --- in numbers, and in JSON ---


def scan_of(**changes) -> ScanSpec:
    return scene(scan={
        "tube_kv": 160.0, "exposure_mas": 0.1, "detector": {}, "source_detector_mm": 800.0, "source_object_mm": 400.0,
        "views": 90, **changes,
    }).scan  # fmt: skip


def test_settings_of_another_fidelity_are_left_behind():
    monte_carlo, gate = MonteCarloSpec.model_validate(SET), GateSpec(photons=5)
    found = {name: settings_of(name, monte_carlo, gate) for name in FIDELITIES}
    assert found["beer-lambert"] == {"fidelity": "beer-lambert", "monte_carlo": MonteCarloSpec(), "gate": GateSpec()}
    assert found["hybrid"] == {"fidelity": "hybrid", "monte_carlo": monte_carlo, "gate": GateSpec()}
    usual = {"views": 24, "panel": (16, 16)}
    assert found["monte-carlo"]["monte_carlo"] == monte_carlo.model_copy(update=usual)
    assert found["gate"] == {"fidelity": "gate", "monte_carlo": MonteCarloSpec(), "gate": gate}


@pytest.mark.parametrize(
    ("fidelity", "written"),
    [("beer-lambert", set()), ("hybrid", {"monte_carlo"}), ("monte-carlo", {"monte_carlo"}), ("gate", {"gate"})],
)
def test_json_holds_the_settings_that_are_used_and_reads_back_the_same(fidelity, written):
    scan = scan_of(fidelity=fidelity, **{group: {"photons": 5000} for group in written})
    values = json.loads(json.dumps(scan.model_dump(mode="json")))
    assert {"monte_carlo", "gate"} & values.keys() == written
    assert ScanSpec.model_validate(values) == scan
    whole = scene(scan=scan.model_dump(mode="json"))
    assert type(whole).from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_a_scene_with_settings_that_mean_nothing_is_refused():
    with pytest.raises(BadInput, match=r"scan: monte_carlo.photons means nothing for fidelity: beer-lambert"):
        scan_of(monte_carlo={"photons": 5})
    with pytest.raises(BadInput, match=r"monte_carlo.panel must have at most the detector's 8 rows"):
        scan_of(fidelity="hybrid", detector={"rows": 8, "columns": 8}, monte_carlo={"panel": [9, 8]})
