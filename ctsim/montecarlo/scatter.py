r"""Scatter for every pixel of every view, from few photons: a coarse panel in some views, smoothed and interpolated.

Scatter is smooth where the primary is not, so that neighbours tell of each other. What photons bring to the coarse
panel is fitted by a tensor product of natural cubic splines in view, row and column, with a penalty on bending along
each:

$$ \min_f \sum (y - f)^2 + \lambda_v \int f_{vv}^2 + \lambda_p \int (f_{rr}^2 + f_{cc}^2) $$

In the splines' own basis (Demmler and Reinsch, Numer. Math. 24, 1975) that is a number on each coefficient. How smooth
is chosen by Stein's unbiased estimate of the squared error (Ann. Statist. 9, 1135, 1981), for which the photons' own
deviation is known; that estimate, and what views that are left out tell of the places between them, is the error that
is told. It is right on the mean; where single photons stand out, one scan's may be half or twice the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numba import prange
from scipy.interpolate import CubicSpline

from ctsim.kernel import kernel
from ctsim.montecarlo.arrivals import Arrivals, joined
from ctsim.montecarlo.follow import follow
from ctsim.montecarlo.matter import Matter, matter_of
from ctsim.montecarlo.transport import coarse
from ctsim.scanner import Scanner
from scenes.build import Specimen
from scenes.fidelity import ALL_TECHNIQUES

PHOTONS, VOXELS = 8_000, 96
"""Of a view, and along the longest side of the matter, where the spec leaves them out."""

LEAST_VIEWS = 6
"""Fewer do not tell of each other."""

STIFFNESS = np.geomspace(1e-9, 1e1, 21)
"""Values of lambda that are tried on each axis; axes run from 0 to 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scatter:
    """Scatter of a whole scan, in units of the free beam at the same pixel.

    Attributes:
        knots: Smoothed values, by band.
        bases: Of view, row and column: at each of the scanner's, the spline through 1 at one knot and 0 at the others.
        second: By band, variance of the scattered signal for one photon arriving over that signal, in units of the free
            beam: that of the whole scan.
        error: Expected relative error, RMS over all pixels and views, by the estimate above.
        photons: Followed in all.
    """

    knots: Float32[np.ndarray, "band knot_view knot_row knot_col"]
    bases: tuple[
        Float32[np.ndarray, "view knot_view"], Float32[np.ndarray, "row knot_row"], Float32[np.ndarray, "col knot_col"]
    ]
    second: Float[np.ndarray, " band"]
    error: float
    photons: int

    def of_views(self, views: slice) -> Float32[np.ndarray, "band view row col"]:
        """Return the scatter of some views."""
        along, down, across = self.bases
        count = len(range(*views.indices(len(along))))
        out = np.zeros((len(self.knots), count, len(down), len(across)), np.float32)
        _spread(self.knots, along[views], down, np.ascontiguousarray(across.T), out)
        return out


@kernel(parallel=True, error_model="numpy", fastmath={"contract"})
def _spread(coefficients, along, down, across, out):
    """Fill in the sums of splines, no less than 0: a row of the panel at a time."""
    bands, views, rows, columns = out.shape
    _, in_view, in_row, in_column = coefficients.shape
    for line in prange(views * rows):
        view, row = line // rows, line % rows
        knots = np.zeros(in_column, np.float32)
        for band in range(bands):
            knots[:] = 0
            for i in range(in_view):
                for j in range(in_row):
                    weight = along[view, i] * down[row, j]
                    for k in range(in_column):
                        knots[k] += weight * coefficients[band, i, j, k]
            place = out[band, view, row]
            for k in range(in_column):
                knot = knots[k]
                for column in range(columns):
                    place[column] += knot * across[k, column]
            for column in range(columns):
                place[column] = max(place[column], np.float32(0))


