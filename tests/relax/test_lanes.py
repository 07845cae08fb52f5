"""Many relaxations in one pass: what goes wrong with one harms no other."""

import json
import subprocess
import sys

import pytest

from matsearch.core.verdict import FailureKind
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import CalculatorEvaluator
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.lanes import Lanes
from tests.relax.broken import Cursed, NotFinite, Slow
from tests.relax.work import cursed_task, good_tasks, task

INFO = load_potential("toy").info


class Watched(CalculatorEvaluator):
    """Remembers the atoms of each pass."""

    def __init__(self, calculator):
        super().__init__(calculator)
        self.passes = []

    def evaluate(self, batch):
        self.passes.append([len(atoms) for atoms in batch])
        return super().evaluate(batch)


def run(calculator, tasks, max_atoms=64, **keys):
    return dict(Lanes(CalculatorEvaluator(calculator), INFO, max_atoms, **keys).run(tasks))


@pytest.mark.parametrize("max_atoms", [1, 3, 4, 7, 1000])
def test_company_changes_no_answer(max_atoms):
    work = good_tasks(6, fmax=0.01)
    assert run(ToyCalculator(), work, max_atoms) == run(ToyCalculator(), work, 1)


def test_every_task_ends_once_and_a_pass_has_no_more_atoms_than_room():
    evaluator = Watched(ToyCalculator())
    work = [task(f"n{i}", t.structure * (1 + i % 3, 1, 1)) for i, t in enumerate(good_tasks(9))]
    ended = [key for key, _ in Lanes(evaluator, INFO, 8).run(work)]
    assert sorted(ended) == sorted(t.key for t in work)
    # one more crystal is taken while there is room at all
    assert all(sum(atoms[:-1]) < 8 for atoms in evaluator.passes)
    assert max(len(atoms) for atoms in evaluator.passes) > 2


def test_a_finished_one_makes_room_for_the_next():
    evaluator, begun = Watched(ToyCalculator()), []

    def beginning():
        for one in good_tasks(6):
            begun.append(len(evaluator.passes))
            yield one

    dict(Lanes(evaluator, INFO, 4).run(beginning()))
    assert begun[:2] == [0, 0]
    assert begun[2] > 0
    assert begun == sorted(begun)


def test_none_among_the_tasks_is_no_end():
    tasks = iter([good_tasks(1)[0], None, None, *good_tasks(3)[1:]])
    ended = dict(Lanes(CalculatorEvaluator(ToyCalculator()), INFO, 64).run(tasks))
    assert set(ended) == {"k0", "k1", "k2"}


def test_nothing_to_do():
    assert run(ToyCalculator(), []) == {}


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("memory", FailureKind.OUT_OF_MEMORY),
        ("cuda", FailureKind.OUT_OF_MEMORY),
        ("cpu", FailureKind.OUT_OF_MEMORY),
        ("warp", FailureKind.OUT_OF_MEMORY),
        ("lost", FailureKind.WORKER_DIED),
        ("bug", FailureKind.INTERNAL_ERROR),
    ],
)
@pytest.mark.parametrize("place", [0, 3, 5])
def test_the_culprit_ends_alone(monkeypatch, how, kind, place):
    monkeypatch.delenv("MATSEARCH_RERAISE")
    work = good_tasks(5)
    work.insert(place, cursed_task())
    ended = run(Cursed("Xe", how), work)
    expected = run(ToyCalculator(), good_tasks(5))
    culprit = ended.pop("cursed").verdict
    assert culprit.kind is kind
    assert "\n" not in culprit.detail
    assert (culprit.traceback is not None) == (how == "bug")
    assert ended == expected


def test_a_bug_is_raised_where_the_tests_want_it():
    with pytest.raises(KeyError, match="nobody thought"):
        run(Cursed("Xe", "bug"), [*good_tasks(2), cursed_task()])


def test_a_lack_of_memory_makes_later_passes_smaller():
    class Narrow(Watched):
        def evaluate(self, batch):
            if sum(map(len, batch)) > 5:
                self.passes.append("refused")
                raise MemoryError
            return super().evaluate(batch)

    evaluator = Narrow(ToyCalculator())
    work = good_tasks(12, fmax=0.01)
    assert dict(Lanes(evaluator, INFO, 64).run(work)) == run(ToyCalculator(), work)
    refused = [i for i, one in enumerate(evaluator.passes) if one == "refused"]
    # 24 atoms are refused, then both halves of 12, then the four of 6; from then on the room is known
    assert len(refused) == 7
    assert len(evaluator.passes) > 30


def test_real_lack_of_memory_on_the_host():
    """CHGNet in a process that may not grow by as much as the pass would need."""
    program = """
import json, resource, sys
from ase.build import bulk
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.relax.lanes import Lanes
from tests.relax.work import task
from matsearch.testing.samples import sample_structure
potential = load_potential("chgnet")
lanes = Lanes(evaluator_of(potential), potential.info, 4096)
work = [task(f"k{i}", sample_structure("Na", "Cl", 5.5 + 0.02 * i) * (2, 2, 2), max_steps=1) for i in range(24)]
dict(lanes.run(work[:1]))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 120 * 2**20,) * 2)
kinds = [o.verdict and o.verdict.kind.value for _, o in lanes.run(work)]
print(json.dumps([kinds, lanes._max_atoms]))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kinds, max_atoms = json.loads(done.stdout)
    assert len(kinds) == 24
    assert set(kinds) <= {None, FailureKind.NOT_CONVERGED.value}
    assert max_atoms < 4096


def test_time_is_shared_by_atoms_and_ends_one_that_takes_too_much():
    hopeless = task("hopeless", good_tasks(1)[0].structure * (2, 1, 1), fmax=1e-300, max_steps=10_000)
    ended = run(Slow(), [*good_tasks(3), hopeless], time_limit_s=0.3)
    verdict = ended.pop("hopeless").verdict
    assert verdict.kind is FailureKind.TIME_OUT
    assert "0.3 s" in verdict.detail
    assert all(outcome.relaxation for outcome in ended.values())


def test_labels_that_are_not_finite_end_one_of_many():
    class OnlyFor(NotFinite):
        def calculate(self, atoms=None, *args, **kwargs):
            self.calls = self.after if "Xe" in atoms.get_chemical_symbols() else -1000
            super().calculate(atoms, *args, **kwargs)

    ended = run(OnlyFor("forces"), [*good_tasks(2), cursed_task(), *good_tasks(4)[2:]])
    assert ended.pop("cursed").verdict.kind is FailureKind.NON_FINITE
    assert len(ended) == 4
    assert all(outcome.relaxation for outcome in ended.values())


def test_lanes_may_be_left_in_the_middle_and_used_again():
    lanes = Lanes(CalculatorEvaluator(ToyCalculator()), INFO, 64)
    running = lanes.run(good_tasks(4))
    next(running)
    running.close()
    assert set(dict(lanes.run([cursed_task()]))) == {"cursed"}
