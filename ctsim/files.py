"""Files that are written whole or not at all, and their checksums."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from defects.messages import BadInput


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: aside, synced to the disk, then renamed.

    The name aside holds the process, so that two runs that write the same file do not write into each other's.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file while the work goes on; the system lets go of it if the process dies.

    Raises:
        BadInput: Another process holds it, and we are not to wait.
    """
    try:
        import fcntl
    except ImportError:  # Windows: nothing holds two runs apart there
        yield
        return
    with open(path, "wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            raise BadInput(
                f"another run is writing {path.stem} in {path.parent.parent}; wait for it to end, or share the work "
                "with --slice"
            ) from error
        yield
