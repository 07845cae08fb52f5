"""Oxidation states on every relaxed candidate."""

from collections.abc import Sequence

from matsearch.core.boundary import contained
from matsearch.core.records import Candidate, OxidationStates, Relaxation
from matsearch.core.verdict import Verdict
from matsearch.crystal.oxidation import infer_oxidation_states


def with_charges(batch: Sequence[Candidate]) -> list[Candidate]:
    """Return the batch with ``oxidation_states`` on each living, relaxed candidate: same length, order and ids.

    What goes wrong here ends no candidate: its states are unknown, with the reason.
    """
    return [_with_charges(candidate) for candidate in batch]


def _with_charges(candidate: Candidate) -> Candidate:
    relaxation = candidate.relaxation
    if not candidate.alive or relaxation is None:
        return candidate
    return candidate.evolve(oxidation_states=_states(relaxation))


def _states(relaxation: Relaxation) -> OxidationStates:
    found = contained("charges", lambda: infer_oxidation_states(relaxation.structure, relaxation.magmoms))
    if isinstance(found, Verdict):
        unknown = (None,) * len(relaxation.structure)
        return OxidationStates(states=unknown, decided=False, reason=f"not inferred: {found.detail}")
    return found
