"""Operators in a search of any elements, free and within limits."""

import numpy as np
import pytest
from pymatgen.core import Composition

from matsearch.core.element_groups import EMBEDDED_ELEMENTS, GROUPS
from matsearch.core.propose_section import ProposeSection
from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.crystal.known import embedded_set
from matsearch.crystal.scope import allows, composition_fault, spacegroup_fault
from matsearch.propose.operator_proposer import OperatorProposer
from matsearch.propose.operators.elements import MOST, draw_symbols

FREE = Limits(elements=EMBEDDED_ELEMENTS, max_atoms=10)
USUAL = tuple(sorted(set(EMBEDDED_ELEMENTS) - GROUPS["f-block"] - GROUPS["noble-gas"]))
OXIDES = Limits(
    elements=USUAL, max_atoms=10, n_elements=(3, 4), anions=("O",), oxidation_states=(("Fe", (2,)),)
)
CUBIC = Limits(elements=EMBEDDED_ELEMENTS, max_atoms=10, n_elements=(2, 3), spacegroups=(221, 225))


@pytest.fixture(scope="module")
def known():
    small = [p for p in embedded_set().phases if len(p.literature) <= 10]
    return tuple(Parent(parent_id=p.phase_id, structure=p.literature) for p in small[::12])


def proposed(names, limits, known, n=5):
    proposer = OperatorProposer(names)
    slots = (
        Slot(
            campaign_id="c", generation=0, slot=i, seed=1, parents=known[::4], templates=known, limits=limits
        )
        for i in range(n)
    )
    return [made.structure for slot in slots for made in proposer.propose(slot) if made.structure is not None]


@pytest.mark.parametrize("limits", [FREE, OXIDES, CUBIC], ids=["free", "oxides", "cubic"])
def test_every_slot_gets_a_crystal_within_the_limits(limits, known):
    made = proposed(dict(ProposeSection().operators), limits, known)
    assert len(made) == 5
    assert all(composition_fault(s.composition, limits) is None for s in made)
    assert all(spacegroup_fault(s, limits) is None for s in made)


@pytest.mark.parametrize("name", ["substitution", "decoration", "random_symmetric"])
@pytest.mark.parametrize("limits", [FREE, OXIDES, CUBIC], ids=["free", "oxides", "cubic"])
def test_those_that_need_no_parents_find_something_alone(name, limits, known):
    assert len(proposed({name: 1.0}, limits, known)) >= 4


@pytest.mark.parametrize(
    ("limits", "fewest", "most"),
    [
        (FREE, 2, MOST),
        (OXIDES, 3, 4),
        (Limits(elements=("C", "Ti"), max_atoms=8), 2, 2),
        (Limits(elements=("H", "Pd"), max_atoms=8, anions=("H",)), 2, 2),
    ],
)
def test_as_many_elements_are_drawn_as_the_limits_allow(limits, fewest, most):
    rng = np.random.default_rng(0)
    drawn = [draw_symbols(limits, rng) for _ in range(200)]
    assert {len(symbols) for symbols in drawn} == set(range(fewest, most + 1))
    assert all(len(set(symbols)) == len(symbols) for symbols in drawn)
    of_anions = Limits(elements=limits.elements, max_atoms=8, anions=limits.anions)
    assert all(allows(of_anions, Composition(dict.fromkeys(symbols, 1))) for symbols in drawn)
