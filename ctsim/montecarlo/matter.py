"""The voxels of matter that photons are followed through: what share of each is made of what."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from ctsim.geometry import Grid
from ctsim.truth import occupancy
from defects.messages import BadInput
from scenes.build import Solid, Specimen

FULL = 255
"""Share of a voxel that is all one material."""

AIR = "air"


@dataclass(frozen=True, kw_only=True, eq=False)
class Matter:
    """A box of cubic voxels about a specimen.

    Attributes:
        shares: Of each voxel, made of each material, in 255ths.
        materials: Their names; where air fills the rest of the world, it is the last.
        corner_mm: The outer corner (x, y, z) of voxel (0, 0, 0), in the stage's frame.
        voxel_mm: Side of the voxels.
        has_air: Whether air fills what no solid does, inside the box and outside.
    """

    shares: UInt8[np.ndarray, "z y x material"]
    materials: tuple[str, ...]
    corner_mm: Float[np.ndarray, "3"]
    voxel_mm: float
    has_air: bool

    @property
    def corners_mm(self) -> Float[np.ndarray, "8 4"]:
        """The box's corners, each with a 1 behind it, as projection matrices take points."""
        ends = np.stack([self.corner_mm, self.corner_mm + np.array(self.shares.shape[2::-1]) * self.voxel_mm])
        return np.array([[*corner, 1.0] for corner in itertools.product(*ends.T)])


def matter_of(specimen: Specimen, voxels: int, *, air: bool = False) -> Matter:
    """Return the voxels of a specimen's matter, exact for its facets but for rounding to 255ths.

    Args:
        specimen: Disjoint solids.
        voxels: Along the longest side of the box that holds them.
        air: Whether air fills the rest of the world.

    Raises:
        BadInput: There is no matter.
    """
    solids = specimen.matter
    if not solids:
        raise BadInput("there is nothing to scan: the defects have taken all of the part")
    bounds = np.array([solid.surface.bounding_box() for solid in solids])
    low, high = bounds[:, :3].min(0), bounds[:, 3:].max(0)
    # a hair wider, so that no facet lies in the box's own wall
    voxel_mm = float((high - low).max()) / voxels * (1 + 1e-9)
    count = np.maximum(np.ceil((high - low) / voxel_mm), 1).astype(int)
    middle, grid = (low + high) / 2, Grid(shape=tuple(count[::-1].tolist()), voxel_mm=voxel_mm)
    names = tuple(sorted({solid.material for solid in solids}))
    filled = np.zeros((len(names), *grid.shape), np.float32)
    for solid in solids:
        moved = Solid(
            surface=solid.surface.translate(tuple((-middle).tolist())), material=solid.material, label=solid.label
        )
        box, share = occupancy(moved, grid)
        filled[names.index(solid.material)][box] += share
    shares = _in_steps(filled)
    if air:
        rest = FULL - shares.sum(0, dtype=np.uint16)
        where = names.index(AIR) if AIR in names else len(names)
        if where == len(names):
            names, shares = (*names, AIR), np.concatenate([shares, np.zeros((1, *grid.shape), np.uint8)])
        shares[where] += rest.astype(np.uint8)
        order = [m for m in range(len(names)) if m != where] + [where]
        names, shares = tuple(names[m] for m in order), shares[order]
    return Matter(
        shares=np.ascontiguousarray(np.moveaxis(shares, 0, -1)),
        materials=names,
        corner_mm=middle - np.array(grid.shape[::-1]) * voxel_mm / 2,
        voxel_mm=voxel_mm,
        has_air=air,
    )


def _in_steps(filled: Float[np.ndarray, "material z y x"]) -> UInt8[np.ndarray, "material z y x"]:
    """Return shares in 255ths that add up to 255 at most: sums are rounded, so that no voxel holds too much."""
    steps = np.zeros((len(filled) + 1, *filled.shape[1:]), np.int16)
    np.cumsum(filled, axis=0, out=filled)
    steps[1:] = np.round(np.clip(filled, 0, 1) * FULL)
    return np.maximum(np.diff(steps, axis=0), 0).astype(np.uint8)
