"""What a detector may be, and what it may not, in words."""

import pytest
from pydantic import ValidationError

from defects.messages import BadInput
from scenes.detector import DetectorSpec
from scenes.records import validated


def test_every_field_goes_through_json_and_back():
    spec = DetectorSpec(
        pixel_v_mm=0.5, scintillator="Gd2O2S", window={"graphite": 0.5}, filters={"Al": 1.0}, counts_per_kev=0.01,
        saturation_counts=60000.0, mtf=((0.0, 1.0), (2.0, 0.1)), noise_table=((0.0, 1.0), (100.0, 50.0)),
        frames=3, lag=((0.03, 2.0), (0.01, 20.0)), gain_spread=0.01, dead_pixels=0.001,
        bad_pixels=((1, 2, 30.0),), efficiency=((1.0, 0.5), (100.0, 0.2)), grey_values=((0.0, 5.0), (1e6, 60000.0)),
    )  # fmt: skip
    assert DetectorSpec.model_validate_json(spec.model_dump_json()) == spec


def test_pitches_and_bands():
    assert DetectorSpec(pixel_mm=0.2).pitch_mm == (0.2, 0.2)
    assert DetectorSpec(pixel_mm=0.2, pixel_v_mm=0.3).pitch_mm == (0.2, 0.3)
    assert DetectorSpec().bands == 1
    assert DetectorSpec(thresholds_kev=(20.0, 40.0, 60.0)).bands == 3
    assert DetectorSpec(saturation_counts=60000.0).most_counts == 60000
    assert DetectorSpec(bits=None).most_counts == float("inf")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dark_counts": 20000, "free_beam_counts": 60000}, r"must stay within 65535 \(16 bits\), got 80000"),
        ({"mtf": [[0, 1]]}, "mtf needs two rows at least"),
        ({"mtf": [[0.1, 1], [1, 0.2]]}, "mtf must begin at 0 1/mm"),
        ({"mtf": [[0, 1], [1, 1.2]]}, "the second numbers must lie within 0 to 1"),
        ({"mtf": [[0, 1], [0, 0.5]]}, "the first numbers must rise from 0 1/mm"),
        ({"efficiency": [[10, 0.5], [5, 0.4]]}, "efficiency: the first numbers must rise"),
        ({"efficiency": [[10, -0.5], [50, 0.4]]}, "the second numbers must lie within 0 to 1"),
        ({"grey_values": [[0, 500], [10, 400]]}, "grey_values must rise with the energy"),
        ({"noise_table": [[0, 0], [100, 10]]}, "signal to noise must be above 0"),
        (
            {"mtf": [[0, 1], [1, 0.2]], "spatial_resolution_mm": 1},
            "spatial_resolution_mm and mtf contradict each other",
        ),
        ({"noise_table": [[0, 1], [100, 10]], "snr_free_beam": 9}, "snr_free_beam and noise_table contradict each"),
        ({"efficiency": [[5, 1], [50, 1]], "scintillator_mm": 9}, "scintillator_mm and efficiency contradict each"),
        ({"pixel_mm": 3, "spatial_resolution_mm": 1}, "must be at least 1.225, what pixels of 3 mm leave, or 0"),
        ({"thresholds_kev": [30, 20]}, "thresholds_kev must rise"),
        ({"thresholds_kev": [30], "snr_free_beam": 100}, "snr_free_beam means nothing for a panel that is counting"),
        ({"thresholds_kev": [30], "lag": [[0.1, 1]]}, "lag means nothing for a panel that is counting"),
        ({"energy_fwhm_kev": 5}, "energy_fwhm_kev means nothing for a panel that is integrating"),
        ({"bad_pixels": [[128, 0, 5]]}, r"\[128, 0\] is not on a panel of 128 rows"),
        ({"lag": [[0.4, 1], [0.4, 2], [0.3, 3]]}, "the shares must add up to less than 1"),
        ({"dead_pixels": 0.4, "hot_pixels": 0.4, "drifting_pixels": 0.3}, "must add up to at most 0.5"),
        ({"bits": 20}, "bits: must be less than or equal to 16"),
        ({"gain_spread": "wide"}, "gain_spread: must be a number"),
        ({"lag_frames": 2}, "unknown key 'lag_frames'"),
        ({"bits": float("nan")}, "bits"),
    ],
)
def test_nonsense_is_refused_in_words(values, message):
    with pytest.raises(BadInput, match=message):
        validated(DetectorSpec, values, "detector")


def test_a_counting_panel_writes_numbers_as_they_are_unless_it_says_otherwise():
    assert DetectorSpec(thresholds_kev=(20.0,)).bits is None
    assert DetectorSpec(thresholds_kev=(20.0,), bits=12).bits == 12
    assert DetectorSpec().bits == 16


def test_a_step_is_one_count_or_that_over_the_frames_averaged():
    assert [DetectorSpec(frames=4).step_counts, DetectorSpec(bits=None).step_counts] == [0.25, 0.0]


def test_the_free_beam_may_saturate_where_that_is_said():
    assert DetectorSpec(free_beam_counts=90000.0, saturation_counts=60000.0).most_counts == 60000
    assert DetectorSpec(free_beam_counts=90000.0, saturation_counts=65535.0).most_counts == 65535


def test_a_counting_panel_may_leave_free_beam_counts_alone_only():
    DetectorSpec(thresholds_kev=(30.0,))
    with pytest.raises(ValidationError, match="free_beam_counts means nothing"):
        DetectorSpec(thresholds_kev=(30.0,), free_beam_counts=1000.0)
