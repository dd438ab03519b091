"""What a photon carries with it, what it flies through, and its random numbers: what all of its walk reads and writes.

Records of arrays, because kernels take them; a desk of numbers and a row of counts, because a walk changes them.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from ctsim.detector.noise import uniform
from ctsim.kernel import kernel

FORCED_DETECTION, FORCED_INTERACTION, SURVIVAL, STRATIFIED = 1, 2, 4, 8
"""Bits of `Settings.techniques`."""

FIRST_DRAWS = 5
"""Place on the panel (two), energy, pose, depth: what `stratified` draws evenly."""

MOST_MATERIALS = 24

MOST_HELD = 64
"""Shares of one photon that are held back until those for the same pixel are added up."""

X, Y, Z, DX, DY, DZ, ENERGY, WEIGHT, FIRST_WEIGHT, PLACE, MU = range(11)
"""Of the desk, one row a photon: position, direction, keV, weight, and, from MU on, the materials' coefficients at its
energy, followed by those at the energy of what it sends to the panel."""

DRAWN, ORDER, KIND, SENT, POSE, HELD = range(6)
"""Of the counts: random numbers drawn, collisions survived, what the photon is called, shares sent to the panel,
which pose it set out from, shares held back."""

SHARES = MU + 2 * MOST_MATERIALS

DESK, COUNTS = SHARES + MOST_HELD, HELD + 1 + 2 * MOST_HELD
"""Numbers that a photon's desk and its counts have room for."""

STEPS = np.array([0.4201845346931304, 0.6119959639113566, 0.5605294225241482, 0.7721009246551643, 0.3820568296498053])
"""Of a Kronecker sequence: of some ten thousand fives tried, the one whose pairs lie most evenly in cells of a square,
for 1000 to 65 000 photons: in none do they vary by more than 0.4 of chance. (Powers of one root, the usual choice, do
so 12 times as much as chance.)"""


class World(NamedTuple):
    """What photons fly through.

    Attributes:
        shares: See `ctsim.montecarlo.matter.Matter`.
        air: The material of all that lies outside the grid; -1 for none.
        grid_low, grid_high: Corners of the grid [voxel].
        low, high: Corners of the box that photons are followed in [voxel].
        largest: Of the total coefficient over all voxels, by energy [1/voxel].
    """

    shares: UInt8[np.ndarray, "z y x material"]
    air: int
    grid_low: Float[np.ndarray, "3"]
    grid_high: Float[np.ndarray, "3"]
    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    largest: Float32[np.ndarray, " energy"]


class Beam(NamedTuple):
    """What the source sends out in one view, and where the panel stands.

    Attributes:
        frames: By pose, the source, the ray to the panel's corner, u and v [voxel].
        planes: By pose, the projection matrix [row-wise].
        distances: By pose, from the source to the panel's plane [voxel].
        normals: By pose, the panel's unit normal and the area of a pixel [voxel^2].
        window: First and last column and row that photons are sent to, and the window's area in pixels.
        strength: Of the beam over the panel against falloff alone (the heel).
        rows, columns: Of the panel.
        free: The free beam's signal at each pixel, in units of that at the foot of the source's normal.
        energies: Of the spectrum's bins [keV].
        places: Of these energies on the tables' axis.
        up_to: Share of the photons up to each of them.
        guide: The first bin that u may lie in, for equal steps of u from 0 to 1.
    """

    frames: Float[np.ndarray, "pose 12"]
    planes: Float[np.ndarray, "pose 12"]
    distances: Float[np.ndarray, " pose"]
    normals: Float[np.ndarray, "pose 4"]
    window: Float[np.ndarray, "5"]
    strength: Float[np.ndarray, "row col"]
    rows: int
    columns: int
    free: Float[np.ndarray, " pixel"]
    energies: Float[np.ndarray, " bin"]
    places: Float[np.ndarray, " bin"]
    up_to: Float[np.ndarray, " bin"]
    guide: Int32[np.ndarray, " step"]


class Settings(NamedTuple):
    """How a photon is followed.

    Attributes:
        techniques: Bits, FORCED_DETECTION and so on.
        points, later_points: Of the panel that a photon's first collision sends its share to, and each later one.
        signal: By band, the mean signal and its mean square by energy, of which the free beam has 1 on the mean.
        stride: From one of these pixels to the next.
        scale, square_scale: What one unit of signal, and of its square, is in whole numbers.
        energy_scale: What a keV left in a voxel is in whole numbers.
        grid: Strip, gap and height of an anti-scatter grid [mm], and the panel's axis it stands across; empty for none.
        strips: Coefficients of strips and gaps [1/mm] by energy, and what a straight photon passes with.
        near: Collisions closer to the panel send a photon instead of shares; as a share of its distance to the source.
    """

    techniques: int
    points: int
    later_points: int
    stride: int
    signal: Float32[np.ndarray, "band 2 energy"]
    scale: float
    square_scale: float
    energy_scale: float
    grid: Float[np.ndarray, " number"]
    strips: Float[np.ndarray, "energy 3"]
    near: float


@kernel(forceinline=True)
def draw(own, counts):
    """Return a photon's next random number."""
    counts[DRAWN] += 1
    return uniform(own, counts[DRAWN])


@kernel(forceinline=True)
def first_draw(techniques, number, key, own, which):
    """Return one of a photon's first draws."""
    if techniques & STRATIFIED:
        u = uniform(key, 1 + which) + ((number + 1) * STEPS[which]) % 1.0
        return min(max(u - math.floor(u), 1e-16), 1 - 1e-16)
    return uniform(own, which)
