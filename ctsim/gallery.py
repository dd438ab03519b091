"""A picture and a row of every kind of defect: `python -m ctsim.gallery FOLDER` writes its README.md and pictures.

Each picture shows a flaw from above at a slant, as a radiograph of a block of aluminium sees it, and in a slice.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from manifold3d import Manifold
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from ctsim.backends.mesh import path_lengths
from ctsim.geometry import Grid, circular
from ctsim.materials import mu_per_mm
from ctsim.radiograph import triangles_of
from ctsim.truth import occupancy
from defects import kinds
from defects.kind import Changed, Kind
from defects.shapes import rotation
from scenes.build import Solid, Specimen
from scenes.library.catalog import make_part
from scenes.seeds import stream

TILE = 200
"""Side of one of a picture's three squares [pixel]."""

SHARE = 0.72
"""Of a square's side that a flaw takes."""

SLANT = (0.8, 0.45, 0.15, 0.35)
"""How a solid is turned to be seen from above at a slant, as a quaternion (w, x, y, z)."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "gas_pore": {"diameter_mm": 2.0, "elongation": 1.6},
    "crack": {"length_mm": 10.0, "opening_mm": 0.3},
    "inclusion": {"diameter_mm": 2.0, "material": "W"},
}
"""Parameters of the flaws that are shown, where a kind has no default for them."""

ASSEMBLY = "connector"
"""The library's part that shows what changes a whole part."""


def picture(kind: Kind) -> UInt8[np.ndarray, "row col 3"]:
    """Return the picture of a kind: three squares side by side."""
    flaw, host = example(kind)
    sizes = np.array(flaw.bounding_box())
    middle, reach = (sizes[:3] + sizes[3:]) / 2, float(np.max(sizes[3:] - sizes[:3])) / SHARE
    flaw, host = (solid.translate(tuple(-middle)) for solid in (flaw, host))
    squares = [_shaded(flaw, reach), _radiograph(flaw, host, reach), _slice(flaw, host, reach)]
    return np.repeat(np.concatenate(squares, axis=1)[:, :, None], 3, axis=2)


def example(kind: Kind) -> tuple[Manifold, Manifold]:
    """Return the solid of a flaw, the same every time, and what it sits in, with the flaw cut out of it [mm]."""
    rng, parameters = stream(0, 1, "gallery"), EXAMPLES.get(kind.name, {})
    if kind.whole_part:
        bodies = {body.name: body.solid for body in make_part(ASSEMBLY, {})}
        changed: Changed = kind.sample(rng, bodies=tuple(bodies), **parameters).changed(bodies)
        whole = Manifold.compose(list(changed.solids.values()))
        return changed.region or whole, whole
    flaw = kind.sample(rng, **parameters).solid()
    box = np.array(flaw.bounding_box())
    middle, reach = (box[:3] + box[3:]) / 2, (box[3:] - box[:3]).max() / SHARE
    low, high = middle - reach, middle + reach  # it goes on beyond the picture, but for a surface
    if kind.at_surface:
        high[2] = 0.0
    block = Manifold.cube(tuple(high - low)).translate(tuple(low))
    return flaw, block - flaw


def _shaded(solid: Manifold, reach_mm: float) -> UInt8[np.ndarray, "row col"]:
    """Return the solid lit from the upper left, seen along y after the slant."""
    turned = solid.transform(np.column_stack([rotation(SLANT), np.zeros(3)]))
    grid = Grid(shape=(TILE,) * 3, voxel_mm=reach_mm / TILE)
    share = np.zeros(grid.shape, np.float32)
    box, part = occupancy(Solid(surface=turned, material="", label=""), grid)
    share[box] = part
    soft = gaussian_filter(share, 1.0)
    solid_there = share > 0.5 if (share > 0.5).any() else share > 0.5 * share.max()
    seen, first = solid_there.any(axis=1), solid_there.argmax(axis=1)
    rows, columns = np.nonzero(seen)
    places = np.stack([rows, first[rows, columns], columns])
    slope = np.stack([map_coordinates(g, places, order=1) for g in np.gradient(soft)])
    normal = -slope / np.maximum(np.linalg.norm(slope, axis=0), 1e-9)
    light = np.array([0.6, -0.7, -0.4]) / np.linalg.norm([0.6, -0.7, -0.4])
    image = np.full((TILE, TILE), 24, np.uint8)
    image[rows, columns] = (60 + 190 * np.clip(light @ normal, 0, 1)).astype(np.uint8)
    return image[::-1]  # z points up


