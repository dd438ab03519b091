"""AAPM TG-195, case 2: radiography and tomosynthesis of a slab of soft tissue, as numbers.

The slab's middle is the origin. The report's axes (x, y, z) are ours (y, z, x): its beam along z runs along x here.
The field is the panel: photons go out evenly over the solid angle of a square of 390 mm at the slab's far side and
50 mm on, from wherever the source is. For 15 deg the source moves to z = -482.3 mm and the square stays.

All figures are energies left per photon sent out into that field, whether it meets the slab or not: the air on the
way is part of it. Air fills the report's room, and 1.55 m of it take 3.6 % of 56.4 keV before the slab. Photons
followed one by one through this slab, their angles drawn from `references`, leave 34 216 +- 31 eV of 33 171 without
air, 3.1 % too much, and 33 017 +- 35 where air takes but does not scatter, 0.5 % too little; at 15 deg 31 937 +- 38
and 30 697 +- 30 of 30 884. So a comparison to 1 % needs the air.

Electrons leave their energy where they are set free. No lines: the tissue's are below 4 keV.

References: Sechopoulos et al., Monte Carlo reference data sets for imaging research: Executive summary of the report of
AAPM Research Committee Task Group 195, Med. Phys. 42 (2015) 5679; figures by `shared/data/validation/tg195`.
"""

import csv

import numpy as np
from jaxtyping import Float

from ctsim.geometry import Geometry, Grid
from ctsim.spectrum import Spectrum
from tests.shared_data import SHARED

TISSUE = "H:0.105+C:0.256+N:0.027+O:0.602+Na:0.001+P:0.002+S:0.003+Cl:0.002+K:0.002@1.03"
"""ICRU's soft tissue, by mass: the report's atomic percent (H 62.954, C 12.908, N 1.167, O 22.784, Na 0.026, P 0.039,
S 0.057, Cl 0.034, K 0.031) to 2e-5."""

ATOMIC_PERCENT = {
    "H": 62.954, "C": 12.908, "N": 1.167, "O": 22.784, "Na": 0.026, "P": 0.039, "S": 0.057, "Cl": 0.034, "K": 0.031,
}  # fmt: skip

SLAB_MM = (200.0, 390.0, 390.0)
"""Sides of the slab along x, y and z."""

SOURCE_MM, PANEL_MM, FIELD_MM = -1650.0, 150.0, 390.0
"""Where source and field stand along the beam; the field's side."""

ASIDE_MM = {0: 0.0, 15: -482.3}
"""Where the source stands along z, by the angle [deg]."""

CUBE_MM = 30.0
CUBES_MM = {
    "voi1": (0, 0, -150), "voi2": (0, -150, 0), "voi3": (0, 0, 0), "voi4": (0, 150, 0), "voi5": (0, 0, 150),
    "voi6": (-60, 0, 0), "voi7": (-30, 0, 0), "voi8": (30, 0, 0), "voi9": (60, 0, 0),
}  # fmt: skip
"""Middles of the cubes that energy is scored in."""

GRID = Grid(shape=(78, 78, 40), voxel_mm=5.0)
"""Voxels that fill the slab and whose sides are those of the cubes."""

BEAMS = ("56p4keV", "120kV")
LIMIT = {"slab_total": 0.01, "voi": 0.03}
"""How far one code may be off: the slab, and a cube beside its statistics."""


def geometry(angle_deg: int, pixels: int = 3) -> Geometry:
    """Return source and field of one of the two angles, the field as a panel of so many pixels squared."""
    side = FIELD_MM / pixels
    return Geometry(
        source_mm=np.array([[SOURCE_MM, 0.0, ASIDE_MM[angle_deg]]]), centre_mm=np.array([[PANEL_MM, 0.0, 0.0]]),
        u_mm=np.array([[0.0, -side, 0.0]]), v_mm=np.array([[0.0, 0.0, -side]]), rows=pixels, columns=pixels,
    )  # fmt: skip


def spectrum(beam: str) -> Spectrum:
    """Return one of the beams; the tube's is a file, whose energies are lower ends of bins of 0.5 keV."""
    if beam == "56p4keV":
        return Spectrum(energies_kev=np.array([56.4]), photons=np.ones(1))
    table = np.loadtxt(SHARED / "validation" / "tg195" / "spectrum_120kV.csv", delimiter=",", skiprows=2)
    return Spectrum(energies_kev=table[:, 0] + 0.25, photons=table[:, 1])


def absorbed_ev(beam: str, angle_deg: int) -> dict[str, float]:
    """Return the energy left in the slab and in each cube per photon sent out, the mean of the report's codes [eV]."""
    lines = (SHARED / "validation" / "tg195" / "case2_energy.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["region"]: float(row[f"{beam}_{angle_deg}deg"]) for row in rows}


def in_regions(deposits: Float[np.ndarray, "z y x"], grid: Grid = GRID) -> dict[str, float]:
    """Return the sums of a volume of energies over the slab and over each cube, in the volume's unit."""
    axes = [grid.centres_mm(axis) for axis in range(3)]
    slab = [np.abs(at) < side / 2 for at, side in zip(axes, SLAB_MM[::-1], strict=True)]
    found = {"slab_total": float(deposits[np.ix_(*slab)].sum())}
    for name, middle in CUBES_MM.items():
        cube = [np.abs(at - centre) < CUBE_MM / 2 for at, centre in zip(axes, middle[::-1], strict=True)]
        found[name] = float(deposits[np.ix_(*cube)].sum())
    return found
