"""What photons bring to a panel, apart by what has become of them on their way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

KINDS = ("primary", "compton", "rayleigh", "multiple", "fluorescence")
"""Never scattered; scattered once, by an electron or by an atom as a whole; more than once; sent out by an atom."""

PRIMARY, COMPTON, RAYLEIGH, MULTIPLE, FLUORESCENCE = range(len(KINDS))


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrivals:
    """Signals in units of that of the free beam at the same pixel, of a panel that may be coarser than the scanner's.

    Attributes:
        mean: Expected signal of each kind.
        deviation: Statistical standard deviation of that.
        scatter_deviation: The same of all that is not primary together: one photon may bring several kinds.
        variance: Variance of the signal of all kinds together, for one photon arriving in the free beam, in units of
            the free beam squared, as `ctsim.transmit` has it; of the primary, and of all scattered.
        photons: Followed in each view.
    """

    mean: Float[np.ndarray, "kind band view row col"]
    deviation: Float[np.ndarray, "kind band view row col"]
    scatter_deviation: Float[np.ndarray, "band view row col"]
    variance: Float[np.ndarray, "2 band view row col"]
    photons: int

    @property
    def scatter(self) -> Float[np.ndarray, "band view row col"]:
        """All that is not primary."""
        return self.mean[COMPTON:].sum(0)


def joined(each: Sequence[Arrivals]) -> Arrivals:
    """Return the arrivals of all views, each of which came on its own."""
    names = ("mean", "deviation", "scatter_deviation", "variance")
    parts = {name: np.concatenate([getattr(one, name) for one in each], axis=-3) for name in names}
    return Arrivals(**parts, photons=each[0].photons)
