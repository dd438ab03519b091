"""Arrays come back as numpy wrote them, from .npy and .npz alike."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scenes.npy_file import array_of, arrays_of, header_of

TYPES = st.sampled_from(["|b1", "|u1", "|i1", "<i2", ">u4", "<i8", "<f2", ">f4", "<f8"])
ANY = TYPES.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=4, min_side=0)))


def written(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version, allow_pickle=False)
    return stream.getvalue()


@given(ANY, st.booleans(), st.sampled_from([(1, 0), (2, 0)]))
def test_an_array_is_what_numpy_wrote_in_rows_or_columns(array, in_columns, version):
    array = np.asfortranarray(array) if in_columns else np.ascontiguousarray(array).reshape(array.shape)
    found = array_of(written(array, version))
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()
    offset, shape, _, kind = header_of(written(array, version))
    assert (offset + array.nbytes, shape, kind) == (len(written(array, version)), array.shape, array.dtype)


@given(st.lists(ANY, max_size=3), st.booleans())
def test_an_archive_holds_its_arrays_in_their_order(listed, is_packed):
    stream = io.BytesIO()
    (np.savez_compressed if is_packed else np.savez)(stream, *listed)
    found = dict(arrays_of(stream.getvalue(), 1 << 20))
    assert list(found) == [f"arr_{n}" for n in range(len(listed))]
    assert [one.tobytes() for one in found.values()] == [one.tobytes() for one in listed]


def test_an_archive_may_unpack_to_so_much_and_no_more():
    stream = io.BytesIO()
    np.savez_compressed(stream, np.zeros(1000), np.zeros(1000))
    size = 2 * len(written(np.zeros(1000)))
    assert len(list(arrays_of(stream.getvalue(), size))) == 2
    with pytest.raises(ValueError, match=f"unpacks to {size} bytes, expected {size - 1} at most"):
        list(arrays_of(stream.getvalue(), size - 1))
