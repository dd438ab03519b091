"""What arrives at the panel, as closely as the scan asks for: the primary beam, and what matter scatters."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from ctsim.arrays import Array, module_of, to_card
from ctsim.detector.response import response_of
from ctsim.gate.arrivals import arrivals as gate_arrivals
from ctsim.gate.data import require as require_gate
from ctsim.montecarlo.arrivals import Arrivals
from ctsim.montecarlo.follow import follow
from ctsim.montecarlo.matter import matter_of
from ctsim.montecarlo.scatter import scatter_of
from ctsim.montecarlo.transport import check_materials
from ctsim.scanner import Scanner
from defects.messages import BadInput
from scenes.build import Specimen
from scenes.detector import AntiScatterGridSpec
from scenes.fidelity import Fidelity, GateSpec

PHOTONS, VOXELS = 1_000_000, 192
"""Of a view, and along the longest side of the matter, where a scan with `fidelity: monte-carlo` leaves them out."""

Readings = Iterator[tuple[slice, Float[Array, "band view row col"], Float[Array, "band view row col"]]]
"""Views, and the mean and variance of what their pixels read, as `ctsim.transmit.readings` yields them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """What the pixels of some views read, in units of the free beam at the same pixel; the arrays are used again.

    Attributes:
        views: Which.
        mean: Expected.
        variance: Of that, for one photon arriving in the free beam.
        scatter: What of the mean is scattered; None where that is left out.
        arrivals: All kinds apart, where photons were followed.
    """

    views: slice
    mean: Float[Array, "band view row col"]
    variance: Float[Array, "band view row col"]
    scatter: Float[Array, "band view row col"] | None = None
    arrivals: Arrivals | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """Of all views.

    Attributes:
        of_views: Yields them, a few at a time.
        scatter_error: Expected relative error of the scatter, RMS; None where it is not smoothed, or left out.
    """

    of_views: Iterator[Signal]
    scatter_error: float | None = None


def check_fidelity(
    fidelity: Fidelity, gate_spec: GateSpec, materials: Sequence[str], strips: AntiScatterGridSpec | None
) -> None:
    """Raise BadInput where a scan cannot be simulated so closely here; nothing is started.

    Args:
        fidelity: How closely.
        gate_spec: Settings of gate.
        materials: All that may stand on the stage.
        strips: Before the panel.
    """
    if fidelity in ("hybrid", "monte-carlo"):
        check_materials(tuple(materials))
    if fidelity == "gate":
        if strips is not None:
            raise BadInput("fidelity gate knows no anti_scatter_grid: leave it out, or choose fidelity: monte-carlo")
        require_gate(gate_spec, materials)


def signals(
    primary: Readings, specimen: Callable[[int], Specimen], moves: bool, scanner: Scanner, key: np.uint64
) -> Signals:
    """Return what arrives.

    Args:
        primary: What the primary beam reads; not looked at where photons are followed.
        specimen: What stands on the stage in a view.
        moves: Whether that differs from view to view.
        scanner: What looks at it.
        key: Of the photons that are followed.

    Raises:
        BadInput: A material has no tables, or the specimen stands where it cannot.
    """
    if scanner.fidelity == "hybrid":
        return _hybrid(primary, specimen, moves, scanner, key)
    if scanner.fidelity == "monte-carlo":
        return Signals(of_views=_followed(specimen, moves, scanner, key))
    if scanner.fidelity == "gate":
        return Signals(of_views=_by_gate(specimen, scanner, key))
    return Signals(of_views=(Signal(views=views, mean=mean, variance=variance) for views, mean, variance in primary))


def _hybrid(
    primary: Readings, specimen: Callable[[int], Specimen], moves: bool, scanner: Scanner, key: np.uint64
) -> Signals:
    scatter = scatter_of(specimen, moves, scanner, key)

    def views() -> Iterator[Signal]:
        for some, mean, variance in primary:
            added = scatter.of_views(some)
            if module_of(mean) is not np:
                added = to_card(added)
            for band, second in enumerate(scatter.second):
                mean[band] += added[band]
                variance[band] += np.float32(second) * added[band]
            yield Signal(views=some, mean=mean, variance=variance, scatter=added)

    return Signals(of_views=views(), scatter_error=scatter.error)


def _followed(specimen: Callable[[int], Specimen], moves: bool, scanner: Scanner, key: np.uint64) -> Iterator[Signal]:
    spec, matter = scanner.monte_carlo, None
    for view in range(scanner.exposure.views):
        if matter is None or moves:
            matter = matter_of(specimen(view), spec.voxels or VOXELS, air=spec.air)
        photons, techniques = spec.photons or PHOTONS, spec.techniques or ()
        arrivals = follow(scanner, scanner.exposure, matter, [view], key, photons=photons, techniques=techniques)
        yield _apart(arrivals, slice(view, view + 1))


def _by_gate(specimen: Callable[[int], Specimen], scanner: Scanner, key: np.uint64) -> Iterator[Signal]:
    for view in range(scanner.exposure.views):
        respond = partial(response_of, scanner.panel)
        arrivals = gate_arrivals(specimen(view), scanner, scanner.gate, [view], response=respond, seed=int(key))
        yield _apart(arrivals, slice(view, view + 1))


def _apart(arrivals: Arrivals, views: slice) -> Signal:
    return Signal(
        views=views,
        mean=arrivals.mean.sum(0).astype(np.float32),
        variance=arrivals.variance.sum(0).astype(np.float32),
        scatter=arrivals.scatter.astype(np.float32),
        arrivals=arrivals,
    )


def moved(specimen: Specimen, places: Float[np.ndarray, "solid 3 4"]) -> Specimen:
    """Return a specimen with its solids where they stand: each a rotation and a shift [mm]."""
    solids = [
        replace(solid, surface=solid.surface.transform(place))
        for solid, place in zip(specimen.solids, places, strict=True)
    ]
    return replace(specimen, solids=tuple(solids))
