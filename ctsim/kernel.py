"""`numba.njit` for the project's kernels, whose compiled code is kept on disk until any kernel's source changes.

Numba alone looks at the file of the function that is called, not at those of the functions that it calls, which are
compiled into it: after an upgrade or an edit it would go on with old code. Nor does it expect others to compile at the
same time: files are numbered, and named in the index before they are written, so that a process could run what another
has compiled for other types, or what an older version has left.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

from defects.messages import BadInput


def kernel(**options) -> Callable[[Callable], Dispatcher]:
    """Return a decorator that compiles a function at its first call, or takes what an earlier process has compiled.

    Args:
        options: Those of `numba.njit`.

    Raises:
        BadInput: Compiled code can be kept nowhere; it would take minutes in each process.
    """

    def compiled(body: Callable) -> Dispatcher:
        dispatcher = njit(**options)(body)
        try:
            dispatcher._cache = _Cache(body)
        except RuntimeError as error:  # numba has tried the folder of the sources and the user's own
            raise BadInput(
                f"compiled kernels can be kept neither in {Path(__file__).parent} nor in a folder of yours: set "
                "NUMBA_CACHE_DIR to one that you may write to"
            ) from error
        return dispatcher

    return compiled


class _Cache(FunctionCache):
    """Numba's cache of one function, stamped with the contents of all kernels in place of one file's date."""

    def __init__(self, body: Callable) -> None:
        super().__init__(body)
        self._cache_file = CacheFile(self._cache_path, self._impl.filename_base, sources())


class CacheFile(IndexDataCacheFile):
    """Numba's files of one function, each named by what is in it: whoever finds one under a name may run it."""

    def save(self, key: Any, data: Any) -> None:
        """Keep the code of a signature, and remove that of other versions.

        The index comes last. Of two processes that write at once one may lose its entry, and compiles again some day.
        """
        base, stamp = self._index_name.removesuffix(".nbi"), self._source_stamp[:8]
        name = f"{base}.{stamp}-{hashlib.sha256(self._dump(key)).hexdigest()[:16]}.nbc"
        self._save_data(name, data)
        self._save_index(self._load_index() | {key: name})
        for path in Path(self._cache_path).glob(f"{base}.*.nbc"):
            if not path.name.startswith(f"{base}.{stamp}-"):
                with contextlib.suppress(OSError):  # another process has removed it, or runs it on Windows
                    path.unlink()


@cache
def sources() -> str:
    """Return a digest of the files that hold kernels, or what is compiled into them: functions and constants.

    It takes 30 ms.
    """
    here = Path(__file__).parent
    waiting = {path for path in here.rglob("*.py") if _HOLDS_KERNELS.search(path.read_bytes())}
    texts: dict[Path, bytes] = {}
    while waiting:
        path = waiting.pop()
        texts[path] = path.read_bytes()
        found = {here.parent.joinpath(*module.decode().split(".")) for module in _CONSTANTS_OF.findall(texts[path])}
        waiting |= {file for name in found for file in (name.with_suffix(".py"), name / "__init__.py") if file.exists()}
        waiting -= texts.keys()
    return hashlib.sha256(b"".join(texts[path] for path in sorted(texts))).hexdigest()


_HOLDS_KERNELS = re.compile(rb"ctsim\.kernel|^\s*(?:from|import) numba", re.M)
_CONSTANTS_OF = re.compile(
    rb"^from ((?:ctsim|scenes|defects)[\w.]*) import [^)\n]*(?:\([^)]*)?\b[A-Z][A-Z0-9_]*\b", re.M
)
"""Modules that a file takes constants from: numba compiles their values into its code."""
