"""Files made wrong, at random: bytes of any file, and the inner numbers of formats that have a structure.

Every function takes what a file holds and a generator, and returns what a hostile or damaged one might hold.
"""

import contextlib
import io
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import yaml
import zstandard

Mutate = Callable[[bytes, Random], bytes]

MOST_BYTES = 1 << 20
"""Of a mutated file."""

WHOLE = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (
    "0", "-1", "1", "3", "1e308", "-1e308", "1e-308", "1e999", "nan", "inf", "-inf", "NaN", "Infinity", "1.5", "-0.0",
    "+1", "4000000000", "2147483648", "18446744073709551616", "9" * 30, "1" * 5000, "0x7fffffff", "1_0", "", "#",
    "null", "true", "../../etc/passwd", "/dev/zero", "{:>2000000000}", "%s", "\\", "a\0b", "\ufeff", "\ud7ff",
    "!!python/none", "&a", "*a", "<<: *a", "- - - -", "[" * 300, "{" * 300, "é",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e308, -1e308, 1e-308, float("nan"), float("inf"), 10**30, 10**400, 2**63, 1e15,
    1e9, 1e6, 100_000, "", "x", "1", "nan", "a\0b", "\ud800", "/dev/zero", "..", "../../etc/passwd", [], {}, [[]],
    [None], [1, 2, 3], {"a": 1}, {"value": 1}, {"value": None}, {"value": [1, "x"]}, [0.0] * 100, "x" * 10_000,
)  # fmt: skip


def spoiled(content: bytes, rng: Random) -> bytes:
    """Return content after one to four changes of any kind."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        content = rng.choice(CHANGES)(content, rng)[:MOST_BYTES]
    return content


def _cut(content: bytes, rng: Random) -> tuple[int, int]:
    """Return where a random piece of content begins and ends; short ones, and those near its begin, more often."""
    first = int(len(content) * rng.random() ** rng.choice((1, 3)))
    return first, min(len(content), first + int(rng.choice((4, 30, len(content))) * rng.random()) + 1)


def flip(content: bytes, rng: Random) -> bytes:
    """Return content with a bit turned."""
    place, _ = _cut(content, rng)
    return (
        content[:place]
        + bytes(byte ^ (1 << rng.randrange(8)) for byte in content[place : place + 1])
        + content[place + 1 :]
    )


def truncate(content: bytes, rng: Random) -> bytes:
    """Return the first part of content."""
    return content[: rng.randrange(len(content) + 1)]


def leave_out(content: bytes, rng: Random) -> bytes:
    """Return content without a piece."""
    first, last = _cut(content, rng)
    return content[:first] + content[last:]


def repeat(content: bytes, rng: Random) -> bytes:
    """Return content with a piece of it several times."""
    first, last = _cut(content, rng)
    return content[:first] + content[first:last] * rng.choice((2, 3, 50, 3000)) + content[last:]


def put_in(content: bytes, rng: Random) -> bytes:
    """Return content with a word in it that does not belong there."""
    place, _ = _cut(content, rng)
    word = (
        rng.choice(WORDS).encode() if rng.random() < 0.7 else bytes(rng.randrange(256) for _ in range(rng.randrange(9)))
    )
    return content[:place] + word + content[place:]


def other_number(content: bytes, rng: Random) -> bytes:
    """Return content with 1 to 8 bytes made another whole number."""
    size, place = rng.choice((1, 2, 4, 8)), _cut(content, rng)[0]
    number = (rng.choice(WHOLE) if rng.random() < 0.8 else rng.randrange(1000)) % 256**size
    return content[:place] + number.to_bytes(size, rng.choice(("little", "big"))) + content[place + size :]


def other_word(content: bytes, rng: Random) -> bytes:
    """Return content with a number or word that stands in it made another."""
    words = list(re.finditer(rb"-?[0-9][0-9.e+-]*" if rng.random() < 0.7 else rb"[^\s<>=\"/,:;]+", content[: 1 << 16]))
    if not words:
        return put_in(content, rng)
    word, other = rng.choice(words), rng.choice(words).group() if rng.random() < 0.3 else rng.choice(WORDS).encode()
    return content[: word.start()] + other + content[word.end() :]


def other_lines(content: bytes, rng: Random) -> bytes:
    """Return content with two of its lines in each other's place."""
    lines = content.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


