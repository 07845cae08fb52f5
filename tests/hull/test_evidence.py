import gzip
import json

import pytest
from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.schemes import MP_GGA, MP_GGA_RAW, MP_MIXED, MP_R2SCAN, schemes
from matsearch.hull import evidence
from matsearch.hull.evidence import require_evidence


def entry(data=None, **parameters):
    return ComputedEntry("FeO", -10.0, parameters=parameters, data=data, entry_id="wustite")


VASP = {"software": "VASP"}
SILENT = [entry()]

FITS = [
    ({"software": "vasp 6.4.2", "run_type": "GGA"}, MP_GGA_RAW),
    ({"code": "VASP.5.4.4", "run_type": "GGA"}, MP_GGA),
    ({"potcar_symbols": ["PBE Fe_pv", "PBE O"], "run_type": "GGA+U", "hubbards": {"Fe": 5.3}}, MP_GGA_RAW),
    (
        {"potcar_spec": [{"titel": "PAW_PBE O 08Apr2002"}], "is_hubbard": True, "run_type": "GGA+U"},
        MP_GGA_RAW,
    ),
    ({"pseudo_potential": {"functional": "PBE_54"}, "run_type": "R2SCAN", "is_hubbard": False}, MP_R2SCAN),
    ({**VASP, "run_type": "r2SCAN"}, MP_MIXED),
    ({**VASP, "run_type": "GGA+U"}, MP_MIXED),
    ({"pseudo_potential": {"functional": "PBE_64"}, "run_type": "GGA", "hubbards": {}}, "matpes-pbe"),
    ({"potcar_spec": [{"titel": "PAW_PBE O 08Apr2002"}], "run_type": "r2SCAN"}, "matpes-r2scan"),
    ({"program": "gpaw", "run_type": "GGA", "is_hubbard": False}, "gpaw-pbe"),
    ({"software": "GPAW 25.7", "run_type": "GGA+U"}, "gpaw-pbe+u"),
    ({"software": "CHGNet v0.3.0"}, "chgnet-0.3.0"),
    ({"software": "chgnet"}, "chgnet-0.3.0"),
    ({"software": "MACE-MP-0b3"}, "mace-mp"),
    ({"calc_code": "CHGNet-MatPES-r2SCAN-2025.2.10"}, "chgnet-matpes-r2scan"),
]

CONTRADICTS = [
    ({"software": "GPAW"}, MP_GGA_RAW, "GPAW"),
    ({"program": "Quantum ESPRESSO 7.2"}, MP_GGA, "Quantum ESPRESSO"),
    ({"calc_code": "VASP"}, "gpaw-pbe", "VASP"),
    ({"software": "GPAW r2SCAN"}, "gpaw-pbe", "GPAW r2SCAN"),
    ({**VASP, "run_type": "r2SCAN"}, MP_GGA_RAW, "run_type r2SCAN"),
    ({**VASP, "run_type": "GGA"}, MP_R2SCAN, "run_type GGA"),
    ({**VASP, "run_type": "GGA+U"}, "matpes-pbe", "run_type GGA.U"),
    ({**VASP, "hubbards": {"Fe": 5.3}}, "matpes-pbe", "hubbards .*5.3"),
    ({**VASP, "is_hubbard": True}, "matpes-r2scan", "is_hubbard True"),
    ({**VASP, "is_hubbard": True, "run_type": "GGA"}, MP_GGA_RAW, "is_hubbard True with run_type GGA"),
    ({**VASP, "is_hubbard": False, "run_type": "GGA+U"}, MP_GGA_RAW, "is_hubbard False with run_type GGA.U"),
    ({**VASP, "hubbards": {"Fe": 4}, "run_type": "r2SCAN"}, MP_MIXED, "hubbards .* with run_type r2SCAN"),
    ({"pseudo_potential": {"functional": "PBE_64"}}, MP_GGA_RAW, "PBE_64 POTCARs"),
    ({"potcar_symbols": ["PBE_64 O"]}, MP_R2SCAN, "PBE_64 POTCARs"),
    ({"potcar_symbols": ["PBE Fe_pv"]}, "matpes-pbe", "PBE POTCARs"),
    ({"potcar_spec": [{"titel": "PAW Fe 03Mar1998"}]}, MP_GGA_RAW, "PAW POTCARs"),
    ({"potcar_symbols": ["PBE O"]}, "gpaw-pbe", "POTCAR data"),
    ({"potcar_symbols": ["PBE O"]}, "chgnet-0.3.0", "POTCAR data"),
    ({"software": "CHGNet 0.2.0"}, "chgnet-0.3.0", "CHGNet 0.2.0"),
    ({"software": "CHGNet-MatPES-r2SCAN"}, "chgnet-r2scan", "MatPES"),
    ({"software": "mace-mpa-0"}, "mace-mp", "mace-mpa-0"),
    ({"run_type": "GGA"}, "chgnet-0.3.0", "run_type GGA"),
]


