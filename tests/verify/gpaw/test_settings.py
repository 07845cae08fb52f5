import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.dft import DftSettings
from matsearch.core.errors import ConfigError, InputError
from matsearch.core.keys import content_key
from matsearch.core.schemes import get_scheme
from matsearch.core.verify_section import GpawSection
from matsearch.crystal.canonical import sorted_sites
from matsearch.testing.samples import sample_structure
from matsearch.verify.gpaw.results import hubbards_of, run_type
from matsearch.verify.moments import initial_moments
from matsearch.verify.settings import dft_task, gpaw_settings

from .conftest import aluminium

SETTINGS = gpaw_settings(GpawSection())


@pytest.mark.parametrize(
    ("functional", "first", "kind", "u_values"),
    [
        ("PBE", "Fe", "GGA", {}),
        ("PBE+U", "Fe", "GGA+U", {"Fe": 5.3}),
        ("PBE+U", "Mg", "GGA", {}),
        ("r2SCAN", "Fe", "r2SCAN", {}),
    ],
)
def test_the_run_type_is_that_of_the_composition(functional, first, kind, u_values):
    settings = gpaw_settings(GpawSection(functional=functional))
    task = dft_task(sample_structure(first, "O", 4.3), settings, "x")
    assert (run_type(task), hubbards_of(task)) == (kind, u_values)
    scheme = get_scheme(settings.scheme_id)
    assert scheme.functional == functional
    assert kind in scheme.run_types


def test_a_low_cutoff_is_refused_for_cells_that_relax_and_for_hard_elements():
    low = GpawSection(cutoff=500)
    with pytest.raises(ConfigError, match="500 eV is too low for a cell that relaxes"):
        gpaw_settings(low)
    static = gpaw_settings(low, relax=False)
    assert dft_task(aluminium(), static, "Al").settings == static
    with pytest.raises(ConfigError, match="too low for a crystal with O"):
        dft_task(sample_structure("Mg", "O", 4.2), static, "MgO")


def test_what_steers_a_relaxation_does_not_change_a_static_calculation():
    one, other = GpawSection(fmax=0.1, keep_symmetry=False), GpawSection()
    assert gpaw_settings(one, relax=False).key == gpaw_settings(other, relax=False).key
    assert gpaw_settings(one).key != gpaw_settings(other).key
    assert len({gpaw_settings(GpawSection(**c)).key for c in ({}, {"cutoff": 800}, {"smearing": 0.1})}) == 3


def test_limits_are_no_part_of_the_key():
    lower = gpaw_settings(GpawSection(max_steps=3, max_scf_iterations=50))
    assert lower.limits == {"max_steps": 3, "max_scf_iterations": 50}
    assert lower.key == SETTINGS.key
    assert dft_task(aluminium(), lower, "x").key == dft_task(aluminium(), SETTINGS, "x").key


def test_the_key_of_settings_stored_without_limits_stays():
    old = DftSettings(code="GPAW", functional="PBE", scheme_id="gpaw-pbe", parameters={"max_steps": 60})
    document = old.document()
    del document["limits"]
    assert DftSettings.model_validate(document).key == content_key("dft-settings/1", document)


def test_the_key_is_of_the_crystal_and_its_moments_not_of_the_order_or_the_label():
    crystal = sample_structure("Fe", "O", 4.3)
    turned = Structure.from_sites([crystal[1], crystal[0]])
    one = dft_task(crystal, SETTINGS, "one", [4.04, 0.02])
    assert one.key == dft_task(turned, SETTINGS, "other\n", [0.04, 4.01]).key
    assert one.magmoms == (4.0, 0.0)
    others = [
        dft_task(crystal, SETTINGS, "x"),
        dft_task(crystal, SETTINGS, "x", [-4.0, 0.0]),
        dft_task(crystal, SETTINGS, "x", box=True),
        dft_task(crystal, gpaw_settings(GpawSection(cutoff=800)), "x"),
    ]
    assert len({one.key, *(task.key for task in others)}) == 5


@given(st.permutations(range(5)))
def test_moments_go_with_their_sites(order):
    coords = [[0.05 * i, 0.13 * i, 0.17 * i] for i in range(5)]
    crystal = Structure(Lattice.cubic(6.0), ["Fe", "O", "Fe", "Li", "Fe"], coords)
    moments = [4.0, 0.1, -3.0, 0.0, 2.0]
    shuffled = Structure.from_sites([crystal[i] for i in order])
    task = dft_task(shuffled, SETTINGS, "x", [moments[i] for i in order])
    assert task == dft_task(crystal, SETTINGS, "x", moments)
    assert task.structure == sorted_sites(crystal)
    found = {tuple(site.frac_coords): m for site, m in zip(task.structure, task.magmoms, strict=True)}
    assert [found[tuple(site.frac_coords)] for site in crystal] == moments


def test_moments_that_say_nothing_are_none():
    assert dft_task(aluminium(), SETTINGS, "x", [0.09]) == dft_task(aluminium(), SETTINGS, "x")


@pytest.mark.parametrize("bad", [[], [1.0, 2.0], [float("nan")]])
def test_moments_must_be_one_a_site(bad):
    with pytest.raises(InputError, match="initial moments"):
        dft_task(aluminium(), SETTINGS, "x", bad)


@pytest.mark.parametrize(
    ("first", "second", "suggested", "moments"),
    [
        ("Na", "Cl", None, None),
        ("Fe", "O", None, (5.0, 0.0)),
        ("Fe", "O", [0.05, 0.01], (5.0, 0.0)),
        ("Fe", "O", [3.6, 0.1], (3.6, 0.1)),
        ("Co", "O", [0.3, 0.0], (0.3, 0.0)),
        ("Na", "Cl", [0.01, 0.0], None),
        ("Ti", "O", [0.9, 0.0], (0.9, 0.0)),
        ("Gd", "N", None, (7.0, 0.0)),
        ("La", "N", None, None),
        ("O", "O", None, (1.0, 1.0)),
        ("K", "O", None, None),
    ],
)
def test_moments_to_begin_with(first, second, suggested, moments):
    assert initial_moments(sample_structure(first, second), suggested) == moments
