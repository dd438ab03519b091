"""What this machine can run, and how to get what is missing."""

import importlib.metadata
import os
import platform
import shutil

EXTRAS = {
    "step": ("STEP files", ["cascadio"]),
    "train": ("training recipes", ["torch", "monai"]),
}
"""Extra that this version makes use of -> what it is for, and the packages it brings."""

CORE = [
    "jaxtyping", "lxml", "manifold3d", "networkx", "numba", "numpy", "pillow", "pydantic", "PyYAML", "rich",
    "scikit-image", "scipy", "spekpy", "tifffile", "trimesh", "typer", "webdataset", "xraylib",
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
        "extras": {
            name: {
                "for": purpose,
                "missing": [p for p in packages if _version(p) is None],
                "install": f"pip install 'ctsim[{name}]'",
            }
            for name, (purpose, packages) in EXTRAS.items()
        },
    }


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
