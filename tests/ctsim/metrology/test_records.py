"""Records of defects: distances by hand, contrast that is put in, and what is expected of a scan against scans."""

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.geometry import Grid
from ctsim.metrology.contrast import measured
from ctsim.metrology.porosity import porosity_of
from ctsim.metrology.records import CONTRASTS, PLACES, defect_records
from ctsim.metrology.size import SIZES
from ctsim.pipeline import make_sample
from ctsim.scanner import scanner_of
from ctsim.truth import Truth, label
from defects import kinds
from defects.gas_pore import GasPore
from defects.inclusion import InclusionDense
from scenes.body import Body
from scenes.build import build
from scenes.detector import DetectorSpec
from scenes.parts import Part
from scenes.scene import Item, PartChoice, ScanSpec, SceneSpec, VolumeSpec


def scene_with(*flaws) -> tuple[SceneSpec, Part]:
    cube = Manifold.cube((20, 20, 20), True)
    choice = PartChoice(name="cube", library="cube", materials={"cube": "Al"}, host="cube")
    scene = SceneSpec(
        dataset="t",
        items=(Item(part=choice, defects=flaws),),
        scan=ScanSpec(
            tube_kv=100, exposure_mas=1, detector=DetectorSpec(), source_detector_mm=500, source_object_mm=250, views=3
        ),
        volume=VolumeSpec(shape=(48, 48, 48), voxel_mm=0.5),
    )
    return scene, Part(bodies=(Body(name="cube", solid=cube, material="Al"),))


def records_of(*flaws, volume=None) -> tuple[list[dict], Truth]:
    scene, part = scene_with(*flaws)
    specimen = build(scene, [part])
    truth = label(specimen, Grid(shape=(48, 48, 48), voxel_mm=0.5), ("air", "Al", "gas_pore"))
    return defect_records(scene, specimen, truth, volume), truth


def test_distances_to_the_wall_and_to_the_neighbour():
    a = GasPore(centre_mm=(0.0, 0.0, 0.0), diameter_mm=2.0)
    b = GasPore(centre_mm=(5.0, 0.0, 0.0), diameter_mm=3.0)
    (first, second), _ = records_of(a, b)
    # facets stand 0.8 % of the radius beyond the ball at their corners
    assert first["wall_distance_mm"] == pytest.approx(9.0, abs=0.02)
    assert second["wall_distance_mm"] == pytest.approx(3.5, abs=0.02)
    assert first["neighbour_distance_mm"] == second["neighbour_distance_mm"] == pytest.approx(2.5, abs=0.03)
    assert (first["neighbour_number"], second["neighbour_number"]) == (2, 1)


def test_one_defect_alone_has_no_neighbour():
    (only,), truth = records_of(GasPore(diameter_mm=2.0))
    assert only["neighbour_distance_mm"] is None
    assert only["neighbour_number"] is None
    assert only["voxels"] == np.count_nonzero(truth.instances == 1)
    assert only["kind"] == "gas_pore"
    assert only["parameters"]["diameter_mm"] == 2.0


def test_contrast_to_noise_is_the_drop_over_the_spread_of_sound_matter():
    _, truth = records_of(GasPore(diameter_mm=4.0))
    noise = np.random.default_rng(0).normal(0, 0.002, (48, 48, 48))
    volume = 0.05 * (1 - truth.fractions / 255) + noise
    (record,), _ = records_of(GasPore(diameter_mm=4.0), volume=volume)
    _, share = truth.shares[0]
    weighted = (share**2).sum() / share.sum()  # voxels that the pore fills in part show part of the drop
    assert record["contrast_to_noise"] == pytest.approx(weighted * 0.05 / 0.002, rel=0.05)


def test_no_sound_matter_no_contrast():
    _, truth = records_of(GasPore(diameter_mm=19.0))
    assert measured(np.ones((48, 48, 48)), truth, *truth.shares[0]) is None


def test_a_flaw_that_earlier_ones_have_taken_is_a_record_of_nulls():
    (first, second, third), _ = records_of(
        GasPore(diameter_mm=4.0), GasPore(diameter_mm=2.0), GasPore(diameter_mm=2.0, centre_mm=(5.0, 0.0, 0.0))
    )
    assert [r["number"] for r in (first, second, third)] == [1, 2, 3]
    assert second["kind"] == "gas_pore"
    assert second["parameters"]["diameter_mm"] == 2.0
    assert second["voxels"] == 0
    assert all(second[name] is None for name in ("material", *SIZES, *PLACES, *CONTRASTS))
    assert first["neighbour_number"] == 3
    assert set(second) == set(first)


