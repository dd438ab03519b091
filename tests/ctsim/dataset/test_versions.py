"""What breaks identity is named: which versions differ, or that none does."""

import json
import os
import platform
import re
import subprocess
import sys

import pytest

from ctsim.dataset import versions
from ctsim.dataset.generate import generate
from ctsim.dataset.versions import cause_of, differing
from ctsim.shards import json_bytes, read_raw, write_shard
from defects.messages import BadInput
from scenes.spec import read_dataset_spec
from tests.ctsim import small

HERE = {"ctsim": "0.1.0", "machine": "x86_64", "numpy": "2.5.0"}


def test_what_differs_is_named_with_both_versions():
    assert differing(HERE, HERE) == ""
    assert differing(HERE | {"numpy": "2.4.6"}, HERE) == "numpy 2.4.6 there, 2.5.0 here"
    assert differing({"ctsim": "0.1.0", "numpy": "2.4.6"}, HERE) == (
        "machine not told there, x86_64 here; numpy 2.4.6 there, 2.5.0 here"
    )
    assert differing(HERE | {"opengate": "10.1"}, HERE) == "opengate 10.1 there, none here"


@pytest.mark.parametrize("damaged", [None, 3, "x", [], {}])
def test_a_record_that_is_none_tells_no_version(damaged):
    assert differing(damaged, {"numpy": "2.5.0"}) == "numpy not told there, 2.5.0 here"


def test_the_cause_is_other_versions_or_else_a_change():
    assert cause_of(HERE | {"machine": "aarch64"}, HERE).endswith("made otherwise: machine aarch64 there, x86_64 here")
    assert "by the same versions, backend and processor" in cause_of(HERE, HERE)


def test_the_kind_of_machine_stands_among_the_versions():
    assert versions.made_by(("mesh",))["machine"] == platform.machine()


def test_all_backends_that_scenes_may_be_drawn_with_stand_among_them(monkeypatch):
    monkeypatch.setattr(versions, "version", lambda name: f"{name}'s")
    made = versions.made_by(("mesh", "gvxr"), ("beer-lambert", "gate"))
    assert (made["backend"], made["gvxr"], made["opengate"]) == ("gvxr-cpu, mesh-cpu", "gvxr's", "opengate's")
    assert {"gvxr", "opengate", "cupy"}.isdisjoint(versions.made_by(("mesh",)))


def test_the_processor_is_another_where_less_of_it_is_used():
    """Then sums are made of other parts, and the last digit of a length may be another."""
    ask = "from ctsim.dataset.versions import processor; print(processor())"
    wide = ["AVX512_SKX", "AVX512_ICL", "AVX512_SPR", "X86_V4", "X86_V3", "ASIMDHP", "ASIMDDP"]

    def told(**environment: str) -> str:
        found = subprocess.run(
            [sys.executable, "-c", ask], env=os.environ | environment, capture_output=True, text=True, check=True
        )
        return found.stdout.strip()

    usual = told()
    assert usual == versions.processor()
    others = (
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)},
    )
    assert len({usual, *(told(**other) for other in others)}) == 4


def test_a_folder_begun_by_other_versions_says_by_which(tmp_path, monkeypatch):
    spec, out, true = read_dataset_spec(small.write(tmp_path)), tmp_path / "out", versions.version
    with monkeypatch.context() as patch:
        patch.setattr(versions, "version", lambda name: "1.26.0" if name == "numpy" else true(name))
        generate(spec, out, folder=tmp_path, workers=1, slice_of=(1, 2))
    before = small.contents(out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cube.stl").write_bytes(small.stl(21.0))
    told = f"made by other versions: numpy 1.26.0 there, {true('numpy')} here"
    for folder, changes, says in (
        (tmp_path, {}, f"({told})"),
        (tmp_path / "other", {}, f"(its part cube has another shape; {told})"),
        (tmp_path, {"seed": 5}, f"(its seed is 0, not 5; {told})"),
    ):
        with pytest.raises(BadInput, match=re.escape(says)):
            generate(spec.model_copy(update=changes), out, folder=folder, workers=1)
    assert small.contents(out) == before


def test_replay_says_which_versions_differ(tmp_path, monkeypatch, capsys):
    out, path = tmp_path / "out", tmp_path / "out" / "train-000000.tar"
    generate(read_dataset_spec(small.write(tmp_path)), out, folder=tmp_path, workers=1)
    samples = list(read_raw(path))
    record = json.loads(samples[0][1]["scene.json"])
    record["made_by"]["numpy"] = "1.26.0"
    samples[0][1]["scene.json"] = json_bytes(record)
    write_shard(path, samples, "train")
    code, told, err = small.ctsim(monkeypatch, capsys, "replay", out, "small-000000", "--out", tmp_path / "again")
    assert (code, told) == (1, "")
    assert err == (
        "small-000000: scene.json differ from the dataset's: they were made otherwise: "
        f"numpy 1.26.0 there, {versions.version('numpy')} here\n"
    )


def test_replay_says_that_the_versions_are_the_same(tmp_path, monkeypatch, capsys):
    spec = read_dataset_spec(small.write(tmp_path))
    generate(spec, tmp_path / "out", folder=tmp_path, workers=1)
    record = json.loads((tmp_path / "out" / "dataset.json").read_text())
    record["classes"].insert(1, {"value": 1, "name": "Cu", "role": "material"})
    (tmp_path / "out" / "dataset.json").write_text(json.dumps(record))
    code, _, err = small.ctsim(monkeypatch, capsys, "replay", tmp_path / "out", "small-000000", "--out", tmp_path / "b")
    assert code == 1
    assert "labels.npy.zst differ from the dataset's: they were made by the same versions" in err
