"""Names that tars and readers count on."""

from ctsim.shards.schema import ARRAYS, COMPRESSED, OF_SCATTER, RECORDS, arrays_of, codec_of, file_of, members_of


def test_the_files_of_a_sample_stand_in_the_order_of_a_tar():
    for scatters in (False, True):
        assert list(members_of(scatters)) == sorted(members_of(scatters))
        assert set(members_of(scatters)) == {*RECORDS, *map(file_of, arrays_of(scatters))}


def test_a_name_tells_how_an_array_is_compressed():
    for name in ARRAYS | OF_SCATTER:
        assert file_of(name).endswith(".zst") == (codec_of(name) == "zstd") == (name in COMPRESSED)
