"""A contact sheet shows what there is: the slice that tells most, each kind in its colour, nothing cut off."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFont

from ctsim.dataset import preview

FONT = ImageFont.load_default(size=13)


def telling(voxels: list[tuple[int, int, int, int]], shape=(10, 10, 10)) -> tuple[int, int]:
    """Return the axis and index for full voxels (z, y, x, class)."""
    z, y, x, classes = np.array(voxels, int).reshape(-1, 4).T
    return preview.telling_slice(shape, (z, y, x), np.ones(len(z)), classes)


def test_two_kinds_tell_more_than_one_that_is_twice_as_large():
    one = [(2, y, x, 0) for y in range(2) for x in range(3)]
    two = [(7, 4, x, x % 2) for x in range(2, 8)]
    assert telling(one + two) == (0, 7)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sheet_is_shown_in_its_own_plane(axis):
    """A flat square is seen whole in the one slice it lies in, and as a line in all others."""
    i, j = np.mgrid[2:8, 2:8].reshape(2, -1)
    places = [i, j]
    places.insert(axis, np.full(i.size, 6))
    assert preview.telling_slice((10, 10, 10), places, np.ones(i.size), np.zeros(i.size, int)) == (axis, 6)


def test_a_sound_part_is_shown_in_its_middle():
    assert telling([], (9, 20, 30)) == (0, 4)


@pytest.mark.parametrize(
    ("rows", "columns"), [((3, 9), (5, 8)), ((0, 4), (12, 15)), ((0, 15), (0, 15)), ((7, 7), (7, 7))]
)
def test_a_window_is_square_and_holds_all_matter(rows, columns):
    matter = np.zeros((16, 16), bool)
    matter[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    window = preview._window(matter)
    held = matter[window]
    assert held.sum() == matter.sum()
    assert held.shape[0] == held.shape[1]
    assert held.shape[0] <= max(np.ptp(rows), np.ptp(columns)) + 5


def test_words_that_need_more_room_go_on_in_the_next_line():
    words = [f"kind_number_{i}" for i in range(40)]
    lines = preview._flowed(words, FONT, 35)
    assert [word for line in lines for _, word in line] == words
    assert len(lines) > 1
    assert all(x + FONT.getlength(word) <= preview.WIDTH for line in lines for x, word in line)


def sample(kinds: list[str], fixture: str | None = None) -> dict:
    """Return a cube of 8 voxels a side in air, each kind a voxel of a diagonal in it; a fixture is all about it."""
    labels, volume = np.zeros((16, 16, 16), np.uint8), np.zeros((16, 16, 16), np.float16)
    labels[4:12, 4:12, 4:12], volume[4:12, 4:12, 4:12] = 1, 0.02
    instances, fractions = np.zeros((16, 16, 16), np.uint16), np.zeros((16, 16, 16), np.uint8)
    for number in range(1, len(kinds) + 1):
        at = (4 + number % 8,) * 3
        labels[at], instances[at], fractions[at], volume[at] = 1 + number, number, 255, 0
    part, scan = {"name": "cube", "materials": {"cube": "Al"}}, {"source_detector_mm": 2, "source_object_mm": 1}
    scan |= {"tube_kv": 100, "views": 4}
    scene = {"split": "train", "items": [{"part": part}], "scan": scan, "volume": {"voxel_mm": 0.5}}
    scene |= {"fixture": fixture and {"material": fixture}, "twin_of": None}
    if fixture:
        labels[labels == 0] = 2 + len(kinds)
    return {
        "key": "toy-000000", "projections": np.tile(np.eye(16, dtype=np.float16), (4, 1, 1)), "volume": volume,
        "labels": labels, "instances": instances, "fractions": fractions,
        "defects": [{"number": n, "kind": kind} for n, kind in enumerate(kinds, 1)],
        "scene": {"scene": scene, "quality": {"lowest_transmission": 0.1}},
    }  # fmt: skip


def sheet_of(kinds: list[str]) -> Image.Image:
    named = [("air", "air"), ("Al", "material"), *((kind, "defect") for kind in kinds)]
    classes = [{"value": value, "name": name, "role": role} for value, (name, role) in enumerate(named)]
    return preview.contact_sheet([sample(kinds)], classes)


@pytest.mark.parametrize("related", ["twin_of", "pair_of"])
def test_a_twin_and_a_pair_are_looked_at_where_the_first_was(related):
    """The flaw of the first lies in the slice above the middle one, which a sound scan alone would show."""
    classes = [{"name": n, "role": r, "value": v} for v, (n, r) in enumerate([("air", "air"), ("Al", "material"),
               ("crack", "defect")])]  # fmt: skip
    flawed, sound = sample(["crack"]), sample([])
    sound["key"], sound["scene"]["scene"][related] = "toy-000001", "toy-000000"
    sound["volume"][5, 4:8, 4:12] = 0.04  # seen in the slice of the flaw alone
    twins, alone = (np.asarray(preview.contact_sheet(shown, classes)) for shown in ([flawed, sound], [sound]))
    row = (len(twins) - len(alone)) + np.arange(len(alone))
    column = slice(2 * (preview.TILE + preview.GAP), 3 * (preview.TILE + preview.GAP))
    assert not np.array_equal(twins[row, column][-preview.TILE :], alone[:, column][-preview.TILE :])


def test_the_caption_tells_what_is_more_than_the_primary_beam():
    shown = sample([])
    for fidelity, told in (("beer-lambert", "100 kV, 4 views"), ("hybrid", "100 kV, hybrid, 4 views")):
        shown["scene"]["scene"]["scan"]["fidelity"] = fidelity
        assert told in " ".join(preview._captions(shown, FONT))


def test_the_caption_counts_parts_and_names_their_materials():
    shown = sample([])
    rod = {"part": {"name": "rod", "materials": {"rod": "Fe", "bush": "CuSn6"}}}
    shown["scene"]["scene"]["items"] += [rod, rod]
    assert "cube (Al), 2 x rod (CuSn6, Fe): no defects" in " ".join(preview._captions(shown, FONT))


def test_the_parts_are_looked_at_and_not_what_holds_them():
    """Foam that fills the volume leaves the pictures as they are; where the part is of the same matter, it does not."""
    classes = [{"name": n, "role": r, "value": v} for v, (n, r) in enumerate([("air", "air"), ("Al", "material"),
               ("crack", "defect"), ("foam", "material")])]  # fmt: skip
    bare, held, of_foam = (
        np.asarray(preview.contact_sheet([sample(["crack"], fixture)], classes)) for fixture in (None, "foam", "Al")
    )
    assert np.array_equal(bare, held)
    assert not np.array_equal(bare, of_foam)


def test_each_kind_has_its_colour_in_the_legend_and_in_the_part():
    kinds = [f"a_rather_long_name_of_a_kind_{i}" for i in range(7)]
    pixels = np.asarray(sheet_of(kinds)).reshape(-1, 3)
    for colour in preview.COLOURS[:7]:
        legend = 12 * 12
        assert (np.abs(pixels.astype(int) - colour).max(axis=1) <= 1).sum() >= legend
    assert not (pixels == preview.COLOURS[7]).all(axis=1).any()


def test_a_file_keeps_the_colours(tmp_path):
    sheet = sheet_of([f"kind_{i}" for i in range(7)])
    preview.save(sheet, tmp_path / "sheet.png")
    with Image.open(io.BytesIO((tmp_path / "sheet.png").read_bytes())) as kept:
        found = np.asarray(kept.convert("RGB")).astype(int)
    assert found.shape == (*sheet.size[::-1], 3)
    off = np.abs(found - np.asarray(sheet).astype(int)).max(axis=2)
    assert off.mean() < 4
    assert off.max() <= 25  # a class laid over any grey is told from the next one
    for colour in preview.COLOURS[:7]:
        where = (np.asarray(sheet) == colour).all(axis=2)
        assert off[where].max() <= 1


def test_what_is_denser_than_the_part_is_seen_and_leaves_it_grey():
    slice_ = np.zeros((20, 20))
    slice_[5:15, 5:15] = 1.0
    slice_[8:10, 8:10] = 8.0
    picture = preview._grey(slice_, 1.0)[:, :, 0].astype(int)
    part, dense = picture[13 * 256 // 20, 13 * 256 // 20], picture[9 * 256 // 20, 9 * 256 // 20]
    assert 90 <= part <= 200
    assert dense == 255
