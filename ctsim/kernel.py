"""`numba.njit` for the project's kernels, whose compiled code is kept on disk until any kernel's source changes.

Numba alone looks at the file of the function that is called, not at those of the functions that it calls, which are
compiled into it: after an upgrade or an edit it would go on with old code.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher


def kernel(**options) -> Callable[[Callable], Dispatcher]:
    """Return a decorator that compiles a function at its first call, or takes what an earlier process has compiled.

    Args:
        options: Those of `numba.njit`.
    """

    def compiled(body: Callable) -> Dispatcher:
        dispatcher = njit(**options)(body)
        dispatcher._cache = _Cache(body)
        return dispatcher

    return compiled


class _Cache(FunctionCache):
    """Numba's cache of one function, stamped with the contents of all kernels in place of one file's date."""

    def __init__(self, body: Callable) -> None:
        super().__init__(body)
        self._cache_file._source_stamp = sources()


@cache
def sources() -> str:
    """Return a digest of the files that hold kernels, or what is compiled into them; it takes 5 ms."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        text = path.read_bytes()
        if b"ctsim.kernel" in text or b"numba" in text:
            digest.update(text)
    return digest.hexdigest()
