"""Key figures of porosity by hand."""

import pytest

from ctsim.metrology.porosity import porosity_of


def void(number, volume, feret, *, kind="gas_pore", material="void", wall=1.0, gap=2.0):
    return {
        "number": number, "kind": kind, "material": material, "volume_mm3": volume, "feret_max_mm": feret,
        "equivalent_diameter_mm": feret / 2, "wall_distance_mm": wall, "neighbour_distance_mm": gap,
    }  # fmt: skip


RECORDS = [
    void(1, 2.0, 1.5, wall=0.4),
    void(2, 6.0, 3.0, gap=0.7, kind="crack"),
    void(3, 0.05, 0.6, gap=0.2),
    void(4, 9.0, 4.0, material="SiC", kind="inclusion_dense"),
    {"number": 5, "kind": "warp", "material": None, "volume_mm3": None},
    void(6, 400.0, 30.0, gap=0.1, kind="missing_component"),
    void(7, 300.0, 20.0, gap=0.1, kind="wall_thinning"),
]


def test_shares_numbers_and_distances():
    figures = porosity_of(RECORDS, 1000.0)
    assert figures["reference_volume_mm3"] == 1000
    everything, large, small = figures["all"], figures["large"], figures["small"]
    assert (everything["number"], large["number"], small["number"]) == (3, 2, 1)
    assert everything["volume_mm3"] == pytest.approx(8.05)
    assert everything["porosity_percent"] == pytest.approx(0.805)
    assert large["porosity_percent"] + small["porosity_percent"] == pytest.approx(everything["porosity_percent"])
    assert everything["number_per_cm3"] == pytest.approx(3)
    assert everything["number_by_kind"] == {"crack": 1, "gas_pore": 2}
    assert (large["largest_number"], large["largest_volume_mm3"], large["largest_feret_max_mm"]) == (2, 6.0, 3.0)
    assert large["feret_max_percentiles_mm"] == pytest.approx({"10": 1.65, "50": 2.25, "90": 2.85})
    assert large["equivalent_diameter_percentiles_mm"]["50"] == pytest.approx(1.125)
    assert (large["least_wall_distance_mm"], large["least_neighbour_distance_mm"]) == (0.4, 0.7)
    assert everything["least_neighbour_distance_mm"] == 0.2
    assert "not graded" in figures["note"]


def test_a_void_of_just_the_limit_is_small():
    assert porosity_of([void(1, 0.1, 0.6)], 1.0)["small"]["number"] == 1
    assert porosity_of([void(1, 0.1, 0.6001)], 1.0)["large"]["number"] == 1


def test_a_sound_part_has_none():
    figures = porosity_of([], 500.0)["all"]
    assert figures["number"] == figures["porosity_percent"] == 0
    assert figures["largest_number"] is None
    assert figures["feret_max_percentiles_mm"] == {"10": None, "50": None, "90": None}
    assert figures["least_neighbour_distance_mm"] is None
