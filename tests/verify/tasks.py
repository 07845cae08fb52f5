"""Tasks and backends for tests of verification."""

from matsearch.core.config import PotentialSection
from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.keys import content_key
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verify_section import RunSection
from matsearch.crystal.canonical import sorted_sites, structure_key
from matsearch.verify.potential import PotentialBackend


def toy_backend(time_limit_h=1.0):
    return PotentialBackend(PotentialSection(name="toy"), RunSection(time_limit_h=time_limit_h))


def task_of(structure, settings, *, box=False):
    cell = sorted_sites(structure)
    key = content_key("test-task/1", [structure_key(cell), settings.key, box])
    return DftTask(
        key=key, label=structure.composition.reduced_formula, structure=cell, settings=settings, box=box
    )


class ScriptedBackend:
    """Gives each task the next of its ends: a kind of failure, or None for the toy potential's answer."""

    def __init__(self, *ends):
        self._toy = toy_backend()
        self._ends = list(ends)
        self.name, self.settings, self.keys = "scripted", self._toy.settings, []

    def require_ready(self):
        pass

    def run(self, task):
        self.keys.append(task.key)
        kind = self._ends.pop(0) if self._ends else None
        if kind is None:
            return self._toy.run(task)
        verdict = Verdict(kind=FailureKind(kind), stage="verify", detail="scripted")
        return DftOutcome(key=task.key, verdict=verdict, core_hours=0.5)
