"""DetectorSpec -> Detector: a panel in the beam that it stands in, its noise calibrated."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from jaxtyping import Bool, Float

from ctsim.arrays import Array
from ctsim.detector import blur, lag
from ctsim.detector.panel import Panel, panel_of
from ctsim.detector.response import response_of
from ctsim.spectrum import Spectrum
from defects.messages import BadInput
from scenes.detector import DetectorSpec

ROUNDING = 1 / 12
"""Variance that rounding to whole counts adds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """A flat panel in a beam.

    Attributes:
        photons: That arrive in the free beam at the foot of the source's normal, per pixel and frame.
        free_variance: Of the signal, by band, for one photon arriving.
        free_beam_counts: What the free beam adds to the dark level, by band.
        dark_counts: The level without a beam.
        electronic_noise_counts: Standard deviation of the read-out noise of a frame.
        bits: Depth of the converter, which gives whole counts; None for numbers as they are.
        most_counts: Where counts end.
        frames: Averaged for a view.
        views: Of the scan.
        dead_share: Of a counting panel: dead time over the time of a frame.
        transfer: What blur leaves of each spatial frequency; None for all.
        lag: (share, frames) of what is held back; see `ctsim.detector.lag`.
        curve: Signals, and the counts that they give; None for a straight line.
        noise_table: Counts, and their signal to noise in a frame; None for quantum and read-out noise.
        panel: What differs from pixel to pixel; None where nothing does.
        bad: Pixels that correction knows to show nothing; None for none.
    """

    photons: float
    free_variance: tuple[float, ...] = (1.0,)
    free_beam_counts: tuple[float, ...] = (50000.0,)
    dark_counts: float = 0.0
    electronic_noise_counts: float = 0.0
    bits: int | None = 16
    most_counts: float = inf
    frames: int = 1
    views: int = 1
    dead_share: float = 0.0
    transfer: Float[Array, "row col"] | None = None
    lag: tuple[tuple[float, float], ...] = ()
    curve: Float[Array, "2 point"] | None = None
    noise_table: Float[Array, "2 level"] | None = None
    panel: Panel | None = None
    bad: Bool[Array, "row col"] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a count depends on what arrives at its own pixel alone, and evenly."""
        return self.transfer is None and self.curve is None and self.noise_table is None

    @property
    def quanta(self) -> tuple[float, ...]:
        """Equal quanta that would be as noisy as the free beam in one frame, by band."""
        return tuple(self.photons / variance for variance in self.free_variance)


def detector_of(
    spec: DetectorSpec, spectrum: Spectrum, photons: float, *, views: int = 1, rays_per_pixel: int = 1
) -> Detector:
    """Return the detector of a scan.

    Args:
        spec: The panel.
        spectrum: What arrives in the free beam, in any unit.
        photons: That arrive there at the foot of the source's normal, per pixel and frame.
        views: Of the scan.
        rays_per_pixel: Along each side.

    Raises:
        BadInput: No photon leaves a signal, the free beam does not fit the converter, or the noise that is asked for is
            less than that of the read-out.
    """
    response = response_of(spec, spectrum.energies_kev)
    share = spectrum.photons / spectrum.photons.sum()
    first, second = response.first @ share, response.second @ share
    for band, signal in enumerate(first):
        if not signal > 0:
            raise BadInput(f"no photon of the beam leaves a signal in the detector ({_what_hinders(spec, band)})")
    adds = _free_beam_counts(spec, photons * first)
    panel = panel_of(spec)
    detector = Detector(
        photons=photons,
        free_variance=tuple((second / first**2).tolist()),
        free_beam_counts=adds,
        dark_counts=spec.dark_counts,
        electronic_noise_counts=spec.electronic_noise_counts,
        bits=spec.bits,
        most_counts=spec.most_counts,
        frames=spec.frames,
        views=views,
        dead_share=spec.dead_time_ns * 1e-9 / spec.integration_s,
        transfer=blur.transfer_of(spec, rays_per_pixel),
        lag=spec.lag,
        curve=_curve(spec, float(photons * first[0])),
        noise_table=np.array(spec.noise_table).T if spec.noise_table else None,
        panel=panel,
        bad=panel.bad if panel and panel.bad.any() and spec.interpolate_bad_pixels else None,
    )
    if spec.snr_free_beam is None:
        return detector
    return replace(detector, photons=_photons_for(spec.snr_free_beam, detector))


def _free_beam_counts(spec: DetectorSpec, signal: Float[np.ndarray, " band"]) -> tuple[float, ...]:
    """Return what the free beam adds to the dark level, by band, for the keV or the counts that it leaves."""
    if spec.thresholds_kev:
        adds = signal
    elif spec.grey_values:
        low, high = np.interp([0.0, float(signal[0])], *np.array(spec.grey_values).T)
        adds = np.array([high - low])
    elif spec.counts_per_kev:
        adds = spec.counts_per_kev * signal
    else:
        return (spec.free_beam_counts,)
    full = (0.0 if spec.grey_values else spec.dark_counts) + float(adds.max())
    if spec.saturation_counts is None and full > spec.most_counts:
        raise BadInput(
            f"the free beam brings {full:.6g} counts to a pixel, expected at most {spec.most_counts:g}: give a lower "
            "exposure_mas, smaller pixels, bits: null, or saturation_counts to let it saturate"
        )
    return tuple(adds.tolist())


def _curve(spec: DetectorSpec, free_kev: float) -> Float[np.ndarray, "2 point"] | None:
    """Return signals in units of the free beam, and the counts that they give."""
    if not spec.grey_values:
        return None
    energies_kev, counts = np.array(spec.grey_values).T
    return np.stack([energies_kev / free_kev, counts])


def _photons_for(snr: float, detector: Detector) -> float:
    r"""Return how many photons a frame's free beam must bring to show a signal to noise.

    $$ \frac{S^2}{SNR^2} = \frac{s^2 V}{N} \, b \, l + \sigma_{read}^2 + \frac{1}{12} $$

    S is what the free beam adds, s its slope, V the variance of one photon, b and l the shares that blur and lag leave.
    """
    step = 1e-3
    signal = slope = detector.free_beam_counts[0]
    if detector.curve is not None:
        below, above = np.interp([1 - step, 1 + step], *detector.curve)
        slope = float(above - below) / (2 * step)
    rest = detector.electronic_noise_counts**2 + (ROUNDING if detector.bits else 0.0)
    quantum = (signal / snr) ** 2 - rest
    if not (quantum > 0 and slope > 0):
        raise BadInput(
            f"snr_free_beam must lie below {signal / max(rest, 1e-300) ** 0.5:.4g}, which electronic_noise_counts and "
            f"rounding leave, and the free beam within grey_values; got {snr:g}"
        )
    left = blur.noise_left(detector.transfer) * lag.noise_left(detector.lag)
    return slope**2 * detector.free_variance[0] * left / quantum


def _what_hinders(spec: DetectorSpec, band: int) -> str:
    """Return what to look at where nothing is seen."""
    if spec.thresholds_kev:
        return f"thresholds_kev: nothing above {spec.thresholds_kev[band]:g} keV up to the next"
    return "filters, window, efficiency"
