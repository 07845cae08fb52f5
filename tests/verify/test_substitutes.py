import gzip
import json
import os
from pathlib import Path

import pytest
from pymatgen.core import Structure

from matsearch.core.structures import minimum_distance
from matsearch.crystal.matching import same_crystal
from matsearch.verify.substitutes import DEAR, substitute_for

DATA = os.environ.get("MATSEARCH_TEST_DATA")
ALLOTROPES = ("Mn", "P", "S", "Se")
GASES = ("H", "N", "O", "F", "Cl")


@pytest.mark.parametrize("symbol", [*ALLOTROPES, *GASES])
def test_a_substitute_is_small_named_and_sourced(symbol):
    substitute = substitute_for(symbol, None, on_facet=False)
    assert {site.specie.symbol for site in substitute.structure} == {symbol}
    assert len(substitute.structure) <= DEAR
    assert substitute.name
    assert substitute.source
    assert -0.1 < substitute.offset_per_atom <= 0.0
    assert substitute.box is (symbol in GASES)


@pytest.mark.parametrize("symbol", GASES)
def test_a_molecule_has_its_bond_and_is_alone(symbol):
    molecule = substitute_for(symbol, None, on_facet=False).structure
    bond = minimum_distance(molecule)
    assert 0.7 < bond < 2.1
    assert min(molecule.lattice.abc) - bond == pytest.approx(8.0)


def test_a_smaller_cell_stands_in_and_on_a_facet_only_for_a_dear_one():
    assert substitute_for("S", 32, on_facet=True) is not None
    assert substitute_for("S", 6, on_facet=False) is None
    assert substitute_for("N", 8, on_facet=False) is not None
    assert substitute_for("N", 8, on_facet=True) is None
    assert substitute_for("N", None, on_facet=True) is not None
    assert substitute_for("O", 2, on_facet=False) is None
    assert substitute_for("Fe", 100, on_facet=False) is None


@pytest.mark.skipif(DATA is None, reason="MATSEARCH_TEST_DATA is not set")
@pytest.mark.parametrize("symbol", [*ALLOTROPES, "H", "Cl"])
def test_offsets_are_those_of_the_materials_project(symbol):
    document = json.loads(gzip.decompress((Path(DATA) / "MP-PBE_element_refs.json.gz").read_bytes()))[symbol]
    substitute = substitute_for(symbol, None, on_facet=False)
    energies = [
        energy
        for raw, energy in zip(document["structure"], document["energy_per_atom"], strict=True)
        if is_meant(Structure.from_dict(raw), substitute)
    ]
    assert min(document["energy_per_atom"]) - min(energies) == pytest.approx(
        substitute.offset_per_atom, abs=6e-5
    )


def is_meant(structure, substitute):
    if not substitute.box:
        return len(structure) < 10 and same_crystal(structure, substitute.structure)
    # molecules with room around them
    bonded = abs(minimum_distance(structure) - minimum_distance(substitute.structure)) < 0.05
    return bonded and structure.volume / len(structure) > 40
