"""The door to GATE: whether opengate and Geant4's data are there and can serve; nothing is started, nothing fetched."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import xraylib

from ctsim import doctor
from ctsim.materials import material
from defects.messages import BadInput, unknown
from scenes.fidelity import GateSpec

PHYSICS_LISTS = {
    "G4EmStandardPhysics": "epics2017/rayl",
    "G4EmStandardPhysics_option3": "epics2017/rayl",
    "G4EmStandardPhysics_option4": "penelope/pdatconf.p08",
    "G4EmStandardPhysicsGS": "penelope/pdatconf.p08",
    "G4EmPenelopePhysics": "penelope/pdatconf.p08",
    "G4EmLivermorePhysics": "ioni",
    "G4EmLowEPPhysics": "photoelectric_angular/ftab0.dat",
}
"""Physics list -> what of G4EMLOW it needs beside the cross-sections; options 1 and 2 have no Rayleigh scattering."""

TABLES = {
    "epics2017/phot/pe-cs-{}.dat": (2, 4, 2),
    "epics2017/phot/pe-high-{}.dat": (0, 3, 7),
    "epics2017/phot/pe-low-{}.dat": (0, 3, 7),
    "epics2017/rayl/re-cs-{}.dat": (2, 4, 2),
}
"""What an element is read from -> which of its numbers says how many rows follow, how many stand before them, and how
many in each. Geant4 takes half a file of the second and third without a word, and T of 20 mm of aluminium is 2 % off.
"""

STATIC_TLS = "glibc.rtld.optional_static_tls=2000000"
"""What opengate asks for where its libraries find no room to be loaded."""


def require(spec: GateSpec, materials: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment that GATE is to run in; a look at the disk, nothing is started and nothing fetched.

    Raises:
        BadInput: opengate is not installed, or Geant4's data are missing, damaged or too few for the physics list.
    """
    if spec.physics_list not in PHYSICS_LISTS:
        raise unknown("physics_list", spec.physics_list, PHYSICS_LISTS)
    if _missing():
        raise BadInput(
            f"fidelity gate needs {' and '.join(_missing())}: pip install 'ctsim[gate]'; or choose fidelity: "
            "monte-carlo"
        )
    if fault := doctor.geant4_fault():
        raise BadInput(f"fidelity gate needs Geant4's data, but {fault}: {doctor.how_to_get_geant4_data()}")
    folder = doctor.geant4_data()
    tables, states = (sorted(folder.glob(f"{start}*"))[-1] for start in ("G4EMLOW", "G4ENSDFSTATE"))
    if not (tables / PHYSICS_LISTS[spec.physics_list]).exists():
        raise BadInput(
            f"physics_list {spec.physics_list} needs {PHYSICS_LISTS[spec.physics_list]}, which {tables} does not hold "
            f"(a reduced set of data); choose physics_list: G4EmStandardPhysics_option3, or get the official data: "
            f"{doctor.how_to_get_geant4_data()}"
        )
    for z in sorted({xraylib.SymbolToAtomicNumber(s) for name in materials for s, _ in material(name).mass_fractions}):
        for name, layout in TABLES.items():
            _check_table(tables / name.format(z), *layout)
    return _environment(folder, tables, states)


def unavailable(physics_list: str = "G4EmStandardPhysics_option3") -> str | None:
    """Return why GATE cannot be used here and what to do about it, or None where it can."""
    try:
        require(GateSpec(physics_list=physics_list))
    except BadInput as error:
        return str(error)
    return None


def _environment(folder: Path, tables: Path, states: Path) -> dict[str, str]:
    """Return our own environment and where the data are, so that nothing is looked for elsewhere, and nothing fetched.

    Args:
        folder: Of all data.
        tables: G4EMLOW in it.
        states: G4ENSDFSTATE in it.
    """
    found = {"G4LEDATA": tables, "G4ENSDFSTATEDATA": states}
    for variable, start in (("G4LEVELGAMMADATA", "PhotonEvaporation"), ("G4PIIDATA", "G4PII")):
        found[variable] = max(folder.glob(f"{start}*"), default=folder / start)  # named, but not opened for photons
    kept = os.environ.get("GLIBC_TUNABLES")
    return {
        **os.environ,
        "GATEONRTD": "1",  # or opengate looks for its own data as it is imported, and fetches what is missing
        "OPENBLAS_NUM_THREADS": "1",  # how a product is shared out may change its last digit
        **{variable: str(path) for variable, path in found.items()},
        "GLIBC_TUNABLES": f"{kept}:{STATIC_TLS}" if kept else STATIC_TLS,
    }


def _missing() -> list[str]:
    return [name for name in doctor.EXTRAS["gate"][1] if importlib.util.find_spec(name) is None]


def _check_table(path: Path, place: int, before: int, in_each: int) -> None:
    """Raise BadInput unless a file holds as many rows as it says."""
    try:
        words = path.read_text().split()
        whole = len(words) >= before + in_each * int(words[place])
    except FileNotFoundError:
        raise _damaged(f"there is no {path}") from None
    except (OSError, ValueError, IndexError):
        whole = False
    if not whole:
        raise _damaged(f"{path} is damaged: it must hold as many rows as it says at its beginning")


def _damaged(what: str) -> BadInput:
    return BadInput(f"fidelity gate needs Geant4's data, but {what}: {doctor.how_to_get_geant4_data()}")
