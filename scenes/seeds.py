"""The only maker of random generators."""

import zlib

import numpy as np


def stream(seed: int, scene: int, stage: str) -> np.random.Generator:
    """Return the generator of one stage of one scene: the same arguments, the same numbers, anywhere.

    Streams are independent (numpy's SeedSequence spawn keys), so a new stage disturbs no other, and scene 17 is
    scene 17 in any order and in any process. Seed 0 is a seed like any other.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(scene, zlib.crc32(stage.encode()))))
