"""The card tells what these scans lack, and no more."""

import pytest

from ctsim.dataset.card import card
from scenes.scan_draws import ScanDraws


def card_of(**scan) -> str:
    return card(
        {
            "name": "toy", "description": "", "made_by": {"ctsim": "0.1.0"}, "shards": [], "splits": {}, "dropped": [],
            "classes": [], "identity": {"spec": {"seed": 0, "scan": ScanDraws(**scan).model_dump(mode="json")}},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "scan"),
    [
        ("a point as focal spot", {"focal_spot": {"shape": "disc", "size_u_mm": 0.1, "size_v_mm": 0.1}}),
        ("no blur in the detector", {"detector": {"spatial_resolution_mm": 2.5}}),
        ("no blur in the detector", {"detector": {"mtf": ((0.0, 1.0), (1.0, 0.2))}}),
    ],
)
def test_what_a_scan_has_is_no_limit_of_it(words, scan):
    assert words in card_of()
    assert words not in card_of(**scan)


def test_a_scan_without_noise_says_so():
    assert "no noise" in card_of(noise=False)
    assert "no noise" not in card_of()


def test_bands_are_an_axis():
    assert "`[view row col]`" in card_of()
    panel = {"thresholds_kev": (20.0, 60.0), "scintillator": "CdTe", "scintillator_mm": 1.0}
    assert "`[band view row col]`" in card_of(detector=panel)
