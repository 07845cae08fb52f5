"""The embedded crystals before and after relaxing: space groups, lattices, and the list of exceptions."""

import logging

import numpy as np
import pytest
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.crystal.known import embedded_set
from tests.data.embedded import (
    DESCRIPTIONS,
    ENTRIES,
    EXCEPTIONS,
    LIMIT,
    SCRIPT,
    changes,
    complaints,
    compounds,
    conventional_parameters,
    exceptions,
    is_compound,
    largest_change,
    phases,
    sample,
    structure,
    symmetry,
)

LOG = logging.getLogger(__name__)
GROUPS = {"weakly_bound", "potential", "functional", "measurement"}
# relative; lattices that agree so far have the same four digits
SAME = 1e-4
# angstrom
COARSE_SYMPREC = 0.1
# the first space groups of a system
ORTHORHOMBIC = 16
CUBIC = 195


def share_within_limit(names, of_what):
    """Return the share of crystals with every lattice parameter within the limit, and log it."""
    near = sum(abs(largest_change(name)) <= LIMIT for name in names)
    share = 100 * near / len(names)
    LOG.info("%d of %d %s within 3 percent: %.1f percent", near, len(names), of_what, share)
    return near / len(names)


# --------------------------------------------------------------------------------- space groups


def test_space_group_is_kept():
    found = {name: symmetry(name, "relaxed").number for name in phases()}
    assert {name: number for name, number in found.items() if number != phases()[name]["spacegroup"]} == {}
    assert found == {name: phase["spacegroup_relaxed"] for name, phase in phases().items()}


@pytest.mark.parametrize("name", EXCEPTIONS["nearly_higher_symmetry"])
def test_listed_crystals_come_close_to_a_higher_symmetry(name):
    number = SpacegroupAnalyzer(structure(name, "relaxed"), COARSE_SYMPREC).get_space_group_number()
    assert number == int(str(EXCEPTIONS["nearly_higher_symmetry"][name]).split(",")[0])
    assert number != phases()[name]["spacegroup"]


def test_other_crystals_do_not_come_close_to_a_higher_symmetry():
    for name in set(sample()) - set(EXCEPTIONS["nearly_higher_symmetry"]):
        number = SpacegroupAnalyzer(structure(name, "relaxed"), COARSE_SYMPREC).get_space_group_number()
        assert number == phases()[name]["spacegroup"], name


# --------------------------------------------------------------------------------- lattices


def test_descriptions_are_not_the_relaxed_crystals():
    """A lattice that is CHGNet's to four digits might have come from a potential."""
    assert [name for name in phases() if np.abs(changes(name)).max() < SAME] == []


def test_descriptions_do_not_crowd_around_the_relaxed_crystals():
    """Measured constants miss CHGNet's by a smooth spread; copied ones would pile up at no difference."""
    cubic = [name for name in compounds() if phases()[name]["spacegroup"] >= CUBIC]
    sizes = np.abs([largest_change(name) for name in cubic])
    # a flat spread would have a tenth
    assert np.sum(sizes < 0.001) < 0.2 * np.sum(sizes < 0.01)


def test_lattices_that_are_not_altered_change_little():
    names = compounds(altered=False)
    assert len(names) >= 250
    assert share_within_limit(names, "compounds that are not altered") >= 0.9


def test_lattices_of_all_compounds_change_little():
    """The share of the whole set, altered compounds and all, is lower."""
    assert share_within_limit(compounds(), "compounds, altered ones and all,") >= 0.8


def test_lattices_that_change_are_listed():
    far = {name: largest_change(name) for name in phases() if abs(largest_change(name)) > LIMIT}
    assert complaints(far, exceptions("relaxation")) == ""


def test_altered_crystals_are_few_and_named():
    altered = {name for name in phases() if np.abs(changes(name)[:3]).max() > SCRIPT.ALTERED}
    assert altered == {name for name, phase in phases().items() if phase["altered"]}
    assert altered == {phase.phase_id for phase in embedded_set().phases if phase.altered}
    altered_compounds = sum(is_compound(name) for name in altered)
    LOG.info("%d compounds and %d elements altered", altered_compounds, len(altered) - altered_compounds)
    assert altered_compounds <= 0.12 * len(compounds())


def test_literature_is_compared_in_the_described_lattice():
    """But for the order of axes; a monoclinic cell may be another one."""
    for name in sample():
        if phases()[name]["spacegroup"] >= ORTHORHOMBIC:
            lengths = conventional_parameters(name, "literature")[:3]
            described = DESCRIPTIONS.lattice_of(ENTRIES[name]).abc
            assert sorted(lengths) == pytest.approx(sorted(described), rel=1e-5), name


@pytest.mark.parametrize("comparison", ["relaxation", "independent"])
def test_exceptions_have_a_group_and_a_reason(comparison):
    for identifier, (group, reason) in exceptions(comparison).items():
        assert group in GROUPS, identifier
        assert isinstance(reason, str), identifier
        assert reason.strip(), identifier
