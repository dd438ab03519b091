"""One suite for every backend: closed forms first, then the laws. A backend states only how exact it is."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from manifold3d import Manifold, OpType
from scipy.spatial.transform import Rotation

from ctsim.arrays import missing, to_host
from ctsim.backends import gvxr
from ctsim.backends.mesh import OpenSurface, Triangles
from ctsim.geometry import Geometry
from ctsim.materials import mu_per_mm
from ctsim.radiograph import backend_of, scan
from ctsim.scanner import scanner_of
from defects.messages import BadInput
from scenes.build import Solid, Specimen
from scenes.scene import ScanSpec
from scenes.seeds import stream
from tests.ctsim.chords import chord_of_ball, chord_of_convex, scanner
from tests.ctsim.shapes import letter_f, triangles_of


@dataclass(frozen=True, kw_only=True)
class Backend:
    """What a backend promises for parts of some 40 mm at 200 mm from the source.

    Attributes:
        name: As in `scan: backend`.
        off_mm: How far any length may be off.
        off_share: How far a chord above 5 % of the longest may be off, as a share of it, behind large flat faces.
    """

    name: str
    off_mm: float
    off_share: float

    def lengths(self, triangles: Triangles, geometry: Geometry, materials: int = 1) -> np.ndarray:
        """Return the path of every ray in every material [view material row col]."""
        images = [to_host(image).copy() for _, image in backend_of(self.name)(triangles, geometry, materials)]
        return np.concatenate(images)


BACKENDS = (
    Backend(name="reference", off_mm=4e-6, off_share=2e-7),  # the rounding of its float32 results
    Backend(name="mesh", off_mm=2e-5, off_share=2e-7),  # the same, and edges that lie on a lattice
    Backend(name="mesh-gpu", off_mm=2e-5, off_share=2e-7),  # the same on a card
    Backend(name="gvxr", off_mm=5e-3, off_share=5e-3),  # what is left of its interpolation, see gvxr.FINE
)


@pytest.fixture(
    params=[pytest.param(b, marks=[pytest.mark.gpu] if b.name == "mesh-gpu" else [], id=b.name) for b in BACKENDS]
)
def backend(request) -> Backend:
    if request.param.name == "mesh-gpu" and (reason := missing()):
        pytest.skip(reason)
    if request.param.name == "gvxr" and (reason := gvxr.unavailable()):
        pytest.skip(reason)
    return request.param


# closed forms


def test_a_ball_casts_its_chord_and_the_error_falls_with_the_square_of_the_facets(backend):
    g, centre, radius = scanner(rows=32, columns=40, pixel_mm=2.0), (5.0, -8.0, 6.0), 12.0
    chord = chord_of_ball(centre, radius, g)
    errors = []
    for segments in (32, 64, 128):
        ball = Manifold.sphere(radius, segments).translate(centre)
        got = backend.lengths(triangles_of(ball), g)[0, 0]
        errors.append(np.sqrt(np.mean((got - chord)[chord > radius] ** 2)))
    assert errors[2] < 2e-3 * radius
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("turn", [(0, 0, 0), (31, 17, 58), (0, 0, 45), (90, 0, 0), (1e-3, 0, 0)])
def test_a_box_of_twelve_triangles_casts_its_exact_chord(backend, turn):
    """Peers that interpolate depths across big triangles are 18 % wrong here."""
    box, g = Manifold.cube((30, 20, 40), True).rotate(turn), scanner(views=3, start_deg=10)
    got = backend.lengths(triangles_of(box), g)[:, 0]
    for view in range(3):
        chord = chord_of_convex(box, g, view)
        thick = chord > 0.05 * chord.max()
        assert np.abs(got[view] / np.where(thick, chord, 1) - 1)[thick].max() < backend.off_share
        assert np.abs(got[view] - chord).max() < backend.off_mm


@pytest.mark.parametrize("pixels", [64, 65, 128])
def test_an_upright_box_whose_edges_fall_on_pixel_centres_neither_leaks_nor_doubles(backend, pixels):
    # with an odd number of pixels a whole row and a whole column of rays run along the planes of symmetry, and the
    # diagonals of the faces lie on rays in any case
    box, g = Manifold.cube((20, 20, 20), True), scanner(rows=pixels, columns=pixels, pixel_mm=64 / pixels)
    chord = chord_of_convex(box, g)
    inside = chord > 1e-9
    assert np.abs(backend.lengths(triangles_of(box), g)[0, 0] - chord)[inside].max() < backend.off_mm


def test_any_flat_detector_sees_the_exact_chord(backend):
    """Tilted, shifted, with oblong pixels and seen from its back: the rays are all that counts."""
    box = Manifold.cube((30, 20, 40), True).rotate((31, 17, 58))
    for name, g in odd_detectors().items():
        chord = chord_of_convex(box, g)
        assert (chord > 10).sum() > 100, name
        assert np.abs(backend.lengths(triangles_of(box), g)[0, 0] - chord).max() < backend.off_mm, name


def odd_detectors() -> dict[str, Geometry]:
    """Return detectors of one view each that are not where a detector usually is."""
    plain = scanner(rows=40, columns=48, pixel_mm=2.0, start_deg=20)
    turn = Rotation.from_euler("xyz", [10, -15, 12], degrees=True)
    tilted = replace(plain, u_mm=turn.apply(plain.u_mm), v_mm=turn.apply(plain.v_mm))
    shifted = replace(plain, centre_mm=plain.centre_mm + 11 * plain.u_mm - 7 * plain.v_mm)
    return {
        "tilted": tilted,
        "shifted": shifted,
        "source off": replace(plain, source_mm=plain.source_mm + 9 * plain.u_mm + 4 * plain.v_mm),
        "oblong": replace(plain, v_mm=0.6 * plain.v_mm),
        "columns reversed": replace(shifted, u_mm=-plain.u_mm),
        "rows reversed and tilted": replace(tilted, v_mm=-tilted.v_mm, centre_mm=shifted.centre_mm),
        "in front of the part's far side": replace(plain, **nearer(plain, 0.52)),
    }


def nearer(geometry: Geometry, share: float) -> dict[str, np.ndarray]:
    """Return the same rays for a detector at a share of the distance."""
    centre = geometry.source_mm + share * (geometry.centre_mm - geometry.source_mm)
    return {"centre_mm": centre, "u_mm": share * geometry.u_mm, "v_mm": share * geometry.v_mm}


def test_a_part_that_reaches_out_of_the_picture_is_exact_within_it(backend):
    rod = Manifold.cylinder(300, 8, 8, 48, True).rotate((70, 0, 15))  # 300 mm long: most of it is beside the detector
    g = scanner(rows=24, columns=32, pixel_mm=1.0)
    chord = chord_of_convex(rod, g)
    assert chord[0].max() > 10
    assert chord[-1].max() > 10
    assert np.abs(backend.lengths(triangles_of(rod), g)[0, 0] - chord).max() < 2 * backend.off_mm


def test_a_view_with_nothing_in_it_is_zero(backend):
    beside = Manifold.cube((1, 1, 1), True).translate((0, 150, 0))
    assert backend.lengths(triangles_of(beside), scanner()).max() == 0
    # and so is a material that none of the triangles is of
    both = backend.lengths(triangles_of(Manifold.cube((9, 9, 9), True)), scanner(), 2)[0]
    assert both[0].max() > 9
    assert both[1].max() == 0


# the absolute truth beside the laws


def test_letter_f_is_not_mirrored(backend):
    """At 270 deg the source stands at -y and looks along +y, u along +x and v along -z: there the F reads as an F."""
    g = scanner(views=4)
    image = backend.lengths(triangles_of(letter_f()), g)[:, 0]
    np.testing.assert_allclose(g.u_mm[3] / g.u_mm[3, 0], [1, 0, 0], atol=1e-12)
    front, back = image[3], image[1]
    columns = np.flatnonzero(front.sum(0) > 0)
    stem = front[:, columns[0] + 3]
    assert (stem > 0).sum() > 70 * 0.8  # the stem is the leftmost column, 40 mm at magnification 2
    rows = np.flatnonzero(stem > 0)
    upper, lower = front[: rows.mean().astype(int)], front[rows.mean().astype(int) + 8 :]
    assert (upper.sum(0) > 0).sum() > 2 * (lower.sum(0) > 0).sum()  # arms in the upper half
    # from behind the stem is on the right
    columns = np.flatnonzero(back.sum(0) > 0)
    assert (back[:, columns[-1] - 3] > 0).sum() > 70 * 0.8


def test_letter_f_is_the_sum_of_its_three_boxes_from_all_sides(backend):
    """Each box is convex and has its closed form: all of the F in every view, not only which way it faces."""
    boxes = (
        Manifold.cube((6, 6, 40), True).translate((-10, -4, 0)),
        Manifold.cube((24, 8, 6), True).translate((5, 0, 17)),
        Manifold.cube((14, 12, 6), True).translate((0, 6, 2)),
    )
    f, g = (
        Manifold.batch_boolean(list(boxes), OpType.Add),
        scanner(views=7, start_deg=5, pixel_mm=2.0, rows=32, columns=40),
    )
    got = backend.lengths(triangles_of(f), g)[:, 0]
    pairs = [boxes[i] ^ boxes[j] for i in range(3) for j in range(i)]
    for view in range(g.views):
        wanted = sum(chord_of_convex(box, g, view) for box in boxes)
        wanted -= sum(chord_of_convex(pair, g, view) for pair in pairs if not pair.is_empty())
        assert np.abs(got[view] - wanted).max() < 2 * backend.off_mm


# laws


def test_turning_the_part_is_unturning_the_scanner(backend):
    solid, angle = letter_f(), 27.0
    turned = backend.lengths(triangles_of(solid.rotate((0, 0, angle))), scanner())
    scanned = backend.lengths(triangles_of(solid), scanner(start_deg=angle))
    np.testing.assert_allclose(turned, scanned, atol=max(2e-3, 2 * backend.off_mm))
    assert np.abs(turned - backend.lengths(triangles_of(solid), scanner(start_deg=-angle))).max() > 5


@pytest.mark.parametrize("materials", [3, 1])
def test_lengths_of_nested_and_touching_solids_add_up_to_the_whole(backend, materials):
    """Faces that coincide count once for each side, whether both sides are of one material or not."""
    block, core = Manifold.cube((30, 30, 30), True), Manifold.sphere(8, 64)
    left = (block - core).trim_by_plane((1, 0, 0), 0)
    right = (block - core) - left
    g = scanner(views=2, start_deg=33, rows=32, columns=40, pixel_mm=2.0)
    triangles = triangles_of(left, right, core)
    triangles = replace(triangles, materials=triangles.materials % materials)
    parts = backend.lengths(triangles, g, materials)
    for view in range(2):
        whole = chord_of_convex(block, g, view)
        assert np.abs(parts[view].sum(0) - whole).max() < 3 * backend.off_mm
        if materials == 3:
            assert np.abs(parts[view, 2] - chord_of_convex(core, g, view)).max() < backend.off_mm


def test_solids_that_overlap_count_twice(backend):
    block, core = Manifold.cube((30, 30, 30), True), Manifold.sphere(8, 32)
    triangles = replace(triangles_of(block, core), materials=np.zeros(12 + core.num_tri(), int))
    g = scanner(rows=32, columns=40, pixel_mm=2.0, start_deg=33)
    wanted = chord_of_convex(block, g) + chord_of_convex(core, g)
    assert np.abs(backend.lengths(triangles, g)[0, 0] - wanted).max() < 2 * backend.off_mm


def test_a_hull_with_random_holes_and_their_fillings_is_the_hull(backend):
    rng = np.random.default_rng(1)
    for _ in range(5):
        hull = Manifold.hull_points(rng.normal(size=(60, 3)) * [15, 10, 20])
        hole = Manifold.hull_points(rng.normal(size=(30, 3)) * 4) ^ hull
        g = scanner(views=2, start_deg=rng.uniform(0, 90), rows=40, columns=48, pixel_mm=2.0)
        parts = backend.lengths(triangles_of(hull - hole, hole), g, 2)
        for view in range(2):
            chord = chord_of_convex(hull, g, view)
            assert np.abs(parts[view].sum(0) - chord)[chord > 1e-6].max() < 2 * backend.off_mm
            assert np.abs(parts[view, 1] - chord_of_convex(hole, g, view)).max() < 2 * backend.off_mm


def test_an_open_surface_is_refused(backend):
    triangles = triangles_of(Manifold.cube((20, 20, 20), True))
    some = replace(triangles, faces=triangles.faces[1:], materials=triangles.materials[1:])
    with pytest.raises((OpenSurface, BadInput), match="open surface"):
        backend.lengths(some, scanner(views=4, start_deg=20))


# through a scan


def settings(backend: Backend, **changes) -> ScanSpec:
    """Return a scan with 80 keV alone and no noise."""
    values = {
        "spectrum": ((80.0, 1e6),), "exposure_mas": 1.0, "source_detector_mm": 600.0, "source_object_mm": 300.0,
        "views": 3, "noise": False, "backend": backend.name,
        "detector": {"rows": 32, "columns": 48, "pixel_mm": 4.0, "dark_counts": 100.0},
    }  # fmt: skip
    return ScanSpec(**values | changes)


def counts_over_dark(solid: Manifold, scan_spec: ScanSpec) -> np.ndarray:
    """Return the first view of a part of aluminium, less the dark level, in units of the free beam at its foot."""
    specimen = Specimen(solids=(Solid(surface=solid, material="Al", label="Al"),))
    counts = scan(specimen, scanner_of(scan_spec), rng=stream(0, 0, "photons")).counts
    first = counts.reshape(-1, *counts.shape[-2:])[0]
    return (first - 100.0) / scan_spec.detector.free_beam_counts


def inverse_square_and_incidence(scan_spec: ScanSpec) -> np.ndarray:
    """Return the mean of (SDD / r)^3 over every pixel of a detector that stands upright before the source."""
    panel, fine = scan_spec.detector, 8
    rows, columns = (np.mgrid[: panel.rows * fine, : panel.columns * fine] + 0.5) / fine
    aside2 = ((rows - panel.rows / 2) ** 2 + (columns - panel.columns / 2) ** 2) * panel.pixel_mm**2
    points = (1 + aside2 / scan_spec.source_detector_mm**2) ** -1.5
    return points.reshape(panel.rows, fine, panel.columns, fine).mean((1, 3))


def test_half_value_layer_halves_the_beam(backend):
    spec = settings(backend)
    layer_mm = np.log(2) / mu_per_mm("Al", (80.0,))[0]
    slab = Manifold.cube((layer_mm, 150, 150), True)
    passed = counts_over_dark(slab, spec) / inverse_square_and_incidence(spec)
    slant = inverse_square_and_incidence(spec) ** (-1 / 3)  # an oblique ray meets more of the slab
    np.testing.assert_allclose(passed, 0.5**slant, atol=1e-4)  # 5 counts in 50 000


def test_the_free_beam_falls_with_the_inverse_square_and_the_incidence(backend):
    beside, spec = Manifold.cube((1, 1, 1), True).translate((0, 0, 120)), settings(backend)
    wanted = inverse_square_and_incidence(spec)
    assert wanted.min() < 0.95
    np.testing.assert_allclose(counts_over_dark(beside, spec), wanted, atol=2e-5)  # a count of rounding in 50 000
