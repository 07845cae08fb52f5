import math

import pytest
from hypothesis import given
from pymatgen.core import Lattice, Structure

from matsearch.core.errors import InputError
from matsearch.core.structures import decode_structure, encode_structure
from tests.strategies import structures


@given(structure=structures())
def test_round_trip_is_exact(structure):
    again = decode_structure(encode_structure(structure))
    assert again.lattice.matrix.tolist() == structure.lattice.matrix.tolist()
    assert again.frac_coords.tolist() == structure.frac_coords.tolist()
    assert again.species == structure.species


def test_disordered_site_is_named():
    structure = Structure(Lattice.cubic(3), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match=r"Fe.*0.5"):
        encode_structure(structure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"species": ["Xx"]}, "unknown element 'Xx'"),
        ({"species": [{"@module": "os", "@callable": "system"}]}, "unknown element"),
        ({"species": ["D"]}, "unknown element 'D'"),
        ({"frac_coords": [[0, 0, math.nan]]}, "not finite"),
        ({"frac_coords": [[0, 0]]}, "shape"),
        ({"lattice": [[1, 0, 0], [0, 1, 0]]}, "shape"),
    ],
)
def test_broken_documents_are_refused(change, message):
    document = {
        "lattice": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
        "species": ["Fe"],
        "frac_coords": [[0, 0, 0]],
        **change,
    }
    with pytest.raises(ValueError, match=message):
        decode_structure(document)


def test_documents_of_code_are_not_structures():
    with pytest.raises(ValueError, match="needs lattice"):
        decode_structure({"@module": "os", "@class": "system"})
