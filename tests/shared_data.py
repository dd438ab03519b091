"""The files that tests read from outside the repository: too large for it, or not ours to give away."""

import os
from pathlib import Path

import pytest


def shared() -> Path | None:
    """Return the folder named by CTSIM_TEST_DATA, or `shared/data` beside the repository; None where neither is."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ["CTSIM_TEST_DATA"]) if "CTSIM_TEST_DATA" in os.environ else beside
    return folder if folder.is_dir() else None


SHARED: Path | None = shared()
needs_shared = pytest.mark.skipif(SHARED is None, reason="needs the test data: set CTSIM_TEST_DATA to its folder")
