"""What a detector is, in numbers: the panel, what a photon leaves in it, and what it makes of that."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from scenes.records import Record

Table = tuple[tuple[float, float], ...]
"""A curve as pairs, the first numbers rising; straight lines between them, and level beyond the ends."""

Layers = dict[str, Annotated[float, Field(ge=0)]]
"""Thickness in mm by material."""

Share = Annotated[float, Field(ge=0, lt=0.5)]


class AntiScatterGridSpec(Record):
    """Strips that point to the source, before the panel.

    Attributes:
        material: Of the strips.
        strip_mm: Thickness of a strip.
        gap_mm: From one strip to the next.
        height_mm: Of the strips, along the beam.
        interspace: Material between them; air where left out.
        across: The panel's axis that the strips stand across: u cuts what is scattered along rows.
    """

    material: str = "Pb"
    strip_mm: float = Field(default=0.05, gt=0)
    gap_mm: float = Field(default=0.3, gt=0)
    height_mm: float = Field(default=3.0, gt=0)
    interspace: str | None = None
    across: Literal["u", "v"] = "u"


class DetectorSpec(Record):
    """A flat panel.

    Attributes:
        rows: Pixels in a column.
        columns: Pixels in a row.
        pixel_mm: Pitch of the pixels along a row.
        pixel_v_mm: Pitch along a column; None for square pixels.
        scintillator: What absorbs, a scintillator or a counting panel's semiconductor: a material, or None for a panel
            that takes all the energy of every photon.
        scintillator_mm: Its thickness.
        escape: Whether K fluorescence may leave the scintillator.
        window: Before the scintillator: thickness in mm by material.
        anti_scatter_grid: Before all of that; None for none.
        filters: Before the window, not part of the panel: thickness in mm by material.
        efficiency: (keV, share of the photons whose whole energy is taken): stands for scintillator, escape and window,
            not for the filters.
        thresholds_kev: Of a panel that counts photons: band i counts from its threshold up to the next, the last one
            all above. None for a panel that integrates energy.
        energy_fwhm_kev: Of a counting panel: width of the peak that photons of one energy make, at half its height.
        dead_time_ns: Of a counting panel: after each count; see integration_s.
        free_beam_counts: What the free beam adds to the dark level, at the foot of the source's normal.
        dark_counts: The level without a beam.
        counts_per_kev: What a keV left in a pixel in one frame adds; stands for free_beam_counts.
        grey_values: (keV left in a pixel in one frame, counts): stands for all three above.
        bits: Depth of the converter, which rounds and ends at 2^bits - 1; None writes numbers as they are, which a
            counting panel does if nothing is said.
        saturation_counts: Where a pixel is full; the free beam may go beyond its end only where this is given.
        spatial_resolution_mm: Basic spatial resolution, as a duplex wire shows it (20 % dip, ASTM E2002), the pixel's
            own width included: at least what that leaves, 0.41 pixels; 0 for no blur.
        mtf: (1/mm, contrast from 0 to 1), the pixel's own width included; stands for spatial_resolution_mm.
        electronic_noise_counts: Standard deviation of the read-out noise of one frame.
        snr_free_beam: Signal to noise that a pixel of the free beam shows in one frame; stands for the number of
            photons of the exposure in the noise.
        noise_table: (counts, their ratio to the noise in one frame): stands for quantum and read-out noise.
        frames: Averaged for each view; the exposure is that of one.
        integration_s: Of a frame.
        lag: (share of a long exposure that is left in the first frame after it, frames over which that falls to 1/e).
        pattern_seed: Of what differs from pixel to pixel; the same seed and size, the same panel.
        gain_spread: Relative standard deviation of the gain.
        offset_spread_counts: Standard deviation of the dark level.
        dead_pixels: Share of the pixels that stay at the dark level.
        hot_pixels: Share of the pixels that stay at the top.
        drifting_pixels: Share of the pixels whose gain moves through the scan, which leaves rings.
        drift_spread: Relative standard deviation of what their gain has changed by at its end.
        bad_pixels: (row, column, counts) of pixels that show a fixed value; counted from the top left corner, from 0.
        interpolate_bad_pixels: Whether correction knows dead, hot and bad pixels and fills them from around them.
    """

    rows: int = Field(default=128, ge=8, le=8192)
    columns: int = Field(default=128, ge=8, le=8192)
    pixel_mm: float = Field(default=1.0, gt=0)
    pixel_v_mm: float | None = Field(default=None, gt=0)

    scintillator: str | None = "CsI"
    scintillator_mm: float = Field(default=0.5, gt=0)
    escape: bool = True
    window: Layers = {}
    anti_scatter_grid: AntiScatterGridSpec | None = None
    filters: Layers = {}
    efficiency: Table = ()
    thresholds_kev: tuple[Annotated[float, Field(gt=0)], ...] = ()
    energy_fwhm_kev: float = Field(default=0.0, ge=0)
    dead_time_ns: float = Field(default=0.0, ge=0)

    free_beam_counts: float = Field(default=50000.0, gt=0)
    dark_counts: float = Field(default=500.0, ge=0)
    counts_per_kev: float | None = Field(default=None, gt=0)
    grey_values: Table = ()
    bits: int | None = Field(default=16, ge=8, le=16)
    saturation_counts: float | None = Field(default=None, gt=0)

    spatial_resolution_mm: float = Field(default=0.0, ge=0)
    mtf: Table = ()

    electronic_noise_counts: float = Field(default=5.0, ge=0)
    snr_free_beam: float | None = Field(default=None, gt=0)
    noise_table: Table = ()

    frames: int = Field(default=1, ge=1, le=100_000)
    integration_s: float = Field(default=1.0, gt=0)
    lag: tuple[tuple[Share, Annotated[float, Field(gt=0)]], ...] = ()

    pattern_seed: int = Field(default=0, ge=0)
    gain_spread: float = Field(default=0.0, ge=0, le=0.2)
    offset_spread_counts: float = Field(default=0.0, ge=0)
    dead_pixels: Share = 0.0
    hot_pixels: Share = 0.0
    drifting_pixels: Share = 0.0
    drift_spread: float = Field(default=0.02, ge=0, le=0.2)
    bad_pixels: tuple[tuple[int, int, float], ...] = ()
    interpolate_bad_pixels: bool = True

    @property
    def pitch_mm(self) -> tuple[float, float]:
        """Pitch of the pixels along a row and along a column [mm]."""
        return self.pixel_mm, self.pixel_v_mm or self.pixel_mm

    @property
    def step_counts(self) -> float:
        """From a value that the converter knows to the next, frames averaged; 0 where it writes numbers as they are."""
        return 1 / self.frames if self.bits else 0.0

    @property
    def bands(self) -> int:
        """How many images one view gives."""
        return len(self.thresholds_kev) or 1

    @property
    def kind(self) -> Literal["counting", "integrating"]:
        """Whether a photon gives a count or its energy."""
        return "counting" if self.thresholds_kev else "integrating"

    @property
    def most_counts(self) -> float:
        """The highest value that a pixel can show; endless where nothing ends it."""
        ends = [2.0**self.bits - 1 if self.bits else None, self.saturation_counts]
        return min((end for end in ends if end is not None), default=float("inf"))

    @model_validator(mode="before")
    @classmethod
    def _a_counter_has_no_converter(cls, values: Any) -> Any:
        counts = isinstance(values, dict) and values.get("thresholds_kev")
        return {"bits": None, **values} if counts else values

    @model_validator(mode="after")
    def _fits_the_converter(self) -> "DetectorSpec":
        full = self.dark_counts + self.free_beam_counts
        scaled = self.counts_per_kev or self.grey_values or self.thresholds_kev
        if not scaled and self.saturation_counts is None and full > self.most_counts:
            raise ValueError(
                f"dark_counts + free_beam_counts must stay within {self.most_counts:g} ({self.bits} bits), got "
                f"{full:g}; or give saturation_counts to let the free beam saturate"
            )
        return self

    @model_validator(mode="after")
    def _curves_make_sense(self) -> "DetectorSpec":
        _check_curve("efficiency", self.efficiency, "keV", 1.0)
        _check_curve("grey_values", self.grey_values, "keV", None)
        _check_curve("mtf", self.mtf, "1/mm", 1.0)
        _check_curve("noise_table", self.noise_table, "counts", None)
        for name, instead in INSTEAD.items():
            if getattr(self, name) and (idle := [other for other in instead if self._is_set(other)]):
                raise ValueError(f"{idle[0]} and {name} contradict each other; leave one out")
        if 0 < self.spatial_resolution_mm < sharpest_mm(self.pixel_mm) * (1 - 1e-9):
            raise ValueError(
                f"spatial_resolution_mm must be at least {sharpest_mm(self.pixel_mm):.4g}, what pixels of "
                f"{self.pixel_mm:g} mm leave, or 0 for no blur, got {self.spatial_resolution_mm:g}"
            )
        if self.mtf and (self.mtf[0][0] != 0 or self.mtf[0][1] <= 0):
            raise ValueError(f"mtf must begin at 0 1/mm with a contrast above 0, got {self.mtf[0]}")
        if any(ratio <= 0 for _, ratio in self.noise_table):
            raise ValueError("noise_table: signal to noise must be above 0 in every row")
        if any(b <= a for (_, a), (_, b) in pairwise(self.grey_values)):
            raise ValueError("grey_values must rise with the energy")
        return self

    @model_validator(mode="after")
    def _counts_or_integrates(self) -> "DetectorSpec":
        if any(b <= a for a, b in pairwise(self.thresholds_kev)):
            raise ValueError(f"thresholds_kev must rise, got {list(self.thresholds_kev)}")
        idle = ["dead_time_ns", "energy_fwhm_kev"]
        if self.thresholds_kev:
            idle = ["counts_per_kev", "grey_values", "noise_table", "snr_free_beam", "lag", "free_beam_counts"]
        for name in idle:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} means nothing for a panel that is {self.kind}; leave it out")
        return self

    @model_validator(mode="after")
    def _pixels_exist(self) -> "DetectorSpec":
        for row, column, _ in self.bad_pixels:
            if not (0 <= row < self.rows and 0 <= column < self.columns):
                raise ValueError(
                    f"bad_pixels: [{row}, {column}] is not on a panel of {self.rows} rows and {self.columns} columns"
                )
        if sum(share for share, _ in self.lag) >= 1:
            raise ValueError("lag: the shares must add up to less than 1")
        if (odd := self.dead_pixels + self.hot_pixels + self.drifting_pixels) > 0.5:
            raise ValueError(f"dead_pixels, hot_pixels and drifting_pixels must add up to at most 0.5, got {odd:g}")
        return self

    def _is_set(self, name: str) -> bool:
        return getattr(self, name) != type(self).model_fields[name].default


INSTEAD = {
    "mtf": ("spatial_resolution_mm",),
    "noise_table": ("snr_free_beam",),
    "efficiency": ("scintillator_mm", "escape"),
}
"""What stands for others, which must then be left out."""

SIGMA_OVER_RESOLUTION = 0.7070
"""Of a Gaussian line spread: two wires of diameter d, d apart, that take little out of the beam, show a dip of 20 %
between them (ASTM E2002) where sigma is 0.7070 d; where they take all of it, 0.689 d."""


def sharpest_mm(pixel_mm: float) -> float:
    """Return the basic spatial resolution that a pixel's own width leaves, by its variance p^2 / 12 [mm]."""
    return pixel_mm / 12**0.5 / SIGMA_OVER_RESOLUTION


def _check_curve(name: str, table: Table, unit: str, most: float | None) -> None:
    """Raise ValueError unless the table is empty, or a curve of numbers from 0 to `most` over a rising axis."""
    if len(table) == 1:
        raise ValueError(f"{name} needs two rows at least, got 1")
    if any(b[0] <= a[0] for a, b in pairwise(table)) or (table and table[0][0] < 0):
        raise ValueError(f"{name}: the first numbers must rise from 0 {unit} or more")
    if any(value < 0 or (most is not None and value > most) for _, value in table):
        raise ValueError(f"{name}: the second numbers must lie within 0 to {'any' if most is None else f'{most:g}'}")
