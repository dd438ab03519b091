"""What is said of the packages, and of GATE, whose data come apart from its own."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from ctsim import doctor


@pytest.fixture
def with_packages(monkeypatch):
    """All packages, whatever this machine has."""
    monkeypatch.setattr(doctor, "_version", lambda package: "1.0")


def test_every_package_that_ctsim_is_installed_with_is_looked_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    def names(requirements):
        return sorted(re.match(r"[\w-]+", requirement)[0] for requirement in requirements)

    assert sorted(doctor.CORE) == names(project["dependencies"])
    for extra, (_, packages) in doctor.EXTRAS.items():
        assert sorted(packages) == names(project["optional-dependencies"][extra])


def test_missing_packages_of_gate_come_first(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    found = doctor.examine()["extras"]["gate"]
    assert found["missing"] == ["opengate", "uproot"]
    assert found["install"] == "pip install 'ctsim[gate]'"


def test_missing_data_are_named_with_both_ways_to_get_them(with_packages, monkeypatch, tmp_path):
    monkeypatch.setenv("CTSIM_GEANT4_DATA", str(tmp_path / "none"))
    found = doctor.examine()["extras"]["gate"]
    assert found["missing"] == [f"Geant4's data (there is no folder {tmp_path / 'none'})"]
    assert "python -c 'import opengate'" in found["install"]
    assert "CTSIM_GEANT4_DATA" in found["install"]
    assert "pip" not in found["install"]


def test_data_that_hold_what_photons_need_are_content(with_packages, monkeypatch, tmp_path):
    monkeypatch.setenv("CTSIM_GEANT4_DATA", str(tmp_path))
    (tmp_path / "G4EMLOW8.8" / "epics2017" / "phot").mkdir(parents=True)
    assert doctor.geant4_fault() == f"there is no G4ENSDFSTATE* in {tmp_path}"
    (tmp_path / "G4ENSDFSTATE3.0").mkdir()
    assert doctor.geant4_fault() == f"there is no ENSDFSTATE.dat in {tmp_path / 'G4ENSDFSTATE3.0'}"
    (tmp_path / "G4ENSDFSTATE3.0" / "ENSDFSTATE.dat").touch()
    assert doctor.geant4_fault() is None
    assert doctor.examine()["extras"]["gate"]["missing"] == []


def test_without_a_word_they_are_looked_for_where_opengate_puts_them(monkeypatch, tmp_path):
    monkeypatch.delenv("CTSIM_GEANT4_DATA", raising=False)
    spec = importlib.util.spec_from_file_location("opengate_core", tmp_path / "opengate_core" / "__init__.py")
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: spec)
    assert doctor.geant4_data() == tmp_path / "opengate_core" / "geant4_data"
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert doctor.geant4_data() is None
    assert doctor.geant4_fault() == "opengate is not installed"
    monkeypatch.setenv("CTSIM_GEANT4_DATA", "elsewhere")  # whoever names a folder means it
    assert doctor.geant4_data() == Path("elsewhere")
