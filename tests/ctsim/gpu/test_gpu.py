"""A card against the processor: the same words, bit for bit, and all that comes after them.

On a card (`make test-gpu`) at real sizes; on numba's simulator of one, tiny (`make test-simulated`); else not at all.
"""

from dataclasses import replace

import numpy as np
import pytest
from manifold3d import Manifold

from ctsim.arrays import SIMULATED, missing, to_card, to_host
from ctsim.backends import mesh
from ctsim.backends.mesh import OpenSurface, Triangles
from ctsim.dataset.versions import made_by
from ctsim.detector.detect import detect
from ctsim.detector.lag import LagState
from ctsim.detector.model import Detector
from ctsim.detector.panel import Panel
from ctsim.detector.readout import starved_pixels
from ctsim.detector.response import Response
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry, Grid, circular
from ctsim.montecarlo.matter import matter_of
from ctsim.montecarlo.transport import transport
from ctsim.pipeline import volume_of
from ctsim.radiograph import backend_of, scan
from ctsim.reconstruct.fdk import fdk
from ctsim.scanner import scanner_of
from ctsim.spectrum import Spectrum, reading
from ctsim.transmit import transmit
from scenes.build import Solid, Specimen
from scenes.detector import DetectorSpec
from scenes.fidelity import ALL_TECHNIQUES
from scenes.scene import ScanSpec, VolumeSpec
from scenes.seeds import stream
from tests.ctsim.shapes import letter_f, triangles_of

pytestmark = [
    *([] if SIMULATED else [pytest.mark.gpu]),
    # random numbers run over 64 bits on purpose; only the simulator, plain Python, minds
    pytest.mark.filterwarnings("ignore:.*overflow encountered"),
]


def size(tiny: int, real: int) -> int:
    """Return how large something is: the simulator starts a thread of Python for each of the card's."""
    return tiny if SIMULATED else real


@pytest.fixture(autouse=True)
def card(monkeypatch):
    """A card, or small blocks on the simulator, of several warps of several threads all the same."""
    if reason := missing():
        pytest.skip(reason)
    from ctsim.backends import mesh_gpu
    from ctsim.gpu import backproject, bodies

    if SIMULATED:
        for module, name, value in (
            (bodies, "THREADS", 16), (mesh_gpu, "WARP", 4), (mesh_gpu, "WARPS", 2), (mesh_gpu, "BLOCKS", 3),
            (mesh_gpu, "LARGE", 32), (backproject, "UPRIGHT", 4), (backproject, "BESIDE", 2),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, value)
    return mesh_gpu


def scanner(views: int, rows: int, columns: int, start_deg: float = 0.3) -> Geometry:
    return circular(
        source_object_mm=200.0, source_detector_mm=400.0, rows=rows, columns=columns, pixel_mm=150 / columns,
        angles_deg=start_deg + np.arange(views) * 360 / views,
    )  # fmt: skip


