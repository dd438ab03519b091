"""What arrives by GATE beside a free beam and beside our own primary, and what views have in common."""

from functools import partial

import numpy as np
import pytest

from ctsim.backends import mesh
from ctsim.detector.response import response_of
from ctsim.gate.arrivals import arrivals
from ctsim.materials import mu_per_mm
from ctsim.montecarlo.arrivals import PRIMARY
from ctsim.radiograph import triangles_of
from ctsim.scanner import Scanner, scanner_of
from ctsim.transmit import readings
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.fidelity import GateSpec
from tests.ctsim.gate.setups import BOX, LIST, PARAMETRISATION, TUBE, of, plate, seen, settings
from tests.ctsim.shapes import letter_f


@pytest.mark.slow
def test_where_nothing_stands_in_the_beam_it_reads_one_everywhere_heel_and_spectrum_included(real):
    scan = settings(**TUBE, heel=True, source_detector_mm=400.0, detector={"rows": 64, "columns": 96, "pixel_mm": 1.0})
    look = scanner_of(scan)
    assert look.heel.max() / look.heel.min() > 1.15
    got = seen(of(BOX.translate((0, 0, 180))), scan, shape=(5, 4), look=look, photons=100_000)
    off = (got.mean[PRIMARY] - 1) / got.deviation[PRIMARY]
    assert np.abs(off).max() < 4
    assert got.mean[PRIMARY].mean() == pytest.approx(1, abs=0.01)
    assert got.scatter.max() == 0
    # each photon of the free beam has the variance that the detector has; the heel weighs, and so thins, nothing else
    assert got.variance[0].mean() == pytest.approx(look.detector.free_variance[0], rel=0.02)


F = settings(**TUBE, detector={"rows": 32, "columns": 48, "pixel_mm": 2.5})


def ours(specimen: Specimen, look: Scanner) -> np.ndarray:
    """Return our primary in every view, two by two pixels together [view row col]."""
    triangles, names = triangles_of(specimen)
    beams = look.readings(names, 60.0)
    images = [mean[0].copy() for _, mean, _ in readings(mesh.path_lengths, triangles, look.exposure, beams, 3)]
    whole = np.concatenate(images)
    return whole.reshape(len(whole), 16, 2, 24, 2).mean((2, 4))


@pytest.mark.parametrize(("view", "solids"), [(0, "meshes"), (3, "meshes"), (3, "voxels")])
def test_letter_f_casts_the_shadow_that_our_own_primary_is(real, view, solids):
    """Its faces lie on the walls of voxels of 1 mm, so that voxels stand for it exactly."""
    specimen = of(letter_f(), name="AlSi10Mg")
    got = seen(specimen, F, [view], shape=(16, 24), solids=solids, voxels=40)
    wanted = ours(specimen, scanner_of(F))[view]
    image, deviation = got.mean[PRIMARY, 0, 0], got.deviation[PRIMARY, 0, 0]

    def misfit(picture):
        """Mean square of what differs, in units of what chance and the parametrisation leave; 1 on the mean."""
        return np.mean((image - picture) ** 2 / (deviation**2 + (PARAMETRISATION * picture) ** 2))

    assert 0.75 < misfit(wanted) < 1.25  # 384 pixels: 1 +- 0.07, and 0.93 where the parametrisation errs in nothing
    for other in (wanted[::-1], wanted[:, ::-1], wanted[::-1, ::-1], ours(specimen, scanner_of(F))[(view + 2) % 4]):
        assert misfit(other) > 5


def test_the_same_seed_gives_the_same_photons_and_another_view_others(real):
    specimen = of(plate(5.0), plate(5.0, 5.0), name="water")
    both = seen(specimen, settings(), [0, 2], photons=4000, shape=(2, 2))
    assert both.mean.shape == (5, 1, 2, 2, 2)
    assert both.variance.shape == (2, 1, 2, 2, 2)
    again = seen(specimen, settings(), [2], photons=4000, shape=(2, 2))
    np.testing.assert_array_equal(again.mean[:, :, 0], both.mean[:, :, 1])
    np.testing.assert_array_equal(again.deviation[:, :, 0], both.deviation[:, :, 1])
    assert np.abs(both.mean[:, :, 0] - both.mean[:, :, 1]).max() > 0
    # plates that touch are no overlap: 10 mm of water in all
    mean, deviation = both.mean[PRIMARY].mean(), np.sqrt((both.deviation[PRIMARY] ** 2).sum()) / 8
    assert mean == pytest.approx(np.exp(-mu_per_mm("water", (80.0,))[0] * 10), abs=4 * deviation + 0.01)


def test_each_view_is_told_when_it_is_done_and_each_process_has_photons_of_its_own(stand_in, tmp_path):
    stand_in(
        "import pickle, pathlib, numpy as np\nplace = pathlib.Path(sys.argv[1])\n"
        "job = pickle.loads((place / 'job.pickle').read_bytes())\n"
        "with pathlib.Path(__file__).with_name('seeds').open('a') as seeds:\n"
        "    print(job['seed'], file=seeds)\n"
        "sums = np.full((5, 1, 1), float(job['tube']['photons']))\n"
        "(place / 'sums.pickle').write_bytes(pickle.dumps({n: sums for n in ('signal', 'square', 'moment')}))"
    )
    told, scan = [], settings()
    got = arrivals(
        of(BOX), scanner_of(scan), GateSpec(photons=1000, physics_list=LIST, processes=3), [0, 3],
        response=partial(response_of, scan.detector), seed=0, shape=(1, 1), progress=lambda *done: told.append(done),
    )  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    assert len(set((tmp_path / "seeds").read_text().split())) == 6
    # all that were sent out, in units of those that set out for the panel, each of 80 keV
    assert got.mean[PRIMARY, 0, :, 0, 0] * 80 == pytest.approx(np.full(2, 1.004), abs=0.004)


def test_a_part_that_is_all_defect_is_refused(stand_in):
    stand_in("sys.exit(1)")
    with pytest.raises(BadInput, match="there is nothing to scan"):
        seen(Specimen(solids=(Solid(surface=BOX, material="void", label="gas_pore"),)), settings())
