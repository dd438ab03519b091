"""Files and folders, on this machine or in a store: written whole or not at all, and their checksums.

A store is what fsspec reaches by a URL, such as s3://bucket/folder; its paths are those of universal_pathlib, which
behave as those of pathlib.
"""

import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from defects.messages import BadInput

AnyPath = Path | UPath
"""On this machine, or in a store."""

STORES = {"aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google"}
"""Packages that raise the errors of stores."""


class Held(BadInput):
    """Another run holds what we are to write."""


def folder_of(text: str | AnyPath) -> AnyPath:
    """Return the path of a folder, on this machine or, for a URL, in a store.

    Raises:
        BadInput: What reaches the store is not installed, there is no such kind of store, or no bucket is named.
    """
    scheme, found, rest = str(text).partition("://")
    if isinstance(text, str) and (lost := re.match(r"([a-z][a-z0-9+]+):/(?!/)", text)):
        raise BadInput(f"{text} lacks a slash: did you mean {lost[1]}://{text[lost.end() :]}")
    if not found:
        return Path(text)
    if scheme == "file":
        return Path(rest)
    if not rest.strip("/"):
        raise BadInput(f"{text} names no bucket; give a folder, or a URL such as s3://bucket/folder")
    try:
        # other runs write there too: a listing that is kept would not show what they have done since
        options = (text.storage_options if isinstance(text, UPath) else {}) | {"use_listings_cache": False}
        path = UPath(str(text).rstrip("/"), **options)
        path.fs  # noqa: B018  # the package for this kind of store is imported here
    except ImportError as error:
        how = "pip install 'ctsim[cluster]'" if scheme == "s3" else "or give a folder, or s3://bucket/folder"
        raise BadInput(f"{text} needs {error.name or error}: {how}") from error
    except ValueError as error:
        raise BadInput(f"{text}: {error}; give a folder, or a URL such as s3://bucket/folder") from error
    return path


def is_remote(path: AnyPath) -> bool:
    """Return whether a path lies in a store, not in a file system of this machine."""
    return not isinstance(path, Path)


def in_this_process(path: AnyPath) -> AnyPath:
    """Return a path with a way to its store that is this process's own: that of a parent does not survive a fork."""
    return UPath(str(path), **path.storage_options) if is_remote(path) else path


def store_fault(error: BaseException) -> str | None:
    """Return what to tell of an error that a store, or the way to it, has raised; None of any other error.

    Errors are known by the package that they, or what they follow from, are of: none is imported for that.
    """
    found: BaseException | None = error
    while found is not None and type(found).__module__.partition(".")[0] not in STORES:
        found = found.__cause__
    if found is None:
        return None
    return (
        f"the store cannot be used: {' '.join(str(error).split()) or type(error).__name__}; expected a bucket that "
        "exists, credentials for it (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_PROFILE) and an address that "
        "answers (AWS_ENDPOINT_URL where it is not Amazon's). What is finished is kept there: mend it, and repeat the "
        "command"
    )


def make_folder(path: AnyPath) -> None:
    """Make a folder with those above it. A store has only names: nothing is made there, and no bucket."""
    if not is_remote(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def whole_file(path: AnyPath, *, is_held: bool = False) -> Iterator[Path]:
    """Give a file on this machine to be written, and put it in its place when that is done; after a failure, nothing.

    It lies beside its place, is synced to the disk and renamed; or in a temporary folder, and goes to the store.

    Args:
        path: Its place.
        is_held: Whether nobody else can be writing it: a repeat of a run that was killed then writes over what it left.
            Otherwise the name aside is one that nobody else has: processes of two machines may have the same number.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="ctsim-") as folder:
            part = Path(folder) / path.name
            yield part
            path.fs.put_file(str(part), path.path)
        return
    part = path.with_name(f"{path.name}.part" if is_held else f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
        _sync_names(path.parent)
    except BaseException:
        if part.is_file():
            part.unlink()
        raise


def _sync_names(folder: AnyPath) -> None:
    """Write to the disk what the files of a folder are called: a new name may be lost with the power otherwise."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: AnyPath, content: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as part:
        part.write_bytes(content)


def sha256_of(path: AnyPath) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_folder(path: AnyPath) -> None:
    """Remove a folder with all that it holds; nothing where there is none."""
    if is_remote(path):
        if path.exists():
            path.fs.rm(path.path, recursive=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def local_copy(folder: AnyPath, name: str) -> Iterator[Path]:
    """Give a folder of this machine that holds another's folder of that name: itself, or a copy of what a store has."""
    if not is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ctsim-") as place:
        (Path(place) / name).mkdir()
        for path in (folder / name).glob("*"):
            (Path(place) / name / path.name).write_bytes(path.read_bytes())
        yield Path(place)


@contextmanager
def locked(path: AnyPath, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file while the work goes on; the system lets go of it if the process dies.

    In a store nothing is held: two runs that make the same shard write the same bytes.

    Raises:
        Held: Another process holds it, and we are not to wait.
        BadInput: The file system knows no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows: nothing holds two runs apart there
        yield
        return
    if is_remote(path):
        yield
        return
    with open(path, "wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Held(
                f"another run is writing {path.stem} in {path.parent.parent}; wait for it to end, or share the work "
                "with --slice"
            ) from error
        except OSError as error:  # Lustre that is mounted without them gives ENOSYS, some NFS ENOLCK
            raise BadInput(
                f"the file system of {path.parent.parent} knows no locks, which keep two runs apart "
                f"({error.strerror}): mount it with flock (Lustre: -o flock), or choose another --out"
            ) from error
        yield
