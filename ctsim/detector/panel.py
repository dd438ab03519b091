"""What differs from pixel to pixel: gain, dark level, pixels that show a fixed value and pixels whose gain drifts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ctsim.arrays import Array
from scenes.detector import DetectorSpec
from scenes.seeds import stream

LEAST_GAIN = 0.1
"""Of the mean gain: a pixel with less would be a dead one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One panel.

    Attributes:
        gain: Of each pixel, against the mean.
        offset_counts: Of each pixel, against the dark level.
        drift: What the gain has changed by at the end of a scan, relative; it grows evenly from view to view.
        fixed_counts: What a bad pixel shows; NaN for a good one.
    """

    gain: Float[Array, "row col"]
    offset_counts: Float[Array, "row col"]
    drift: Float[Array, "row col"]
    fixed_counts: Float[Array, "row col"]

    @property
    def bad(self) -> Bool[np.ndarray, "row col"]:
        """Whether a pixel shows a fixed value."""
        return np.isfinite(self.fixed_counts)


def panel_of(spec: DetectorSpec) -> Panel | None:
    """Return the panel of a seed, or None where all pixels are alike."""
    shares = (spec.dead_pixels, spec.hot_pixels, spec.drifting_pixels if spec.drift_spread else 0.0)
    if not (any(shares) or spec.gain_spread or spec.offset_spread_counts or spec.bad_pixels):
        return None
    rng, shape = stream(spec.pattern_seed, 0, "panel"), (spec.rows, spec.columns)
    # all is drawn whatever the spreads, so that a wider spread is the same pattern, stronger
    gain, offset, drift = rng.standard_normal((3, *shape))
    place = rng.random(shape)
    dead, hot, drifting = (_within(place, *edges) for edges in _edges(shares))
    fixed = np.full(shape, np.nan)
    fixed[dead] = spec.dark_counts
    fixed[hot] = spec.most_counts if np.isfinite(spec.most_counts) else spec.dark_counts + 2 * spec.free_beam_counts
    for row, column, counts in spec.bad_pixels:
        fixed[row, column] = counts
    return Panel(
        gain=np.maximum(1 + spec.gain_spread * gain, LEAST_GAIN),
        offset_counts=spec.offset_spread_counts * offset,
        drift=np.where(drifting, spec.drift_spread * drift, 0.0),
        fixed_counts=fixed,
    )


def _edges(shares: tuple[float, ...]) -> list[tuple[float, float]]:
    """Return from where to where a number drawn evenly makes a pixel one of each kind."""
    ends = np.cumsum(shares)
    return list(zip([0.0, *ends[:-1].tolist()], ends.tolist(), strict=True))


def _within(place: Float[np.ndarray, "row col"], low: float, high: float) -> Bool[np.ndarray, "row col"]:
    return (place >= low) & (place < high)
