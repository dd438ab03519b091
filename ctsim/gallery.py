"""A picture and a row of every kind of defect: `python -m ctsim.gallery FOLDER` writes its README.md and pictures.

Each picture shows a flaw from above at a slant, as a radiograph of a block of aluminium sees it, and in a slice.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from manifold3d import Manifold
from PIL import Image, ImageDraw

from ctsim.backends.mesh import path_lengths
from ctsim.geometry import Grid, circular
from ctsim.materials import mu_per_mm
from ctsim.radiograph import triangles_of
from ctsim.truth import occupancy
from defects import kinds
from defects.kind import Changed, Kind
from defects.severity import LEVELS, NEVER, SHORT_MM, TABLE, Rule
from defects.shapes import rotation
from scenes.build import Solid, Specimen
from scenes.library.catalog import make_part
from scenes.seeds import stream

TILE = 200
"""Side of one of a picture's three squares [pixel]."""

FINE = 4
"""Times as fine as it is shown a solid is drawn."""

SHARE = 0.72
"""Of a square's side that a flaw takes."""

SLANT = (0.8, 0.45, 0.15, 0.35)
"""How a solid is turned to be seen from above at a slant, as a quaternion (w, x, y, z)."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "gas_pore": {"diameter_mm": 2.0, "elongation": 1.6},
    "pore_cluster": {"pores": 40, "diameter_mm": 0.6, "spread_mm": 2.0},
    "shrinkage_cavity": {"diameter_mm": 3.0},
    "shrinkage_sponge": {"diameter_mm": 6.0, "cell_mm": 0.8},
    "cold_shut": {"length_mm": 8.0, "depth_mm": 3.0, "opening_mm": 0.2},
    "hot_tear": {"length_mm": 8.0, "opening_mm": 0.4},
    "crack": {"length_mm": 10.0, "opening_mm": 0.3, "kinks": 2, "branches": 2},
    "inclusion_dense": {"diameter_mm": 2.0},
    "inclusion_light": {"diameter_mm": 2.0},
    "lack_of_fusion": {"length_mm": 1.2, "width_mm": 0.8, "height_mm": 0.15},
    "keyhole_pore": {"depth_mm": 0.4, "width_mm": 0.15},
    "trapped_powder": {"length_mm": 2.0, "width_mm": 1.0, "grain_mm": 0.3, "material": "AlSi10Mg"},
    "delamination": {"diameter_mm": 10.0, "opening_mm": 0.2, "curvature_per_m": 40.0},
    "incomplete_penetration": {"length_mm": 12.0, "height_mm": 2.0},
    "undercut": {"length_mm": 10.0, "width_mm": 1.5, "depth_mm": 0.6},
    "missing_material": {"size_mm": 5.0},
    "wall_thinning": {"diameter_mm": 10.0, "depth_mm": 1.0},
    "wrong_component": {"material": "steel", "scale": 0.9},
    "warp": {"amplitude_mm": 4.0},
}
"""Parameters of the flaws that are shown, where a kind has no default for them."""

ASSEMBLY = "connector"
"""The library's part that shows what changes a whole part."""


def picture(kind: Kind) -> UInt8[np.ndarray, "row col 3"]:
    """Return the picture of a kind: three squares side by side."""
    flaw, host = example(kind)
    sizes = np.array((host if kind.whole_part else flaw).bounding_box())
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
    """Return the solid lit from the upper left, seen along y after the slant; faces from far to near."""
    vertices, faces = Solid(surface=solid, material="", label="").mesh()
    corners = (vertices @ rotation(SLANT).T)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = np.array([-0.5, -0.7, 0.5]) / np.linalg.norm([-0.5, -0.7, 0.5])
    grey = (60 + 190 * np.clip(normals @ light, 0, 1)).astype(int)
    side = FINE * TILE
    places = (corners[:, :, [0, 2]] * [1, -1] / reach_mm + 0.5) * side  # z points up
    image = Image.new("L", (side, side), 24)
    draw = ImageDraw.Draw(image)
    for face in np.argsort(-corners[:, :, 1].mean(axis=1)):
        if normals[face, 1] < 0:
            draw.polygon([tuple(corner) for corner in places[face]], fill=int(grey[face]))
    return np.asarray(image.resize((TILE, TILE), Image.Resampling.LANCZOS))