@pytest.mark.parametrize(("facts", "scheme_id"), FITS)
@pytest.mark.parametrize("where", ["parameters", "data"])
def test_statements_that_fit(facts, scheme_id, where):
    require_evidence([entry(**facts) if where == "parameters" else entry(facts)], scheme_id, None, "set")


@pytest.mark.parametrize(("facts", "scheme_id", "said"), CONTRADICTS)
@pytest.mark.parametrize("where", ["parameters", "data"])
def test_statements_that_contradict_are_refused(facts, scheme_id, said, where):
    wrong = entry(**facts) if where == "parameters" else entry(facts)
    with pytest.raises(
        ReferenceHullError,
        match=f"2 of 3 entries of set .*{scheme_id.replace('+', '.')}.*wustite has .*{said}",
    ) as caught:
        require_evidence([entry(), wrong, wrong], scheme_id, None, "set")
    assert caught.value.remedy


def test_parameters_and_data_must_both_fit():
    with pytest.raises(ReferenceHullError, match="r2SCAN"):
        require_evidence([entry({"run_type": "r2SCAN"}, **VASP, run_type="GGA")], MP_GGA_RAW, None, "set")


@pytest.mark.parametrize("scheme_id", [MP_GGA_RAW, MP_GGA, MP_MIXED])
@pytest.mark.parametrize("facts", [{}, {"run_type": "GGA"}, {"potcar_symbols": []}, {"software": " "}])
def test_corrected_schemes_need_proof_of_vasp(scheme_id, facts):
    entries = [entry(**VASP), entry(**facts)]
    with pytest.raises(
        ReferenceHullError, match=r"nothing in 1 of 2 entries of set .*VASP.*wustite"
    ) as caught:
        require_evidence(entries, scheme_id, None, "set")
    assert "software: VASP" in caught.value.remedy
    require_evidence(entries, scheme_id, "vasp", "set")


@pytest.mark.parametrize("scheme_id", sorted(set(schemes()) - {MP_GGA_RAW, MP_GGA, MP_MIXED}))
def test_silent_entries_of_other_schemes_are_the_users_word(scheme_id):
    require_evidence(SILENT, scheme_id, None, "set")
    require_evidence(SILENT, scheme_id, schemes()[scheme_id].software, "set")


def test_the_users_word_does_not_outweigh_the_entries_nor_the_scheme():
    with pytest.raises(ReferenceHullError, match="GPAW"):
        require_evidence([entry(software="GPAW")], MP_GGA_RAW, "VASP", "set")
    with pytest.raises(ReferenceHullError, match="set is said to be of software 'GPAW'"):
        require_evidence(SILENT, MP_GGA_RAW, "GPAW", "set")


def test_an_unknown_scheme_is_named():
    with pytest.raises(SchemeMismatchError, match="nobody"):
        require_evidence(SILENT, "nobody", None, "set")


def test_every_vasp_scheme_says_which_potcars_it_takes():
    vasp = {scheme_id for scheme_id, scheme in schemes().items() if scheme.software == "VASP"}
    assert set(evidence._POTCAR_RELEASES) == vasp


@pytest.mark.parametrize("name", ["TiO2", "Mn-O", "Li-Fe-P-O"])
def test_real_entries_of_the_materials_project(test_data, name):
    documents = json.loads(gzip.decompress((test_data / f"{name}_entries.json.gz").read_bytes()))
    entries = [
        ComputedEntry(d["composition"], d["energy"], parameters=d["parameters"], data=d["data"])
        for d in documents
    ]
    require_evidence(entries, MP_GGA_RAW, None, name)
    for scheme_id in sorted(set(schemes()) - {MP_GGA_RAW, MP_GGA, MP_MIXED}):
        with pytest.raises(ReferenceHullError):
            require_evidence(entries, scheme_id, None, name)
