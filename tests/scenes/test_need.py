"""A scene is hybrid where its ratio of scatter to primary exceeds what is given; the ratio stands in the scene."""

import json

import pytest

from scenes.need import by_need
from scenes.sample import sample
from scenes.scene import SceneSpec
from scenes.setup import sample_setup
from tests.scenes.toy import bolted, dataset, load, scene

RULE = {"fidelity": {"hybrid_above": 1.0}, "monte_carlo": {"photons": 5000, "panel": [8, 8]}}


def drawn(ratio, index: int = 0, **changes) -> SceneSpec:
    return sample(dataset(**{"scan": RULE} | changes), index, load, None, lambda bodies, scan: ratio)


@pytest.mark.parametrize(("ratio", "fidelity"), [(0.0, "beer-lambert"), (1.0, "beer-lambert"), (1.01, "hybrid")])
def test_a_scene_that_exceeds_the_ratio_is_hybrid(ratio, fidelity):
    found = drawn(ratio).scan
    assert (found.fidelity, found.scatter_to_primary) == (fidelity, ratio)
    assert found.monte_carlo.photons == (5000 if fidelity == "hybrid" else None)


def test_the_ratio_is_written_with_three_digits_and_these_decide():
    """What stands in a scene explains its fidelity: 1.004 is written as 1, which does not exceed 1."""
    assert (drawn(1.004).scan.fidelity, drawn(1.004).scan.scatter_to_primary) == ("beer-lambert", 1.0)
    assert drawn(0.0123456).scan.scatter_to_primary == 0.0123
    assert drawn(12345.6).scan.scatter_to_primary == 12300.0


def test_a_scene_chosen_by_need_survives_json():
    for ratio in (0.5, 7.0):
        found = drawn(ratio)
        assert SceneSpec.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_threshold_may_be_drawn():
    rule = {"fidelity": {"hybrid_above": [0.5, 2.0]}}
    found = {drawn(1.0, index, scan=rule).scan.fidelity for index in range(20)}
    assert found == {"beer-lambert", "hybrid"}
    above = {drawn(2.01, index, scan=rule).scan.fidelity for index in range(20)}
    below = {drawn(0.49, index, scan=rule).scan.fidelity for index in range(20)}
    assert (above, below) == ({"hybrid"}, {"beer-lambert"})


def test_the_measure_sees_the_matter_that_is_scanned_and_a_scan_in_hybrid():
    seen = []

    def ratio(bodies, scan):
        seen.append(({body.material: body.solid.volume() for body in bodies}, scan))
        return 3.0

    spec = dataset(parts=[{"library": "bolted", "host": "plate"}], scan=RULE)
    found = sample(spec, 2, load, None, ratio)
    ((volumes, scan),) = seen
    assert volumes == pytest.approx({body.material: body.solid.volume() for body in bolted().bodies})
    assert (scan.fidelity, scan.monte_carlo.panel) == ("hybrid", (8, 8))
    assert found.scan == scan.model_copy(update={"scatter_to_primary": 3.0})


def test_twins_are_of_one_fidelity():
    """The probe goes through sound matter, which both share."""
    spec = dataset(twins=True, scan=RULE, defects=[{"kind": "gas_pore", "diameter_mm": 8.0}])
    for ratio in (0.5, 2.0):
        flawed, sound = (sample(spec, index, load, None, lambda *_, found=ratio: found).scan for index in (0, 1))
        assert flawed == sound


def test_a_rule_without_a_measure_is_a_mistake_of_ours_and_the_setup_needs_none():
    spec = dataset(scan=RULE)
    with pytest.raises(TypeError, match="wants `ratio`"):
        sample(spec, 0, load)
    assert sample_setup(spec, 0, load).scan.fidelity == "hybrid"


def test_no_other_scene_is_measured():
    def ratio(bodies, scan):
        raise AssertionError("not asked for")

    assert sample(dataset(scan={"fidelity": "hybrid"}), 0, load, None, ratio).scan.scatter_to_primary is None
    assert sample(dataset(fidelities=["beer-lambert", "hybrid"]), 1, load, None, ratio).scan.fidelity == "hybrid"


def test_what_is_set_for_hybrid_goes_with_it():
    scan = scene().scan.model_copy(update={"fidelity": "hybrid"})
    assert by_need(scan, 1.0, 2.0) == scan.model_copy(update={"scatter_to_primary": 2.0})
    assert by_need(scan, 1.0, 0.5).model_dump(mode="json").keys() >= {"scatter_to_primary"} - {"monte_carlo"}
