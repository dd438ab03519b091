"""Archives read: what a small one unpacks to is known before there is room made for it."""

import io
import zipfile
from collections.abc import Iterator


def entries_of(content: bytes, most_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a zip archive by name, in its order. Names are names: nothing is written anywhere.

    Args:
        content: Of the archive.
        most_bytes: That all of it may unpack to.

    Raises:
        ValueError: It is no whole archive, unpacks to more, or is packed in other ways than those of 3MF and npz, none
            or Deflate: those of the others that Python knows unpack by the gigabyte whatever is asked for.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if (size := sum(entry.file_size for entry in entries)) > most_bytes:
                raise ValueError(f"it unpacks to {size} bytes, expected {most_bytes} at most")
            for entry in entries:
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{entry.filename!r} is packed by method {entry.compress_type}, expected 0 or 8")
                with archive.open(entry) as stream:
                    yield entry.filename, stream.read(entry.file_size)
    except ValueError:
        raise
    except Exception as error:  # from struct.error to RuntimeError: a header may be wrong in any way
        raise ValueError(f"it is no whole zip archive: {error or type(error).__name__}") from error
