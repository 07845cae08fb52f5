"""What ending relaxations early saves and costs: ``early_ends.py CONFIG [--references FILE] [--proposals N]``.

The proposals of a search's first generation are relaxed to their ends, each step's energy and residual force are kept, and
the rule of ``relax.stop_above`` is then replayed over them for several limits. One process; nothing is stored.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from matsearch.core.config import SearchConfig, load_config
from matsearch.core.records import Candidate
from matsearch.core.resources import find
from matsearch.core.thresholds import METASTABLE
from matsearch.parse.sanity import check_sanity
from matsearch.pipeline.aims import aims_of
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.steps import plan
from matsearch.pipeline.tools import Tools, build_tools
from matsearch.potentials.evaluators import evaluator_of
from matsearch.relax.coordinates import residual
from matsearch.relax.lanes import Lanes
from matsearch.relax.prospects import Prospects
from matsearch.relax.stage import relaxation_task
from matsearch.store import open_repository

LIMITS = (0.1, 0.2, 0.3, 0.5, 1.0)


class Traced:
    """An evaluator that keeps energy per atom and residual force of every geometry, in order, by its atoms object."""

    def __init__(self, evaluator: Any) -> None:
        self._evaluator = evaluator
        self.steps: dict[int, list[tuple[float, float]]] = {}
        self._kept: list[Any] = []

    def evaluate(self, batch: Any) -> list[Any]:
        """Return the labels of each geometry."""
        found = self._evaluator.evaluate(batch)
        for atoms, labels in zip(batch, found, strict=True):
            if hasattr(labels, "energy"):
                if id(atoms) not in self.steps:
                    self._kept.append(atoms)  # so that no other object gets its id
                trace = self.steps.setdefault(id(atoms), [])
                trace.append((labels.energy / len(atoms), residual(atoms, labels)))
        return found


def main() -> None:
    """Relax, replay, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--references")
    parser.add_argument("--proposals", type=int, default=200)
    arguments = parser.parse_args()
    overrides: dict[str, Any] = {"relax.stop_above": 0.0, "relax.stop_at_known": False}
    overrides["population.proposals"] = arguments.proposals
    if arguments.references:
        overrides["reference.source"] = arguments.references
    config = load_config(find("configs", arguments.config), overrides)
    traces = list(_traces(config))
    print(f"{len(traces)} distinct crystals, {sum(len(steps) for _, steps, _ in traces)} evaluations")
    print(json.dumps([_replay(traces, limit) for limit in LIMITS], indent=1))


def _traces(config: SearchConfig) -> Iterator[tuple[float, list[tuple[float, float]], float | None]]:
    """Yield hull energy per atom, steps and final energy (None where it ended in a verdict) of each crystal."""
    tools = build_tools(config)
    settings = config.relax.model_copy(update={"stop_above": None})
    evaluator = Traced(evaluator_of(tools.potential))
    lanes = Lanes(evaluator, tools.potential.info, max_atoms=1)
    seen = set()
    for candidate in _proposals(config, tools):
        ceiling = aims_of([candidate], tools)[candidate.candidate_id].ceiling
        task = relaxation_task(candidate.structure, tools.potential.info, settings)
        if ceiling is None or task.key in seen:
            continue
        seen.add(task.key)
        evaluator.steps.clear()
        ((_, outcome),) = lanes.run([task])
        steps = [step for trace in evaluator.steps.values() for step in trace]
        yield ceiling, steps, outcome.relaxation.energy_per_atom if outcome.relaxation else None


def _proposals(config: SearchConfig, tools: Tools) -> list[Candidate]:
    repository = open_repository("sqlite://:memory:")
    try:
        proposals = plan(open_campaign(config, repository).state, tools, repository)
    finally:
        repository.close()
    return [c for c in check_sanity(proposals, tools.limits, config.sanity) if c.alive]


def _replay(traces: list[Any], limit: float) -> dict[str, Any]:
    saved = ended = lost = metastable_lost = 0
    for hull, steps, final in traces:
        prospects = Prospects(hull + limit)
        at = next((i for i, (e, f) in enumerate(steps) if prospects.excess(e, f) is not None), None)
        if at is None:
            continue
        ended += 1
        saved += len(steps) - at - 1
        lost += final is not None and final - hull < limit
        metastable_lost += final is not None and final - hull < METASTABLE
    return {
        "stop_above": limit,
        "ended": ended,
        "evaluations_saved": saved / sum(len(steps) for _, steps, _ in traces),
        "came_under_the_limit": lost,
        "metastable": metastable_lost,
        "metastable_in_all": sum(f is not None and f - hull < METASTABLE for hull, _, f in traces),
    }


if __name__ == "__main__":
    main()
