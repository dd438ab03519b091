"""The heel effect: towards the anode the beam leaves through more of the target, and is weaker."""

from functools import lru_cache

import numpy as np
import spekpy
from jaxtyping import Float
from scipy.interpolate import BarycentricInterpolator

from ctsim.detector.response import response_of
from ctsim.geometry import Geometry
from ctsim.materials import mu_per_mm
from defects.messages import BadInput
from scenes.scene import ScanSpec

NODES = 7
"""Directions that the tube is computed in; up to nine tenths of the anode angle the curve is right to 1 %."""

BIN_KEV = 5.0
"""Width of the energy bins: a ratio of two directions changes by less than 2e-3 against 1 keV."""

DISTANCE_CM = 100.0


def heel_map(scan: ScanSpec, geometry: Geometry) -> Float[np.ndarray, "row col"]:
    """Return the free beam's signal in each pixel against that of an even source, 1 at the foot of the source's normal.

    The tube's axis lies along the columns, with the anode at the top. Towards it the beam is harder too; of that only
    the signal in the free beam is told. The detector is taken as it stands in the first view.

    Args:
        scan: Tube, filters and panel.
        geometry: Where the panel is.

    Raises:
        BadInput: The beam is not a tube's, or the detector reaches to where the anode shades it.
    """
    if scan.spectrum is not None:
        raise BadInput("heel: true needs a tube; leave spectrum out, or give heel: false")
    slope = _slope(geometry)
    edge = 0.9 * np.tan(np.deg2rad(scan.anode_deg))
    if -slope.min() > edge:
        raise BadInput(
            f"heel: the detector reaches {np.rad2deg(np.arctan(-slope.min())):.1f} deg towards the anode, expected at "
            f"most {np.rad2deg(np.arctan(edge)):.1f} deg for an anode of {scan.anode_deg:g} deg: give a smaller "
            "detector, a longer source_detector_mm or a larger anode_deg"
        )
    low, high = min(float(slope.min()), 0.0), max(float(slope.max()), 0.0)
    nodes = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    signals = [_signal(scan, x) for x in (0.0, *nodes)]
    return np.exp(BarycentricInterpolator(nodes, np.log(np.array(signals[1:]) / signals[0]))(slope))


def _slope(geometry: Geometry) -> Float[np.ndarray, "row col"]:
    """Return how far down each pixel lies from the foot of the source's normal, over their distance."""
    columns, rows = np.arange(geometry.columns) + 0.5, np.arange(geometry.rows) + 0.5
    ray = geometry.corner_ray_mm[0] + columns[:, None] * geometry.u_mm[0] + rows[:, None, None] * geometry.v_mm[0]
    down = geometry.v_mm[0] / np.linalg.norm(geometry.v_mm[0])
    return ray @ down / geometry.distance_mm[0]


def _signal(scan: ScanSpec, slope: float) -> float:
    """Return the signal of the free beam in a direction, as if it had come as far as straight on.

    Reference: spekpy 2 (Omar et al., Med. Phys. 47, 2020), which follows each direction through the target.
    """
    energies, photons = _emitted(scan.tube_kv, scan.tube_target, scan.anode_deg, slope)
    for name, thickness_mm in scan.filters.items():
        photons = photons * np.exp(-mu_per_mm(name, tuple(energies.tolist())) * thickness_mm)
    return float(response_of(scan.detector, energies).first.sum(0) @ photons)


@lru_cache(maxsize=256)
def _emitted(
    tube_kv: float, target: str, anode_deg: float, slope: float
) -> tuple[Float[np.ndarray, " energy"], Float[np.ndarray, " energy"]]:
    """Return energies and photons of a tube in a direction, without the inverse square of the distance."""
    x_cm = slope * DISTANCE_CM
    tube = spekpy.Spek(kvp=tube_kv, targ=target, th=anode_deg, dk=BIN_KEV, x=x_cm, z=DISTANCE_CM)
    energies, photons = tube.get_spectrum(diff=False)
    return energies, photons * (1 + slope**2)
