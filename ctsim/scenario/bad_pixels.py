"""The map of bad pixels that a scenario names, section 6.3 of the format: TIFF or RAW."""

import io
import logging
import zlib
from pathlib import Path

import numpy as np
import tifffile

from ctsim.scenario.values import Node
from defects.messages import BadInput
from scenes import plain_file

RAW_TYPES = ("uint8", "int8", "uint16", "int16", "float32", "float64")
MOST_PIXELS = 8192 * 8192
MOST_BAD = 1_000_000
"""Of the pixels of a map; more are no map of bad ones."""

ROOM = 1 << 20
"""Bytes that a tile may take beyond the image: those of a small image reach beyond its edges."""

PLAIN, DEFLATE, PACKBITS = (1,), (8, 32946), (32773,)
"""How a TIFF may be packed, by its own numbers (TIFF 6.0, sections 8 and 9; Adobe's technical notes of 2002)."""


def read_bad_pixels(node: Node, rows: int, columns: int) -> tuple[tuple[int, int, float], ...]:
    """Return (row, column, grey value) of every pixel of the map that is not -1."""
    old = isinstance(node.value, dict) and "file" not in node.value and "value" in node.value  # before version 1.1
    name = (node if old else node["file"]).text()
    if name is None:
        node.use()
        return ()
    kind, endian = node["type"].text(RAW_TYPES) or "int16", node["endian"].text(("little", "big")) or "little"
    header = node["headersize"].whole(otherwise=0)
    path, source = node.book.path_of(name), f"{node.book.file.name}: {node.path}"
    if not node.book.has(name):
        (node if old else node["file"]).tell("there is no such file: no bad pixels")
        return ()
    if rows * columns > MOST_PIXELS:
        raise BadInput(
            f"{source}: {name} is not read for a detector of {rows} x {columns} pixels; expected 8192 x 8192"
        )
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            image = _tiff(plain_file.read_bytes(path), path.name, (rows, columns))
        else:
            image = _raw(path, np.dtype(kind).newbyteorder("<" if endian == "little" else ">"), header, (rows, columns))
    except OSError as error:
        raise BadInput(f"{source}: {path} cannot be read: {error.strerror}; give a map of bad pixels") from error
    except ValueError as error:
        raise BadInput(f"{source}: {error}") from error
    bad = image != -1
    if (count := int(np.count_nonzero(bad))) > MOST_BAD:
        raise BadInput(f"{source}: {name} marks {count} pixels as bad, expected {MOST_BAD} at most; the rest is -1")
    if not np.isfinite(image[bad]).all():
        raise BadInput(f"{source}: {name} holds pixels that are no finite number; expected grey values, and -1")
    return tuple((int(row), int(col), float(image[row, col])) for row, col in np.argwhere(bad))


def _tiff(content: bytes, name: str, shape: tuple[int, int]) -> np.ndarray:
    """Return the first image of a TIFF, whose header is looked at before there is room made for it.

    Raises:
        ValueError: It is damaged, or of another size.
    """
    log = logging.getLogger("tifffile")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)  # what is wrong is said once
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            page = tiff.pages.first
            if page.shape == shape:
                _check_packing(page, content)
                image = page.asarray(maxworkers=1)
    except Exception as error:  # whatever else a foreign file may do, it is damaged
        raise ValueError(f"{name} is no readable TIFF: {error or type(error).__name__}") from error
    finally:
        log.setLevel(before)
    if page.shape != shape:
        size = " x ".join(str(side) for side in page.shape)
        raise ValueError(f"{name} is {size} pixels, the detector {shape[0]} x {shape[1]}")
    if image.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {image.dtype}, expected plain numbers")
    return image


def _check_packing(page: tifffile.TiffPage, content: bytes) -> None:
    """Raise ValueError where a page is packed in a way that may unpack to any size, and does.

    Each strip is held against its own size: all of them may be the same bytes of the file.
    """
    if page.compression in PLAIN or page.dtype is None:  # numbers of an unknown kind are told by the reader
        return
    if page.compression not in (*DEFLATE, *PACKBITS):
        raise ValueError(f"it is packed by method {int(page.compression)}, expected none, Deflate or PackBits")
    if page.fillorder != 1:
        raise ValueError("it is packed, and its bits run backwards; expected them in the usual order")
    rows, columns = page.chunks
    rows = rows if page.is_tiled else min(rows, page.imagelength)
    most = rows * columns * page.dtype.itemsize
    if most > page.nbytes + ROOM:
        raise ValueError(f"a tile of it takes {most} bytes, the whole image {page.nbytes}")
    if page.compression in PACKBITS:
        most_packed, size_of = most + -(-most // 128) + rows, _size_of_packbits
    else:
        most_packed, size_of = 2 * most + 1024, _size_of_deflate  # empty blocks take time, and unpack to nothing
    for offset, count in set(zip(page.dataoffsets, page.databytecounts, strict=True)):
        if count > most_packed:
            raise ValueError(f"a strip of {most} bytes takes {count} bytes packed, expected {most_packed} at most")
        if size_of(content[offset : offset + count], most) > most:
            raise ValueError(f"a strip of it unpacks to more than its {most} bytes")


def _size_of_deflate(packed: bytes, most: int) -> int:
    """Return how many bytes a strip unpacks to, no further than one more than the most."""
    return len(zlib.decompressobj().decompress(packed, most + 1))


def _size_of_packbits(packed: bytes, most: int) -> int:
    """Return the same of a strip of runs: of n + 1 bytes as they stand, or, above 128, of one byte 257 - n times."""
    size = place = 0
    while place < len(packed) and size <= most:
        run = packed[place]
        size += min(run + 1, len(packed) - place - 1) if run < 128 else (257 - run) % 129
        place += run + 2 if run < 128 else 1 + (run > 128)
    return size


def _raw(path: Path, kind: np.dtype, header: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the image of a RAW file, row by row."""
    wanted = kind.itemsize * shape[0] * shape[1]
    with plain_file.opened(path) as stream:
        size = max(stream.seek(0, io.SEEK_END) - header, 0)
        if size != wanted:
            raise ValueError(
                f"{path.name} holds {size} bytes after its header, expected {wanted} for {shape[0]} rows and "
                f"{shape[1]} columns of {kind.name}"
            )
        stream.seek(header)
        return np.frombuffer(stream.read(wanted), kind).reshape(shape)
