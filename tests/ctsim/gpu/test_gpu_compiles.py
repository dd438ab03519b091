"""The kernels compile for a card of 2022 (compute capability 9.0): this needs numba-cuda, but no card."""

import importlib.util
import types
from collections.abc import Callable

import pytest
from numba import boolean, float32, float64, int32, int64, uint8, uint64
from numba.core.types import Array, NamedTuple, UniTuple

from ctsim.arrays import SIMULATED
from ctsim.montecarlo.photon import Beam, Settings, World
from ctsim.montecarlo.tables import Tables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        SIMULATED or importlib.util.find_spec("numba_cuda") is None, reason="needs numba-cuda: pip install 'ctsim[gpu]'"
    ),
]


def array(dtype, axes: int) -> Array:
    return Array(dtype, axes, "C")


POINTS = (array(float64, 1),) * 3
DRAWN = (
    *POINTS, array(int32, 2), array(float64, 2), array(int32, 1), array(int32, 3), array(float64, 2),
    array(float64, 2), int64, array(int32, 1), array(int64, 4),
)  # fmt: skip
IMAGES, DOUBLES, NOISE = array(float32, 3), array(float64, 3), (boolean, uint64, int64)
BEAM = (IMAGES, IMAGES, DOUBLES)
TABLES = (*(array(float64, 2),) * 4, array(int64, 1), array(float64, 2))
LINE, PLANE, FLOATS = array(float64, 1), array(float64, 2), array(float32, 1)
FOLLOWED = (
    NamedTuple((array(uint8, 4), int64, *(LINE,) * 4, FLOATS), World),
    NamedTuple((array(float32, 3), array(float32, 2), array(float32, 2), PLANE, PLANE, array(float32, 3)), Tables),
    NamedTuple((PLANE, PLANE, LINE, PLANE, LINE, PLANE, int64, int64, *(LINE,) * 4, array(int32, 1)), Beam),
    NamedTuple((*(int64,) * 4, array(float32, 3), *(float64,) * 3, LINE, PLANE, float64), Settings),
)
"""What a photon is followed by."""

MEMORY = {"_follow"}
"""Kernels whose threads have arrays of their own."""

KERNELS = {
    "backends.mesh_gpu": {
        "_snap": (*POINTS, array(float64, 2), float64, array(int32, 3)),
        "_draw_small": DRAWN,
        "_draw_large": DRAWN,
        "_to_lengths": (array(int64, 4), array(float64, 2), array(int32, 1), array(float32, 4)),
    },
    "gpu.transmit": {"_read": (array(float32, 4), int64, *TABLES, array(float32, 4), array(float32, 4))},
    "gpu.readout": {
        "_read": (*BEAM, UniTuple(float64, 8), UniTuple(array(float64, 2), 4), boolean, *NOISE, DOUBLES),
        "_arrive": (*BEAM, float64, *NOISE, DOUBLES),
        "_grain": (uint64, int64, DOUBLES),
        "_hold": (array(float64, 4), float64, float64, float64, DOUBLES, array(float64, 4)),
        "_starved": (*BEAM, float64, array(int32, 1)),
    },
    "gpu.montecarlo": {"_follow": (int64, uint64, *FOLLOWED, array(int64, 3), array(int64, 4))},
    "gpu.backproject": {
        "_add_voxels": (
            array(float32, 1), int64, int64, array(float32, 2), array(float32, 2), int64, int64, array(float32, 3),
        ),
        "_weigh": (array(float32, 3), DOUBLES, array(float64, 1), DOUBLES, array(float32, 3)),
    },
}  # fmt: skip


@pytest.fixture
def compiled(monkeypatch) -> Callable[[str, str], str]:
    """What compiles a kernel to the card's assembler."""
    from numba import cuda
    from numba.cuda import dispatcher

    # functions that a kernel calls are compiled for the card that is there, which is none
    card = types.SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: card)

    def compile_one(module: str, name: str) -> str:
        kernel = getattr(importlib.import_module(f"ctsim.{module}"), name)
        fast = bool(kernel.targetoptions.get("fastmath"))
        return cuda.compile_ptx(kernel.py_func, KERNELS[module][name], cc=(9, 0), fastmath=fast)[0]

    return compile_one


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in KERNELS for name in KERNELS[module]])
def test_a_kernel_compiles_and_keeps_to_its_registers(compiled, module, name):
    assembler = compiled(module, name)
    assert ".target sm_90" in assembler
    assert ".entry" in assembler
    assert (".local" in assembler) == (name in MEMORY)  # arrays or calls that would go through memory


@pytest.mark.parametrize("name", KERNELS["backends.mesh_gpu"])
def test_no_step_is_fused_where_bits_must_be_those_of_the_processor(compiled, name):
    assembler = compiled("backends.mesh_gpu", name)
    assert "mul.rn.f64" in assembler
    assert "fma" not in assembler


def test_every_kernel_is_looked_at():
    from numba.cuda.dispatcher import CUDADispatcher

    for module, kernels in KERNELS.items():
        held = vars(importlib.import_module(f"ctsim.{module}"))
        there = {
            n for n, thing in held.items() if isinstance(thing, CUDADispatcher) and not thing.targetoptions["device"]
        }
        assert there == set(kernels)