def _radiograph(flaw: Manifold, host: Manifold, reach_mm: float) -> UInt8[np.ndarray, "row col"]:
    """Return what is left of 100 keV behind the block, stretched over what the flaw changes, seen along y."""
    far = 40 * reach_mm
    geometry = circular(
        source_object_mm=far, source_detector_mm=1.02 * far, rows=TILE, columns=TILE,
        pixel_mm=1.02 * reach_mm / TILE, angles_deg=np.array([90.0]),
    )  # fmt: skip
    triangles, _ = triangles_of(Specimen(solids=(Solid(surface=host, material="Al", label="Al"),)))
    _, lengths = next(iter(path_lengths(triangles, geometry, 1)))
    left = np.exp(-mu_per_mm("Al", (100.0,))[0] * lengths[0, 0])
    behind = left[left < 0.999]  # not the air above a surface
    low, high = behind.min(), np.percentile(behind, 99.8)
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
        "Every kind that `defects:` of a dataset may name. Left: the flaw itself; middle: a radiograph of a block that",
        "holds it, or of the part; right: a slice. Numbers may be draws. `make gallery` writes this page.", "",
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
    return "\n".join([*lines, *severities()])


def severities() -> list[str]:
    """Return the lines of the README that tell what severities there are."""
    rows = [
        f"| {rule.kind} | {rule.number} | {_span(rule)} | `{rule.parameter}` | {' | '.join(_limits(rule))} |"
        for rule in TABLE
    ]
    rows += [f"| {kind} | {number} | 0.5 or more | | {' | '.join(['none'] * 3)} |" for kind, number in NEVER.items()]
    head = f"| kind | ISO 6520-1 | t in mm | parameter | {' | '.join(LEVELS)} |"
    return [WHAT_A_SEVERITY_IS, head, "|---|---|---|---|---|---|---|", *rows, WHAT_IT_COVERS]


WHAT_A_SEVERITY_IS = """\
## Severity

```yaml
  - {kind: undercut, length_mm: 20, width_mm: 1, severity: {level: C, thickness_mm: 8}}   # C permits it, B does not
```

A severity stands for the parameter that ISO 5817:2014, Table 1, limits in a weld of that thickness t. It is then drawn
from what the next better level permits to what this one does, or from a fifth of the limit where no better one permits
any. `level: rejected` goes on from D to half as much again.
"""

WHAT_IT_COVERS = f"""
* ISO 5817 is for fusion welds of steel, nickel, titanium and their alloys. Used here: the size of one flaw in a butt
  weld as thick as its plate; (s) a short one, of at most {SHORT_MM:g} mm; pores and inclusions are balls inside it, and
  no copper. Not used: what several flaws add up to, clusters and lines of pores, fillet and partly penetrated welds,
  transitions, fatigue. Each flaw obeys its level, and the weld may not.
* ISO 10042, for aluminium, has other numbers, and nothing here follows it.
* Reference radiographs, such as ASTM E155, E446, E505 and E2422, are pictures: no size follows from them.
"""


def _span(rule: Rule) -> str:
    low, high = rule.thickness_mm
    if high < np.inf:
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if rule is next(r for r in TABLE if r.kind == rule.kind) else f"above {low:g}"


def _limits(rule: Rule) -> list[str]:
    """Return what each level permits, in words."""
    told = []
    for level, share, most in zip(LEVELS, rule.share, rule.most_mm, strict=True):
        cap = f", {most:g} mm" if most < np.inf else ""
        told.append(f"{share:g} t{cap}{' (s)' if level in rule.short else ''}" if share else "none")
    return told


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
