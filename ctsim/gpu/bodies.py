"""How a body that numba compiles for the processor becomes a function of the card.

The body's code is taken as it is; the functions that it calls are looked up again, and become functions of the card in
turn, or one that the card has of its own: `dot` and `ahead` here, those that add to memory beside the kernels.
"""

from types import FunctionType

from numba import cuda
from numba.core.dispatcher import Dispatcher

from ctsim.arrays import SIMULATED
from ctsim.backends import raster

THREADS = 128
"""Of a block: four warps."""


def turned(body: Dispatcher, **own) -> FunctionType:
    """Return a compiled body as a function that kernels of the card can call.

    Args:
        body: What `ctsim.kernel` has made.
        own: Name -> what stands for it on the card, in this body and in all that it calls.
    """
    plain, given = body.py_func, {"dot": dot, "ahead": ahead} | own
    names = {}
    for name in plain.__code__.co_names:
        called = plain.__globals__.get(name)
        if name in given:
            names[name] = given[name]
        elif isinstance(called, Dispatcher):
            names[name] = turned(called, **own)
    function = FunctionType(plain.__code__, plain.__globals__ | names, plain.__name__, plain.__defaults__)
    return cuda.jit(device=True)(function)


def over(count: int, *more: int) -> tuple[tuple[int, ...], int]:
    """Return blocks and threads that a kernel is launched with for `count` items, times more along other axes."""
    return (-(-count // THREADS), *more), THREADS


if SIMULATED:  # which has no library of a card's functions, and nothing fused
    dot, ahead = (cuda.jit(device=True)(f.py_func) for f in (raster.dot, raster.ahead))
else:
    from numba.cuda import dispatcher
    from numba.cuda.libdevice import dadd_rn, dmul_rn

    # a part of a few faces starts a few blocks, and nothing is to be done about it
    dispatcher.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

    @cuda.jit(device=True)
    def dot(ax, ay, az, bx, by, bz):
        """Return a . b, never with a fused step, whose missing rounding would turn the last bit."""
        return dadd_rn(dadd_rn(dmul_rn(ax, bx), dmul_rn(ay, by)), dmul_rn(az, bz))

    @cuda.jit(device=True)
    def ahead(start, step, count):
        """Return start + step * count, never with a fused step."""
        return dadd_rn(start, dmul_rn(step, float(count)))
