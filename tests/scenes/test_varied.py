"""What varies in a record is taken out, and comes back as its law says."""

import numpy as np
import pytest
from scipy import stats

from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.records import Record, validated
from scenes.scene import ScanSpec
from scenes.trajectory import FocalSpotSpec, TrajectorySpec
from scenes.varied import put_back, taken_out


class Scan(Record):
    """A record that holds others."""

    views: int = 10
    noise: bool = True
    detector: DetectorSpec = DetectorSpec()
    trajectory: TrajectorySpec = TrajectorySpec()
    focal_spot: FocalSpotSpec | None = None


WRITTEN = {
    "views": [4, 7],
    "noise": {"choice": [True, False], "weights": [3, 1]},
    "detector": {
        "rows": 64, "pixel_mm": {"log_uniform": [0.1, 0.4]}, "scintillator": {"choice": ["CsI", "Gd2O2S"]},
        "lag": [[0.02, 3.0]], "electronic_noise_counts": {"of": "age", "table": [[0, 2], [10, 12]]},
    },
    "trajectory": {"start_deg": [0, 90], "detector_shift_mm": [5, 0]},
    "focal_spot": {"size_u_mm": {"normal": [0.4, 0.05], "within": [0.3, 0.5]}, "size_v_mm": 0.4},
}  # fmt: skip


def scans(count: int, shared=None) -> list[Scan]:
    plain, draws = taken_out(Scan, WRITTEN)
    base, rng = Scan.model_validate(plain), np.random.default_rng(2)
    return [Scan.model_validate(put_back(base, draws, rng, shared or {"age": 5.0})) for _ in range(count)]


def test_draws_are_told_from_lists_that_are_values():
    plain, draws = taken_out(Scan, WRITTEN)
    assert set(draws) == {
        "views", "noise", "detector.pixel_mm", "detector.scintillator", "detector.electronic_noise_counts",
        "trajectory.start_deg", "focal_spot.size_u_mm",
    }  # fmt: skip
    base = validated(Scan, plain, "scan")
    assert base.trajectory.detector_shift_mm == (5, 0)
    assert base.detector.lag == ((0.02, 3.0),)
    assert (base.views, base.noise, base.detector.scintillator) == (6, True, "CsI")
    assert (base.detector.pixel_mm, base.detector.electronic_noise_counts) == (0.25, 7)


def test_each_is_drawn_by_its_own_law():
    found = scans(600)
    pixels = [s.detector.pixel_mm for s in found]
    assert stats.kstest(pixels, stats.loguniform(0.1, 0.4).cdf).pvalue > 0.01
    assert stats.chisquare(np.bincount([s.views for s in found], minlength=8)[4:]).pvalue > 0.01
    noisy = sum(s.noise for s in found)
    assert stats.binomtest(noisy, 600, 0.75).pvalue > 0.01
    sizes = [s.focal_spot.size_u_mm for s in found]
    assert stats.kstest(sizes, stats.truncnorm(-2, 2, loc=0.4, scale=0.05).cdf).pvalue > 0.01
    assert {s.detector.scintillator for s in found} == {"CsI", "Gd2O2S"}
    assert {s.detector.electronic_noise_counts for s in found} == {7.0}
    assert {s.detector.rows for s in found} == {64}


def test_the_order_in_which_things_are_written_changes_nothing():
    turned = {key: WRITTEN[key] for key in reversed(WRITTEN)}
    (plain, draws), rng = taken_out(Scan, turned), np.random.default_rng(2)
    assert Scan.model_validate(put_back(Scan.model_validate(plain), draws, rng, {"age": 5.0})) == scans(1)[0]


def test_a_choice_of_choices_of_names_has_a_name_amid_it():
    plain, draws = taken_out(Scan, {"detector": {"scintillator": {"choice": [{"choice": ["CsI"]}, "Gd2O2S"]}}})
    assert plain["detector"]["scintillator"] == "CsI"
    assert list(draws) == ["detector.scintillator"]


def test_nothing_varies_in_a_record_of_numbers():
    scan = {"tube_kv": 100, "exposure_mas": 1, "source_detector_mm": 5, "source_object_mm": 2, "views": 9}
    assert taken_out(ScanSpec, scan) == (scan, {})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"views": [7, 4]}, "views: a range must rise from low to high"),
        ({"detector": {"pixel_mm": {"uniform": [1]}}}, "detector.pixel_mm: uniform needs two finite numbers"),
        ({"detector": {"scintillator": {"choice": []}}}, "detector.scintillator: choice needs a list"),
        ({"trajectory": {"start_deg": {"of": "x"}}}, "trajectory.start_deg: of: x needs a table"),
        ({"detector": {"pixel_mm": {"choice": [1, "wide"]}}}, "detector.pixel_mm: expected a number"),
    ],
)
def test_a_draw_that_makes_no_sense_is_refused_with_its_place(values, says):
    with pytest.raises(BadInput, match=says):
        taken_out(Scan, values)