def scatter_of(specimen_at: Callable[[int], Specimen], moves: bool, scanner: Scanner, key: np.uint64) -> Scatter:
    """Return the scatter of a scan.

    Args:
        specimen_at: What stands on the stage in a view.
        moves: Whether that differs from view to view.
        scanner: What looks at it.
        key: Of the random numbers.
    """
    middle, spec = scanner.true, scanner.monte_carlo
    views = chosen(middle.views, spec.views)
    shape = (min(spec.panel[0], middle.rows), min(spec.panel[1], middle.columns))
    arrivals = arrivals_at(specimen_at, moves, scanner, key, views=views, shape=shape)
    return fitted(arrivals, views, (middle.views, middle.rows, middle.columns))


def arrivals_at(
    specimen_at: Callable[[int], Specimen],
    moves: bool,
    scanner: Scanner,
    key: np.uint64,
    *,
    views: Sequence[int],
    shape: tuple[int, int],
) -> Arrivals:
    """Return what is scattered to a coarse panel in some views; arguments as for `scatter_of`."""
    exposure, spec = coarse(scanner.exposure, shape), scanner.monte_carlo
    techniques = ALL_TECHNIQUES if spec.techniques is None else spec.techniques

    def simulated(matter: Matter, some: Sequence[int]) -> Arrivals:
        return follow(
            scanner, exposure, matter, some, key,
            photons=spec.photons or PHOTONS, techniques=techniques, aimed=not spec.air,
        )  # fmt: skip

    def matter(view: int) -> Matter:
        return matter_of(specimen_at(view), spec.voxels or VOXELS, air=spec.air)

    if not moves:
        return simulated(matter(0), views)
    each = [simulated(matter(view), [view]) for view in views]
    return joined(each)


def chosen(views: int, wanted: int) -> list[int]:
    """Return which views are simulated: evenly from the first to the last."""
    return np.unique(np.linspace(0, views - 1, min(views, wanted)).round().astype(int)).tolist()


def fitted(arrivals: Arrivals, views: Sequence[int], shape: tuple[int, int, int]) -> Scatter:
    """Return the scatter of all pixels and views, fitted to what has arrived in some views on a coarse panel.

    Args:
        arrivals: In these views.
        views: Which they are.
        shape: Views, rows and columns of the scan.
    """
    found, variance = arrivals.scatter, (arrivals.scatter_deviation**2).mean((1, 2, 3))
    panel = [_axis(_middles(n), _middles(whole)) for n, whole in zip(found.shape[2:], shape[1:], strict=True)]
    at = np.array(views, float) / max(shape[0] - 1, 1)
    axes = [_axis(at, np.arange(shape[0]) / max(shape[0] - 1, 1)), *panel]
    fits = [_fit(values, float(noise), axes) for values, noise in zip(found, variance, strict=True)]
    squares = np.array([error**2 for _, error in fits])
    if len(views) < shape[0]:
        squares += [
            _between_views(values, float(noise), at, panel) for values, noise in zip(found, variance, strict=True)
        ]
    return Scatter(
        knots=np.stack([smooth for smooth, _ in fits]).astype(np.float32),
        bases=tuple(every.astype(np.float32) for _, _, every in axes),
        second=arrivals.variance[1].sum((1, 2, 3)) / np.maximum(found.sum((1, 2, 3)), 1e-300),
        error=float(np.sqrt(squares / np.maximum((found**2).mean((1, 2, 3)), 1e-300)).max()),
        photons=arrivals.photons * len(views),
    )


Axis = tuple[Float[np.ndarray, "knot basis"], Float[np.ndarray, " basis"], Float[np.ndarray, "place basis"]]
"""A basis of splines at the knots, how much each bends, and at all places the spline through 1 at each knot alone."""


