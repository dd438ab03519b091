"""What arrives behind some lengths, on a card: the sums of `ctsim.transmit`, a pixel a thread."""

from functools import lru_cache

from jaxtyping import Float
from numba import cuda, int32, uint64

from ctsim import transmit
from ctsim.arrays import Array, to_card
from ctsim.gpu.bodies import over, turned
from ctsim.spectrum import Reading


def read(
    lengths_mm: Float[Array, "view material ray_row ray_col"],
    beams: tuple[Reading, ...],
    rays_per_side: int,
    mean: Float[Array, "band view row col"],
    variance: Float[Array, "band view row col"],
) -> None:
    """Fill mean and variance: `ctsim.transmit.transmit` on the card."""
    bands, views, rows, columns = mean.shape
    _read[over(rows * columns, views, bands)](lengths_mm, rays_per_side, *_on_card(beams), mean, variance)


@lru_cache(maxsize=4)
def _on_card(beams: tuple[Reading, ...]) -> transmit.Beams:
    """Return the bands on the card, the tables in one row; they are brought there once."""
    stacked = transmit.stacked(beams)
    return to_card(stacked._replace(tables=stacked.tables.reshape(len(beams), -1)))


cubic, exp_minus = turned(transmit.cubic), turned(transmit.exp_minus)


@cuda.jit
def _read(lengths, side, mu, weight_mean, weight_variance, step_mm, intervals, tables, mean, variance):
    """Average the readings of a pixel's rays."""
    pixel, view = cuda.grid(2)
    band, rows, columns = cuda.blockIdx.z, mean.shape[2], mean.shape[3]
    if pixel >= rows * columns:
        return
    row, column = pixel // columns, pixel % columns
    width, last = tables.shape[1] // lengths.shape[1], intervals[band] - 1e-9
    level, spread = 0.0, 0.0
    for ray in range(side * side):
        i, j = row * side + ray // side, column * side + ray % side
        met, table, position = 0, 0, 0.0
        for m in range(lengths.shape[1]):
            path = lengths[view, m, i, j]
            if path != 0:
                met, table, position = met + 1, m * width, path / step_mm[band, m]
        if met < 2:
            steps = min(position, last)
            interval = int32(steps)
            first = uint64(table + 8 * interval)
            level += cubic(tables[band], first, steps - interval)
            spread += cubic(tables[band], first + uint64(4), steps - interval)
            continue
        for k in range(mu.shape[1]):
            depth = 0.0
            for m in range(lengths.shape[1]):
                depth += mu[m, k] * lengths[view, m, i, j]
            passed = exp_minus(depth)
            level += weight_mean[band, k] * passed
            spread += weight_variance[band, k] * passed
    share = 1 / (side * side)
    mean[band, view, row, column] = share * level
    variance[band, view, row, column] = share * spread
