"""Datasets are found by name or by file, and every bundled one can be used."""

import functools

import pytest

from ctsim.penetration import rays_through
from defects.messages import BadInput
from scenes.catalog import DATASETS, bundled, find_dataset
from scenes.choose import original_of
from scenes.parts import load_part
from scenes.setup import sample_setup
from scenes.splits import split_of

each_bundled = pytest.mark.parametrize("name", bundled())


def test_the_demo_is_bundled():
    assert "demo" in bundled()


@each_bundled
def test_a_bundled_dataset_is_called_like_its_folder(name):
    spec, folder = find_dataset(name)
    assert spec.name == name
    assert folder == DATASETS / name


@each_bundled
def test_every_part_of_a_bundled_dataset_fits_its_scanner(name):
    spec, folder = find_dataset(name)
    bare = spec.scan.model_copy(update={"penetration": None, "filters": {}})  # the tube is looked at below
    spec, load = spec.model_copy(update={"scan": bare}), functools.partial(load_part, folder=folder)
    shown = names(sample_setup(spec, index, load) for index in range(8))
    assert shown <= {part.key for part in spec.parts}


def names(setups) -> set[str]:
    return {one.choice.name for setup in setups for one in setup.standing}


@pytest.mark.slow
@each_bundled
def test_no_part_of_a_bundled_dataset_is_too_thick_for_its_tube(name):
    """Its scene would be dropped; among so many stands each part."""
    spec, folder = find_dataset(name)
    load = functools.partial(load_part, folder=folder)
    indices = dict.fromkeys(original_of(spec, index) for index in range(min(spec.scenes, 40)))
    shown = names(sample_setup(spec, index, load, rays_through) for index in indices)
    assert shown == {part.key for part in spec.parts}


@each_bundled
def test_the_splits_of_a_bundled_dataset_share_no_shape(name):
    spec, _ = find_dataset(name)
    splits = {((part.library, str(part.dimensions)), split_of(spec, part)) for part in spec.parts}
    assert len(splits) == len({shape for shape, _ in splits})
    assert {"train", "test"} <= {split for _, split in splits}


@pytest.mark.parametrize("ending", ["yaml", "yml", "YAML"])
def test_a_file_is_read_and_its_parts_count_from_its_folder(tmp_path, ending):
    path = tmp_path / f"mine.{ending}"
    path.write_text("name: mine\nparts: [{library: flange}]\n")
    spec, folder = find_dataset(str(path))
    assert spec.name == "mine"
    assert folder == tmp_path


def test_an_unknown_name_is_answered_with_a_near_one():
    with pytest.raises(BadInput, match=r"unknown dataset 'dem'; did you mean 'demo'\?"):
        find_dataset("dem")


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(BadInput, match=r"no dataset file .*absent\.yaml"):
        find_dataset("absent.yaml")


def test_a_folder_is_no_dataset(tmp_path):
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        find_dataset(str(tmp_path))
