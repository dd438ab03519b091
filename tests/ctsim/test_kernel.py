"""Compiled code must not outlive the source of any function that went into it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from ctsim import kernel

CALLER = """
from ctsim.kernel import kernel
from ctsim.inner import added


@kernel()
def total(x):
    return x + added()
"""
INNER = """
from ctsim.kernel import kernel


@kernel(inline="always")
def added():
    return {}
"""
RUN = "from ctsim.caller import total; print(total(1), sum(total.stats.cache_hits.values()))"


def run(folder: Path) -> list[int]:
    """Return what the caller makes of 1, and how often its compiled code was found on disk."""
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, cwd=folder, check=True)
    return [int(word) for word in done.stdout.split()]


def test_an_edit_of_a_called_kernel_is_compiled_into_its_caller(tmp_path):
    package = tmp_path / "ctsim"
    package.mkdir()
    source = Path(importlib.util.find_spec(kernel.__name__).origin)
    for name, text in (
        ("__init__", ""),
        ("kernel", source.read_text()),
        ("caller", CALLER),
        ("inner", INNER.format(1)),
    ):
        (package / f"{name}.py").write_text(text)
    assert run(tmp_path) == [2, 0]
    assert run(tmp_path) == [2, 1]
    (package / "inner.py").write_text(INNER.format(41))
    assert run(tmp_path) == [42, 0]


def test_every_kernel_is_made_here():
    root = Path(kernel.__file__).parent
    makers = {path.name for path in root.rglob("*.py") if "njit" in path.read_text(encoding="utf-8")}
    assert makers == {"kernel.py"}
