"""croissant.json names every shard with its checksum, and every kind of file in them."""

import fnmatch

from ctsim.dataset.croissant import croissant
from ctsim.shards import members_of

DATASET = {
    "name": "toy",
    "description": "",
    "made_by": {"ctsim": "0.1.0"},
    "identity": {"spec": {"scan": {"detector": {"thresholds_kev": []}}}},
    "shards": [
        {"file": f"{split}-000000.tar", "split": split, "samples": ["toy-000000"], "bytes": 10240, "sha256": 64 * "a"}
        for split in ("train", "test")
    ],
}


def test_every_shard_is_a_file_object_with_its_size_and_checksum():
    described = croissant(DATASET)
    objects = [d for d in described["distribution"] if d["@type"] == "cr:FileObject"]
    assert [(o["contentUrl"], o["contentSize"], o["sha256"]) for o in objects] == [
        (s["file"], "10240 B", 64 * "a") for s in DATASET["shards"]
    ]


def test_every_member_of_a_sample_belongs_to_exactly_one_file_set_in_all_shards():
    sets = [d for d in croissant(DATASET)["distribution"] if d["@type"] == "cr:FileSet"]
    for member in members_of(False):
        holding = [s for s in sets if fnmatch.fnmatch(f"toy-000000.{member}", s["includes"])]
        assert len(holding) == 1
        assert [c["@id"] for c in holding[0]["containedIn"]] == [s["file"] for s in DATASET["shards"]]


def test_the_file_of_scatter_is_described_where_samples_have_it():
    def names(dataset: dict) -> set[str]:
        return {d["includes"] for d in croissant(dataset)["distribution"] if d["@type"] == "cr:FileSet"}

    assert names(DATASET | {"scatters": True}) - names(DATASET) == {"*.scatter_to_primary.npy"}
    (ratio,) = [r for r in croissant(DATASET | {"scatters": True})["recordSet"] if r["@id"] == "scatter_to_primary"]
    assert ratio["field"][1]["description"] == "float16 [view row col]"


def test_every_reference_leads_somewhere():
    described = croissant(DATASET)
    known = {d["@id"] for d in described["distribution"]}
    for record_set in described["recordSet"]:
        for field in record_set["field"]:
            assert field["source"]["fileSet"]["@id"] in known


def test_projections_of_several_bands_have_their_axis():
    def content(dataset: dict) -> str:
        return {r["@id"]: r["field"][1]["description"] for r in croissant(dataset)["recordSet"]}["projections"]

    assert content(DATASET) == "float16 [view row col]"
    bands = {"spec": {"scan": {"detector": {"thresholds_kev": [20.0, 60.0]}}}}
    assert content(DATASET | {"identity": bands}) == "float16 [band view row col]"
