"""Random numbers that belong to a pixel: the same for any order of work and any number of threads.

A draw is a function of (key, counter): SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) mixes the two into 53 uniform
bits, and quantile functions turn these into Gauss and Poisson numbers.
"""

import math

import numpy as np
from jaxtyping import Float32
from scipy.special import ndtri

from ctsim.kernel import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

FEW_QUANTA = 64.0
"""Below, a Poisson number is found by adding up its probabilities; above, by an expansion that is right to 1e-3."""

# Wichura, Appl. Statist. 37, 477 (1988), algorithm AS 241: relative error 1e-16
_MIDDLE_OVER = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0,
)  # fmt: skip
_MIDDLE_UNDER = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_NEAR_OVER = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_NEAR_UNDER = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
)  # fmt: skip
_FAR_OVER = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_FAR_UNDER = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip


INTERVAL_BITS = 10
"""Of a random number: they choose one of 1024 intervals of the quantile function's table."""

FARTHEST = 2.4
"""Standard deviations, up to which the table's cubics are right to 2e-6."""


def _cubics() -> Float32[np.ndarray, "interval 4"]:
    """Return the coefficients of t^0 .. t^3 of the Gauss quantile function, t going from 0 to 1 in each interval."""
    count = 2**INTERVAL_BITS
    z = ndtri(np.arange(1, count) / count)
    slope = math.sqrt(2 * math.pi) * np.exp(z**2 / 2) / count
    rise = np.diff(z)
    curve = [z[:-1], slope[:-1], 3 * rise - 2 * slope[:-1] - slope[1:], slope[:-1] + slope[1:] - 2 * rise]
    # the first and the last interval go to infinity: all of them lies beyond FARTHEST
    ends = np.array([[[z[0], 0, 0, 0]], [[z[-1], 0, 0, 0]]])
    return np.concatenate([ends[0], np.stack(curve, axis=1), ends[1]]).astype(np.float32)


_CUBICS = _cubics()


@kernel(inline="always")
def mixed(key, counter):
    """Return 64 random bits; as a key of its own they begin a sequence that shares nothing with the key's."""
    z = key + (np.uint64(counter) + np.uint64(1)) * GOLDEN
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))


@kernel(inline="always")
def uniform(key, counter):
    """Return a number in (0, 1), never 0 or 1."""
    return (np.float64(mixed(key, counter) >> np.uint64(11)) + 0.5) * 2.0**-53


@kernel(inline="always")
def _ratio(over, under, x):
    """Return the quotient of two polynomials of degree 7, written out: a loop over a tuple is not unrolled."""
    top = over[0] * x + over[1]
    bottom = under[0] * x + under[1]
    top, bottom = top * x + over[2], bottom * x + under[2]
    top, bottom = top * x + over[3], bottom * x + under[3]
    top, bottom = top * x + over[4], bottom * x + under[4]
    top, bottom = top * x + over[5], bottom * x + under[5]
    top, bottom = top * x + over[6], bottom * x + under[6]
    return (top * x + over[7]) / (bottom * x + under[7])


@kernel()
def normal(u):
    """Return the Gauss number with mean 0 and variance 1 below which a share u of all lie."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_MIDDLE_OVER, _MIDDLE_UNDER, 0.180625 - q * q)
    r = math.sqrt(-math.log(u if q < 0 else 1 - u))
    z = _ratio(_NEAR_OVER, _NEAR_UNDER, r - 1.6) if r <= 5 else _ratio(_FAR_OVER, _FAR_UNDER, r - 5)
    return -z if q < 0 else z


@kernel()
def normals(key, first, out):
    """Fill a row with the Gauss numbers of every second counter from `first` on, right to 2e-6.

    Between the knots of a table of the quantile function goes a cubic; the hundredth part that lies in its outermost
    intervals is done one by one.
    """
    beyond = False
    for i in range(len(out)):
        bits = mixed(key, first + 2 * i)
        k = np.int64(bits >> np.uint64(64 - INTERVAL_BITS))
        rest = np.int64((bits >> np.uint64(32 - INTERVAL_BITS)) & np.uint64(0xFFFFFFFF))
        t = np.float32(rest) * np.float32(2.0**-32)
        out[i] = _CUBICS[k, 0] + t * (_CUBICS[k, 1] + t * (_CUBICS[k, 2] + t * _CUBICS[k, 3]))
        beyond |= abs(out[i]) > FARTHEST
    if beyond:
        for i in range(len(out)):
            if abs(out[i]) > FARTHEST:
                out[i] = normal(uniform(key, first + 2 * i))


@kernel()
def poisson(mean, u):
    """Return the Poisson number below which a share u of all lie.

    From 64 on by the Cornish-Fisher expansion of its quantiles (Abramowitz and Stegun 26.2.49), rounded.
    """
    if mean < FEW_QUANTA:
        probability = math.exp(-mean)
        total, count = probability, 0
        while total < u and count < 300:
            count += 1
            probability *= mean / count
            total += probability
        return float(count)
    z, root = normal(u), math.sqrt(mean)
    return max(math.floor(mean + root * z + (z * z - 1) / 6 + (z - z * z * z) / (72 * root) + 0.5), 0.0)
