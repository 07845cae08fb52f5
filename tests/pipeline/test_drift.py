import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.records import Lineage
from matsearch.core.thresholds import TOO_GOOD_FLAG
from matsearch.pipeline.drift import count_drift, mix_of
from matsearch.testing.samples import sample_candidate, sample_structure


def born(slot, generation, symbols, parents=(), energy=0.1, **fields):
    fields = {"structure": sample_structure(*symbols), "spacegroup": "Fm-3m", **fields}
    lineage = Lineage(operator="strain", parent_ids=parents)
    return sample_candidate(slot, generation, energy_above_hull=energy, lineage=lineage, **fields)


def test_kinds_of_crystals_are_counted_by_crystal_not_by_atom():
    cell = Structure(Lattice.cubic(5), ["Pt", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]])
    mix = mix_of([born(0, 0, "", structure=cell), born(1, 0, ("La", "Au")), born(2, 0, ("Na", "Cl"))])
    assert (mix.crystals, mix.formulas) == (3, 1.0)
    assert (mix.precious, mix.f_block) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert mix.no_anion_former == pytest.approx(1 / 3)


def test_the_same_formula_twice_is_less_various_whatever_the_cell():
    twice = Structure(
        Lattice.cubic(6), ["Na", "Na", "Cl", "Cl"], [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0], [0, 0, 0.5]]
    )
    mix = mix_of([born(0, 0, ("Na", "Cl")), born(1, 0, "", structure=twice)])
    assert mix.formulas == 0.5
    assert mix_of([born(0, 0, "", structure=None)]) is None


def test_proposals_and_their_parents_by_generation():
    salt, gold = born(0, 0, ("Na", "Cl")), born(1, 0, ("Au", "Cl"))
    children = [born(i, 1, ("Pt", "Cl"), parents=(gold.candidate_id, "known:outside")) for i in range(2)]
    first, second = count_drift([salt, gold, *children])
    assert (first.proposed.precious, first.parents) == (0.5, None)
    assert (second.proposed.precious, second.proposed.formulas) == (1.0, 0.5)
    assert (second.parents.crystals, second.parents.precious) == (1, 1.0), "named twice, counted once"


def test_niches_are_those_of_distinct_believed_crystals():
    candidates = [
        born(0, 0, ("Na", "Cl")),
        born(1, 0, ("K", "Br")),  # the same families and crystal system
        born(2, 0, ("Pt", "Cl"), flags=(TOO_GOOD_FLAG,)),
        born(3, 0, ("Fe", "O"), duplicate_of="another"),
        born(4, 0, ("Ti", "O"), energy=None),
        born(0, 1, ("Na", "Cl"), spacegroup="P4/nmm"),
        born(1, 1, ("Na", "Cl")),
    ]
    assert [(d.niches, d.niches_so_far) for d in count_drift(candidates)] == [(1, 1), (2, 2)]
    assert count_drift([]) == []
