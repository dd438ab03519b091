"""The page of the defects shows every kind as it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ctsim import gallery
from defects import kinds

FOLDER = Path(__file__).parents[2] / "defects"


def test_the_page_says_what_the_kinds_say():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == gallery.table(), "make gallery"


def test_every_kind_has_its_picture_and_every_parameter_a_word():
    assert {path.stem for path in (FOLDER / "gallery").glob("*.png")} == set(kinds.KINDS)
    for kind in kinds.KINDS.values():
        assert all(parameter.help for parameter in kind.parameters.values()), kind.name


@pytest.mark.slow
@pytest.mark.parametrize("name", kinds.KINDS)
def test_the_picture_is_that_of_the_kind(name):
    """But for what another processor rounds otherwise."""
    shown = np.asarray(Image.open(FOLDER / "gallery" / f"{name}.png")).astype(int)
    assert np.abs(shown - gallery.picture(kinds.KINDS[name])).mean() < 1


def test_a_radiograph_is_brighter_and_a_slice_darker_where_the_flaw_is():
    flaw, radiograph, slice_ = np.split(gallery.picture(kinds.KINDS["gas_pore"])[:, :, 0].astype(int), 3, axis=1)
    middle, corner = np.s_[90:110, 90:110], np.s_[:20, :20]
    assert radiograph[middle].mean() > radiograph[corner].mean() + 100
    assert slice_[middle].mean() < slice_[corner].mean() - 100
    assert flaw[middle].mean() > flaw[corner].mean() + 30
