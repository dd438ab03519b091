"""What the toolbox wrote, read as deviations against the limits that we hold ourselves to: it gives none itself."""

import io
import math
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One reading of a test.

    Attributes:
        name: Of the figure.
        what: In words.
        value: How far off it is.
        limit: How far it may be.
        unit: Of both.
    """

    name: str
    what: str
    value: float
    limit: float
    unit: str = ""

    @property
    def passed(self) -> bool:
        """Whether it stays within its limit."""
        return abs(self.value) <= self.limit


def noise(folder: Path) -> list[Deviation]:
    """Return how far the ratio of signal to noise is off."""
    return [
        Deviation(
            name=f"snr{snr}_relative", what=f"signal to noise, {snr} wanted", limit=0.01,
            value=_number(folder / f"2D-FB-1_SNR{snr}_summary.txt", "Relative SNR deviation:"),
        )
        for snr in (100, 250)
    ]  # fmt: skip


def free_beam(folder: Path) -> list[Deviation]:
    """Return the largest difference from the law of distance and incidence along the middle row."""
    worst = _number(folder / "2D-FB-2_summary.txt", "Max Absolute GV Difference:")
    return [
        Deviation(name="largest_gv", what="free beam against cos / r^2, largest", value=worst, limit=2.0, unit="GV")
    ]


def hole_sheet(folder: Path) -> list[Deviation]:
    """Return how far the holes are off as a whole: shifted, turned, scaled.

    The toolbox counts its holes' wanted places from the corner of the first pixel but measures from its centre, so
    that exact pictures show (-0.5, -0.5) pixels. Turn and scale are given as what they move the outermost hole by.
    """
    path = folder / "2D-HS-1_summary.txt"
    told = re.search(r"Mean translation vector \[px\]:\s*\[\s*(\S+)\s+(\S+)", path.read_text())
    shift = math.hypot(*(float(part) + 0.5 for part in told.groups()))
    arm = math.hypot(205, 205) / 0.15  # pixels from the middle hole to a corner's
    turn, scale = _number(path, "Mean rotation angle:"), _number(path, "Mean scale deviation:")
    return [
        Deviation(name=f"{name}_px", what=f"holes, {name}", value=value, limit=0.1, unit="px")
        for name, value in (("shift", shift), ("turn", turn * arm), ("scale", scale * arm))
    ]


def duplex(folder: Path) -> list[Deviation]:
    """Return how far the basic spatial resolution is off."""
    return [
        Deviation(
            name=f"sr{micron}_relative", what=f"basic spatial resolution, {micron} um wanted", limit=0.05,
            value=_number(folder / f"2D-DW-1_SR{micron}_results.txt", "iSRb:") / (micron / 1000) - 1,
        )
        for micron in (75, 150)
    ]  # fmt: skip


def spots(folder: Path) -> list[Deviation]:
    """Return how far the edge's spread and its contrast are off."""
    return [
        Deviation(
            name=f"spot{micron}_{name}_relative", what=f"{what}, spot of {micron} um", limit=0.02,
            value=_number(folder / f"2D-WE-1_spot{i}_summary.txt", key),
        )
        for i, micron in ((1, 8), (2, 24))
        for name, what, key in (
            ("sigma", "line spread", "sigma: rel. deviation (measured-analytical)/analytical ="),
            ("mtf20", "frequency of 20 % contrast", "MTF20: rel. deviation (measured-analytical)/analytical  ="),
        )
    ]  # fmt: skip


def coverage(folder: Path) -> list[Deviation]:
    """Return the share of the partly covered pixels that were missed, and how far their grey values are off."""
    path = folder / "2D-WE-2_summary.txt"
    wanted, both = _number(path, "analytical image:"), _number(path, "partly covered in both images:")
    rms = _number(path, "[partly covered analytical vs. measured]:")
    return [
        Deviation(name="missed", what=f"partly covered pixels missed, of {wanted:.0f}", value=wanted - both, limit=0.0),
        Deviation(name="rms_gv", what="partly covered pixels, RMS", value=rms, limit=60.0, unit="GV"),
    ]


def scintillators(folder: Path) -> list[Deviation]:
    """Return how far scintillators are off against the ideal detector, in units of the tables' uncertainty u.

    And, as the ideal detector is not judged by that, how far it is off behind the steps under one energy.
    """
    ours, _ = _columns(folder / "2D-SW-1_all_GV_ratios_to_Det1.txt")
    theirs, names = _columns(folder / "2D-SW-1_all_MCprimary_reference_ratios.txt")
    means, _ = _columns(folder / "2D-SW-1_all_GV_means.txt")
    found = []
    for material, kind, scenario in (
        ("Al", "Al_50", "07_Al_noFilter_050keV-mono"),
        ("Fe", "Fe_100", "11_Fe_noFilter_100kV-mono"),
    ):
        worst = _largest(means[f"D1_{kind}"] / _mcray(f"2D-SW-1_scenario{scenario}_Ideal") - 1)
        what = f"ideal detector behind {material}, one energy"
        found.append(Deviation(name=f"ideal_{kind.lower()}_relative", what=what, value=worst, limit=0.01))
    for detector, what in (("D2", "CsI 200 um"), ("D3", "CsI 500 um"), ("D4", "Gd2O2S 500 um")):
        off = []
        for key in (name for name in names if name.startswith(detector)):
            away = ours[key] - theirs[key]
            off.append(_largest(away / np.where(away < 0, theirs[f"u_lower({key})"], theirs[f"u_upper({key})"])))
        worst = _largest(np.array(off))
        name = what.lower().replace(" ", "_")
        found.append(Deviation(name=f"{name}_u", what=f"{what} against ideal", value=worst, limit=1.0, unit="u"))
    return found


