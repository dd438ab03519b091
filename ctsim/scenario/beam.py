"""The source of a scenario, section 7 of the format, as the fields of a ScanSpec."""

from typing import Any

import numpy as np

from ctsim.materials import material
from ctsim.scenario.matter import Materials
from ctsim.scenario.units import DEG, KV, MA, MM, Units
from ctsim.scenario.values import Node, Parameter, read_table

PER_MM2 = 1e-6
"""Of a number per steradian, at 1 m: a steradian is 1e6 mm2 there."""

FAINT = 1e-9
"""Share of the photons below which a row of a spectrum is left out: nothing but time it takes."""

ANY_PHOTONS = 1e6
"""Photons per mm2 and mAs of a beam of one energy, whose number the format does not give; grey values go by imax."""


def read_beam(node: Node, materials: Materials, time: Parameter, views: int) -> dict[str, Any]:
    """Return spectrum or tube, filters, exposure and its drift.

    Args:
        node: `source`.
        materials: That filters may be of.
        time: How long a frame is exposed [s].
        views: Over which current and time drift.
    """
    node["model"].use()
    node["manufacturer"].use()
    current = node["current"].parameter(MA) or Parameter(value=1.0)
    frames = np.arange(views, dtype=float)
    charge_mas = current.at(frames, views) * time.at(frames, views)
    if not (charge_mas > 0).all():
        raise node["current"].wrong("must stay above 0, and so must detector.integration_time")
    exposure = {"exposure_mas": float(charge_mas[0])}
    if current.moves or time.moves:
        exposure["beam_drift"] = charge_mas.tolist()
    filters = materials.layers(node["filters"].items())
    window = materials.layers(node["window"].items())
    node["window"].use()  # of a spectrum from a file, which lies behind it
    spectrum = _spectrum(node["spectrum"], node["voltage"])
    if spectrum is not None:
        node["target"].use()
        return {"spectrum": spectrum, "filters": filters, **exposure}
    for name, thickness_mm in window.items():
        filters[name] = filters.get(name, 0.0) + thickness_mm
    return {**_tube(node, materials), "filters": filters, **exposure}


def is_monochromatic(node: Node) -> bool:
    """Return whether a beam is of one energy, so that the number of its photons is not known."""
    name = node["spectrum"]["file"].text()
    measured = name is not None and node.book.has(name)
    return node["spectrum"]["monochromatic"].flag(False) and not measured


def read_spot(node: Node, aligned: bool) -> dict[str, Any] | None:
    """Return shape and size of the focal spot, or None for a point.

    Args:
        node: `source.spot`.
        aligned: Whether the source's u and v lie along the detector's, as the record has them.
    """
    if node["intensity_map"]["file"].given:
        node["intensity_map"]["file"].tell("no map of the focal spot: its sigma or size is taken")
    node["intensity_map"].use()
    size = [node["size"][axis].steady(MM) or 0.0 for axis in "uvw"]
    sigma = [node["sigma"][axis].steady(MM) or 0.0 for axis in "uvw"]
    if min(size) < 0 or min(sigma) < 0:
        raise node.wrong("must not hold sizes below 0")
    if size[2] or sigma[2]:
        (node["sigma"]["w"] if sigma[2] else node["size"]["w"]).tell("the focal spot is flat: it has no depth")
    gaussian = max(sigma[:2]) > 0
    sides = sigma if gaussian else size
    if max(sides[:2]) == 0:
        return None
    if not aligned and sides[0] != sides[1]:
        node.tell("the focal spot lies along the detector's u and v, not along the source's")
    found = {"shape": "gaussian" if gaussian else "rectangle", "size_u_mm": sides[0], "size_v_mm": sides[1]}
    cuts = zip(("cut_u_mm", "cut_v_mm"), size, sigma, strict=False) if gaussian else ()
    return found | {name: whole for name, whole, s in cuts if s > 0 and whole > 0}


def _spectrum(node: Node, voltage: Node) -> tuple[tuple[float, float], ...] | None:
    """Return (keV, photons per mm2 and mAs at 1 m), or None for a tube's."""
    mono, name = node["monochromatic"].flag(False), node["file"].text()
    if name is not None and not node.book.has(name):
        node["file"].tell("there is no such file: " + ("one energy" if mono else "the tube's spectrum is computed"))
    elif name is not None:
        voltage.use()
        table = read_table(node.book.path_of(name), 2)
        kept = table[table[:, 1] > FAINT * table[:, 1].sum()]
        if not len(kept) or (table[:, 1] < 0).any():
            raise node["file"].wrong("must list photons above 0 by their energy")
        kept = kept[np.argsort(kept[:, 0])]
        return tuple((float(energy), float(photons) * PER_MM2) for energy, photons in kept)
    if not mono:
        return None
    energy_kev = _positive(voltage, KV)
    return ((energy_kev, ANY_PHOTONS),)


def _tube(node: Node, materials: Materials) -> dict[str, Any]:
    """Return the tube whose spectrum is computed."""
    target, tube = node["target"], {"tube_kv": _positive(node["voltage"], KV)}
    name = materials.named(target["material_id"])
    if name is not None:
        symbols = [symbol for symbol, share in material(name).mass_fractions if share > 0.5]
        tube["tube_target"] = symbols[0] if symbols else name
    if target["type"].text(("reflection", "transmission")) == "transmission":
        target["type"].tell("a reflection target's spectrum is computed")
    target["thickness"].use()
    target["angle"]["incidence"].use()  # spekpy knows electrons at right angles to the target's face alone
    angle_deg = target["angle"]["emission"].steady(DEG)
    return tube if angle_deg is None else {**tube, "anode_deg": angle_deg}


def _positive(node: Node, units: Units) -> float:
    number = node.steady(units)
    if number is None or not number > 0:
        raise node.wrong("must be above 0")
    return number
