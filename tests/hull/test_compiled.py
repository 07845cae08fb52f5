"""The compiled hull against pymatgen's PhaseDiagram, and against what a hull is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from matsearch.core.protocols import KnownPhase
from matsearch.hull import phases as phase_table
from matsearch.hull.compiled import CompiledHull
from matsearch.hull.reference import CompiledReferenceHull

SYMBOLS = ("Cl", "Fe", "Li", "Na", "O", "P", "S", "Ti")


@st.composite
def systems(draw):
    """Elements, phases (amounts, energy per atom) and candidates, many of them degenerate."""
    d = draw(st.integers(2, 8))
    amounts = st.lists(st.integers(0, 3), min_size=d, max_size=d).filter(any)
    # a coarse grid of energies puts many phases on one plane, at one height or on a tie line
    energy = draw(st.sampled_from([st.integers(-8, 2).map(lambda n: n / 2), st.floats(-4, 1)]))
    tilt = draw(st.lists(st.sampled_from([-3.0, -1.0, 0.0, 2.0]), min_size=d, max_size=d))
    elements = [([int(i == j) for j in range(d)], 0.0) for i in range(d)]
    compounds = draw(st.lists(st.tuples(amounts, energy), max_size=25))
    polymorphs = [(a, e + extra) for a, e in compounds[:4] for extra in (0.0, 0.3)]
    allotropes = [(a, 0.2) for a, _ in elements[:2]]
    asked = draw(st.lists(st.tuples(amounts, st.floats(-6, 2)), min_size=1, max_size=6))
    tilted = [
        (a, e + float(np.dot(a, tilt)) / sum(a)) for a, e in elements + compounds + polymorphs + allotropes
    ]
    return SYMBOLS[:d], tilted, asked + compounds[:3]


def composition_of(symbols, amounts):
    return Composition({s: n for s, n in zip(symbols, amounts, strict=True) if n})


def hull_of(symbols, phases):
    known = [
        KnownPhase(phase_id=f"{i:03d}", formula=composition_of(symbols, a).formula, energy_per_atom=e)
        for i, (a, e) in enumerate(phases)
    ]
    facts = {"name": "test", "scheme_id": "toy", "sha256": "0" * 64, "complete": False}
    return CompiledReferenceHull(known, symbols, **facts)


def entries_of(symbols, phases):
    compositions = [composition_of(symbols, a) for a, _ in phases]
    return [
        PDEntry(c, e * c.num_atoms, name=f"{i:03d}")
        for i, (c, (_, e)) in enumerate(zip(compositions, phases, strict=True))
    ]


@settings(max_examples=60)
@given(systems())
def test_distances_and_formation_energies_are_pymatgens(system):
    symbols, phases, asked = system
    diagram = PhaseDiagram(entries_of(symbols, phases))
    entries = entries_of(symbols, asked)
    hull = hull_of(symbols, phases)
    placed = hull.place([e.composition for e in entries], [e.energy for e in entries], "toy")
    for entry, placement in zip(entries, placed, strict=True):
        expected = diagram.get_e_above_hull(entry, allow_negative=True)
        assert placement.energy_above_hull == pytest.approx(expected, abs=1e-6)
        assert placement.formation_energy_per_atom == pytest.approx(
            diagram.get_form_energy_per_atom(entry), abs=1e-6
        )


@settings(max_examples=40)
@given(systems())
def test_stable_phases_are_pymatgens_and_those_on_its_tie_lines(system):
    symbols, phases, _ = system
    diagram = PhaseDiagram(entries_of(symbols, phases))
    entries = {e.name: e for e in diagram.entries}
    stable = hull_of(symbols, phases).stable_ids
    lowest = {entries[i].composition.reduced_formula for i in stable}
    assert {e.composition.reduced_formula for e in diagram.stable_entries} <= lowest
    for name in stable:
        assert diagram.get_e_above_hull(entries[name]) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=40)
@given(systems())
def test_products_make_up_the_composition_and_no_phase_lies_below_the_potentials(system):
    symbols, phases, asked = system
    hull = hull_of(symbols, phases)
    energies = {p.phase_id: p.energy_per_atom for p in hull.phases()}
    for amounts, _ in asked:
        composition = composition_of(symbols, amounts)
        found = hull.equilibrium(composition)
        made: dict[str, float] = {}
        for phase_id, share in found.phases.items():
            phase = composition_of(symbols, phases[int(phase_id)][0])
            for element in phase.elements:
                made[element.symbol] = made.get(element.symbol, 0.0) + share * phase.get_atomic_fraction(
                    element
                )
        for symbol in symbols:
            assert made.get(symbol, 0.0) == pytest.approx(composition.get_atomic_fraction(symbol), abs=1e-6)
        mixed = sum(share * energies[i] for i, share in found.phases.items())
        assert mixed == pytest.approx(found.energy_per_atom, abs=1e-6)
        for amounts_of_phase, energy in phases:
            present = {s: n for s, n in zip(symbols, amounts_of_phase, strict=True) if n}
            if present.keys() <= found.chemical_potentials.keys():
                plane = sum(n * found.chemical_potentials[s] for s, n in present.items())
                assert plane / sum(present.values()) <= energy + 1e-6


@settings(max_examples=25)
@given(systems(), st.integers(1, 7))
def test_a_subsystem_is_a_face_of_the_whole(system, whole_up_to):
    """Compiled whole or by each composition's own elements, the answer is the same."""
    symbols, phases, asked = system
    entries = entries_of(symbols, asked)
    arguments = [e.composition for e in entries], [e.energy for e in entries], "toy"
    whole = hull_of(symbols, phases).energies_above_hull(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phase_table, "_LARGEST_WHOLE", whole_up_to)
        assert hull_of(symbols, phases).energies_above_hull(*arguments) == pytest.approx(whole, abs=1e-6)


