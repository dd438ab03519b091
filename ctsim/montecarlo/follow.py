"""The photons of a scanner, followed as its settings say."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from ctsim.detector.response import response_of
from ctsim.exposure import Exposure
from ctsim.montecarlo.arrivals import Arrivals
from ctsim.montecarlo.matter import Matter
from ctsim.montecarlo.transport import transport
from ctsim.scanner import Scanner


def follow(
    scanner: Scanner,
    exposure: Exposure,
    matter: Matter,
    views: Sequence[int],
    key: np.uint64,
    *,
    photons: int,
    techniques: Sequence[str],
    aimed: bool = False,
) -> Arrivals:
    """Return what the photons of some views bring to the panel.

    Args:
        scanner: Whose spectrum, detector and heel they meet.
        exposure: Its own, or one with a coarser panel.
        matter: What stands in the way.
        views: Which.
        key: Of all random numbers.
        photons: Followed in each view.
        techniques: Names of those that make photons tell more.
        aimed: Whether photons are sent only where the matter is; then the primary is not told beside it.
    """
    return transport(
        matter, exposure, views, scanner.spectrum, partial(response_of, scanner.panel),
        photons=photons, key=key, techniques=techniques, aimed=aimed, fluorescence=scanner.monte_carlo.fluorescence,
        heel=scanner.heel, anti_scatter=scanner.panel.anti_scatter_grid, on_card=scanner.backend == "mesh-gpu",
    ).arrivals  # fmt: skip
