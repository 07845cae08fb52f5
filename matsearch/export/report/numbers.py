"""The numbers of a report: what its page, its figures and ``report.json`` are made of."""

from matsearch.core.campaign import ArmCount
from matsearch.core.model import Record


class FunnelStep(Record):
    """One count of the funnel and what it is a share of.

    Attributes
    ----------
    of : str or None
        Name of the step whose count is the denominator; None at the beginning.
    total : int or None
        That count.
    """

    name: str
    count: int
    meaning: str
    of: str | None = None
    total: int | None = None

    @property
    def share(self) -> float | None:
        """Count over denominator; None without one, or where it is zero."""
        return self.count / self.total if self.total else None


class VerdictCount(Record):
    """How many candidates ended in one way at one stage; ``example`` is the first one's detail."""

    stage: str
    kind: str
    count: int
    example: str


class GenerationNumbers(Record):
    """One generation. Energies count distinct scored crystals that are believed.

    Attributes
    ----------
    proposed : int
        Candidates with a structure.
    distinct : int
        Distinct scored believed crystals born in it.
    best_so_far, best, median : float or None
        Energy above hull in eV/atom: lowest up to here, lowest and median of those born here.
    metastable, metastable_so_far : int
        Of ``distinct``, those under 0.1 eV/atom: born here, and up to here.
    restarted : bool
        Whether the search stagnated, so that the next generation began from the seeds again.
    hypervolume : float or None
        Of all believed crystals up to here, as a share of the box of the objectives' axes; None with one objective.
    arms : tuple of ArmCount
        What each proposer earned, where several share the proposals.
    """

    generation: int
    proposed: int
    distinct: int
    best_so_far: float | None
    best: float | None
    median: float | None
    metastable: int
    metastable_so_far: int
    restarted: bool
    hypervolume: float | None = None
    arms: tuple[ArmCount, ...] = ()


class OperatorNumbers(Record):
    """What one operator came to.

    Attributes
    ----------
    proposed, valid : int
        Candidates; those that passed sanity.
    relaxations : int
        Distinct cells that it sent to relaxation, those that ended in a verdict there too.
    distinct : int
        Scored crystals that it found first, flagged ones included.
    metastable : int
        Those believed and under 0.1 eV/atom that are not their own root, the known phase they descend from.
    per_100, per_100_low, per_100_high : float or None
        Metastable crystals per 100 relaxations, with the 95 percent Wilson interval; None without a relaxation.
    best : float or None
        Lowest believed energy above hull of those that are not their own root, in eV/atom.
    """

    operator: str
    proposed: int
    valid: int
    relaxations: int
    distinct: int
    metastable: int
    per_100: float | None
    per_100_low: float | None
    per_100_high: float | None
    best: float | None


class ElementShares(Record):
    """Mean atomic fraction of each element over the proposals of a generation, and over the crystals they came from."""

    generation: int
    proposed: dict[str, float]
    parents: dict[str, float]


class Mix(Record):
    """What kinds of crystals there are among some: shares, from 0 to 1.

    Attributes
    ----------
    crystals : int
        How many there are.
    precious, f_block : float
        Of those that hold a precious metal, an element of the f block.
    no_anion_former : float
        Of those without N, O, S, Se, Te or a halogen: intermetallics and carbides, for example.
    formulas : float
        Distinct reduced formulas per crystal: 1 where no two have the same.
    """

    crystals: int
    precious: float
    f_block: float
    no_anion_former: float
    formulas: float


class DriftNumbers(Record):
    """Where a search drifts: the crystals of one generation and those they were made from.

    Attributes
    ----------
    proposed, parents : Mix or None
        Proposals with a structure; the crystals of the campaign that they were made from. None where there is none.
    niches, niches_so_far : int
        Niches of chemistry and structure with a distinct believed crystal: born here, and up to here.
    """

    generation: int
    proposed: Mix | None
    parents: Mix | None
    niches: int
    niches_so_far: int


class Ancestor(Record):
    """A candidate in the line of another."""

    candidate_id: str
    generation: int
    operator: str
    formula: str
    energy_above_hull: float | None
    parent_ids: tuple[str, ...]
    details: dict[str, str | int | float]


class Line(Record):
    """The ancestors of a candidate within its campaign, youngest first.

    Attributes
    ----------
    left_out : int
        Older ancestors that are not listed.
    roots : tuple of str
        Known phases or files at its beginning.
    """

    ancestors: tuple[Ancestor, ...]
    left_out: int
    roots: tuple[str, ...]


class HullPhase(Record):
    """A reference phase in a diagram; formation energy in eV/atom against the hull's elements."""

    phase_id: str
    formula: str
    fractions: tuple[float, ...]
    formation_energy_per_atom: float
    on_hull: bool


class HullPoint(Record):
    """A candidate in a diagram; energies in eV/atom."""

    candidate_id: str
    formula: str
    fractions: tuple[float, ...]
    formation_energy_per_atom: float
    energy_above_hull: float


class HullDiagram(Record):
    """A binary or ternary phase diagram with a campaign's crystals.

    Attributes
    ----------
    elements : tuple of str
        In the order of all ``fractions`` (by atoms).
    phases : tuple of HullPhase
        Of each composition the lowest.
    tie_lines : tuple of pairs of int
        Positions in ``phases`` that coexist.
    points : tuple of HullPoint
        Believed distinct crystals, best last so that it is drawn on top.
    """

    elements: tuple[str, ...]
    phases: tuple[HullPhase, ...]
    tie_lines: tuple[tuple[int, int], ...]
    points: tuple[HullPoint, ...]


class CreditLine(Record):
    """What one proposer came to, by prompt and model.

    Attributes
    ----------
    proposer : str
        ``llm``, ``operators`` or ``random``.
    prompt : str or None
        Its name with its version (``csg/1``); None where no model was asked.
    model : str or None
        As the endpoint says it; None where no model was asked.
    asked : int
        Crystals asked for, those of calls that failed too.
    valid : int
        Candidates that passed sanity.
    distinct : int
        Scored crystals that it found first, flagged ones included.
    metastable : int
        Of them: believed, under 0.1 eV/atom, and not their own root.
    hits : int
        Of them: no known phase, and like no crystal before.
    per_100, per_100_low, per_100_high : float or None
        Hits per 100 asked, with the 95 percent Wilson interval; None where nothing was asked.
    calls : int
        Made for this campaign; answers from the store are not among them.
    input_tokens, output_tokens : int or None
        Of its calls, known ones added up; None where none is known.
    cost : float or None
        Of its calls, known ones added up, in USD; None where none is known.
    cost_per_hit : float or None
        In USD; None without a cost or a hit.
    """

    proposer: str
    prompt: str | None = None
    model: str | None = None
    asked: int
    valid: int
    distinct: int
    metastable: int
    hits: int
    per_100: float | None = None
    per_100_low: float | None = None
    per_100_high: float | None = None
    calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    cost_per_hit: float | None = None
