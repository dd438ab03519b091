"""The bodies of the scorecard's scenes are what the tests' descriptions say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifold3d import CrossSection

from ctsim.backends.mesh import path_lengths
from ctsim.exposure import Exposure
from ctsim.geometry import Geometry
from tests.bench.ctsimu import shapes
from tests.bench.ctsimu.sampling import dithered, pixel_points
from tests.bench.ctsimu.wedges import bevel
from tests.ctsim.shapes import triangles_of


def picture(rows: int, columns: int, pixel_mm: float, detector_mm: float) -> Geometry:
    """Return a source at the origin before one upright detector."""
    return Geometry(
        source_mm=np.zeros((1, 3)), centre_mm=np.array([[detector_mm, 0, 0]]), u_mm=np.array([[0, -pixel_mm, 0]]),
        v_mm=np.array([[0, 0, -pixel_mm]]), rows=rows, columns=columns,
    )  # fmt: skip


def lengths(geometry: Geometry, *solids) -> np.ndarray:
    """Return the path of every ray in each of the solids [mm]."""
    ((_, image),) = path_lengths(triangles_of(*solids), geometry, len(solids))
    return image[0]


# ------------------------------------------------------------------------------------------------------- wedges

SMALL = {"inner_mm": 500.0, "detector_mm": 1000.0, "pixels": 110, "pixel_mm": 20 / 11}


def small_wedge(steps=shapes.AL_MM, left=10.0, right=100.0):
    """Return a wedge in a picture of 110 pixels, of which each step takes ten rows."""
    rows = shapes.wedge_rows(9, 110)
    sides = np.broadcast_to(left, rows.shape).astype(float), np.broadcast_to(right, rows.shape).astype(float)
    return shapes.wedge(steps, sides=sides, **SMALL)


@pytest.mark.parametrize("steps", [shapes.AL_MM, shapes.FE_MM])
def test_every_ray_through_a_step_crosses_its_thickness(steps):
    """The facets of all shells are alike, so that their angle takes off its square over eight, whatever the radius."""
    image = lengths(picture(110, 110, 20 / 11, 1000.0), small_wedge(steps))[0]
    facet = 200 / 1000 * 90 / 110 / 48, 200 / 1000 / 11 / 6  # the tangents of a facet's sides
    most = (facet[0] ** 2 + facet[1] ** 2) / 8 + 1e-7
    for number, thick_mm in enumerate(steps):
        step = image[100 - 10 * (number + 1) : 100 - 10 * number, 10:100]
        # 1e-7: the 600 mm from which a thickness is the difference, in single precision of the result
        assert step.max() <= thick_mm * (1 + 1e-6)
        assert step.min() >= thick_mm * (1 - most) - 1e-7


def test_nothing_stands_outside_the_wedge():
    image = lengths(picture(110, 110, 20 / 11, 1000.0), small_wedge())[0]
    image[10:100, 10:100] = 0
    assert not image.any()


def test_the_volume_is_that_of_pieces_of_shells():
    r"""$V = \sum \Omega (r_o^3 - r_i^3) / 3$ with the solid angle of each strip of the picture."""

    def angle(x, y):
        return math.atan(x * y / (1000.0 * math.sqrt(1e6 + x * x + y * y)))

    total, pixel = 0.0, 20 / 11
    for number, thick_mm in enumerate(shapes.AL_MM):
        bottom, top = (55 - (100 - 10 * number)) * pixel, (55 - (90 - 10 * number)) * pixel
        omega = 2 * (angle(45 * pixel, top) - angle(45 * pixel, bottom))
        total += omega * ((500 + thick_mm) ** 3 - 500**3) / 3
    # a facet's sagitta takes more of the volume than of the thickness: three times (angle^2 / 8)
    assert small_wedge().volume() == pytest.approx(total, rel=1e-5)


def test_the_halves_leave_a_gap_touch_and_overlap():
    """Five pixels of gap at the top, contact in the middle, ten of overlap at the bottom: 2D-SW-3."""
    wide = {"inner_mm": 500.0, "detector_mm": 1000.0, "pixels": 1000, "pixel_mm": 0.2}
    rows = shapes.wedge_rows(9, 1000)
    first, middle, last = (np.full(len(rows), 1000 * part / 11) for part in (1, 5.5, 10))
    left, right = (
        shapes.wedge(shapes.AL_MM, sides=sides, **wide) for sides in ((first, middle), (bevel(rows), last))
    )  # fmt: skip
    ends, begins = (lengths(picture(1000, 1000, 0.2, 1000.0), body)[0] > 0 for body in (left, right))
    step = 1000 / 11
    for row, gap in ((91, 5 * (4 - 91.5 / step) / 3), (500, 0.0), (908, -10 * (908.5 / step - 7) / 3)):
        end, begin = ends[row].nonzero()[0].max() + 1, begins[row].nonzero()[0].min()
        assert begin - end == pytest.approx(gap, abs=0.5)
    assert bevel(np.array([step, 10 * step])) == pytest.approx([505, 490])


def test_a_body_of_cells_holds_its_cells():
    """Two cells that share a face, and a third round the corner."""
    nodes = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0), np.arange(2.0), indexing="ij"), axis=3)
    filled = np.array([[[True], [True]], [[True], [False]]])
    body = shapes.body_of_cells(nodes, filled)
    assert body.volume() == pytest.approx(3)
    assert body.surface_area() == pytest.approx(2 * 3 + 8)
    assert body.genus() == 0


# ------------------------------------------------------------------------------------------------------- shadows


def test_a_shadow_has_no_half_tones():
    """Although the sheet is 2 mm thick, no ray crosses a part of it: its walls point to the source."""
    square = CrossSection.square((3.0, 2.0)).translate((-1.0, -0.7))
    image = lengths(picture(300, 300, 0.05, 1000.0), shapes.shadow(square, 499.0, 501.0))[0]
    hit = image > 0
    assert image[hit] == pytest.approx(2.0, rel=1e-4)  # over the cosine to the beam's axis, 1 + 3e-5 at most
    # y runs to the left and z up, 1000 / 499 as large on the detector
    columns, rows = np.flatnonzero(hit.any(0)), np.flatnonzero(hit.any(1))
    scale = 1000 / 499 / 0.05
    assert [columns[0], columns[-1] + 1] == pytest.approx([150 - 2.0 * scale, 150 + 1.0 * scale], abs=0.5)
    assert [rows[0], rows[-1] + 1] == pytest.approx([150 - 1.3 * scale, 150 + 0.7 * scale], abs=0.5)


def test_the_edge_leans_about_the_middle_of_the_picture():
    """Its upper right corner lies on the axis; below, the edge goes 3 deg to the left, as 2D-WE-2 describes."""
    image = lengths(picture(1001, 1001, 0.008, 1000.0), shapes.edge(3.0, 2.0, 500.0, 4.99, 4.75))[0] > 0
    for row in (600, 800, 1000):
        assert image[row].sum() == pytest.approx(500.5 - (row + 0.5 - 500.5) * math.tan(math.radians(3)), abs=0.51)
    for column in (0, 200, 400):
        top = 500.5 - (500.5 - column - 0.5) * math.tan(math.radians(3))
        assert np.flatnonzero(image[:, column])[0] == pytest.approx(top, abs=0.51)
    assert not image[:500, 500:].any()


def test_the_holes_of_the_foil_are_round_for_the_source():
    """A hole's picture has the area of its circle, at the foil's near face or its far one: they are one cone."""
    foil = shapes.hole_foil(((0.4, -0.2, 0.5),), 2.0, 10.0, 10.5)
    image = lengths(picture(400, 400, 0.2, 400.0), foil)[0]
    through = image == 0
    rows, columns = np.nonzero(through)
    assert through.sum() * 0.04 == pytest.approx(math.pi * 20.0**2, rel=2e-3)
    assert [columns.mean() + 0.5, rows.mean() + 0.5] == pytest.approx([200 - 16 / 0.2, 200 + 8 / 0.2], abs=0.02)
    assert image[~through].min() >= 0.5 * (1 - 1e-6)


def test_the_foil_has_the_volume_of_its_cones():
    near, far, radius = 10.0, 10.5, 0.5
    cone = math.pi * radius**2 * (far - near) * (1 + far / near + (far / near) ** 2) / 3
    assert shapes.hole_foil(((0.4, -0.2, radius),), 2.0, near, far).volume() == pytest.approx(16 * 0.5 - cone, rel=1e-9)


# --------------------------------------------------------------------------------------------------------- wires


def test_the_duplex_gauge_has_thirteen_pairs_as_far_apart_as_they_are_thick():
    """ISO 19232-5: distance and diameter of a pair are the same, so centres lie two diameters apart."""
    gauge = shapes.duplex_wires(3.0, (-6.3, 0.2))
    upright = gauge.translate((0, 6.3, -0.2)).rotate((-3, 0, 0))
    discs = [d for d in upright.slice(0.0).decompose() if d.area() > 0]
    found = sorted((-(d.bounds()[1] + d.bounds()[3]) / 2, d.area()) for d in discs)
    assert len(found) == 26
    for pair, thick_mm in enumerate(shapes.DUPLEX_MM):
        (a, area_a), (b, area_b) = found[2 * pair : 2 * pair + 2]
        assert b - a == pytest.approx(2 * thick_mm, abs=1e-7)  # a cut counts in 1e-8 mm
        assert (a + b) / 2 == pytest.approx((pair - 6) * shapes.PITCH_MM, abs=1e-7)
        assert [area_a, area_b] == pytest.approx([math.pi * thick_mm**2 / 4] * 2, rel=1e-6)


def test_the_duplex_gauge_is_placed_by_its_bounding_box():
    gauge = shapes.duplex_wires(3.0, (-6.3, 0.2))
    box = np.array(gauge.bounding_box()).reshape(2, 3)
    assert box.mean(0) == pytest.approx(0, abs=1e-12)


# ------------------------------------------------------------------------------------------------------ sampling


def test_pixel_points_give_bilinear_functions_exactly():
    """As vertex-modified lattices do; their weights sum to 1."""
    points, weights = pixel_points()
    u, v = points.T
    assert [weights.sum(), weights @ u, weights @ v] == pytest.approx([1, 0.5, 0.5], abs=1e-12)
    assert weights @ (u * u) == pytest.approx(1 / 3, abs=1e-6)


@given(lean=st.floats(-1.5, 1.5), at=st.floats(0.0, 1.0))
def test_no_edge_across_a_pixel_goes_unseen(lean, at):
    """What lies left of a straight edge is found partly covered whenever it is, and its area to 1 %."""
    points, weights = pixel_points()
    covered = points[:, 0] < at + lean * (points[:, 1] - 0.5)
    down = (np.arange(20_000) + 0.5) / 20_000
    area = np.clip(at + lean * (down - 0.5), 0, 1).mean()
    share = weights[covered].sum()
    assert share == pytest.approx(area, abs=0.01)
    assert (0 < share < 1 - 1e-9) or not 1e-9 < area < 1 - 1e-9


def test_dithering_moves_the_detector_over_one_pixel_and_leaves_the_middle():
    geometry = picture(8, 8, 0.5, 100.0)
    exposure = dithered(Exposure(geometry=geometry, weights=np.ones(1), middle=geometry))
    off = exposure.geometry.centre_mm - geometry.centre_mm
    assert exposure.weights.sum() == pytest.approx(1)
    assert exposure.weights @ off == pytest.approx(0, abs=1e-12)
    assert np.abs(off).max(0) == pytest.approx([0, 0.25, 0.25])
    assert exposure.middle is geometry
