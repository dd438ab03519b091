"""Samples in WebDataset shards: what they hold, how they are written to the byte, and how they are read.

A shard is a tar; a sample is the files in it that share a key, `NAME-000017.volume.npy` and so on. Nothing in a tar
depends on when, where or by whom it was written. Reading takes no pickle, and no more memory than a file's size allows.

`ctsim.shards.stream.Stream` brings them to PyTorch.
"""

from ctsim.shards.access import Samples
from ctsim.shards.arrays import array_bytes, array_of
from ctsim.shards.read import decode, read_dataset, read_listing, read_raw, read_samples, read_shard
from ctsim.shards.schema import SCHEMA_VERSION, arrays_of, axes_of, codec_of, file_of, members_of
from ctsim.shards.write import Shard, json_bytes, write_shard

__all__ = [
    "SCHEMA_VERSION",
    "Samples",
    "Shard",
    "array_bytes",
    "array_of",
    "arrays_of",
    "axes_of",
    "codec_of",
    "decode",
    "file_of",
    "json_bytes",
    "members_of",
    "read_dataset",
    "read_listing",
    "read_raw",
    "read_samples",
    "read_shard",
    "write_shard",
]
