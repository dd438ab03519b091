"""The detector of a scenario, section 6 of the format, as the fields of a DetectorSpec."""

from typing import Any

from ctsim.scenario.bad_pixels import read_bad_pixels
from ctsim.scenario.matter import Materials
from ctsim.scenario.units import MM, PER_KEV, PURE, S
from ctsim.scenario.values import Node, Parameter, read_table
from scenes.detector import sharpest_mm


def read_panel(node: Node, materials: Materials, binning: tuple[int, int]) -> dict[str, Any]:
    """Return the fields of the panel; `binning` pixels along u and v are read as one, at their mean."""
    for documents in ("model", "manufacturer", "gain"):
        node[documents].use()
    along_u, along_v = binning
    rows, columns = node["rows"].whole(least=1), node["columns"].whole(least=1)
    for name, pixels, binned in (("rows", rows, along_v), ("columns", columns, along_u)):
        if pixels < binned:
            raise node[name].wrong(f"must be at least as many as acquisition.pixel_binning reads as one, {binned}")
        if pixels % binned:
            node[name].tell(f"read {binned} at a time; the last {pixels % binned} are left out")
    depth = _bits(node["bit_depth"])
    fields = {
        "rows": rows // along_v,
        "columns": columns // along_u,
        "pixel_mm": _pitch(node["pixel_pitch"]["u"]) * along_u,
        "pixel_v_mm": _pitch(node["pixel_pitch"]["v"]) * along_v,
        "integration_s": integration_time(node).first,
        "electronic_noise_counts": 0.0,
        **depth,
        **_response(node, materials),
        **_grey_values(node["gray_value"], along_u * along_v, depth["bits"]),
        **_noise(node["noise"], along_u * along_v),
        **_sharpness(node["unsharpness"], _pitch(node["pixel_pitch"]["u"]) * along_u),
        **_lag(node["image_lag"]),
    }
    bad = read_bad_pixels(node["bad_pixel_map"], rows, columns)
    if bad and along_u * along_v > 1:
        node["bad_pixel_map"].tell("not read together with pixel_binning: no bad pixels")
        bad = ()
    return {**fields, "bad_pixels": bad}


def integration_time(node: Node) -> Parameter:
    """Return how long a frame is exposed [s]; a second if nothing is said. That it drifts is a matter of the beam."""
    time = node["integration_time"].parameter(S)
    if time is not None and not time.first > 0:
        raise node["integration_time"].wrong("must be a time above 0")
    return time or Parameter(value=1.0)


def dead_time_s(node: Node) -> float:
    """Return how long the panel waits between two frames [s]."""
    return node["dead_time"].steady(S) or 0.0


def noise_is_given(panel: dict[str, Any]) -> bool:
    """Return whether a scenario asks for noise."""
    return bool(panel.get("snr_free_beam") or panel.get("noise_table"))


def _pitch(node: Node) -> float:
    pitch = node.steady(MM)
    if pitch is None or not pitch > 0:
        raise node.wrong("must be a length above 0")
    return pitch


def _bits(node: Node) -> dict[str, Any]:
    bits = node.whole(otherwise=16, least=1)
    if 8 <= bits <= 16:
        return {"bits": bits}
    node.tell("8 to 16 bits are written as whole numbers; here numbers as they are, of 32 bits")
    return {"bits": None}


def _response(node: Node, materials: Materials) -> dict[str, Any]:
    """Return what takes the energy of the photons, and what stands in front of it."""
    ideal = node["type"].text(("ideal", "real")) != "real"
    sheet, table = node["scintillator"], _table(node["gray_value"]["efficiency_characteristics_file"], 2)
    name, thickness = materials.named(sheet["material_id"]), sheet["thickness"].steady(MM)
    filters = materials.layers(node["filters"]["front"].items())
    window = materials.layers(node["window"]["front"].items())
    for rear in (node["window"]["rear"], node["filters"]["rear"]):
        if rear.items():
            rear.tell("nothing scatters back from behind the detector")
    found: dict[str, Any] = {"scintillator": None, "filters": filters, "window": window}
    if table is not None:
        found["efficiency"] = table  # which takes the window in already
    elif ideal and name:
        sheet["material_id"].tell("an ideal detector takes all energy")
    elif name and thickness:
        found |= {"scintillator": name, "scintillator_mm": thickness}
    elif not ideal:
        node["type"].tell("without a scintillator or an efficiency, a detector takes all energy")
    return found


def _grey_values(node: Node, binned: int, bits: int | None) -> dict[str, Any]:
    """Return how energy becomes grey values: a curve, else factor and offset, else imax and imin (section 6.2)."""
    curve = _table(node["intensity_characteristics_file"], 2)
    factor, offset = node["factor"].steady(PER_KEV), node["offset"].steady(PURE)
    most, least = node["imax"].steady(), node["imin"].steady()
    if most is not None and bits and most > 2**bits - 1:
        node["imax"].tell(f"lies above what {bits} bits hold: the free beam saturates")
    found: dict[str, Any] = {"dark_counts": least or 0.0}
    if most is not None:
        if not most > (least or 0.0):
            raise node["imax"].wrong("must be above imin")
        found["free_beam_counts"] = most - (least or 0.0)
    # a binned pixel takes the energy of all of its pixels and shows their mean
    if curve is not None:
        joule = 1 / PER_KEV["1/J"]
        return {**found, "grey_values": tuple((energy * joule * binned, grey) for energy, grey in curve)}
    if factor is not None and offset is not None:
        return {**found, "counts_per_kev": factor / binned, "dark_counts": offset}
    if most is None:
        raise node.wrong("must hold imax and imin, or factor and offset, or intensity_characteristics_file")
    return found


def _noise(node: Node, binned: int) -> dict[str, Any]:
    """Return the ratio of signal to noise; the mean of binned pixels has less noise."""
    table, snr = _table(node["noise_characteristics_file"], 2), node["snr_at_imax"].steady()
    if table is not None:
        return {"noise_table": tuple((grey, ratio * binned**0.5) for grey, ratio in table)}
    if snr is not None and not snr > 0:
        raise node["snr_at_imax"].wrong("must be above 0")
    return {} if snr is None else {"snr_free_beam": snr * binned**0.5}


def _sharpness(node: Node, pixel_mm: float) -> dict[str, Any]:
    table, resolution = _table(node["mtf"], 2), node["basic_spatial_resolution"].steady(MM)
    if table is not None:
        return {"mtf": table}
    if resolution and resolution < sharpest_mm(pixel_mm):
        node["basic_spatial_resolution"].tell("sharper than its pixels are wide: as sharp as the rays are")
        return {}
    return {"spatial_resolution_mm": resolution} if resolution else {}


def _lag(node: Node) -> dict[str, Any]:
    """Return what is left in the first frame after the beam; it falls to 1/e from frame to frame (section 6.1)."""
    share = node.steady(PURE)
    return {"lag": ((share, 1.0),)} if share else {}


def _table(node: Node, columns: int) -> tuple[tuple[float, ...], ...] | None:
    """Return a table named in the scenario, or None for none; that the file is missing is told."""
    name = node.text()
    if name is None:
        return None
    if not node.book.has(name):
        node.tell("there is no such file: done without")
        return None
    return tuple(tuple(row) for row in read_table(node.book.path_of(name), columns).tolist())
