"""Every figure, exactly, on arrays small enough to count by hand."""

import numpy as np
import pytest

from training.evaluate import by_size, count_calls, detections, dice, score_part, summary


def row(*values):
    return np.array(values, dtype=np.uint16)[None, None]


def mask(*values):
    return np.array(values, dtype=bool)[None, None]


def defect(number, voxels_across=2.0):
    return {"number": number, "voxels_across": voxels_across}


@pytest.mark.parametrize(
    ("true", "predicted", "common", "expected"),
    [(0, 0, 0, 1), (4, 0, 0, 0), (0, 3, 0, 0), (4, 4, 4, 1), (4, 2, 1, 1 / 3)],
)
def test_dice_is_twice_the_common_over_the_sum_and_one_for_empty_empty(true, predicted, common, expected):
    assert dice(true, predicted, common) == pytest.approx(expected)


def test_a_defect_is_detected_at_ten_percent_of_its_volume():
    fractions = row(25, 0, 225).astype(np.uint8)  # the first voxel holds 10 % of the defect
    instances = row(1, 0, 1)
    assert detections(mask(1, 0, 0), instances, fractions, [defect(1)]) == ((2.0, True),)
    fractions[0, 0, 0] = 24
    assert detections(mask(1, 0, 0), instances, fractions, [defect(1)]) == ((2.0, False),)


def test_a_defect_without_a_voxel_is_missed():
    everything = mask(1, 1)
    assert detections(everything, row(1, 1), row(9, 9), [defect(1), defect(7, 0.3)]) == ((2.0, True), (0.3, False))


def test_numbers_without_a_record_do_not_disturb_the_others():
    assert detections(mask(1, 0), row(9, 2), row(255, 255), [defect(2)]) == ((2.0, False),)


def test_components_that_touch_no_defect_are_false_calls():
    assert count_calls(mask(1, 0, 1, 1, 0, 1), mask(0, 0, 0, 1, 1, 0)) == (3, 2)


def test_voxels_that_meet_at_a_corner_are_one_call():
    diagonal = np.zeros((2, 2, 2), bool)
    diagonal[0, 0, 0] = diagonal[1, 1, 1] = True
    assert count_calls(diagonal, np.zeros_like(diagonal)) == (1, 1)


def test_bins_hold_their_lower_edge():
    counted = by_size([(1.99, True), (2.0, False), (2.9, True), (3.0, True), (5.0, True), (80.0, False)])
    assert {name: (held["defects"], held["detected"], held["rate"]) for name, held in counted.items()} == {
        "<2": (1, 1, 1.0),
        "2-3": (2, 1, 0.5),
        "3-5": (1, 1, 1.0),
        ">=5": (2, 1, 0.5),
    }


def two_parts():
    instances = row(1, 1, 0, 0, 2)
    full = (instances > 0) * np.uint8(255)
    first = score_part(
        "a", mask(1, 0, 0, 1, 0), instances > 0, instances, full.astype(np.uint8), [defect(1, 4), defect(2, 1)]
    )
    empty = row(0, 0, 0)
    return [first, score_part("b", mask(0, 0, 0), empty > 0, empty, empty, [])]


def test_summary_pools_voxels_and_keeps_parts():
    figures = summary(two_parts())
    assert figures["dice_per_part"] == {"a": 0.4, "b": 1.0}  # 2 * 1 / (3 + 2), and empty-empty
    assert (figures["dice_pooled"], figures["dice_mean_over_parts"]) == (0.4, 0.7)
    assert (figures["defect_recall"], figures["defect_precision"], figures["defect_f1"]) == (0.5, 0.5, 0.5)
    assert (figures["calls"], figures["false_calls"], figures["false_calls_per_volume"]) == (2, 1, 0.5)


def test_rates_over_nothing_are_none_and_not_a_perfect_score():
    figures = summary(two_parts()[1:])
    assert figures["defect_recall"] is figures["defect_precision"] is figures["defect_f1"] is None
    assert figures["detection_by_voxels_across"]["<2"] == {"defects": 0, "detected": 0, "rate": None}
