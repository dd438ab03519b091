"""croissant.json: the dataset described for search engines and loaders, after MLCommons' Croissant 1.1.

Vocabulary: the Croissant format specification, version 1.1; only facts of the dataset stand here.
"""

from typing import Any

from ctsim.shards import arrays_of, axes_of, members_of

_PREFIXES = {
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
}

_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip


_FORMATS = {"json": "application/json", "npy": "application/x-npy", "zst": "application/zstd"}
"""By the end of a file's name."""


def croissant(dataset: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a dataset from what its dataset.json holds."""
    shards, bands = dataset["shards"], len(dataset["identity"]["spec"]["scan"]["detector"]["thresholds_kev"])
    members = members_of(dataset.get("scatters", False))
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": dataset["name"],
        "description": dataset["description"] or "Simulated industrial CT scans with exact labels.",
        "version": dataset["made_by"]["ctsim"],
        "keywords": ["computed tomography", "simulation", "segmentation", "non-destructive testing"],
        "distribution": [*map(_file_object, shards), *(_file_set(member, shards) for member in members)],
        "recordSet": [_record_set(member, bands) for member in members],
    }


def _context() -> dict[str, Any]:
    json_valued = {name: {"@id": f"cr:{name}", "@type": "@json"} for name in ("data", "examples")}
    texts = {name: {"@container": "@language"} for name in ("name", "description")}
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        **_PREFIXES,
        **{term: f"cr:{term}" for term in _TERMS},
        **json_valued,
        **texts,
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    }


def _file_object(shard: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": shard["file"],
        "name": shard["file"],
        "description": f"{len(shard['samples'])} samples of the split {shard['split']}",
        "contentUrl": shard["file"],
        "contentSize": f"{shard['bytes']} B",
        "encodingFormat": "application/x-tar",
        "sha256": shard["sha256"],
    }


def _file_set(member: str, shards: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-{member}",
        "name": f"files-{member}",
        "containedIn": [{"@id": shard["file"]} for shard in shards],
        "encodingFormat": _FORMATS[member.rpartition(".")[2]],
        "includes": f"*.{member}",
    }


def _record_set(member: str, bands: int) -> dict[str, Any]:
    """Return one kind of file as records (key, content); the same key stands in every kind."""
    stem = member.partition(".")[0]
    held = "JSON; README.md beside the shards says what it holds"
    if stem in (arrays := arrays_of(True)):
        held = f"{arrays[stem][0]} [{axes_of(stem, bands)}]"
    files = {"fileSet": {"@id": f"files-{member}"}}
    key = {
        "@type": "cr:Field",
        "@id": f"{stem}/key",
        "name": "key",
        "dataType": "sc:Text",
        "source": {**files, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"^([^.]+)\."}},
    }
    content = {
        "@type": "cr:Field",
        "@id": f"{stem}/content",
        "name": "content",
        "description": held,
        "dataType": "sc:Text",
        "source": {**files, "extract": {"fileProperty": "content"}},
    }
    return {"@type": "cr:RecordSet", "@id": stem, "name": stem, "field": [key, content]}
