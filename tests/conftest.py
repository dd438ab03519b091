"""Every test checks every annotated shape: jaxtyping and beartype watch all modules that hold no compiled kernel."""

from pathlib import Path

from hypothesis import settings
from jaxtyping import install_import_hook

import tests.watch  # noqa: F401  (the hook finds it by its name)

ROOT = Path(__file__).parent.parent


def _watched() -> list[str]:
    """Return the modules to watch: a compiler cannot look through the wrapper that watching puts around a kernel."""
    names = []
    for package in ("defects", "scenes", "ctsim", "training"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            compiled = "from numba import" in text or "from ctsim.kernel import" in text
            if path.name != "__init__.py" and not compiled:
                names.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return names


install_import_hook(_watched(), "tests.watch.watch")

# the first call of a kernel compiles it, which is no reason to fail; the same examples on every run
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
