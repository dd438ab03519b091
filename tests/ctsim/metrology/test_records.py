"""Sizes and distances of defects against closed forms."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.geometry import Grid
from ctsim.metrology import centroid_mm, contrast_to_noise, defect_records, gap_mm, size_of
from ctsim.truth import label
from defects.crack import Crack
from defects.gas_pore import GasPore
from scenes.body import Body
from scenes.build import Solid, build
from scenes.detector import DetectorSpec
from scenes.parts import Part
from scenes.scene import PartChoice, ScanSpec, SceneSpec, VolumeSpec


def scene_with(*flaws) -> tuple[SceneSpec, Part]:
    cube = Manifold.cube((20, 20, 20), True)
    scene = SceneSpec(
        dataset="t",
        part=PartChoice(name="cube", library="cube", materials={"cube": "Al"}, host="cube"),
        defects=flaws,
        scan=ScanSpec(
            tube_kv=100, exposure_mas=1, detector=DetectorSpec(), source_detector_mm=500, source_object_mm=250, views=3
        ),
        volume=VolumeSpec(shape=(48, 48, 48), voxel_mm=0.5),
    )
    return scene, Part(bodies=(Body(name="cube", solid=cube, material="Al"),))


def records_of(*flaws, volume=None):
    scene, part = scene_with(*flaws)
    specimen = build(scene, part)
    truth = label(specimen, Grid(shape=(48, 48, 48), voxel_mm=0.5), ("air", "Al", "gas_pore"))
    return defect_records(scene, specimen, truth, volume), truth


def test_a_ball_is_round_and_its_numbers_are_those_of_the_formulas():
    size = size_of(Manifold.sphere(3.0, 256), 0.5)
    assert size["volume_mm3"] == pytest.approx(36 * np.pi, rel=2e-3)
    assert size["equivalent_diameter_mm"] == pytest.approx(6, rel=1e-3)
    assert size["sphericity"] == pytest.approx(1, rel=1e-3)
    assert size["feret_max_mm"] == pytest.approx(6, rel=1e-3)
    assert size["voxels_across"] == pytest.approx(12, rel=1e-3)
    assert size["short_to_long_ratio"] == pytest.approx(1, rel=1e-2)


def test_a_cube_has_the_sphericity_of_a_cube():
    size = size_of(Manifold.cube((2, 2, 2), True), 1.0)
    assert size["sphericity"] == pytest.approx((np.pi / 6) ** (1 / 3), rel=1e-6)
    assert size["equivalent_diameter_mm"] == pytest.approx((48 / np.pi) ** (1 / 3), rel=1e-6)


def test_distances_to_the_wall_and_to_the_neighbour():
    a = GasPore(centre_mm=(0.0, 0.0, 0.0), diameter_mm=2.0)
    b = GasPore(centre_mm=(5.0, 0.0, 0.0), diameter_mm=3.0)
    (first, second), _ = records_of(a, b)
    # facets stand 0.8 % of the radius beyond the ball at their corners
    assert first["wall_distance_mm"] == pytest.approx(9.0, abs=0.02)
    assert second["wall_distance_mm"] == pytest.approx(3.5, abs=0.02)
    assert first["neighbour_distance_mm"] == second["neighbour_distance_mm"] == pytest.approx(2.5, abs=0.03)


def test_the_gap_between_unlike_flaws_is_the_same_from_both_sides():
    """A small pore above the middle of a long crack: far from its corners, near to its face."""
    crack = Crack(length_mm=15.0, width_mm=9.0, opening_mm=0.2).solid()
    for height in (0.4, 0.6, 1.5):
        pore = GasPore(centre_mm=(0.3, 0.2, height), diameter_mm=0.5).solid()
        true = height - 0.25 - 0.1
        assert gap_mm(pore, crack) == pytest.approx(true, abs=0.03 * true + 0.004)
        assert gap_mm(crack, pore) == pytest.approx(gap_mm(pore, crack), rel=1e-6)


def test_the_greatest_feret_diameter_is_the_longest_chord():
    half = Manifold.sphere(3.0, 128).trim_by_plane((0, 0, 1), 0)
    assert size_of(half, 1.0)["feret_max_mm"] == pytest.approx(6, rel=1e-3)
    assert size_of(Manifold.cube((1, 2, 2)), 1.0)["feret_max_mm"] == pytest.approx(3, rel=1e-9)


def test_one_defect_alone_has_no_neighbour():
    (only,), truth = records_of(GasPore(diameter_mm=2.0))
    assert only["neighbour_distance_mm"] is None
    assert only["voxels"] == np.count_nonzero(truth.instances == 1)
    assert only["kind"] == "gas_pore"
    assert only["parameters"]["diameter_mm"] == 2.0


def test_the_centroid_is_the_centre_of_mass():
    cone = Manifold.cylinder(4, 3, 0, 512).translate((1, 2, 3))
    found = centroid_mm(Solid(surface=cone, material="void", label="gas_pore", number=1))
    np.testing.assert_allclose(found, (1, 2, 4), atol=1e-3)  # a quarter of its height above the base


def test_contrast_to_noise_is_the_drop_over_the_spread_of_sound_matter():
    _, truth = records_of(GasPore(diameter_mm=4.0))
    noise = np.random.default_rng(0).normal(0, 0.002, (48, 48, 48))
    volume = 0.05 * (1 - truth.fractions / 255) + noise
    box, share = truth.shares[0]
    weighted = (share**2).sum() / share.sum()  # voxels that the pore fills in part show part of the drop
    assert contrast_to_noise(volume, truth, box, share) == pytest.approx(weighted * 0.05 / 0.002, rel=0.05)


def test_no_sound_matter_no_contrast():
    _, truth = records_of(GasPore(diameter_mm=19.0))
    box, share = truth.shares[0]
    flat = np.ones((48, 48, 48))
    assert contrast_to_noise(flat, truth, box, share) is None