def _fit(
    values: Float[np.ndarray, "view row col"], variance: float, axes: Sequence[Axis]
) -> tuple[Float[np.ndarray, "view row col"], float]:
    """Return values of some variance smoothed, and the error that is expected of them, RMS.

    Values, not coefficients: these depend on which of several bases a library finds.
    """
    rotated = values
    for axis, (own, _, _) in enumerate(axes):
        rotated = np.moveaxis(np.tensordot(own.T, rotated, (1, axis)), 0, axis)
    smooth, error = _shrunk(rotated, [stiff for _, stiff, _ in axes], variance)
    for axis, (own, _, _) in enumerate(axes):
        smooth = np.moveaxis(np.tensordot(own, smooth, (1, axis)), 0, axis)
    return smooth, error


def _between_views(
    values: Float[np.ndarray, "view row col"], variance: float, at: Float[np.ndarray, " view"], panel: Sequence[Axis]
) -> float:
    """Return the square of the error that is expected between views that are far from each other.

    Every second view tells how far off the others would be; with all of them it is half of that at most, as far as it
    stands out from noise.
    """
    if len(at) < LEAST_VIEWS:
        return 0.0
    axes = [_axis(at[::2], at[1::2]), *((own, stiff, np.eye(len(own))) for own, stiff, _ in panel)]
    predicted, error = _fit(values[::2], variance, axes)
    for axis, (_, _, every) in enumerate(axes):
        predicted = np.moveaxis(np.tensordot(every, predicted, (1, axis)), 0, axis)
    off = values[1::2] - predicted
    noise = variance * (1 + (2 / off.size) ** 0.5) + error**2
    return max(float((off**2).mean()) - noise, 0.0) / 4


def _middles(count: int) -> Float[np.ndarray, " place"]:
    return (np.arange(count) + 0.5) / count


def _axis(at: Float[np.ndarray, " knot"], wanted: Float[np.ndarray, " place"]) -> Axis:
    """Return the basis of the natural cubic splines with these knots, and what each knot counts at all places.

    The integral of the squared second derivative, which runs straight from knot to knot, by Simpson's rule. Beyond the
    outer knots a natural spline goes straight on.
    """
    count = len(at)
    if count < 3:  # a constant or a straight line: nothing bends
        basis = np.linalg.qr(np.stack([np.ones(count), at - at.mean()], axis=1)[:, :count])[0]
        lines = np.polynomial.polynomial.polyfit(at, np.eye(count), count - 1)
        return basis, np.zeros(count), np.polynomial.polynomial.polyval(wanted, lines).T
    spline = CubicSpline(at, np.eye(count), bc_type="natural")
    second, width = spline(at, 2), np.diff(at)[:, None, None]
    a, b = second[:-1], second[1:]
    products = [np.einsum("ki,kj->kij", one, other) for one, other in ((a, a), (b, b), (a + b, a + b))]
    stiff, basis = np.linalg.eigh((width / 6 * sum(products)).sum(0))
    inside = np.clip(wanted, at[0], at[-1])
    return basis, np.maximum(stiff, 0), spline(inside) + (wanted - inside)[:, None] * spline(inside, 1)


def _shrunk(
    rotated: Float[np.ndarray, "view row col"], stiff: list[np.ndarray], variance: float
) -> tuple[Float[np.ndarray, "view row col"], float]:
    """Return coefficients as the best choice leaves them, and the error that is expected of it, RMS."""
    power, count = rotated**2, rotated.size
    in_views, on_panel = stiff[0][:, None, None], stiff[1][:, None] + stiff[2]
    best = (np.inf, 0.0, 1.0)
    for one in STIFFNESS if stiff[0].any() else STIFFNESS[:1]:
        for other in STIFFNESS:
            kept = 1 / (1 + one * in_views + other * on_panel)
            risk = ((1 - kept) ** 2 * power).sum() + variance * (2 * kept.sum() - count)
            # no better than what noise leaves in it
            best = min(best, (max(float(risk), variance * float((kept**2).sum())), float(one), float(other)))
    risk, one, other = best
    return rotated / (1 + one * in_views + other * on_panel), (risk / count) ** 0.5
