r"""What a detector remembers: charge that is trapped in one frame and read in those after it.

After a single frame the shares a of it that are trapped come out with the time constants tau (in frames),

$$ h_0 = 1 - \sum_i a_i, \qquad h_t = \sum_i a_i (1 - e^{-1/\tau_i}) e^{-(t-1)/\tau_i} $$

so that a beam that is switched off after a long exposure leaves the sum of all a in the first frame without it (the
first-frame lag of ASTM E2597), and a steady beam reads what it would without lag. Model: Hsieh et al., Proc. SPIE 3659
(1999); Starman et al., Med. Phys. 39 (2012), linear and time-invariant.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numba import prange

from ctsim.arrays import Array, is_on_card
from ctsim.kernel import kernel


@dataclass(kw_only=True, eq=False)
class LagState:
    """What the pixels hold between two views; changed in place, view by view, and empty before the first.

    A bare one is handed to the first call of `ctsim.detector.detect.detect`, and on to every later one.

    Attributes:
        held: By component, for each pixel, in units of the free beam.
    """

    held: list[Float[Array, "band row col"]] = field(default_factory=list)


def begin(state: LagState, lag: tuple[tuple[float, float], ...], seen: Float[Array, "band row col"]) -> None:
    """Let the panel have seen a steady picture for long before the first view."""
    state.held = [share * seen for share, _ in lag]


def lagged(
    signal: Float[Array, "band view row col"],
    lag: tuple[tuple[float, float], ...],
    frames: int,
    state: LagState,
) -> Float[Array, "band view row col"]:
    """Return what is read of a signal, view after view.

    Args:
        signal: What each view brings, steady over its frames.
        lag: (share, frames) of each component.
        frames: Averaged for each view.
        state: What earlier views have left.
    """
    read, hold = signal.copy(), _hold
    if is_on_card(signal):
        from ctsim.gpu.readout import hold
    for (share, decay_frames), held in zip(lag, state.held, strict=True):
        keeps = np.exp(-1 / decay_frames)
        # of what is held when a view begins, the mean over its frames of what comes out
        out = (1 - keeps**frames) / (frames * (1 - keeps))
        hold(signal, share, keeps**frames, out, held, read)
    return read


def noise_left(lag: tuple[tuple[float, float], ...]) -> float:
    """Return the share of the variance of noise, new in each frame, that is left in one frame: the sum of all h^2."""
    shares, keeps = np.array([(a, np.exp(-1 / tau)) for a, tau in lag]).reshape(-1, 2).T
    late = np.outer(shares * (1 - keeps), shares * (1 - keeps)) / (1 - np.outer(keeps, keeps))
    return float((1 - shares.sum()) ** 2 + late.sum())


@kernel(parallel=True)
def _hold(signal, share, keeps, out, held, read):
    """Let one component hold a share of each view back, and add what it gives out."""
    bands, views, rows, columns = signal.shape
    for line in prange(bands * rows):
        band, row = line // rows, line % rows
        for view in range(views):
            for column in range(columns):
                before, now = held[band, row, column], share * signal[band, view, row, column]
                read[band, view, row, column] += out * (before - now)
                held[band, row, column] = keeps * before + (1 - keeps) * now
