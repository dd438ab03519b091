"""What no two splits may share is told once for each part, and for each scene and scan that comes again."""

from ctsim.dataset.leaks import Held, Leaks


def held(number: int, split: str = "train", **changes) -> Held:
    """Return a sample that shares nothing with any other but its part, which is that of its split."""
    own = {
        "key": f"toy-{number:06d}", "shard": f"{split}-000000.tar", "split": split, "related": {}, "noise": True,
        "parts": {split: split}, "scene": f"scene {number}", "scan": f"scan {number}", "unplaced": {},
    }  # fmt: skip
    return Held(**own | changes)


def faults_of(*samples: Held) -> list[str]:
    leaks = Leaks()
    for sample in samples:
        leaks.add(sample)
    return list(leaks.faults())


def test_samples_that_share_a_part_within_their_split_are_fine():
    assert faults_of(held(0), held(1), held(2, "test"), held(3, "test")) == []


def test_a_part_in_two_splits_is_told_once_whatever_it_is_called():
    other = {"parts": {"lid": "train"}}
    assert faults_of(held(0), held(1), held(2, "test", **other), held(3, "test", **other)) == [
        "test-000000.tar: toy-000002: its part lid is in train too, as train of toy-000000"
    ]


def test_a_scene_in_two_splits_is_told_and_in_one_split_is_not():
    assert faults_of(held(0, scene="s"), held(1, scene="s")) == []
    assert faults_of(held(0, scene="s"), held(1, scene="s"), held(2, "test", scene="s")) == [
        "test-000000.tar: toy-000002: its scene is in train too, as toy-000000"
    ]


def test_a_scan_with_noise_comes_once_but_in_a_pair_of_which_nothing_scatters():
    told = ["train-000000.tar: toy-000001: its projections are those of toy-000000, in train"]
    assert faults_of(held(0, scan="s"), held(1, scan="s")) == told
    assert faults_of(held(0, scan="s"), held(1, scan="s", related={"twin": "toy-000000"})) == told
    assert faults_of(held(0, scan="s"), held(1, scan="s", related={"pair": "toy-000000"})) == []


def test_a_scan_without_noise_may_come_again_in_its_split_alone():
    assert faults_of(held(0, scan="s", noise=False), held(1, scan="s", noise=False)) == []
    assert len(faults_of(held(0, scan="s", noise=False), held(1, "test", scan="s", noise=False))) == 1


def test_pairs_and_twins_in_two_splits_are_torn_apart():
    assert faults_of(held(0), held(1, "test", related={"twin": "toy-000000"}), held(2, related={"pair": "none"})) == [
        "test-000000.tar: toy-000001: its twin toy-000000 is in split train, not test"
    ]
