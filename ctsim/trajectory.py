"""ScanSpec -> the geometry as it is, and the geometry that reconstruction is told."""

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry
from scenes.orbit import nominal_rows, true_rows
from scenes.scene import ScanSpec


def true_geometry(scan: ScanSpec, frames: Float[np.ndarray, " frame"]) -> Geometry:
    """Return where source and detector really are; fractions of a frame lie between two views."""
    return _on_the_panel(true_rows(scan, frames), scan)


def nominal_geometry(scan: ScanSpec) -> Geometry:
    """Return where reconstruction is told that they are, one entry a view."""
    return _on_the_panel(nominal_rows(scan), scan)


def _on_the_panel(vectors: Float[np.ndarray, "view 12"], scan: ScanSpec) -> Geometry:
    return Geometry.from_astra(vectors, rows=scan.detector.rows, columns=scan.detector.columns)