def scanned(*flaws, noise=True, method="fdk", seed=0):
    scene, part = scene_with(*flaws)
    detector = DetectorSpec(rows=56, columns=56, pixel_mm=1.0)
    scan = scene.scan.model_copy(update={
        "detector": detector, "views": 90, "source_detector_mm": 600.0, "source_object_mm": 350.0,
        "exposure_mas": 0.001, "spectrum": ((60.0, 1e6),), "noise": noise,
    })  # fmt: skip
    volume = scene.volume.model_copy(update={"method": method, "iterations": 2})
    scene = scene.model_copy(update={"scan": scan, "volume": volume, "seed": seed})
    return make_sample(scene, [part], ("air", "Al", *kinds.KINDS))


FLAWS = (
    GasPore(diameter_mm=4.0, centre_mm=(2.0, 3.0, 1.0)),
    GasPore(diameter_mm=1.6, centre_mm=(-4.0, -3.0, 4.0)),
    InclusionDense(diameter_mm=3.0, centre_mm=(-4.0, 4.0, -4.0), material="SiC"),
)


def test_the_expected_contrast_to_noise_is_that_of_scans():
    """Of one energy, with few photons, so that artefacts add little to the noise: of flaws of six and eight voxels."""
    every = [scanned(*FLAWS, seed=seed).defects for seed in range(3)]
    for i, slack in ((0, 0.15), (2, 0.15)):
        found = np.mean([records[i]["contrast_to_noise"] for records in every])
        assert every[0][i]["expected_contrast_to_noise"] == pytest.approx(found, rel=slack)
    # at three voxels across the blur of the reconstruction takes some of it, which is not expected
    small = np.mean([records[1]["contrast_to_noise"] for records in every])
    assert 0.5 < small / every[0][1]["expected_contrast_to_noise"] < 1.05
    big, little, filled = every[0]
    assert big["detectable"] is True
    assert big["rose_ratio"] > little["rose_ratio"] > 5
    assert filled["material"] == "SiC"
    assert filled["radiograph_contrast_to_noise_best"] >= filled["radiograph_contrast_to_noise_median"] > 0
    assert big["detectable_rule"] == "rose_ratio >= 5 and voxels_across >= 3"


def test_without_noise_nothing_is_expected_and_iterations_take_the_measured_noise():
    still = scanned(FLAWS[0], noise=False)
    (record,) = still.defects
    assert record["rose_ratio"] is None
    assert record["radiograph_contrast_to_noise_best"] is None
    assert record["detectable"] is True
    assert still.porosity == [porosity_of(still.defects, 8000.0)]
    (record,) = scanned(FLAWS[0], method="sirt").defects
    assert record["expected_contrast_to_noise"] is None
    assert record["rose_ratio"] > 0


def test_what_lies_beside_the_volume_is_not_detectable_and_without_a_measure_of_noise_nothing_is_said():
    beside = GasPore(diameter_mm=4.0, centre_mm=(7.0, 0.0, 0.0))
    scene, part = scene_with(beside)
    scan = scene.scan.model_copy(update={"views": 12})
    for method in ("fdk", "cgls"):
        small = scene.volume.model_copy(update={"shape": (12, 12, 12), "method": method})
        specimen = build(scene, [part])
        truth = label(specimen, Grid(shape=(12, 12, 12), voxel_mm=0.5), ("air", "Al", "gas_pore"))
        for scanner in (None, scanner_of(scan)):
            changed = scene.model_copy(update={"volume": small})
            (record,) = defect_records(changed, specimen, truth, np.ones((12, 12, 12)), scanner)
            assert (record["voxels"], record["detectable"], record["rose_ratio"]) == (0, False, 0.0)
    within = scene_with(GasPore(diameter_mm=4.0))[0]
    flat = within.model_copy(update={"scan": scan, "volume": within.volume.model_copy(update={"method": "cgls"})})
    specimen = build(flat, [part])
    truth = label(specimen, Grid(shape=(48, 48, 48), voxel_mm=0.5), ("air", "Al", "gas_pore"))
    (record,) = defect_records(flat, specimen, truth, np.ones((48, 48, 48)), scanner_of(scan))
    assert (record["rose_ratio"], record["detectable"]) == (None, None)


def test_a_flaw_of_its_hosts_own_material_is_not_detectable():
    (same,) = scanned(InclusionDense(diameter_mm=4.0, material="Al")).defects
    assert same["expected_contrast_to_noise"] == pytest.approx(0, abs=1e-4)
    assert same["detectable"] is False
