"""Who is sent to DFT: a plan, written down before anything runs.

Reference phases are *computed alike* where their calculations have the settings of the round, as the candidates' have.
"""

from typing import Any

from matsearch.core.dft import DftSettings
from matsearch.core.model import Record
from matsearch.core.structures import StructureField


class Promoted(Record):
    """A candidate that was chosen for DFT.

    Attributes
    ----------
    role : str
        ``survivor``, or ``control``: one that is predicted to be unstable.
    rank : int
        From 1, in the order of choice.
    stratum : int
        Of energy above hull, from 0, in the rule's strata.
    energy_above_hull : float
        Predicted, in eV/atom, against the reference hull.
    probability : float
        Of lying under the rule's threshold, given the uncertainty.
    core_hours : float
        Predicted cost.
    """

    candidate_id: str
    role: str
    rank: int
    stratum: int
    energy_above_hull: float
    probability: float
    core_hours: float


class NeededPhase(Record):
    """A reference phase that the verdict on some survivor needs, to be computed alike.

    Attributes
    ----------
    phase_id, formula : str
        In the reference set.
    structure : Structure or None
        To be computed; None where the reference has none, which leaves verdicts indicative.
    why : str
        ``element``, ``facet`` or ``polymorph``.
    energy_per_atom : float
        In the reference set, in eV/atom.
    substitute : str or None
        Name of the small allotrope that is computed in its place.
    offset_per_atom : float
        In eV/atom, published: the element's ground state minus the substitute; added to what is computed.
    offset_source : str
        Where the offset is from.
    box : bool
        Computed as a molecule in a box.
    """

    phase_id: str
    formula: str
    structure: StructureField | None
    why: str
    energy_per_atom: float
    substitute: str | None = None
    offset_per_atom: float = 0.0
    offset_source: str = ""
    box: bool = False


class Stratum(Record):
    """A class of energies above hull, ``lower <= e < upper`` in eV/atom, and how many of it were sent.

    Attributes
    ----------
    population : int
        Distinct believed candidates in it when the plan was made.
    sent : int
        Of them chosen.
    """

    lower: float | None
    upper: float | None
    population: int
    sent: int


class VerificationPlan(Record):
    """One round of verification of a campaign, written down before any calculation runs.

    Attributes
    ----------
    round : int
        From 0.
    generation : int
        Generations that the campaign had finished.
    rule : dict
        The sampling rule: the promotion part of the ``verify`` section, JSON types.
    settings : DftSettings
        Of every calculation of the round.
    promoted : tuple of Promoted
        In the order of choice.
    phases : tuple of NeededPhase
        Of the reference, to be computed alike.
    strata : tuple of Stratum
    left_out : dict of str to int
        Distinct candidates that were not chosen, by reason.
    asked, valid, unique : int
        The campaign's counts when the plan was made: denominators.
    hull : dict
        The reference hull (HullInfo document).
    predicted_core_hours : float
        Of what was not computed before.
    cost_factor : float
        Within which the cost of a calculation stays, up or down, in two of three cases.
    created_at : str
        Aware UTC, ISO 8601.
    seed : int
        The search's; with the round's number it decides whom a random sample has.
    packages : dict of str to str or None
        Versions of what planned it, None where not installed. That of the code is in each calculation's ``software``.
    """

    campaign_id: str
    round: int
    generation: int
    rule: dict[str, Any]
    settings: DftSettings
    promoted: tuple[Promoted, ...]
    phases: tuple[NeededPhase, ...]
    strata: tuple[Stratum, ...]
    left_out: dict[str, int]
    asked: int
    valid: int
    unique: int
    hull: dict[str, Any]
    predicted_core_hours: float
    cost_factor: float = 1.0
    created_at: str
    seed: int = 0
    packages: dict[str, str | None] = {}
