"""What comes out of the shards, and what the patches hold."""

import io

import numpy as np
import pytest
import torch

from ctsim.messages import BadInput
from tests.training import toy
from training.data import Scan, check_shards, load_scans, material_level_per_mm, scan_of
from training.patches import PatchSampler, turned


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(**changes):
    made = toy.toy_sample("toy-0", 24, 3, np.random.default_rng(1), noise=0.02)
    return {"key": "toy-0"} | {name.partition(".")[0]: held for name, held in made.items()} | changes


def block_scan(corner_a, corner_b, shape=(20, 20, 20)):
    """Return a scan whose defects are one voxel and a block of 4^3, its image telling where each voxel lies."""
    instances = np.zeros(shape, np.uint16)
    instances[corner_a] = 1
    instances[tuple(slice(c, c + 4) for c in corner_b)] = 2
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    fractions = (instances > 0).astype(np.uint8) * np.uint8(255)
    return Scan(
        key="k", voxel_mm=0.1, image=image, target=instances > 0, instances=instances, fractions=fractions, defects=()
    )


@pytest.mark.parametrize("mu_per_mm", [0.002, 0.05, 3.0])
def test_material_is_one_and_air_is_zero_whatever_the_material(mu_per_mm):
    volume = np.zeros((16, 16, 16), np.float32)
    volume[4:12, 4:12, 4:12] = mu_per_mm
    volume[6, 6, 6] = 0
    volume[0, 0, 0] = 50 * mu_per_mm  # one hot voxel
    assert material_level_per_mm(volume) == pytest.approx(mu_per_mm)
    made = sample()
    scan = scan_of(made | {"volume": made["volume"].astype(np.float32) * 7}, (2,))
    assert np.median(scan.image[made["labels"] == 1]) == pytest.approx(1, abs=0.03)
    assert np.median(scan.image[made["labels"] == 0]) == pytest.approx(0, abs=0.03)


def test_a_stored_scale_is_applied_and_cancels_in_the_image():
    plain = sample()
    stored = np.rint(np.clip(plain["volume"].astype(np.float32), 0, None) * 1e5).astype(np.uint16)
    scene = plain["scene"] | {"storage": {"volume": {"scale": 1e-5}}}
    scaled = scan_of(plain | {"volume": stored, "scene": scene}, (2,))
    reference = scan_of(plain, (2,)).image
    assert scaled.image == pytest.approx(np.clip(reference, 0, None), abs=5e-3)  # float16 holds 1 to 5e-4


def test_target_is_every_label_with_the_role_defect():
    made = sample()
    assert (scan_of(made, (2,)).target == (made["labels"] == 2)).all()
    assert (scan_of(made, (1, 2)).target == (made["labels"] > 0)).all()


def test_what_a_sample_holds_besides_is_left_alone():
    """The shards of a dataset that scatters have one more array, of radiographs and not of voxels."""
    plain, more = (
        scan_of(held, (2,)) for held in (sample(), sample(scatter_to_primary=np.ones((4, 8, 8), np.float16)))
    )
    assert np.array_equal(plain.image, more.image)
    assert plain.defects == more.defects


@pytest.mark.parametrize(
    ("name", "held"),
    [("volume", np.zeros((24, 24, 24))), ("labels", np.zeros((3, 3, 3))), ("volume", np.zeros((2, 2)))],
)
def test_a_scan_without_part_or_with_odd_shapes_is_refused(name, held):
    with pytest.raises(BadInput, match="toy-0: expected"):
        scan_of(sample(**{name: held}), (2,))


def test_loading_gives_the_scans_of_one_split_in_order(tmp_path):
    folder = toy.toy_dataset(tmp_path / "d", side=16, pores=2, train=2, test=1)
    assert [scan.key for scan in load_scans(folder, "train")] == ["toy-000000", "toy-000001"]
    assert [scan.key for scan in load_scans(folder, "test")] == ["toy-000002"]
    with pytest.raises(BadInput, match="did you mean 'train'"):
        list(load_scans(folder, "trian"))


def test_pickles_are_never_opened(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"any": "object"}], dtype=object), allow_pickle=True)
    members = toy.toy_sample("k", 16, 1, np.random.default_rng(0)) | {"volume.npy": stream.getvalue()}
    folder = toy.write_dataset(tmp_path / "d", {"train": {"k": members}})
    with pytest.raises(BadInput, match=r"not readable: .*expected plain numbers"):
        list(load_scans(folder, "train"))


def test_a_changed_shard_is_noticed(tmp_path):
    folder = toy.toy_dataset(tmp_path / "d", side=16, pores=1, train=1)
    check_shards(folder, "train")
    with (folder / "train-000000.tar").open("r+b") as shard:
        shard.seek(3000)
        shard.write(b"!")
    with pytest.raises(BadInput, match=r"train-000000\.tar: expected sha256"):
        check_shards(folder, "train")


def test_the_first_half_of_a_batch_is_centred_on_defects():
    scan = block_scan((10, 9, 8), (6, 10, 11))
    images, targets = PatchSampler([scan], 4).batch(40, rng())
    assert images.shape == targets.shape == (40, 1, 4, 4, 4)
    inner = targets[:20, 0, 1:3, 1:3, 1:3].amax((1, 2, 3))  # the centre, in whichever pose
    assert (inner == 1).all()


def test_small_defects_are_centred_as_often_as_large_ones():
    sampler = PatchSampler([block_scan((2, 2, 2), (12, 12, 12))], 5)
    generator = rng(3)
    single = sum(sampler._near_defect(generator)[1] == (0, 0, 0) for _ in range(2000))
    assert single == pytest.approx(1000, abs=5 * np.sqrt(500))  # five sigma of a fair coin


def test_patches_anywhere_reach_every_corner_evenly():
    sampler = PatchSampler([block_scan((2, 2, 2), (3, 3, 3), (6, 6, 6))], 5)
    generator = rng(4)
    corners = np.array([sampler._anywhere(generator)[1] for _ in range(2000)])
    assert corners.min() == 0
    assert corners.max() == 1
    assert corners.mean(0) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(2000))


def test_image_and_target_are_turned_together_and_the_axis_stays():
    image = torch.arange(27.0).reshape(3, 3, 3)
    generator = rng(5)
    poses = set()
    for _ in range(300):
        a, b = turned(image, image + 100, generator)
        assert torch.equal(a + 100, b)
        assert {tuple(sorted(plane.flatten().tolist())) for plane in a} == {
            tuple(sorted(plane.flatten().tolist())) for plane in image
        }
        poses.add(tuple(a.flatten().tolist()))
    assert len(poses) == 16


def test_volumes_smaller_than_a_patch_stand_in_air():
    images, _ = PatchSampler([block_scan((2, 2, 2), (3, 3, 3), (8, 8, 8))], 12).batch(2, rng())
    assert images.shape == (2, 1, 12, 12, 12)
    assert (images == 0).sum() >= 2 * (12**3 - 8**3)


def test_scans_without_defects_teach_nothing():
    scan = block_scan((2, 2, 2), (3, 3, 3))
    empty = Scan(**{**vars(scan), "target": np.zeros_like(scan.target)})
    with pytest.raises(BadInput, match="expected defects to learn from"):
        PatchSampler([empty], 4)
