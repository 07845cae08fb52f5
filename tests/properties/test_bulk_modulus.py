"""Energies against volumes to a bulk modulus, or to a reason why there is none."""

import numpy as np
import pytest
from ase.units import GPa
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.axes import AXES
from matsearch.core.config import RelaxSection
from matsearch.core.errors import ConfigError
from matsearch.core.records import PropertyValue, RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.frames import to_atoms
from matsearch.properties import COMPUTED_APART, EVALUATORS, HULL_OBJECTIVES, evaluators_for
from matsearch.properties.bulk_modulus import (
    FMAX,
    VOLUME_RATIOS,
    bulk_modulus,
    fit,
    settings_of_ions,
    strained,
)
from matsearch.relax.single import carry_out
from matsearch.relax.stage import ions_task
from matsearch.relax.task import RelaxTask
from matsearch.testing.samples import sample_relaxation, sample_structure, sample_verdict
from tests.relax.test_walk import crystal
from tests.strategies import structures

RATIOS = np.array(VOLUME_RATIOS)
TOY = load_potential("toy")


def birch(volumes, modulus, volume=100.0, derivative=4.0, energy=0.0):
    """Birch, Phys. Rev. 71, 809 (1947); modulus in GPa."""
    x = (volume / volumes) ** (2 / 3) - 1
    return energy + 9 / 16 * modulus * GPa * volume * (x**2 * 2 + (derivative - 4) * x**3)


@given(
    modulus=st.floats(1, 500),
    volume=st.floats(10, 2000),
    derivative=st.floats(2, 8),
    energy=st.floats(-1000, 100),
    shift=st.floats(0.97, 1.03),
    order=st.permutations(range(len(RATIOS))),
)
def test_a_known_equation_of_state_is_found_again(modulus, volume, derivative, energy, shift, order):
    volumes = volume * shift * RATIOS[order]
    found = fit(volumes, birch(volumes, modulus, volume, derivative, energy))
    assert found.value == pytest.approx(modulus, rel=2e-3)
    assert found.uncertainty == pytest.approx(0.0, abs=5e-3 * modulus)
    assert (found.unit, found.source) == ("GPa", "bulk_modulus/1")


@given(structure=structures(), n=st.integers(2, 4))
def test_the_modulus_is_of_the_crystal_and_not_of_its_cell(structure, n):
    volumes = structure.volume * RATIOS
    energies = birch(volumes, 80.0, structure.volume)
    assert fit(n * volumes, n * energies).value == pytest.approx(fit(volumes, energies).value, rel=1e-4)


def test_the_uncertainty_is_what_one_volume_less_may_change():
    volumes = 100 * RATIOS
    smooth = birch(volumes, 100.0)
    bumpy = smooth + 0.01 * np.array([0, 1, -1, 1, 0])
    found = fit(volumes, bumpy)
    left_out = [fit(np.delete(volumes, i), np.delete(bumpy, i)) for i in range(len(volumes))]
    assert found.uncertainty == pytest.approx(np.std([one.value for one in left_out]), rel=1e-3)
    assert found.uncertainty > 100 * fit(volumes, smooth).uncertainty
    assert {one.uncertainty for one in left_out} == {None}


@pytest.mark.parametrize(
    ("volumes", "energies", "why"),
    [
        (100 * RATIOS, birch(100 * RATIOS, 80.0, volume=120.0), "no minimum of the energy between 90.00 and"),
        (100 * RATIOS, birch(100 * RATIOS, 80.0, volume=80.0), "no minimum"),
        (100 * RATIOS, -birch(100 * RATIOS, 80.0), "not a convex function"),
        (100 * RATIOS, birch(100 * RATIOS, 80.0) - 0.5 * (np.arange(5) == 1), "not a convex function"),
        (100 * RATIOS, np.zeros(5), "not a convex function"),
        (100 * RATIOS, np.arange(5.0), "not a convex function"),
    ],
)
def test_what_is_no_equation_of_state_has_no_modulus(volumes, energies, why):
    found = fit(volumes, energies)
    assert isinstance(found, Verdict)
    assert (found.kind, found.stage) == (FailureKind.NO_PROPERTY, "bulk_modulus")
    assert why in found.detail


