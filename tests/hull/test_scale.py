import gzip
import json

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.schemes import MP_GGA, MP_GGA_RAW, MP_R2SCAN
from matsearch.hull.corrections import correct
from matsearch.hull.entries import read_entries
from matsearch.hull.scale import on_hull_scale

OWN = {"Na": -1.10, "Cl": -1.60, "Mg": -1.50, "O": -4.70, "Fe": -7.90}
HULL = {"Na": -1.31, "Cl": -1.84, "Mg": -1.59, "O": -4.95, "Fe": -8.47}


def rock_salt(cation, anion):
    return Structure(
        Lattice([[0, 2.4, 2.4], [2.4, 0, 2.4], [2.4, 2.4, 0]]), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def total(structure, formation, elements):
    """Energy of a formation energy in eV/atom."""
    return formation * len(structure) + sum(elements[site.specie.symbol] for site in structure)


@pytest.mark.parametrize(
    ("ions", "raw", "corrected"), [(("Na", "Cl"), -1.861, -2.168), (("Mg", "O"), -2.679, -3.022)]
)
def test_gpaw_meets_corrected_hulls_through_formation_energies(ions, raw, corrected):
    structure = rock_salt(*ions)
    energy = on_hull_scale(structure, total(structure, raw, OWN), "gpaw-pbe", MP_GGA, OWN, HULL)
    assert energy == pytest.approx(total(structure, corrected, HULL), abs=2e-3)


@pytest.mark.parametrize(
    ("scheme_id", "hull_id"),
    [("gpaw-pbe", MP_GGA_RAW), ("gpaw-pbe", "matpes-pbe"), ("gpaw-r2scan", MP_R2SCAN)],
)
@pytest.mark.parametrize("size", [1, 2])
def test_uncorrected_hulls_keep_the_formation_energy(scheme_id, hull_id, size):
    structure = rock_salt("Mg", "O").make_supercell([size, 1, 1], in_place=False)
    energy = on_hull_scale(structure, total(structure, -2.7, OWN), scheme_id, hull_id, OWN, HULL)
    assert energy == pytest.approx(total(structure, -2.7, HULL))


@pytest.mark.parametrize(
    ("scheme_id", "hull_id"), [("chgnet-0.3.0", MP_GGA), ("mace-mp", MP_GGA_RAW), ("gpaw-pbe", "gpaw-pbe")]
)
def test_the_same_surface_needs_nothing(scheme_id, hull_id):
    assert on_hull_scale(rock_salt("Fe", "O"), -13.7, scheme_id, hull_id, None, {}) == -13.7


@pytest.mark.parametrize(
    ("own", "hull", "said"),
    [
        (None, HULL, "Mg, O in gpaw-pbe"),
        ({"Mg": -1.5}, HULL, "of O in gpaw-pbe"),
        (OWN, {"O": -4.95}, f"of Mg in {MP_GGA}".replace("+", "[+]")),
    ],
)
def test_missing_elements_are_named(own, hull, said):
    with pytest.raises(SchemeMismatchError, match=said) as caught:
        on_hull_scale(rock_salt("Mg", "O"), -12.0, "gpaw-pbe", MP_GGA, own, hull)
    assert "compute the pure element" in caught.value.remedy


@pytest.mark.parametrize("hull_id", [MP_GGA, MP_GGA_RAW])
def test_plain_pbe_does_not_meet_phases_with_a_u(hull_id):
    with pytest.raises(SchemeMismatchError, match=r"FeO: gpaw-pbe has no U, .* on Fe") as caught:
        on_hull_scale(rock_salt("Fe", "O"), -13.0, "gpaw-pbe", hull_id, OWN, HULL)
    assert caught.value.remedy == "use a hull of gpaw-pbe or matpes-pbe"
    on_hull_scale(rock_salt("Fe", "O"), -13.0, "gpaw-pbe", "matpes-pbe", OWN, HULL)
    on_hull_scale(rock_salt("Fe", "Cl"), -13.0, "gpaw-pbe", hull_id, OWN, HULL)


def test_forbidden_pairs_are_refused():
    with pytest.raises(SchemeMismatchError, match="chgnet-r2scan"):
        on_hull_scale(rock_salt("Mg", "O"), -12.0, "chgnet-r2scan", MP_GGA, OWN, HULL)


@pytest.mark.parametrize("name", ["TiO2", "Mn-O"])
def test_mace_mp_energies_become_corrected_entries(test_data, name):
    """A potential that agreed with the raw entries would agree with the corrected hull."""
    documents = json.loads(gzip.decompress((test_data / f"{name}_entries.json.gz").read_bytes()))
    raw = {str(d["entry_id"]): d["energy"] for d in documents}
    entries, *_ = read_entries(test_data / f"{name}_entries.json.gz")
    for entry in correct(entries, "mp2020"):
        energy = raw[str(entry.entry_id)]
        assert on_hull_scale(entry.structure, energy, "mace-mp", MP_GGA, None, {}) == pytest.approx(
            entry.energy
        )
