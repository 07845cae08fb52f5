"""The operators behind the Proposer protocol."""

from typing import NamedTuple

import numpy as np

from matsearch.core.boundary import contained
from matsearch.core.random import stream
from matsearch.core.records import Candidate, Lineage
from matsearch.core.slots import Slot
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.matching import nearly_same
from matsearch.crystal.scope import asks_for, spacegroup_fault
from matsearch.propose.change import Change
from matsearch.propose.operators import OPERATORS, WITHOUT_PARENTS

ATTEMPTS = 20
"""Draws of one operator before the next is asked."""


class _Made(NamedTuple):
    operator: str
    change: Change


class OperatorProposer:
    """One proposal a slot by an operator drawn from given shares.

    An operator that finds nothing in 20 draws gives way to the next one drawn, until all were asked. Where a slot has
    no parents, only operators that need none are asked; where none of those has a share, substitution.

    Parameters
    ----------
    shares : dict of str to float
        Relative share of each operator by name.
    name : str
        What its candidates say made them.
    """

    def __init__(self, shares: dict[str, float], name: str = "operators") -> None:
        self.name = name
        self._shares = {name: shares[name] for name in sorted(shares) if shares[name] > 0}

    def propose(self, slot: Slot) -> list[Candidate]:
        """Return one candidate; one with a ``no_proposal`` verdict where no operator found anything."""
        rng = stream(slot.seed, slot.generation, slot.slot)
        made = contained("propose", lambda: self._attempt(slot, rng))
        return [_candidate(self.name, slot, made)]

    def _attempt(self, slot: Slot, rng: np.random.Generator) -> _Made | Verdict:
        asked = self._order(slot, rng)
        for name in asked:
            for _ in range(ATTEMPTS):
                change = OPERATORS[name](slot, rng)
                if change is not None and _is_new(change, slot):
                    return _Made(name, change)
        detail = f"{', '.join(asked)}: nothing within the limits in {ATTEMPTS} draws each"
        return Verdict(kind=FailureKind.NO_PROPOSAL, stage="propose", detail=detail)

    def _order(self, slot: Slot, rng: np.random.Generator) -> list[str]:
        """Return all operators that can be asked, in an order drawn by their shares."""
        able = [name for name in self._shares if slot.parents or name in WITHOUT_PARENTS] or ["substitution"]
        weights = np.array([self._shares.get(name, 1.0) for name in able])
        order = rng.choice(able, size=len(able), replace=False, p=weights / weights.sum())
        return [str(name) for name in order]


def _is_new(change: Change, slot: Slot) -> bool:
    """Return whether a change keeps to the limits and is none of its parents again."""
    structure = change.structure
    if not (np.isfinite(structure.lattice.matrix).all() and np.isfinite(structure.frac_coords).all()):
        return False
    if structure.volume <= 0 or not asks_for(slot.limits, structure.composition):
        return False
    if any(nearly_same(structure, parent.structure) for parent in change.parents):
        return False
    return spacegroup_fault(structure, slot.limits) is None


def _candidate(proposer: str, slot: Slot, made: _Made | Verdict) -> Candidate:
    born = (slot.campaign_id, slot.generation, proposer, slot.slot)
    if isinstance(made, Verdict):
        return Candidate.born(*born, lineage=Lineage(operator="none"), verdict=made)
    parents = made.change.parents
    lineage = Lineage(
        operator=made.operator,
        parent_ids=tuple(parent.parent_id for parent in parents),
        roots=tuple(sorted({root for parent in parents for root in parent.roots})),
        details=made.change.details,
    )
    return Candidate.born(*born, lineage=lineage, structure=made.change.structure)
