"""A process of its own for what may hang, crash or fill the memory: all that it does is told from outside.

for number, said in watched(READERS["stl"], seed=0, first=0, folder=folder): ...
"""

import contextlib
import json
import os
import resource
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from defects.messages import BadInput
from tests.fuzz.readers import Reader

MOST_MEMORY = 1_500_000_000
"""Bytes that a reader may take beyond what the process has when it starts."""

MOST_SECONDS = 60
"""That a reader may take for one file."""

MOST_SAID = 1_000_000
"""Characters of a message; a longer one repeats the file."""

READ, REFUSED = "read", "refused"


def judged(read: Callable[[Path], Any], path: Path) -> str:
    """Return "read", "refused: " with the message, or what else happened, which must not."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(path)
        said = READ
    except BadInput as error:
        chain, said = error, f"{REFUSED}: {error}"
        while chain is not None:
            if isinstance(chain, MemoryError):
                return f"memory: {traceback.format_exc(limit=-6)}"
            chain = chain.__cause__ or chain.__context__
        if len(str(error)) > MOST_SAID:
            return f"a message of {len(str(error))} characters: {str(error)[:300]}"
    except BaseException:
        return f"raised: {traceback.format_exc(limit=-8)}"
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return f"memory: {more / 1e9:.1f} GB more" if more > MOST_MEMORY else said


def limited() -> None:
    """Set the limit on the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def told(work: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """Yield what work tells from a process of its own; last "signal N", or "hang" where it told nothing for too long.

    Args:
        work: Is given the function to tell with.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.setpgid(0, 0)  # so that what it starts goes with it
            limited()
            work(lambda said: _send(theirs, said))
        os._exit(0)
    os.close(theirs)
    with contextlib.suppress(OSError):  # whoever comes first: it may be killed at once
        os.setpgid(child, child)
    try:
        yield from _lines(ours)
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        yield f"signal {os.WTERMSIG(status)}"


def _send(pipe: int, said: Any) -> None:
    data = json.dumps(said).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def _lines(pipe: int) -> Iterator[Any]:
    held, deadline = b"", time.monotonic() + MOST_SECONDS
    while True:
        if not select.select([pipe], [], [], max(deadline - time.monotonic(), 0))[0]:
            yield "hang"
            return
        more = os.read(pipe, 1 << 16)
        if not more:
            return
        *whole, held = (held + more).split(b"\n")
        for line in whole:
            deadline = time.monotonic() + MOST_SECONDS
            yield json.loads(line)


def outcome(read: Callable[[Path], Any], path: Path) -> str:
    """Return what comes of reading one file in a process of its own, as `judged` says it, or "signal N" or "hang"."""
    return next((said for said in told(lambda tell: tell(judged(read, path)))), "exited")


def mutant(reader: Reader, seeds: list[bytes], seed: int, number: int) -> bytes:
    """Return the file of that number."""
    rng = Random(f"{reader.file} {seed} {number}")
    return reader.others(rng.choice(seeds), rng)


def watched(reader: Reader, seed: int, first: int, folder: Path) -> Iterator[tuple[int, str]]:
    """Yield what comes of one file after the other, from the first on, until the process dies, hangs or goes wrong.

    The file that was read last lies in the folder.
    """

    def work(tell: Callable[[Any], None]) -> None:
        reader.beside(folder)
        seeds, path = reader.seeds(), folder / reader.file
        for number in range(first, 1 << 40):
            path.write_bytes(mutant(reader, seeds, seed, number))
            tell([number, "begins"])
            tell([number, said := judged(reader.read, path)])
            if said.partition(":")[0] not in (READ, REFUSED):
                return

    number = first
    for said in told(work):
        if isinstance(said, str):
            yield number, said
        else:
            number, word = said
            if word != "begins":
                yield number, word