def filters(folder: Path) -> list[Deviation]:
    """Return how far the ratios of neighbouring steps are off."""
    return [
        Deviation(
            name=f"{key.lower()}_relative", what=f"{material} wedge, {filtered}, from step to step", limit=0.01,
            value=_largest(np.loadtxt(folder / f"2D-SW-2_{key}_ratios.txt")[:, 6]),
        )
        for key, material, filtered in (
            ("Al", "Al", "no filter"), ("AlCu", "Al", "2 mm Cu"), ("Fe", "Fe", "no filter"), ("FeCu", "Fe", "2 mm Cu"),
        )
    ]  # fmt: skip


def overlap(folder: Path) -> list[Deviation]:
    """Return the number of pixels whose grey values fit neither piece."""
    return [
        Deviation(
            name=f"al_{right.lower()}_anomalies", what=f"anomalies, {right} into Al", limit=0.0,
            value=_number(folder / f"2D-SW-3_Al_{right}_summary.txt", "Number of detected grey value anomalies:"),
        )
        for right in ("Al", "Ti")
    ]  # fmt: skip


def scattering(folder: Path) -> list[Deviation]:
    """Return how much more scatter arrives beside half a wedge than in the reference, and how far its course is off.

    The spectrum's file is not published: mean energies of 85 to 120 keV move the level by 15 %, hence its limit. The
    courses, once their means are made the same, hardly change: 5 % at the picture's rim, and 12 % beside the wedge,
    where the reference rises higher behind its third step.

    The level is not met: the reference has half of what the published scene gives, by our pictures and by photons
    followed one by one with xraylib's cross-sections alone, although both meet the toolbox's own tables of 2D-SW-1 and
    2D-SW-2 within 1 to 2 % (see `tests.bench.ctsimu.scatter`). So it was made of another scene, or told otherwise.
    """
    ours, theirs = (
        np.loadtxt(folder / f"2D-SW-4_profiles_{kind}.txt")[:, 1:].T - 60000 for kind in ("measured", "monte-carlo")
    )
    course = [np.std((a / a.mean()) / (b / b.mean())) for a, b in zip(ours, theirs, strict=True)]
    return [
        Deviation(
            name="level_relative",
            what="scatter beside half a wedge",
            limit=0.15,
            value=float(ours.mean() / theirs.mean() - 1),
        ),
        Deviation(name="central_course", what="course beside the wedge, RMS", value=float(course[0]), limit=0.12),
        Deviation(name="fringe_course", what="course at the picture's rim, RMS", value=float(course[1]), limit=0.05),
    ]


VERDICTS = {
    "2D-FB-1": noise, "2D-FB-2": free_beam, "2D-HS-1": hole_sheet, "2D-DW-1": duplex, "2D-WE-1": spots,
    "2D-WE-2": coverage, "2D-SW-1": scintillators, "2D-SW-2": filters, "2D-SW-3": overlap,
    "2D-SW-4": scattering,
}  # fmt: skip


def _number(path: Path, before: str) -> float:
    """Return the number that stands behind these words in a file."""
    found = re.search(re.escape(before) + r"\s*([-+.\deE]+)", path.read_text())
    if found is None:
        raise ValueError(f"{path}: expected a number behind {before!r}; the toolbox writes otherwise than 1.7.0")
    return float(found.group(1))


def _columns(path: Path) -> tuple[dict[str, Float[np.ndarray, " step"]], list[str]]:
    """Return a table's columns by their names, and the names."""
    names = path.read_text().splitlines()[0].lstrip("# ").split("\t")
    return dict(zip(names, np.loadtxt(path).T, strict=True)), names


def _mcray(name: str) -> Float[np.ndarray, " step"]:
    """Return the grey values of McRay's primary beam from a table of the toolbox."""
    text = pkgutil.get_data("ctsimu.evaluation", f"data/{name}.txt").decode()
    return np.loadtxt(io.StringIO(text))[:, 12]


def _largest(values: Float[np.ndarray, " value"]) -> float:
    """Return the value that is farthest from 0."""
    return float(values[np.abs(values).argmax()])
