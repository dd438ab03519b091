"""GATE with the data that this machine has, a copy of them to do harm to, and programs of our own in GATE's place."""

import os
import tempfile
from pathlib import Path

import pytest

from ctsim import doctor
from ctsim.gate import runs
from ctsim.gate.data import unavailable
from tests.ctsim.gate.setups import LIST
from tests.shared_data import SHARED


@pytest.fixture(autouse=True)
def data(monkeypatch):
    """Where this machine has no official data, the reduced ones."""
    if "CTSIM_GEANT4_DATA" not in os.environ and SHARED is not None and (SHARED / "g4data").is_dir():
        monkeypatch.setenv("CTSIM_GEANT4_DATA", str(SHARED / "g4data"))


@pytest.fixture
def real(data):
    """Skip where GATE cannot run."""
    if reason := unavailable(LIST):
        pytest.skip(reason)


@pytest.fixture
def copy(monkeypatch, tmp_path, real):
    """Return a copy of Geant4's data to do harm to."""
    source = doctor.geant4_data()
    for start in doctor.GEANT4_DATA:
        folder = sorted(source.glob(f"{start}*"))[-1]
        for path in folder.rglob("*"):
            # the tables are linked one by one: nothing is written to them
            place = tmp_path / "data" / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                place.symlink_to(path)
    monkeypatch.setenv("CTSIM_GEANT4_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Return what puts a program of our own in GATE's place, and the folder that jobs come to lie in."""

    def put(program: str) -> Path:
        (tmp_path / "stand_in.py").write_text(f"import os, sys, time\n{program}\n")
        monkeypatch.setattr(runs, "WORKER", tmp_path / "stand_in.py")
        monkeypatch.setattr("ctsim.gate.arrivals.require", lambda spec, materials: dict(os.environ))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        return scratch

    return put


@pytest.fixture
def started(monkeypatch):
    """The processes that are started."""
    processes, start = [], runs._start
    monkeypatch.setattr(runs, "_start", lambda *given: processes.append(start(*given)) or processes[-1])
    return processes
