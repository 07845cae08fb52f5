"""What a calculation will cost: always a number, and better once something was run."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.dft import DftCalculation, DftSettings
from matsearch.testing.samples import sample_structure
from matsearch.verify.cost import CostModel
from matsearch.verify.cost_features import (
    CostFeatures,
    cost_features,
    irreducible_kpoints,
    plane_waves,
    valence_electrons,
)
from matsearch.verify.cost_fit import fit_costs, prior_of
from tests.strategies import structures

PBE = DftSettings(
    code="GPAW",
    functional="PBE",
    scheme_id="gpaw-pbe",
    parameters={"cutoff": 700.0, "kpoint_density": 3.5},
)
R2SCAN = PBE.evolve(functional="r2SCAN")
VASP = PBE.evolve(code="VASP")


def primitive(kind: str, symbols: list[str], coords, length: float) -> Structure:
    half = length / 2
    lattice = {
        "fcc": [[0.0, half, half], [half, 0.0, half], [half, half, 0.0]],
        "bcc": [[-half, half, half], [half, -half, half], [half, half, -half]],
    }[kind]
    return Structure(Lattice(lattice), symbols, coords)


ORIGIN, MIDDLE, QUARTER = [0.0] * 3, [0.5] * 3, [0.25] * 3
MEASURED = [
    # seconds of a relaxation on one core and k-points, by GPAW 26.7
    (primitive("fcc", ["Al"], [ORIGIN], 4.08), 13.8, 47),
    (primitive("bcc", ["Li"], [ORIGIN], 3.40), 12.8, 47),
    (primitive("fcc", ["Na", "Cl"], [ORIGIN, MIDDLE], 5.74), 28.6, 20),
    (primitive("fcc", ["Mg", "O"], [ORIGIN, MIDDLE], 4.30), 30.6, 35),
    (primitive("fcc", ["Si", "Si"], [ORIGIN, QUARTER], 5.52), 18.9, 20),
    (primitive("fcc", ["Ca", "F", "F"], [ORIGIN, QUARTER, [0.75] * 3], 5.45), 37.6, 20),
    (primitive("bcc", ["Fe"], [ORIGIN], 2.87), 57.0, 56),
]


def calculation(structure: Structure, core_hours: float, settings: DftSettings = PBE) -> DftCalculation:
    return DftCalculation(
        initial_structure=structure,
        structure=structure,
        energy=-1.0,
        energy_per_atom=-1.0,
        forces=((0.0, 0.0, 0.0),) * len(structure),
        settings=settings,
        run_type="GGA",
        software="test 1",
        n_electrons=8,
        n_kpoints=10,
        spin_polarized=False,
        n_steps=3,
        cores=1,
        core_hours=core_hours,
    )


def many(n: int) -> list[Structure]:
    elements = ("Na", "Cl", "Mg", "O", "Al", "Si", "Fe", "Sr")
    return [sample_structure(elements[i % 8], elements[(i * 3 + 1) % 8], 4.0 + 0.15 * i) for i in range(n)]


@pytest.mark.parametrize(("structure", "seconds", "kpoints"), MEASURED)
def test_the_prior_knows_small_crystals(structure, seconds, kpoints):
    model = CostModel.default()
    predicted = 3600.0 * model.core_hours(structure, PBE)
    assert seconds / 2.2 < predicted < 2.2 * seconds
    assert 1.5 < model.factor(structure, PBE) < 4.0
    assert irreducible_kpoints(structure, 3.5) == kpoints


@given(structures(max_sites=8), st.sampled_from([PBE, R2SCAN, VASP]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_crystal_has_a_positive_finite_cost(structure, chosen, box):
    model = CostModel.default()
    hours, factor = model.core_hours(structure, chosen, box=box), model.factor(structure, chosen, box=box)
    assert 0.0 < hours < math.inf
    assert 1.0 < factor < math.inf


_sizes = st.floats(1.0, 2000.0)
_runs = st.lists(
    st.tuples(_sizes, _sizes, _sizes, st.booleans(), st.floats(1e-3, 1e8)), min_size=0, max_size=12
)


@given(_runs, _sizes, _sizes, _sizes, st.booleans(), st.floats(1.0, 10.0), st.integers(0, 2))
@settings(deadline=None)
def test_more_is_never_cheaper_whatever_was_measured(runs, e, k, w, meta, more, axis):
    fit = prior_of(measured=True)
    if runs:
        rows = np.array([CostFeatures(*run[:4]).row() for run in runs])
        fit = fit_costs(rows, np.array([run[4] for run in runs]), fit)
    less = CostFeatures(e, k, w, meta=meta)
    larger = less._replace(**{CostFeatures._fields[axis]: less[axis] * more})
    assert 0.0 < fit.seconds(less.row()) <= fit.seconds(larger.row()) * (1 + 1e-9)
    assert fit.seconds(less.row()) <= fit.seconds(less._replace(meta=True).row()) * (1 + 1e-9)
    assert math.isfinite(fit.factor(less.row()))


def test_many_runs_decide_and_two_shift():
    crystals = many(20)
    truth = np.array([2.0, 1.3, 0.6, 1.1, 0.0])
    noise = np.random.default_rng(3).normal(0.0, 0.05, len(crystals))
    seconds = [
        math.exp(cost_features(c, PBE).row() @ truth + x) for c, x in zip(crystals, noise, strict=True)
    ]
    done = [calculation(c, s / 3600.0) for c, s in zip(crystals, seconds, strict=True)]
    unseen = sample_structure("K", "Br", 6.6)
    real = math.exp(cost_features(unseen, PBE).row() @ truth) / 3600.0

    def error(model: CostModel) -> float:
        return abs(math.log(model.core_hours(unseen, PBE) / real))

    prior, two, twenty = (CostModel.default().fitted(done[:n]) for n in (0, 2, 20))
    assert error(two) < 0.7 * error(prior)
    assert error(twenty) < 0.3
    factors = [model.factor(unseen, PBE) for model in (prior, two, twenty)]
    assert factors[2] < factors[0]
    assert factors[1] > factors[0]  # two that contradict the prior make it less sure


def test_every_code_has_its_own_fit():
    crystals = many(12)
    model = CostModel.default()
    slow = [calculation(c, 100.0 * model.core_hours(c, VASP), VASP) for c in crystals]
    fitted = model.fitted(slow)
    unseen = sample_structure("K", "Br", 6.6)
    assert fitted.core_hours(unseen, PBE) == model.core_hours(unseen, PBE)
    assert fitted.core_hours(unseen, VASP) > 20.0 * model.core_hours(unseen, VASP)
    assert model.factor(unseen, VASP) > model.factor(unseen, PBE)


def test_the_order_of_calculations_changes_nothing():
    done = [calculation(c, 0.01 * (i + 1)) for i, c in enumerate(many(4))]
    unseen = sample_structure("K", "Br", 6.6)
    assert CostModel.default().fitted(done).core_hours(unseen, PBE) == CostModel.default().fitted(
        done[::-1]
    ).core_hours(unseen, PBE)
    again = CostModel.default().fitted(done).fitted(done)
    assert again.core_hours(unseen, PBE) == CostModel.default().fitted(done).core_hours(unseen, PBE)


@pytest.mark.parametrize("core_hours", [0.0, float("nan"), float("inf")])
def test_a_calculation_without_a_time_says_nothing(core_hours):
    crystal = sample_structure()
    done = calculation(crystal, 1.0).model_copy(update={"core_hours": core_hours})
    model = CostModel.default()
    assert model.fitted([done]).core_hours(crystal, PBE) == model.core_hours(crystal, PBE)


def test_a_molecule_in_a_box_has_one_kpoint():
    box = Structure(Lattice.cubic(9.0), ["Cl", "Cl"], [ORIGIN, [0.13, 0.0, 0.0]])
    assert cost_features(box, PBE, box=True).kpoints == 1.0
    assert CostModel.default().core_hours(box, PBE, box=True) < CostModel.default().core_hours(box, PBE)


def test_a_meta_gga_and_a_spin_cost_more():
    model = CostModel.default()
    crystal = sample_structure()
    assert model.core_hours(crystal, R2SCAN) > 2.0 * model.core_hours(crystal, PBE)
    iron, zinc = (cost_features(sample_structure(symbol, "O", 4.3), PBE) for symbol in ("Fe", "Zn"))
    assert iron.kpoints == 2 * zinc.kpoints


@pytest.mark.parametrize(
    ("symbol", "electrons"),
    [
        ("H", 1),
        ("O", 6),
        ("Na", 9),
        ("Al", 3),
        ("Cl", 7),
        ("Ti", 12),
        ("Zn", 12),
        ("As", 5),
        ("Ce", 12),
        ("Pb", 14),
    ],
)
def test_valence_electrons(symbol, electrons):
    assert valence_electrons(symbol) == electrons


def test_plane_waves_are_the_lattice_points_of_the_sphere():
    # reciprocal lattice points counted one by one, for a cube of 8 angstrom and 300 eV
    steps = np.arange(-20, 21) * 2 * np.pi / 8.0
    squares = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2
    inside = int(np.sum(3.80998212 * squares < 300.0))  # hbar^2 / 2m in eV angstrom^2
    assert plane_waves(512.0, 300.0) == pytest.approx(inside, rel=0.02)
