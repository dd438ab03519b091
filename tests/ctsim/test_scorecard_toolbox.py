"""What is mended of the CTSimU toolbox is still broken there, and mended it does what it should."""

import contextlib
import copy
import io
import json
import math
import pkgutil

import numpy as np
import pytest

pytest.importorskip("ctsimu", reason="the scorecard's extra, test")

from ctsimu.evaluation import test2D_HS_1
from ctsimu.geometry import Geometry
from ctsimu.image import Image
from ctsimu.primitives import Polygon, Vector
from ctsimu.scenario import Scenario

from tests.bench.ctsimu import scenes, toolbox
from tests.bench.ctsimu.verdicts import Deviation
from tests.bench.ctsimu_scorecard import taken


def geometry_of(name: str) -> Geometry:
    """Return the geometry of a scenario that the toolbox carries, as the toolbox reads it."""
    values = json.loads(pkgutil.get_data("ctsimu.evaluation", f"scenarios/{name}.json"))
    with contextlib.redirect_stdout(io.StringIO()):
        found = Scenario(json_dict=values).current_geometry()
        found.update()
    return found


def small_edge(pixels: int = 15) -> Geometry:
    """Return the geometry of 2D-WE-2 with a detector of a few pixels of 0.4 mm."""
    geometry = geometry_of("2D-WE-2_2021-10-13v02r03dp")
    geometry.detector.set_size(pixels, pixels, 0.4, 0.4)
    return geometry


def cover() -> Polygon:
    """Return a half-space that ends in the picture's middle, as 2D-WE-2 has it [mm]."""
    cos, sin = math.cos(math.radians(3)), math.sin(math.radians(3))
    corners = [(0, 0), (-sin, cos), (-sin - cos, cos - sin), (-cos, -sin)]
    return Polygon(*(Vector(30 * x, 30 * y, 0) for x, y in corners))


def test_a_turned_vector_keeps_its_length():
    """The toolbox's own turn lets (0, 1) by 3 deg lean by 3.008 deg."""
    own, mended = Vector(0, 1), Vector(0, 1)
    own.rotate_2D_xy(math.radians(3))
    toolbox.turn(mended, math.radians(3))
    assert math.degrees(math.atan2(-own.x(), own.y())) == pytest.approx(3.0082, abs=1e-4)
    assert [mended.x(), mended.y()] == pytest.approx([-math.sin(math.radians(3)), math.cos(math.radians(3))])


def test_the_quick_edge_is_the_toolboxs_edge():
    """All pixels against the toolbox's plain Python, whose sums of angles are good to 1e-8 of such pixels."""
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = small_edge().create_detector_flat_field_sphere(copy.deepcopy(cover()))
        found = toolbox.edge_picture(small_edge(), cover())
    for one, other in zip(found, wanted, strict=True):
        assert one.px == pytest.approx(other.px, abs=1e-7)
    partly = (found[1].px > 1e-6) & (found[1].px < found[0].px - 1e-6)
    assert 14 <= partly.sum() <= 18


def test_solid_angles_add_up_to_that_of_the_whole_detector():
    """$4 \\arctan(a b / (d \\sqrt{d^2 + a^2 + b^2}))$ of a rectangle of 2 a by 2 b."""
    geometry = small_edge()
    geometry.detector.set_size(40, 20, 50.0, 50.0)
    u, v = (np.arange(41) - 20) * 50.0, (np.arange(21) - 10) * 50.0
    a, b, d, half = 1000.0, 500.0, 1000.0, 25.0
    whole = math.atan(a * b / (d * math.sqrt(d * d + a * a + b * b)))
    unit = math.atan(half * half / (d * math.sqrt(d * d + 2 * half * half)))
    assert toolbox.solid_angles(geometry, u, v).sum() == pytest.approx(whole / unit)


def test_hole_distances_are_pythons_numbers():
    """numpy 2 has `np.True_ * " "` fail, which 2D-HS-1 does with them."""
    a, b = Vector(np.float64(0), np.float64(0), 0), Vector(np.float64(3), np.float64(4), 0)
    with pytest.raises(TypeError, match="can't multiply"):
        " " * (test2D_HS_1.Vector.distance(a, b) >= 0)
    with toolbox.mended():
        assert " " * (test2D_HS_1.Vector.distance(a, b) >= 0) == " "


def test_the_toolbox_counts_a_circles_middle_from_the_middle_of_the_first_pixel():
    """So an exact picture of 2D-HS-1, whose wanted places count from its corner, shows a shift of -0.5 pixels."""
    rows, columns = np.mgrid[:80, :80] + 0.5
    ring = Image()
    ring.shape(80, 80)
    ring.px[:] = np.abs(np.hypot(columns - 41.0, rows - 38.0) - 25.0) < 1.0
    assert ring.fitCircle()[:3] == pytest.approx((40.5, 37.5, 25.0), abs=0.02)


def test_turns_of_a_scenario_are_the_toolboxs():
    """The foil of 2D-HS-1 is made by them: all three deviations of the detector, one after the other."""
    name = "2D-HS-1_2021-03-24v02r00dp"
    told = json.loads(pkgutil.get_data("ctsimu.evaluation", f"scenarios/{name}.json"))["geometry"]["detector"]
    axes = {"u": (0, -1, 0), "v": (0, 0, -1), "w": (1, 0, 0)}
    turned = scenes.turned(told["deviations"], axes)
    detector = geometry_of(name).detector
    for axis, along in axes.items():
        theirs = getattr(detector, axis)
        assert turned @ along == pytest.approx([theirs.x(), theirs.y(), theirs.z()], abs=1e-12)


def test_a_deviation_of_no_number_does_not_pass():
    assert not Deviation(name="a", what="a", value=math.nan, limit=1.0).passed
    assert Deviation(name="a", what="a", value=-1.0, limit=1.0).passed


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("2D-HS-1", "2D-SW-1", "2D-SW-2", "2D-WE-2")]


@pytest.mark.parametrize("test", ["2D-FB-2", "2D-SW-3", *SLOW])
def test_the_toolbox_finds_our_pictures_within_their_limits(test):
    """From the scenario file to the verdict; the others, whose evaluation takes minutes, are left to the program."""
    found = taken(test)
    assert found
    for deviation in found:
        assert deviation.passed, deviation
