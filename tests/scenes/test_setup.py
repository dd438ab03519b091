"""What stands on the stage is in the picture, sound or flawed."""

import numpy as np
import pytest

from defects.messages import BadInput
from scenes.field_of_view import MARGIN
from scenes.setup import sample_setup
from tests.scenes.toy import bolted, dataset, load


def test_corners_are_turned_and_shifted_with_the_part():
    setup = sample_setup(dataset(pose={"shift_mm": [0, 3]}), 4, load)
    middle = np.array(setup.standing[0].pose.shift_mm)
    corners = np.unique(setup.points_mm, axis=0)
    assert np.linalg.norm(corners - middle, axis=1) == pytest.approx([np.linalg.norm([20, 15, 10])] * 8)
    assert corners.mean(0) == pytest.approx(middle)


def test_a_part_that_fits_is_magnified_until_its_circle_fills_the_picture():
    """An upright block turns on a circle of 25 mm: on 128 mm at 800 mm it is held by its width."""
    scan = sample_setup(dataset(pose={"orientation": "upright"}), 0, load).scan
    assert scan.source_object_mm == pytest.approx(25 * np.hypot(1, 800 / (MARGIN * 64)))


def test_a_magnification_that_is_given_is_taken():
    scan = sample_setup(dataset(scan={"magnification": [1.2, 1.4]}), 0, load).scan
    assert 1.2 <= scan.source_detector_mm / scan.source_object_mm <= 1.4


def test_parts_that_do_not_fit_together_are_not_blamed_one_by_one():
    stage = {"parts": 2, "gap_mm": 1000.0, "fixture": {"kind": "cup"}}
    with pytest.raises(BadInput, match=r"part 'block \(2 together\) in its cup' is larger than the field of view"):
        sample_setup(dataset(stage=stage), 0, load)


def test_a_part_that_does_not_fit_is_refused_by_name():
    with pytest.raises(BadInput, match="part 'block' is larger than the field of view"):
        sample_setup(dataset(scan={"detector": {"rows": 8, "columns": 8}}), 0, load)


def test_what_the_beam_is_set_for_is_the_wrong_body_and_not_the_right_one():
    """A pin of tungsten in place of iron, and none of the void that a missing one leaves."""
    seen = []

    def measure(bodies, _scan):
        seen.append({body.material: body.solid.volume() for body in bodies})
        raise BadInput("enough")

    part = {"library": "bolted", "host": "plate"}
    wishes = {"transmission": 0.1, "tube_kv": [80, 200]}
    for flaw in ({"kind": "wrong_component", "material": "W"}, {"kind": "missing_component"}):
        with pytest.raises(BadInput, match="enough"):
            sample_setup(dataset(parts=[part], scan={"penetration": wishes}, defects=[flaw]), 0, load, measure)
    assert [set(found) for found in seen] == [{"Al", "W"}, {"Al"}]
    assert seen[0]["W"] == pytest.approx(bolted().body("pin").solid.volume(), rel=1e-9)