@given(energies=st.lists(st.floats(-50, 50), min_size=5, max_size=5))
def test_any_energies_give_a_finite_value_or_a_reason(energies):
    found = fit(100 * RATIOS, energies)
    if isinstance(found, PropertyValue):
        assert np.isfinite(found.value)
        assert found.value > 0
        assert found.uncertainty is None or np.isfinite(found.uncertainty)
    else:
        assert found.kind is FailureKind.NO_PROPERTY


@given(structure=structures())
def test_strained_cells_keep_shape_and_fractions(structure):
    before = structure.copy()
    for ratio, cell in strained(structure).items():
        assert cell.volume == pytest.approx(ratio * structure.volume)
        np.testing.assert_allclose(cell.lattice.angles, structure.lattice.angles)
        np.testing.assert_allclose(cell.frac_coords, structure.frac_coords)
        assert cell.species == structure.species
    assert structure == before


def points(modulus=80.0):
    structure = sample_structure()
    energies = birch(structure.volume * RATIOS, modulus, structure.volume)
    return {
        ratio: RelaxOutcome(relaxation=sample_relaxation(cell, energy / len(cell)))
        for (ratio, cell), energy in zip(strained(structure).items(), energies, strict=True)
    }


def test_all_points_are_needed_and_the_missing_one_is_named():
    assert bulk_modulus(points()).value == pytest.approx(80.0, rel=1e-3)
    torn = {**points(), 1.05: RelaxOutcome(verdict=sample_verdict(FailureKind.NOT_CONVERGED))}
    found = bulk_modulus(torn)
    assert found.kind is FailureKind.NO_PROPERTY
    assert found.detail.startswith("no energy at 1.05 times the volume: not_converged: ")


def test_a_bug_stays_a_bug():
    bug = sample_verdict(FailureKind.INTERNAL_ERROR)
    assert bulk_modulus({**points(), 0.95: RelaxOutcome(verdict=bug)}) == bug


def test_it_is_minus_volume_times_the_slope_of_the_pressure():
    """Of a crystal of low symmetry whose ions move as it is strained."""
    settings = RelaxSection(fmax=1e-3, max_steps=1000)
    task = RelaxTask(key="k", structure=crystal(), settings=settings)
    structure = carry_out(task, evaluator_of(TOY), TOY.info).relaxation.structure

    def ends(cells):
        outcomes = {}
        for ratio, cell in cells.items():
            outcomes[ratio] = carry_out(ions_task(cell, TOY.info, settings), evaluator_of(TOY), TOY.info)
        return outcomes

    near = {ratio: structure.copy().scale_lattice(ratio * structure.volume) for ratio in (0.995, 1.005)}
    atoms = [to_atoms(outcome.relaxation.structure) for outcome in ends(near).values()]
    stresses = [np.trace(labels.stress) / 3 for labels in evaluator_of(TOY).evaluate(atoms)]
    slope = (stresses[1] - stresses[0]) / (0.01 * structure.volume)
    assert bulk_modulus(ends(strained(structure))).value == pytest.approx(
        structure.volume * slope / GPa, rel=0.05
    )


@pytest.mark.parametrize(("asked", "used"), [(0.1, FMAX), (0.005, 0.005)])
def test_ions_are_relaxed_at_least_as_well_as_crystals(asked, used):
    settings = RelaxSection(fmax=asked, max_steps=77)
    assert settings_of_ions(settings) == RelaxSection(fmax=used, max_steps=77)


def test_the_name_is_known_and_others_are_told_it():
    assert evaluators_for(["energy_above_hull", "bulk_modulus"]) == []
    with pytest.raises(ConfigError) as refused:
        evaluators_for(["bulk modulus"])
    assert str(refused.value).count("\n") == 0
    assert "bulk_modulus" in refused.value.remedy


def test_every_objective_that_somebody_computes_has_an_axis_with_its_unit():
    assert set(AXES) == {*HULL_OBJECTIVES, *EVALUATORS, *COMPUTED_APART}
    assert AXES["bulk_modulus"].unit == fit(100 * RATIOS, birch(100 * RATIOS, 80.0)).unit
