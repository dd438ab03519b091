"""The scenario files of the 2D tests, each in a folder with its meshes.

The toolbox carries nine of its scenarios; their STL files are not published, so bodies that fit the description are
written under the names that they ask for. The scenes of the step wedges are our own.
"""

import json
import math
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from tests.bench.ctsimu import shapes
from tests.bench.ctsimu.scatter import half_before_a_hard_beam
from tests.bench.ctsimu.wedges import WedgeScene, write_body, write_halves, write_scene, write_whole

DETECTORS = {"D1": None, "D2": ("CsI", 0.2), "D3": ("CsI", 0.5), "D4": ("Gd2O2S", 0.5)}
BEAMS = (("Al", 50, True), ("Al", 120, False), ("Fe", 100, True), ("Fe", 200, False))

Scenes = dict[str, Path]
"""Keyword of the toolbox -> scenario file."""


def noise(folder: Path) -> Scenes:
    """Write 2D-FB-1: a free beam with a given ratio of signal to noise."""
    return {
        f"SNR{snr}": _published(folder, f"2D-FB-1_Detektor{i}_SNR{snr}_2021-05-25v06r00dp")
        for i, snr in ((1, 100), (2, 250))
    }


def free_beam(folder: Path) -> Scenes:
    """Write 2D-FB-2: a free beam on a wide detector close to the source."""
    return {"": _published(folder, "2D-FB-2_2021-03-24v06r00dp")}


def hole_sheet(folder: Path) -> Scenes:
    """Write 2D-HS-1: a foil with ten holes whose file, and the detector, are turned about all axes.

    The foil is made as the picture asks for it, square to the line from the source to the middle of the detector, and
    then turned back by the turns that the scenario gives to the sample.
    """
    path = _published(folder, "2D-HS-1_2021-03-24v02r00dp", rays_per_pixel=2)
    told = json.loads(path.read_text())
    near, far = 10.0, 10.01  # the stage stands 10.005 mm from the source
    scale = near / 400.0
    places = [(-160, -140, 0.5), *((y, z, 0.25) for z in (205, 0, -205) for y in (205, 0, -205))]
    foil = shapes.hole_foil(tuple((y * scale, z * scale, radius) for y, z, radius in places), 7.0, near, far)
    detector = turned(told["geometry"]["detector"]["deviations"], {"u": (0, -1, 0), "v": (0, 0, -1), "w": (1, 0, 0)})
    sample = turned(told["samples"][0]["position"]["deviations"], {"r": (1, 0, 0), "s": (0, 1, 0), "t": (0, 0, 1)})
    body = foil.translate((-(near + far) / 2, 0, 0)).transform(np.column_stack([sample.T @ detector, np.zeros(3)]))
    write_body(body, folder / "Folie_2020-11-16-v02r02fbomlgom.stl")
    return {"": path}


def duplex(folder: Path) -> Scenes:
    """Write 2D-DW-1: a duplex wire gauge before detectors of two sharpnesses."""
    # the profile's middle, 126 pixels of 0.05 mm right of the detector's and 4 above it, at the stage
    middle = (-6.3 * 0.9986, 0.2 * 0.9986)
    write_body(shapes.duplex_wires(3.0, middle), folder / "2020-04-09_DuplexWire-v01r00fbo.stl")
    return {
        f"SR{micron}": _published(folder, f"2D-DW-1_Detektor{i}_2021-05-26v01r01dp", rays_per_pixel=4)
        for i, micron in ((1, 75), (2, 150))
    }


def spots(folder: Path) -> Scenes:
    """Write 2D-WE-1: a half-space edge under two focal spots."""
    _half_space(folder)
    # with 55 points of the spot the line spread of 24 um comes out 1.3 % too wide
    settings = {"rays_per_pixel": 3, "focal_spot": {"points": 144}}
    return {f"spot{i}": _published(folder, f"2D-WE-1_Spot{i}_2021-10-13v02r04dp", **settings) for i in (1, 2)}


def coverage(folder: Path) -> Scenes:
    """Write 2D-WE-2: the same edge under a point source."""
    _half_space(folder)
    return {"": _published(folder, "2D-WE-2_2021-10-13v02r03dp", rays_per_pixel=1)}


def scintillators(folder: Path) -> Scenes:
    """Write 2D-SW-1: wedges of aluminium and iron before four detectors."""
    write_whole(folder)
    found = {}
    for detector, sheet in DETECTORS.items():
        for material, kv, mono in BEAMS:
            scene = WedgeScene(pieces=((material, f"wedge_{material}.stl"),), kv=kv, mono=mono, scintillator=sheet)
            key = f"{detector}_{material}_{kv}"
            found[key] = write_scene(folder / f"{key}.json", scene)
    return found


def filters(folder: Path) -> Scenes:
    """Write 2D-SW-2: the same wedges at 200 kV with and without 2 mm of copper."""
    write_whole(folder)
    found = {}
    for material in ("Al", "Fe"):
        for key, copper_mm in ((material, 0.0), (f"{material}Cu", 2.0)):
            scene = WedgeScene(pieces=((material, f"wedge_{material}.stl"),), kv=200, copper_mm=copper_mm)
            found[key] = write_scene(folder / f"{key}.json", scene)
    return found


def overlap(folder: Path) -> Scenes:
    """Write 2D-SW-3: two pieces of a wedge with a gap above, contact, and an overlap below that the right one takes."""
    write_halves(folder)
    found = {}
    for right in ("Al", "Ti"):
        scene = WedgeScene(pieces=(("Al", "left.stl"), (right, "right.stl")), kv=80, mono=True)
        found[f"Al_{right}"] = write_scene(folder / f"Al_{right}.json", scene)
    return found


SCENES = {
    "2D-FB-1": noise, "2D-FB-2": free_beam, "2D-HS-1": hole_sheet, "2D-DW-1": duplex, "2D-WE-1": spots,
    "2D-WE-2": coverage, "2D-SW-1": scintillators, "2D-SW-2": filters, "2D-SW-3": overlap,
    "2D-SW-4": half_before_a_hard_beam,
}  # fmt: skip


def _half_space(folder: Path) -> None:
    """Write the edge, turned by 3 deg, its bounding box as the scenario wants it: 5 mm wide, its middle at -2.36898."""
    cos, sin, fall = math.cos(math.radians(3)), math.sin(math.radians(3)), 2 * 2.36898
    # 2 mm let pass 1e-10 of 50 keV; the scenario's own plate of 0.01 mm would let pass 0.89
    body = shapes.edge(3.0, 2.0, 500.0, low_mm=5 * sin + fall * cos, left_mm=5 * cos - fall * sin)
    write_body(body, folder / "2021-10-11_Halbraumkante_v04r00.stl")


def _published(folder: Path, name: str, **settings: Any) -> Path:
    """Write a scenario that the toolbox carries, changed in nothing but the settings that each program may have."""
    values = json.loads(pkgutil.get_data("ctsimu.evaluation", f"scenarios/{name}.json"))
    if settings:
        values["simulation"] = {"ctsim": settings}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values, indent=1))
    return path


def turned(turns: list[dict[str, Any]], axes: dict[str, tuple[float, float, float]]) -> Float[np.ndarray, "3 3"]:
    """Return the matrix of turns one after the other, each about an axis that the turns before have carried along."""
    matrix = np.eye(3)
    for turn in turns:
        (name,) = [key for key, part in turn["axis"].items() if part["value"]]
        x, y, z = matrix @ np.array(axes[name], float)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        angle = math.radians(turn["amount"]["value"])
        matrix = (np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross) @ matrix
    return matrix
