"""A cavity has its volume, is one piece about its core, and branches and roughens as it is told."""

import numpy as np
import pytest

from defects.messages import BadInput
from defects.shrinkage_cavity import ShrinkageCavity, sample


def cavity(seed: int = 0, **changes) -> ShrinkageCavity:
    return ShrinkageCavity(**{"diameter_mm": 3.0, "branches": 4, "roughness": 0.5, "seed": seed, **changes})


def sphericity(flaw: ShrinkageCavity) -> float:
    """Return the surface of the ball of equal volume over the flaw's own (Wadell 1932)."""
    return np.pi * flaw.diameter_mm**2 / flaw.solid().surface_area()


@pytest.mark.parametrize("seed", range(4))
def test_a_cavity_is_one_piece_of_exactly_the_volume_of_its_ball_with_its_core_at_the_origin(seed):
    solid = cavity(seed).solid()
    assert len(solid.decompose()) == 1
    assert solid.volume() == pytest.approx(np.pi / 6 * 27, rel=1e-9)
    core = solid.ray_cast((0.0, 0.0, 0.0), (100.0, 3.0, 7.0))
    assert len(core) % 2 == 1


def test_without_branches_and_smooth_a_cavity_is_a_ball():
    plain = cavity(branches=0, roughness=0.0)
    assert plain.solid().bounding_box() == pytest.approx([-1.5] * 3 + [1.5] * 3, rel=0.01)
    assert sphericity(plain) == pytest.approx(1, abs=0.01)


def test_roughness_makes_a_ball_rough_in_proportion():
    """Without branches the surface lies at r + roughness 0.09 noise, r = 0.35 before scaling.

    It does while the noise is small; at full roughness hills and hollows run into each other.
    """
    for roughness in (0.15, 0.3):
        radii = []
        for seed in range(8):
            solid = cavity(seed, branches=0, roughness=roughness).solid()
            corners = np.asarray(solid.to_mesh64().vert_properties)[:, :3]
            radii.append(np.linalg.norm(corners, axis=1))
        off = np.concatenate([r / np.mean(r) for r in radii])
        # eight surfaces of a dozen waves' area each: a sixth of slack
        assert np.std(off) == pytest.approx(roughness * 0.09 / 0.35, rel=0.16)


def test_branches_reach_out_and_add_surface_and_roughness_adds_more():
    ball, smooth, rough = (
        [cavity(seed, branches=b, roughness=r) for seed in range(4)] for b, r in ((0, 0.0), (6, 0.0), (6, 1.0))
    )
    mean = [np.mean([sphericity(flaw) for flaw in flaws]) for flaws in (ball, smooth, rough)]
    assert mean[0] > 0.98
    assert mean[1] < 0.75
    assert mean[2] < 0.85 * mean[1]
    far = [np.max(np.abs(flaw.solid().bounding_box())) for flaw in smooth]
    assert min(far) > 2.0


def test_one_branch_tapers():
    """Slabs of a single smooth arm get smaller towards its tip."""
    solid = cavity(3, branches=1, roughness=0.0, diameter_mm=2.0).solid()
    corners = np.asarray(solid.to_mesh64().vert_properties)[:, :3]
    tip = corners[np.argmax(np.linalg.norm(corners, axis=1))]
    length = np.linalg.norm(tip)

    def beyond(share: float) -> float:
        return solid.trim_by_plane(tuple(tip / length), length * share).volume()

    slabs = [beyond(share) - beyond(share + 0.1) for share in (0.0, 0.5, 0.9)]
    assert slabs[0] > 2 * slabs[1] > 4 * slabs[2] > 0


def test_the_sampler_rounds_counts_and_draws_a_seed():
    drawn = [sample(np.random.default_rng(seed), diameter_mm=1.0, branches=2.6) for seed in range(20)]
    assert {flaw.branches for flaw in drawn} == {3}
    assert len({flaw.seed for flaw in drawn}) == 20


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"branches": -1}, "branches must be a whole number of at least 0, got -1"),
        ({"branches": 17}, "branches of a shrinkage cavity must be 16 at most, got 17"),
        ({"roughness": 1.1}, r"roughness of a shrinkage cavity must be 0 to 1, got 1\.1"),
        ({"roughness": float("nan")}, "roughness of a shrinkage cavity must be 0 to 1, got nan"),
    ],
)
def test_what_cannot_be_is_refused(changes, text):
    with pytest.raises(BadInput, match=text):
        cavity(**changes)
