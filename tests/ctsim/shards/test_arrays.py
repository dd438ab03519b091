"""Arrays survive their bytes; bytes that claim what is not there are refused before memory is spent on it."""

import io
import pickle
import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ctsim.shards.arrays import MOST_RATIO, array_bytes, array_of

TYPES = st.sampled_from([np.uint8, np.uint16, np.float16, np.float32])


@given(TYPES.flatmap(lambda dtype: arrays(dtype, array_shapes(max_dims=4, min_side=0))), st.booleans())
def test_an_array_is_read_as_it_was_written(array, compressed):
    found = array_of(array_bytes(array, compressed=compressed), compressed=compressed)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


def header(text: str) -> bytes:
    """Return an .npy file of a header and nothing behind it."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


class Loaded(Exception):
    """What must never be raised: it is, when a pickle is run."""


def raises() -> None:
    raise Loaded


class Bomb:
    """An object whose pickle runs code."""

    def __reduce__(self):
        return raises, ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "magic string"),
        (b"PK\x03\x04" + bytes(100), "magic string"),
        (b"\x93NUMPY\x03\x00" + bytes(100), "version"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000, 1000000), }"), "tells of 4000"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -4), }"), "shape is"),
        (header("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4), }"), "in columns"),
        (header("{'descr': '>f4', 'fortran_order': False, 'shape': (0, 4), }"), "plain numbers"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + pickle.dumps(Bomb()), "plain numbers"),
        (header("{'descr': '|S5', 'fortran_order': False, 'shape': (1,), }") + b"12345", "plain numbers"),
        (header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (0,), }"), "plain numbers"),
        (header("{" * 300), "header cannot be read"),
        (header("__import__('os').getcwd()"), "header cannot be read"),
        (array_bytes(np.zeros(5)) + b"\0", "41 follow"),
        (array_bytes(np.zeros(5))[:-1], "39 follow"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(content, says):
    with pytest.raises(ValueError, match=says):
        array_of(content)


def test_a_frame_that_claims_too_much_is_refused_unread():
    frame = array_bytes(np.zeros(1 << 20, np.uint8), compressed=True)
    with pytest.raises(ValueError, match="expected up to 1000"):
        array_of(frame, compressed=True, most_bytes=1000)
    # single segment, 8 bytes of content size: 2^40
    claim = b"\x28\xb5\x2f\xfd" + bytes([0b1110_0000]) + struct.pack("<Q", 1 << 40) + b"\x01\x00\x00"
    with pytest.raises(ValueError, match="claims 1099511627776 bytes"):
        array_of(claim, compressed=True)


def test_the_highest_ratio_of_a_frame_is_that_of_the_format():
    """Of a frame of zeros, in blocks of 128 KiB that say "this byte, so often", the ratio comes close from below."""
    size = 1 << 27
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(size))
    assert 0.9 * MOST_RATIO < size / len(frame) < MOST_RATIO


def test_a_damaged_frame_is_told(tmp_path):
    frame = bytearray(array_bytes(np.arange(10_000, dtype=np.uint16), compressed=True))
    for place in (0, 5, len(frame) // 2, len(frame) - 1):
        frame[place] ^= 0x10
        with pytest.raises(ValueError, match=r"frame|follow"):
            array_of(bytes(frame), compressed=True)
        frame[place] ^= 0x10
    with pytest.raises(ValueError, match="frame"):
        array_of(bytes(frame[:-3]), compressed=True)


def test_it_is_the_npy_of_numpy():
    array = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    np.testing.assert_array_equal(np.load(io.BytesIO(array_bytes(array))), array)
    frame = zstandard.ZstdDecompressor().decompress(array_bytes(array, compressed=True))
    np.testing.assert_array_equal(np.load(io.BytesIO(frame)), array)