CHANGES = (
    flip, truncate, leave_out, repeat, put_in, other_number, other_number, other_word, other_word, other_word,
    other_lines,
)  # fmt: skip


# --- values: JSON and YAML ---


def other_value(values: Any, rng: Random) -> Any:
    """Return keys and values with one of them, anywhere, made another, taken away, doubled or put deep into others."""
    if isinstance(values, dict | list) and values and rng.random() < 0.85:
        key = rng.choice(list(values)) if isinstance(values, dict) else rng.randrange(len(values))
        changed = values.copy()
        match rng.randrange(14):
            case 0:
                del changed[key]
            case 1 if isinstance(values, dict):
                changed[rng.choice(("x", "", "value", "file", "of", rng.choice(list(values))))] = changed.pop(key)
            case 2 if isinstance(values, list):
                changed = [*values, *values[: rng.choice((1, 50, 1000))]]
            case 3:
                for _ in range(rng.choice((3, 90, 200))):
                    changed[key] = [changed[key]] if rng.random() < 0.5 else {"value": changed[key]}
            case _:
                changed[key] = other_value(values[key], rng)
        return changed
    return rng.choice(VALUES)


def json_file(content: bytes, rng: Random) -> bytes:
    """Return another JSON file."""
    if rng.random() < 0.3:
        return spoiled(content, rng)
    values = other_value(json.loads(content), rng)
    return json.dumps(other_value(values, rng) if rng.random() < 0.3 else values).encode()


def yaml_file(content: bytes, rng: Random) -> bytes:
    """Return another YAML file."""
    if rng.random() < 0.5:
        return spoiled(content, rng)
    return yaml.safe_dump(other_value(yaml.safe_load(content), rng), allow_unicode=False).encode()


# --- arrays ---


def npy_file(content: bytes, rng: Random) -> bytes:
    """Return another .npy file: of another header, other numbers, or cut anywhere."""
    if rng.random() < 0.3:
        return spoiled(content, rng)
    size = struct.unpack("<H", content[8:10])[0]
    header, rest = content[10 : 10 + size].decode("latin-1"), content[10 + size :]
    side = str(rng.choice((0, -1, *WHOLE, 10**30)))
    match rng.randrange(6):
        case 0:
            header = re.sub(r"\d+(?=[,)])", side, header, count=1)
        case 1:
            header = re.sub(
                r"\([^)]*\)", f"({rng.choice(('', '0, ' + side, side + ', 0', '1,' * 70, 'True'))},)", header
            )
        case 2:
            kind = rng.choice(("|O", "|V8", "<U9999", ">f8", "<f2", "<m8", "<c16", "|b1", "<i8", "f", "(9,9)f8", "x"))
            header = re.sub(r"'[<>|][^']*'", f"'{kind}'", header, count=1)
        case 3:
            header = header.replace("False", rng.choice(("True", "0", "None", "f()")))
        case 4:
            rest = spoiled(rest, rng)
        case _:
            header = spoiled(header.encode("latin-1"), rng).decode("latin-1")[:60_000]
    return content[:8] + struct.pack("<H", len(header)) + header.encode("latin-1", "replace") + rest


def zst_file(content: bytes, rng: Random) -> bytes:
    """Return another .npy file in a Zstandard frame, or another frame."""
    if rng.random() < 0.4:
        return spoiled(content, rng)
    return zstandard.ZstdCompressor().compress(npy_file(zstandard.ZstdDecompressor().decompress(content), rng))


INSIDE: dict[str, Mutate] = {".npy": npy_file, ".zst": zst_file, ".json": json_file}


