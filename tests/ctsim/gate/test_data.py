"""The door: what is said where the extra or the data are missing, damaged or too few for a physics list."""

import importlib.util
import shutil

import pytest

from ctsim.gate.data import PHYSICS_LISTS, require
from defects.messages import BadInput
from scenes.fidelity import GateSpec
from tests.ctsim.gate.setups import LIST

SPEC, ALLOY = GateSpec(physics_list=LIST), ("AlSi10Mg",)


def test_a_missing_extra_is_said_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = r"needs opengate and uproot: pip install 'ctsim\[gate\]'; or choose fidelity: monte-carlo"
    with pytest.raises(BadInput, match=told):
        require(SPEC, ALLOY)


@pytest.fixture
def installed(monkeypatch):
    """Whatever this machine has, opengate is there: only its data are looked at."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_missing_data_are_said_with_how_to_get_them(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("CTSIM_GEANT4_DATA", str(tmp_path / "nowhere"))
    told = r"needs Geant4's data, but there is no folder .*nowhere: run python -c 'import opengate' once, with network"
    with pytest.raises(BadInput, match=told):
        require(SPEC, ALLOY)
    monkeypatch.setenv("CTSIM_GEANT4_DATA", str(tmp_path))
    told = r"there is no G4EMLOW\* in .*or set CTSIM_GEANT4_DATA to the folder that holds them"
    with pytest.raises(BadInput, match=told):
        require(SPEC, ALLOY)
    (tmp_path / "G4EMLOW8.8").mkdir()
    with pytest.raises(BadInput, match=r"there is no epics2017/phot in .*G4EMLOW8\.8"):
        require(SPEC, ALLOY)


def test_damaged_data_are_named(copy):
    table = copy / next(copy.glob("G4EMLOW*")).name / "epics2017" / "phot" / "pe-high-13.dat"
    text = table.read_text()
    table.unlink()
    with pytest.raises(BadInput, match=r"there is no .*pe-high-13\.dat"):
        require(SPEC, ALLOY)
    told = r"pe-high-13\.dat is damaged: it must hold as many rows as it says at its beginning: run python"
    for damage in (text[: len(text) // 2], "", "<html>"):
        table.write_text(damage)
        with pytest.raises(BadInput, match=told):
            require(SPEC, ALLOY)
    table.write_text(text)
    require(SPEC, ALLOY)


def test_physics_lists_that_the_data_cannot_serve_and_unknown_ones_are_refused(copy):
    tables = next(copy.glob("G4EMLOW*"))
    for name in ("penelope", "ioni", "photoelectric_angular"):
        shutil.rmtree(tables / name, ignore_errors=True)
    lacking = [name for name, wanted in PHYSICS_LISTS.items() if wanted != "epics2017/rayl"]
    assert {"G4EmStandardPhysics_option4", "G4EmLivermorePhysics"} <= set(lacking)
    for name in lacking:
        with pytest.raises(BadInput, match=f"{name} needs .*does not hold .*choose physics_list: {LIST}"):
            require(GateSpec(physics_list=name), ALLOY)
    # options 1 and 2 leave Rayleigh scattering out: T of 20 mm of aluminium would be 0.378 instead of 0.336
    with pytest.raises(BadInput, match="unknown physics_list 'G4EmStandardPhysics_option1'"):
        require(GateSpec(physics_list="G4EmStandardPhysics_option1"), ALLOY)
