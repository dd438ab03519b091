"""Arrays in a processor's memory or in a card's: numpy, or cupy, which nothing else imports.

Functions that serve both ask `module_of` which of the two an array belongs to, and leave results where it lies. With
NUMBA_ENABLE_CUDASIM=1 numba runs a card's kernels as plain Python, and `ctsim.gpu.simulated` stands in for cupy.
"""

import ctypes
import dataclasses
import importlib.util
import os
import sys
from functools import lru_cache
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

from defects.messages import BadInput

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
"""Whether there is no card, but numba's simulator of one; read when numba is imported, too."""

Array = Any
"""An array of numpy or of cupy, in annotations of shapes."""


def is_on_card(array: Array) -> bool:
    """Return whether an array lies in a card's memory."""
    if SIMULATED:
        return type(array) is not np.ndarray
    return type(array).__module__.partition(".")[0] == "cupy"


def module_of(array: Array) -> ModuleType:
    """Return numpy or cupy, whichever an array belongs to."""
    if not is_on_card(array):
        return np
    return sys.modules["ctsim.gpu.simulated" if SIMULATED else "cupy"]


def fft_of(array: Array) -> ModuleType:
    """Return scipy.fft, or cupy's for what lies on a card."""
    if SIMULATED or not is_on_card(array):
        import scipy.fft

        return scipy.fft
    import cupyx.scipy.fft

    return cupyx.scipy.fft


def card() -> ModuleType:
    """Return cupy.

    Raises:
        BadInput: There is no card, or nothing to use it with.
    """
    if reason := missing():
        raise BadInput(f"backend mesh-gpu: {reason}; or choose backend: mesh, which needs no card")
    if SIMULATED:
        from ctsim.gpu import simulated

        return simulated
    import cupy

    return cupy


@lru_cache(maxsize=1)
def missing() -> str | None:
    """Return what is in the way of using a card and how to mend it, or None."""
    if SIMULATED:
        return None
    if not has_driver():
        return "there is no NVIDIA card here, or no driver for it; where there is one: pip install 'ctsim[gpu]'"
    if lacking := [name for name in ("cupy", "numba_cuda") if importlib.util.find_spec(name) is None]:
        names = " and ".join(name.replace("_", "-") for name in lacking)
        return f"a card is driven by {names}, not installed: pip install 'ctsim[gpu]'"
    import cupy
    from numba import cuda

    try:
        cards = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no NVIDIA card can be used here ({error}); 'ctsim[gpu]' needs a driver for CUDA 13"
    return None if cards and cuda.is_available() else "there is no NVIDIA card here that CUDA 13 can use"


def has_driver() -> bool:
    """Return whether the driver of a card is there."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def card_versions() -> dict[str, str]:
    """Return the versions of what drives a card."""
    return {"cupy": card().__version__, "numba-cuda": "simulated" if SIMULATED else version("numba-cuda")}


def to_host(array: Array) -> np.ndarray:
    """Return an array in the processor's memory; itself if it is there."""
    if isinstance(array, np.ndarray):
        return array.view(np.ndarray)
    return array.get()


def fetch(array: Array, out: np.ndarray) -> None:
    """Copy an array [part ...] into one in the processor's memory whose parts are contiguous each."""
    if isinstance(array, np.ndarray):
        out[:] = array
        return
    for part, place in zip(array.astype(out.dtype, copy=False), out, strict=True):
        part.get(out=place)


def to_card(thing: Any) -> Any:
    """Return an array in the card's memory, or a record or tuple with all of its arrays there; the rest as it is."""
    if isinstance(thing, np.ndarray):
        return card().asarray(thing)
    if isinstance(thing, tuple):
        return type(thing)(*map(to_card, thing)) if hasattr(thing, "_fields") else tuple(map(to_card, thing))
    if dataclasses.is_dataclass(thing):
        held = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
        moved = {name: to_card(value) for name, value in held.items()}
        return dataclasses.replace(thing, **{n: value for n, value in moved.items() if value is not held[n]})
    return thing
