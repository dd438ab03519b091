"""What this machine can run, and how to get what is missing."""

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from ctsim.arrays import has_driver

EXTRAS = {
    "gpu": ("radiographs and FDK on an NVIDIA card", ["cupy-cuda13x", "numba-cuda"]),
    "step": ("STEP files", ["cascadio"]),
    "train": ("training recipes", ["torch", "monai"]),
    "gvxr": ("radiographs by gVirtualXray, to compare with ours", ["gvxr"]),
    "gate": ("scatter by GATE 10 (Geant4), to compare with ours", ["opengate", "uproot"]),
    "cluster": ("datasets made on a Ray cluster, or kept in S3", ["ray", "s3fs"]),
}
"""Extra that this version makes use of -> what it is for, and the packages it brings."""

LIBRARIES = {
    "gvxr": {
        "libEGL.so.1": "libegl1",
        "libGL.so.1": "libgl1",
        "libGLX_mesa.so.0": "libglx-mesa0",
        "libOpenGL.so.0": "libopengl0",
        "libSM.so.6": "libsm6",
        "libXrender.so.1": "libxrender1",
        "libxcb-composite.so.0": "libxcb-composite0",
        "libxcb-cursor.so.0": "libxcb-cursor0",
        "libxcb-ewmh.so.2": "libxcb-ewmh2",
        "libxcb-icccm.so.4": "libxcb-icccm4",
        "libxcb-image.so.0": "libxcb-image0",
        "libxcb-keysyms.so.1": "libxcb-keysyms1",
        "libxcb-render-util.so.0": "libxcb-render-util0",
        "libxcb-res.so.0": "libxcb-res0",
        "libxcb-shape.so.0": "libxcb-shape0",
        "libxcb-util.so.1": "libxcb-util1",
        "libxcb-xinerama.so.0": "libxcb-xinerama0",
        "libxcb-xkb.so.1": "libxcb-xkb1",
    },
}
"""Extra -> what its packages load from a Linux system -> the package of Debian and Ubuntu that brings it, and all that
that one needs."""

GEANT4_DATA = {"G4EMLOW": "epics2017/phot", "G4ENSDFSTATE": "ENSDFSTATE.dat"}
"""Start of the name of each folder of Geant4's data that photons need -> what must lie in it."""

CORE = [
    "jaxtyping", "manifold3d", "numba", "numpy", "pillow", "pydantic", "PyYAML", "rich", "scikit-image", "scipy",
    "spekpy", "threadpoolctl", "tifffile", "typer", "universal-pathlib", "webdataset", "xraylib", "zstandard",
]  # fmt: skip


def examine() -> dict:
    """Return the machine, the core's packages with their versions, and each extra with what it lacks."""
    return {
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
            "memory_gib": _memory_gib(),
            "nvidia_card": shutil.which("nvidia-smi") is not None,
        },
        "core": {name: _version(name) for name in CORE},
        "extras": {name: _extra(name) for name in EXTRAS},
    }


def _extra(name: str) -> dict:
    """Return what an extra is for, what it lacks here, and how to get that."""
    purpose, packages = EXTRAS[name]
    lacking, libraries = [p for p in packages if _version(p) is None], missing_libraries(name)
    if name == "gpu" and not has_driver():
        return {
            "for": purpose,
            "missing": ["an NVIDIA card"],
            "install": f"where there is one: pip install 'ctsim[{name}]'",
        }
    fault = geant4_fault() if name == "gate" and not lacking else None
    steps = [f"pip install 'ctsim[{name}]'"] if lacking or not (libraries or fault) else []
    if libraries:
        steps.append(f"on Debian and Ubuntu apt-get install {' '.join(libraries)}")
    if fault:
        libraries, steps = [*libraries, f"Geant4's data ({fault})"], [*steps, how_to_get_geant4_data()]
    return {"for": purpose, "missing": lacking + libraries, "install": "; ".join(steps)}


def geant4_data() -> Path | None:
    """Return where Geant4's data are to lie: in CTSIM_GEANT4_DATA, else where opengate puts them.

    None where neither is known.
    """
    if named := os.environ.get("CTSIM_GEANT4_DATA"):
        return Path(named)
    found = importlib.util.find_spec("opengate_core")
    return None if found is None or not found.origin else Path(found.origin).parent / "geant4_data"


def geant4_fault() -> str | None:
    """Return what is wrong with Geant4's data, or None; a look at the disk, nothing is started."""
    folder = geant4_data()
    if folder is None or not folder.is_dir():
        return f"there is no folder {folder}" if folder else "opengate is not installed"
    for start, content in GEANT4_DATA.items():
        found = sorted(folder.glob(f"{start}*"))
        if not found:
            return f"there is no {start}* in {folder}"
        if not (found[-1] / content).exists():
            return f"there is no {content} in {found[-1]}"
    return None


def how_to_get_geant4_data() -> str:
    """Return what brings Geant4's data."""
    python = "python -c 'import opengate'"
    return f"run {python} once, with network: it fetches them; or set CTSIM_GEANT4_DATA to the folder that holds them"


def missing_libraries(extra: str) -> list[str]:
    """Return the system's packages that an extra needs and that are not there; none where the system is not Linux."""
    return [package for library, package in LIBRARIES.get(extra, {}).items() if not _loads(library)]


def _loads(library: str) -> bool:
    if not sys.platform.startswith("linux"):
        return True
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
