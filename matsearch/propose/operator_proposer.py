"""The operators behind the Proposer protocol."""

import numpy as np

from matsearch.core.boundary import contained
from matsearch.core.keys import candidate_id
from matsearch.core.protocols import Slot
from matsearch.core.random import stream
from matsearch.core.records import Candidate, Lineage, Parent
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.propose.operators import OPERATORS, Change

TEMPLATE_SHARE = 0.5
ATTEMPTS = 20


class OperatorProposer:
    """One proposal a slot by an operator drawn from given shares.

    Parameters
    ----------
    shares : dict of str to float
        Relative share of each operator by name.
    """

    name = "operators"

    def __init__(self, shares: dict[str, float]) -> None:
        self._names = sorted(name for name, share in shares.items() if share > 0)
        weights = np.array([shares[name] for name in self._names], dtype=float)
        self._weights = weights / weights.sum()

    def propose(self, slot: Slot) -> list[Candidate]:
        """Return one candidate; one with a ``no_proposal`` verdict where no operator could act on any parent."""
        rng = stream(slot.seed, slot.generation, slot.slot)
        made = contained("propose", lambda: self._attempt(slot, rng))
        return [_candidate(slot, made)]

    def _attempt(self, slot: Slot, rng: np.random.Generator) -> tuple[str, Parent, Change] | Verdict:
        # without parents there is nothing to strain or permute yet
        operator = str(rng.choice(self._names, p=self._weights)) if slot.parents else "substitution"
        for _ in range(ATTEMPTS):
            parent = _draw_parent(slot, operator, rng)
            change = OPERATORS[operator](parent.structure, slot.limits, rng)
            if change is not None:
                return operator, parent, change
        detail = f"{operator} found nothing to change in {ATTEMPTS} draws of a parent"
        return Verdict(kind=FailureKind.NO_PROPOSAL, stage="propose", detail=detail)


def _draw_parent(slot: Slot, operator: str, rng: np.random.Generator) -> Parent:
    pool = slot.parents
    if operator == "substitution" and slot.templates and (not pool or rng.random() < TEMPLATE_SHARE):
        pool = slot.templates
    return pool[int(rng.integers(len(pool)))]


def _candidate(slot: Slot, made: tuple[str, Parent, Change] | Verdict) -> Candidate:
    born = {
        "candidate_id": candidate_id(slot.campaign_id, slot.generation, OperatorProposer.name, slot.slot, 0),
        "campaign_id": slot.campaign_id,
        "generation": slot.generation,
        "proposer": OperatorProposer.name,
        "slot": slot.slot,
        "index": 0,
    }
    if isinstance(made, Verdict):
        return Candidate(**born, lineage=Lineage(operator="none"), verdict=made)
    operator, parent, change = made
    lineage = Lineage(
        operator=operator, parent_ids=(parent.parent_id,), roots=parent.roots, details=change.details
    )
    return Candidate(**born, lineage=lineage, structure=change.structure)
