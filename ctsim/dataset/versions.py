"""What the bytes of samples depend on beside their scenes: versions, backends and the processor."""

import hashlib
import os
import platform
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba.core import config
from numba.core.codegen import get_host_cpu_features

from ctsim.arrays import card_versions

LIBRARIES = ("manifold3d", "numba", "numpy", "scipy", "spekpy", "xraylib", "zstandard")


def made_by(backends: Collection[str], fidelities: Collection[str] = ()) -> dict[str, str]:
    """Return the versions that the bytes of samples depend on, of some backends and in some fidelities.

    With them stand the kind of machine, x86_64 or aarch64, and the instructions that its processor is used with.
    """
    named = ", ".join(name if name == "mesh-gpu" else f"{name}-cpu" for name in sorted(backends))
    made = {"ctsim": version("ctsim"), "backend": named, "machine": platform.machine(), "processor": processor()}
    made |= {name: version(name) for name in LIBRARIES}
    made |= {"opengate": version("opengate")} if "gate" in fidelities else {}
    made |= {"gvxr": version("gvxr")} if "gvxr" in backends else {}
    return made | card_versions() if "mesh-gpu" in backends else made


def processor() -> str:
    """Return what kernels are compiled for, and a digest of the instructions that they, numpy and OpenBLAS may use.

    Sums and logarithms end in another last digit where eight numbers are taken at a time, or sixteen. All three can be
    told to use less than a processor has, by NUMBA_CPU_NAME with NUMBA_CPU_FEATURES, NPY_DISABLE_CPU_FEATURES and
    OPENBLAS_CORETYPE.
    """
    name = config.CPU_NAME or llvm.get_host_cpu_name()
    features = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    vectors = np.show_config(mode="dicts")["SIMD Extensions"]
    used = [
        name,
        features,
        *vectors.get("baseline", ()),
        *vectors.get("found", ()),
        os.environ.get("OPENBLAS_CORETYPE", ""),
    ]
    return f"{name}-{hashlib.sha256(' '.join(used).encode()).hexdigest()[:8]}"


def differing(one: Any, other: dict[str, str], where: str = "there", here: str = "here") -> str:
    """Return what differs between two records of `made_by`, as `numpy 2.4.6 there, 2.5.0 here`; nothing: "".

    Args:
        one: Read from a file, and perhaps no record at all.
        other: Of this installation, say.
        where: What the first is called.
        here: What the other is called.
    """
    one = one if isinstance(one, dict) else {}
    names = [name for name in {**other, **one} if one.get(name) != other.get(name)]
    return "; ".join(f"{name} {one.get(name, 'not told')} {where}, {other.get(name, 'none')} {here}" for name in names)


def cause_of(there: Any, here: dict[str, str]) -> str:
    """Return in words why a sample may have been made otherwise, from the versions of both runs."""
    if found := differing(there, here):
        return f"they were made otherwise: {found}"
    return "they were made by the same versions, backend and processor: the dataset or its parts were changed"
