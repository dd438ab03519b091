"""The CTSimU toolbox, run quietly in a folder, with what is broken or slow in its version 1.7.0 mended.

Mended, each with a test against the toolbox itself in tests/ctsim/test_scorecard_toolbox.py:

* `Vector.rotate_2D_xy` computes y from the x that it has turned already. The ideal edge of 2D-WE-1 and 2D-WE-2 then
  leaves its 3 deg by 0.008 deg, 0.07 pixels at the picture's rim: 1900 grey values where 60 are asked for.
* 2D-HS-1 stops with numpy 2, whose booleans are no numbers (`" " * (scale >= 0)`).
* The ideal edge takes 8 minutes of plain Python for 1001 x 1001 pixels. Its own method is kept for the pixels that
  the edge crosses; of the others it takes all or nothing.
"""

import contextlib
import copy
import math
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from ctsimu.evaluation import test2D_HS_1
from ctsimu.geometry import Geometry
from ctsimu.image import Image
from ctsimu.primitives import Polygon, Vector
from jaxtyping import Bool, Float

with warnings.catch_warnings():  # it sets an option that pandas 3 does not have any more
    warnings.simplefilter("ignore")
    from ctsimu.toolbox import Toolbox

os.environ.setdefault("MPLBACKEND", "Agg")  # there may be no screen; matplotlib is imported when it plots


def evaluate(test: str, metadata: dict[str, Path], folder: Path) -> Path:
    """Let the toolbox evaluate a test, and return the folder of what it wrote.

    Args:
        test: Name of the test, such as `2D-FB-1`.
        metadata: File by the toolbox's keyword, or by "" for a test that has none.
        folder: Where the toolbox may write; its log goes there too.
    """
    names = {key: str(path) for key, path in metadata.items()}
    with (folder / "toolbox.log").open("w") as log, contextlib.redirect_stdout(log), mended():
        warnings.simplefilter("ignore")  # it warns of its own plots
        if "" in names:
            Toolbox(test, names[""])
        else:
            Toolbox(test, **names)
    (results,) = {path.parent / f"{test}-results" for path in metadata.values()}
    return results


@contextlib.contextmanager
def mended() -> Iterator[None]:
    """Mend the toolbox as told above, for a while."""
    with contextlib.ExitStack() as stack:
        for where, name, made in (
            (Vector, "rotate_2D_xy", turn),
            (Geometry, "create_detector_flat_field_sphere", edge_picture),
            (test2D_HS_1.Vector, "distance", plainly(Vector.distance)),
            (test2D_HS_1.Vector, "angle", plainly(Vector.angle)),
            (test2D_HS_1, "list_mean_and_stddev", plainly(test2D_HS_1.list_mean_and_stddev)),
        ):
            stack.enter_context(mock.patch.object(where, name, made))
        stack.enter_context(warnings.catch_warnings())
        yield


