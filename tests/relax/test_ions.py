"""Ions relaxed in a cell that stays: what bulk moduli are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from matsearch.core.config import PotentialSection, RelaxSection
from matsearch.core.verdict import FailureKind
from matsearch.crystal.canonical import structure_key
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.frames import to_atoms
from matsearch.relax.engine import BatchedEngine, InProcessEngine
from matsearch.relax.pool import ProcessEngine
from matsearch.relax.single import carry_out
from matsearch.relax.stage import carry_out_tasks, ions_task, relaxation_task
from matsearch.relax.task import Aim, RelaxTask, ions_key, relax_key, static_key
from matsearch.testing.samples import sample_structure
from tests.relax.memory import DictCache
from tests.relax.test_walk import crystal

TOY = load_potential("toy")
SECTION = PotentialSection(name="toy")
OLD_RELAX = "615922efda8586c781d0e788cda826c668dfd9579fe395839f4cdf615dff465e"
OLD_STATIC = "08b2c0692342a2093e70eed2d73e7ce4d2d9655f32a0549e1c1152e482c98e6f"
OPTIMIZERS = ("fire-lbfgs", "lbfgs", "fire")


def relaxed_ions(structure, **settings):
    return carry_out(ions_task(structure, TOY.info, RelaxSection(**settings)), evaluator_of(TOY), TOY.info)


def labels_of(structure):
    return evaluator_of(TOY).evaluate([to_atoms(structure)])[0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("keep_symmetry", [False, True])
def test_the_cell_stays_and_the_forces_vanish(optimizer, keep_symmetry):
    start = crystal()
    done = relaxed_ions(start, fmax=0.005, optimizer=optimizer, keep_symmetry=keep_symmetry).relaxation
    np.testing.assert_array_equal(done.structure.lattice.matrix, start.lattice.matrix)
    labels = labels_of(done.structure)
    assert np.linalg.norm(labels.forces, axis=1).max() == pytest.approx(done.fmax, abs=1e-6)
    assert done.fmax <= 0.005
    assert np.abs(labels.stress).max() * start.volume / len(start) > 0.1, "the cell is not asked"
    assert done.energy_per_atom < done.initial_energy_per_atom
    assert done.volume_ratio == pytest.approx(1.0)


@examples(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_a_free_cell_only_comes_lower(seed):
    start = crystal(seed, 0.05)
    ions = relaxed_ions(start, fmax=0.01).relaxation
    task = RelaxTask(key="k", structure=ions.structure, settings=RelaxSection(fmax=0.01))
    free = carry_out(task, evaluator_of(TOY), TOY.info).relaxation
    assert free.energy_per_atom <= ions.energy_per_atom + 1e-9
    assert relaxed_ions(ions.structure, fmax=0.01).relaxation.n_steps == 0


def test_symmetry_is_kept_in_a_cell_that_nearly_has_it():
    start = crystal(size=0.004)
    done = relaxed_ions(start, fmax=1e-3, keep_symmetry=True).relaxation
    np.testing.assert_array_equal(done.structure.lattice.matrix, start.lattice.matrix)
    assert done.structure.get_space_group_info(1e-2)[1] > 1


def test_symmetry_takes_no_time_to_converge():
    """Both atoms of rock salt sit where symmetry holds them, however the cell is strained."""
    done = relaxed_ions(sample_structure("Ti", "C", 4.6), fmax=1e-3).relaxation
    assert done.n_steps == 0
    assert done.energy_per_atom == done.initial_energy_per_atom


def test_the_guards_hold_at_a_fixed_cell():
    structure = crystal()
    assert relaxed_ions(structure, max_energy_per_atom=0.1).verdict.kind is FailureKind.EXPLODED
    assert relaxed_ions(structure, min_distance=2.5).verdict.kind is FailureKind.OVERLAPPING_ATOMS
    assert relaxed_ions(structure, fmax=1e-7, max_steps=2).verdict.kind is FailureKind.NOT_CONVERGED


def test_every_engine_gives_the_same_answer():
    tasks = [
        ions_task(crystal(seed).scale_lattice(30 + 5 * seed), TOY.info, RelaxSection(fmax=0.02))
        for seed in range(3)
    ]
    expected = dict(InProcessEngine(SECTION).run(tasks))
    assert all(outcome.relaxation.n_steps > 0 for outcome in expected.values())
    assert dict(BatchedEngine(SECTION, max_atoms=100).run(tasks)) == expected
    processes = ProcessEngine(SECTION, workers=1, time_limit_s=60)
    try:
        assert dict(processes.run(tasks)) == expected
    finally:
        processes.close()


def test_an_answer_that_is_known_is_not_computed_again():
    cache, tasks = DictCache(), [ions_task(crystal(), TOY.info, RelaxSection())] * 2
    first = carry_out_tasks(tasks, InProcessEngine(SECTION), cache, "c")
    assert carry_out_tasks(tasks, InProcessEngine(SECTION), cache, "c") == first
    assert list(cache.begun.values()) == [1]


def test_the_key_is_of_this_work_alone():
    structure, info, settings = crystal(), TOY.info, RelaxSection()
    key = structure_key(structure)
    own = ions_task(structure, info, settings).key
    assert own == ions_key(key, info, settings)
    others = {relax_key(key, info, settings), relax_key(key, info, settings, Aim(ceiling=0.0))}
    others |= {static_key(key, info, settings), relaxation_task(structure, info, settings).key}
    assert own not in others


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"stop_above": None}, True),
        ({"stop_at_known": False, "standard_cell": False}, True),
        ({"max_volume_ratio": 2.0, "min_volume_ratio": 0.5}, True),
        ({"fmax": 0.05}, False),
        ({"max_steps": 10}, False),
        ({"optimizer": "fire"}, False),
        ({"keep_symmetry": True}, False),
        ({"min_distance": 0.5}, False),
    ],
)
def test_the_key_holds_what_the_work_heeds(changes, same):
    def key(settings):
        return ions_key("structure", TOY.info, settings)

    assert (key(RelaxSection(**changes)) == key(RelaxSection())) is same


def test_keys_of_older_work_stay():
    """Results of stores that exist are found under these."""
    info = TOY.info.evolve(sha256="0" * 64)
    assert relax_key("s", info, RelaxSection()) == OLD_RELAX
    assert static_key("s", info, RelaxSection()) == OLD_STATIC