def _radiograph(flaw: Manifold, host: Manifold, reach_mm: float) -> UInt8[np.ndarray, "row col"]:
    """Return what is left of 100 keV behind the block, stretched over what the flaw changes, seen along y."""
    far = 40 * reach_mm
    geometry = circular(
        source_object_mm=far, source_detector_mm=1.02 * far, rows=TILE, columns=TILE,
        pixel_mm=1.02 * reach_mm / TILE, angles_deg=np.array([90.0]),
    )  # fmt: skip
    triangles, _ = triangles_of(Specimen(solids=(Solid(surface=host, material="Al", label="Al"),), host=host))
    _, lengths = next(iter(path_lengths(triangles, geometry, 1)))
    left = np.exp(-mu_per_mm("Al", (100.0,))[0] * lengths[0, 0])
    low, high = left.min(), np.percentile(left, 99.8)
    return (255 * np.clip((left - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)


def _slice(flaw: Manifold, host: Manifold, reach_mm: float) -> UInt8[np.ndarray, "row col"]:
    """Return shares of voxels in the plane y = 0 through the block: matter bright, the flaw dark."""
    voxel_mm = reach_mm / TILE
    grid = Grid(shape=(TILE, 1, TILE), voxel_mm=voxel_mm)
    slab = Manifold.cube((2 * reach_mm, voxel_mm, 2 * reach_mm), True)
    image: Float[np.ndarray, "row col"] = np.full((TILE, TILE), 24.0)
    piece = host ^ slab
    if not piece.is_empty():
        box, part = occupancy(Solid(surface=piece, material="", label=""), grid)
        image[box[0], box[2]] += 190 * part[:, 0]
    return image[::-1].astype(np.uint8)


def table() -> str:
    """Return the README of the defects: every kind with its parameters, what names it, and its picture."""
    lines = [
        "# Defects", "",
        "Every kind that `defects:` of a dataset may name. Left: the flaw itself; middle: a radiograph of a block that holds",
        "it; right: a slice. Numbers may be draws. `make gallery` writes this page.", "",
    ]  # fmt: skip
    for family in dict.fromkeys(kind.family for kind in kinds.KINDS.values()):
        lines += [f"## {TITLES[family]}", ""]
        for kind in (k for k in kinds.KINDS.values() if k.family == family):
            lines += [f"### {kind.name}", "", f"![{kind.name}](gallery/{kind.name}.png)", "", f"{kind.reference}.", ""]
            lines += ["| parameter | what it is | default |", "|---|---|---|"]
            for name, parameter in kind.parameters.items():
                default = "must be given" if parameter.default is None else f"{parameter.default}"
                lines.append(f"| `{name}` | {parameter.help} | {default} |")
            lines.append("")
    return "\n".join(lines)


TITLES = {
    "casting": "Castings", "any": "Any part", "additive": "Additive manufacturing", "weld": "Welds",
    "composite": "Composites", "part": "The whole part",
}  # fmt: skip


def main() -> None:
    """Write the README and the pictures into the folder that is named."""
    folder = Path(sys.argv[1])
    (folder / "gallery").mkdir(exist_ok=True)
    for kind in kinds.KINDS.values():
        Image.fromarray(picture(kind)).save(folder / "gallery" / f"{kind.name}.png")
    (folder / "README.md").write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
