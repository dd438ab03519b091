"""Parts that people drew: from the file to labelled scans without a fault, with labels that hold what records say."""

import pytest
import yaml

from ctsim.dataset.check import faults
from ctsim.dataset.generate import generate
from ctsim.shards import read_dataset, read_samples
from scenes.spec import read_dataset_spec
from tests.shared_data import SHARED, needs_shared

# the NIST parts are up to 860 mm long, and no laboratory scanner looks through that: they are scaled down
PARTS = {
    "nist_ctc_01_asme1_ap242-e1.stp": ({"scale": 0.1}, 180, [1.5, 4.0]),
    "nist_ctc_02_asme1_ap242-e2.stp": ({"scale": 0.1}, 180, [1.5, 3.0]),
    "nist_ctc_03_asme1_ap242-e2.stp": ({"scale": 0.3}, 120, [0.1, 0.2]),
    "nist_ctc_04_asme1_ap242-e1.stp": ({"scale": 0.1}, 180, [1.5, 3.0]),
    "nist_ctc_05_asme1_ap242-e1.stp": ({"scale": 0.1}, 180, [1.0, 2.0]),
    "plate_holes.STL": ({"unit": "mm", "scale": 0.3}, 160, [1.0, 2.2]),
    "featuretype.STL": ({"unit": "inch"}, 200, [2.0, 5.0]),
    "featuretype.3MF": ({"repair": True}, 200, [2.0, 5.0]),
    "fixed_top.ply": ({"unit": "mm", "material": "PA66"}, 90, [1.5, 3.0]),
    "lever.stl": ({"unit": "mm"}, 200, [2.0, 4.0]),
    "quadknot.obj": ({"unit": "mm", "scale": 0.4}, 200, [2.0, 4.0]),
}
"""File -> what its spec says of the part, tube voltage [kV] and diameters of the pores [mm]."""


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("file", PARTS)
def test_a_real_part_becomes_labelled_scans(tmp_path, file):
    about, tube_kv, diameter_mm = PARTS[file]
    part = {"name": "part", "file": str(SHARED / "cad" / file), "material": "AlSi10Mg", **about}
    spec = {
        "name": "real",
        "scenes": 2,
        "parts": [part],
        # pores four voxels apart share none: each voxel's fraction is that of one pore
        "defects": [{"kind": "gas_pore", "count": 4, "diameter_mm": diameter_mm, "wall_mm": 0.05, "gap_mm": 8.0}],
        "scan": {
            "tube_kv": tube_kv,
            "filters": {"Cu": 0.5},
            "exposure_mas": 0.5,
            "views": 36,
            "detector": {"rows": 64, "columns": 64, "pixel_mm": 4.0},
        },
        "volume": {"voxels": 64},
    }
    (tmp_path / "real.yaml").write_text(yaml.safe_dump(spec))
    outcome = generate(read_dataset_spec(tmp_path / "real.yaml"), tmp_path / "out", folder=tmp_path, workers=1)
    assert (outcome.scenes, outcome.dropped) == (2, 0)
    assert list(faults(tmp_path / "out")) == []
    report = read_dataset(tmp_path / "out")["imports"]["part"]
    pores = 0
    for sample in read_samples(tmp_path / "out"):
        voxel_mm3 = sample["scene"]["voxel_mm"] ** 3
        matter_mm3 = (sample["labels"] > 0).sum() * voxel_mm3
        if file != "nist_ctc_03_asme1_ap242-e2.stp":  # a sheet thinner than a voxel: most are more air than metal
            assert matter_mm3 == pytest.approx(report["volume_mm3"] * about.get("scale", 1) ** 3, rel=0.05)
        for record in sample["defects"]:
            share = sample["fractions"][sample["instances"] == record["number"]] / 255
            # shares are rounded to 1/255: half a step in each voxel, and a pore far below one may touch eight
            rounding = 0.5 / 255 * max(len(share), 8) * voxel_mm3
            assert share.sum() * voxel_mm3 == pytest.approx(record["volume_mm3"], rel=0.03, abs=rounding)
            assert record["wall_distance_mm"] >= 0.05 * (1 - 1e-6)
            pores += 1
    assert pores >= 4