def turn(vector: Vector, angle: float) -> None:
    """Turn a vector in the plane of x and y, right-handed [rad]."""
    x, y = vector.x(), vector.y()
    vector.set_x(x * math.cos(angle) - y * math.sin(angle))
    vector.set_y(x * math.sin(angle) + y * math.cos(angle))


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives Python's own numbers where the other gives numpy's."""

    def plain(*args: Any) -> Any:
        found = function(*args)
        return tuple(float(n) for n in found) if isinstance(found, tuple) else float(found)

    return plain


def edge_picture(geometry: Geometry, *covers: Polygon) -> tuple[Image, Image | None]:
    """Return the free beam and the beam past a convex cover, as `create_detector_flat_field_sphere` does.

    That method itself is asked for each pixel that the cover's rim crosses, as for a detector of that pixel alone. Of
    the others all or nothing is covered, and the free beam is the solid angle's closed form.

    Args:
        geometry: Source and detector.
        covers: At most one, in the detector's plane, counted from its centre [mm].
    """
    detector = geometry.detector
    counts, pitch = (detector.pixels_u, detector.pixels_v), (detector.pitch_u, detector.pitch_v)
    u, v = ((np.arange(count + 1) - count / 2) * step for count, step in zip(counts, pitch, strict=True))
    free = solid_angles(geometry, u, v)
    if not covers:
        return _image(free), None
    rim = np.array([(point.x(), point.y()) for point in covers[0].points])
    inside = within(rim, u, v)
    corners = np.stack([inside[:-1, :-1], inside[1:, :-1], inside[:-1, 1:], inside[1:, 1:]]).sum(0)
    beside = np.where(corners == 4, 0.0, free)
    crossed = (corners % 4 > 0) | holds_corner(rim, u, v)
    for row, column in np.argwhere(crossed):
        middle = (u[column] + u[column + 1]) / 2, (v[row] + v[row + 1]) / 2
        free[row, column], beside[row, column] = _one_pixel(geometry, middle, rim)
    return _image(free), _image(beside)


_plain_edge_picture = Geometry.create_detector_flat_field_sphere


def _one_pixel(
    geometry: Geometry, middle: tuple[float, float], rim: Float[np.ndarray, "corner 2"]
) -> tuple[float, float]:
    """Return the free and the uncovered share of the beam on one pixel, by the toolbox's own steps."""
    alone = copy.deepcopy(geometry)
    detector = alone.detector
    detector.center = detector.center + detector.u * middle[0] + detector.v * middle[1]
    detector.set_size(1, 1, detector.pitch_u, detector.pitch_v)
    free, beside = _plain_edge_picture(alone, Polygon(*(Vector(x, y, 0) for x, y in rim - middle)))
    return float(free.px[0, 0]), float(beside.px[0, 0])


def solid_angles(
    geometry: Geometry, u: Float[np.ndarray, " across"], v: Float[np.ndarray, " down"]
) -> Float[np.ndarray, "row col"]:
    r"""Return the solid angle of every pixel against that of a pixel under the source's foot.

    $$ \Omega(u, v) = \arctan \frac{u v}{d \sqrt{u^2 + v^2 + d^2}} $$

    is that of the rectangle from the foot to (u, v) at the distance d.

    Args:
        geometry: Source and detector.
        u: Where columns begin and end, from the detector's centre [mm].
        v: The same of rows.
    """
    detector = geometry.detector
    away = geometry.source.center - detector.center
    d = abs(away.dot(detector.w))

    def angle(u, v):
        return np.arctan(u * v / (d * np.sqrt(u**2 + v**2 + d**2)))

    corners = angle(u[None, :] - away.dot(detector.u), v[:, None] - away.dot(detector.v))
    return np.diff(np.diff(corners, axis=0), axis=1) / (4 * angle(detector.pitch_u / 2, detector.pitch_v / 2))


def within(
    rim: Float[np.ndarray, "corner 2"], u: Float[np.ndarray, " across"], v: Float[np.ndarray, " down"]
) -> Bool[np.ndarray, "down across"]:
    """Return which points of a lattice lie in a convex polygon."""
    sides = np.roll(rim, -1, axis=0) - rim
    turns = [side[0] * (v[:, None] - at[1]) - side[1] * (u - at[0]) for at, side in zip(rim, sides, strict=True)]
    return np.all(np.stack(turns) >= 0, axis=0) | np.all(np.stack(turns) <= 0, axis=0)


def holds_corner(
    rim: Float[np.ndarray, "corner 2"], u: Float[np.ndarray, " across"], v: Float[np.ndarray, " down"]
) -> Bool[np.ndarray, "row col"]:
    """Return which pixels a corner of the polygon lies in."""
    column, row = np.searchsorted(u, rim[:, 0]) - 1, np.searchsorted(v, rim[:, 1]) - 1
    seen = (column >= 0) & (column < len(u) - 1) & (row >= 0) & (row < len(v) - 1)
    held = np.zeros((len(v) - 1, len(u) - 1), bool)
    held[row[seen], column[seen]] = True
    return held


def _image(values: Float[np.ndarray, "row col"]) -> Image:
    image = Image()
    image.shape(values.shape[1], values.shape[0], 0, image.getInternalDataType())
    image.px[:] = values
    return image
