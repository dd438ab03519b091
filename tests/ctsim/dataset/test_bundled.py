"""The pages of the bundled datasets say what their samples hold, and show it."""

import pytest
from PIL import Image

from ctsim.dataset import bundled
from ctsim.dataset.preview import TILE, WIDTH
from defects.messages import BadInput
from scenes.catalog import DATASETS
from scenes.catalog import bundled as names

each = pytest.mark.parametrize("name", names())


@each
def test_the_page_says_what_the_dataset_says(name):
    assert (DATASETS / name / "README.md").read_text(encoding="utf-8") == bundled.page(DATASETS / name), "make sheets"


@each
def test_the_page_tells_the_commands_and_the_limits(name):
    text = (DATASETS / name / "README.md").read_text(encoding="utf-8")
    for words in (
        f"# {name}\n",
        f"ctsim preview {name}",
        f"ctsim generate {name} --out",
        "## Known limits",
        "(sheet.png)",
    ):
        assert words in text


@each
def test_the_sheet_shows_four_scans_and_is_small(name):
    path = DATASETS / name / "sheet.png"
    with Image.open(path) as sheet:
        assert sheet.width == WIDTH
        assert 4 * TILE < sheet.height < 5 * (TILE + 40)
    assert path.stat().st_size < 600_000


def test_a_page_without_marks_is_told(tmp_path):
    (tmp_path / "README.md").write_text("# mine\n")
    with pytest.raises(BadInput, match="must hold the lines"):
        bundled.page(tmp_path)


def test_what_is_written_by_hand_stays(tmp_path):
    text = f"before\n{bundled.BEGIN}\nwas here before\n{bundled.END}\nafter\n"
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "dataset.yaml").write_text("name: mine\nparts: [{library: flange}, {library: gear, split: test}]\n")
    page = bundled.page(tmp_path)
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "was here before" not in page
    assert "flange (train), gear (test)" in page
    (tmp_path / "README.md").write_text(page)
    assert bundled.page(tmp_path) == page