@settings(max_examples=25)
@given(systems(), st.randoms())
def test_the_order_of_the_phases_changes_no_bit(system, random):
    symbols, phases, asked = system
    known = list(hull_of(symbols, phases).phases())
    random.shuffle(known)
    facts = {"name": "test", "scheme_id": "toy", "sha256": "0" * 64, "complete": False}
    shuffled = CompiledReferenceHull(known, symbols, **facts)
    entries = entries_of(symbols, asked)
    arguments = [e.composition for e in entries], [e.energy for e in entries], "toy"
    assert shuffled.place(*arguments) == hull_of(symbols, phases).place(*arguments)


def test_one_hull_serves_its_subsystems_and_a_system_is_compiled_once(monkeypatch):
    compiled = []
    original = phase_table.CompiledHull
    monkeypatch.setattr(phase_table, "CompiledHull", lambda *args: compiled.append(1) or original(*args))
    hull = hull_of(SYMBOLS[:4], [([int(i == j) for j in range(4)], -1.0) for i in range(4)])
    for formula in ("Li", "LiCl", "Li2Fe", "NaCl", "LiFeNaCl"):
        hull.place([Composition(formula)], [-1.0], "toy")
    assert len(compiled) == 1

    large = hull_of(SYMBOLS, [([int(i == j) for j in range(8)], -1.0) for i in range(8)])
    compositions = [Composition(f) for f in ("NaCl", "Na2Cl", "LiFePO4", "TiO2", "NaCl3")]
    large.place(compositions, [-1.0] * 5, "toy")
    large.place(compositions, [-1.0] * 5, "toy")
    assert len(compiled) == 1 + 3


def test_thin_facets_keep_the_answer_within_bounds():
    """Compositions 1e-3 to 1e-6 apart at nearly the same energy span facets without much extent."""
    random = np.random.default_rng(0)
    for _ in range(30):
        d = int(random.integers(3, 6))
        near = random.dirichlet(np.ones(d), 4)[random.integers(0, 4, 25)]
        near = np.abs(near + random.normal(0, 10.0 ** -random.uniform(3, 6), near.shape))
        fractions = np.vstack([np.eye(d), near / near.sum(axis=1, keepdims=True)])
        energies = np.concatenate([np.zeros(d), random.normal(-1, 10.0 ** -random.uniform(3, 9), len(near))])
        hull = CompiledHull(fractions, energies)
        asked = np.vstack([random.dirichlet(np.ones(d), 20), fractions])
        mixtures, heights = hull.decompose(asked), hull.hull_energies(asked)
        upper = np.einsum("nk,nk->n", mixtures.amounts, energies[mixtures.phases])
        assert np.all(heights[20:] <= energies + 1e-6)
        assert np.abs(upper - heights).max() < 1e-4
