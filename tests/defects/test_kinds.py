"""The list of kinds finds them by name and by record, and refuses what is no flaw."""

import pytest

from defects import kinds
from defects.crack import Crack
from defects.gas_pore import GasPore
from defects.inclusion import InclusionDense, InclusionLight
from defects.messages import BadInput


def test_every_module_has_its_kinds_in_the_list_under_their_names():
    assert [kind.name for module in kinds.MODULES for kind in module.KINDS] == list(kinds.KINDS)


def test_no_two_kinds_share_a_record():
    records = [kind.record for kind in kinds.KINDS.values()]
    assert len(set(records)) == len(records)


@pytest.mark.parametrize(
    ("flaw", "name"),
    [
        (GasPore(diameter_mm=1.0), "gas_pore"),
        (Crack(length_mm=3.0, width_mm=2.0, opening_mm=0.1), "crack"),
        (InclusionDense(diameter_mm=1.0), "inclusion_dense"),
        (InclusionLight(diameter_mm=1.0), "inclusion_light"),
    ],
)
def test_a_record_knows_its_kind(flaw, name):
    assert kinds.name_of(flaw) == name
    assert kinds.kind_of(name).record is type(flaw)


def test_an_unknown_kind_is_answered_with_a_near_one():
    with pytest.raises(BadInput, match=r"unknown defect kind 'gaspore'; did you mean 'gas_pore'"):
        kinds.kind_of("gaspore")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"diameter_mm": 1.0}, "unknown defect kind ''"),
        ({"kind": "gas_pore", "diametr_mm": 1.0}, "unknown field of GasPore 'diametr_mm'; did you mean 'diameter_mm'"),
        ({"kind": "gas_pore"}, "lacks a field or has one of the wrong type.*diameter_mm"),
        ({"kind": "gas_pore", "diameter_mm": "1 mm"}, "lacks a field or has one of the wrong type"),
        ({"kind": "gas_pore", "diameter_mm": -1.0}, "diameter_mm must be a finite number above 0, got -1.0"),
        ({"kind": ["gas_pore"]}, r"kind of a defect must be a name, .*got \['gas_pore'\]"),
        (3, "a defect must be an object with a kind, got 3"),
        (None, "a defect must be an object with a kind, got None"),
    ],
)
def test_values_that_are_no_flaw_are_refused(values, text):
    with pytest.raises(BadInput, match=f"(?s){text}"):
        kinds.from_json(values)