SOLIDS = {
    "a ball of small faces": lambda: (Manifold.sphere(30.0, size(20, 360)),),
    "a ball of small faces, cut by the picture": lambda: (Manifold.sphere(45.0, size(64, 720)),),
    "a tilted box of large ones": lambda: (Manifold.cube((30, 20, 40), True).rotate((31, 17, 58)),),
    "a box of large ones, edge-on": lambda: (Manifold.cube((30, 20, 40), True),),
    "a plate of large ones, few columns wide": lambda: (Manifold.cube((40, size(40, 5) / 10, 50), True),),
    "a letter, and a ball within a block": lambda: (
        letter_f().translate((20, 0, 0)),
        Manifold.cube((20, 20, 20), True).translate((-20, 0, 0)) - Manifold.sphere(6, 16).translate((-20, 0, 0)),
        Manifold.sphere(6, 16).translate((-20, 0, 0)),
    ),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_words_are_those_of_the_processor_bit_for_bit(card, name):
    solids = SOLIDS[name]()
    views = size(2, 24)
    g = scanner(views, size(26, 700), size(34, 900), start_deg=0.0 if "edge-on" in name else 1.0)
    triangles, where = triangles_of(*solids), mesh.frames_of(g, np.arange(views))
    there = mesh._Pen(triangles, g, len(solids), views)
    there.draw(*where)
    here = card._Pen(triangles, g, len(solids), views)
    here.draw(*where)
    np.testing.assert_array_equal(to_host(here.words), there.words[..., : g.columns])
    assert np.count_nonzero(there.words) > 0
    large = int(here.waiting[0])
    assert large == 0 if "small faces" in name else large > 0


def lengths_of(name: str, triangles: Triangles, geometry: Geometry, materials: int = 1) -> np.ndarray:
    return np.concatenate([to_host(image).copy() for _, image in backend_of(name)(triangles, geometry, materials)])


def test_lengths_are_those_of_the_processor_however_many_views_go_together(card, monkeypatch):
    triangles, g = triangles_of(letter_f().rotate((10, 20, 30))), scanner(size(3, 50), size(20, 512), size(24, 512))
    wanted = lengths_of("mesh", triangles, g)
    monkeypatch.setattr(card, "MOST_VIEWS", size(2, 32))
    np.testing.assert_array_equal(lengths_of("mesh-gpu", triangles, g), wanted)
    monkeypatch.setattr(card, "MOST_WORDS", 1)
    order = np.random.default_rng(0).permutation(len(triangles.faces))
    shuffled = replace(triangles, faces=triangles.faces[order], materials=triangles.materials[order])
    np.testing.assert_array_equal(lengths_of("mesh-gpu", shuffled, g), wanted)


def test_an_open_surface_is_found_with_its_pixels():
    triangles, g = triangles_of(Manifold.cube((20, 20, 20), True)), scanner(2, size(16, 512), size(20, 512), 20.0)
    opened = replace(triangles, faces=triangles.faces[1:], materials=triangles.materials[1:])
    told = []
    for name in ("mesh", "mesh-gpu"):
        with pytest.raises(OpenSurface, match="rays met an open surface") as error:
            lengths_of(name, opened, g)
        told.append(str(error.value))
    assert told[0] == told[1]


@pytest.mark.parametrize("rays_per_side", [1, 2])
def test_transmission_is_that_of_the_processor(rays_per_side):
    energies = np.linspace(30, 150, 30)
    beam = Spectrum(energies_kev=energies, photons=np.exp(-(((energies - 70) / 30) ** 2)))
    beams = tuple(
        reading(beam, energies * part, energies**2 * part, ("Al", "Fe"), (100.0, 30.0))
        for part in (energies > 60, energies <= 60)
    )
    rng = np.random.default_rng(0)
    shape = (2, 2, size(8, 512), size(12, 768))
    lengths = (rng.random(shape) * [[[[100]], [[30]]]] * (rng.random(shape) > 0.4)).astype(np.float32)
    wanted = transmit(lengths, beams, rays_per_side)
    got = transmit(to_card(lengths), beams, rays_per_side)
    for here, there in zip(got, wanted, strict=True):
        np.testing.assert_allclose(to_host(here), there, rtol=1e-6)


PIXELS = size(6, 400), size(9, 500)


def detectors() -> dict[str, Detector]:
    rng = np.random.default_rng(1)
    some = lambda scale: scale * rng.random(PIXELS)  # noqa: E731
    plain = Detector(
        photons=300.0, free_variance=(1.3, 1.3), free_beam_counts=(5000.0, 4000.0), electronic_noise_counts=3.0,
        dark_counts=100.0, bits=None, views=9,
    )  # fmt: skip
    panel = Panel(
        gain=1 + some(0.1), offset_counts=some(9.0), drift=some(0.1), fixed_counts=np.where(some(1) > 0.8, 77.0, np.nan)
    )
    noise_table = np.array([[0.0, 6000.0], [10.0, 90.0]])
    return {
        "plain": plain,
        "12 bits of 4 frames": replace(plain, bits=12, frames=4),
        "a panel with maps": replace(plain, panel=panel),
        "blur": replace(plain, transfer=some(1)),
        "lag": replace(plain, lag=((0.05, 3.0), (0.01, 20.0)), frames=3),
        "a curve": replace(plain, curve=np.array([[0.0, 0.5, 2.0], [10.0, 3000.0, 5000.0]])),
        "a table of noise, maps and blur": replace(plain, panel=panel, noise_table=noise_table, transfer=some(1)),
        "a dead time": replace(plain, dead_share=1e-4),
    }


@pytest.mark.parametrize("name", detectors())
@pytest.mark.parametrize("key", [None, np.uint64(5)], ids=["still", "noisy"])
def test_counts_are_those_of_the_processor(name, key):
    detector, rng = detectors()[name], np.random.default_rng(2)
    mean = (rng.random((2, 3, *PIXELS)) ** 3).astype(np.float32)
    mean[:, :, :2, :3] = 0
    beam = mean, (1.3 * mean).astype(np.float32), 1 - 0.1 * rng.random((1, *PIXELS))
    states = LagState(), LagState()
    for first in (2, 5):
        wanted = detect(*beam, detector, key=key, first_view=first, state=states[0])
        got = detect(*map(to_card, beam), to_card(detector), key=key, first_view=first, state=states[1])
        off = np.abs(to_host(got) - wanted)
        # the processor's Gauss numbers are right to 2e-6, which turns one rounded count in 1e5
        assert np.quantile(off, 0.9999) < 1e-3
        assert off.max() < (0.26 if detector.bits else 0.01)
    assert starved_pixels(*map(to_card, beam), 300.0) == starved_pixels(*beam, 300.0)


def test_a_scan_is_that_of_the_processor(card, monkeypatch):
    monkeypatch.setattr(card, "MOST_VIEWS", size(2, 32))
    block = Manifold.cube((20, 14, 24), True).rotate((0, 20, 10))
    plug = Manifold.sphere(4, 24)
    parts = Solid(surface=block - plug, material="Al", label="Al"), Solid(surface=plug, material="Fe", label="Fe")
    specimen = Specimen(solids=parts)
    pictures = []
    for name in ("mesh", "mesh-gpu"):
        settings = ScanSpec(
            tube_kv=120, filters={"Al": 2.0}, exposure_mas=0.2, source_detector_mm=600, source_object_mm=300,
            views=size(3, 100), rays_per_pixel=2, backend=name,
            detector=DetectorSpec(rows=size(8, 300), columns=size(10, 400), pixel_mm=60 / size(10, 400)),
        )  # fmt: skip
        pictures.append(scan(specimen, scanner_of(settings), rng=stream(0, 0, "photons")))
    there, here = pictures
    assert isinstance(here.counts, np.ndarray)
    assert (here.counts == there.counts).mean() > size(980, 999) / 1000
    assert np.abs(here.counts - there.counts).max() <= 1
    assert here.starved_share == pytest.approx(there.starved_share, abs=1e-4)
    assert here.lowest_transmission == pytest.approx(there.lowest_transmission, rel=1e-5)
    np.testing.assert_array_equal(here.flat, there.flat)


def turned_about_the_beam(g: Geometry, slope: float) -> Geometry:
    return replace(g, u_mm=g.u_mm + slope * g.v_mm, v_mm=g.v_mm - slope * g.u_mm)


def moved_along_the_axis(g: Geometry, climb_mm: float) -> Geometry:
    up = np.outer(np.linspace(-0.5, 0.5, g.views) * climb_mm, [0, 0, 1.0])
    return replace(g, source_mm=g.source_mm + up, centre_mm=g.centre_mm + up)


def orbit(views: int, turns: float = 1.0) -> Geometry:
    return circular(
        source_object_mm=60.0, source_detector_mm=120.0, rows=size(10, 256), columns=size(14, 320),
        pixel_mm=28 / size(14, 320), angles_deg=np.arange(views) * 360 * turns / views,
    )  # fmt: skip


ORBITS = {
    "a circle": lambda: orbit(size(12, 360)),
    "a short scan": lambda: orbit(size(14, 240), 0.65),
    "a turned detector": lambda: turned_about_the_beam(orbit(size(12, 360)), 0.1),
    "a helix": lambda: moved_along_the_axis(orbit(size(24, 720), 2.0), 8.0),
}


@pytest.mark.parametrize("name", ORBITS)
def test_a_volume_is_that_of_the_processor(name):
    g, rng = ORBITS[name](), np.random.default_rng(3)
    lines = rng.random((g.views, g.rows, g.columns)).astype(np.float32)
    grid = Grid(shape=(size(5, 150), size(6, 160), size(7, 170)), voxel_mm=size(11, 1) / size(10, 20))
    wanted = fdk(lines, g, grid)
    got = to_host(fdk(to_card(lines), g, grid))
    # noise in every pixel is the worst there is: float32 places a voxel to 1e-5 of a pixel
    assert np.abs(got - wanted).max() < 1e-5 * size(1, 10) * np.abs(wanted).max()
    assert np.sqrt(np.mean((got - wanted) ** 2)) < 1e-5 * np.abs(wanted).max()


def test_the_pipeline_takes_the_volume_back_from_the_card():
    g, spec = orbit(size(12, 90)), VolumeSpec(shape=(size(6, 128),) * 3, voxel_mm=12.8 / size(6, 128))
    lines = np.ones((g.views, g.rows, g.columns), np.float32)
    volume = volume_of(lines, g, spec, on_card=True)
    assert type(volume) is np.ndarray
    np.testing.assert_allclose(volume, volume_of(lines, g, spec), atol=1e-5 * np.abs(volume).max())


def test_what_a_sample_was_made_with_names_what_drives_the_card():
    assert {"cupy", "numba-cuda"} < set(made_by(("mesh-gpu",)))
    assert made_by(("mesh-gpu",))["backend"] == "mesh-gpu"


def photons(on_card: bool, techniques: tuple[str, ...], count: int):
    """Return what becomes of some photons on the processor or on a card."""
    block = Solid(surface=Manifold.cube((20, 60, 60), True), material="Al", label="Al")
    core = Solid(surface=Manifold.cube((20, 8, 8), True).translate((0, 40, 0)), material="W", label="W")
    geometry = scanner(1, 8, 8)
    return transport(
        matter_of(Specimen(solids=(block, core)), 12, air=True),
        Exposure(geometry=geometry, weights=np.ones(1), middle=geometry), [0],
        Spectrum(energies_kev=np.array([60.0, 90.0]), photons=np.array([1.0, 2.0])),
        lambda energies: Response(first=energies[None], second=energies[None] ** 2),
        photons=count, key=np.uint64(5), techniques=techniques, fluorescence=True, deposits=True, on_card=on_card,
    )  # fmt: skip


@pytest.mark.parametrize("techniques", [(), ALL_TECHNIQUES], ids=["analogue", "forced"])
def test_a_photon_is_the_same_on_a_card(techniques):
    count = size(40, 200_000)
    here, there = photons(False, techniques, count), photons(True, techniques, count)
    assert here.arrivals.mean[1:4].sum() > 0 or SIMULATED
    # a card's logarithm may differ in its last bit, and send a photon in a million another way
    allowed = {"rtol": 1e-9, "atol": 1e-9} if SIMULATED else {"rtol": 0.02, "atol": 1e-3}
    np.testing.assert_allclose(there.arrivals.mean.sum((2, 3, 4)), here.arrivals.mean.sum((2, 3, 4)), **allowed)
    np.testing.assert_allclose(there.kev.sum(), here.kev.sum(), **allowed)
