"""The picture of what scatter does to a scan, and what is said beneath it."""

from pathlib import Path

import pytest

from tests.bench import cupping


@pytest.mark.slow
def test_the_readme_says_what_the_picture_shows():
    """Two thirds as much scattered as goes straight on, and a sixth less in the middle of the reconstruction."""
    volumes, shown = cupping.scanned()
    assert (shown["scattered"] / shown["primary"]).max() == pytest.approx(2 / 3, abs=0.06)
    middle = {name: cupping.profile(volume)[80] for name, volume in volumes.items()}
    assert middle["hybrid"] / middle["beer-lambert"] == pytest.approx(5 / 6, abs=0.02)
    # hardening alone makes a cup too, a shallower one
    aside = {name: cupping.profile(volume)[25:30].mean() for name, volume in volumes.items()}
    assert 0.90 < middle["beer-lambert"] / aside["beer-lambert"] < 0.96
    assert middle["hybrid"] / aside["hybrid"] < 0.84
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert "two thirds as much is scattered as goes straight on" in text
    assert "loses a sixth of its value" in text