def inside(name: str, content: bytes, rng: Random) -> bytes:
    """Return another file of its kind, told by its ending."""
    return INSIDE.get("." + name.rpartition(".")[2], spoiled)(content, rng)


# --- archives ---


def zip_file(content: bytes, rng: Random) -> bytes:
    """Return another zip archive: damaged, or whole with something else in it."""
    if rng.random() < 0.3:
        return spoiled(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    which = rng.randrange(len(entries))
    name, held = entries[which]
    match rng.randrange(8):
        case 0:
            entries[which] = (rng.choice(("../" + name, "/" + name, name.upper(), "x", "a\0b", "")), held)
        case 1:
            entries[which] = (name, bytes(rng.choice((1 << 16, 1 << 22))))
        case 2:
            del entries[which]
        case _:
            entries[which] = (name, inside(name, held, rng))
    stream = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, held in entries:
            archive.writestr(zipfile.ZipInfo(name or "empty"), held, method)
    return stream.getvalue()


def tar_file(content: bytes, rng: Random) -> bytes:
    """Return another tar: damaged, with other headers whose sums are right, or with something else in it."""
    if rng.random() < 0.2:
        return spoiled(content, rng)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        infos = tar.getmembers()
        held = [tar.extractfile(info).read() for info in infos]
    which = rng.randrange(len(infos))
    if rng.random() < 0.5:
        return _other_header(content, infos[which].offset, rng)
    held[which] = inside(infos[which].name, held[which], rng)
    stream = io.BytesIO()
    kind = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        for number, (info, inner) in enumerate(zip(infos, held, strict=True)):
            info.size = len(inner)
            if number == which and rng.random() < 0.3:
                info.name = rng.choice(("x", "../x.npy", "a.b" * 60, "k.volume.npy", "é.npy"))
            if number == which and kind == tarfile.PAX_FORMAT:
                key = rng.choice(("size", "path", "GNU.sparse.major", "GNU.sparse.size", "GNU.sparse.map", "comment"))
                info.pax_headers = {key: rng.choice(("-1", "0", "99999999999", "1,1", "x", "-99999"))}
            with contextlib.suppress(ValueError):  # a name that this kind of tar cannot hold
                tar.addfile(info, io.BytesIO(inner))
    return stream.getvalue()


def _other_header(content: bytes, place: int, rng: Random) -> bytes:
    """Return a tar with one field of a header made another, and the header's sum right again."""
    head = bytearray(content[place : place + 512])
    match rng.randrange(4):
        case 0:
            head[124:136] = rng.choice(
                (b"%011o\0" % rng.choice((0, 1, 511, 512, 513, 8**11 - 1)), _big(rng), b"-0000000512\0")
            )
        case 1:
            head[156:157] = rng.choice(
                (b"0", b"\0", b"1", b"2", b"5", b"6", b"7", b"L", b"K", b"x", b"g", b"S", b"D", b"z")
            )
        case 2:
            head[:100] = spoiled(bytes(head[:100]), rng)[:100].ljust(100, b"\0")
        case _:
            first = rng.randrange(512)
            head[first : first + 4] = rng.choice((b"\xff" * 4, bytes(4), b"0777"))[: 512 - first]
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return content[:place] + bytes(head) + content[place + 512 :]


def _big(rng: Random) -> bytes:
    """Return a size of 12 bytes that is no octal number, as GNU writes it; those below 0 too."""
    return (
        rng.choice((-1, -512, -1536, 2**40, 2**62, -(2**62)))
        .to_bytes(12, "big", signed=True)
        .replace(b"\0", b"\x80", 1)
    )


def vectors(count: int) -> np.ndarray:
    """Return source, detector centre, u and v `[view 12]` of a circle; seeds are made of it."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    cos, sin, zero = np.cos(angle), np.sin(angle), 0 * angle
    return np.stack(
        [-300 * cos, -300 * sin, zero, 100 * cos, 100 * sin, zero, sin, -cos, zero, zero, zero, zero - 1], axis=1
    )
