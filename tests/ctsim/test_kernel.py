"""Compiled code must not outlive the source of any function that went into it."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
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


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Return what became of a process that calls the caller of the package in a folder."""
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return subprocess.run(
        [sys.executable, "-c", RUN], capture_output=True, text=True, cwd=folder, env=kept | environment
    )


def run(folder: Path) -> list[int]:
    """Return what the caller makes of 1, and how often its compiled code was found on disk."""
    return [int(word) for word in start(folder).stdout.split()]


def package(folder: Path, **texts: str) -> Path:
    """Write a package with this kernel.py and some more, and return its folder."""
    (folder / "ctsim").mkdir()
    source = Path(importlib.util.find_spec(kernel.__name__).origin)
    for name, text in {"__init__": "", "kernel": source.read_text(), **texts}.items():
        (folder / "ctsim" / f"{name}.py").write_text(text)
    return folder / "ctsim"


def test_an_edit_of_a_called_kernel_is_compiled_into_its_caller(tmp_path):
    made = package(tmp_path, caller=CALLER, inner=INNER.format(1))
    assert run(tmp_path) == [2, 0]
    assert run(tmp_path) == [2, 1]
    (made / "inner.py").write_text(INNER.format(41))
    assert run(tmp_path) == [42, 0]


def test_an_edit_of_a_constant_is_compiled_into_the_kernels_that_take_it(tmp_path):
    """From a file that says nothing of kernels, by way of another."""
    inner = "from ctsim.kernel import kernel\nfrom ctsim.middle import (\n    OTHER,\n    ADDED,\n)\n\n\n"
    inner += "@kernel(inline='always')\ndef added():\n    return ADDED\n"
    middle = "from ctsim.constants import ADDED  # noqa: F401\n\nOTHER = 3\n"
    made = package(tmp_path, caller=CALLER, inner=inner, middle=middle, constants="ADDED = 1\n")
    assert run(tmp_path) == [2, 0]
    assert run(tmp_path) == [2, 1]
    (made / "constants.py").write_text("ADDED = 41\n")
    assert run(tmp_path) == [42, 0]


def test_where_nothing_can_be_kept_it_says_how_to_change_that(tmp_path):
    made = package(tmp_path, caller=CALLER, inner=INNER.format(1))
    (made / "__pycache__").touch()  # no folder: not even root can write there
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    last = start(tmp_path, **nowhere).stderr.splitlines()[-1]
    assert last.startswith(f"defects.messages.BadInput: compiled kernels can be kept neither in {made} nor in a folder")
    assert "set NUMBA_CACHE_DIR to one that you may write to" in last
    assert start(tmp_path, **nowhere, NUMBA_CACHE_DIR=str(tmp_path / "kept")).stdout.split() == ["2", "0"]
    assert start(tmp_path, **nowhere, NUMBA_CACHE_DIR=str(tmp_path / "kept")).stdout.split() == ["2", "1"]


def watched(file: kernel.CacheFile, look: Callable[[], object]) -> kernel.CacheFile:
    """Return a file that looks around whenever it has read or written anything."""

    def stepwise(own):
        def step(*arguments):
            found = own(*arguments)
            look()
            return found

        return step

    for name in ("_load_index", "_save_data", "_save_index"):
        setattr(file, name, stepwise(getattr(file, name)))
    return file


def test_while_one_process_writes_another_never_runs_code_of_an_older_version(tmp_path):
    kernel.CacheFile(str(tmp_path), "f", "old").save("float32", "old code")
    seen, reader = [], kernel.CacheFile(str(tmp_path), "f", "new")
    watched(kernel.CacheFile(str(tmp_path), "f", "new"), lambda: seen.append(reader.load("float32"))).save(
        "float32", "new code"
    )
    assert seen == [None, None, "new code"]
    assert len(list(tmp_path.iterdir())) == 2  # the index and one code: nothing old is left


def test_two_processes_that_write_at_once_leave_each_signature_its_own_code(tmp_path):
    others = iter(["int8", "int16", "int32"])

    def write():
        if kind := next(others, None):
            kernel.CacheFile(str(tmp_path), "f", "new").save(kind, f"code of {kind}")

    watched(kernel.CacheFile(str(tmp_path), "f", "new"), write).save("int64", "code of int64")
    reader = kernel.CacheFile(str(tmp_path), "f", "new")
    found = {kind: reader.load(kind) for kind in ("int8", "int16", "int32", "int64")}
    assert all(code in (None, f"code of {kind}") for kind, code in found.items())
    assert sum(code is not None for code in found.values()) >= 2


def test_every_kernel_is_made_here():
    root = Path(kernel.__file__).parent
    makers = {path.name for path in root.rglob("*.py") if "njit" in path.read_text(encoding="utf-8")}
    assert makers == {"kernel.py"}
