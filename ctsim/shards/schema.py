"""What the samples of a dataset hold, by name."""

SCHEMA_VERSION = 3
"""Of what a dataset holds; 3 has compressed labels, instances and fractions, and an index beside each shard."""

ARRAYS = {
    "projections": ("float16", "view row col"),
    "volume": ("float16", "z y x"),
    "labels": ("uint8", "z y x"),
    "instances": ("uint16", "z y x"),
    "fractions": ("uint8", "z y x"),
}
"""Type and axes of each array; see `axes_of` for panels of several energy bands, and `arrays_of`."""

OF_SCATTER = {"scatter_to_primary": ("float16", "view row col")}
"""Arrays of all samples of a dataset in which any scene is more than the primary beam; 0 where nothing scatters."""

COMPRESSED = ("fractions", "instances", "labels")
"""Arrays that Zstandard makes 70 to 10 000 times smaller; of noise it takes 10 %, and a patch could not be read alone.

Size, speed and error of other ways: `python -m tests.bench.storage`.
"""

RECORDS = ("defects.json", "scene.json")
"""Files of a sample that are no arrays."""

INDEX = ".index.json"
"""What a shard's index is called beyond the shard's own name."""


def arrays_of(scatters: bool) -> dict[str, tuple[str, str]]:
    """Return type and axes of each array in a dataset that scatters, or in one that does not."""
    return ARRAYS | OF_SCATTER if scatters else ARRAYS


def codec_of(name: str) -> str:
    """Return how an array is compressed: zstd or none."""
    return "zstd" if name in COMPRESSED else "none"


def file_of(name: str) -> str:
    """Return what the file of an array is called."""
    return f"{name}.npy.zst" if name in COMPRESSED else f"{name}.npy"


def members_of(scatters: bool) -> tuple[str, ...]:
    """Return the files of one sample of a dataset that scatters, or of one that does not, in the order of a tar."""
    return tuple(sorted((*RECORDS, *map(file_of, arrays_of(scatters)))))


def axes_of(name: str, bands: int) -> str:
    """Return the axes of an array: projections of a panel that has several energy bands have one more, the first."""
    axes = arrays_of(True)[name][1]
    return f"band {axes}" if name == "projections" and bands > 1 else axes
